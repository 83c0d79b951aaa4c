//! Several guardians on one machine, each a process of its own with its own port
//! and state: for trying out, and for testing what happens when some fail.
//!
//! ```text
//! network.json             threshold, addresses, realms
//! genesis                  how its ledger begins
//! lock                     held by the supervisor while the network runs
//! control.sock             orders to the supervisor
//! guardian-1/guardian.toml configuration; its port never changes
//! guardian-1/state/        what the guardian keeps
//! guardian-1/log           what it says
//! guardian-1/peers.json    where it finds the others' ports
//! ```
//!
//! The guardians are honest programs. Lies are told by another process, which
//! stands in front of one; see [`How`]. What happens to connections happens
//! between them; see [`Links`].

mod chaos;
mod control;
mod count;
mod description;
mod equivocator;
mod folders;
mod founding;
mod guarded;
mod liar;
mod lie;
mod links;
mod order;
mod process;
mod recording;
mod setup;
mod skew;
mod status;
mod supervisor;

use std::path::PathBuf;

pub use chaos::{Drive, Ms, Progress, Schedule, Script, ScriptError, Step};
pub use control::{Orders, order};
pub use description::{Description, Member};
pub use equivocator::Equivocator;
pub use liar::{Liar, LyingConfig};
pub use lie::How;
pub use links::{Links, lacks};
pub use order::{Order, Place};
pub use recording::{Beginning, Recording};
pub use setup::Plan;
pub use skew::{SKEW_VARIABLE, skew_clock};
pub use status::{Counters, Disturbance, News, Obeyed, Origin, Standing, State, Status};
pub use supervisor::Network;

use crate::FileError;
use crate::guardian::GuardianError;

/// Why a network does not run, or does not obey.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A file of the network's folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network's ledger could not be founded.
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
    /// A guardian's configuration.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
    /// Another process runs this network.
    #[error("a network is running in {folder} already", folder = .0.display())]
    Running(PathBuf),
    /// No process runs this network.
    #[error("no network is running in {folder}", folder = .0.display())]
    NotRunning(PathBuf),
    /// The folder holds a network of another size.
    #[error(
        "{folder} holds a network of {guardians} guardians with threshold {threshold}",
        folder = folder.display()
    )]
    Differs {
        /// The folder.
        folder: PathBuf,
        /// Guardians that there are.
        guardians: usize,
        /// How many of them are needed.
        threshold: u8,
    },
    /// The folder holds a network whose guardians have other addresses than
    /// this way of connecting them needs.
    #[error("{folder} holds a network {is} namespaces; start it {is} --namespaces",
        folder = folder.display(), is = if *namespaces { "with" } else { "without" })]
    OtherLinks {
        /// The folder.
        folder: PathBuf,
        /// Whether it was made for network namespaces.
        namespaces: bool,
    },
    /// More guardians than there are addresses for.
    #[error("at most {max} guardians fit in network namespaces")]
    TooMany {
        /// How many.
        max: u8,
    },
    /// A threshold that no registration can have: two halves of the guardians
    /// could hold different ones, or more would be needed than there are.
    #[error(
        "a threshold of {threshold} does not fit {guardians} guardians: it must be more than half of them and at most all"
    )]
    Threshold {
        /// Guardians.
        guardians: u8,
        /// The threshold asked for.
        threshold: u8,
    },
    /// A process did not start.
    #[error("guardian {number} did not start: {why}")]
    Start {
        /// The guardian's number.
        number: usize,
        /// Why, in its words.
        why: String,
    },
    /// An order that makes no sense at the moment.
    #[error("{0}")]
    Refused(String),
}
