//! A shard's id, and how a peer shows that it has a shard.
//!
//! A shard is divided into leaves of 1 KiB. Its id is a hash of its size and of the root of a
//! Merkle tree over them, of the shape of RFC 6962: where there is an odd number of nodes, the
//! last one goes up as it is. Leaves, nodes and roots are hashed under names of their own, so
//! that none passes for another.
//!
//! A challenge is the number of a leaf. The answer is the leaf and what it takes to compute the
//! id from it. Nothing has to be remembered to ask, so every audit can ask for something else;
//! who has lost a part `f` of a shard fails one challenge with probability `f`.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::hash::tagged;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

/// Bytes of a leaf.
pub const LEAF: usize = 1 << 10;

/// The most hashes on the way from a leaf to the root: 2^32 leaves.
const PATH_MAX: usize = 32;

/// The hash that a shard is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub [u8; 32]);

/// A leaf of a shard, and what it takes to compute the id from it.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Shown {
    /// The leaf's bytes; the last one of a shard may have fewer than [`LEAF`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub leaf: Vec<u8>,
    /// The hashes beside the way to the root, the lowest first.
    #[n(1)]
    pub path: Vec<Beside>,
}

/// A hash beside the way from a leaf to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Beside(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    tagged("allod 2026 backup, leaf of a shard", &[leaf])
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    tagged("allod 2026 backup, node over a shard", &[left, right])
}

fn root_hash(size: u64, top: &[u8; 32]) -> ShardId {
    ShardId(tagged("allod 2026 backup, shard", &[&size.to_le_bytes(), top]))
}

/// The next level of a tree.
fn above(level: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let pairs = level.chunks(2).map(|pair| match pair {
        [left, right] => node_hash(left, right),
        [alone, ..] => *alone,
        [] => [0; 32],
    });
    pairs.collect()
}

fn leaves(bytes: &[u8]) -> Vec<[u8; 32]> {
    if bytes.is_empty() { alloc::vec![leaf_hash(&[])] } else { bytes.chunks(LEAF).map(leaf_hash).collect() }
}

/// How many leaves a shard of this size has.
pub fn leaf_count(size: u64) -> u64 {
    size.div_ceil(LEAF as u64).max(1)
}

impl ShardId {
    /// The id of a shard.
    pub fn of(bytes: &[u8]) -> Self {
        let mut level = leaves(bytes);
        while level.len() > 1 {
            level = above(&level);
        }
        root_hash(bytes.len() as u64, &level.first().copied().unwrap_or_default())
    }
}

/// Shows a leaf of a shard. Nothing where it has no such leaf.
pub fn show(bytes: &[u8], leaf: u64) -> Option<Shown> {
    let mut place = usize::try_from(leaf).ok().filter(|_| leaf < leaf_count(bytes.len() as u64))?;
    let shown = bytes.chunks(LEAF).nth(place).unwrap_or_default().to_vec();
    let (mut level, mut path) = (leaves(bytes), Vec::new());
    while level.len() > 1 {
        path.extend(level.get(place ^ 1).copied().map(Beside));
        level = above(&level);
        place /= 2;
    }
    Some(Shown { leaf: shown, path })
}

/// Whether this is that leaf of the shard with this id and size.
pub fn is_shown(id: &ShardId, size: u64, leaf: u64, shown: &Shown) -> bool {
    let count = leaf_count(size);
    let leaf_size = size.saturating_sub(leaf.saturating_mul(LEAF as u64)).min(LEAF as u64);
    if leaf >= count || shown.leaf.len() as u64 != leaf_size || shown.path.len() > PATH_MAX {
        return false;
    }
    let (mut place, mut count, mut hash) = (leaf, count, leaf_hash(&shown.leaf));
    let mut path = shown.path.iter();
    while count > 1 {
        if place ^ 1 < count {
            let Some(Beside(beside)) = path.next() else { return false };
            hash = if place % 2 == 0 { node_hash(&hash, beside) } else { node_hash(beside, &hash) };
        }
        place /= 2;
        count = count.div_ceil(2);
    }
    path.next().is_none() && root_hash(size, &hash) == *id
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardId({self})")
    }
}

impl<C> Encode<C> for ShardId {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ShardId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let bytes = <[u8; 32]>::try_from(d.bytes()?);
        bytes.map(Self).map_err(|_| DecodeError::message("not a shard's id"))
    }
}
