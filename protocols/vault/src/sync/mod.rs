//! Sync: several devices change the files of one space, each on its own for as long as it
//! likes, and have the same files when they have told each other what they did.

pub mod author;
pub mod batch;
pub mod log;
pub mod operation;
pub mod reconcile;
pub mod replica;
#[cfg(test)]
mod tests;
