//! What shows to everybody that a guardian lied about an evaluation.

use alloc::boxed::Box;

use allod_threshold::answer::SignedAnswer;
use allod_wire::GuardianId;

/// What to hand in to the ledger, which evicts the guardian and pays whoever
/// reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An answer that the guardian's share does not give.
    False(Box<SignedAnswer>),
    /// Two answers at one place in the guardian's log.
    Fork(Box<SignedAnswer>, Box<SignedAnswer>),
}

impl Evidence {
    /// Who lied.
    pub fn offender(&self) -> GuardianId {
        match self {
            Self::False(answer) | Self::Fork(answer, _) => GuardianId(answer.answer.guardian.0),
        }
    }
}
