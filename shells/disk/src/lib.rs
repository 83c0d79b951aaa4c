//! The Linux shell's disk: where a vault lies, and what comes into it and out of it.
//!
//! - [`FileBlocks`]: a vault in one file, or on a device.
//! - [`import`] and [`export`]: whole trees of files, on all cores.
//! - [`Mounted`]: a vault as a part of the system's tree of files.
//! - [`Zstd`]: compression by the C library, on as many threads as call it.
#![forbid(unsafe_code)]

mod blocks;
mod compress;
mod export;
mod import;
mod mount;

pub use blocks::{DiskError, FileBlocks};
pub use compress::Zstd;
pub use export::{ExportError, Exported, export};
pub use import::{ImportError, Progress, Skipped, import};
pub use mount::{MountError, Mounted, Users};
