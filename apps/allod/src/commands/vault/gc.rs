//! `allod gc`: making room of what nothing needs any more.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use super::meter::{amount, count};
use super::open::{VaultHome, open_existing, place};
use crate::failure::Failure;
use crate::progress::Waiting;
use crate::screen::Screen;

/// Segments of which more than so many of a hundred bytes are needed are left as they are.
const PERCENT: u32 = 90;

pub(crate) fn run(home: &VaultHome, screen: &Screen) -> Result<(), Failure> {
    let mut vault = open_existing(home, screen)?;
    let image = place(home).image();
    let room = || std::fs::metadata(&image).map_or(0, |metadata| metadata.blocks() * 512);
    let before = room();
    let line = Waiting::new(screen);
    line.say("looking for what nothing needs, and putting together what is needed");
    let cleaned = vault.collect(PERCENT);
    line.end();
    let cleaned = cleaned?;
    let after = room();
    let freed = before.saturating_sub(after);
    let text = format!(
        "Removed {}, and gave back {}; the vault takes {}.",
        count(cleaned.removed, "object", "objects"),
        amount(freed),
        amount(after),
    );
    let data = json!({
        "objects_removed": cleaned.removed, "bytes_copied": cleaned.copied, "bytes_freed": freed, "bytes_taken": after,
    });
    screen.result(&data, &text);
    Ok(())
}
