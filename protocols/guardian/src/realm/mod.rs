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

mod limiter;
mod record;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::{Group, Ristretto255};
use allod_crypto::{ConstantTimeEq, CryptoRng};
use allod_threshold::juicebox::{BlindedInput, PrivateKey, PublicKey, blind_evaluate};
use allod_wire::{Instant, Locator, RealmId};

use self::limiter::Limiter;
pub use self::limiter::{Limits, Rate, TooMany};
pub use self::record::{Record, Registration};
use crate::account::Permit;
use crate::juicebox::{
    Proof, Recover1, Recover2, Recover2Answer, Recover2Request, Recover3, Recover3Answer, Recover3Request,
    Register2Request, Request, Response, secret,
};
use crate::token::Caller;

/// The allowance that fetching descriptors has to itself, since anybody may. No
/// tenant's name has a colon.
const FETCHES: &str = ":fetch";

/// The shell's name for a request, given back with the answer.
pub type Ticket = u64;

/// The realm's name for a write, given back when it is durable.
pub type PersistId = u64;

/// What happens to a realm.
#[derive(Debug)]
pub enum Input {
    /// A client asks.
    Ask {
        /// The shell's name for this request.
        ticket: Ticket,
        /// Who asks, as the token proved.
        caller: Caller,
        /// For what.
        ask: Ask,
    },
    /// Anybody asks for the sealed descriptor at a locator. No token is needed,
    /// since the locator itself is known to the card alone.
    Fetch {
        /// The shell's name for this request.
        ticket: Ticket,
        /// What is stored there.
        stored: Option<SealedDescriptor>,
    },
    /// A write is durable.
    Persisted(PersistId),
    /// A write failed; nothing of it may be assumed to be stored.
    PersistFailed(PersistId),
}

/// What an authenticated client asks for.
#[derive(Debug)]
pub enum Ask {
    /// A request of the Juicebox protocol.
    Secret {
        /// The request.
        request: Request,
        /// The account's record as it is stored, if there is one.
        stored: Option<Record>,
        /// Whether the guardian has room for one more account.
        room: bool,
    },
    /// Keep this descriptor for the account.
    Describe {
        /// What to keep.
        descriptor: SealedDescriptor,
        /// Whose descriptor is stored there, if one is.
        stored: Option<Described>,
        /// Whether the guardian has room for one more account.
        room: bool,
    },
}

/// Whose descriptor is kept at a locator. The locator belongs to the account
/// that described first: the locator follows from the card alone, so the card's
/// thief could make another account that shares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The account that described, as [`Change::Describe`] named it.
    pub account: [u8; 32],
    /// The descriptor's number.
    pub sequence: u64,
}

/// A descriptor as guardians see it: opaque, with a number that only grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedDescriptor {
    /// Higher for each newer descriptor.
    pub sequence: u64,
    /// Sealed for the card. At most `limits::DESCRIPTOR_MAX` bytes.
    pub sealed: Vec<u8>,
}

/// What a realm wants done.
#[derive(Debug)]
pub enum Output {
    /// Make this durable, then say so. Writes are made in the order in which
    /// they come here, or together: a later one builds on those before.
    Persist {
        /// To be given back.
        id: PersistId,
        /// What changes.
        change: Change,
    },
    /// Answer a request.
    Send {
        /// Which.
        ticket: Ticket,
        /// With what.
        answer: Answer,
    },
    /// Something that an operator counts happened. Never with a secret.
    Event(Event),
}

/// A change to what is stored.
#[derive(Debug)]
pub enum Change {
    /// Replace the account's record; `fresh` when it holds another share than
    /// before, so that the key which sealed the old one must be destroyed.
    Put {
        /// The account.
        account: [u8; 32],
        /// Its new state.
        record: Box<Record>,
        /// Whether the share is another one.
        fresh: bool,
    },
    /// Destroy the account's share for ever; keep only the fact.
    Destroy {
        /// The account.
        account: [u8; 32],
    },
    /// Destroy the account's share and forget the account.
    Remove {
        /// The account.
        account: [u8; 32],
    },
    /// Replace a descriptor, and keep whose it is.
    Describe {
        /// The account that may replace it.
        account: [u8; 32],
        /// Where it goes.
        locator: Locator,
        /// What goes there.
        descriptor: SealedDescriptor,
    },
}

/// An answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// In Juicebox's words.
    Response {
        /// The message.
        response: Response,
        /// Guesses left, in every answer that refuses something.
        guesses_left: Option<u16>,
    },
    /// The descriptor is kept.
    Described,
    /// The descriptor found, or that there is none.
    Descriptor(Option<SealedDescriptor>),
    /// Refused outside of Juicebox's words.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Guesses left, if the account is registered.
        guesses_left: Option<u16>,
    },
}

/// Why a request was refused. What was kept safe: nothing changed, and no guess
/// was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token does not allow this: it is the card's, or of a tenant without
    /// descriptors, or the descriptor is another account's.
    NotPermitted,
    /// A value in the request cannot be: which one.
    BadRequest(&'static str),
    /// Too many requests.
    TooMany {
        /// When to come back, in milliseconds.
        retry_in_ms: u64,
    },
    /// The guardian takes no more accounts.
    Full,
    /// A newer descriptor is kept.
    Stale {
        /// Its number.
        stored: u64,
    },
    /// The guardian could not make the change durable.
    Unavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted => f.write_str("this token does not allow that"),
            Self::BadRequest(what) => write!(f, "bad request: {what}"),
            Self::TooMany { retry_in_ms } => write!(f, "too many requests; again in {retry_in_ms} ms"),
            Self::Full => f.write_str("this guardian takes no more accounts"),
            Self::Stale { stored } => write!(f, "a newer descriptor, number {stored}, is kept"),
            Self::Unavailable => f.write_str("the guardian could not write to its disk"),
        }
    }
}

/// What an operator counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A registration was stored.
    Registered,
    /// A guess was spent.
    GuessSpent {
        /// How many are left.
        guesses_left: u16,
    },
    /// The right unlock tag was shown.
    Recovered,
    /// A share was destroyed because its guesses ran out.
    Destroyed,
    /// A registration was deleted by its owner.
    Deleted,
}

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

/// What a request leads to, before anything is written.
struct Verdict {
    response: Response,
    change: Option<Change>,
    event: Option<Event>,
}

impl Verdict {
    fn only(response: Response) -> Self {
        Self { response, change: None, event: None }
    }
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
                Ask::Describe { descriptor, stored, room } => {
                    self.describe(now, ticket, &caller, descriptor, stored, room);
                }
            },
            Input::Fetch { ticket, stored } => {
                let answer = match self.limiter.admit(now, FETCHES, None) {
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
            .admit(now, caller)
            .and_then(|()| permit(caller, &request))
            .and_then(|()| decide(&self.id, rng, &caller.account, request, record, room));
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
        room: bool,
    ) {
        let pending = caller.locator.and_then(|locator| self.pending_descriptors.get(&locator).copied());
        let newest = pending.map(|(_, described)| described).or(stored);
        let verdict = self.admit(now, caller).and_then(|()| {
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
                None if !room => Err(Refusal::Full),
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

    fn admit(&mut self, now: Instant, caller: &Caller) -> Result<(), Refusal> {
        self.limiter
            .admit(now, &caller.tenant, Some(&caller.account))
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

/// What each token may do.
fn permit(caller: &Caller, request: &Request) -> Result<(), Refusal> {
    let needed = match request {
        Request::Recover1 | Request::Recover2(_) | Request::Recover3(_) => Permit::Recover,
        Request::Register1 | Request::Register2(_) | Request::Delete => Permit::Own,
    };
    if caller.permit >= needed { Ok(()) } else { Err(Refusal::NotPermitted) }
}

/// The protocol itself: from a record and a request to an answer and a change.
fn decide(
    realm: &RealmId,
    rng: &mut impl CryptoRng,
    account: &[u8; 32],
    request: Request,
    record: Option<Record>,
    room: bool,
) -> Result<Verdict, Refusal> {
    let account = *account;
    match request {
        Request::Register1 => Ok(Verdict::only(Response::Register1)),

        Request::Register2(parts) => {
            check_registration(realm, &parts)?;
            if record.is_none() && !room {
                return Err(Refusal::Full);
            }
            let record = Box::new(Record::Registered(Registration { parts: *parts, guess_count: 0 }));
            Ok(Verdict {
                response: Response::Register2,
                change: Some(Change::Put { account, record, fresh: true }),
                event: Some(Event::Registered),
            })
        }

        Request::Recover1 => Ok(match record {
            None => Verdict::only(Response::Recover1(Recover1::NotRegistered)),
            Some(Record::Destroyed) => Verdict::only(Response::Recover1(Recover1::NoGuesses)),
            Some(Record::Registered(registration)) if registration.guesses_left() == 0 => {
                destroyed(account, Response::Recover1(Recover1::NoGuesses))
            }
            Some(Record::Registered(registration)) => {
                Verdict::only(Response::Recover1(Recover1::Ok { version: registration.parts.version }))
            }
        }),

        Request::Recover2(guess) => recover2(rng, account, &guess, record),
        Request::Recover3(claim) => Ok(recover3(account, &claim, record)),

        Request::Delete => Ok(Verdict {
            response: Response::Delete,
            change: Some(Change::Remove { account }),
            event: record.map(|_| Event::Deleted),
        }),
    }
}

fn recover2(
    rng: &mut impl CryptoRng,
    account: [u8; 32],
    guess: &Recover2Request,
    record: Option<Record>,
) -> Result<Verdict, Refusal> {
    let registration = match record {
        None => return Ok(Verdict::only(Response::Recover2(Recover2::NotRegistered))),
        Some(Record::Destroyed) => return Ok(Verdict::only(Response::Recover2(Recover2::NoGuesses))),
        Some(Record::Registered(registration)) => registration,
    };
    if registration.parts.version != guess.version {
        return Ok(Verdict::only(Response::Recover2(Recover2::VersionMismatch)));
    }
    if registration.guesses_left() == 0 {
        return Ok(destroyed(account, Response::Recover2(Recover2::NoGuesses)));
    }
    let blinded = BlindedInput::from_bytes(&guess.oprf_blinded_input)
        .map_err(|_| Refusal::BadRequest("oprf_blinded_input is no group element, or the identity"))?;

    let registration = Registration { guess_count: registration.guess_count + 1, ..registration };
    let parts = &registration.parts;
    // Both were checked when they were registered.
    let key = PrivateKey::from_bytes(parts.oprf_private_key.expose())
        .map_err(|_| Refusal::BadRequest("oprf_private_key"))?;
    let public_key = PublicKey::from_bytes(&parts.oprf_signed_public_key.public_key)
        .map_err(|_| Refusal::BadRequest("public_key"))?;
    let (result, proof) = blind_evaluate(&key, &public_key, &blinded, rng);
    let answer = Recover2Answer {
        oprf_signed_public_key: parts.oprf_signed_public_key,
        oprf_blinded_result: result.to_bytes(),
        oprf_proof: Proof { c: proof.c(), beta_z: proof.beta_z() },
        unlock_key_commitment: parts.unlock_key_commitment,
        num_guesses: parts.policy.num_guesses,
        guess_count: registration.guess_count,
    };
    let guesses_left = registration.guesses_left();
    Ok(Verdict {
        response: Response::Recover2(Recover2::Ok(Box::new(answer))),
        change: Some(put(account, registration)),
        event: Some(Event::GuessSpent { guesses_left }),
    })
}

fn recover3(account: [u8; 32], claim: &Recover3Request, record: Option<Record>) -> Verdict {
    let registration = match record {
        None => return Verdict::only(Response::Recover3(Recover3::NotRegistered)),
        Some(Record::Destroyed) => return Verdict::only(Response::Recover3(Recover3::NoGuesses)),
        Some(Record::Registered(registration)) => registration,
    };
    if registration.parts.version != claim.version {
        return Verdict::only(Response::Recover3(Recover3::VersionMismatch));
    }
    if !bool::from(registration.parts.unlock_key_tag.ct_eq(&claim.unlock_key_tag)) {
        let guesses_remaining = registration.guesses_left();
        let response = Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining });
        return if guesses_remaining == 0 { destroyed(account, response) } else { Verdict::only(response) };
    }
    let parts = &registration.parts;
    let answer = Recover3Answer {
        encryption_key_scalar_share: parts.encryption_key_scalar_share.clone(),
        encrypted_secret: parts.encrypted_secret,
        encrypted_secret_commitment: parts.encrypted_secret_commitment,
    };
    Verdict {
        response: Response::Recover3(Recover3::Ok(Box::new(answer))),
        change: Some(put(account, Registration { guess_count: 0, ..registration })),
        event: Some(Event::Recovered),
    }
}

fn put(account: [u8; 32], registration: Registration) -> Change {
    Change::Put { account, record: Box::new(Record::Registered(registration)), fresh: false }
}

fn destroyed(account: [u8; 32], response: Response) -> Verdict {
    Verdict { response, change: Some(Change::Destroy { account }), event: Some(Event::Destroyed) }
}

/// Refuses a registration that could never be recovered, and would make this
/// guardian look like a liar.
fn check_registration(realm: &RealmId, parts: &Register2Request) -> Result<(), Refusal> {
    if parts.policy.num_guesses == 0 {
        return Err(Refusal::BadRequest("num_guesses is 0"));
    }
    let key = PrivateKey::from_bytes(parts.oprf_private_key.expose())
        .map_err(|_| Refusal::BadRequest("oprf_private_key is no canonical scalar, or zero"))?;
    if key.public_key().to_bytes() != parts.oprf_signed_public_key.public_key {
        return Err(Refusal::BadRequest("public_key is not that of oprf_private_key"));
    }
    secret::verify_public_key(&parts.oprf_signed_public_key, realm)
        .map_err(|_| Refusal::BadRequest("the public key is not signed for this realm"))?;
    Ristretto255::decode_scalar(parts.encryption_key_scalar_share.expose())
        .map(drop)
        .map_err(|_| Refusal::BadRequest("encryption_key_scalar_share is no canonical scalar"))
}

/// Whether the response refuses what was asked.
fn refuses(response: &Response) -> bool {
    match response {
        Response::Recover1(answer) => !matches!(answer, Recover1::Ok { .. }),
        Response::Recover2(answer) => !matches!(answer, Recover2::Ok(_)),
        Response::Recover3(answer) => !matches!(answer, Recover3::Ok(_)),
        Response::Register1 | Response::Register2 | Response::Delete => false,
    }
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused { refusal, guesses_left: None }
}

#[cfg(test)]
pub(crate) mod tests;
