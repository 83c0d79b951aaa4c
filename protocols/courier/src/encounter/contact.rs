//! The machine of one contact: hello, proof, reconciliation, and then giving and taking.

mod greet;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::sign::{SigningKey, VerifyingKey};
use allod_wire::Instant;

use super::error::{EncounterError, Faults};
use super::frame::Joining;
use super::give::{self, Giving};
use super::message::{Hello, Message, signed};
use super::reconcile::{Answering, Asking};
use super::take::Taking;
use super::{Event, Here, Input, MTU_MAX, MTU_MIN, Output};
use crate::bundle::BundleId;
use crate::carry::{Origin, PeerId, Store};
use crate::link::{Cost, Link};
use crate::ratchet::Tag;

/// How long the other side may owe something, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// How long on a link whose airtime is shared.
const AIRTIME_PATIENCE_MS: u64 = 600_000;

/// How often the other side may do what happens now and then.
const FAULTS_MAX: u32 = 256;

#[derive(Debug)]
enum Stage {
    /// Nothing came yet.
    Hello,
    /// The other side is to show that it has its key.
    Proof(Hello),
    /// This side asks.
    Asking(Asking, Vec<(BundleId, Tag)>),
    /// This side answers, and learns what the other one lacks.
    Answering(Option<(Answering, Vec<(BundleId, Tag)>)>, BTreeSet<BundleId>),
    /// Bundles go both ways.
    Open,
    Over,
}

/// The contact of this device with another.
pub struct Encounter {
    key: Option<SigningKey>,
    link: Link,
    known: Option<PeerId>,
    hello: Hello,
    stage: Stage,
    joining: Joining,
    giving: Giving,
    taking: Taking,
    faults: Faults,
    /// Since when the other side owes something.
    owed: Option<Instant>,
    is_settled: bool,
    outputs: VecDeque<Output>,
}

impl Encounter {
    /// Begins a contact. `key` is what this device is recognised by, if it wants to be; `known` is whom
    /// the link has authenticated; `reach` is how many others were met of late. `rng` is for a nonce.
    ///
    /// # Errors
    /// [`EncounterError::LinkUnfit`].
    pub fn new(
        key: Option<&SigningKey>,
        link: Link,
        known: Option<PeerId>,
        reach: u32,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, EncounterError> {
        if !(MTU_MIN..=MTU_MAX).contains(&link.mtu) || !link.is_duplex {
            return Err(EncounterError::LinkUnfit);
        }
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let hello = Hello {
            nonce,
            mtu: link.mtu as u32,
            reach,
            no_bulk: link.cost != Cost::Free,
            wants_proof: known.is_none(),
            key: key.map(|key| key.verifying_key().0),
        };
        let outputs = Message::Hello(hello.clone()).frames(MTU_MIN).into_iter().map(Output::Send).collect();
        Ok(Self {
            key: key.cloned(),
            link,
            known,
            hello,
            stage: Stage::Hello,
            joining: Joining::default(),
            giving: Giving::new(now),
            taking: Taking::new(now),
            faults: Faults::default(),
            owed: Some(now),
            is_settled: false,
            outputs,
        })
    }

    /// Takes an input.
    ///
    /// # Errors
    /// [`EncounterError`], which says what the other side did. The contact is over then.
    pub fn handle(&mut self, here: &mut Here<'_>, now: Instant, input: Input) -> Result<(), EncounterError> {
        if matches!(self.stage, Stage::Over) {
            // What came before is durable now; nobody waits for an answer.
            let is_durable = matches!(input, Input::Kept(_));
            return match input {
                Input::Kept(id) | Input::NotKept(id) => {
                    self.taking.kept(&id, is_durable, here, &mut self.outputs);
                    Ok(())
                }
                Input::Over => Ok(()),
                _ => Err(EncounterError::Over),
            };
        }
        if matches!(input, Input::Frame(_) | Input::Sent) {
            self.owed = None;
        }
        let is_late = matches!(input, Input::Tick) && self.deadline().is_some_and(|deadline| deadline <= now);
        let done = match input {
            _ if is_late => Err(EncounterError::Silent),
            Input::Frame(frame) => self.frame(&frame, here, now),
            Input::Over => {
                self.end(here, now);
                return Ok(());
            }
            input => self.shell(input, here),
        };
        let done = done.and_then(|()| {
            if self.faults.sum() > FAULTS_MAX { Err(EncounterError::Faults(self.faults)) } else { Ok(()) }
        });
        match done {
            // Of somebody who is gone something may be left; of a liar nothing is.
            Err(EncounterError::Silent) => self.end(here, now),
            Err(_) => self.stage = Stage::Over,
            Ok(()) => self.advance(here.store, now),
        }
        done
    }

    /// What is to be done next. Outputs are taken until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if matches!(self.stage, Stage::Over) {
            return None;
        }
        let message = self.giving.frame()?;
        self.send(message);
        self.giving.advance(&mut self.outputs);
        self.outputs.pop_front()
    }

    /// By when [`Input::Tick`] is wanted, even if nothing happens.
    pub fn deadline(&self) -> Option<Instant> {
        let patience = if self.link.cost == Cost::Airtime { AIRTIME_PATIENCE_MS } else { PATIENCE_MS };
        self.owed.map(|since| Instant(since.0.saturating_add(patience)))
    }

    /// With whom, once it is known.
    pub fn peer(&self) -> Origin {
        self.taking.origin()
    }

    /// What the other side did that happens now and then, and too often ends a contact.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    fn send(&mut self, message: Message) {
        let mtu = self.link.mtu.min(self.giving_mtu());
        self.outputs.extend(message.frames(mtu).into_iter().map(Output::Send));
    }

    fn giving_mtu(&self) -> usize {
        self.giving.mtu().max(MTU_MIN)
    }

    /// What the shell says, but for frames.
    fn shell(&mut self, input: Input, here: &mut Here<'_>) -> Result<(), EncounterError> {
        let message = match input {
            Input::Sent => {
                self.giving.sent();
                None
            }
            Input::Loaded(id, bundle) => self.giving.loaded(&id, bundle, here.store),
            Input::Kept(id) => self.taking.kept(&id, true, here, &mut self.outputs),
            Input::NotKept(id) => self.taking.kept(&id, false, here, &mut self.outputs),
            Input::New(id) => {
                self.is_new(id, here.store);
                None
            }
            Input::Delivered(token) => self.giving.deliver(token),
            Input::Wanted => self.taking.wanted(here),
            Input::Frame(_) | Input::Tick | Input::Over => None,
        };
        message.into_iter().for_each(|message| self.send(message));
        Ok(())
    }

    fn is_new(&mut self, id: BundleId, store: &Store) {
        // What is reconciled later is found there, and nobody gets back what they brought.
        let is_later = matches!(self.stage, Stage::Hello | Stage::Proof(_) | Stage::Answering(None, _));
        let from = store.get(&id).map(|carried| carried.origin);
        let is_theirs = matches!(from, Some(Origin::Peer(_))) && from == Some(self.taking.origin());
        if !is_later && !is_theirs {
            self.giving.add(id, store);
        }
    }

    fn frame(&mut self, frame: &[u8], here: &mut Here<'_>, now: Instant) -> Result<(), EncounterError> {
        if frame.len() > self.link.mtu {
            return Err(EncounterError::FrameTooLong { size_max: self.link.mtu });
        }
        let Some(message) = self.joining.add(frame)? else { return Ok(()) };
        let reply = match (&mut self.stage, message) {
            (Stage::Hello, Message::Hello(hello)) => return self.hello(hello, here.store),
            (Stage::Proof(hello), Message::Proof(signature)) => {
                let (key, hello) = (hello.key.ok_or(EncounterError::OutOfTurn)?, hello.clone());
                let signed = signed(&hello, &self.hello);
                VerifyingKey(key).verify(&signed, &signature).map_err(|_| EncounterError::Proof)?;
                return self.meet(&hello, Origin::Peer(PeerId(key)), here.store);
            }
            (Stage::Asking(..) | Stage::Answering(..), Message::Reconcile(message)) => {
                return self.reconcile(&message, here.store);
            }
            (Stage::Answering(Some((_, ours)), lacks), Message::Lacks(ids, is_last)) => {
                if (ids.is_empty() && !is_last) || lacks.len() + ids.len() > ours.len() {
                    return Err(EncounterError::TooMany);
                }
                for id in ids {
                    // Nobody lacks the same twice.
                    if !here.store.find(id).is_some_and(|id| lacks.insert(id)) {
                        self.faults.unknown = self.faults.unknown.saturating_add(1);
                    }
                }
                if is_last {
                    let (ours, lacks) = (core::mem::take(ours), core::mem::take(lacks));
                    self.open(&ours, &lacks, here.store);
                }
                None
            }
            (Stage::Open, message) => self.open_message(message, here, now)?,
            _ => return Err(EncounterError::OutOfTurn),
        };
        reply.into_iter().for_each(|reply| self.send(reply));
        Ok(())
    }

    fn open_message(
        &mut self,
        message: Message,
        here: &mut Here<'_>,
        now: Instant,
    ) -> Result<Option<Message>, EncounterError> {
        let (out, faults) = (&mut self.outputs, &mut self.faults);
        Ok(match message {
            Message::Shows(headers) => {
                headers.iter().for_each(|header| self.giving.is_theirs(header.tag));
                Some(self.taking.shown(&headers, here, now, faults)?)
            }
            Message::Data { id, offset, bytes } => {
                self.taking.data((id, offset, bytes), here, now, faults, out)?
            }
            Message::Answers(answers) => {
                self.giving.answered(&answers, here, now, out)?;
                None
            }
            Message::Gone(id) => {
                self.taking.gone(&id)?;
                None
            }
            Message::Kept(id, custody) => {
                let is_friend = self.taking.is_friend(here);
                self.giving.kept(&id, custody, is_friend, here.store, out)?;
                None
            }
            Message::Declined(id, why) => {
                self.giving.declined(&id, why, out)?;
                None
            }
            Message::Token(token) => {
                give::token(token, here, now, faults, out);
                None
            }
            Message::Idle => {
                self.taking.idle()?;
                None
            }
            Message::Again(ids) => {
                self.giving.again(&ids, here.store)?;
                None
            }
            Message::Hello(_) | Message::Proof(_) | Message::Reconcile(_) | Message::Lacks(..) => {
                return Err(EncounterError::OutOfTurn);
            }
        })
    }

    /// Goes on with whatever can be gone on with.
    fn advance(&mut self, store: &Store, now: Instant) {
        if let Some(message) = self.giving.show(store, now) {
            self.send(message);
        }
        self.giving.advance(&mut self.outputs);
        let is_open = matches!(self.stage, Stage::Open);
        let is_owed = !is_open || self.giving.is_owed() || self.taking.is_owed();
        self.owed = is_owed.then(|| self.owed.unwrap_or(now));
        if is_open && !self.is_settled && self.giving.was_idle() && self.taking.was_idle() {
            self.is_settled = true;
            self.outputs.push_back(Output::Event(Event::Settled));
        }
    }

    fn end(&mut self, here: &mut Here<'_>, now: Instant) {
        self.stage = Stage::Over;
        self.owed = None;
        self.taking.broke(here, now, &mut self.outputs);
    }
}
