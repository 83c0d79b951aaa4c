//! What a guardian does because the ledger asks it to: it takes part in making
//! and handing on keys, has checkpoints signed, tells the beacon's word once an
//! epoch, and hands in evidence.
//!
//! All of it follows from the ledger, so it can be begun again at any time; what
//! two guardians do at once, the ledger takes once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};
use std::time::Duration;

use allod_crypto::sign::SigningKey;
use allod_guardian::keyholder::Post;
use allod_ledger::beacon::{self, Beacon};
use allod_ledger::committee::Committee;
use allod_ledger::evidence::{Conflict, Evidence as Shown, SignedVote, Vote};
use allod_ledger::guardian::Guardian;
use allod_ledger::{Action, Body, Certificate, Chain, Claim, Parameters};
use allod_wire::{BlockId, GuardianId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ChainError;
use super::gather::{Gatherer, Subject};
use super::keys::HeldKeys;
use super::ordering::{Evidence, Ordering, Refusal, Signed, Statement};
use super::store::{At, Store};

/// How long an operation of a guardian has effect, in milliseconds.
const LIFE_MS: u64 = 10 * 60 * 1000;

/// How often duties are looked after though no block came.
const LOOK: Duration = Duration::from_millis(500);

/// What duties work with.
pub(super) struct Duties {
    pub(super) me: GuardianId,
    pub(super) key: SigningKey,
    pub(super) rules: Parameters,
    pub(super) store: Arc<Store>,
    pub(super) held: Arc<HeldKeys>,
    pub(super) gatherer: Arc<Gatherer>,
    pub(super) ordering: Arc<dyn Ordering>,
    /// The last number given to an operation.
    pub(super) nonce: AtomicU64,
}

impl Duties {
    /// Looks after everything at each block, until the channel of heights closes.
    pub(super) async fn run(
        self: Arc<Self>,
        mut heights: watch::Receiver<u64>,
        mut accusations: mpsc::UnboundedReceiver<Evidence>,
    ) {
        // Ends with this task, however it ends.
        let mut signing = JoinSet::new();
        signing.spawn(Arc::clone(&self).sign_checkpoints(heights.clone()));
        loop {
            let this = Arc::clone(&self);
            let Ok(looked) = tokio::task::spawn_blocking(move || this.look_after()).await else { break };
            match looked {
                Ok(Some(round)) => {
                    if let Err(why) = self.tell_beacon(round).await {
                        tracing::warn!(%why, "the beacon could not be told");
                    }
                }
                Ok(None) => {}
                Err(why) => tracing::error!(%why, "a duty could not be done"),
            }
            tokio::select! {
                changed = heights.changed() => if changed.is_err() { break },
                Some(evidence) = accusations.recv() => self.accuse(&evidence),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// What needs nobody else, and the round of the beacon that is to be told.
    fn look_after(&self) -> Result<Option<u64>, ChainError> {
        let ledger = self.store.newest()?;
        for post in self.held.follow(&ledger, crate::now())? {
            self.post(&ledger, post)?;
        }
        let chain: Chain = ledger.expect(&())?;
        self.round_to_tell(&ledger, &chain)
    }

    /// The round of the beacon that it is this guardian's turn to tell: the one
    /// that is this epoch's, once it is due and while nobody has told it. The
    /// members take turns, each a few heights after the one before.
    fn round_to_tell(&self, ledger: &At, chain: &Chain) -> Result<Option<u64>, ChainError> {
        let known: Beacon = ledger.expect(&())?;
        let is_due = chain.at >= beacon::due(chain.genesis, &self.rules, chain.round);
        if !is_due || known.round >= chain.round {
            return Ok(None);
        }
        let number = chain.height / self.rules.epoch_heights;
        let Some(committee) = ledger.find::<Committee>(&number)? else { return Ok(None) };
        let seat = committee.members.iter().position(|seat| seat.guardian == self.me);
        let place = chain.height % self.rules.epoch_heights;
        let turn = seat.is_some_and(|seat| place > 2 * seat as u64);
        Ok(turn.then_some(chain.round))
    }

    async fn tell_beacon(&self, round: u64) -> Result<(), ChainError> {
        let ledger = self.store.newest()?;
        let chain: Chain = ledger.expect(&())?;
        let subject = Subject::Round(chain.network, round);
        if let Some(signature) = self.gatherer.signature(&ledger, &self.held, &subject).await? {
            let signature = signature.bytes().to_vec();
            self.submit(&ledger, Claim::Itself, Action::Beacon { round, signature })?;
        }
        Ok(())
    }

    /// Has each newest checkpoint signed.
    async fn sign_checkpoints(self: Arc<Self>, mut heights: watch::Receiver<u64>) {
        loop {
            match self.sign_checkpoint().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(why) => tracing::error!(%why, "a checkpoint could not be signed"),
            }
            tokio::select! {
                changed = heights.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn sign_checkpoint(&self) -> Result<bool, ChainError> {
        let Some(checkpoint) = self.store.unsigned()? else { return Ok(false) };
        let ledger = self.store.newest()?;
        let subject = Subject::Checkpoint(checkpoint);
        let Some(signature) = self.gatherer.signature(&ledger, &self.held, &subject).await? else {
            return Ok(false);
        };
        self.store.certify(&Certificate { checkpoint, signature: *signature.bytes() })?;
        Ok(true)
    }

    fn post(&self, ledger: &At, post: Post) -> Result<(), ChainError> {
        let action = match post {
            Post::Announce { session, key } => Action::Announce { session, key },
            Post::Deal { session, dealing } => Action::Deal { session, dealing },
            Post::Ready { session } => Action::Ready { session },
            Post::Complain { session, complaint } => {
                return self.submit(ledger, Claim::Itself, Action::Complain { session, complaint });
            }
        };
        self.submit_own(ledger, action)
    }

    /// Hands in an operation that this guardian signs.
    pub(super) fn submit_own(&self, ledger: &At, action: Action) -> Result<(), ChainError> {
        let Some(record) = ledger.find::<Guardian>(&self.me)? else { return Ok(()) };
        let next = record.next_nonce();
        let used = self.nonce.fetch_max(next - 1, Atomic::Relaxed).max(next - 1);
        let nonce = used + 1;
        self.nonce.fetch_max(nonce, Atomic::Relaxed);
        self.submit(ledger, Claim::Guardian { guardian: self.me, nonce }, action)
    }

    fn submit(&self, ledger: &At, claim: Claim, action: Action) -> Result<(), ChainError> {
        let chain: Chain = ledger.expect(&())?;
        let body = Body { network: chain.network, until: chain.at.plus_ms(LIFE_MS), claim, action };
        let operation = match claim {
            Claim::Itself => body.unsigned(),
            _ => body.sign(&self.key),
        };
        match self.ordering.submit(&allod_wire::encode(&operation)) {
            Ok(_) | Err(Refusal::Duplicate) => {}
            Err(why) => {
                let reason = allod_ledger::check(ledger, &allod_wire::encode(&operation))?;
                tracing::debug!(%why, ?reason, "an operation of this guardian was not taken");
            }
        }
        Ok(())
    }

    /// Shows the ledger that somebody signed contradictory votes.
    fn accuse(&self, evidence: &Evidence) {
        tracing::warn!(offender = ?evidence.offender, "a guardian signed contradictory votes");
        let conflict = Conflict {
            offender: GuardianId(evidence.offender.0),
            first: vote(&evidence.first),
            second: vote(&evidence.second),
        };
        let action = Action::Accuse { evidence: Shown::Votes(Box::new(conflict)) };
        let handed_in = self.store.newest().and_then(|ledger| self.submit(&ledger, Claim::Itself, action));
        if let Err(why) = handed_in {
            tracing::error!(%why, "evidence could not be handed in");
        }
    }
}

/// A vote in the ledger's words.
fn vote(signed: &Signed) -> SignedVote {
    let vote = match signed.statement {
        Statement::Notarize { epoch, view, parent, block } => {
            Vote::Notarize { epoch, view, parent, block: BlockId(block.0) }
        }
        Statement::Nullify { epoch, view } => Vote::Nullify { epoch, view },
        Statement::Finalize { epoch, view, parent, block } => {
            Vote::Finalize { epoch, view, parent, block: BlockId(block.0) }
        }
    };
    SignedVote { vote, signature: signed.signature.0 }
}
