//! What can be wrong with a ledger, a proof or a store. What can be wrong with
//! an operation is a [`Rejection`](crate::Rejection).

use core::fmt;

use allod_wire::Instant;

/// Everything that this crate refuses, but for operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The store could not be read.
    Unavailable,
    /// A record in the store has no form that this version knows.
    BadRecord {
        /// Of which kind.
        kind: &'static str,
        /// What is wrong with it.
        reason: allod_wire::Error,
    },
    /// A record is missing that every ledger has.
    NoRecord {
        /// Of which kind.
        kind: &'static str,
    },
    /// A genesis with which no network can begin.
    BadGenesis {
        /// The part at fault.
        part: &'static str,
    },
    /// A block that does not follow the one before.
    WrongHeight {
        /// Its height.
        height: u64,
        /// The height that comes next.
        expected: u64,
    },
    /// A block that is not later than the one before.
    TimeBackwards {
        /// Its time.
        at: Instant,
        /// The time of the block before.
        before: Instant,
    },
    /// Bytes that are no proof.
    Malformed(allod_wire::Error),
    /// The proof is of another network.
    OtherNetwork,
    /// The certificate was not made with the network's key.
    CertificateRefused,
    /// The path does not lead from what is claimed to the certified root.
    PathRefused(crate::jellyfish::PathError),
    /// The proof shows a place, and the record in it has another form.
    WrongSubject,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("the ledger's store could not be read"),
            Self::BadRecord { kind, reason } => write!(f, "a record of kind {kind} in the store: {reason}"),
            Self::NoRecord { kind } => write!(f, "the ledger has no {kind}"),
            Self::BadGenesis { part } => write!(f, "no network can begin like this: {part}"),
            Self::WrongHeight { height, expected } => {
                write!(f, "a block of height {height} where {expected} comes next")
            }
            Self::TimeBackwards { at, before } => {
                write!(f, "a block of time {} ms after one of {} ms", at.0, before.0)
            }
            Self::Malformed(reason) => write!(f, "not a proof: {reason}"),
            Self::OtherNetwork => f.write_str("the proof is of another network"),
            Self::CertificateRefused => {
                f.write_str("the certificate was not made by this network's guardians")
            }
            Self::PathRefused(reason) => {
                write!(f, "the proof does not lead to what the guardians signed: {reason}")
            }
            Self::WrongSubject => f.write_str("the proof shows something else than it says"),
        }
    }
}

impl core::error::Error for Error {}
