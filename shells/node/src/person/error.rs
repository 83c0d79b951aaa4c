//! Why something a person wanted did not happen.

use std::path::PathBuf;

use allod_did::Did;
use allod_guardian::client::{BadConfiguration, KitError, RecoverError, RegisterError};

use super::BadAddress;
use super::drive::Report;
use crate::FileError;

/// Why something a person wanted did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// A file of the home folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The identity's file is not one.
    #[error("{path} is damaged; recover with the card, into an empty home", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There is an identity already.
    #[error("there is an identity here already: {0}")]
    Exists(Did),
    /// A guardian's address makes no sense.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// Shares would travel to a guardian for everybody on the way to read.
    #[error("{0} has no TLS; a guardian on another machine needs https")]
    Unprotected(String),
    /// A set of guardians does not work.
    #[error(transparent)]
    Configuration(#[from] BadConfiguration),
    /// Guardians could not be asked who they are.
    #[error("these guardians could not be reached: {}", list(.0))]
    NotMet(Report),
    /// Nothing to be dealt.
    #[error(transparent)]
    Kit(#[from] KitError),
    /// The PIN could not be stretched.
    #[error("the PIN could not be stretched")]
    Stretch,
    /// The registration did not come about.
    #[error("{error}")]
    Register {
        /// Why.
        error: RegisterError,
        /// What was wrong with which guardian.
        report: Report,
    },
    /// No guardian showed a descriptor for the card.
    #[error("none of the guardians asked keeps anything for this card{}", because(.0))]
    NoDescriptor(Report),
    /// The recovery failed.
    #[error("{error}")]
    Recover {
        /// Why.
        error: RecoverError,
        /// What was wrong with which guardian.
        report: Report,
    },
    /// What was recovered is not the root of the card's identity.
    #[error("what the guardians gave back is not the root of {0}; nothing was changed here")]
    OtherRoot(Did),
    /// The operation log refused a change.
    #[error("the identity's log refused: {0}")]
    Log(allod_did::Error),
    /// Two devices changed the identity without knowing of each other.
    #[error(
        "this device's log and the guardians' have grown apart, so one of them was changed without the other; \
         nothing was changed now. Remove this device's identity and recover with the card to follow the guardians'"
    )]
    Fork,
    /// Another device registered since, so this one cannot heal it.
    #[error("another device registered last, and only it can do this. `allod pin` makes this device the one")]
    NoKit,
    /// Too few guardians could be asked what other devices of this person
    /// changed, so changing more could undo it.
    #[error("too few guardians could be asked what your other devices changed; nothing was changed")]
    Unreached,
    /// Another device of this person changed something at the same time.
    #[error("another of your devices changed something just now; run it again")]
    Behind,
    /// Nothing is registered anywhere yet.
    #[error("the identity is not guarded yet")]
    NotGuarded,
    /// No guardian in the set has this address or number.
    #[error("{0} is none of your guardians")]
    NoSuchGuardian(String),
    /// The guardians did not take the descriptor.
    #[error("no guardian keeps the new descriptor: {}", list(.0))]
    NotDescribed(Report),
}

fn list(report: &Report) -> String {
    report.faults.iter().map(|(address, fault)| format!("{address} {fault}")).collect::<Vec<_>>().join("; ")
}

fn because(report: &Report) -> String {
    if report.faults.is_empty() { String::new() } else { format!(": {}", list(report)) }
}

impl From<allod_did::Error> for PersonError {
    fn from(error: allod_did::Error) -> Self {
        Self::Log(error)
    }
}
