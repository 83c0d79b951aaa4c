//! The Juicebox protocol's messages, byte for byte as its SDKs send them.
//!
//! Roles: a *client* with a PIN; *n realms* (guardians), of which t are needed.
//!
//! Flow, each realm on its own connection:
//! - register: `Register1` (are you there?), then `Register2` with this realm's
//!   share of an OPRF key, its unlock tag and its share of the encryption key;
//! - recover: `Recover1` (which registration?), `Recover2` (one guess: evaluate
//!   the OPRF on the blinded PIN), `Recover3` (the unlock tag, which only the
//!   right PIN yields: hand out the encrypted share);
//! - `Delete`.
//!
//! A realm never sees the PIN, its hash, or the OPRF's output. No message asks
//! a realm for its share of the OPRF key.
//!
//! Source: the Juicebox protocol paper (2023) and the `juicebox-sdk` 0.3 wire
//! format: CBOR as serde's data model gives it (externally tagged enums, maps
//! with field names as keys, in the order of declaration).

mod codec;
mod message;
pub mod secret;

pub use codec::Malformed;
pub use message::{
    ENCRYPTED_SECRET, Policy, Proof, Recover1, Recover2, Recover2Answer, Recover2Request, Recover3,
    Recover3Answer, Recover3Request, Register2Request, Request, Response, SignedPublicKey,
};

#[cfg(test)]
mod tests;
