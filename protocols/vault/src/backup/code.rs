//! Erasure coding: a pack in `all` shards, of which any `needed` give it back. The first
//! `needed` are the pack itself, cut into equal parts.
//!
//! Reed-Solomon over GF(2^16) with the fast transform of Lin, Chung and Han ("Novel
//! Polynomial Basis and Its Application to Reed-Solomon Erasure Codes", 2014), as the
//! programs Leopard-RS and `reed-solomon-simd` have it, by whichever a shell has. It finds
//! missing shards and no wrong ones: whoever decodes has checked each shard by its
//! [id](super::shard::ShardId) before.

use alloc::vec;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::error::BackupError;
use super::shard::LEAF;

/// The most shards of a pack.
pub const SHARDS_MAX: u8 = 32;

/// Computes the shards that are no part of the pack itself. All shards have one size, which
/// is a multiple of [`LEAF`]. What one program divided any other puts together.
pub trait Erasure {
    /// So many shards beside these. Nothing where that cannot be done.
    fn more(&self, originals: &[Vec<u8>], count: usize) -> Option<Vec<Vec<u8>>>;

    /// The originals that are missing, with their numbers: from those that are there, and from
    /// some of the others, each with its number among its like. Together they are as many as are
    /// needed. `counts` says how many are needed, and how many others were made. Nothing where
    /// that cannot be done.
    fn missing(
        &self,
        counts: (usize, usize),
        originals: &[(usize, &[u8])],
        others: &[(usize, &[u8])],
    ) -> Option<Vec<(usize, Vec<u8>)>>;
}

/// How many shards there are, and how many are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Code {
    #[n(0)]
    needed: u8,
    #[n(1)]
    all: u8,
}

impl Code {
    /// `needed` of `all`.
    ///
    /// # Errors
    /// [`BackupError::Code`] for none, for more than there are, and for more than
    /// [`SHARDS_MAX`].
    pub fn new(needed: u8, all: u8) -> Result<Self, BackupError> {
        let code = Self { needed, all };
        if code.is_sound() { Ok(code) } else { Err(BackupError::Code { needed, all }) }
    }

    /// What is taken where the person does not say: 5 of 8, as near to it as fewer peers
    /// allow, and no more shards where there are more. Nothing for no peers.
    pub fn for_peers(count: usize) -> Option<Self> {
        let all = u8::try_from(count.min(8)).ok().filter(|all| *all > 0)?;
        // The nearest to five eighths, and the lesser of two.
        let needed = ((10 * all + 7) / 16).max(1);
        Some(Self { needed, all })
    }

    pub(super) fn is_sound(self) -> bool {
        self.needed > 0 && self.needed <= self.all && self.all <= SHARDS_MAX
    }

    /// How many shards give a pack back.
    pub fn needed(self) -> u8 {
        self.needed
    }

    /// How many shards there are.
    pub fn all(self) -> u8 {
        self.all
    }

    /// Bytes of each shard of a pack of this size: whole leaves.
    pub fn shard_size(self, pack: usize) -> usize {
        pack.div_ceil(usize::from(self.needed)).next_multiple_of(LEAF)
    }

    /// The shards of a pack, all of one size.
    ///
    /// # Errors
    /// [`BackupError::Shards`] for an empty pack.
    pub fn encode(self, pack: &[u8], erasure: &impl Erasure) -> Result<Vec<Vec<u8>>, BackupError> {
        let size = self.shard_size(pack.len());
        let (needed, more) = (usize::from(self.needed), usize::from(self.all - self.needed));
        let mut shards: Vec<Vec<u8>> = (0..needed)
            .map(|number| {
                let start = (number * size).min(pack.len());
                let mut shard = Vec::with_capacity(size);
                shard.extend_from_slice(&pack[start..(start + size).min(pack.len())]);
                shard.resize(size, 0);
                shard
            })
            .collect();
        if more > 0 {
            let made = erasure.more(&shards, more).filter(|made| made.len() == more);
            shards.extend(made.ok_or(BackupError::Shards)?);
        }
        Ok(shards)
    }

    /// The pack of `size` bytes, from shards with their numbers. All of them have to be right
    /// ones: a wrong one gives a wrong pack.
    ///
    /// # Errors
    /// [`BackupError::TooFewShards`], [`BackupError::Shards`].
    pub fn decode(
        self,
        size: usize,
        shards: &[(u8, &[u8])],
        erasure: &impl Erasure,
    ) -> Result<Vec<u8>, BackupError> {
        let (needed, shard_size) = (usize::from(self.needed), self.shard_size(size));
        let mut seen = [false; SHARDS_MAX as usize];
        for (number, shard) in shards {
            let is_new = seen.get_mut(usize::from(*number)).filter(|_| *number < self.all);
            match is_new {
                Some(seen) if !*seen && shard.len() == shard_size => *seen = true,
                _ => return Err(BackupError::Shards),
            }
        }
        if shards.len() < needed {
            return Err(BackupError::TooFewShards { found: shards.len(), needed });
        }
        let mut pack = vec![0; needed * shard_size];
        let place = |number: usize| number * shard_size..(number + 1) * shard_size;
        let (mut originals, mut others) = (Vec::new(), Vec::new());
        for (number, shard) in shards {
            match number.checked_sub(self.needed) {
                None => originals.push((usize::from(*number), *shard)),
                Some(number) => others.push((usize::from(number), *shard)),
            }
        }
        for (number, shard) in &originals {
            pack[place(*number)].copy_from_slice(shard);
        }
        if originals.len() < needed {
            others.truncate(needed - originals.len());
            let counts = (needed, usize::from(self.all - self.needed));
            let restored = erasure.missing(counts, &originals, &others).ok_or(BackupError::Shards)?;
            for (number, shard) in restored {
                let into = pack.get_mut(place(number)).filter(|into| into.len() == shard.len());
                into.ok_or(BackupError::Shards)?.copy_from_slice(&shard);
            }
        }
        pack.truncate(size);
        Ok(pack)
    }
}
