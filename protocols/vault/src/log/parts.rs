//! What a log is made of, as it is encoded and bound to its purpose.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::aead::NONCE;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::blocks::BLOCK;
use crate::error::Part;
use crate::object::{Kind, ObjectId};

/// The length in front of what was padded.
pub(super) const PREFIX: usize = 4;

/// What a summary takes beside its list, at most.
pub(super) const SUMMARY_OVERHEAD: usize = 160;

/// Where bytes are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) struct Spot {
    /// Which segment.
    #[n(0)]
    pub(crate) segment: u32,
    /// From where in it, in bytes.
    #[n(1)]
    pub(crate) offset: u32,
    /// How many bytes.
    #[n(2)]
    pub(crate) size: u32,
}

/// Where a part of the vault's own is, and the synthetic nonce that it was sealed with,
/// which is a keyed hash of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) struct Link {
    #[n(0)]
    pub(crate) spot: Spot,
    #[n(1)]
    pub(crate) check: ByteArray<NONCE>,
}

impl Link {
    /// To a part that is sealed as these bytes.
    pub(super) fn new(spot: Spot, sealed: &[u8]) -> Self {
        let mut check = [0; NONCE];
        check.copy_from_slice(&sealed[..NONCE]);
        Self { spot, check: check.into() }
    }
}

/// What there is at a spot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Content {
    /// An object.
    #[n(0)]
    Object(#[n(0)] ObjectId, #[n(1)] Kind, #[n(2)] u32),
    /// A node of the index, with a key by which it is found there.
    #[n(1)]
    Index(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A page of the table of segments.
    #[n(2)]
    Page(#[n(0)] u32),
}

impl Content {
    /// How many bytes it takes in a summary, at most.
    pub(super) fn listing_size(&self) -> usize {
        match self {
            Self::Object(..) => 64,
            Self::Index(key) => 32 + key.len(),
            Self::Page(_) => 32,
        }
    }
}

/// What was appended, and where in its segment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Listed {
    #[n(0)]
    pub(crate) offset: u32,
    #[n(1)]
    pub(crate) size: u32,
    #[n(2)]
    pub(crate) content: Content,
}

/// What was appended to a segment between two flushes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Summary {
    /// The summary before this one, in the same segment.
    #[n(0)]
    pub(crate) before: Option<Link>,
    #[n(1)]
    pub(crate) listed: Vec<Listed>,
}

/// Where a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct HeadState {
    #[n(0)]
    pub(crate) segment: u32,
    /// Bytes of it that are written: whole blocks.
    #[n(1)]
    pub(crate) filled: u32,
    #[n(2)]
    pub(crate) slots: u16,
    #[n(3)]
    pub(crate) summary: Option<Link>,
}

/// What a sealed part is bound to.
pub(super) fn purpose(part: Part) -> &'static [u8] {
    match part {
        Part::Object(_) | Part::Tree => b"allod vault object",
        Part::Index => b"allod vault index",
        Part::Table => b"allod vault table",
        Part::Summary => b"allod vault summary",
        Part::Checkpoint => b"allod vault checkpoint",
    }
}

/// What a segment's footer is bound to.
pub(super) fn footer_purpose(segment: u32) -> Vec<u8> {
    [b"allod vault footer", &segment.to_le_bytes()[..]].concat()
}

/// The bytes of a value.
pub(super) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        Err(_) => unreachable!("an encoder refused a value that its type allows"),
    }
}

/// So many bytes in whole blocks.
pub(super) fn padded(size: usize) -> usize {
    size.div_ceil(BLOCK) * BLOCK
}

/// `plain` with its length in front, and zeros behind, `size` bytes in all.
pub(crate) fn pad(plain: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size.max(PREFIX + plain.len())];
    bytes[..PREFIX].copy_from_slice(&(plain.len() as u32).to_le_bytes());
    bytes[PREFIX..PREFIX + plain.len()].copy_from_slice(plain);
    bytes
}

/// What was [padded](pad).
pub(crate) fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let (size, rest) = bytes.split_first_chunk::<PREFIX>()?;
    rest.get(..usize::try_from(u32::from_le_bytes(*size)).ok()?)
}
