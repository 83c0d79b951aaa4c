//! Written bytes that a shell makes objects of on other cores, while the files are used.
//!
//! 1. [`Files::take_unsealed`] gives a part of a file of which much was written in one go.
//! 2. [`Unsealed::cut`] finds where its chunks end, and [`Files::was_cut`] lets what is behind
//!    the last one be taken next.
//! 3. [`Unsealed::seal`] makes objects, and [`Files::put_unsealed`] puts them in the place of
//!    what was written, if nothing was written there meanwhile.
//!
//! What is taken stays among what was written until then. So nothing depends on whether a
//! shell ever comes back with it.

use alloc::vec::Vec;

use super::Files;
use super::dirty::Piece;
use super::inode::{Extent, Ino};
use crate::blocks::Blocks;
use crate::chunk::Chunker;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::{Keys, Kind, Sealed};

/// Bytes that are taken at a time.
const WINDOW: u64 = 4 << 20;

/// What is being written from start to end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    ino: Option<Ino>,
    /// Where that begins which was not taken yet.
    start: u64,
    end: u64,
    /// Somebody took the start, and it is not known yet how much of it.
    is_taken: bool,
}

/// A part of a file that was written and is in no object yet.
#[derive(Debug)]
pub struct Unsealed {
    ino: Ino,
    start: u64,
    pieces: Vec<(u64, Piece)>,
    bytes: Vec<u8>,
    chunks: Vec<usize>,
}

impl Unsealed {
    /// Finds where its chunks end.
    pub fn cut(&mut self, chunker: &Chunker) {
        self.bytes = Vec::with_capacity(WINDOW as usize);
        for (start, piece) in &self.pieces {
            let from = self.start.saturating_sub(*start) as usize;
            let room = WINDOW as usize - self.bytes.len();
            let piece = piece.bytes.get(from..).unwrap_or_default();
            self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let mut rest = &self.bytes[..];
        while rest.len() >= chunker.size_max() {
            let size = chunker.cut(rest);
            self.chunks.push(size);
            rest = &rest[size..];
        }
    }

    /// Makes its objects.
    pub fn seal(&self, keys: &Keys, compress: &impl Compress) -> Vec<Sealed> {
        let mut rest = &self.bytes[..];
        let seal = |size: &usize| {
            let (chunk, behind) = rest.split_at(*size);
            rest = behind;
            keys.seal(Kind::Data, chunk, compress)
        };
        self.chunks.iter().map(seal).collect()
    }

    fn end(&self) -> u64 {
        self.start + self.chunks.iter().sum::<usize>() as u64
    }
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Bytes that were written and are in no objects yet.
    pub fn unsealed(&self) -> usize {
        self.dirty.size()
    }

    /// Whether there is something to [take](Self::take_unsealed).
    pub fn has_unsealed(&self) -> bool {
        !self.run.is_taken && self.run.end - self.run.start >= WINDOW
    }

    /// The next part of a file that was written from start to end, where that is long enough to
    /// be cut into chunks whatever follows.
    pub fn take_unsealed(&mut self) -> Option<Unsealed> {
        if !self.has_unsealed() {
            return None;
        }
        let (ino, start) = (self.run.ino?, self.run.start);
        let Some(pieces) = self.dirty.pieces(ino, start, start + WINDOW) else {
            // Some of it is in objects by now, or was cut off.
            self.run.start = self.run.end;
            return None;
        };
        self.run.is_taken = true;
        Some(Unsealed { ino, start, pieces, bytes: Vec::new(), chunks: Vec::new() })
    }

    /// What was taken is cut: what is behind can be taken.
    pub fn was_cut(&mut self, unsealed: &Unsealed) {
        if self.run.ino == Some(unsealed.ino) && self.run.start == unsealed.start {
            self.run.start = unsealed.end();
            self.run.is_taken = false;
        }
    }

    /// Puts objects in the place of what they were [made](Unsealed::seal) of. Whether that was
    /// still there.
    ///
    /// # Errors
    /// [`VaultError`]. What was written stays in memory then.
    pub fn put_unsealed(&mut self, unsealed: &Unsealed, objects: &[Sealed]) -> Result<bool, VaultError> {
        self.writable()?;
        let (ino, start, end) = (unsealed.ino, unsealed.start, unsealed.end());
        let now = if start < end { self.dirty.pieces(ino, start, end) } else { None };
        // Each piece is the one that was taken, or a part of it.
        let is_same = now.is_some_and(|now| {
            now.iter().all(|(at, piece)| {
                let at = (*at).max(start);
                let taken = unsealed.pieces.partition_point(|(start, _)| *start <= at);
                let taken = taken.checked_sub(1).and_then(|taken| unsealed.pieces.get(taken));
                taken.is_some_and(|(_, taken)| taken.number == piece.number)
            })
        });
        if !is_same || objects.len() != unsealed.chunks.len() {
            return Ok(false);
        }
        let (mut extents, mut place) = (Vec::new(), start);
        for (object, size) in objects.iter().zip(&unsealed.chunks) {
            self.store.put(object)?;
            extents.push((place, Extent::Object { id: object.id, from: 0, size: *size as u32 }));
            place += *size as u64;
        }
        self.set_extents(ino, start, end, &extents)?;
        self.dirty.cut(ino, start, end);
        Ok(true)
    }

    /// Something was written.
    pub(super) fn run_on(&mut self, ino: Ino, offset: u64, size: usize) {
        let end = offset + size as u64;
        if self.run.ino == Some(ino) && self.run.end == offset {
            self.run.end = end;
        } else {
            self.run = Run { ino: Some(ino), start: offset, end, is_taken: false };
        }
    }
}
