//! Oblivious evaluation under keys that guardians hold together.
//!
//! Roles: a *client*, known by the [`Caller`] its token proved to be; this
//! *guardian*, which holds a share of a key; and *auditors*, who read its log.
//!
//! Messages: a [`Request`], one blinded element under one key; a [`Reply`], a
//! [`SignedAnswer`] or a [`Refusal`].
//!
//! Flow at the guardian ([`Answering`]): a request arrives → its share evaluates
//! the element, with a proof → the answer is given the next place in the log,
//! chained to the one before, and signed → [`Output::Persist`] → the shell makes
//! it durable → [`Input::Persisted`] → only now [`Output::Send`]. What is asked
//! together, or while a write is under way, is gathered and written by one write.
//!
//! Flow at the client: [`Question`] blinds the input, checks what each guardian of
//! a [`Committee`] answers, names those who lie with what proves it, and has the
//! output from t good answers of one key, or of two keys that are added.
//!
//! Flow at an auditor: [`Audit`] reads the log in order, and holds it against what
//! clients were given.
//!
//! Two signed answers at one place cost a guardian its bond, so the machine takes
//! care of itself: after a write that failed nobody knows what the disk has, and
//! nothing is signed any more until [`Input::Resume`] tells it. A guardian whose
//! store was set back to an older state, or that runs twice, contradicts itself;
//! a shell prevents both.
//!
//! Which keys: those whose name is [`KEY_PREFIX`] or begins with it and a slash.
//! An evaluation is the share times any element that the caller likes, so a key
//! that also decrypts would decrypt for everybody ([`crate::sealed`] has names of
//! its own).
//!
//! What it never does: let an answer leave before it is durable, sign two for one
//! place, evaluate under a share that is not in force, write down who asked, count
//! guesses (whom an evaluation serves, no guardian can know), or give a share out.

mod audit;
mod committee;
mod evidence;
mod log;
mod message;
mod question;
#[cfg(test)]
pub(crate) mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::group::Ristretto255;
use allod_crypto::sign::SigningKey;
use allod_threshold::GroupName;
use allod_threshold::answer::SignedAnswer;
use allod_threshold::oprf::{Blinded, KeyShare};
use allod_wire::{GuardianId, Instant, NetworkId};

pub use self::audit::{Audit, Finding, HeldPart, RECEIPTS_MAX, ReceiptError};
pub use self::committee::{Committee, Member};
pub use self::evidence::Evidence;
use self::log::Log;
pub use self::log::{LOG_KEPT, Tip};
pub use self::message::{Asked, Event, Input, Output, PersistId, Refusal, Reply, Request, Ticket};
pub use self::question::{Fault, NotAskable, Question};
use crate::account::Permit;
use crate::keyholder::{Inconsistent, Keyholder};
use crate::realm::{Buckets, Rate, TooMany};
use crate::token::Caller;

/// What the names of keys for oblivious functions begin with.
pub const KEY_PREFIX: &str = "oprf";

/// Answers that may wait for the write after the one under way.
const GATHERED_MAX: usize = 1024;

/// When to come back to a guardian whose disk is behind, in milliseconds.
const BEHIND_MS: u64 = 1_000;

/// What a guardian allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For everybody together.
    pub overall: Rate,
    /// For one account.
    pub account: Rate,
}

impl Default for Limits {
    /// A core's worth of evaluations, of which one account gets little.
    fn default() -> Self {
        Self { overall: Rate { burst: 4_000, per_second: 2_000 }, account: Rate { burst: 60, per_second: 5 } }
    }
}

/// Whether keys of this name are for oblivious functions.
pub fn is_for_evaluating(name: &str) -> bool {
    name.strip_prefix(KEY_PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One guardian's evaluation service.
#[derive(Debug)]
pub struct Answering {
    log: Log,
    accounts: Buckets<[u8; 32]>,
    overall: Buckets<()>,
    held: BTreeMap<String, Option<Held>>,
    /// The write under way, and who waits for it.
    writing: Option<(PersistId, Vec<(Ticket, SignedAnswer)>)>,
    /// What the next write will hold.
    gathered: Vec<(Ticket, SignedAnswer)>,
    /// After a write that failed.
    halted: bool,
    outputs: VecDeque<Output>,
    next_persist: PersistId,
}

#[derive(Debug)]
struct Held {
    generation: u32,
    share: KeyShare<Ristretto255>,
}

impl Answering {
    /// The service of the guardian with this signing key, whose log stands at
    /// `tip`: that of the last entry in the store, or the default where there is
    /// none. It holds no share yet.
    ///
    /// A guardian that lost its log, or has an older copy only, takes a new key: every
    /// answer that it signs with the old one at a place that it used before can be
    /// held against it.
    pub fn new(network: NetworkId, key: SigningKey, limits: Limits, tip: Tip) -> Self {
        Self {
            log: Log::new(network, key, tip),
            accounts: Buckets::new(limits.account),
            overall: Buckets::new(limits.overall),
            held: BTreeMap::new(),
            writing: None,
            gathered: Vec::new(),
            halted: false,
            outputs: VecDeque::new(),
            next_persist: 0,
        }
    }

    /// The guardian in whose name this answers.
    pub fn guardian(&self) -> GuardianId {
        self.log.guardian()
    }

    /// Where the durable part of the log ends.
    pub fn tip(&self) -> Tip {
        self.log.durable()
    }

    /// Takes over what a keyholder holds now. To be called for every keyholder at
    /// the beginning, and whenever it reported that a share is held or forgotten,
    /// before the next request. Keys that are not for this are passed over.
    ///
    /// # Errors
    /// [`Inconsistent`] where the keyholder's record is of another group. The share
    /// that was held is forgotten then too.
    pub fn follow(&mut self, keyholder: &Keyholder) -> Result<(), Inconsistent> {
        let name = keyholder.key();
        if !is_for_evaluating(name) || keyholder.group() != GroupName::Ristretto255 {
            return Ok(());
        }
        let generation = keyholder.generation();
        let held = self.held.entry(name.into()).or_default();
        if held.as_ref().map(|held| held.generation) == generation {
            return Ok(());
        }
        *held = None;
        if let (Some(generation), Some(share)) = (generation, keyholder.share::<Ristretto255>()?) {
            *held = Some(Held { generation, share: KeyShare::new(share)? });
        }
        Ok(())
    }

    /// Forgets a key that the network gave up.
    pub fn forget(&mut self, key: &str) {
        self.held.remove(key);
    }

    /// Takes in what happened. Drain [`poll`](Self::poll) afterwards.
    ///
    /// A client's mistake becomes a refusal to that client, so there is no error
    /// to return here.
    pub fn handle(&mut self, now: Instant, rng: &mut impl CryptoRng, input: Input) {
        match input {
            Input::Ask(asked) => self.answer(now, rng, asked),
            Input::Persisted(id) => {
                if let Some((_, answers)) = self.writing.take_if(|(writing, _)| *writing == id) {
                    if let Some((_, last)) = answers.last() {
                        self.log.persisted(last);
                    }
                    for (ticket, answer) in answers {
                        self.send(ticket, Reply::Answered(answer.into()));
                    }
                }
            }
            Input::PersistFailed(id) => {
                if let Some((_, answers)) = self.writing.take_if(|(writing, _)| *writing == id) {
                    self.halt(answers);
                }
            }
            Input::Resume(tip) if self.halted => {
                if self.log.resume(tip) {
                    self.halted = false;
                    self.outputs.push_back(Output::Event(Event::Resumed { position: tip.position }));
                } else {
                    let known = self.log.durable().position;
                    self.outputs.push_back(Output::Event(Event::LogDiffers { known, found: tip.position }));
                }
            }
            Input::Resume(_) => {}
        }
    }

    /// The next thing to do, in order. Requests that came together before this was
    /// called are written together.
    pub fn poll(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.commit();
        }
        self.outputs.pop_front()
    }

    /// The service does nothing of its own accord.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Answers, each with the next place in the log.
    fn answer(&mut self, now: Instant, rng: &mut impl CryptoRng, asked: Vec<Asked>) {
        let mut taken = Vec::with_capacity(asked.len());
        for Asked { ticket, caller, request } in asked {
            match self.take(now, &caller, &request, taken.len()) {
                Ok(blinded) => taken.push((ticket, request, blinded)),
                Err(refusal) => self.send(ticket, Reply::Refused(refusal)),
            }
        }
        for of_one_key in taken.chunk_by(|(_, one, _), (_, next, _)| one.key == next.key) {
            let held = of_one_key.first().and_then(|(_, request, _)| self.held.get(&request.key)?.as_ref());
            let Some(held) = held else { unreachable!("requests of keys that are not held are not taken") };
            let elements: Vec<_> = of_one_key.iter().map(|(.., blinded)| *blinded).collect();
            let partials = held.share.blind_evaluate_each(&elements, rng);
            for ((ticket, request, _), partial) in of_one_key.iter().zip(&partials) {
                let blinded = request.blinded.to_vec();
                let answer = self.log.append(now, &request.key, held.generation, blinded, partial);
                self.gathered.push((*ticket, answer));
            }
        }
    }

    /// The element that is to be evaluated, if the request may be answered when so
    /// many before it are.
    fn take(
        &mut self,
        now: Instant,
        caller: &Caller,
        request: &Request,
        before: usize,
    ) -> Result<Blinded<Ristretto255>, Refusal> {
        if self.halted {
            return Err(Refusal::Unavailable);
        }
        // A card guesses, and does nothing else.
        if caller.permit != Permit::Own {
            return Err(Refusal::NotPermitted);
        }
        self.admit(now, caller)?;
        if self.gathered.len() + before >= GATHERED_MAX {
            return Err(Refusal::TooMany { retry_in_ms: BEHIND_MS });
        }
        let held = self.held.get(&request.key).ok_or(Refusal::UnknownKey)?.as_ref();
        let Held { generation, .. } = held.ok_or(Refusal::NoShare)?;
        if request.generation.is_some_and(|expected| expected != *generation) {
            return Err(Refusal::OtherGeneration { held: *generation });
        }
        Blinded::decode(&request.blinded).map_err(|_| Refusal::Malformed)
    }

    fn admit(&mut self, now: Instant, caller: &Caller) -> Result<(), Refusal> {
        let refused = |TooMany { retry_in_ms }| Refusal::TooMany { retry_in_ms };
        // From both or from neither.
        self.accounts.check(now, &caller.account).map_err(refused)?;
        self.overall.admit(now, &()).map_err(refused)?;
        self.accounts.take(&caller.account);
        Ok(())
    }

    /// Writes what was gathered, unless a write is under way.
    fn commit(&mut self) {
        if self.writing.is_some() || self.gathered.is_empty() {
            return;
        }
        let id = self.next_persist;
        self.next_persist += 1;
        let answers = core::mem::take(&mut self.gathered);
        let entries = answers.iter().map(|(_, answer)| answer.clone()).collect();
        self.writing = Some((id, answers));
        self.outputs.push_back(Output::Persist { id, entries });
    }

    /// A write failed: what the disk has of it is not known. Nothing that was
    /// signed since leaves, and nothing more is signed.
    fn halt(&mut self, written: Vec<(Ticket, SignedAnswer)>) {
        self.halted = true;
        self.log.halt(written.iter().map(|(_, answer)| answer));
        let gathered = core::mem::take(&mut self.gathered);
        for (ticket, _) in written.into_iter().chain(gathered) {
            self.send(ticket, Reply::Refused(Refusal::Unavailable));
        }
        self.outputs.push_back(Output::Event(Event::Halted { position: self.log.durable().position }));
    }

    fn send(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push_back(Output::Send { ticket, reply });
    }
}
