//! Putting what a snapshot has back among the files of now. Contents are not copied: the files
//! get the same objects.

use std::collections::BTreeMap;

use allod_vault::files::{Changes, FileKind, Files, Ino, Inode, Operation, Snapshot, Time};
use allod_vault::{Blocks, Compress, Refusal, VaultError};

use crate::remove::remove;
use crate::within_reach::IsOpen;

/// Names of a directory that are looked at together.
const PAGE: usize = 256;

/// Bytes that are read at a time of a file that is not in objects.
const WINDOW: u64 = 1 << 20;

/// Puts a file or directory of a snapshot into a directory of now under a name, in the place of
/// what has it. How many files, directories and all else were put back. It is durable after the
/// next commit; where it fails, a part may have been.
///
/// # Errors
/// [`VaultError`].
pub fn put_back<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    snapshot: &Snapshot,
    from: Ino,
    (parent, name): (Ino, &[u8]),
    now: Time,
    is_open: &IsOpen<'_>,
) -> Result<u64, VaultError> {
    match remove(files, (parent, name), now, is_open, &mut || true) {
        Ok(_) | Err(VaultError::Refused(Refusal::NotFound)) => {}
        Err(why) => return Err(why),
    }
    let mut done = 0;
    // Files with several names, by their numbers then.
    let mut links: BTreeMap<Ino, Ino> = BTreeMap::new();
    let mut directories = Vec::new();
    let mut rest = vec![(from, parent, name.to_vec())];
    while let Some((from, parent, name)) = rest.pop() {
        done += 1;
        let inode = files.read_snapshot(snapshot).inode(from)?;
        if let Some(ino) = links.get(&from) {
            files.apply(&Operation::Link { ino: *ino, parent, name, now })?;
            continue;
        }
        let ino = put_one(files, snapshot, (from, &inode), (parent, name), now)?;
        if !inode.is_directory() {
            describe(files, ino, &inode, now)?;
            if inode.links > 1 {
                links.insert(from, ino);
            }
            continue;
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let names = files.read_snapshot(snapshot).names(from, after.as_deref(), PAGE)?;
            let Some((last, _)) = names.last() else { break };
            after = Some(last.clone());
            rest.extend(names.into_iter().map(|(name, entry)| (entry.ino, ino, name)));
        }
        directories.push((ino, inode));
    }
    // What comes into a directory changes its times.
    for (ino, inode) in directories {
        describe(files, ino, &inode, now)?;
    }
    Ok(done)
}

/// Makes a file as it was, but for its times.
fn put_one<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    snapshot: &Snapshot,
    (from, inode): (Ino, &Inode),
    (parent, name): (Ino, Vec<u8>),
    now: Time,
) -> Result<Ino, VaultError> {
    let target = match inode.kind {
        FileKind::Symlink => files.read_snapshot(snapshot).target(from)?,
        _ => Vec::new(),
    };
    let Inode { kind, permissions, owner, group, .. } = *inode;
    let make = Operation::Make { parent, name, kind, permissions, owner, group, target, now };
    let ino = match files.apply(&make)? {
        Some(ino) => ino,
        None => unreachable!("what makes a file says which"),
    };
    for name in files.read_snapshot(snapshot).attributes(from)? {
        let value = Some(files.read_snapshot(snapshot).attribute(from, &name)?);
        files.apply(&Operation::Attribute { ino, name, value, exists: None, now })?;
    }
    if kind == FileKind::File {
        match files.read_snapshot(snapshot).parts(from)? {
            Some(parts) => files.set_parts(ino, &parts, inode.size, now)?,
            None => copy(files, snapshot, (from, inode.size), ino, now)?,
        }
    }
    Ok(ino)
}

/// Writes a content that is not in objects, and of that only what is other than zeros.
fn copy<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    snapshot: &Snapshot,
    (from, size): (Ino, u64),
    ino: Ino,
    now: Time,
) -> Result<(), VaultError> {
    let mut offset = 0;
    while let Some((start, end)) = files.read_snapshot(snapshot).next_data(from, offset)? {
        let bytes = files.read_snapshot(snapshot).read(from, start, (end - start).min(WINDOW) as usize)?;
        offset = start + bytes.len() as u64;
        files.apply(&Operation::Write { ino, offset: start, bytes, now })?;
    }
    let changes = Changes { size: Some(size), ..Changes::default() };
    files.apply(&Operation::Set { ino, changes, now }).map(|_| ())
}

/// Sets the times that it had.
fn describe<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    ino: Ino,
    inode: &Inode,
    now: Time,
) -> Result<(), VaultError> {
    let (accessed, modified) = (Some(inode.accessed), Some(inode.modified));
    let changes = Changes { accessed, modified, ..Changes::default() };
    files.apply(&Operation::Set { ino, changes, now }).map(|_| ())
}
