//! `allod rm`: removing from the vault.

use allod_disk::{Use, Vault, remove};
use allod_vault::files::Access;
use serde_json::json;

use super::now;
use super::open::{VaultHome, reach};
use super::path::{VaultPath, find};
use crate::cli::vault::Remove;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Things that go before others come to use the vault.
const TOGETHER: u64 = 1000;

pub(crate) fn run(home: &VaultHome, args: &Remove, screen: &Screen) -> Result<(), Failure> {
    let mut vault = reach(home, screen)?;
    let goes = vault.look(|files| what_goes(files, args))?;
    let mut count = 0_u64;
    let mut is_stopped = false;
    for (above, name) in goes {
        loop {
            let (mut now_gone, before) = (0, count);
            let is_gone = vault.change(|files, is_open| {
                // What was named twice, or is within what was named, went already.
                let Some(parent) = above.look_up(&mut files.read())? else { return Ok(true) };
                if above.join(&name).look_up(&mut files.read())?.is_none() {
                    return Ok(true);
                }
                remove(files, (parent, &name), now(), is_open, &mut || {
                    now_gone += 1;
                    now_gone < TOGETHER
                })
            })?;
            count = before + now_gone;
            if is_gone? {
                break;
            }
            if !screen.goes_on() {
                is_stopped = true;
                break;
            }
        }
    }
    let has_snapshots = vault.with(|files| {
        files.commit()?;
        files.list_snapshots().map(|all| !all.is_empty())
    })?;
    if is_stopped {
        let message = format!("stopped after {}", things(count));
        return Err(Failure::new(Kind::Failed, message).data(json!({ "removed": count })));
    }
    let kept = match has_snapshots {
        false => "`allod gc` makes room of it.",
        true => "Snapshots keep what they have of it: see `allod history`.",
    };
    screen.result(&json!({ "removed": count }), &format!("Removed {}. {kept}", things(count)));
    Ok(())
}

fn things(count: u64) -> String {
    if count == 1 { "1 thing".into() } else { format!("{count} things") }
}

/// What was named, each with the directory that it is in.
fn what_goes(vault: &mut Vault, args: &Remove) -> Result<Vec<(VaultPath, Vec<u8>)>, Failure> {
    let mut goes = Vec::new();
    // All are looked at before anything goes.
    for typed in &args.paths {
        let path = VaultPath::typed(typed);
        let ino = find(vault, &path)?;
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
    Ok(goes)
}
