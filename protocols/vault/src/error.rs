//! What can go wrong in a vault, naming what is damaged and where.

use core::fmt;

use crate::blocks::BlocksError;
use crate::object::ObjectId;

/// Why a vault did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// The place where the blocks are failed.
    Blocks(BlocksError),
    /// There is no room for more data. What is there can be read and removed.
    Full,
    /// Nothing that the key opens is here: another key's vault, none at all, or one of
    /// which both checkpoints are damaged.
    NotHere,
    /// The vault was written in a format that this program does not know.
    Format(u16),
    /// The place holds too few bytes for a vault.
    TooSmall {
        /// How many there have to be.
        size_min: u64,
    },
    /// A part of the vault is not what was written there.
    Damaged(Damage),
    /// No object with this id is in the vault.
    Missing(ObjectId),
    /// More bytes than may be stored as one.
    TooLarge {
        /// How many there may be.
        size_max: usize,
    },
    /// What was asked cannot be done to these files.
    Refused(Refusal),
    /// Keys of another space, or an older ring of this one.
    OtherKeys,
    /// An earlier write failed in a way after which nobody knows what is durable. The
    /// vault can be read; to write, open it again.
    ReadOnly,
}

/// Why something cannot be done to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such file, name or attribute.
    NotFound,
    /// The name is taken, or the attribute exists.
    Exists,
    /// It is not a directory.
    NotDirectory,
    /// It is a directory.
    IsDirectory,
    /// The directory has something in it.
    NotEmpty,
    /// The name or path is too long.
    NameTooLong,
    /// The name is empty, or has a character that no name may have.
    BadName,
    /// A directory would be within itself.
    WithinItself,
    /// The file has as many names as it may.
    TooManyLinks,
    /// The size is more than a file may have.
    TooLarge,
    /// That makes no sense for what it is.
    WrongKind,
}

/// Something that was changed since it was written, or never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What it is a part of.
    pub part: Part,
    /// Where it is, in bytes from the vault's start.
    pub at: u64,
}

/// What may be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An object: what was stored, or a node of the tree that leads there.
    Object(ObjectId),
    /// A node of the index.
    Index,
    /// A page of the table of segments.
    Table,
    /// A value in a tree of files.
    Tree,
    /// The list of what is in a segment.
    Summary,
    /// One of the two checkpoints.
    Checkpoint,
}

impl From<Refusal> for VaultError {
    fn from(why: Refusal) -> Self {
        Self::Refused(why)
    }
}

impl From<BlocksError> for VaultError {
    fn from(why: BlocksError) -> Self {
        match why {
            BlocksError::Full => Self::Full,
            BlocksError::Failed(_) => Self::Blocks(why),
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks(why) => write!(f, "the vault's blocks: {why}"),
            Self::Full => f.write_str("there is no room for more; what is there can be read and removed"),
            Self::NotHere => {
                f.write_str("no vault of this key is here, or both of its checkpoints are damaged")
            }
            Self::Format(format) => {
                write!(f, "the vault has format {format}, which this program does not know")
            }
            Self::TooSmall { size_min } => write!(f, "a vault needs {size_min} bytes at least"),
            Self::Damaged(damage) => write!(f, "{damage}"),
            Self::Missing(id) => write!(f, "no object {id} is in the vault"),
            Self::TooLarge { size_max } => write!(f, "at most {size_max} bytes are stored as one"),
            Self::Refused(why) => f.write_str(match why {
                Refusal::NotFound => "it does not exist",
                Refusal::Exists => "it exists already",
                Refusal::NotDirectory => "it is not a directory",
                Refusal::IsDirectory => "it is a directory",
                Refusal::NotEmpty => "the directory is not empty",
                Refusal::NameTooLong => "the name is too long",
                Refusal::BadName => "nothing can have this name",
                Refusal::WithinItself => "a directory cannot be within itself",
                Refusal::TooManyLinks => "it has as many names as it can",
                Refusal::TooLarge => "no file can be so large",
                Refusal::WrongKind => "that cannot be done to what it is",
            }),
            Self::OtherKeys => f.write_str("the keys are not those of this space, or older"),
            Self::ReadOnly => f.write_str(
                "an earlier write failed, and it is unknown what is durable; open the vault again",
            ),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} is damaged", self.part, self.at)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(id) => write!(f, "object {id}"),
            Self::Index => f.write_str("a node of the index"),
            Self::Table => f.write_str("a page of the table of segments"),
            Self::Tree => f.write_str("a value in the tree of files"),
            Self::Summary => f.write_str("the summary of a segment"),
            Self::Checkpoint => f.write_str("a checkpoint"),
        }
    }
}

impl core::error::Error for VaultError {}
