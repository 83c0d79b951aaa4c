//! What the other carrier did wrong.

use core::fmt;

use super::reconcile::ReconcileError;

/// Why a contact was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncounterError {
    /// The link's frames are smaller than [`MTU_MIN`](super::MTU_MIN) or larger than
    /// [`MTU_MAX`](super::MTU_MAX), or nobody can answer on it. Not the other side's fault.
    LinkUnfit,
    /// The contact is over. Not the other side's fault.
    Over,
    /// A frame has more bytes than this side takes.
    FrameTooLong {
        /// How many it may have.
        size_max: usize,
    },
    /// The frames of one message have more bytes than a message may.
    MessageTooLong,
    /// A frame or a message that is none.
    Malformed,
    /// The other side speaks another version.
    Version(u8),
    /// The other side gives back what this side said, or has this side's key.
    Echo,
    /// The other side has not the key that it says it has.
    Proof,
    /// The other side is not the one that the link has authenticated.
    OtherPeer,
    /// A message that does not come here: a second hello, an answer to nothing.
    OutOfTurn,
    /// The reconciliation was given up.
    Reconcile(ReconcileError),
    /// More headers, ids or bundles than are taken at once.
    TooMany,
    /// Bytes of a bundle that were not asked for.
    NotAsked,
    /// A token that is not that of the bundle it is shown for.
    OtherToken,
    /// The other side did too often what may happen now and then; [`Faults`] says what.
    Faults(Faults),
    /// The other side owes an answer, and has been silent for too long.
    Silent,
}

/// What happens now and then between honest carriers, and is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Tokens of what is not carried here: made up, or late.
    pub made_up: u32,
    /// Bundles whose bytes are not those of their id.
    pub corrupt: u32,
    /// Ids of what is not here.
    pub unknown: u32,
    /// Headers of bundles that have expired, or come from the future.
    pub out_of_time: u32,
    /// Bundles that this side refused after they came.
    pub refused: u32,
}

impl Faults {
    /// Those that too many of end a contact. Headers that are out of time do not, since clocks
    /// differ; how many headers are shown is limited anyhow.
    pub fn sum(&self) -> u32 {
        let Self { made_up, corrupt, unknown, refused, .. } = *self;
        [made_up, corrupt, unknown, refused].into_iter().fold(0, u32::saturating_add)
    }
}

impl From<ReconcileError> for EncounterError {
    fn from(error: ReconcileError) -> Self {
        Self::Reconcile(error)
    }
}

impl fmt::Display for EncounterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkUnfit => f.write_str("the link is too narrow, too wide, or leads only one way"),
            Self::Over => f.write_str("the contact is over"),
            Self::FrameTooLong { size_max } => write!(f, "a frame of more than {size_max} bytes"),
            Self::MessageTooLong => f.write_str("a message that does not end"),
            Self::Malformed => f.write_str("a message that is none"),
            Self::Version(version) => write!(f, "the other side speaks version {version}"),
            Self::Echo => f.write_str("the other side is this one, or says what this one said"),
            Self::Proof => f.write_str("the other side has not the key that it shows"),
            Self::OtherPeer => f.write_str("the other side is not who the link says it is"),
            Self::OutOfTurn => f.write_str("a message that does not come here"),
            Self::Reconcile(why) => write!(f, "reconciliation: {why}"),
            Self::TooMany => f.write_str("more than is taken at once"),
            Self::NotAsked => f.write_str("bytes of a bundle that were not asked for"),
            Self::OtherToken => f.write_str("a token of another bundle"),
            Self::Faults(faults) => write!(
                f,
                "too much that is wrong: {} tokens made up, {} bundles corrupt, {} ids unknown, {} out of \
                 time, {} refused",
                faults.made_up, faults.corrupt, faults.unknown, faults.out_of_time, faults.refused
            ),
            Self::Silent => f.write_str("no answer"),
        }
    }
}

impl core::error::Error for EncounterError {}
