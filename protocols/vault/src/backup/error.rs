//! What can go wrong with a backup, and what peers can be found to do.

use core::fmt;

use minicbor::{Decode, Encode};

use super::shard::ShardId;
use crate::error::VaultError;

/// Why a backup was not made, or does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupError {
    /// No code has these numbers of shards.
    Code {
        /// How many shards would be needed.
        needed: u8,
        /// How many there would be.
        all: u8,
    },
    /// Fewer good shards than are needed.
    TooFewShards {
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A shard was handed in twice, or under a number that the code does not have, or with
    /// another size than it has.
    Shards,
    /// A pack did not come out as it was sealed, though its shards are the right ones.
    Pack(u64),
    /// The catalogue has a format that this program does not know.
    Format(u16),
    /// There is more in the catalogue than a peer takes.
    CatalogueTooLarge,
    /// The vault itself.
    Vault(VaultError),
}

/// What is wrong with what a peer answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Lie {
    /// The head is not signed by the account's key.
    #[n(0)]
    Forged,
    /// The head is another account's.
    #[n(1)]
    OtherAccount,
    /// What it has beside the head is not the catalogue that the head is of, or nothing.
    #[n(2)]
    NoCatalogue,
    /// The catalogue is signed, and does not open.
    #[n(3)]
    Unreadable,
    /// It shows an older catalogue than it said it had.
    #[n(4)]
    PutBack {
        /// The generation that it showed.
        #[n(0)]
        shown: u64,
        /// The newest that it had said was durable.
        #[n(1)]
        acknowledged: u64,
    },
    /// These bytes are not the shard that was asked for.
    #[n(5)]
    WrongShard(#[n(0)] ShardId),
    /// The answer to a challenge does not lead to the shard's id.
    #[n(6)]
    WrongAnswer(#[n(0)] ShardId),
    /// It has not the shard that it took.
    #[n(7)]
    NoShard(#[n(0)] ShardId),
}

impl Lie {
    /// Whether it lacks what it took, or shows something else for it.
    pub fn is_about_keeping(&self) -> bool {
        matches!(self, Self::WrongShard(_) | Self::WrongAnswer(_) | Self::NoShard(_))
    }
}

impl From<VaultError> for BackupError {
    fn from(why: VaultError) -> Self {
        Self::Vault(why)
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { needed, all } => write!(f, "nothing can be divided {needed} of {all}"),
            Self::TooFewShards { found, needed } => {
                write!(f, "{found} good shards of a pack were found, and {needed} are needed")
            }
            Self::Shards => f.write_str("the shards of a pack do not belong together"),
            Self::Pack(number) => write!(f, "pack {number} is not what was sealed"),
            Self::Format(format) => {
                write!(f, "the catalogue has format {format}, which this program does not know")
            }
            Self::CatalogueTooLarge => f.write_str("there are more packs than a catalogue lists"),
            Self::Vault(why) => write!(f, "{why}"),
        }
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("it showed a catalogue that you did not sign"),
            Self::OtherAccount => f.write_str("it showed another account's catalogue"),
            Self::NoCatalogue => f.write_str("it has not the catalogue that it has the signed head of"),
            Self::Unreadable => f.write_str("it showed a catalogue that does not open"),
            Self::PutBack { shown, acknowledged } => write!(
                f,
                "it showed catalogue {shown}, and had said that catalogue {acknowledged} was safe with it"
            ),
            Self::WrongShard(id) => write!(f, "it gave other bytes for shard {id}"),
            Self::WrongAnswer(id) => write!(f, "it could not show a part of shard {id}"),
            Self::NoShard(id) => write!(f, "it has lost shard {id}"),
        }
    }
}

impl core::error::Error for BackupError {}

impl core::error::Error for Lie {}
