//! What goes into a keyholder and what comes out of it.

use alloc::vec::Vec;
use core::fmt;

use allod_wire::SessionId;

use super::record::Record;
use super::view::View;

/// Names a write.
pub type PersistId = u64;

/// What happens to a keyholder.
#[derive(Debug)]
pub enum Input {
    /// The ledger says this of the key now.
    Follow(View),
    /// A write is durable.
    Persisted(PersistId),
    /// A write failed; nothing of it may be assumed to be stored.
    PersistFailed(PersistId),
}

/// What a keyholder wants done.
#[derive(Debug)]
pub enum Output {
    /// Make this durable in place of the record before, whose secrets must be
    /// beyond recovery from then on; then say so.
    Persist {
        /// To be given back.
        id: PersistId,
        /// What is kept.
        record: Record,
    },
    /// Hand this in to the ledger, signed as this guardian.
    Post(Post),
    /// Something that an operator wants to know.
    Event(Event),
}

/// What is handed in to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// The key for this session, 32 bytes, and the proof that somebody has its
    /// secret, 64 bytes.
    Announce {
        /// Which session.
        session: SessionId,
        /// Key and proof.
        key: Vec<u8>,
    },
    /// A dealing.
    Deal {
        /// Which session.
        session: SessionId,
        /// An encoded [`allod_threshold::dealing::Dealing`].
        dealing: Vec<u8>,
    },
    /// A complaint about a dealing.
    Complain {
        /// Which session.
        session: SessionId,
        /// An encoded [`allod_threshold::dealing::Complaint`].
        complaint: Vec<u8>,
    },
    /// All dealings that stand are good.
    Ready {
        /// Which session.
        session: SessionId,
    },
}

/// What happened, for an operator. Never with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The share of this generation is held now.
    Holds {
        /// The generation.
        generation: u32,
    },
    /// The share of this generation was forgotten.
    Forgot {
        /// The generation.
        generation: u32,
    },
    /// The guardian is to hold a share of this generation and cannot compute it.
    /// The others go on without it until the key is handed on again.
    Lacks {
        /// The generation.
        generation: u32,
    },
    /// A dealer dealt wrong.
    Accused {
        /// The dealer's index.
        dealer: u16,
    },
}

/// Why a keyholder cannot go on with a view: it contradicts itself, so the
/// ledger's copy here is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistent(pub allod_threshold::Error);

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what the ledger says of the key makes no sense: {}", self.0)
    }
}

impl core::error::Error for Inconsistent {}

impl From<allod_threshold::Error> for Inconsistent {
    fn from(error: allod_threshold::Error) -> Self {
        Self(error)
    }
}
