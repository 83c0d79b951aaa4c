//! `allod snapshot`, and what a snapshot is called.

use allod_disk::Vault;
use allod_vault::files::{Access, NAME_MAX, Snapshot, SnapshotInfo, Time};
use allod_vault::{Refusal, VaultError};
use jiff::civil::DateTime;
use serde_json::json;

use super::now;
use super::open::{VaultHome, reach};
use super::path::readable;
use crate::cli::vault::TakeSnapshot;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How a snapshot that got no name is called, in UTC.
const CALLED: &str = "%Y-%m-%dT%H-%M-%SZ";

/// What stands for the newest.
const LATEST: &[u8] = b"latest";

/// Snapshots, the oldest first.
pub(super) type Snapshots = Vec<(Vec<u8>, SnapshotInfo)>;

pub(crate) fn run(home: &VaultHome, args: &TakeSnapshot, screen: &Screen) -> Result<(), Failure> {
    let name = args.name.as_deref().map(check_name).transpose()?;
    let (name, is_new) = reach(home, screen)?.with(|vault| match name {
        Some(name) => take(vault, name).map(|name| (name, true)),
        None => take_if_changed(vault),
    })?;
    let text = match is_new {
        true => format!("Took snapshot {name}."),
        false => format!("Nothing changed since snapshot {name}, so none was taken."),
    };
    screen.result(&json!({ "snapshot": name, "new": is_new }), &text);
    Ok(())
}

/// A name that a person may give: no path, and nothing that stands for something else.
fn check_name(name: &str) -> Result<&str, Failure> {
    let is_wrong = name.is_empty() || name.len() > NAME_MAX || name.starts_with(['.', '-']);
    if is_wrong || name.contains(['/', ':']) || name.contains(char::is_control) {
        return Err(Failure::usage(format!(
            "a snapshot's name has 1 to {NAME_MAX} bytes, no `/` and no `:`, and begins with neither `.` nor `-`"
        )));
    }
    if name.as_bytes() == LATEST || is_unnamed(name.as_bytes()) {
        return Err(Failure::usage(format!(
            "the name {name} is not free: it stands for a snapshot by its time"
        )));
    }
    Ok(name)
}

fn take(vault: &mut Vault, name: &str) -> Result<String, Failure> {
    match vault.snapshot(name.as_bytes(), now()) {
        Ok(()) => Ok(name.to_owned()),
        Err(VaultError::Refused(Refusal::Exists)) => Err(exists(name)),
        Err(why) => Err(why.into()),
    }
}

fn exists(name: &str) -> Failure {
    Failure::new(Kind::Failed, format!("there is a snapshot {name} already"))
        .next("choose another name, or forget that one: `allod forget NAME`")
}

/// How a snapshot of this time is called.
fn called(time: Time) -> String {
    super::ls::timestamp(time).strftime(CALLED).to_string()
}

/// Takes a snapshot that is called after the time.
fn take_unnamed(vault: &mut Vault, now: Time) -> Result<String, Failure> {
    let called = called(now);
    for number in 1.. {
        let name = if number == 1 { called.clone() } else { format!("{called}-{number}") };
        match vault.snapshot(name.as_bytes(), now) {
            Ok(()) => return Ok(name),
            Err(VaultError::Refused(Refusal::Exists)) => {}
            Err(why) => return Err(why.into()),
        }
    }
    unreachable!("some number is free")
}

/// Takes a snapshot that is called after the time, unless the newest has all that there is.
/// With its name, or the one that has it all.
pub(super) fn take_if_changed(vault: &mut Vault) -> Result<(String, bool), Failure> {
    if let Some((name, info)) = all(vault)?.pop()
        && vault.is_as_in(&info)?
    {
        return Ok((readable(&name), false));
    }
    Ok((take_unnamed(vault, now())?, true))
}

/// All snapshots, the oldest first.
pub(super) fn all(vault: &mut Vault) -> Result<Snapshots, VaultError> {
    let mut all = vault.list_snapshots()?;
    all.sort_by_key(|(_, info)| info.made);
    Ok(all)
}

/// The name of the snapshot that was typed: the whole of it, its beginning, or `latest`.
pub(super) fn named(vault: &mut Vault, typed: &[u8]) -> Result<Vec<u8>, Failure> {
    let all = all(vault)?;
    let wrong = |message: String| Failure::new(Kind::Failed, message).next("`allod history` lists them");
    if let Some((name, _)) = all.iter().find(|(name, _)| name == typed) {
        return Ok(name.clone());
    }
    if typed == LATEST {
        let newest = all.last().map(|(name, _)| name.clone());
        return newest.ok_or_else(|| wrong("there is no snapshot yet".into()));
    }
    let mut matching = all.iter().filter(|(name, _)| !typed.is_empty() && name.starts_with(typed));
    match (matching.next(), matching.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        (None, _) => Err(wrong(format!("there is no snapshot {}", readable(typed)))),
        _ => Err(wrong(format!("several snapshots begin with {}", readable(typed)))),
    }
}

/// A snapshot, by what was typed.
pub(super) fn find(vault: &mut Vault, typed: &[u8]) -> Result<Snapshot, Failure> {
    let name = named(vault, typed)?;
    Ok(vault.open_snapshot(&name)?)
}

/// Whether a snapshot is called after its time, as those are that nobody named.
pub(super) fn is_unnamed(name: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(name) else { return false };
    let Some((time, rest)) = text.split_at_checked("2026-11-21T18-03-11Z".len()) else { return false };
    let number = rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok());
    DateTime::strptime(CALLED, time).is_ok() && (rest.is_empty() || number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_after_its_time_is_told_from_what_somebody_named() {
        for name in ["2026-11-21T18-03-11Z", "2026-11-21T18-03-11Z-2"] {
            assert!(is_unnamed(name.as_bytes()), "{name}");
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in
            ["before the move", "2026-11-21", "2026-13-21T18-03-11Z", "2026-11-21T18-03-11Zulu", "grün"]
        {
            assert!(!is_unnamed(name.as_bytes()), "{name}");
            assert_eq!(check_name(name).unwrap(), name);
        }
        for name in ["", "a/b", "a:b", ".hidden", "-x", "latest", "a\nb", "a\u{1b}"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
