//! The vault: one person's data, encrypted, snapshotting, content-addressed, and the
//! same wherever its blocks are kept.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod backup;
mod blocks;
mod cache;
mod check;
mod checkpoint;
pub mod chunk;
mod clean;
mod compress;
mod error;
pub mod files;
mod index;
mod journal;
mod log;
pub mod object;
mod ring;
pub mod share;
mod store;
pub mod sync;
#[cfg(test)]
mod tests;
mod tree;

pub use blocks::{BLOCK, Blocks, BlocksError};
pub use check::{DamagedStore, IsGood, Rebuilt};
pub use checkpoint::STATE_MAX;
pub use clean::Cleaned;
pub use compress::{Compress, Uncompressed};
pub use error::{Damage, Part, Refusal, VaultError};
pub use journal::RECORD_MAX;
pub use ring::{Commitment, EPOCHS_MAX, Ring, RingError, SpaceId};
pub use store::{Geometry, Store};
