//! Sync: several devices change the files of one space, each on its own for as long as it
//! likes, and have the same files when they have told each other what they did.

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
pub mod reconcile;
pub mod replica;
mod session;
#[cfg(test)]
mod tests;

pub use error::SyncError;
pub use merge::{Known, Me, Merged, Now, merge};
pub use message::MESSAGE_MAX;
pub use session::{Event, Role, Session, Summary, With};
