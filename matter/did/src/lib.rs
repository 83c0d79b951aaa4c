//! Self-certifying identifiers and their signed operation log.
//!
//! A person's identity is one secret, the [`Root`]. Its first signed operation,
//! the genesis, hashes to the [`Did`]; every later operation (a device added or
//! removed, the root replaced) is chained to the one before and signed by the
//! root key of that moment. Whoever has the [`Log`] knows the identity's keys
//! and can write its W3C DID document, with no network and nobody to ask.
//!
//! Nothing here stores a log, orders two logs of one identity, or has a clock:
//! two logs that contradict each other are a [`Fork`], which is evidence, not a
//! decision.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod device;
mod did_key;
mod document;
mod encoding;
mod error;
mod fork;
mod id;
mod key;
mod log;
mod operation;
mod root;
mod state;
#[cfg(test)]
mod tests;

pub use device::{Device, NAME_MAX};
pub use error::Error;
pub use fork::Fork;
pub use id::{DeviceId, Did, OperationHash};
pub use key::{ED25519, PublicKey, Signature, X25519};
pub use log::Log;
pub use operation::{Kind, Operation, VERSION};
pub use root::Root;
pub use state::State;
