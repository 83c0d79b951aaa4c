//! How a guardian's part in its network goes, for those who watch over it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use allod_ledger::{Chain, Parameters};
use allod_wire::{GuardianId, Instant, NetworkId};

use super::ChainError;
use super::keys::HeldKeys;
use super::ordering::simplex::Tuning;
use super::ordering::{self, Ended, Ordering};
use super::readiness::{self, Unready};
use super::store::Store;

/// Where a guardian's chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The network.
    pub network: NetworkId,
    /// This guardian.
    pub guardian: GuardianId,
    /// The last height in this guardian's ledger.
    pub height: u64,
    /// The time of that block: its leader's, and not ahead of the clocks of those
    /// that voted for it.
    pub at: Instant,
    /// The epoch that the height is in.
    pub epoch: u64,
    /// The height of the newest certificate, if there is one.
    pub certified: Option<u64>,
    /// The keys that guardians hold together, and of which generation this one
    /// holds a share.
    pub keys: Vec<(String, Option<u32>)>,
    /// How ordering goes.
    pub ordering: ordering::Status,
}

impl Standing {
    /// How long ago the last block was made, by a clock that says `now`, in
    /// milliseconds; 0 where that clock is behind.
    pub fn block_age_ms(&self, now: Instant) -> u64 {
        now.ms_since(self.at)
    }
}

/// Watches a chain that is up. It stays good when the chain has ended, and says so.
#[derive(Clone)]
pub struct Watch {
    pub(super) me: GuardianId,
    pub(super) store: Arc<Store>,
    pub(super) held: Arc<HeldKeys>,
    pub(super) ordering: Arc<dyn Ordering>,
    pub(super) tuning: Tuning,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Watch {
    /// Where the chain stands. Reads the disk.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn standing(&self) -> Result<Standing, ChainError> {
        let ledger = self.store.newest()?;
        let chain: Chain = ledger.expect(&())?;
        let rules: Parameters = ledger.expect(&())?;
        let certified = self.store.certificate(0..=u64::MAX)?.map(|known| known.checkpoint.height);
        Ok(Standing {
            network: chain.network,
            guardian: self.me,
            height: chain.height,
            at: chain.at,
            epoch: chain.height / rules.epoch_heights.max(1),
            certified,
            keys: self.held.generations(),
            ordering: self.ordering.status(),
        })
    }

    /// Whether the chain does its part when the clock says `now`, as far as its
    /// standing tells, and if not, why.
    ///
    /// # Errors
    /// [`Unready`].
    pub fn ready(&self, standing: &Standing, now: Instant) -> Result<(), Unready> {
        match self.ended() {
            Some(why) => Err(Unready::Ended(why)),
            None => readiness::judge(standing, &self.tuning, now),
        }
    }

    /// The engine's metrics, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.ordering.metrics()
    }

    fn ended(&self) -> Option<Ended> {
        let mut ended = self.ordering.ended();
        match ended.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(why) => Some(why),
            Poll::Pending => None,
        }
    }
}
