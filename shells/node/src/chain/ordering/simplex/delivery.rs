//! Final blocks on their way to the application, one by one and in order.
//!
//! The engine may deliver a block again after a restart, and may begin with the
//! block that a snapshot has already; the application may have been set back. What
//! it gets is what it said it lacks, in either case.

use std::sync::Arc;

use commonware_actor::Feedback;
use commonware_consensus::Reporter;
use commonware_consensus::marshal::Update;
use commonware_consensus::types::Height;
use commonware_cryptography::{Digested, Digestible as _};
use commonware_utils::acknowledgement::{Acknowledgement, Exact};
use tokio::sync::mpsc;

use super::super::{Block, Ended, FinalBlock};
use super::convert::{Marshal, Roster};
use super::epochs::Begin;
use super::provider::Schemes;
use super::record::Base;
use super::shared::Shared;

/// Heights between two prunings.
const PRUNE_EVERY: u64 = 64;

/// Takes what the engine delivers.
#[derive(Clone)]
pub(super) struct Inbox {
    shared: Arc<Shared>,
    blocks: mpsc::UnboundedSender<(Digested<Block>, Exact)>,
}

impl Inbox {
    /// The end for the engine, and the end for [`Delivery`]. The engine never has
    /// more than a few blocks under way.
    pub(super) fn new(shared: Arc<Shared>) -> (Self, mpsc::UnboundedReceiver<(Digested<Block>, Exact)>) {
        let (blocks, delivered) = mpsc::unbounded_channel();
        (Self { shared, blocks }, delivered)
    }
}

impl Reporter for Inbox {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        match update {
            Update::Tip(_, height, _) => {
                self.shared.learn(height.get());
                Feedback::Ok
            }
            Update::Block(block, done) => match self.blocks.send((block, done)) {
                Ok(()) => Feedback::Ok,
                Err(_) => Feedback::Closed,
            },
        }
    }
}

/// Hands blocks to the application.
pub(super) struct Delivery {
    pub(super) shared: Arc<Shared>,
    pub(super) marshal: Marshal,
    pub(super) schemes: Schemes,
    pub(super) epochs: mpsc::UnboundedSender<Begin>,
    pub(super) delivered: mpsc::UnboundedReceiver<(Digested<Block>, Exact)>,
}

impl Delivery {
    /// Runs until there is nothing to deliver any more, or something fails.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // The engine ends when a block's acknowledgement is dropped, so the true
        // reason is given before that happens.
        let fail = |why: &Ended| shared.stop(why.clone());
        let _ = self.deliver(&fail).await.inspect_err(fail);
    }

    async fn deliver(&mut self, fail: &impl Fn(&Ended)) -> Result<(), Ended> {
        let mut applied = self.shared.height_applied();
        // An application that was set back gets again what it was given before.
        if let Some(processed) = self.marshal.get_processed().await {
            while applied < processed.height().get() {
                let Some(block) = self.marshal.get_block(Height::new(applied + 1)).await else {
                    return Err(self.behind(applied, processed.height().get()).await);
                };
                self.apply(&block)?;
                applied += 1;
            }
        }
        while let Some((block, done)) = self.delivered.recv().await {
            let height = block.inner().header().height;
            if height > applied {
                let next = if height == applied + 1 {
                    self.apply(&block)
                } else {
                    Err(Ended::Behind { applied, kept: height })
                };
                next.inspect_err(fail)?;
                applied = height;
            }
            done.acknowledge();
            let kept = height.saturating_sub(self.shared.tuning.heights_kept);
            if kept > 0 && height.is_multiple_of(PRUNE_EVERY) {
                self.marshal.prune(Height::new(kept));
            }
        }
        Ok(())
    }

    /// Applies one block; after an epoch's last one, begins the next.
    fn apply(&self, block: &Digested<Block>) -> Result<(), Ended> {
        let block = FinalBlock { digest: block.digest().into(), block: block.inner_shared() };
        self.shared.application.apply(&block)?;
        self.shared.applied(block.block());
        let parameters = &self.shared.parameters;
        let epoch = parameters.epoch_of(block.height());
        if block.height() == parameters.last_height(epoch) {
            let roster = roster(&self.shared, epoch + 1)?;
            // Before the next block can come, whose certificate it takes to check.
            self.schemes.add(epoch + 1, roster.keys());
            let _ = self.epochs.send(Begin { epoch: epoch + 1, base: Base::Block(block.digest()), roster });
        }
        Ok(())
    }

    async fn behind(&self, applied: u64, processed: u64) -> Ended {
        let mut kept = processed;
        while kept > applied && self.marshal.get_block(Height::new(kept - 1)).await.is_some() {
            kept -= 1;
        }
        Ended::Behind { applied, kept }
    }
}

/// The committee of an epoch, as the application says.
pub(super) fn roster(shared: &Shared, epoch: u64) -> Result<Roster, Ended> {
    let committee = shared
        .application
        .committee(epoch)
        .ok_or_else(|| Ended::Committee { epoch, why: "the application does not know it".into() })?;
    Roster::new(&committee).map_err(|why| Ended::Committee { epoch, why })
}
