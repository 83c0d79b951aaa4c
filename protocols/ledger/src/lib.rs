//! The ownership ledger: its state as a Merkle tree, and proofs of what the
//! state says.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod jellyfish;
