//! Proof that a key has a value under a root, or that it has none.
//!
//! A [`Path`] lists the hashes beside the way from the root to the key's place,
//! and says what is there: the key's own leaf, nothing, or another key's leaf
//! that stands alone where the key's would have to be. Whoever has the root
//! checks it with no other input than the key and, for inclusion, the value.
//!
//! For a given tree and key there is exactly one path. Its encoding is
//!
//! ```text
//! [ places, hashes, end ]
//! places   byte string, 0 to 32 bytes: a bit for each step from the root, highest bit
//!          first; 1 where there is a hash beside the way, 0 where there is nothing.
//!          The last bit that is set is the last step: there, something always is.
//! hashes   byte string: the hashes of the places with a 1, 32 bytes each
//! end      0: the key's own leaf; 1: nothing; [key hash, value hash]: another's leaf
//! ```

use alloc::vec::Vec;
use core::fmt;

use allod_wire::Wire;
use minicbor::data::Type;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::hash::{self, KeyHash, PLACEHOLDER, Root, ValueHash};
use super::node::Leaf;

/// The steps that a path can have: one for each bit of a key.
const STEPS_MAX: usize = 256;

/// The way from the root to a key's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// What is beside the way, from the root on. At most [`STEPS_MAX`]; never the
    /// placeholder, which is `None`; the last is never `None`.
    pub(super) beside: Vec<Option<[u8; 32]>>,
    pub(super) end: End,
}

/// What is at the end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Own,
    Nothing,
    Other(Leaf),
}

/// Why a path does not prove what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It is a proof that the key has no value.
    Excludes,
    /// It is a proof that the key has a value.
    Includes,
    /// It ends at the leaf of another key that does not stand where this key's
    /// would.
    Elsewhere(KeyHash),
    /// It leads to another root: another tree, key or value.
    OtherRoot(Root),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excludes => f.write_str("the path proves that there is no value"),
            Self::Includes => f.write_str("the path proves that there is a value"),
            Self::Elsewhere(key) => write!(f, "the path ends at the leaf of {key}, which stands elsewhere"),
            Self::OtherRoot(root) => write!(f, "the path leads to the root {root}"),
        }
    }
}

impl core::error::Error for PathError {}

impl Path {
    /// A path of at most 256 steps, the last of which is beside something.
    pub(super) fn new(beside: Vec<Option<[u8; 32]>>, end: End) -> Self {
        Self { beside, end }
    }

    /// Whether the path claims that the key has a value. Says nothing about
    /// whether it is so.
    pub fn claims_inclusion(&self) -> bool {
        self.end == End::Own
    }

    /// How many steps the way has, 0 to 256.
    pub fn steps(&self) -> usize {
        self.beside.len()
    }

    /// Checks that in the tree with this root, the key has this value.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn verify_inclusion(&self, root: &Root, key: &KeyHash, value: &[u8]) -> Result<(), PathError> {
        self.verify_leaf(root, &Leaf { key: *key, value_hash: ValueHash::of(value) })
    }

    /// Checks that in the tree with this root, the key has no value.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn verify_exclusion(&self, root: &Root, key: &KeyHash) -> Result<(), PathError> {
        match &self.end {
            End::Own => Err(PathError::Includes),
            End::Nothing => self.leads_from(key, PLACEHOLDER, root),
            End::Other(leaf) if leaf.key == *key => Err(PathError::Includes),
            End::Other(leaf) if leaf.key.common_bits(key) < self.beside.len() => {
                Err(PathError::Elsewhere(leaf.key))
            }
            End::Other(leaf) => self.leads_from(key, leaf.hash(), root),
        }
    }

    /// Checks that the tree with this root has this leaf.
    pub(super) fn verify_leaf(&self, root: &Root, leaf: &Leaf) -> Result<(), PathError> {
        if self.end != End::Own {
            return Err(PathError::Excludes);
        }
        self.leads_from(&leaf.key, leaf.hash(), root)
    }

    /// What is beside the way at a step, counted from the root.
    pub(super) fn beside(&self, step: usize) -> [u8; 32] {
        self.beside.get(step).copied().flatten().unwrap_or(PLACEHOLDER)
    }

    fn leads_from(&self, key: &KeyHash, end: [u8; 32], root: &Root) -> Result<(), PathError> {
        let mut here = end;
        for (step, beside) in self.beside.iter().enumerate().rev() {
            let beside = beside.as_ref().unwrap_or(&PLACEHOLDER);
            here = if key.bit(step) { hash::inner(beside, &here) } else { hash::inner(&here, beside) };
        }
        if here == root.0 { Ok(()) } else { Err(PathError::OtherRoot(Root(here))) }
    }
}

impl<C> Encode<C> for Path {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        let mut places = [0; STEPS_MAX / 8];
        let mut hashes = Vec::with_capacity(32 * self.beside.len());
        for (step, beside) in self.beside.iter().enumerate() {
            if let Some(hash) = beside {
                places[step / 8] |= 0x80 >> (step % 8);
                hashes.extend(hash);
            }
        }
        e.array(3)?.bytes(&places[..self.beside.len().div_ceil(8)])?.bytes(&hashes)?;
        match &self.end {
            End::Own => e.u8(0)?.ok(),
            End::Nothing => e.u8(1)?.ok(),
            End::Other(leaf) => leaf.encode(e, ctx),
        }
    }
}

impl<'b, C> Decode<'b, C> for Path {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(3) {
            return Err(DecodeError::message("not a path"));
        }
        let beside = beside(d.bytes()?, d.bytes()?)?;
        let end = match d.datatype()? {
            Type::Array => End::Other(Leaf::decode(d, ctx)?),
            _ => match d.u8()? {
                0 => End::Own,
                1 => End::Nothing,
                _ => return Err(DecodeError::message("not a path's end")),
            },
        };
        Ok(Self { beside, end })
    }
}

/// The steps of these bits and hashes.
fn beside(places: &[u8], hashes: &[u8]) -> Result<Vec<Option<[u8; 32]>>, DecodeError> {
    let unused = match places.last() {
        None => 0,
        Some(0) => return Err(DecodeError::message("a path's last step is beside nothing")),
        Some(last) => last.trailing_zeros() as usize,
    };
    if places.len() > STEPS_MAX / 8 {
        return Err(DecodeError::message("a path of more than 256 steps"));
    }
    let (hashes, rest) = hashes.as_chunks::<32>();
    let mut hashes = hashes.iter();
    let mut steps = Vec::with_capacity(8 * places.len());
    for step in 0..8 * places.len() - unused {
        let is_set = places.get(step / 8).is_some_and(|byte| byte & (0x80 >> (step % 8)) != 0);
        steps.push(match is_set.then(|| hashes.next()) {
            None => None,
            Some(Some(hash)) if *hash != PLACEHOLDER => Some(*hash),
            Some(_) => return Err(DecodeError::message("a path's hash is missing, or stands for nothing")),
        });
    }
    if hashes.next().is_some() || !rest.is_empty() {
        return Err(DecodeError::message("a path with more hashes than steps"));
    }
    Ok(steps)
}

impl Wire for Path {
    const SIZE_MAX: usize = 1 + (2 + STEPS_MAX / 8) + (3 + 32 * STEPS_MAX) + Leaf::SIZE_MAX;
}
