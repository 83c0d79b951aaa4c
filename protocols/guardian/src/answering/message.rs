//! What goes into the evaluation service and what comes out of it, and what it
//! and its clients send each other.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use allod_threshold::answer::{KEY_NAME_MAX, SignedAnswer};
use allod_wire::Wire;
use minicbor::bytes::ByteVec;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::log::Tip;
use crate::token::Caller;

/// The shell's name for a request, given back with the reply.
pub type Ticket = u64;

/// The service's name for a write, given back when it is durable.
pub type PersistId = u64;

/// What happens to the service.
#[derive(Debug)]
pub enum Input {
    /// Clients ask. Requests that came together cost less when they are handed in
    /// together; each is answered, proven and signed by itself.
    Ask(Vec<Asked>),
    /// A write is durable.
    Persisted(PersistId),
    /// A write failed, wholly or in part; the service halts.
    PersistFailed(PersistId),
    /// The store was opened again after a write failed, nothing written before can
    /// still reach it, and its log ends here. Of no effect while the service is not
    /// halted.
    Resume(Tip),
}

/// One client's request.
#[derive(Debug)]
pub struct Asked {
    /// The shell's name for this request.
    pub ticket: Ticket,
    /// Who asks, as the token proved.
    pub caller: Caller,
    /// For what.
    pub request: Request,
}

/// What the service wants done.
#[derive(Debug)]
pub enum Output {
    /// Make these entries durable, in this order, then say so. There is never more
    /// than one such write under way.
    Persist {
        /// To be given back.
        id: PersistId,
        /// What is added to the log.
        entries: Vec<SignedAnswer>,
    },
    /// Reply to a request.
    Send {
        /// Which.
        ticket: Ticket,
        /// With what.
        reply: Reply,
    },
    /// Something that an operator wants to know.
    Event(Event),
}

/// What happened, for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A write failed. Nothing is answered until the store was opened again.
    Halted {
        /// The last position that is known to be stored.
        position: u64,
    },
    /// The service goes on.
    Resumed {
        /// After this position.
        position: u64,
    },
    /// The store's log is not the one that this service wrote: entries whose answers
    /// were given out are missing, or others are there. Going on would make this
    /// guardian contradict itself, so it does not.
    LogDiffers {
        /// The last position that was known to be stored.
        known: u64,
        /// The last position that the store has.
        found: u64,
    },
}

/// What a client asks for: one element under one key.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Request {
    /// The key's name.
    #[n(0)]
    pub key: String,
    /// The blinded element, 32 bytes.
    #[n(1)]
    pub blinded: ByteVec,
    /// The generation under whose share it is to be evaluated; any where none is
    /// named. Answers of different generations do not combine.
    #[n(2)]
    pub generation: Option<u32>,
}

impl Wire for Request {
    const SIZE_MAX: usize = 16 + KEY_NAME_MAX + 64;
}

/// What a guardian replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The answer: also the client's receipt.
    Answered(Box<SignedAnswer>),
    /// Why there is none.
    Refused(Refusal),
}

/// `[0, answer]` with the bytes of [`SignedAnswer::encode`], or `[1, refusal]`.
impl<C> Encode<C> for Reply {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        match self {
            Self::Answered(answer) => e.array(2)?.u8(0)?.bytes(&answer.encode())?.ok(),
            Self::Refused(refusal) => {
                e.array(2)?.u8(1)?;
                refusal.encode(e, ctx)
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for Reply {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(2) {
            return Err(DecodeError::message("not a reply"));
        }
        match d.u8()? {
            0 => {
                let answer = SignedAnswer::decode(d.bytes()?);
                answer.map(Box::new).map(Self::Answered).map_err(|_| DecodeError::message("not an answer"))
            }
            1 => Refusal::decode(d, ctx).map(Self::Refused),
            _ => Err(DecodeError::message("not a reply")),
        }
    }
}

impl Wire for Reply {
    const SIZE_MAX: usize = SignedAnswer::SIZE_MAX + 8;
}

/// Why a request was refused. Nothing was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Refusal {
    /// This guardian has no part in a key of that name, or the key is for something
    /// else.
    #[n(0)]
    UnknownKey,
    /// It holds no share of the key now: the key is being made or handed on.
    #[n(1)]
    NoShare,
    /// It holds a share of another generation.
    #[n(2)]
    OtherGeneration {
        /// Which.
        #[n(0)]
        held: u32,
    },
    /// The blinded element is none.
    #[n(3)]
    Malformed,
    /// The token does not allow this.
    #[n(4)]
    NotPermitted,
    /// Too many requests.
    #[n(5)]
    TooMany {
        /// When to come back, in milliseconds.
        #[n(0)]
        retry_in_ms: u64,
    },
    /// The guardian cannot write its log, so it does not answer.
    #[n(6)]
    Unavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => {
                f.write_str("this guardian holds no such key; look up who does, and ask one of them")
            }
            Self::NoShare => f.write_str(
                "this guardian holds no share of the key now: it is being handed on, or others hold it; \
                 ask another, or again in a minute",
            ),
            Self::OtherGeneration { held } => write!(
                f,
                "this guardian holds a share of generation {held}; look up who holds that one, and ask again"
            ),
            Self::Malformed => f.write_str("the blinded element is none; the asking program is at fault"),
            Self::NotPermitted => {
                f.write_str("a recovery card may not ask this; use the key that owns the account")
            }
            Self::TooMany { retry_in_ms } => write!(f, "too many requests; again in {retry_in_ms} ms"),
            Self::Unavailable => {
                f.write_str("this guardian cannot write its log now, so it does not answer; ask another")
            }
        }
    }
}

impl core::error::Error for Refusal {}
