//! What keeps a guardian's chain from going on.

use crate::files::FileError;

/// Everything that the chain's shell refuses or fails at.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store failed, in its words.
    #[error("the ledger's store: {0}")]
    Store(String),
    /// The ledger at that height is not here: pruned, or to come.
    #[error("the ledger of height {height} is not kept here")]
    NotKept {
        /// Which.
        height: u64,
    },
    /// The ledger refused a block, which means that the store is damaged.
    #[error("the ledger: {0}")]
    Ledger(#[from] allod_ledger::Error),
    /// A file that should hold a genesis holds something else.
    #[error("{path} is not a network's genesis: {why}")]
    Genesis {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The store is another network's.
    #[error("the store is that of the network {found}, not of {expected}")]
    OtherNetwork {
        /// Whose it is.
        found: allod_wire::NetworkId,
        /// Whose it should be.
        expected: allod_wire::NetworkId,
    },
    /// What the ledger says of a shared key makes no sense.
    #[error(transparent)]
    Key(#[from] allod_guardian::keyholder::Inconsistent),
    /// Ordering could not begin or has ended.
    #[error("ordering: {0}")]
    Ordering(String),
    /// The journal of votes is gone, so that this guardian might vote twice.
    #[error(
        "this guardian has voted before, and the journal of its votes is gone. So that it does not vote \
         twice, which would cost its bond, it goes on only from a newer ledger of other guardians, and \
         none of them offers one now. Start it again when others can be reached; if that does not come \
         about, let it join under a new key"
    )]
    VotesLost,
}

impl From<String> for ChainError {
    fn from(why: String) -> Self {
        Self::Store(why)
    }
}
