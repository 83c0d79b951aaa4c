//! What was written and is not yet in objects: bytes by file and offset, in memory.
//!
//! Pieces that a shell makes objects of meanwhile are shared with it, and are not changed as
//! long as it has them: what is written over them is another piece.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::inode::Ino;

/// The most bytes that are kept as one piece.
const PIECE_MAX: usize = 1 << 20;

/// Written bytes. No two pieces overlap.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    files: BTreeMap<Ino, BTreeMap<u64, Piece>>,
    size: usize,
    /// How many pieces there were.
    count: u64,
}

/// Bytes that were written in one go, or a part of them.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) bytes: Arc<Vec<u8>>,
    /// Which piece it is, or was a part of. At one place, the same piece has the same bytes.
    pub(super) number: u64,
    /// Something was cut off its end, so that nothing is put behind it.
    is_closed: bool,
}

impl Piece {
    fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Dirty {
    /// How many bytes there are.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The files that have some.
    pub(super) fn files(&self) -> Vec<Ino> {
        self.files.keys().copied().collect()
    }

    /// Writes bytes.
    pub(super) fn write(&mut self, ino: Ino, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.cut(ino, offset, offset + bytes.len() as u64);
        self.size += bytes.len();
        let pieces = self.files.entry(ino).or_default();
        // What is written in one go from start to end is one piece.
        if let Some((start, piece)) = pieces.range_mut(..offset).next_back()
            && start + piece.len() as u64 == offset
            && piece.len() + bytes.len() <= PIECE_MAX
            && !piece.is_closed
            && let Some(piece) = Arc::get_mut(&mut piece.bytes)
        {
            piece.extend_from_slice(bytes);
            return;
        }
        self.count += 1;
        pieces
            .insert(offset, Piece { bytes: Arc::new(bytes.to_vec()), number: self.count, is_closed: false });
    }

    /// Forgets what there is between two places.
    pub(super) fn cut(&mut self, ino: Ino, from: u64, to: u64) {
        let Some(pieces) = self.files.get_mut(&ino) else { return };
        let first = pieces.range(..from).next_back().map_or(from, |(start, _)| *start);
        let starts: Vec<u64> = pieces.range(first..to).map(|(start, _)| *start).collect();
        for start in starts {
            let Some(piece) = pieces.remove(&start) else { continue };
            let end = start + piece.len() as u64;
            self.size -= piece.len();
            if from <= start && end <= to {
                continue;
            }
            let Piece { number, is_closed, .. } = piece;
            let mut bytes = Arc::unwrap_or_clone(piece.bytes);
            if end > to {
                let rest = bytes.split_off((to.max(start) - start) as usize);
                self.size += rest.len();
                pieces.insert(to.max(start), Piece { bytes: Arc::new(rest), number, is_closed });
            }
            if start < from {
                bytes.truncate((from - start) as usize);
                self.size += bytes.len();
                pieces.insert(start, Piece { bytes: Arc::new(bytes), number, is_closed: true });
            }
        }
        if pieces.is_empty() {
            self.files.remove(&ino);
        }
    }

    /// Puts what there is over bytes that were read from `offset` on.
    pub(super) fn read(&self, ino: Ino, offset: u64, bytes: &mut [u8]) {
        let Some(pieces) = self.files.get(&ino) else { return };
        let end = offset + bytes.len() as u64;
        let first = pieces.range(..offset).next_back().map_or(offset, |(start, _)| *start);
        for (start, piece) in pieces.range(first..end) {
            let (from, to) = ((*start).max(offset), (start + piece.len() as u64).min(end));
            if from < to {
                let part = &piece.bytes[(from - start) as usize..(to - start) as usize];
                bytes[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
    }

    /// Whether all between two places was written.
    pub(super) fn covers(&self, ino: Ino, from: u64, to: u64) -> bool {
        self.ranges(ino).iter().any(|(start, end)| *start <= from && to <= *end)
    }

    /// From where to where a file has some, in ascending order. Neighbours are one.
    pub(super) fn ranges(&self, ino: Ino) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (start, piece) in self.files.get(&ino).into_iter().flatten() {
            let end = start + piece.len() as u64;
            match ranges.last_mut() {
                Some((_, last)) if *last == *start => *last = end,
                _ => ranges.push((*start, end)),
            }
        }
        ranges
    }

    /// Whether there is anything between two places.
    pub(super) fn has_between(&self, ino: Ino, from: u64, to: u64) -> bool {
        let Some(pieces) = self.files.get(&ino) else { return false };
        let before = pieces.range(..from).next_back();
        let reaches = before.is_some_and(|(start, piece)| start + piece.len() as u64 > from);
        from < to && (reaches || pieces.range(from..to).next().is_some())
    }

    /// The pieces that have all bytes between two places, by where they start; nothing where
    /// some bytes are in none.
    pub(super) fn pieces(&self, ino: Ino, from: u64, to: u64) -> Option<Vec<(u64, Piece)>> {
        let pieces = self.files.get(&ino)?;
        let (first, _) = pieces.range(..=from).next_back()?;
        let mut found = Vec::new();
        let mut place = from;
        for (start, piece) in pieces.range(first..&to) {
            let end = start + piece.len() as u64;
            if *start > place || end <= place {
                return None;
            }
            found.push((*start, piece.clone()));
            place = end;
        }
        (place >= to).then_some(found)
    }

    /// A file goes.
    pub(super) fn forget(&mut self, ino: Ino) {
        self.cut(ino, 0, u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_a_memory_with_gaps(
            steps in prop::collection::vec((any::<bool>(), 0..300_u64, 0..80_u64, any::<u8>()), 0..60),
        ) {
            let (mut dirty, mut memory, mut kept) = (Dirty::default(), vec![None; 400], Vec::new());
            for (write, from, size, byte) in steps {
                let range = from as usize..(from + size) as usize;
                if write {
                    dirty.write(Ino(1), from, &vec![byte; size as usize]);
                    memory[range].fill(Some(byte));
                } else {
                    dirty.cut(Ino(1), from, from + size);
                    memory[range].fill(None);
                }
                let mut bytes = vec![7; 400];
                dirty.read(Ino(1), 0, &mut bytes);
                let expected: Vec<u8> = memory.iter().map(|byte| byte.unwrap_or(7)).collect();
                prop_assert_eq!(&bytes, &expected);
                prop_assert_eq!(dirty.size(), memory.iter().flatten().count());
                let covered: u64 = dirty.ranges(Ino(1)).iter().map(|(from, to)| to - from).sum();
                prop_assert_eq!(covered, dirty.size() as u64);
                for part in [(3, 50), (111, 200), (250, 251)] {
                    let any = memory[part.0..part.1].iter().any(Option::is_some);
                    prop_assert_eq!(dirty.has_between(Ino(1), part.0 as u64, part.1 as u64), any);
                    let pieces = dirty.pieces(Ino(1), part.0 as u64, part.1 as u64);
                    prop_assert_eq!(pieces.is_some(), memory[part.0..part.1].iter().all(Option::is_some));
                    for (start, piece) in pieces.into_iter().flatten() {
                        prop_assert_eq!(
                            &piece.bytes[..], &expected[start as usize..start as usize + piece.len()]
                        );
                        // They are as they were, whatever is written from now on, and what has
                        // their number has the same bytes.
                        kept.push((start, piece.bytes.to_vec(), piece));
                    }
                    let mut bytes = vec![7; part.1 - part.0];
                    dirty.read(Ino(1), part.0 as u64, &mut bytes);
                    prop_assert_eq!(&bytes, &expected[part.0..part.1]);
                }
                for (start, before, piece) in &kept {
                    prop_assert_eq!(before, &*piece.bytes);
                    for (other, now) in dirty.files.get(&Ino(1)).into_iter().flatten() {
                        let both = (*start).max(*other)..(start + before.len() as u64).min(other + now.len() as u64);
                        if now.number == piece.number && both.start < both.end {
                            let of = |from: u64, bytes: &[u8]| {
                                bytes[(both.start - from) as usize..(both.end - from) as usize].to_vec()
                            };
                            prop_assert_eq!(of(*start, before), of(*other, &now.bytes));
                        }
                    }
                }
            }
        }
    }
}
