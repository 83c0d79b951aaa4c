//! Whether the files of one tree agree with each other.

use alloc::collections::BTreeMap;
use core::fmt;

use super::inode::key::{self, What};
use super::inode::{Entry, Extent, FileKind, Ino, Inode};
use super::reader::Objects;
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::tree::Survey;

/// In which way a file does not agree with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A directory has a name for it, and nothing is known of it.
    Unknown,
    /// No directory has a name for it.
    Nameless,
    /// It has another number of names than it says.
    Links {
        /// How many it says.
        said: u32,
        /// How many there are.
        found: u32,
    },
    /// It is something else than a directory says.
    Kind,
    /// It says that it is in another directory.
    Parent,
    /// Parts of its content overlap, or lie behind its end.
    Content,
    /// It is a symbolic link that leads nowhere, or none that leads somewhere.
    Target,
    /// Something of it cannot be understood.
    Unreadable,
}

#[derive(Default)]
struct Known {
    inode: Option<(FileKind, u32, Ino)>,
    names: u32,
    directories: u32,
    named: Option<(FileKind, Ino)>,
    is_open: bool,
    has_target: bool,
    wrong: Option<Wrong>,
}

/// What was seen of a tree.
#[derive(Default)]
pub(super) struct Consistency {
    known: BTreeMap<Ino, Known>,
    /// The file of which parts come now, its size, and where the last part ended.
    current: Option<(Ino, u64, u64)>,
}

impl Consistency {
    /// Shows what is wrong.
    pub(super) fn finish(self, see: &mut dyn FnMut(Ino, Wrong)) {
        for (ino, known) in self.known {
            if let Some(wrong) = known.wrong() {
                see(ino, wrong);
            } else if ino != Ino::ROOT && known.named.is_none() && !known.is_open {
                see(ino, Wrong::Nameless);
            }
        }
    }

    fn entry(&mut self, directory: Ino, entry: &Entry) {
        let known = self.known.entry(entry.ino).or_default();
        known.names += 1;
        if known.named.is_some_and(|(kind, _)| kind != entry.kind) {
            known.wrong = Some(Wrong::Kind);
        }
        known.named = Some((entry.kind, directory));
        if entry.kind == FileKind::Directory {
            self.known.entry(directory).or_default().directories += 1;
        }
    }

    fn value(&mut self, ino: Ino, what: What<'_>, value: &[u8]) -> Result<(), Wrong> {
        let wrong = |_| Wrong::Unreadable;
        match what {
            What::Inode => {
                let inode: Inode = minicbor::decode(value).map_err(wrong)?;
                self.known.entry(ino).or_default().inode = Some((inode.kind, inode.links, inode.parent));
                self.current = Some((ino, inode.size, 0));
            }
            What::Name(_) => self.entry(ino, &minicbor::decode(value).map_err(wrong)?),
            What::Extent(start) => {
                let extent: Extent = minicbor::decode(value).map_err(wrong)?;
                let end = start.checked_add(extent.size()).ok_or(Wrong::Content)?;
                match &mut self.current {
                    Some((of, size, last)) if *of == ino && start >= *last && end <= *size => *last = end,
                    _ => return Err(Wrong::Content),
                }
            }
            What::Target => self.known.entry(ino).or_default().has_target = true,
            What::Orphan(open) => self.known.entry(open).or_default().is_open = true,
            What::Attribute(_) => {}
        }
        Ok(())
    }
}

impl Known {
    fn wrong(&self) -> Option<Wrong> {
        if self.wrong.is_some() {
            return self.wrong;
        }
        let Some((kind, said, parent)) = self.inode else { return Some(Wrong::Unknown) };
        let is_directory = kind == FileKind::Directory;
        let found = if is_directory { 2 + self.directories } else { self.names };
        match self.named {
            Some((named, _)) if named != kind => Some(Wrong::Kind),
            Some((_, directory)) if is_directory && directory != parent => Some(Wrong::Parent),
            _ if said != found => Some(Wrong::Links { said, found }),
            _ if self.has_target != (kind == FileKind::Symlink) => Some(Wrong::Target),
            _ => None,
        }
    }
}

impl<B: Blocks, C: Compress> Survey<Objects<'_, B, C>> for Consistency {
    fn enter(&mut self, _: &mut Objects<'_, B, C>, _: &ObjectId) -> bool {
        true
    }

    fn see(&mut self, _: &mut Objects<'_, B, C>, key: &[u8], value: &[u8]) {
        let Some((ino, what)) = key::parse(key) else { return };
        if let Err(wrong) = self.value(ino, what, value) {
            self.known.entry(ino).or_default().wrong = Some(wrong);
        }
    }

    // Trees are looked at in this way that were read as a whole before.
    fn lost(&mut self, _: &mut Objects<'_, B, C>, _: &ObjectId, _: &[u8], _: Option<&[u8]>, _: VaultError) {}
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("a directory names it, and nothing is known of it"),
            Self::Nameless => f.write_str("no directory names it"),
            Self::Links { said, found } => write!(f, "it says that it has {said} names, and has {found}"),
            Self::Kind => f.write_str("it is something else than its directory says"),
            Self::Parent => f.write_str("it says that it is in another directory"),
            Self::Content => f.write_str("parts of its content overlap or lie behind its end"),
            Self::Target => f.write_str("where it leads is missing, or it leads nowhere"),
            Self::Unreadable => f.write_str("something of it cannot be understood"),
        }
    }
}
