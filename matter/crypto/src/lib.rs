//! Hash, AEAD, signatures, key exchange, password hashing, groups and a pairing,
//! secret types: the only door to outside cryptography crates.
//!
//! Nothing here knows a protocol, a peer, a file or a clock. Randomness is
//! always handed in by the caller as a [`CryptoRng`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod aead;
pub mod exchange;
pub mod group;
pub mod hash;
pub mod kdf;
pub mod kem;
pub mod pairing;
pub mod password;
mod secret;
pub mod sign;

pub use rand_core::CryptoRng;
pub use secret::{Secret, SecretBytes};
pub use subtle::{Choice, ConstantTimeEq};
pub use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};
