//! The snapshots of a mounted vault, as directories that can be read: `.snapshots/NAME` at the
//! top of the mount, which can be gone into and is not listed.
//!
//! `mkdir` in `.snapshots` takes a snapshot, and `rmdir` there lets one go; nothing else can be
//! changed. What is asked of the files of now is passed on.

mod answers;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, MutexGuard};

use allod_vault::files::{Ino, Reader, Snapshot};
use allod_vault::{Blocks, Compress, Refusal};
use fuser::{FileAttr, FileType, INodeNo};

use super::convert::{attributes, type_of};
use super::{Answer, Answers, Kernel, now};

/// The directory of snapshots. A file of the vault's own with this name goes before it.
const NAME: &[u8] = b".snapshots";

/// The number of that directory.
pub(super) const SNAPSHOTS: u64 = 1 << 63;

/// A file's number in a snapshot is below this; above it is the snapshot's.
const SHIFT: u32 = 48;

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Now,
    Snapshots,
    Then(u16, Ino),
}

fn place(ino: INodeNo) -> Place {
    match (ino.0 >> SHIFT) as u16 {
        _ if ino.0 == SNAPSHOTS => Place::Snapshots,
        0 => Place::Now,
        number => Place::Then(number, Ino(ino.0 & ((1 << SHIFT) - 1))),
    }
}

fn number(snapshot: u16, ino: Ino) -> u64 {
    u64::from(snapshot) << SHIFT | ino.0
}

/// A directory's names, as they are shown.
type Listed = Vec<(INodeNo, FileType, Vec<u8>)>;

/// What was seen of the past.
pub(super) struct Seen {
    /// The snapshots that were gone into, by their numbers in this mount.
    opened: BTreeMap<u16, Snapshot>,
    /// Their names.
    names: BTreeMap<Vec<u8>, u16>,
    next: u16,
    listed: BTreeMap<u64, Listed>,
    next_listed: u64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            opened: BTreeMap::new(),
            names: BTreeMap::new(),
            next: 1,
            listed: BTreeMap::new(),
            next_listed: 0,
        }
    }
}

impl Seen {
    /// No snapshot has this name any more, or another one has. What is open in the one that had can be
    /// read until room is made.
    pub(super) fn forget(&mut self, name: &[u8]) {
        self.names.remove(name);
    }
}

/// The files of now, with those of the past behind a name.
pub(super) struct Past<B, C> {
    now: Answers<B, C>,
    kernel: Arc<Kernel>,
}

impl<B: Blocks, C: Compress + Clone> Past<B, C> {
    pub(super) fn new(now: Answers<B, C>, kernel: Arc<Kernel>) -> Self {
        Self { now, kernel }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.kernel.seen()
    }

    /// Reads a snapshot that was gone into.
    fn read<T>(&self, snapshot: u16, what: impl FnOnce(&mut Reader<'_, B, C>) -> Answer<T>) -> Answer<T> {
        let seen = self.seen();
        let snapshot = seen.opened.get(&snapshot).ok_or(Refusal::NotFound)?;
        what(&mut self.now.inside().files.read_snapshot(snapshot))
    }

    /// The number that a snapshot has in this mount.
    fn go_into(&self, name: &[u8]) -> Answer<u16> {
        let mut seen = self.seen();
        if let Some(number) = seen.names.get(name) {
            return Ok(*number);
        }
        let snapshot = self.now.inside().files.open_snapshot(name)?;
        // A mount of so many snapshots that were taken and let go is mounted again.
        let number = seen.next;
        seen.next = number.checked_add(1).filter(|next| *next < 1 << 15).ok_or(Refusal::TooLarge)?;
        seen.opened.insert(number, snapshot);
        seen.names.insert(name.to_vec(), number);
        Ok(number)
    }

    /// The directory of snapshots belongs to whoever has the top.
    fn directory(&self) -> Answer<FileAttr> {
        let mut found = attributes(Ino::ROOT, &self.now.inside().files.read().inode(Ino::ROOT)?);
        found.ino = INodeNo(SNAPSHOTS);
        found.nlink = 2;
        Ok(found)
    }

    fn attributes(&self, snapshot: u16, ino: Ino) -> Answer<FileAttr> {
        let inode = self.read(snapshot, |reader| reader.inode(ino))?;
        Ok(FileAttr { ino: INodeNo(number(snapshot, ino)), ..attributes(ino, &inode) })
    }

    /// Whether a name at the top is that of the directory of snapshots.
    fn is_snapshots(&self, parent: INodeNo, name: &OsStr) -> bool {
        let is_it = Ino(parent.0) == Ino::ROOT && name.as_bytes() == NAME;
        is_it && self.now.inside().files.read().lookup(Ino::ROOT, NAME).is_err()
    }

    fn find(&self, parent: Place, name: &OsStr) -> Answer<FileAttr> {
        match parent {
            Place::Now => self.directory(),
            Place::Snapshots => self.attributes(self.go_into(name.as_bytes())?, Ino::ROOT),
            Place::Then(snapshot, parent) => {
                let found = self.read(snapshot, |reader| reader.lookup(parent, name.as_bytes()))?;
                self.attributes(snapshot, found.ino)
            }
        }
    }

    fn list(&self, directory: Place) -> Answer<u64> {
        let mut listed: Listed =
            [&b"."[..], b".."].map(|name| (INodeNo(SNAPSHOTS), FileType::Directory, name.to_vec())).to_vec();
        match directory {
            Place::Now => return Err(Refusal::NotFound.into()),
            Place::Snapshots => {
                let all = self.now.inside().files.list_snapshots()?;
                // Their numbers are given when they are gone into.
                let shown = |(name, _)| (INodeNo(SNAPSHOTS), FileType::Directory, name);
                listed.extend(all.into_iter().map(shown));
            }
            Place::Then(snapshot, ino) => {
                let inode = self.read(snapshot, |reader| reader.inode(ino))?;
                if !inode.is_directory() {
                    return Err(Refusal::NotDirectory.into());
                }
                listed[0].0 = INodeNo(number(snapshot, ino));
                let names = self.read(snapshot, |reader| reader.names(ino, None, usize::MAX))?;
                listed.extend(
                    names.into_iter().map(|(name, entry)| {
                        (INodeNo(number(snapshot, entry.ino)), type_of(entry.kind), name)
                    }),
                );
            }
        }
        let mut seen = self.seen();
        seen.next_listed += 1;
        let handle = seen.next_listed;
        seen.listed.insert(handle, listed);
        Ok(handle)
    }

    fn take(&self, name: &OsStr) -> Answer<FileAttr> {
        let name = name.as_bytes();
        // A colon parts a snapshot's name from a path, where both are typed.
        if name.starts_with(b"-") || name.iter().any(|byte| *byte == b':' || byte.is_ascii_control()) {
            return Err(Refusal::BadName.into());
        }
        self.now.shared.settled().files.snapshot(name, now())?;
        self.attributes(self.go_into(name)?, Ino::ROOT)
    }

    fn let_go(&self, name: &OsStr) -> Answer<()> {
        self.now.shared.settled().files.remove_snapshot(name.as_bytes())?;
        self.seen().forget(name.as_bytes());
        Ok(())
    }
}

fn is_now(ino: INodeNo) -> bool {
    place(ino) == Place::Now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_now_and_of_snapshots_are_told_apart() {
        assert_eq!(place(INodeNo(Ino::ROOT.0)), Place::Now);
        assert_eq!(place(INodeNo(SNAPSHOTS)), Place::Snapshots);
        for (snapshot, ino) in [(1, Ino(1)), ((1 << 15) - 1, Ino((1 << SHIFT) - 1))] {
            assert_eq!(place(INodeNo(number(snapshot, ino))), Place::Then(snapshot, ino));
        }
    }
}
