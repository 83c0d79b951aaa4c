//! What can be wrong with one guardian, each with a name of its own.

use alloc::string::String;
use core::fmt;

/// A guardian did something wrong. The client goes on without it while enough
/// others are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accused {
    /// Which, by its place in the configuration.
    pub guardian: usize,
    /// What it did.
    pub fault: Fault,
}

impl fmt::Display for Accused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guardian {}: {}", self.guardian + 1, self.fault)
    }
}

impl core::error::Error for Accused {}

/// Why a guardian was of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It could not be reached; the shell's reason.
    Unreachable(String),
    /// It did not answer in time.
    Slow,
    /// It refused the token; its reason.
    NotAuthorized(String),
    /// It wants fewer requests.
    TooMany {
        /// When to come back, in milliseconds.
        retry_in_ms: u64,
    },
    /// It speaks a newer protocol.
    UpgradeRequired,
    /// It refused for another reason, in its words.
    Refused(String),
    /// It has nothing registered for this account.
    NotRegistered,
    /// The guesses ran out there; its share is destroyed.
    NoGuesses,
    /// It holds another registration than most guardians do, such as one from
    /// before guardians were replaced.
    OtherVersion,
    /// It answered what it cannot honestly answer.
    Lied(Lie),
}

/// How a guardian's answer gave it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// The answer is no message of the protocol.
    Garbage,
    /// The answer belongs to another request.
    WrongMessage,
    /// The answer is for another account or another registration: its key is
    /// signed by another key than the registration's.
    OtherAccount,
    /// The share's public key is not signed for this guardian.
    KeySignature,
    /// The evaluation is no group element, or the identity.
    NotAnElement,
    /// The evaluation is not that of the guardian's share.
    BadProof,
    /// The commitment is not the one that was registered.
    OtherCommitment,
    /// More guesses were counted than there are, or none.
    GuessCount,
    /// It refused the right unlock tag.
    RefusedRightTag,
    /// Its share or encrypted secret is not what was registered.
    BadShare,
    /// It first said that it holds the registration and then that it does not.
    Contradiction,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "could not be reached ({why})"),
            Self::Slow => f.write_str("did not answer in time"),
            Self::NotAuthorized(why) => write!(f, "refused the token ({why})"),
            Self::TooMany { retry_in_ms } => write!(f, "asks to wait {} s", retry_in_ms.div_ceil(1000)),
            Self::UpgradeRequired => f.write_str("needs a newer version of this program"),
            Self::Refused(why) => write!(f, "refused ({why})"),
            Self::NotRegistered => f.write_str("holds nothing for this account"),
            Self::NoGuesses => f.write_str("has no guesses left; its share is destroyed"),
            Self::OtherVersion => f.write_str("holds another registration than most guardians"),
            Self::Lied(lie) => write!(f, "answered wrongly: {lie}"),
        }
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Garbage => "not a message of the protocol",
            Self::WrongMessage => "the answer to another question",
            Self::OtherAccount => "an answer for another account",
            Self::KeySignature => "a key that was not signed for it",
            Self::NotAnElement => "an evaluation that is no group element",
            Self::BadProof => "an evaluation that its share does not give",
            Self::OtherCommitment => "a commitment that was not registered",
            Self::GuessCount => "a count of guesses that cannot be",
            Self::RefusedRightTag => "it refused the right unlock tag",
            Self::BadShare => "a share that was not registered",
            Self::Contradiction => "it took back what it had said",
        })
    }
}

impl Fault {
    /// Whether the request may have been carried out although no good answer
    /// came: a guess asked for may have been spent.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Slow | Self::Refused(_) | Self::Lied(_))
    }
}
