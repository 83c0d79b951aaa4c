//! What a file is, apart from its content, and how it is kept in the tree.
//!
//! All that there is of a file lies together in the tree, under its number (8 bytes, big
//! endian) and one byte for what it is:
//!
//! | byte | then | value |
//! |---|---|---|
//! | 0 | | the [`Inode`] |
//! | 1 | a name | of a directory: the number of what has that name, and its kind |
//! | 2 | a name | an extended attribute |
//! | 3 | an offset (8 bytes, big endian) | an [`Extent`] of the content |
//! | 4 | | where a symbolic link leads |
//!
//! Under number 0 and byte 5 are the numbers of files that have no name any more and were
//! open when they lost it.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::object::ObjectId;

/// The number of a file in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Ino(#[n(0)] pub u64);

impl Ino {
    /// The directory where all paths begin.
    pub const ROOT: Self = Self(1);
}

/// A moment, as files have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Time {
    /// Seconds since 1970 began (UTC), before it where negative.
    #[n(0)]
    pub seconds: i64,
    /// Nanoseconds after that, below 1,000,000,000.
    #[n(1)]
    pub nanoseconds: u32,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum FileKind {
    /// Bytes.
    #[n(0)]
    File,
    /// Names of others.
    #[n(1)]
    Directory,
    /// A path to another.
    #[n(2)]
    Symlink,
    /// A pipe with a name.
    #[n(3)]
    Pipe,
    /// A socket with a name.
    #[n(4)]
    Socket,
    /// A device that is read by characters, with its number.
    #[n(5)]
    Characters(#[n(0)] u32),
    /// A device that is read by blocks, with its number.
    #[n(6)]
    Blocks(#[n(0)] u32),
}

/// A file, apart from its names and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Inode {
    /// What it is.
    #[n(0)]
    pub kind: FileKind,
    /// Who may do what: the lower twelve bits of a POSIX mode.
    #[n(1)]
    pub permissions: u16,
    /// The number of its owner.
    #[n(2)]
    pub owner: u32,
    /// The number of its group.
    #[n(3)]
    pub group: u32,
    /// How many names it has; a directory has one of its own in each directory in it, and
    /// one in itself.
    #[n(4)]
    pub links: u32,
    /// Bytes of its content; of a symbolic link, of its path.
    #[n(5)]
    pub size: u64,
    /// When it was last read, as far as that is kept.
    #[n(6)]
    pub accessed: Time,
    /// When its content last changed.
    #[n(7)]
    pub modified: Time,
    /// When anything of it last changed.
    #[n(8)]
    pub changed: Time,
    /// When it was made.
    #[n(9)]
    pub created: Time,
    /// Of a directory: the one that it is in.
    #[n(10)]
    pub parent: Ino,
}

impl Inode {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// What has the name.
    #[n(0)]
    pub ino: Ino,
    /// What that is.
    #[n(1)]
    pub kind: FileKind,
}

/// A part of a file's content. Where there is none, the content is zeros.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Extent {
    /// A part of an object's content.
    #[n(0)]
    Object {
        #[n(0)]
        id: ObjectId,
        /// From where in it.
        #[n(1)]
        from: u32,
        /// How many bytes.
        #[n(2)]
        size: u32,
    },
    /// The bytes themselves, where there are few.
    #[n(1)]
    Inline(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
}

impl Extent {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Object { size, .. } => u64::from(*size),
            Self::Inline(bytes) => bytes.len() as u64,
        }
    }

    /// The part of it from `start` on, `size` bytes.
    pub(crate) fn part(&self, start: u64, size: u64) -> Self {
        match self {
            Self::Object { id, from, .. } => {
                Self::Object { id: *id, from: from + start as u32, size: size as u32 }
            }
            Self::Inline(bytes) => Self::Inline(bytes[start as usize..(start + size) as usize].to_vec()),
        }
    }
}

const INODE: u8 = 0;
const NAME: u8 = 1;
const ATTRIBUTE: u8 = 2;
const EXTENT: u8 = 3;
const TARGET: u8 = 4;
const ORPHAN: u8 = 5;

/// Keys of the tree.
pub(crate) mod key {
    use super::{ATTRIBUTE, EXTENT, INODE, Ino, NAME, ORPHAN, TARGET};
    use alloc::vec::Vec;

    fn of(ino: Ino, what: u8, rest: &[u8]) -> Vec<u8> {
        [&ino.0.to_be_bytes()[..], &[what], rest].concat()
    }

    pub(crate) fn inode(ino: Ino) -> Vec<u8> {
        of(ino, INODE, &[])
    }

    pub(crate) fn name(ino: Ino, name: &[u8]) -> Vec<u8> {
        of(ino, NAME, name)
    }

    pub(crate) fn attribute(ino: Ino, name: &[u8]) -> Vec<u8> {
        of(ino, ATTRIBUTE, name)
    }

    pub(crate) fn extent(ino: Ino, offset: u64) -> Vec<u8> {
        of(ino, EXTENT, &offset.to_be_bytes())
    }

    pub(crate) fn target(ino: Ino) -> Vec<u8> {
        of(ino, TARGET, &[])
    }

    pub(crate) fn orphan(ino: Ino) -> Vec<u8> {
        of(Ino(0), ORPHAN, &ino.0.to_be_bytes())
    }

    /// The first key that is not of this file.
    pub(crate) fn end(ino: Ino) -> Vec<u8> {
        inode(Ino(ino.0 + 1))
    }

    /// What a key is of, and what stands behind the byte.
    pub(crate) fn parse(key: &[u8]) -> Option<(Ino, What<'_>)> {
        let (ino, rest) = key.split_first_chunk::<8>()?;
        let (what, rest) = rest.split_first()?;
        let number = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).ok().map(u64::from_be_bytes);
        let what = match *what {
            INODE => What::Inode,
            NAME => What::Name(rest),
            ATTRIBUTE => What::Attribute(rest),
            EXTENT => What::Extent(number(rest)?),
            TARGET => What::Target,
            ORPHAN => What::Orphan(Ino(number(rest)?)),
            _ => return None,
        };
        Some((Ino(u64::from_be_bytes(*ino)), what))
    }

    /// What a key leads to.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum What<'a> {
        Inode,
        Name(&'a [u8]),
        Attribute(&'a [u8]),
        Extent(u64),
        Target,
        Orphan(Ino),
    }
}
