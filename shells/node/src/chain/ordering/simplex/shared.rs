//! What a node's tasks and its handle have in common.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Set;
use tokio::sync::{Notify, mpsc, watch};

use super::super::pool::{Origin, Pool};
use super::super::{Application, Block, Ended, Operation, OperationHash, Parameters, Refusal, Role, Status};
use super::Tuning;

/// Ticks (seconds) after which a peer that says nothing is not counted any more.
const SILENT: u64 = 10;

/// Operations on their way from [`Shared::submit`] to the peers. What does not
/// fit is passed on later, when it is overdue.
const OUTBOX: usize = 4_096;

/// How far this node is.
#[derive(Clone, Copy, Debug)]
struct Progress {
    role: Role,
    epoch: u64,
    view: u64,
    applied: u64,
    known: u64,
}

pub(super) struct Shared {
    pub(super) parameters: Parameters,
    pub(super) tuning: Tuning,
    pub(super) application: Arc<dyn Application>,
    pool: Mutex<Pool>,
    /// Told whenever the pool gets something.
    pub(super) arrived: Notify,
    outbox: mpsc::Sender<Operation>,
    progress: Mutex<Progress>,
    ticks: AtomicU64,
    heard: Mutex<BTreeMap<PublicKey, u64>>,
    /// Who votes in the epoch.
    voters: Mutex<Set<PublicKey>>,
    stop: watch::Sender<Option<Ended>>,
    ended: watch::Sender<Option<Ended>>,
}

impl Shared {
    /// The state of a node that starts, and what it passes on to its peers.
    pub(super) fn new(
        parameters: Parameters,
        tuning: Tuning,
        application: Arc<dyn Application>,
        applied: u64,
    ) -> (Arc<Self>, mpsc::Receiver<Operation>) {
        let (outbox, passed_on) = mpsc::channel(OUTBOX);
        let epoch = parameters.epoch_of(applied + 1);
        let progress = Progress { role: Role::Observer, epoch, view: 0, applied, known: applied };
        let shared = Self {
            pool: Mutex::new(Pool::new(tuning.pool_operations_max, tuning.pool_bytes_max)),
            parameters,
            tuning,
            application,
            arrived: Notify::new(),
            outbox,
            progress: Mutex::new(progress),
            ticks: AtomicU64::new(0),
            heard: Mutex::new(BTreeMap::new()),
            voters: Mutex::new(Set::default()),
            stop: watch::Sender::new(None),
            ended: watch::Sender::new(None),
        };
        (Arc::new(shared), passed_on)
    }

    pub(super) fn pool(&self) -> MutexGuard<'_, Pool> {
        lock(&self.pool)
    }

    /// See [`Ordering::submit`](super::super::Ordering::submit).
    pub(super) fn submit(&self, bytes: &[u8]) -> Result<OperationHash, Refusal> {
        if self.stop.borrow().is_some() {
            return Err(Refusal::Ended);
        }
        let operation = Operation::new(bytes).ok_or(Refusal::Size { size: bytes.len() })?;
        let hash = operation.hash();
        {
            // What cannot be taken anyway is not worth judging.
            let pool = self.pool();
            if pool.knows(&hash) {
                return Err(Refusal::Duplicate);
            }
            if !pool.has_room(&operation, Origin::Here) {
                return Err(Refusal::Full);
            }
        }
        if !self.application.admit(bytes) {
            return Err(Refusal::NotAdmitted);
        }
        self.pool().insert(operation.clone(), hash, Origin::Here)?;
        self.arrived.notify_waiters();
        let _ = self.outbox.try_send(operation);
        Ok(hash)
    }

    /// Lets a second pass.
    pub(super) fn tick(&self) {
        self.ticks.fetch_add(1, Atomic::Relaxed);
        self.pool().tick();
    }

    /// Notes that a peer said something.
    pub(super) fn hear(&self, peer: &PublicKey) {
        let now = self.ticks.load(Atomic::Relaxed);
        let mut heard = lock(&self.heard);
        match heard.get_mut(peer) {
            Some(last) => *last = now,
            None => {
                heard.retain(|_, last| *last + SILENT >= now);
                heard.insert(peer.clone(), now);
            }
        }
    }

    /// Notes that an epoch began, in which these vote.
    pub(super) fn enter(&self, epoch: u64, role: Role, voters: Set<PublicKey>) {
        *lock(&self.voters) = voters;
        let mut progress = lock(&self.progress);
        (progress.epoch, progress.role, progress.view) = (epoch, role, 0);
    }

    /// Notes that a view of an epoch ended.
    pub(super) fn leave_view(&self, epoch: u64, view: u64) {
        let mut progress = lock(&self.progress);
        if progress.epoch == epoch {
            progress.view = progress.view.max(view);
        }
    }

    /// Notes that this height is final.
    pub(super) fn learn(&self, height: u64) {
        let mut progress = lock(&self.progress);
        progress.known = progress.known.max(height);
    }

    /// Notes that the application has this block.
    pub(super) fn applied(&self, block: &Block) {
        {
            let mut progress = lock(&self.progress);
            progress.applied = block.header().height;
            progress.known = progress.known.max(progress.applied);
        }
        self.pool().finalized(block.hashes());
    }

    /// How many heights the application is behind what is final.
    pub(super) fn lag(&self) -> u64 {
        let progress = lock(&self.progress);
        progress.known.saturating_sub(progress.applied)
    }

    /// The last height that the application has.
    pub(super) fn height_applied(&self) -> u64 {
        lock(&self.progress).applied
    }

    pub(super) fn status(&self) -> Status {
        let progress = *lock(&self.progress);
        let now = self.ticks.load(Atomic::Relaxed);
        let voters = lock(&self.voters).clone();
        let (mut peers, mut voters_heard) = (0, 0);
        for (peer, _) in lock(&self.heard).iter().filter(|(_, last)| **last + SILENT >= now) {
            peers += 1;
            voters_heard += usize::from(voters.position(peer).is_some());
        }
        let pool = self.pool();
        Status {
            role: progress.role,
            epoch: progress.epoch,
            view: progress.view,
            height_applied: progress.applied,
            height_final: progress.known,
            voters: voters.len(),
            voters_heard,
            peers,
            pool_operations: pool.len(),
            pool_bytes: pool.bytes(),
        }
    }

    /// Asks the node's tasks to end, and says why. The first reason counts.
    pub(super) fn stop(&self, why: Ended) {
        self.stop.send_if_modified(|reason| set(reason, why));
    }

    /// Waits until there is a reason to end.
    pub(super) async fn stopping(&self) -> Ended {
        reason(self.stop.subscribe()).await
    }

    /// Says that all tasks have ended.
    pub(super) fn end(&self, why: Ended) {
        self.ended.send_if_modified(|reason| set(reason, why));
    }

    /// Waits until all tasks have ended.
    pub(super) async fn ended(&self) -> Ended {
        reason(self.ended.subscribe()).await
    }
}

fn set(reason: &mut Option<Ended>, why: Ended) -> bool {
    let first = reason.is_none();
    if first {
        *reason = Some(why);
    }
    first
}

async fn reason(mut of: watch::Receiver<Option<Ended>>) -> Ended {
    match of.wait_for(Option::is_some).await {
        Ok(why) => why.clone().unwrap_or(Ended::Stopped),
        Err(_) => Ended::Stopped,
    }
}

/// A lock whose holder panicked is as good as any other: nothing that it guards
/// is ever left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
