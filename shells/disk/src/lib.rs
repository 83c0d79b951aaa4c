//! The Linux shell's disk: where a vault lies, and how it is compressed.
//!
//! - [`FileBlocks`]: a vault in one file, or on a device.
//! - [`Zstd`]: compression by the C library, on as many threads as call it.
#![forbid(unsafe_code)]

mod blocks;
mod compress;

pub use blocks::{DiskError, FileBlocks};
pub use compress::Zstd;
