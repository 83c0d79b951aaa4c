//! What can be done to files: each operation as a value, so that it can be recorded before
//! it is durable in the tree, and done again when the vault is opened.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::inode::{FileKind, Ino, Time};

/// Something done to files. What it depends on, such as the time, is in it, so that doing it
/// again to the same files gives the same files.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Operation {
    /// Makes a file of any kind.
    #[n(0)]
    Make {
        /// The directory that it is in.
        #[n(0)]
        parent: Ino,
        /// Its name there.
        #[cbor(n(1), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// What it is.
        #[n(2)]
        kind: FileKind,
        /// Who may do what.
        #[n(3)]
        permissions: u16,
        /// Its owner.
        #[n(4)]
        owner: u32,
        /// Its group.
        #[n(5)]
        group: u32,
        /// Where a symbolic link leads; empty for all others.
        #[cbor(n(6), with = "minicbor::bytes")]
        target: Vec<u8>,
        /// When.
        #[n(7)]
        now: Time,
    },
    /// Gives a file another name.
    #[n(1)]
    Link {
        /// The file, which is no directory.
        #[n(0)]
        ino: Ino,
        /// The directory of the name.
        #[n(1)]
        parent: Ino,
        /// The name.
        #[cbor(n(2), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// When.
        #[n(3)]
        now: Time,
    },
    /// Takes a name away. A file without a name goes, as soon as nobody has it open.
    #[n(2)]
    Unlink {
        /// The directory of the name.
        #[n(0)]
        parent: Ino,
        /// The name.
        #[cbor(n(1), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// Whether it is a directory, which has to be empty.
        #[n(2)]
        directory: bool,
        /// Whether somebody has the file open, so that it has to stay for now.
        #[n(3)]
        open: bool,
        /// When.
        #[n(4)]
        now: Time,
    },
    /// Moves what has a name to another name.
    #[n(3)]
    Rename {
        /// The directory that it is in.
        #[n(0)]
        from: Ino,
        /// Its name there.
        #[cbor(n(1), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// The directory that it will be in.
        #[n(2)]
        to: Ino,
        /// Its name there.
        #[cbor(n(3), with = "minicbor::bytes")]
        new_name: Vec<u8>,
        /// What becomes of whatever has that name.
        #[n(4)]
        existing: Existing,
        /// Whether somebody has open what is replaced, so that it has to stay for now.
        #[n(5)]
        open: bool,
        /// When.
        #[n(6)]
        now: Time,
    },
    /// Changes what there is of a file apart from names and content, or its size.
    #[n(4)]
    Set {
        /// The file.
        #[n(0)]
        ino: Ino,
        /// What changes.
        #[n(1)]
        changes: Changes,
        /// When.
        #[n(2)]
        now: Time,
    },
    /// Writes bytes into a file.
    #[n(5)]
    Write {
        /// The file.
        #[n(0)]
        ino: Ino,
        /// From where on.
        #[n(1)]
        offset: u64,
        /// What.
        #[cbor(n(2), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        /// When.
        #[n(3)]
        now: Time,
    },
    /// Makes a part of a file zeros, which take no room. Its size stays.
    #[n(6)]
    Punch {
        /// The file.
        #[n(0)]
        ino: Ino,
        /// From where on.
        #[n(1)]
        offset: u64,
        /// How many bytes.
        #[n(2)]
        size: u64,
        /// When.
        #[n(3)]
        now: Time,
    },
    /// Sets or removes an extended attribute.
    #[n(7)]
    Attribute {
        /// The file.
        #[n(0)]
        ino: Ino,
        /// The attribute's name.
        #[cbor(n(1), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// Its value; nothing removes it.
        #[cbor(n(2), with = "minicbor::bytes")]
        value: Option<Vec<u8>>,
        /// Whether it has to exist already, or must not.
        #[n(3)]
        exists: Option<bool>,
        /// When.
        #[n(4)]
        now: Time,
    },
    /// A file without a name that was open is open no more.
    #[n(8)]
    Forget {
        /// The file.
        #[n(0)]
        ino: Ino,
    },
}

/// What becomes of whatever has the new name when something is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Existing {
    /// It is replaced.
    #[n(0)]
    Replace,
    /// It stays, and nothing is renamed.
    #[n(1)]
    Keep,
    /// It gets the old name. Something has to be there.
    #[n(2)]
    Exchange,
}

/// What changes of a file. What is nothing stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Changes {
    /// Who may do what.
    #[n(0)]
    pub permissions: Option<u16>,
    /// Its owner.
    #[n(1)]
    pub owner: Option<u32>,
    /// Its group.
    #[n(2)]
    pub group: Option<u32>,
    /// Its size. What is cut off is gone; what is added is zeros.
    #[n(3)]
    pub size: Option<u64>,
    /// When it was last read.
    #[n(4)]
    pub accessed: Option<Time>,
    /// When its content last changed.
    #[n(5)]
    pub modified: Option<Time>,
}
