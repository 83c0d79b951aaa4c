//! `allod rm`: removing from the vault.

use allod_disk::remove;
use serde_json::json;

use super::now;
use super::open::{VaultHome, open_existing};
use super::path::{VaultPath, find};
use crate::cli::vault::Remove;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(crate) fn run(home: &VaultHome, args: &Remove, screen: &Screen) -> Result<(), Failure> {
    let mut vault = open_existing(home, screen)?;
    let mut goes = Vec::new();
    // All are looked at before anything goes.
    for typed in &args.paths {
        let path = VaultPath::typed(typed);
        let ino = find(&mut vault, &path)?;
        if vault.read().inode(ino)?.is_directory() && !args.recursive {
            return Err(Failure::new(
                Kind::Usage,
                format!("{} is a directory; nothing was removed", path.shown()),
            )
            .next("remove it with all that is in it: `allod rm -r`"));
        }
        match path.split() {
            Some((above, name)) => goes.push((above, name.to_vec())),
            None => {
                let names = vault.read().names(ino, None, usize::MAX)?;
                goes.extend(names.into_iter().map(|(name, _)| (path.clone(), name)));
            }
        }
    }
    let mut count = 0_u64;
    for (above, name) in goes {
        // What was named twice, or is within what was named, went already.
        let Some(parent) = above.look_up(&mut vault.read())? else { continue };
        if above.join(&name).look_up(&mut vault.read())?.is_some() {
            remove(&mut vault, (parent, &name), now(), &mut || count += 1)?;
        }
    }
    vault.commit()?;
    let kept = match vault.list_snapshots()?.is_empty() {
        true => "`allod gc` makes room of it.",
        false => "Snapshots keep what they have of it: see `allod history`.",
    };
    let things = if count == 1 { "1 thing".into() } else { format!("{count} things") };
    screen.result(&json!({ "removed": count }), &format!("Removed {things}. {kept}"));
    Ok(())
}
