//! What a leader proposes, and what a voter finds good.
//!
//! A voter's judgement rests on the block, its parent, and the voter's clock. A
//! block from the future is not refused: the vote waits until the clock has come
//! near enough, or the view is over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use allod_wire::Instant;
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_consensus::simplex::types::Context;
use commonware_consensus::{Application, Epochable, Viewable};
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::ed25519::PublicKey;
use commonware_cryptography::{Digested, Digestible};
use commonware_runtime::Clock;
use futures_util::StreamExt;

use super::super::{
    self as ordering, Block, BlockDigest, FREE_MAX, Header, Kind, Operation, OperationHash, TIME_AHEAD_MS_MAX,
};
use super::convert::{Scheme, verifying_key};
use super::shared::Shared;

/// How many final heights the application may be behind, and this node lead all
/// the same. A leader that stands back costs a view, so the chain goes on as
/// fast as the applications of most nodes do.
const LAG_MAX: u64 = 64;

#[derive(Clone)]
pub(super) struct Proposer {
    pub(super) shared: Arc<Shared>,
}

impl<E: Clock> Application<E> for Proposer {
    type SigningScheme = Scheme;
    type Context = Context<Digest, PublicKey>;
    type Block = Block;
    type Input = ();

    async fn propose(
        &mut self,
        (clock, context): (E, Self::Context),
        mut ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Option<Digested<Block>> {
        // While blocks wait to be applied, no more are made.
        if self.shared.lag() > LAG_MAX {
            return None;
        }
        let parent = ancestry.next().await?;
        let taken = self.taken(&parent, ancestry).await;
        self.wait_for_operations(&clock, &taken).await;
        let candidates = self.shared.pool().candidates(&taken);
        let mut budget = Budget::new(&*self.shared.application);
        let operations = candidates.into_iter().filter(|one| budget.takes(one)).collect();
        let earliest = parent.inner().header().time.plus_ms(1);
        let header = Header {
            height: parent.inner().header().height + 1,
            parent: parent.digest().into(),
            epoch: context.epoch().get(),
            view: context.view().get(),
            parent_view: context.parent.0.get(),
            leader: verifying_key(&context.leader).0,
            time: now(&clock).max(earliest),
            operations: [0; 32],
        };
        let block = Block::new(header, operations);
        let digest = Digestible::digest(&block);
        Some(Digested::precomputed(block, digest))
    }

    async fn verify(
        &mut self,
        (clock, context): (E, Self::Context),
        mut ancestry: impl Ancestry<Block>,
    ) -> bool {
        let (Some(block), Some(parent)) = (ancestry.next().await, ancestry.next().await) else {
            return false;
        };
        let (header, before) = (block.inner().header(), parent.inner().header());
        let good = header.height == before.height + 1
            && header.parent == BlockDigest::from(parent.digest())
            && header.epoch == context.epoch().get()
            && header.view == context.view().get()
            && header.parent_view == context.parent.0.get()
            && header.leader == verifying_key(&context.leader).0
            && header.time > before.time
            && distinct(block.inner().hashes())
            && acceptable(&*self.shared.application, block.inner().operations());
        if good {
            let acceptable_ms = header.time.0.saturating_sub(TIME_AHEAD_MS_MAX);
            match UNIX_EPOCH.checked_add(Duration::from_millis(acceptable_ms)) {
                Some(acceptable) if acceptable > clock.current() => clock.sleep_until(acceptable).await,
                Some(_) => {}
                // No clock gets there.
                None => return false,
            }
        }
        good
    }
}

/// How much of what nobody pays for a block may have yet.
struct Budget<'a> {
    application: &'a dyn ordering::Application,
    free: usize,
}

impl<'a> Budget<'a> {
    fn new(application: &'a dyn ordering::Application) -> Self {
        Self { application, free: FREE_MAX }
    }

    /// Whether the block may have this operation, after those before.
    fn takes(&mut self, operation: &Operation) -> bool {
        match self.application.kind(operation.bytes()) {
            Kind::Paid => true,
            Kind::Free => {
                let left = self.free.checked_sub(1);
                self.free = left.unwrap_or(0);
                left.is_some()
            }
            Kind::Nonsense => false,
        }
    }
}

/// Whether an honest leader could have chosen these operations.
pub(super) fn acceptable(application: &dyn ordering::Application, operations: &[Operation]) -> bool {
    let mut budget = Budget::new(application);
    operations.iter().all(|operation| budget.takes(operation))
}

impl Proposer {
    /// The operations of blocks that are not final yet, from `block` down.
    async fn taken(
        &self,
        block: &Digested<Block>,
        mut ancestry: impl Ancestry<Block>,
    ) -> BTreeSet<OperationHash> {
        let mut taken = BTreeSet::new();
        let mut next = Some(block.clone());
        while let Some(block) = next {
            if block.inner().header().height <= self.shared.height_applied() {
                break;
            }
            taken.extend(block.inner().hashes());
            next = ancestry.next().await;
        }
        taken
    }

    /// Returns when there is something to propose, or when it has been idle for
    /// long enough.
    async fn wait_for_operations(&self, clock: &impl Clock, taken: &BTreeSet<OperationHash>) {
        let mut idle = std::pin::pin!(clock.sleep(Duration::from_millis(self.shared.tuning.idle_ms)));
        loop {
            let mut arrived = std::pin::pin!(self.shared.arrived.notified());
            // From here on, an arrival is not missed.
            arrived.as_mut().enable();
            if self.shared.pool().has_candidates(taken) {
                return;
            }
            tokio::select! {
                biased;
                () = &mut arrived => {}
                () = &mut idle => return,
            }
        }
    }
}

fn distinct(hashes: &[OperationHash]) -> bool {
    hashes.iter().collect::<BTreeSet<_>>().len() == hashes.len()
}

fn now(clock: &impl Clock) -> Instant {
    let since = clock.current().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
