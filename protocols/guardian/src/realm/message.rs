//! What goes into a realm and what comes out of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use allod_wire::Locator;

use super::record::Record;
use crate::juicebox::{Request, Response};
use crate::token::Caller;

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
        /// Whether the account has a record.
        registered: bool,
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
        /// Where its descriptor is, if it has one: that goes too.
        locator: Option<Locator>,
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
    /// A descriptor is only kept for an account that has a registration.
    NotRegistered,
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
            Self::NotRegistered => f.write_str("this account has no registration here"),
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
