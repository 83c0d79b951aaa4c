//! Giving what is outside a place in the vault: its kind, its name, and what is known of it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use allod_vault::files::{Changes, Entry, FileKind, Files, Ino, Operation, Time};
use allod_vault::{Blocks, Compress, Refusal, VaultError};

pub(super) use crate::place::now;
use crate::remove::remove;

/// What a file is, and where it leads if it is a symbolic link.
pub(super) fn kind_of(path: &Path, metadata: &Metadata) -> io::Result<(FileKind, Vec<u8>)> {
    let kind = metadata.file_type();
    let device = || u32::try_from(metadata.rdev()).unwrap_or(u32::MAX);
    Ok(match () {
        () if kind.is_dir() => (FileKind::Directory, Vec::new()),
        () if kind.is_symlink() => {
            (FileKind::Symlink, fs::read_link(path)?.into_os_string().as_bytes().to_vec())
        }
        () if kind.is_fifo() => (FileKind::Pipe, Vec::new()),
        () if kind.is_socket() => (FileKind::Socket, Vec::new()),
        () if kind.is_char_device() => (FileKind::Characters(device()), Vec::new()),
        () if kind.is_block_device() => (FileKind::Blocks(device()), Vec::new()),
        () => (FileKind::File, Vec::new()),
    })
}

pub(super) fn modified(metadata: &Metadata) -> Time {
    Time { seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() as u32 }
}

pub(super) fn changed(metadata: &Metadata) -> Time {
    Time { seconds: metadata.ctime(), nanoseconds: metadata.ctime_nsec() as u32 }
}

/// Sets when a file was last changed.
pub(super) fn times(ino: Ino, modified: Time, now: Time) -> Operation {
    let changes = Changes { modified: Some(modified), ..Changes::default() };
    Operation::Set { ino, changes, now }
}

/// The file with this name, made if there is none of its kind. Whether it was made.
pub(super) fn place<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    parent: Ino,
    name: &[u8],
    kind: FileKind,
    target: &[u8],
    metadata: &Metadata,
) -> Result<(Ino, bool), VaultError> {
    let now = changed(metadata);
    let permissions = (metadata.mode() & 0o7777) as u16;
    let (owner, group) = (metadata.uid(), metadata.gid());
    match files.read().lookup(parent, name) {
        Ok(Entry { ino, kind: there }) => {
            let is_same = there == kind
                && (kind != FileKind::Symlink || files.read().target(ino).is_ok_and(|there| there == target));
            if is_same {
                let inode = files.read().inode(ino)?;
                if (inode.permissions, inode.owner, inode.group) != (permissions, owner, group) {
                    let changes = Changes {
                        permissions: Some(permissions),
                        owner: Some(owner),
                        group: Some(group),
                        ..Changes::default()
                    };
                    files.apply(&Operation::Set { ino, changes, now })?;
                }
                return Ok((ino, false));
            }
            remove(files, (parent, name), now, &|_| false, &mut || true)?;
        }
        Err(VaultError::Refused(Refusal::NotFound)) => {}
        Err(why) => return Err(why),
    }
    let (name, target) = (name.to_vec(), target.to_vec());
    let make = Operation::Make { parent, name, kind, permissions, owner, group, target, now };
    match files.apply(&make)? {
        Some(ino) => Ok((ino, true)),
        None => unreachable!("what makes a file says which"),
    }
}

/// Gives a file another name, in the place of what has it.
pub(super) fn link<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    ino: Ino,
    parent: Ino,
    name: &[u8],
    now: Time,
) -> Result<(), VaultError> {
    match files.read().lookup(parent, name) {
        Ok(entry) if entry.ino == ino => return Ok(()),
        Ok(_) => {
            remove(files, (parent, name), now, &|_| false, &mut || true)?;
        }
        Err(VaultError::Refused(Refusal::NotFound)) => {}
        Err(why) => return Err(why),
    }
    files.apply(&Operation::Link { ino, parent, name: name.to_vec(), now }).map(|_| ())
}
