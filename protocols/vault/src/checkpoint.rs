//! Checkpoints: the root of everything, in two places that are written in turn. A
//! checkpoint that is torn or lost leaves the one before it, of which nothing was
//! overwritten meanwhile.
//!
//! A place has a salt (32 bytes), the image's key sealed under a key that comes from the
//! vault's root and the salt, and the checkpoint itself, sealed under the image's key and
//! padded to the place's end. So the root can be replaced by writing two checkpoints, and
//! an image looks like random bytes to whoever has no root.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::aead::{OVERHEAD, SyntheticKey};
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret};
use minicbor::{Decode, Encode};

use crate::blocks::Blocks;
use crate::error::VaultError;
use crate::journal::Position;
use crate::log::{HeadState, Link, SegmentState, pad, unpad};

/// Bytes of a checkpoint's place. The two lie at the image's start.
pub(crate) const PLACE: usize = 32 << 10;

/// The format that is written here.
const FORMAT: u16 = 1;

/// The most bytes that the owner of a vault may keep in a checkpoint.
pub const STATE_MAX: usize = 8 << 10;

const SALT: usize = 32;
const WRAPPED: usize = 32 + OVERHEAD;

/// The root of everything.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Checkpoint {
    #[n(0)]
    pub(crate) format: u16,
    /// How many were written before.
    #[n(1)]
    pub(crate) generation: u64,
    #[n(2)]
    pub(crate) segment_size: u32,
    /// Pages of the table of segments, by number.
    #[n(3)]
    pub(crate) pages: Vec<(u32, Link)>,
    /// Segments that changed since their page was written.
    #[n(4)]
    pub(crate) overrides: Vec<(u32, SegmentState)>,
    #[n(5)]
    pub(crate) heads: [Option<HeadState>; 2],
    /// The index's root.
    #[n(6)]
    pub(crate) index: Option<Link>,
    /// Where the journal begins that goes beyond this.
    #[n(7)]
    pub(crate) journal: Position,
    /// What the owner keeps here.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub(crate) state: Vec<u8>,
}

/// What is needed to write checkpoints.
#[derive(Debug)]
pub(crate) struct Places {
    salt: [u8; SALT],
    wrapped: Vec<u8>,
    image: SyntheticKey,
}

impl Places {
    /// For a new image.
    pub(crate) fn new(root: &Secret<32>, rng: &mut impl CryptoRng) -> (Self, Secret<32>) {
        let image = Secret::<32>::random(rng);
        (Self::wrap(root, &image, rng), image)
    }

    /// The same image under another root.
    pub(crate) fn wrap(root: &Secret<32>, image: &Secret<32>, rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        let wrapped = wrapping(root, &salt).seal(b"allod vault image key", image.expose());
        Self { salt, wrapped, image: sealing(image) }
    }

    /// The places, in bytes from the image's start, of which the checkpoint cannot be read.
    pub(crate) fn damaged(&self, blocks: &impl Blocks) -> Vec<u64> {
        let is_damaged = |place: &u64| {
            let mut bytes = vec![0; PLACE];
            let sealed = blocks.read(*place, &mut bytes).is_ok().then(|| &bytes[SALT + WRAPPED..]);
            let is_whole = bytes.starts_with(&[&self.salt[..], &self.wrapped].concat());
            !is_whole
                || sealed.is_none_or(|sealed| self.image.open(b"allod vault checkpoint", sealed).is_err())
        };
        [place_of(0), place_of(1)].into_iter().filter(is_damaged).collect()
    }

    /// Writes a checkpoint into its place.
    pub(crate) fn write(&self, blocks: &mut impl Blocks, checkpoint: &Checkpoint) -> Result<(), VaultError> {
        let plain = crate::log::encode(checkpoint);
        let room = PLACE - SALT - WRAPPED - OVERHEAD;
        if plain.len() + 4 > room {
            return Err(VaultError::TooLarge { size_max: room });
        }
        let mut bytes = Vec::with_capacity(PLACE);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.wrapped);
        bytes.extend_from_slice(&self.image.seal(b"allod vault checkpoint", &pad(&plain, room)));
        Ok(blocks.write(place_of(checkpoint.generation), &bytes)?)
    }

    /// The newest checkpoint, with the image's key.
    pub(crate) fn read(
        blocks: &impl Blocks,
        root: &Secret<32>,
    ) -> Result<(Self, Secret<32>, Checkpoint), VaultError> {
        let mut newest: Option<(Self, Secret<32>, Checkpoint)> = None;
        let mut unknown = None;
        for place in 0..2 {
            let mut bytes = vec![0; PLACE];
            blocks.read(place_of(place), &mut bytes)?;
            match open(&bytes, root) {
                Ok(found) if found.2.generation % 2 != place => {}
                Ok(found) => {
                    if newest.as_ref().is_none_or(|known| known.2.generation < found.2.generation) {
                        newest = Some(found);
                    }
                }
                Err(VaultError::Format(format)) => unknown = Some(format),
                Err(_) => {}
            }
        }
        newest.ok_or(unknown.map_or(VaultError::NotHere, VaultError::Format))
    }
}

fn place_of(generation: u64) -> u64 {
    generation % 2 * PLACE as u64
}

fn wrapping(root: &Secret<32>, salt: &[u8; SALT]) -> SyntheticKey {
    let secret = tagged("allod 2026 vault, key that wraps an image's key", &[root.expose(), salt]);
    SyntheticKey::new(&Secret::from(secret))
}

/// The key for everything of an image but its objects.
pub(crate) fn sealing(image: &Secret<32>) -> SyntheticKey {
    SyntheticKey::new(&Secret::from(tagged("allod 2026 vault, sealing of the image", &[image.expose()])))
}

fn open(bytes: &[u8], root: &Secret<32>) -> Result<(Places, Secret<32>, Checkpoint), VaultError> {
    let here = VaultError::NotHere;
    let (salt, rest) = bytes.split_first_chunk::<SALT>().ok_or(here)?;
    let (wrapped, sealed) = rest.split_first_chunk::<WRAPPED>().ok_or(here)?;
    let image = wrapping(root, salt).open(b"allod vault image key", wrapped).map_err(|_| here)?;
    let image = Secret::from(*<&[u8; 32]>::try_from(image.expose()).map_err(|_| here)?);
    let key = sealing(&image);
    let plain = key.open(b"allod vault checkpoint", sealed).map_err(|_| here)?;
    let plain = unpad(plain.expose()).ok_or(here)?;
    // The format stands first in all formats that there will be.
    let mut decoder = minicbor::Decoder::new(plain);
    let format = decoder.array().and_then(|_| decoder.u16()).map_err(|_| here)?;
    if format != FORMAT {
        return Err(VaultError::Format(format));
    }
    let checkpoint = minicbor::decode::<Checkpoint>(plain).map_err(|_| here)?;
    Ok((Places { salt: *salt, wrapped: wrapped.to_vec(), image: key }, image, checkpoint))
}

impl Checkpoint {
    /// The format of what is written now.
    pub(crate) const FORMAT: u16 = FORMAT;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{COUNT_MAX, PAGE, Spot};

    #[test]
    fn the_largest_image_s_checkpoint_fits_into_its_place() {
        let spot = Spot { segment: u32::MAX, offset: u32::MAX, size: u32::MAX };
        let link = Link { spot, check: [0xFF; 24].into() };
        let pages = COUNT_MAX / PAGE;
        let head = HeadState { segment: u32::MAX, filled: u32::MAX, slots: u16::MAX, summary: Some(link) };
        let checkpoint = Checkpoint {
            format: FORMAT,
            generation: u64::MAX,
            segment_size: u32::MAX,
            pages: (0..pages).map(|page| (page + 70_000, link)).collect(),
            // A segment that a page left, for each, and some that were opened.
            overrides: (0..pages + 16).map(|_| (u32::MAX, SegmentState::Log(u32::MAX))).collect(),
            heads: [Some(head), Some(head)],
            index: Some(link),
            journal: Position::start(u32::MAX),
            state: vec![0; STATE_MAX],
        };
        let room = PLACE - SALT - WRAPPED - OVERHEAD - 4;
        assert!(crate::log::encode(&checkpoint).len() <= room, "{}", crate::log::encode(&checkpoint).len());
    }
}
