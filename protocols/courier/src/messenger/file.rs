//! A file that was sent: its parts are bundles of their own, which are found and opened by a
//! reference that comes in a message.
//!
//! Parts are sealed objects of a vault, under keys from the reference's secret, so that whoever
//! has the reference, and nobody else, opens them. First come the chunks of the file, in their
//! order; then a list of their ids, in pieces, each of which begins with the next one's id. So
//! a part that somebody else made is told by its id. Sealing is the shell's, which knows the
//! vault's objects; here is how parts are asked for.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::hash::{blake3_keyed, tagged};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use crate::ratchet::{Tag, Token};

/// The most chunks of a file: a terabyte, of 256 KiB each.
pub const CHUNKS_MAX: u32 = 1 << 22;

/// The least bytes of a chunk that is not the last one.
const CHUNK_MIN: u64 = 64 << 10;

/// Ids in one piece of the list.
pub const LIST_MAX: u32 = 32_000;

/// Which file it is, what opens it, and how much there is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reference {
    /// What tags, tokens and the keys of the parts come from.
    #[cbor(n(0), with = "crate::secret")]
    secret: Secret<32>,
    /// The id of the list's first piece.
    #[cbor(n(1), with = "minicbor::bytes")]
    list: [u8; 32],
    /// Bytes of the file.
    #[n(2)]
    size: u64,
    #[n(3)]
    chunks: u32,
    /// Whether many are to read it, so that none of them can have carriers drop it.
    #[n(4)]
    is_for_many: bool,
}

impl Wire for Reference {
    const SIZE_MAX: usize = 128;
}

impl Reference {
    /// Of a file of `size` bytes in so many chunks, at most [`CHUNKS_MAX`], the first piece of
    /// whose list has the id `list`.
    pub fn new(secret: Secret<32>, list: [u8; 32], size: u64, chunks: u32, is_for_many: bool) -> Self {
        Self { secret, list, size, chunks, is_for_many }
    }

    pub(super) fn is_sound(&self) -> bool {
        // As many as there can be of so many bytes, and not none of some.
        let most = self.size.div_ceil(CHUNK_MIN);
        self.chunks <= CHUNKS_MAX && u64::from(self.chunks) <= most && (self.chunks > 0) == (self.size > 0)
    }

    /// Eight bytes that tell it from others.
    pub fn short(&self) -> [u8; 8] {
        let hash = tagged("allod 2026 courier, which file", &[&self.hash(0), &self.list]);
        let mut short = [0; 8];
        short.copy_from_slice(&hash[..8]);
        short
    }

    /// What the keys of the parts come from: used for nothing else.
    pub fn keys(&self) -> Secret<32> {
        Secret::from(blake3_keyed(&self.secret, &[b"allod 2026 courier, keys of a file"]))
    }

    /// The id of the list's first piece.
    pub fn list(&self) -> &[u8; 32] {
        &self.list
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Chunks of the file.
    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Pieces of the list.
    pub fn pieces(&self) -> u32 {
        self.chunks.div_ceil(LIST_MAX).max(1)
    }

    /// Parts: chunks, and pieces of the list behind them.
    pub fn parts(&self) -> u32 {
        self.chunks + self.pieces()
    }

    /// The tag of a part.
    pub fn tag(&self, part: u32) -> Tag {
        match self.token(part) {
            Some(token) => token.tag(),
            None => {
                let hash = tagged("allod 2026 courier, tag of a part for many", &[&self.hash(part)]);
                let mut tag = [0; Tag::SIZE];
                tag.copy_from_slice(&hash[..Tag::SIZE]);
                Tag(tag)
            }
        }
    }

    /// What tells carriers that a part arrived. There is none for a file that is for many.
    pub fn token(&self, part: u32) -> Option<Token> {
        let hash = self.hash(part);
        let mut token = [0; Token::SIZE];
        token.copy_from_slice(&hash[..Token::SIZE]);
        (!self.is_for_many).then_some(Token(token))
    }

    fn hash(&self, part: u32) -> [u8; 32] {
        blake3_keyed(&self.secret, &[b"allod 2026 courier, part of a file", &part.to_le_bytes()])
    }
}

/// A file of which parts are still on their way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Coming {
    #[n(0)]
    pub(super) reference: Reference,
    /// Parts that are here, one bit each.
    #[cbor(n(1), with = "minicbor::bytes")]
    here: Vec<u8>,
}

impl Wire for Coming {
    const SIZE_MAX: usize = 256 + (CHUNKS_MAX as usize + 4096) / 8;
}

impl Coming {
    pub(super) fn new(reference: Reference) -> Self {
        let here = alloc::vec![0; (reference.parts() as usize).div_ceil(8)];
        Self { reference, here }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.reference.is_sound() && self.here.len() == (self.reference.parts() as usize).div_ceil(8)
    }

    pub(super) fn has(&self, part: u32) -> bool {
        self.here.get(part as usize / 8).is_some_and(|bits| bits & 1 << (part % 8) != 0)
    }

    /// A part is here for good.
    pub(super) fn set(&mut self, part: u32) {
        if let Some(bits) = self.here.get_mut(part as usize / 8) {
            *bits |= 1 << (part % 8);
        }
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.reference.parts()).filter(|part| !self.has(*part))
    }
}
