//! `allod forget`: letting snapshots go, by name or by rules.

use allod_disk::{Use, Vault};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::keep::Rules;
use super::ls::{local, timestamp};
use super::meter::count;
use super::open::{VaultHome, reach};
use super::path::readable;
use super::snapshot::{all, is_unnamed, named};
use crate::cli::vault::Forget;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// A snapshot, and why it stays.
struct Judged {
    name: Vec<u8>,
    made: String,
    reasons: Vec<&'static str>,
}

pub(crate) fn run(home: &VaultHome, args: &Forget, screen: &Screen) -> Result<(), Failure> {
    let rules = args.rules();
    if args.names.is_empty() && rules.are_empty() {
        return Err(Failure::usage("nothing would be left: name what goes, or say what stays")
            .next("such as `allod forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12`"));
    }
    let judged = reach(home, screen)?.change(|vault, _| {
        let judged = match args.names.is_empty() {
            true => by_rules(vault, &rules)?,
            false => by_name(vault, &args.names)?,
        };
        for Judged { name, reasons, .. } in &judged {
            if reasons.is_empty() && !args.dry_run {
                vault.remove_snapshot(name)?;
            }
        }
        Ok::<_, Failure>(judged)
    })??;
    let mut removed = 0;
    for Judged { name, made, reasons } in &judged {
        let goes = reasons.is_empty();
        removed += u64::from(goes);
        let word = if goes { "forget" } else { "keep" };
        let value = json!({
            "snapshot": String::from_utf8_lossy(name), "forgotten": goes, "reasons": reasons, "dry_run": args.dry_run,
        });
        let text = format!("{word:<6}  {made}  {}  {}", readable(name), reasons.join(", "));
        screen.result(&value, text.trim_end());
    }
    let snapshots = count(removed, "snapshot", "snapshots");
    screen.note(&match (args.dry_run, removed) {
        (true, _) => format!("{snapshots} would go; nothing was changed."),
        (false, 0) => "No snapshot goes.".into(),
        (false, _) => format!("Forgot {snapshots}; `allod gc` makes room of what only they had."),
    });
    Ok(())
}

/// What was named goes.
fn by_name(vault: &mut Vault, names: &[String]) -> Result<Vec<Judged>, Failure> {
    let mut goes: Vec<Vec<u8>> = Vec::new();
    for typed in names {
        let name = named(vault, typed.as_bytes())?;
        if !goes.contains(&name) {
            goes.push(name);
        }
    }
    let all = all(vault)?.into_iter().filter(|(name, _)| goes.contains(name));
    Ok(all.map(|(name, info)| Judged { name, made: local(info.made), reasons: Vec::new() }).collect())
}

/// Which of those stay that nobody named. What somebody named stays.
fn by_rules(vault: &mut Vault, rules: &Rules) -> Result<Vec<Judged>, Failure> {
    let all = all(vault)?;
    let zone = TimeZone::system();
    let unnamed = || all.iter().rev().filter(|(name, _)| is_unnamed(name));
    let times: Vec<_> = unnamed().map(|(_, info)| timestamp(info.made).to_zoned(zone.clone())).collect();
    let mut reasons = rules.apply(&times, Timestamp::now()).into_iter().rev();
    let judged: Vec<Judged> = all
        .iter()
        .map(|(name, info)| {
            let reasons = match is_unnamed(name) {
                true => reasons.next().unwrap_or_default(),
                false => vec!["named"],
            };
            Judged { name: name.clone(), made: local(info.made), reasons }
        })
        .collect();
    if !times.is_empty() && judged.iter().all(|judged| judged.reasons.is_empty()) {
        return Err(Failure::new(Kind::Failed, "by these rules no snapshot would stay; nothing was changed"));
    }
    Ok(judged)
}
