//! The thread that runs the realm: requests come together, are decided one by
//! one, become durable in one commit, and only then are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use allod_guardian::juicebox::Request;
use allod_guardian::realm::{
    Answer, Ask, Change, Event, Input, Limits, Output, PersistId, Realm, Refusal, SealedDescriptor,
};
use allod_guardian::token::Caller;
use allod_wire::{Locator, RealmId};
use tokio::sync::{mpsc, oneshot};

use super::store::{KnownAccounts, Store};

/// Requests that are decided and made durable together, at most.
const BATCH_MAX: usize = 256;

/// Requests that may wait. Past it, callers wait to hand theirs in.
const QUEUE_MAX: usize = 1024;

/// What can be asked of the service.
#[derive(Debug)]
pub(super) enum Call {
    /// A request of the Juicebox protocol.
    Secret(Caller, Request),
    /// Keep a descriptor.
    Describe(Caller, SealedDescriptor),
    /// Fetch a descriptor.
    Fetch(Locator),
}

/// How often what happened, for the operator.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) registered: AtomicU64,
    pub(super) guesses: AtomicU64,
    pub(super) recovered: AtomicU64,
    pub(super) destroyed: AtomicU64,
    pub(super) deleted: AtomicU64,
    /// Requests refused for coming too often.
    pub(super) too_many: AtomicU64,
    /// Accounts kept just now, destroyed ones included.
    pub(super) accounts: AtomicU64,
}

/// A handle to the thread. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Service {
    realm: RealmId,
    accounts_max: u64,
    counters: Arc<Counters>,
    known: KnownAccounts,
    calls: mpsc::Sender<(Call, oneshot::Sender<Answer>)>,
}

impl Service {
    /// Starts the thread.
    pub(super) fn start(store: Store, limits: Limits, accounts_max: u64) -> (Self, thread::JoinHandle<()>) {
        let (calls, queue) = mpsc::channel(QUEUE_MAX);
        let realm = store.realm();
        let known = store.accounts_known();
        let counters =
            Arc::new(Counters { accounts: AtomicU64::new(store.accounts()), ..Counters::default() });
        let worker =
            Worker { store, realm: Realm::new(realm, limits), accounts_max, counters: Arc::clone(&counters) };
        let thread = thread::spawn(move || worker.run(queue));
        (Self { realm, accounts_max, counters, known, calls }, thread)
    }

    /// One whose thread has ended, as after its store failed.
    #[cfg(test)]
    pub(super) fn gone() -> Self {
        let (calls, _) = mpsc::channel(1);
        Self {
            realm: RealmId([0; 16]),
            accounts_max: 0,
            counters: Arc::default(),
            known: KnownAccounts::default(),
            calls,
        }
    }

    /// The realm's id.
    pub(super) fn realm(&self) -> RealmId {
        self.realm
    }

    /// How many accounts it takes.
    pub(super) fn accounts_max(&self) -> u64 {
        self.accounts_max
    }

    /// Resolves when the thread has ended because its store failed.
    pub(super) async fn ended(&self) {
        self.calls.closed().await;
    }

    /// What happened so far.
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether an account is registered here.
    pub(super) fn knows(&self, account: &[u8; 32]) -> bool {
        self.known.has(account)
    }

    /// Asks, and waits until the answer may leave.
    pub(super) async fn call(&self, call: Call) -> Answer {
        let unavailable = Answer::Refused { refusal: Refusal::Unavailable, guesses_left: None };
        let (reply, answer) = oneshot::channel();
        if self.calls.send((call, reply)).await.is_err() {
            return unavailable;
        }
        answer.await.unwrap_or(unavailable)
    }
}

struct Worker {
    store: Store,
    realm: Realm,
    accounts_max: u64,
    counters: Arc<Counters>,
}

/// Where the answers of one batch go, by ticket.
type Replies = Vec<Option<oneshot::Sender<Answer>>>;

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<(Call, oneshot::Sender<Answer>)>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            let mut replies: Replies = Vec::with_capacity(batch.len());
            let mut changes = Vec::new();
            for (call, reply) in batch.drain(..) {
                let ticket = replies.len();
                replies.push(Some(reply));
                match self.input(ticket as u64, call) {
                    Ok(input) => self.realm.handle(crate::now(), &mut crate::entropy(), input),
                    Err(why) => {
                        tracing::error!(%why, "reading the store failed");
                        replies[ticket] = None;
                    }
                }
                self.drain(&mut replies, &mut changes);
            }
            if self.persist(&mut replies, changes).is_err() {
                // What is on the disk is not known now. It is once the store is
                // opened again, which also destroys what a failure left over.
                return;
            }
        }
    }

    /// Looks up what the realm needs to decide.
    fn input(&self, ticket: u64, call: Call) -> Result<Input, String> {
        let room = self.store.accounts() < self.accounts_max;
        Ok(match call {
            Call::Secret(caller, request) => {
                let stored = self.store.record(&caller.account)?;
                Input::Ask { ticket, caller, ask: Ask::Secret { request, stored, room } }
            }
            Call::Describe(caller, descriptor) => {
                let stored = match &caller.locator {
                    Some(locator) => self.store.descriptor(locator)?.map(|(described, _)| described),
                    None => None,
                };
                let registered = self.store.record(&caller.account)?.is_some();
                Input::Ask { ticket, caller, ask: Ask::Describe { descriptor, stored, registered } }
            }
            Call::Fetch(locator) => {
                let stored = self.store.descriptor(&locator)?.map(|(_, descriptor)| descriptor);
                Input::Fetch { ticket, stored }
            }
        })
    }

    /// Makes everything durable, then lets the answers go that waited for it.
    fn persist(&mut self, replies: &mut Replies, changes: Vec<(PersistId, Change)>) -> Result<(), String> {
        if changes.is_empty() {
            return Ok(());
        }
        let outcome = self.store.apply(&changes);
        self.counters.accounts.store(self.store.accounts(), Ordering::Relaxed);
        if let Err(why) = &outcome {
            tracing::error!(%why, "writing the store failed");
        }
        for (id, _) in changes {
            let input = if outcome.is_ok() { Input::Persisted(id) } else { Input::PersistFailed(id) };
            self.realm.handle(crate::now(), &mut crate::entropy(), input);
        }
        let mut none = Vec::new();
        self.drain(replies, &mut none);
        debug_assert!(none.is_empty(), "a finished write asked for another");
        outcome
    }

    fn drain(&mut self, replies: &mut Replies, changes: &mut Vec<(PersistId, Change)>) {
        while let Some(output) = self.realm.poll() {
            match output {
                Output::Persist { id, change } => changes.push((id, change)),
                Output::Send { ticket, answer } => {
                    let reply = usize::try_from(ticket).ok().and_then(|i| replies.get_mut(i)?.take());
                    // A caller that has gone away needs no answer.
                    if let Some(reply) = reply {
                        let _ = reply.send(answer);
                    }
                }
                Output::Event(event) => self.count(event),
            }
        }
    }

    fn count(&self, event: Event) {
        let counter = match event {
            Event::Registered => &self.counters.registered,
            Event::GuessSpent { .. } => &self.counters.guesses,
            Event::Recovered => &self.counters.recovered,
            Event::Destroyed => &self.counters.destroyed,
            Event::Deleted => &self.counters.deleted,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        tracing::info!(?event);
    }
}
