//! The order of operations, agreed on by a committee of which less than a third
//! may lie.
//!
//! Roles:
//! - a *voter* is a member of the current epoch's committee: it votes, and leads
//!   when it is its turn;
//! - an *observer* is no member (not yet, or not any more) and follows: it gets
//!   every final block, and passes on operations;
//! - the [`Application`] lies above: it executes final blocks, and says who the
//!   next committee is.
//!
//! Messages, all over encrypted links between known keys:
//! - operations, from each node to all, so that whoever leads has them;
//! - blocks, from their leader to all;
//! - votes (notarize, nullify, finalize) and the certificates made of them;
//! - questions for blocks and certificates that were missed, and answers.
//!
//! Flow:
//! ```text
//! submit → pool ⇄ other pools          admit() keeps garbage out
//!            ↓ leader
//!          block → notarize → finalize  (two thirds of the committee each)
//!            ↓ every node, in order
//!          apply() → durable → acknowledged, may be pruned from here on
//!            ↓ after an epoch's last height
//!          committee() → the next epoch's voters
//! ```
//!
//! Height 0 is the block that all start from; it is never delivered. Epoch `e`
//! spans the heights `e × epoch_heights` to `(e + 1) × epoch_heights − 1`.
//!
//! What it never does: look into an operation; execute one; vote for a block
//! that it does not hold; sign a vote before the vote is on disk; deliver a
//! block twice to an application that said it has it, or out of order.

mod address;
mod block;
mod certificate;
mod evidence;
mod pool;
pub mod simplex;

use std::fmt;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;

use allod_crypto::sign::VerifyingKey;
use allod_wire::Instant;

pub use address::{Address, BadAddress};
pub use block::{Block, BlockDigest, FinalBlock, Header, Operation, OperationHash};
pub use certificate::{Certificate, Vote};
pub use evidence::{Evidence, Signed, Statement};

/// The most bytes of one operation.
pub const OPERATION_SIZE_MAX: usize = 64 * 1024;

/// The most bytes of a block's operations, each counted with
/// [`OPERATION_OVERHEAD`].
pub const OPERATIONS_SIZE_MAX: usize = 1024 * 1024;

/// What an operation counts beyond its own bytes: however short it is, it costs
/// every node some work, so a block has at most 4,096.
pub const OPERATION_OVERHEAD: usize = 255;

/// The most operations of a block that [nobody pays for](Kind::Free).
pub const FREE_MAX: usize = 64;

/// The most members of a committee, and the most observers beside them.
pub const COMMITTEE_MAX: usize = 64;

/// How far a block's time may be ahead of a voter's clock, in milliseconds.
pub const TIME_AHEAD_MS_MAX: u64 = 2_000;

/// What is the same for all nodes of one network, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The network's id: votes, links and blocks of another network are worth
    /// nothing here.
    pub network: [u8; 32],
    /// The time of height 0.
    pub genesis: Instant,
    /// How many heights an epoch has.
    pub epoch_heights: NonZeroU64,
}

impl Parameters {
    /// The epoch that `height` belongs to.
    pub fn epoch_of(&self, height: u64) -> u64 {
        height / self.epoch_heights
    }

    /// The last height of `epoch`.
    pub fn last_height(&self, epoch: u64) -> u64 {
        epoch.saturating_add(1).saturating_mul(self.epoch_heights.get()) - 1
    }
}

/// One node of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Signs its votes and authenticates its links.
    pub key: VerifyingKey,
    /// Where it is dialled.
    pub address: Address,
}

/// Who takes part in an epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committee {
    /// The voters: 1 to [`COMMITTEE_MAX`], no key twice. Their order does not
    /// matter. With `3f + 1` of them, `f` may lie or be silent.
    pub members: Vec<Member>,
    /// Nodes that may follow without a vote. A key that is a member too counts as
    /// a member. Of more than [`COMMITTEE_MAX`] those with the highest keys are
    /// left out.
    pub observers: Vec<Member>,
}

/// Where an application stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The last height whose effects are durable; 0 when there is none.
    pub height: u64,
    /// The certificate of exactly this height, for an application that began
    /// with a snapshot. It is needed when this node's ordering does not reach
    /// back to that height, and ignored otherwise.
    pub certificate: Option<Certificate>,
}

/// The application cannot go on, and ordering stops with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the application cannot go on: {0}")]
pub struct Halt(pub String);

/// What final blocks are for.
///
/// [`apply`](Self::apply) is called by one thread at a time; the other calls may
/// come at any moment from any thread, also while a block is applied.
pub trait Application: Send + Sync + 'static {
    /// Where the application stands. Asked once, when ordering starts.
    fn applied(&self) -> Applied;

    /// Whether an operation is worth a place in the pool, judged by the newest
    /// state: well-formed, signed, paid for, not executed yet. It is asked for
    /// each operation that somebody submits or passes on, so it must be quick.
    /// What it says binds nobody: a lying leader may put anything in a block.
    fn admit(&self, operation: &[u8]) -> bool;

    /// What an operation is, by its bytes alone: all honest nodes say the same. No
    /// node votes for a block with one that is none, or with too many that nobody
    /// pays for.
    fn kind(&self, operation: &[u8]) -> Kind;

    /// Takes the next final block: its height is always one more than the last.
    /// When this returns, the block's effects must be durable, since the block
    /// may be pruned and is not delivered again. It may take its time: the next
    /// block waits, votes do not.
    ///
    /// # Errors
    /// [`Halt`], on which ordering stops. The same block comes again after the
    /// next start.
    fn apply(&self, block: &FinalBlock) -> Result<(), Halt>;

    /// Who takes part in `epoch`. It is asked for the epoch of the next height and
    /// the one before when ordering starts, for epoch `e + 1` after the last block
    /// of `e` was applied, and for any epoch whose certificates somebody wants.
    /// All honest nodes must answer the same. `None` for an epoch that is not
    /// known (any more, or yet); where the answer is needed to go on, ordering
    /// stops.
    fn committee(&self, epoch: u64) -> Option<Committee>;

    /// A member signed two votes that contradict each other, and this node saw
    /// both. It must be quick, and may come again for the same pair of votes.
    fn accuse(&self, evidence: Evidence);
}

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody signed it, and pays for it with what they may do.
    Paid,
    /// Anybody can make it.
    Free,
    /// It is no operation.
    Nonsense,
}

/// Why an operation was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is empty or has too many bytes.
    #[error("an operation has 1 to {OPERATION_SIZE_MAX} bytes, this one has {size}")]
    Size {
        /// How many it has.
        size: usize,
    },
    /// It is in the pool, or was in a final block a short while ago.
    #[error("this operation was submitted before")]
    Duplicate,
    /// The application did not [admit](Application::admit) it.
    #[error("the operation is not valid at present")]
    NotAdmitted,
    /// The pool holds as much as it may. It is worth trying again later.
    #[error("too many operations wait already")]
    Full,
    /// Ordering has ended.
    #[error("this node does not order operations any more")]
    Ended,
}

/// How a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It votes in this epoch.
    Voter,
    /// It follows.
    Observer,
}

/// How ordering goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node's part in the epoch.
    pub role: Role,
    /// The epoch of the next height to be applied.
    pub epoch: u64,
    /// The last view of that epoch that this node saw end.
    pub view: u64,
    /// The last height that the application has.
    pub height_applied: u64,
    /// The highest height known to be final, of which blocks may be missing yet.
    pub height_final: u64,
    /// Voters of the epoch, this node included where it is one; 0 before the first
    /// epoch was entered.
    pub voters: usize,
    /// Of the other voters, those that said something a short while ago.
    pub voters_heard: usize,
    /// Peers that said something a short while ago, voters or not.
    pub peers: usize,
    /// Operations in the pool.
    pub pool_operations: usize,
    /// Bytes in the pool.
    pub pool_bytes: usize,
}

/// Why ordering ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was told to.
    #[error("ordering was stopped")]
    Stopped,
    /// The application said so.
    #[error(transparent)]
    Halted(#[from] Halt),
    /// The application has forgotten heights that are pruned here too.
    #[error(
        "the application has height {applied}, but blocks are kept from {kept} on; give it a newer snapshot"
    )]
    Behind {
        /// What it has.
        applied: u64,
        /// The lowest height that is kept.
        kept: u64,
    },
    /// Who takes part is not known, or makes no sense.
    #[error("the committee of epoch {epoch} cannot be used: {why}")]
    Committee {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        why: String,
    },
    /// The certificate of the application's height is needed, and missing or not
    /// valid.
    #[error("the application's height {height} needs its certificate, which is missing or not valid")]
    Certificate {
        /// The height.
        height: u64,
    },
    /// The engine failed, in its words.
    #[error("ordering failed: {0}")]
    Failed(String),
}

/// An answer that comes later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An engine that orders operations. Its futures may be awaited under any
/// asynchronous runtime.
pub trait Ordering: Send + Sync + 'static {
    /// Puts an operation in the pool and passes it on to the other nodes. It is
    /// not durable before it is in a final block: whoever cares submits it again.
    ///
    /// # Errors
    /// [`Refusal`].
    fn submit(&self, operation: &[u8]) -> Result<OperationHash, Refusal>;

    /// Whether this operation waits in the pool.
    fn waits(&self, operation: &OperationHash) -> bool;

    /// A final block, while it is kept.
    fn block(&self, height: u64) -> Pending<'_, Option<FinalBlock>>;

    /// The certificate that the block of this height is final, while it is kept.
    /// A height can be without: it is final by a later one, which is an ancestor's
    /// certificate too. The last height of an epoch always has one.
    fn certificate(&self, height: u64) -> Pending<'_, Option<Certificate>>;

    /// How ordering goes.
    fn status(&self) -> Status;

    /// The engine's metrics, in Prometheus' text format.
    fn metrics(&self) -> String;

    /// Waits until ordering ends.
    fn ended(&self) -> Pending<'_, Ended>;

    /// Ends ordering: what is under way is made durable, and what follows on
    /// [`ended`](Self::ended) is awaited.
    fn stop(&self) -> Pending<'_, Ended>;
}

/// Writes bytes in lower-case hexadecimal.
fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
