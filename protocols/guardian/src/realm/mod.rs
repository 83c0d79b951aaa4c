//! The guardian's side of recovery.
//!
//! Roles: a *client* (known by the [`Caller`] its token proved to be) and this
//! *realm*. The shell reads the account's record, hands it in with the request,
//! writes what it is told to write, and carries the answer away.
//!
//! Flow of one guess: `Recover2` arrives → the count goes up in the record →
//! [`Output::Persist`] → the shell makes it durable → [`Input::Persisted`] →
//! only now [`Output::Send`] with the evaluation. A crash anywhere in between
//! costs the person at most that guess, and never gives one away.
//!
//! The machine never hands out a share of the OPRF key, never answers a guess
//! that is not durable, never takes a guess back except for the right unlock
//! tag, and never learns the PIN, its hash, or whether a guess was right until
//! the client shows the tag.

mod decide;
mod limiter;
mod message;
mod record;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_wire::{Instant, Locator, RealmId};

use self::decide::{Verdict, decide, permit, refuses};
use self::limiter::Limiter;
pub use self::limiter::{Buckets, Limits, Rate, TooMany};
pub use self::message::{
    Answer, Ask, Change, Described, Event, Input, Output, PersistId, Refusal, SealedDescriptor, Ticket,
};
pub use self::record::{Record, Registration};
use crate::account::Permit;
use crate::juicebox::Request;
use crate::token::{Caller, SELF_TENANT};

/// The allowance that fetching descriptors has to itself, since anybody may. No
/// tenant's name has a colon.
const FETCHES: &str = ":fetch";

/// One guardian's recovery service.
#[derive(Debug)]
pub struct Realm {
    id: RealmId,
    limiter: Limiter,
    /// Accounts whose newest state is on its way to the disk, and by which
    /// write. While an account is here, the record handed in is out of date.
    pending: BTreeMap<[u8; 32], Pending>,
    /// The same for descriptors: by which write, and whose.
    pending_descriptors: BTreeMap<Locator, (PersistId, Described)>,
    /// Answers that wait for a write.
    waiting: BTreeMap<PersistId, Waiting>,
    outputs: VecDeque<Output>,
    next_persist: PersistId,
}

/// An account's state that is not durable yet.
#[derive(Debug)]
struct Pending {
    id: PersistId,
    newest: Option<Record>,
    /// Some write since the last durable state brought another share. Should it
    /// fail, a later one brings the share in its place.
    fresh: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    /// With each, the guesses that are left if the write fails.
    sends: Vec<(Ticket, Answer, Option<u16>)>,
    events: Vec<Event>,
}

impl Realm {
    /// A realm with nothing on its mind; its memory is the shell's store.
    pub fn new(id: RealmId, limits: Limits) -> Self {
        Self {
            id,
            limiter: Limiter::new(limits),
            pending: BTreeMap::new(),
            pending_descriptors: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outputs: VecDeque::new(),
            next_persist: 0,
        }
    }

    /// Takes in what happened. Drain [`poll`](Self::poll) afterwards.
    ///
    /// A peer's mistake becomes an answer to that peer, so there is no error to
    /// return here.
    pub fn handle(&mut self, now: Instant, rng: &mut impl CryptoRng, input: Input) {
        match input {
            Input::Ask { ticket, caller, ask } => match ask {
                Ask::Secret { request, stored, room } => {
                    self.ask_secret(now, rng, ticket, &caller, request, stored, room);
                }
                Ask::Describe { descriptor, stored, registered } => {
                    self.describe(now, ticket, &caller, descriptor, stored, registered);
                }
            },
            Input::Fetch { ticket, stored } => {
                let answer = match self.limiter.admit_anybody(now, FETCHES) {
                    Ok(()) => Answer::Descriptor(stored),
                    Err(TooMany { retry_in_ms }) => refused(Refusal::TooMany { retry_in_ms }),
                };
                self.outputs.push_back(Output::Send { ticket, answer });
            }
            Input::Persisted(id) => {
                self.settle(id);
                let done = self.waiting.remove(&id).unwrap_or_default();
                self.outputs.extend(done.events.into_iter().map(Output::Event));
                self.outputs.extend(
                    done.sends.into_iter().map(|(ticket, answer, _)| Output::Send { ticket, answer }),
                );
            }
            Input::PersistFailed(id) => {
                self.settle(id);
                let failed = self.waiting.remove(&id).unwrap_or_default();
                self.outputs.extend(failed.sends.into_iter().map(|(ticket, _, guesses_left)| {
                    let answer = Answer::Refused { refusal: Refusal::Unavailable, guesses_left };
                    Output::Send { ticket, answer }
                }));
            }
        }
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A realm does nothing of its own accord.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    #[allow(clippy::too_many_arguments)]
    fn ask_secret(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        ticket: Ticket,
        caller: &Caller,
        request: Request,
        stored: Option<Record>,
        room: bool,
    ) {
        let pending = self.pending.get(&caller.account);
        let behind = pending.map(|pending| pending.id);
        let renewed = pending.is_some_and(|pending| pending.fresh);
        let record = match pending {
            Some(pending) => pending.newest.clone(),
            None => stored,
        };

        let guesses_left = record.as_ref().map(|record| match record {
            Record::Registered(registration) => registration.guesses_left(),
            Record::Destroyed => 0,
        });
        let verdict = self
            .admit(now, caller, record.is_some())
            .and_then(|()| permit(caller, &request))
            .and_then(|()| decide(&self.id, rng, caller, request, record, room));
        let (answer, change, event) = match verdict {
            Ok(Verdict { response, change, event }) => {
                let told = guesses_left.filter(|_| refuses(&response));
                (Answer::Response { response, guesses_left: told }, change, event)
            }
            Err(refusal) => (Answer::Refused { refusal, guesses_left }, None, None),
        };

        let behind = match change {
            Some(mut change) => {
                let (newest, fresh) = match &mut change {
                    Change::Put { record, fresh, .. } => {
                        *fresh |= renewed;
                        (Some((**record).clone()), *fresh)
                    }
                    Change::Destroy { .. } => (Some(Record::Destroyed), true),
                    Change::Remove { .. } | Change::Describe { .. } => (None, true),
                };
                let id = self.persist(change);
                self.pending.insert(caller.account, Pending { id, newest, fresh });
                Some(id)
            }
            // Even an answer that changes nothing may tell of a state that is
            // not durable yet, so it waits for it.
            None => behind,
        };
        self.answer(ticket, answer, guesses_left, event, behind);
    }

    fn describe(
        &mut self,
        now: Instant,
        ticket: Ticket,
        caller: &Caller,
        descriptor: SealedDescriptor,
        stored: Option<Described>,
        registered: bool,
    ) {
        let registered =
            self.pending.get(&caller.account).map_or(registered, |pending| pending.newest.is_some());
        let pending = caller.locator.and_then(|locator| self.pending_descriptors.get(&locator).copied());
        let newest = pending.map(|(_, described)| described).or(stored);
        let verdict = self.admit(now, caller, registered).and_then(|()| {
            let locator = match (caller.permit, caller.locator) {
                (Permit::Own, Some(locator)) => locator,
                _ => return Err(Refusal::NotPermitted),
            };
            if descriptor.sealed.len() > allod_wire::limits::DESCRIPTOR_MAX {
                return Err(Refusal::BadRequest("the descriptor is too long"));
            }
            match newest {
                Some(Described { account, .. }) if account != caller.account => Err(Refusal::NotPermitted),
                Some(Described { sequence, .. }) if sequence >= descriptor.sequence => {
                    Err(Refusal::Stale { stored: sequence })
                }
                _ if !registered => Err(Refusal::NotRegistered),
                _ => Ok(locator),
            }
        });
        match verdict {
            Ok(locator) => {
                let described = Described { account: caller.account, sequence: descriptor.sequence };
                let account = caller.account;
                let id = self.persist(Change::Describe { account, locator, descriptor });
                self.pending_descriptors.insert(locator, (id, described));
                self.answer(ticket, Answer::Described, None, None, Some(id));
            }
            Err(refusal) => {
                self.answer(ticket, refused(refusal), None, None, pending.map(|(id, _)| id));
            }
        }
    }

    /// Holds a caller to its rates. Accounts that authenticate themselves share
    /// an allowance only while they are not `known`: anybody can make such, and
    /// must not use up what those that are registered need.
    fn admit(&mut self, now: Instant, caller: &Caller, known: bool) -> Result<(), Refusal> {
        let shared = caller.tenant != SELF_TENANT || !known;
        self.limiter
            .admit(now, caller, shared)
            .map_err(|TooMany { retry_in_ms }| Refusal::TooMany { retry_in_ms })
    }

    fn persist(&mut self, change: Change) -> PersistId {
        let id = self.next_persist;
        self.next_persist += 1;
        self.waiting.insert(id, Waiting::default());
        self.outputs.push_back(Output::Persist { id, change });
        id
    }

    /// Answers, once the write `behind` it is durable; `guesses_left` is for the
    /// refusal if that fails.
    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        guesses_left: Option<u16>,
        event: Option<Event>,
        behind: Option<PersistId>,
    ) {
        match behind.and_then(|id| self.waiting.get_mut(&id)) {
            Some(waiting) => {
                waiting.sends.push((ticket, answer, guesses_left));
                waiting.events.extend(event);
            }
            None => {
                self.outputs.extend(event.map(Output::Event));
                self.outputs.push_back(Output::Send { ticket, answer });
            }
        }
    }

    /// The write is over: what the store says holds again.
    fn settle(&mut self, id: PersistId) {
        self.pending.retain(|_, pending| pending.id != id);
        self.pending_descriptors.retain(|_, (pending, _)| *pending != id);
    }
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused { refusal, guesses_left: None }
}

#[cfg(test)]
pub(crate) mod tests;
