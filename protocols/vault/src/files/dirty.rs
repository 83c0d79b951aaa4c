//! What was written and is not yet in objects: bytes by file and offset, in memory.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::inode::Ino;

/// The most bytes that are kept as one piece.
const PIECE_MAX: usize = 1 << 20;

/// Written bytes. No two pieces overlap.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    files: BTreeMap<Ino, BTreeMap<u64, Vec<u8>>>,
    size: usize,
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
        {
            piece.extend_from_slice(bytes);
            return;
        }
        pieces.insert(offset, bytes.to_vec());
    }

    /// Forgets what there is between two places.
    pub(super) fn cut(&mut self, ino: Ino, from: u64, to: u64) {
        let Some(pieces) = self.files.get_mut(&ino) else { return };
        let first = pieces.range(..from).next_back().map_or(from, |(start, _)| *start);
        let starts: Vec<u64> = pieces.range(first..to).map(|(start, _)| *start).collect();
        for start in starts {
            let Some(mut piece) = pieces.remove(&start) else { continue };
            let end = start + piece.len() as u64;
            self.size -= piece.len();
            if end > to {
                let rest = piece.split_off((to.max(start) - start) as usize);
                self.size += rest.len();
                pieces.insert(to.max(start), rest);
            }
            if start < from {
                piece.truncate((from - start) as usize);
                self.size += piece.len();
                pieces.insert(start, piece);
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
                let part = &piece[(from - start) as usize..(to - start) as usize];
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
            let (mut dirty, mut memory) = (Dirty::default(), vec![None; 400]);
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
                    let mut bytes = vec![7; part.1 - part.0];
                    dirty.read(Ino(1), part.0 as u64, &mut bytes);
                    prop_assert_eq!(&bytes, &expected[part.0..part.1]);
                }
            }
        }
    }
}
