//! `allod restore`: what a snapshot has, brought out or put back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use allod_disk::{IsOpen, Use, Vault, put_back};
use serde_json::{Value, json};

use super::get::{bring_out, outside};
use super::meter::count;
use super::now;
use super::open::{VaultHome, place, reach};
use super::path::{VaultPath, readable};
use super::put::make_directories;
use super::snapshot::{named, take_if_changed};
use crate::cli::vault::Restore;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(crate) fn run(home: &VaultHome, args: &Restore, screen: &Screen) -> Result<(), Failure> {
    let typed = args.what.as_deref().unwrap_or_default().as_bytes();
    let (name, path) = match typed.iter().position(|byte| *byte == b':') {
        Some(place) => (&typed[..place], &typed[place + 1..]),
        None => (typed, &b""[..]),
    };
    let path = VaultPath::typed(OsStr::from_bytes(path));
    if !place(home).is_there() {
        return Err(Failure::new(Kind::Failed, "there is no vault here yet, and so no snapshot")
            .next("`allod restore --from-peers` gets a lost vault back from your backup peers"));
    }
    let mut vault = reach(home, screen)?;
    if args.in_place {
        let done = vault.change(|files, is_open| restore_in_place(files, name, &path, is_open))??;
        screen.result(&done.0, &done.1);
        return Ok(());
    }
    // Nothing of the snapshot goes meanwhile, if somebody forgets it and makes room.
    let _turn = home.turn(screen)?;
    let (name, snapshot) = vault.look(|files| {
        let name = named(files, name)?;
        let snapshot = files.open_snapshot(&name)?;
        Ok::<_, Failure>((name, snapshot))
    })?;
    // A whole snapshot comes into a directory of its own.
    let to = match (&args.to, path.is_top()) {
        (Some(to), _) => to.clone(),
        (None, true) => PathBuf::from(OsStr::from_bytes(&name)),
        (None, false) => PathBuf::from("."),
    };
    outside(home, &to, screen)?;
    bring_out(&mut vault, Some(&snapshot), &[path], &to, screen)
}

fn restore_in_place(
    vault: &mut Vault,
    name: &[u8],
    path: &VaultPath,
    is_open: &IsOpen<'_>,
) -> Result<(Value, String), Failure> {
    let name = named(vault, name)?;
    let snapshot = vault.open_snapshot(&name)?;
    let from = path.find(&mut vault.read_snapshot(&snapshot))?;
    let (kept, _) = take_if_changed(vault)?;
    let mut entries = None;
    match path.split() {
        None => vault.revert(snapshot)?,
        Some((above, last)) => {
            let parent = make_directories(vault, &above)?;
            entries = Some(put_back(vault, &snapshot, from, (parent, last), now(), is_open)?);
            vault.commit()?;
        }
    }
    let what = match entries {
        None => "all files".into(),
        Some(entries) => format!("{}, {}", path.shown(), count(entries, "thing", "things")),
    };
    let name = readable(&name);
    let text =
        format!("Put back {what}, as in snapshot {name}. What was there until now is in snapshot {kept}.");
    Ok((json!({ "restored": name, "before": kept, "entries": entries }), text))
}
