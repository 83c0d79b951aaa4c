//! Sync: several devices change the files of one space, each on its own for as long as it
//! likes, and have the same files when they have told each other what they did.
//!
//! - What a device did becomes [operations](operation), in signed [batches](batch), in a [log].
//! - What the files are follows from the set of all operations, in no order but their own:
//!   that is the [replica].
//! - Two devices find out by [reconciliation](reconcile) which batches each lacks, and get those
//!   and the objects of the files in a [`Session`].
//! - A [`merge`] makes operations of what was done here, and does here what others did,
//!   durable as one.
//!
//! Nothing here knows a socket, or who the devices belong to: the shell says whose batches are
//! taken.

mod apply;
pub mod author;
pub mod batch;
mod collect;
mod error;
mod here;
pub mod log;
mod merge;
mod message;
pub mod operation;
mod parts;
pub mod reconcile;
pub mod replica;
mod session;
#[cfg(test)]
mod tests;

pub use error::SyncError;
pub use merge::{Heard, Known, Me, Merged, Now, merge};
pub use message::MESSAGE_MAX;
pub use session::{Event, Role, Session, Summary, With};
