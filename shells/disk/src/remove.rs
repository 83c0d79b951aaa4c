//! Removing whole trees of files from a vault.

use allod_vault::files::{Files, Ino, Operation, Time};
use allod_vault::{Blocks, Compress, VaultError};

/// Names of a directory that are removed together.
const PAGE: usize = 256;

/// Removes what has a name in a directory of the vault, and where that is a directory, all
/// that is in it. Each thing that goes is told. It is durable after the next sync or commit;
/// where it fails, a part may have gone.
///
/// # Errors
/// [`VaultError`].
pub fn remove<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    (parent, name): (Ino, &[u8]),
    now: Time,
    see: &mut dyn FnMut(),
) -> Result<(), VaultError> {
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
                unlink(files, entry.ino, name, false, now)?;
                see();
            }
            if let Some(name) = deeper {
                way.push((entry.ino, name));
                continue;
            }
            if !files.read().names(entry.ino, None, 1)?.is_empty() {
                continue;
            }
        }
        unlink(files, parent, name, is_directory, now)?;
        see();
        way.pop();
    }
    Ok(())
}

fn unlink<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    parent: Ino,
    name: Vec<u8>,
    directory: bool,
    now: Time,
) -> Result<(), VaultError> {
    files.apply(&Operation::Unlink { parent, name, directory, open: false, now }).map(|_| ())
}
