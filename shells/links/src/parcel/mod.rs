//! A parcel: a file of bundles, signed by whoever carries it.
//!
//! Roles: a *carrier* makes a parcel and signs it with the key of its end of links; whoever
//! finds it reads it, a block at a time, and takes what is whole.
//!
//! Messages: a head, then blocks. All numbers are little endian.
//!
//! | bytes | head |
//! |---|---|
//! | 8 | what says that it is a parcel |
//! | 1 | version, 1 |
//! | 32 | the carrier's key |
//! | 8 | when it was made, in milliseconds since 1970 |
//! | 8 | bytes of the file |
//! | 4 + 8 | bundles, and bytes of their compact forms |
//! | 4 | tokens of delivered bundles |
//! | 4 | blocks |
//! | 4 + 8 | the first block of the index, and where in the file it begins |
//! | 32 | hash of all blocks' hashes |
//! | 64 | signature of the carrier on all that |
//!
//! | bytes | block |
//! |---|---|
//! | 1 | kind: 1 tokens, 2 bundles, 3 index, 4 given, 5 read |
//! | 4 | bytes of the body, at most [`BODY_MAX`] |
//! | … | body |
//! | 64 | signature of the carrier on a hash of its key, the time, the block's number, its kind and its body |
//!
//! A body of tokens has 24 bytes for each: the token and until when it is remembered. One of
//! bundles has for each its size (4) and its compact form. The others have 44 bytes for each: an
//! id, the size of the payload, and when the bundle expires, in milliseconds.
//!
//! Flow: each block is signed by itself and says its place, so that what is whole before a
//! damage can be taken, and blocks of two parcels cannot be mixed. The index is behind the
//! bundles and can be read alone.
//!
//! What this never does: it never gives out a byte whose signature was not checked; never
//! holds more than one block in memory; never writes over a file before the new one is whole
//! and durable. The signature says who brings something, for quotas; who wrote it is sealed.

mod read;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use allod_courier::bundle::BundleId;
use allod_courier::carry::PeerId;
use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, VerifyingKey};
use allod_wire::Instant;

pub(crate) use read::open_regular_at;
pub use read::{Reader, Record};
pub use write::Writer;

use crate::narrow_error::Damage;

/// The most bytes of a block's body.
pub const BODY_MAX: usize = 4 << 20;

/// The most bundles in a parcel.
pub const BUNDLES_MAX: u32 = 1 << 20;

/// The most tokens in a parcel.
pub const TOKENS_MAX: u32 = 65_536;

/// The most bytes of a parcel: FAT file systems have no larger files.
pub const FILE_MAX: u64 = u32::MAX as u64;

const MAGIC: [u8; 8] = *b"\x89allod\r\n";
const VERSION: u8 = 1;
/// Bytes of the head, without and with its signature.
const SIGNED: usize = 8 + 1 + 32 + 8 + 8 + 4 + 8 + 4 + 4 + 4 + 8 + 32;
const HEAD: usize = SIGNED + 64;
/// Bytes of a block before and behind its body.
const FRONT: usize = 5;
const SIGNATURE: usize = 64;
const TOKEN: usize = 24;
const ENTRY: usize = 32 + 4 + 8;

/// What a parcel says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Who carries it.
    pub carrier: PeerId,
    /// When it was made.
    pub made: Instant,
    /// Bytes of the file.
    pub length: u64,
    /// Bundles in it.
    pub bundles: u32,
    /// Bytes of their compact forms.
    pub bytes: u64,
    /// Tokens of delivered bundles in it.
    pub tokens: u32,
    blocks: u32,
    /// The number of the first block of the index, and where it begins.
    index: (u32, u64),
    hash: [u8; 32],
}

/// A bundle that is in a parcel, or was seen in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Which one.
    pub id: BundleId,
    /// Bytes of its payload.
    pub size: u32,
    /// When it expires.
    pub expires: Instant,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tokens = 1,
    Bundles = 2,
    Index = 3,
    Given = 4,
    Read = 5,
}

impl Kind {
    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Tokens, Self::Bundles, Self::Index, Self::Given, Self::Read];
        all.into_iter().find(|kind| *kind as u8 == code)
    }
}

impl Head {
    fn signed(&self) -> [u8; SIGNED] {
        let mut bytes = [0; SIGNED];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (front, behind) = std::mem::take(&mut rest).split_at_mut(part.len());
            front.copy_from_slice(part);
            rest = behind;
        };
        put(&MAGIC);
        put(&[VERSION]);
        put(&self.carrier.0);
        put(&self.made.0.to_le_bytes());
        put(&self.length.to_le_bytes());
        put(&self.bundles.to_le_bytes());
        put(&self.bytes.to_le_bytes());
        put(&self.tokens.to_le_bytes());
        put(&self.blocks.to_le_bytes());
        put(&self.index.0.to_le_bytes());
        put(&self.index.1.to_le_bytes());
        put(&self.hash);
        bytes
    }

    fn decode(bytes: &[u8; HEAD]) -> Result<Self, Damage> {
        let mut rest = &bytes[..];
        if take(&mut rest) != Some(MAGIC) || take(&mut rest) != Some([VERSION]) {
            return Err(Damage::Foreign);
        }
        let decoded = (|| {
            Some(Self {
                carrier: PeerId(take(&mut rest)?),
                made: Instant(u64::from_le_bytes(take(&mut rest)?)),
                length: u64::from_le_bytes(take(&mut rest)?),
                bundles: u32::from_le_bytes(take(&mut rest)?),
                bytes: u64::from_le_bytes(take(&mut rest)?),
                tokens: u32::from_le_bytes(take(&mut rest)?),
                blocks: u32::from_le_bytes(take(&mut rest)?),
                index: (u32::from_le_bytes(take(&mut rest)?), u64::from_le_bytes(take(&mut rest)?)),
                hash: take(&mut rest)?,
            })
        })();
        let (head, signature) = decoded.zip(take(&mut rest).map(Signature)).ok_or(Damage::Altered)?;
        let verified = VerifyingKey(head.carrier.0).verify(&head.to_sign(), &signature);
        verified.map_err(|_| Damage::Altered)?;
        let is_in_bounds =
            head.bundles <= BUNDLES_MAX && head.tokens <= TOKENS_MAX && head.length <= FILE_MAX;
        if is_in_bounds { Ok(head) } else { Err(Damage::Untrue) }
    }

    fn to_sign(self) -> [u8; 32] {
        tagged("allod 2026 links, head of a parcel", &[&self.signed()])
    }

    /// What a block's signature is of.
    fn block_hash(&self, number: u32, kind: u8, body: &[u8]) -> [u8; 32] {
        let (made, number) = (self.made.0.to_le_bytes(), number.to_le_bytes());
        tagged("allod 2026 links, block of a parcel", &[&self.carrier.0, &made, &number, &[kind], body])
    }
}

/// The next bytes of some, if there are so many.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*front)
}
