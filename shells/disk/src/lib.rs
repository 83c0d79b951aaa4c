//! The Linux shell's disk: where a vault lies, and what comes into it and out of it.
//!
//! - [`FileBlocks`]: a vault in one file, in a folder of parts, or on a device.
//! - [`Place`]: the folder of a person's vault, and who uses it.
//! - [`import`] and [`export`]: whole trees of files, on all cores.
//! - [`verify`]: every object looked at, on all cores.
//! - [`remove`]: whole trees of files, out of a vault.
//! - [`put_back`]: what a snapshot has, among the files of now again.
//! - [`meeting`]: two devices of a space bring each other's members and keys up to date.
//! - [`sync()`]: a vault told what another device did, over a link that carries bytes.
//! - [`Mounted`]: a vault as a part of the system's tree of files; its [`Handle`] lets the same program
//!   work on it meanwhile.
//! - [`Reach`]: a vault that is used here, mounted or not.
//! - [`Zstd`]: compression by the C library, on as many threads as call it.
#![forbid(unsafe_code)]

mod attributes;
mod blocks;
mod check;
mod compress;
mod convert;
mod export;
mod ignored;
mod import;
pub mod meeting;
mod mount;
mod parts;
mod place;
mod put_back;
mod remove;
mod restored;
mod survey;
mod sync;
mod within_reach;

pub use blocks::{DiskError, FileBlocks};
pub use check::{Looked, Opened, verify};
pub use compress::Zstd;
pub use export::{ExportError, Exported, export};
pub use ignored::{BadPattern, Ignored};
pub use import::{ImportError, ImportOptions, Progress, Skipped, import, import_with};
pub use mount::{Handle, MountError, Mounted, Users, unmount};
pub use parts::PartsError;
pub use place::{Place, PlaceError, Vault, mounts};
pub use put_back::put_back;
pub use remove::remove;
pub use survey::survey;
pub use sync::{LinkError, Who, sync};
pub use within_reach::{IsOpen, Reach, Use};
