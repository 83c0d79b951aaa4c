//! The ledger of a network of guardians: who is who, who owns what, who guards,
//! and what they are held to.
//!
//! A pure state machine: [`begin`] and [`apply`] turn what was and what was asked
//! into what is. Values live in a [Merkle tree](jellyfish), whose root the
//! guardians sign together ([`Checkpoint`]); a [`Proof`] shows one value under
//! that signature to anybody who has the network's public key.
//!
//! Nothing here orders operations, stores anything, draws randomness or reads a
//! clock. It knows no consensus engine but for the [votes](evidence) that can be
//! held against a guardian.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod account;
mod action;
pub mod asset;
mod authority;
pub mod beacon;
mod block;
mod chain;
mod checkpoint;
pub mod committee;
mod context;
mod draft;
mod error;
pub mod evidence;
mod founding;
mod genesis;
pub mod guardian;
pub mod head;
pub mod holding;
pub mod issuer;
pub mod jellyfish;
mod label;
pub mod lock;
mod membership;
pub mod name;
pub mod offer;
mod operation;
mod parameters;
mod proof;
pub mod record;
mod rejection;
pub mod shared_key;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod voting;
mod window;

pub use action::Action;
pub use block::{Applied, Block, Outcome, apply, apply_checked, check};
pub use chain::Chain;
pub use checkpoint::{Certificate, Checkpoint, NETWORK_KEY_LEN, NetworkKey, SIGNATURE_LEN, beacon_message};
pub use draft::{Changes, Values};
pub use error::Error;
pub use founding::begin;
pub use genesis::{Endowment, Founder, Genesis};
pub use guardian::GUARDIANS_MAX;
pub use operation::{Body, Claim, OPERATION_MAX, Operation, Stamp, id_of};
pub use parameters::Parameters;
pub use proof::{Proof, Shown};
pub use rejection::Rejection;
