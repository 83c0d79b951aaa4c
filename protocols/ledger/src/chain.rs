//! Where the ledger stands.

use allod_wire::{BlockId, Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::record::Record;
use crate::{Parameters, beacon};

/// Which block was applied last, and what later ones need to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Chain {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// When it began.
    #[n(1)]
    pub genesis: Instant,
    /// The height of the last block; 0 at the beginning.
    #[n(2)]
    pub height: u64,
    /// Its time.
    #[n(3)]
    pub at: Instant,
    /// The first block of this epoch, for work done in it.
    #[n(4)]
    pub mark: BlockId,
    /// The first block of the epoch before.
    #[n(5)]
    pub mark_before: BlockId,
    /// The round of the beacon that may be told in this epoch: the first that was
    /// not due at the time of the epoch's first block.
    #[n(6)]
    pub round: u64,
}

impl Chain {
    /// Goes on to the next block.
    pub(crate) fn follow(&mut self, rules: &Parameters, height: u64, at: Instant, id: BlockId) {
        self.height = height;
        self.at = at;
        if height.is_multiple_of(rules.epoch_heights) {
            self.mark_before = core::mem::replace(&mut self.mark, id);
            self.round = beacon::unknown_at(self.genesis, rules, at);
        }
    }
}

impl Record for Chain {
    type Id = ();
    const KIND: &'static str = "chain";
}

impl Wire for Chain {
    const SIZE_MAX: usize = 192;
}
