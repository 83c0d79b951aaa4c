//! The contact of two carriers: over a link whose frames arrive whole and in order, each finds out
//! what the other has, asks for what it wants, and gives what the other asks for.
//!
//! Roles: both sides do the same, but that whoever drew the greater nonce *asks* in the
//! reconciliation. Each *gives* and *takes* at the same time.
//!
//! Flow:
//! 1. Both say [hello]: the largest frame they take, how many others they met of late, a
//!    nonce, and a key if they want to be recognised. Unless the link knows the other side, each
//!    signs both hellos: quotas and days met hang on a key that was there.
//! 2. They reconcile the ids of what they carry ([`reconcile`]). The asking side says what it lacks.
//! 3. Each shows the headers of what the other lacks, the most urgent first, then what expires
//!    first; some at a time. The other asks for what is for it, what it carries for others, and its
//!    covers, which look all the same; or it shows the token of what was delivered.
//! 4. What was asked for comes in its order, in frames that say where in the bundle they belong. Once it is
//!    durable, whoever took it says so, and whether it answers for it from now on. Then copies
//!    are counted here, and not before: if the contact breaks, there are rather too many than none.
//! 5. While the contact lasts, what is new is shown at once, and so are tokens.
//!
//! What came of a large bundle when the contact breaks is kept as a fragment; the same carrier is
//! asked for the rest when it is met again.
//!
//! The rule for a shell: after each [`handle`](Encounter::handle), take outputs until
//! [`poll`](Encounter::poll) gives none; when the link has taken all frames, say
//! [`Input::Sent`], and poll again. After an error, or once it has said [`Input::Over`], it polls, answers what
//! it is asked to keep, and forgets the encounter.
//!
//! What this never does: it never says that it keeps what is not durable; never shows parts of
//! files on a link whose bytes cost something; never takes more than it asked for; never says
//! for whom a bundle is that it asks for.
//!
//! [hello]: message::Hello

mod error;
mod give;
mod message;
mod reconcile;
mod take;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{SigningKey, VerifyingKey};
use allod_crypto::{CryptoRng, Secret};
use allod_wire::Instant;

pub use error::{EncounterError, Faults};
use give::Giving;
pub use message::Declined;
use message::{Hello, Joining, Message};
pub use reconcile::{Answering, Asking, ReconcileError};
use take::Taking;

use crate::bundle::{Bundle, BundleId, Priority, Seconds};
use crate::carry::{Carried, Origin, PeerId, Store};
use crate::link::{Cost, Link};
use crate::ratchet::{Tag, Token};

/// The least bytes of a frame.
pub const MTU_MIN: usize = 230;

/// The most bytes of a frame.
pub const MTU_MAX: usize = 4 << 20;

/// How long the other side may owe something, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// How long on a link whose airtime is shared.
const AIRTIME_PATIENCE_MS: u64 = 600_000;

/// How often the other side may do what happens now and then.
const FAULTS_MAX: u32 = 256;

/// What of this device an encounter works on.
pub struct Here<'a> {
    /// What it carries.
    pub store: &'a mut Store,
    /// Whether a session expects a message with this tag.
    pub wants: &'a dyn Fn(&Tag) -> bool,
    /// Which covers are asked for; see [`crate::carry::is_cover`].
    pub cover: &'a Secret<32>,
    /// On how many days somebody was met, today included.
    pub days: &'a dyn Fn(&PeerId) -> u32,
}

/// What a shell tells an encounter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A frame came.
    Frame(Vec<u8>),
    /// All frames that were given out have left: there is room for more.
    Sent,
    /// The bundle that was to be [loaded](Output::Load), or that it is not there.
    Loaded(BundleId, Option<Bundle>),
    /// What was to be [kept](Output::Keep) is durable.
    Kept(BundleId),
    /// It could not be kept.
    NotKept(BundleId),
    /// A bundle is in the store that was not before, and durable. Those that this encounter took itself
    /// need not be told.
    New(BundleId),
    /// Something was delivered, as a message that was opened here says ([`Store::tell`]), or another encounter.
    Delivered(Token),
    /// The [deadline](Encounter::deadline) may have passed.
    Tick,
    /// The link is closed, from here or there.
    Over,
}

/// What an encounter tells its shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Give this to the link.
    Send(Vec<u8>),
    /// Read a bundle: [`Input::Loaded`].
    Load(BundleId),
    /// Store a bundle with what is known of it, durably: [`Input::Kept`]. It is in the [`Store`] already. Where
    /// [`Carried::is_wanted`] is set, it is for this device.
    Keep(Bundle, Carried),
    /// Store what is known of a bundle; nothing waits for it.
    Update(BundleId, Carried),
    /// Erase a bundle; it is not in the [`Store`] any more.
    Erase(BundleId),
    /// Something happened.
    Event(Event),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other side has shown who it is, or that it does not want to.
    Met {
        /// Who it is.
        peer: Origin,
        /// How many others it has met of late, as it says.
        reach: u32,
    },
    /// A bundle for this device is durable: it can be opened.
    Came(BundleId),
    /// A bundle for others is durable.
    Took(BundleId),
    /// The other side keeps a bundle.
    Gave {
        /// Which one.
        id: BundleId,
        /// How many copies it got; without any it has one for whoever asks.
        copies: u8,
        /// Whether it answers for it from now on.
        custody: bool,
    },
    /// The other side does not keep a bundle.
    Declined(BundleId, Declined),
    /// The other side showed the token of a bundle that was carried here. It is to be told to
    /// other encounters, and the [tokens](Store::delivered) to be stored.
    Delivered(Token),
    /// Both have shown all that they had, and what was asked for is durable on the other side.
    Settled,
}

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
            giving: Giving::new(),
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
                    match here.store.find(id) {
                        Some(id) => {
                            lacks.insert(id);
                        }
                        None => self.faults.unknown = self.faults.unknown.saturating_add(1),
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
            Message::Hello(_) | Message::Proof(_) | Message::Reconcile(_) | Message::Lacks(..) => {
                return Err(EncounterError::OutOfTurn);
            }
        })
    }

    fn hello(&mut self, hello: Hello, store: &Store) -> Result<(), EncounterError> {
        if hello.nonce == self.hello.nonce || (hello.key.is_some() && hello.key == self.hello.key) {
            return Err(EncounterError::Echo);
        }
        if !(MTU_MIN..=MTU_MAX).contains(&(hello.mtu as usize)) {
            return Err(EncounterError::Malformed);
        }
        if self.known.is_some() && hello.key.is_some() && self.known != hello.peer() {
            return Err(EncounterError::OtherPeer);
        }
        if let Some(key) = self.key.as_ref().filter(|_| hello.wants_proof) {
            let proof = Message::Proof(key.sign(&signed(&self.hello, &hello)));
            self.send(proof);
        }
        match (self.known, hello.key) {
            (Some(peer), _) => self.meet(&hello, Origin::Peer(peer), store),
            (None, None) => self.meet(&hello, Origin::Unknown, store),
            (None, Some(_)) => {
                self.stage = Stage::Proof(hello);
                Ok(())
            }
        }
    }

    fn meet(&mut self, hello: &Hello, peer: Origin, store: &Store) -> Result<(), EncounterError> {
        let no_bulk = hello.no_bulk || self.hello.no_bulk;
        let mtu = self.link.mtu.min(hello.mtu as usize);
        self.giving.meet(mtu, no_bulk, self.hello.reach, hello.reach);
        self.taking.meet(peer, no_bulk);
        self.outputs.push_back(Output::Event(Event::Met { peer, reach: hello.reach }));
        if self.hello.nonce < hello.nonce {
            self.stage = Stage::Answering(None, BTreeSet::new());
            return Ok(());
        }
        let (asking, first) = Asking::new(items(store, no_bulk), mtu)?;
        self.stage = Stage::Asking(asking, tags(store, no_bulk));
        self.send(Message::Reconcile(first));
        Ok(())
    }

    fn reconcile(&mut self, message: &[u8], store: &Store) -> Result<(), EncounterError> {
        let (mtu, no_bulk) = self.giving.limits();
        match &mut self.stage {
            Stage::Answering(answering, _) => {
                let (answering, _) = match answering {
                    Some(answering) => answering,
                    None => {
                        let ours = tags(store, no_bulk);
                        answering.insert((Answering::new(items(store, no_bulk), mtu)?, ours))
                    }
                };
                let answer = Message::Reconcile(answering.handle(message)?);
                self.send(answer);
            }
            Stage::Asking(asking, ours) => {
                if let Some(next) = asking.handle(message)? {
                    self.send(Message::Reconcile(next));
                    return Ok(());
                }
                let ours = core::mem::take(ours);
                let Stage::Asking(asking, _) = core::mem::replace(&mut self.stage, Stage::Open) else {
                    return Err(EncounterError::OutOfTurn);
                };
                let (have, need) = asking.differences();
                let mut batches = need.chunks(4096).peekable();
                if batches.peek().is_none() {
                    self.send(Message::Lacks(Vec::new(), true));
                }
                while let Some(batch) = batches.next() {
                    let ids = batch.iter().map(BundleId::short).collect();
                    self.send(Message::Lacks(ids, batches.peek().is_none()));
                }
                self.open(&ours, &have.into_iter().collect(), store);
            }
            _ => return Err(EncounterError::OutOfTurn),
        }
        Ok(())
    }

    /// The other side lacks these of what was here when reconciliation began.
    fn open(&mut self, ours: &[(BundleId, Tag)], lacks: &BTreeSet<BundleId>, store: &Store) {
        for (id, tag) in ours {
            if lacks.contains(id) {
                self.giving.add(*id, store);
                continue;
            }
            self.giving.is_theirs(*tag);
            // It was delivered meanwhile.
            if let Some(token) = store.token(tag).and_then(|token| self.giving.deliver(token)) {
                self.send(token);
            }
        }
        self.stage = Stage::Open;
        self.giving.open();
    }

    /// Goes on with whatever can be gone on with.
    fn advance(&mut self, store: &Store, now: Instant) {
        if let Some(message) = self.giving.show(store) {
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

/// What is reconciled.
fn items(store: &Store, no_bulk: bool) -> impl Iterator<Item = (Seconds, BundleId)> + '_ {
    let all = store.iter().filter(move |(_, one)| !(no_bulk && one.terms.priority == Priority::Bulk));
    all.map(|(id, one)| (one.terms.created, *id))
}

fn tags(store: &Store, no_bulk: bool) -> Vec<(BundleId, Tag)> {
    let all = items(store, no_bulk).filter_map(|(_, id)| Some((id, store.get(&id)?.tag)));
    all.collect()
}

/// What somebody signs who has said the first hello, to somebody who has said the second.
fn signed(own: &Hello, other: &Hello) -> [u8; 32] {
    tagged("allod 2026 courier, contact", &[&own.encode(), &other.encode()])
}
