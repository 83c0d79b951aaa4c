//! The Linux shell: the sockets, files, threads, clock and entropy that the
//! protocols below do without.
//!
//! - [`backup`]: the person's side of a backup to peers.
//! - [`chain`]: the guardians' chain: operations in one order.
//! - [`device_link`]: a connection on which two devices prove their keys.
//! - [`guardian`]: one guardian as a service: its store, its HTTP(S) interface.
//! - [`person`]: one person's side: the home folder, links to guardians, and
//!   what a person does with them.
//! - [`storage`]: room for other people's backups.
//! - [`network`]: several guardians on one machine, for trying out and testing.
//!
//! No protocol decision is made here: bytes come in, are decoded once, pass
//! through a machine of the floor below, and leave.
#![forbid(unsafe_code)]

pub mod backup;
mod callers;
pub mod chain;
mod clock;
pub mod device_link;
#[cfg(test)]
mod disk_in_tests;
mod exposition;
mod files;
pub mod guardian;
pub mod network;
pub mod person;
#[cfg(test)]
mod ports_in_tests;
mod record_keys;
pub mod storage;

pub use clock::now;
pub use files::{FileError, replace, write_private, write_public};

/// The operating system's entropy, in the form that protocols take.
///
/// # Panics
/// On first use, where the system has no entropy to give: going on without
/// would be worse.
pub fn entropy() -> impl allod_crypto::CryptoRng {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}
