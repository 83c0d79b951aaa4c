//! What the ledger remembers: records, each at a place of its own in the tree.
//!
//! A place is a kind of record and the identifier of one such record. Its hash
//! is the key in the Merkle tree, so that a proof shows the record of exactly
//! that place, or that there is none.

use alloc::vec::Vec;

use allod_crypto::hash;
use allod_wire::{AssetId, GuardianId, LockId, OfferId, SessionId, TitleId, Wire};

use allod_did::{DeviceId, Did};

use crate::jellyfish::KeyHash;

/// A value with a place in the ledger.
pub trait Record: Wire {
    /// What tells one record of this kind from another.
    type Id: Identifier + ?Sized;

    /// The kind's name. Part of every proof; never changed, never reused.
    const KIND: &'static str;
}

/// Something that names a record among those of its kind: an unambiguous byte
/// string.
pub trait Identifier {
    /// The bytes. Identifiers of one kind that differ have bytes that differ.
    fn bytes(&self) -> Vec<u8>;
}

/// The tree's key for the record of kind `R` that `id` names.
pub fn place<R: Record>(id: &R::Id) -> KeyHash {
    place_of(R::KIND, &id.bytes())
}

/// As [`place`], for a kind and an identifier that came out of a proof.
pub fn place_of(kind: &str, id: &[u8]) -> KeyHash {
    KeyHash(hash::tagged("allod/ledger/place", &[kind.as_bytes(), id]))
}

/// There is one record of the kind.
impl Identifier for () {
    fn bytes(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl Identifier for u64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }
}

macro_rules! fixed {
    ($($id:ty),*) => {$(
        impl Identifier for $id {
            fn bytes(&self) -> Vec<u8> {
                self.as_bytes().to_vec()
            }
        }
    )*};
}

fixed!(AssetId, DeviceId, Did, GuardianId, LockId, OfferId, SessionId, TitleId);

impl Identifier for [u8; 32] {
    fn bytes(&self) -> Vec<u8> {
        self.to_vec()
    }
}

/// The first has a fixed length, so where it ends is known.
impl Identifier for (AssetId, Did) {
    fn bytes(&self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), self.1.as_bytes().as_slice()].concat()
    }
}

impl Identifier for (Did, u32) {
    fn bytes(&self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), &self.1.to_be_bytes()].concat()
    }
}

impl Identifier for (Did, [u8; 32]) {
    fn bytes(&self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), &self.1].concat()
    }
}

impl Identifier for (SessionId, u16) {
    fn bytes(&self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), &self.1.to_be_bytes()].concat()
    }
}
