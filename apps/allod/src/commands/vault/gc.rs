//! `allod gc`: making room of what nothing needs any more.

use std::time::Instant;

use allod_disk::Use;
use allod_vault::files::{Access, Collecting, Stage};
use indicatif::HumanDuration;
use serde_json::json;

use super::meter::{amount, count};
use super::open::{VaultHome, place, reach};
use super::stop::stop_at_signals;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Segments of which more than so many of a hundred bytes are needed are left as they are.
const PERCENT: u32 = 90;

pub(crate) fn run(home: &VaultHome, screen: &Screen) -> Result<(), Failure> {
    let _turn = home.turn(screen)?;
    let mut vault = reach(home, screen)?;
    stop_at_signals(screen, "stopping; what was done is kept")?;
    let place = place(home);
    let room = || place.room().unwrap_or_default();
    let before = room();
    let (line, begun) = (Waiting::new(screen), Instant::now());
    let mut collecting = vault.with(|files| files.begin_collecting(PERCENT))?;
    while collecting.goes_on() && screen.goes_on() {
        line.say(&shown(&collecting, begun));
        match collecting.stage() {
            Stage::Marking { .. } => vault.look(|files| files.collect_step(&mut collecting))?,
            _ => vault.with(|files| files.collect_step(&mut collecting))?,
        }
    }
    line.end();
    let cleaned = collecting.cleaned();
    let after = room();
    let freed = before.saturating_sub(after);
    let data = json!({
        "objects_removed": cleaned.removed, "bytes_copied": cleaned.copied, "bytes_freed": freed, "bytes_taken": after,
    });
    let removed = count(cleaned.removed, "object", "objects");
    if collecting.goes_on() {
        return Err(Failure::new(Kind::Failed, format!("stopped after removing {removed}; nothing is lost"))
            .next("`allod gc` goes on with the rest, and gives back what was removed now")
            .data(data));
    }
    if collecting.stage() == Stage::Overtaken {
        return Err(Failure::new(Kind::Failed, "another `allod gc` began meanwhile").data(data));
    }
    let text =
        format!("Removed {removed}, and gave back {}; the vault takes {}.", amount(freed), amount(after));
    screen.result(&data, &text);
    Ok(())
}

/// How far it is, and how long it takes.
fn shown(collecting: &Collecting, begun: Instant) -> String {
    match collecting.stage() {
        Stage::Cleaning { done, all } => {
            let spent = begun.elapsed();
            let left = match done {
                0 => String::new(),
                done => format!(", about {} left", HumanDuration(spent / done * all.saturating_sub(done))),
            };
            let copied = amount(collecting.cleaned().copied);
            format!("putting together what is needed: {done} of {all} segments, {copied} copied{left}")
        }
        Stage::Marking { needed } => {
            format!("looking for what nothing needs: {} that are needed", count(needed, "object", "objects"))
        }
        Stage::Done | Stage::Overtaken => String::new(),
    }
}
