//! Why something asked of the ledger did not come about.

use allod_guardian::client::Fault;
use allod_wire::{Instant, OperationId};

use crate::FileError;

/// Why something asked of the ledger did not come about.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file of the home folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// No guardian is known that could be asked.
    #[error("no guardian is known here that takes part in a network")]
    NoGuardian,
    /// No guardian answered; the last one's trouble.
    #[error("none of the guardians answered: {0}")]
    Unreachable(Fault),
    /// Guardians do not agree which network this is.
    #[error(
        "the guardians do not agree which network they are: {agreeing} of {asked} say the same, {needed} are needed"
    )]
    Disagree {
        /// How many say the same.
        agreeing: usize,
        /// How many were asked.
        asked: usize,
        /// How many must say the same.
        needed: usize,
    },
    /// Too many guardians are silent to know which network this is.
    #[error(
        "too few guardians answered which network they are: {agreeing} of {asked} say the same, {needed} are needed"
    )]
    TooSilent {
        /// How many say the same.
        agreeing: usize,
        /// How many were asked.
        asked: usize,
        /// How many must say the same.
        needed: usize,
        /// Who did not answer, and with what trouble.
        silent: Vec<(String, Fault)>,
    },
    /// The guardians have not made the network's key yet.
    #[error("the guardians have not made their common key yet; try again in a minute")]
    NoKey,
    /// What a guardian sent is not what was asked for.
    #[error("what a guardian sent makes no sense: {0}")]
    Garbage(String),
    /// The ledger refused the operation, for good.
    #[error("the ledger refused: {0}")]
    Refused(String),
    /// No guardian passes the operation on. One that keeps it may do so later.
    #[error("the guardians do not pass it on: {why}")]
    Declined {
        /// What one of them said.
        why: String,
        /// Until when it can still come about.
        until: Instant,
    },
    /// The operation did not come up in time. It may still.
    #[error("operation {id} did not come up in the ledger in time; it still may")]
    Pending {
        /// The operation.
        id: OperationId,
        /// Until when it can still come about.
        until: Instant,
    },
    /// The operation was taken in, and nobody knows with what outcome.
    #[error("operation {0} is in the ledger, but the guardians do not know any more what came of it")]
    Unclear(OperationId),
    /// The network's time and this device's clock are hours apart.
    #[error("the network's time is {network}, and this device's clock says {device}", network = network.0, device = device.0)]
    Apart {
        /// What the network signed last, in milliseconds since 1970.
        network: Instant,
        /// What this device's clock says.
        device: Instant,
    },
    /// The network asks for more work than this device does.
    #[error("the network asks for {bits} bits of work, which takes this device too long")]
    TooMuchWork {
        /// Zero bits.
        bits: u8,
    },
    /// A proof was not good.
    #[error(transparent)]
    Proof(#[from] allod_ledger::Error),
    /// The ledger has no such key, or its guardians have not made it yet.
    #[error("the guardians have no common key that is called {0:?}, or have not made it yet")]
    NoSuchKey(String),
    /// This device is new to the ledger, and the person's other devices can still object.
    #[error("this device is new to the ledger: it waits, so that the person's other devices can object")]
    Waiting {
        /// Until when.
        until: Instant,
    },
    /// A change that the root alone signed waits on the ledger, and is not the one that
    /// this device's log has there.
    #[error("another change to the identity, which this device does not know, waits on the ledger")]
    OtherWaits {
        /// Until when.
        until: Instant,
    },
    /// A device of the person objected to what the root alone signed.
    #[error("another of the person's devices objected to this one on the ledger")]
    Objected {
        /// From when on it can be asked for again.
        until: Instant,
    },
    /// The ledger does not know this device.
    #[error("the ledger does not know this device as one of the identity's")]
    Stranger,
    /// No change that the root alone signed waits.
    #[error("no change to the identity waits on the ledger")]
    NothingWaits,
    /// The network has not signed a checkpoint that is new enough.
    #[error("the guardians have not signed height {height} yet")]
    NotCertified {
        /// Which height.
        height: u64,
    },
}
