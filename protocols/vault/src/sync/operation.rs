//! What devices do to the files of a space, as each tells the others: operations.
//!
//! # Entities
//! An *entry* is a name in a directory; a directory is an entry itself. A *file* is a content
//! with attributes; an entry leads to it, or several do. So a rename is another place of an
//! entry, and hard links are two entries of one file. Their ids are 16 bytes, and so are
//! those of operations: an entity has the id of the operation that made it.
//!
//! # What an operation had seen
//! An operation that replaces or removes names what it replaces or removes. So nothing is
//! taken away that whoever did it had not seen, and what follows from a set of operations does
//! not depend on which of them came first.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};

use super::batch::BatchId;
use crate::files::{ATTRIBUTE_MAX, NAME_MAX, SIZE_MAX, TARGET_MAX, Time};
use crate::object::{CONTENT_MAX, ObjectId};

/// The id of an entry, of a file, or of an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Id(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl Id {
    /// The directory where all paths begin.
    pub const TOP: Self = Self([0; 16]);
}

/// The most ids that an operation names as replaced or removed.
pub const SEEN_MAX: usize = 1024;

/// The most bytes of a device's name.
pub const DEVICE_NAME_MAX: usize = 64;

/// The most parts of a content that are in the operation itself.
pub const PARTS_MAX: usize = 64;

/// The most bytes of a part that are in the part itself.
pub const PART_MAX: usize = 4 << 10;

/// The most objects that an operation names as lists of parts, or as lists of such lists.
pub const LISTS_MAX: usize = if cfg!(test) { 16 } else { 2048 };

/// Something that a device did.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Operation {
    /// The device says what it is called. Its first name counts.
    #[n(0)]
    Name {
        /// The name, for people.
        #[n(0)]
        name: String,
    },
    /// Puts an entry somewhere: a new one, or one that was elsewhere.
    #[n(1)]
    Place {
        /// The entry. A new one has the id of this operation.
        #[n(0)]
        entry: Id,
        /// The directory that it is in.
        #[n(1)]
        parent: Id,
        /// Its name there.
        #[cbor(n(2), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// What has the name.
        #[n(3)]
        target: Target,
        /// The places of the entry that this one is instead of.
        #[n(4)]
        instead: Vec<Id>,
    },
    /// Removes an entry.
    #[n(2)]
    Remove {
        /// The entry.
        #[n(0)]
        entry: Id,
        /// The places of it that were seen.
        #[n(1)]
        places: Vec<Id>,
        /// Of the last name of a file: the contents that were seen.
        #[n(2)]
        contents: Vec<Id>,
    },
    /// Gives a file its content.
    #[n(3)]
    Content {
        /// The file. A new one has the id of this operation.
        #[n(0)]
        file: Id,
        /// The content.
        #[n(1)]
        content: Content,
        /// The contents of the file that this one is instead of.
        #[n(2)]
        instead: Vec<Id>,
    },
    /// Says who may do what with a file or a directory.
    #[n(4)]
    Permit {
        /// The file, or the entry of a directory.
        #[n(0)]
        of: Id,
        /// The lower twelve bits of a POSIX mode.
        #[n(1)]
        permissions: u16,
    },
    /// Sets or removes an extended attribute.
    #[n(5)]
    Attribute {
        /// The file, or the entry of a directory.
        #[n(0)]
        of: Id,
        /// The attribute's name.
        #[cbor(n(1), with = "minicbor::bytes")]
        name: Vec<u8>,
        /// Its value; nothing removes it.
        #[cbor(n(2), with = "minicbor::bytes")]
        value: Option<Vec<u8>>,
    },
    /// Says that the device had these batches, and those before them, when it did not know yet that
    /// their devices do not belong any more: so others take them, too.
    #[n(6)]
    Vouch {
        /// The last of them.
        #[n(0)]
        last: Vec<BatchId>,
    },
}

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Target {
    /// A directory, which is the entry itself.
    #[n(0)]
    Directory,
    /// A file.
    #[n(1)]
    File(#[n(0)] Id),
}

/// What a file has in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Content {
    /// It itself.
    #[n(0)]
    pub data: Data,
    /// When it was changed.
    #[n(1)]
    pub modified: Time,
}

/// A content, by what kind of file has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Data {
    /// Bytes.
    #[n(0)]
    File {
        /// How many.
        #[n(0)]
        size: u64,
        /// Those that are not zeros.
        #[n(1)]
        parts: Parts,
    },
    /// A path to another.
    #[n(1)]
    Symlink(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A pipe with a name.
    #[n(2)]
    Pipe,
    /// A socket with a name.
    #[n(3)]
    Socket,
    /// A device that is read by characters, with its number.
    #[n(4)]
    Characters(#[n(0)] u32),
    /// A device that is read by blocks, with its number.
    #[n(5)]
    Blocks(#[n(0)] u32),
}

/// The parts of a file's bytes, in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Parts {
    /// The parts themselves, where they are few.
    #[n(0)]
    Here(#[n(0)] Vec<Part>),
    /// Objects that list them, one after the other; see [`PartList`].
    #[n(1)]
    Listed(#[n(0)] Vec<ObjectId>),
    /// Objects that list such objects, where these are too many; see [`ListList`].
    #[n(2)]
    Deep(#[n(0)] Vec<ObjectId>),
}

/// A part of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Part {
    /// Where it begins.
    #[n(0)]
    pub start: u64,
    /// What is there.
    #[n(1)]
    pub bytes: PartBytes,
}

/// The bytes of a part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum PartBytes {
    /// A part of an object's content.
    #[n(0)]
    Object {
        /// The object.
        #[n(0)]
        id: ObjectId,
        /// From where in it.
        #[n(1)]
        from: u32,
        /// How many bytes.
        #[n(2)]
        size: u32,
    },
    /// The bytes themselves.
    #[n(1)]
    Here(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
}

/// The content of an object that lists parts of a large file: one at least.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct PartList(#[n(0)] pub Vec<Part>);

/// The content of an object that lists objects with a [`PartList`] each: one at least.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct ListList(#[n(0)] pub Vec<ObjectId>);

impl allod_wire::Wire for ListList {
    const SIZE_MAX: usize = CONTENT_MAX;
}

impl allod_wire::Wire for PartList {
    const SIZE_MAX: usize = CONTENT_MAX;
}

/// An operation says something that none can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Senseless;

impl Operation {
    /// Whether it is one that a device can have done, for all that can be told from it alone.
    ///
    /// # Errors
    /// [`Senseless`].
    pub fn check(&self) -> Result<(), Senseless> {
        let few = |ids: &[Id]| ids.len() <= SEEN_MAX;
        let is_sound = match self {
            Self::Name { name } => {
                let is_shown = |letter: char| !letter.is_control() && letter != '/';
                !name.is_empty() && name.len() <= DEVICE_NAME_MAX && name.chars().all(is_shown)
            }
            Self::Place { entry, name, instead, .. } => *entry != Id::TOP && is_name(name) && few(instead),
            Self::Remove { entry, places, contents } => *entry != Id::TOP && few(places) && few(contents),
            Self::Content { content, instead, .. } => few(instead) && content.check().is_ok(),
            Self::Vouch { last } => last.len() <= SEEN_MAX,
            Self::Permit { permissions, .. } => *permissions <= 0o7777,
            Self::Attribute { name, value, .. } => {
                let is_name = !name.is_empty() && name.len() <= NAME_MAX && !name.contains(&0);
                is_name && value.as_ref().is_none_or(|value| value.len() <= ATTRIBUTE_MAX)
            }
        };
        is_sound.then_some(()).ok_or(Senseless)
    }
}

impl Content {
    fn check(&self) -> Result<(), Senseless> {
        let is_sound = match &self.data {
            Data::File { size, parts } => {
                *size <= SIZE_MAX
                    && match parts {
                        Parts::Here(parts) => {
                            parts.len() <= PARTS_MAX && check_parts(parts, 0, *size).is_ok()
                        }
                        Parts::Listed(lists) | Parts::Deep(lists) => {
                            // What is named twice is read twice, and nobody has to send it twice.
                            let different: BTreeSet<&ObjectId> = lists.iter().collect();
                            !lists.is_empty() && lists.len() <= LISTS_MAX && different.len() == lists.len()
                        }
                    }
            }
            Data::Symlink(target) => !target.is_empty() && target.len() <= TARGET_MAX && !target.contains(&0),
            Data::Pipe | Data::Socket | Data::Characters(_) | Data::Blocks(_) => true,
        };
        (is_sound && self.modified.nanoseconds < 1_000_000_000).then_some(()).ok_or(Senseless)
    }
}

/// Whether these parts can follow what ends at `from`, in a file of this size. With where
/// they end.
///
/// # Errors
/// [`Senseless`], where they overlap, are empty, or are beyond the end.
pub fn check_parts(parts: &[Part], from: u64, size: u64) -> Result<u64, Senseless> {
    parts.iter().try_fold(from, |end, part| {
        let length = match &part.bytes {
            PartBytes::Object { from, size, .. } => {
                let within = from.checked_add(*size).is_some_and(|end| end as usize <= CONTENT_MAX);
                within.then_some(u64::from(*size)).ok_or(Senseless)?
            }
            PartBytes::Here(bytes) if bytes.len() <= PART_MAX => bytes.len() as u64,
            PartBytes::Here(_) => return Err(Senseless),
        };
        let next = part.start.checked_add(length).filter(|next| *next <= size).ok_or(Senseless)?;
        if part.start < end || length == 0 { Err(Senseless) } else { Ok(next) }
    })
}

/// Whether an entry can have this name.
fn is_name(name: &[u8]) -> bool {
    let is_special = name.is_empty() || name == b"." || name == b"..";
    !is_special && name.len() <= NAME_MAX && !name.iter().any(|byte| *byte == b'/' || *byte == 0)
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Senseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operation that nobody can have done")
    }
}

impl core::error::Error for Senseless {}
