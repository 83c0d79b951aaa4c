//! Identifiers, time, limits, and one canonical byte encoding.
//!
//! Everything that is stored or sent in a format of Allod's own is
//! deterministic CBOR (RFC 8949, section 4.2.1) made and read here. Nothing in
//! this crate evolves in time, knows a protocol, or holds a key.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cbor;
mod id;
mod instant;
pub mod limits;

pub use cbor::{Error, Wire, decode, encode};
pub use id::{
    AccountId, AssetId, BlockId, GuardianId, IdError, Locator, LockId, NetworkId, OfferId, OperationId,
    RealmId, RegistrationVersion, SessionId, TitleId,
};
pub use instant::Instant;
