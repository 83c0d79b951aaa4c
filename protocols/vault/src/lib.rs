//! The vault: one person's data, encrypted, snapshotting, content-addressed, and the
//! same wherever its blocks are kept.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod blocks;
pub mod chunk;
mod compress;
mod error;
pub mod object;
mod tree;

pub use blocks::{BLOCK, Blocks, BlocksError};
pub use compress::{Compress, Uncompressed};
pub use error::{Damage, Part, VaultError};
