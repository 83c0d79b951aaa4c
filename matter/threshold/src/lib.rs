//! Threshold algebra, generic over the group: sharing a secret, committing to
//! it, proving equal logarithms, and evaluating a verifiable oblivious function
//! with a key that is whole or in shares.
//!
//! Nothing here knows a round, a peer, a clock or a count of guesses. Randomness
//! is handed in; outside cryptography is reached through `allod-crypto` alone.
//!
//! - [`shamir`]: split a scalar, combine scalars or elements.
//! - [`feldman`]: commitments that let each holder check its share.
//! - [`knowledge`]: somebody knows a logarithm.
//! - [`dealing`]: keys made in shares, and passed on, in public.
//! - [`bls`]: signatures of t holders together, which anyone verifies.
//! - [`timelock`]: encryption that such a signature opens.
//! - [`quorum`]: encryption that t guardians open.
//! - [`chaum_pedersen`]: two elements have the same logarithm.
//! - [`oprf`]: RFC 9497, modes OPRF and VOPRF, and partial evaluations of it.
//! - [`juicebox`]: the oblivious function and proof of the Juicebox protocol.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod answer;
pub mod bls;
pub mod chaum_pedersen;
pub mod dealing;
mod error;
pub mod feldman;
#[cfg(test)]
mod frozen;
mod group_name;
mod index;
pub mod juicebox;
pub mod knowledge;
pub mod oprf;
mod point;
mod public_shares;
pub mod quorum;
pub mod shamir;
#[cfg(test)]
mod test_groups;
#[cfg(test)]
mod test_rng;
pub mod timelock;

pub use error::{Error, Part};
pub use group_name::GroupName;
pub use index::Index;
pub use point::Point;
pub use public_shares::PublicShares;

/// The groups that a [`GroupName`] leads to.
pub mod groups {
    pub use allod_crypto::group::{BabyJubJub, Bls12381G2, Ristretto255};
}
