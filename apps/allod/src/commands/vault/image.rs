//! `allod image`: how the vault lies on the disk, as one file or as a folder of parts.

use serde_json::json;

use super::meter::amount;
use super::open::{VaultHome, open_existing, place};
use crate::cli::vault::Image;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(crate) fn run(home: &VaultHome, args: &Image, screen: &Screen) -> Result<(), Failure> {
    // It is this person's, and what it says when it is opened is said.
    drop(open_existing(home, screen)?);
    let place = place(home);
    let is_changed = match (args.in_parts, args.in_one) {
        (false, false) => false,
        (to_parts, _) => {
            let line = Waiting::new(screen);
            line.say("copying the vault");
            let converted = place.convert(to_parts, &mut |done, all| {
                line.say(&format!("copied {} of {}", amount(done), amount(all)));
            });
            line.end();
            converted?
        }
    };
    let (path, is_in_parts) = (place.image(), place.is_in_parts());
    let failed = |why| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
    let room = place.room().map_err(failed)?;
    let form = if is_in_parts { "a folder of parts" } else { "one file" };
    let now = if is_changed { " now" } else { "" };
    let text = format!("{} is{now} {form}, which takes {}.", path.display(), amount(room));
    let data = json!({ "image": path, "in_parts": is_in_parts, "changed": is_changed, "bytes_taken": room });
    screen.result(&data, &text);
    Ok(())
}
