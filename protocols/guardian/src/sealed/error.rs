//! What can be wrong with a sealed file, a request to open one, and a reply.

use core::fmt;

use allod_wire::Instant;
use minicbor::{Decode, Encode};

/// What is wrong with a sealed file, or with what was to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No sealed file.
    NotSealed,
    /// The header is none that this version knows.
    Header(allod_wire::Error),
    /// A chunk was changed, or the file key is of another file.
    Changed {
        /// Which, from 0.
        chunk: u64,
    },
    /// The file ends before its end, or its end was changed.
    Cut,
    /// A policy names no identity, too many, or one twice.
    Openers,
    /// The key is not for sealing.
    OtherPurpose,
    /// The file is locked in the other way: until a time, or to a quorum.
    OtherLock,
    /// The guardians who are asked hold another key than the file is sealed to.
    OtherKey,
    /// The header was changed, so no guardian will help to open it.
    HeaderChanged,
    /// The signature is not the network's for the round.
    SignatureRefused,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSealed => f.write_str("this is no sealed file"),
            Self::Header(reason) => {
                write!(
                    f,
                    "the file's header is damaged, or of a newer version: {reason}; get a newer program, or another copy"
                )
            }
            Self::Changed { chunk } => {
                write!(f, "the file was changed in part {chunk}; get another copy")
            }
            Self::Cut => f.write_str("the end of the file is missing or was changed; get another copy"),
            Self::Openers => {
                write!(f, "name 1 to {} identities who may open the file, each once", super::OPENERS_MAX)
            }
            Self::OtherPurpose => {
                write!(f, "this key is for something else; keys for sealing are called {}", super::KEY_PREFIX)
            }
            Self::OtherLock => f.write_str("this file is not locked in that way"),
            Self::OtherKey => f.write_str("these guardians hold another key than the file is sealed to"),
            Self::HeaderChanged => {
                f.write_str("who may open the file was changed after it was sealed; get another copy")
            }
            Self::SignatureRefused => {
                f.write_str("this is not the network's signature for the file's time; ask another guardian")
            }
        }
    }
}

impl core::error::Error for Error {}

/// Why a guardian does not help to open a file. Nothing was decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Refusal {
    /// The file is for another network.
    #[n(0)]
    OtherNetwork,
    /// This guardian has no part in a key of that name, or the key is for something
    /// else.
    #[n(1)]
    UnknownKey,
    /// It holds no share of the key now.
    #[n(2)]
    NoShare,
    /// The policy does not name the identity that asks.
    #[n(3)]
    NotOpener,
    /// The ledger does not know the identity.
    #[n(4)]
    UnknownIdentity,
    /// The device does not act for the identity, or does not any more.
    #[n(5)]
    NotADevice,
    /// The request is not signed by the device.
    #[n(6)]
    NotSigned,
    /// The request was made too long ago, or not yet.
    #[n(7)]
    NotFresh {
        /// The guardian's time.
        #[n(0)]
        now: Instant,
    },
    /// The file may not be opened yet.
    #[n(8)]
    TooEarly {
        /// Not before this time of the ledger.
        #[n(0)]
        after: Instant,
        /// The ledger's time.
        #[n(1)]
        now: Instant,
    },
    /// Too many requests.
    #[n(9)]
    TooMany {
        /// When to come back, in milliseconds.
        #[n(0)]
        retry_in_ms: u64,
    },
    /// The file was not sealed to this key under this policy.
    #[n(10)]
    NotSealedSo,
    /// The key for the reply is none.
    #[n(11)]
    BadReplyKey,
    /// The guardian's ledger is not the newest, so it does not know who may ask.
    #[n(12)]
    Behind {
        /// The time of the last block that it has.
        #[n(0)]
        at: Instant,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherNetwork => {
                f.write_str("the file is sealed to the guardians of another network; ask those")
            }
            Self::UnknownKey => {
                f.write_str("this guardian holds no such key; look up who does, and ask one of them")
            }
            Self::NoShare => f.write_str(
                "this guardian holds no share of the key now: it is being handed on, or others hold it; \
                 ask another, or again in a minute",
            ),
            Self::NotOpener => f.write_str("the file is not sealed for this identity"),
            Self::UnknownIdentity => {
                f.write_str("the ledger does not know this identity; register it, and ask again")
            }
            Self::NotADevice => f.write_str(
                "this device does not act for the identity; add it, or ask from one that does",
            ),
            Self::NotSigned => f.write_str("the request is not signed by the device that it names"),
            Self::NotFresh { now } => write!(
                f,
                "the request's time is not this guardian's, which is {} s since 1970; check the clock, and ask again",
                now.as_secs()
            ),
            Self::TooEarly { after, now } => write!(
                f,
                "the file may be opened in {} s and not before; ask again then",
                after.ms_since(*now).div_ceil(1000)
            ),
            Self::TooMany { retry_in_ms } => write!(f, "too many requests; again in {retry_in_ms} ms"),
            Self::NotSealedSo => f.write_str(
                "the file is not sealed to this key for these openers and this time; it was changed, get another copy",
            ),
            Self::Behind { at } => write!(
                f,
                "this guardian knows of nothing since {} s after 1970; ask another, or again when it caught up",
                at.as_secs()
            ),
            Self::BadReplyKey => {
                f.write_str("the key for the reply is none; the asking program is at fault")
            }
        }
    }
}

impl core::error::Error for Refusal {}

/// What was wrong with a guardian's reply. It does not count; another guardian is
/// to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The guardian refused.
    Refused(Refusal),
    /// The guardian was not asked: it holds no share of the key.
    NotAsked,
    /// The reply does not open with this request's key, or holds nothing known.
    NotForThis,
    /// The reply is not signed by the guardian for this request. Who made it is not
    /// known.
    NotSigned,
    /// The guardian used its share of another generation.
    OtherGeneration {
        /// Of which.
        given: u32,
    },
    /// The guardian lied: it signed what its share does not give.
    Lied,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotAsked => f.write_str("the reply is of somebody who was not asked"),
            Self::NotForThis => f.write_str("the reply is not to this request"),
            Self::NotSigned => f.write_str("the reply is not signed by the guardian"),
            Self::OtherGeneration { given } => {
                write!(f, "the reply is of generation {given} of the key; look up who holds it now")
            }
            Self::Lied => f.write_str("the reply is false, and the guardian signed it; tell its operator"),
        }
    }
}

impl core::error::Error for Fault {}
