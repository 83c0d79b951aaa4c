//! What an operation is judged by: when and where it stands, and who asks.

use allod_did::Did;
use allod_wire::{GuardianId, Instant, NetworkId, OperationId};

use crate::{Parameters, Rejection};

/// What the rules look at beside the ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) network: NetworkId,
    pub(crate) genesis: Instant,
    pub(crate) rules: Parameters,
    pub(crate) height: u64,
    pub(crate) at: Instant,
    pub(crate) epoch: u64,
    /// The beacon's round that may be told in this epoch.
    pub(crate) round: u64,
    pub(crate) operation: OperationId,
}

/// Who was found to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// A person, through one of their devices.
    Person(Did),
    /// A guardian.
    Guardian(GuardianId),
    /// Nobody.
    Nobody,
}

impl Author {
    /// # Errors
    /// [`Rejection::WrongAuthor`].
    pub(crate) fn person(self) -> Result<Did, Rejection> {
        match self {
            Self::Person(did) => Ok(did),
            _ => Err(Rejection::WrongAuthor),
        }
    }

    /// # Errors
    /// [`Rejection::WrongAuthor`].
    pub(crate) fn guardian(self) -> Result<GuardianId, Rejection> {
        match self {
            Self::Guardian(id) => Ok(id),
            _ => Err(Rejection::WrongAuthor),
        }
    }
}
