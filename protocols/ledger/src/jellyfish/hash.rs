//! The tree's hashes: keys, values, roots, and how two hashes become one.
//!
//! All are SHA-256, and the same as those of the crate `jmt` 0.12 with SHA-256:
//!
//! ```text
//! leaf      = SHA-256("JMT::LeafNode"    || key hash || value hash)    77 bytes hashed
//! inner     = SHA-256("JMT::IntrnalNode" || left     || right     )    80 bytes hashed
//! nothing   = "SPARSE_MERKLE_PLACEHOLDER_HASH__"
//! ```
//!
//! The two prefixes part the domains: no bytes are both a leaf and an inner
//! place, so neither can be passed off as the other. Nobody knows bytes whose
//! SHA-256 is the placeholder.

use core::fmt;

use allod_crypto::hash::sha256;
use allod_wire::Wire;
use data_encoding::HEXLOWER;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

/// What an empty subtree hashes to.
pub(super) const PLACEHOLDER: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

const LEAF: &[u8; 13] = b"JMT::LeafNode";
const INNER: &[u8; 16] = b"JMT::IntrnalNode";

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                HEXLOWER.encode_display(&self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                <[u8; 32]>::try_from(d.bytes()?)
                    .map(Self)
                    .map_err(|_| DecodeError::message(concat!("not a ", $what)))
            }
        }

        impl Wire for $name {
            const SIZE_MAX: usize = 34;
        }
    };
}

hash! {
    /// Where a key's leaf stands: 256 bits, read from the first byte's highest
    /// bit on; 0 goes left, 1 goes right.
    ///
    /// The bits have to be a hash's. Whoever could choose them freely could make
    /// paths of 256 steps.
    KeyHash, "key hash"
}

hash! {
    /// The hash of a key's value. The tree holds this, never the value itself.
    ValueHash, "value hash"
}

hash! {
    /// The hash of a whole tree: one for each set of keys and values, whatever
    /// the order in which they came.
    Root, "root"
}

impl KeyHash {
    /// SHA-256 of a key.
    pub fn of(key: &[u8]) -> Self {
        Self(sha256(key))
    }

    /// The bit at `place`, counted from the root; below 256.
    pub(super) fn bit(&self, place: usize) -> bool {
        self.0[place / 8] & (0x80 >> (place % 8)) != 0
    }

    /// Four bits, those at `4 * place` and after; `place` is below 64.
    pub(super) fn nibble(&self, place: usize) -> u8 {
        if place.is_multiple_of(2) { self.0[place / 2] >> 4 } else { self.0[place / 2] & 0x0F }
    }

    /// How many bits both begin with, 0 to 256.
    pub(super) fn common_bits(&self, other: &Self) -> usize {
        let equal = self.0.iter().zip(&other.0).take_while(|(a, b)| a == b).count();
        match (self.0.get(equal), other.0.get(equal)) {
            (Some(a), Some(b)) => 8 * equal + (a ^ b).leading_zeros() as usize,
            _ => 256,
        }
    }
}

impl ValueHash {
    /// SHA-256 of a value.
    pub fn of(value: &[u8]) -> Self {
        Self(sha256(value))
    }
}

impl Root {
    /// The root of a tree without leaves.
    pub const EMPTY: Self = Self(PLACEHOLDER);
}

/// The hash of a leaf.
pub(super) fn leaf(key: &KeyHash, value_hash: &ValueHash) -> [u8; 32] {
    let mut bytes = [0; 77];
    bytes[..13].copy_from_slice(LEAF);
    bytes[13..45].copy_from_slice(&key.0);
    bytes[45..].copy_from_slice(&value_hash.0);
    sha256(&bytes)
}

/// The hash of a place with these two below it.
pub(super) fn inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut bytes = [0; 80];
    bytes[..16].copy_from_slice(INNER);
    bytes[16..48].copy_from_slice(left);
    bytes[48..].copy_from_slice(right);
    sha256(&bytes)
}
