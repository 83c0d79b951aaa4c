//! Removing whole trees of files from a vault.

use allod_vault::files::{Files, Ino, Operation, Time};
use allod_vault::{Blocks, Compress, VaultError};

use crate::within_reach::IsOpen;

/// Names of a directory that are removed together.
const PAGE: usize = 256;

/// Removes what has a name in a directory of the vault, and where that is a directory, all
/// that is in it. What somebody has open stays until it is closed. Each thing that goes is told,
/// until whoever is told has enough: what is left then goes by the same call again. Whether nothing is left. It is durable after the next sync or commit;
/// where it fails, a part may have gone.
///
/// # Errors
/// [`VaultError`].
pub fn remove<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    (parent, name): (Ino, &[u8]),
    now: Time,
    is_open: &IsOpen<'_>,
    see: &mut dyn FnMut() -> bool,
) -> Result<bool, VaultError> {
    // The way down to what is removed next.
    let mut way = vec![(parent, name.to_vec())];
    while let Some((parent, name)) = way.last().cloned() {
        let entry = files.read().lookup(parent, &name)?;
        let is_directory = entry.kind == allod_vault::files::FileKind::Directory;
        if is_directory {
            let within = files.read().names(entry.ino, None, PAGE)?;
            let mut deeper = None;
            for (name, entry_within) in within {
                if entry_within.kind == allod_vault::files::FileKind::Directory {
                    deeper = Some(name);
                    break;
                }
                let open = is_open(entry_within.ino);
                unlink(files, (entry.ino, name), false, open, now)?;
                if !see() {
                    return Ok(false);
                }
            }
            if let Some(name) = deeper {
                way.push((entry.ino, name));
                continue;
            }
            if !files.read().names(entry.ino, None, 1)?.is_empty() {
                continue;
            }
        }
        unlink(files, (parent, name), is_directory, is_open(entry.ino), now)?;
        way.pop();
        if !see() && !way.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn unlink<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    (parent, name): (Ino, Vec<u8>),
    directory: bool,
    open: bool,
    now: Time,
) -> Result<(), VaultError> {
    files.apply(&Operation::Unlink { parent, name, directory, open, now }).map(|_| ())
}
