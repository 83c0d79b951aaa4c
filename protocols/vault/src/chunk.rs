//! Content-defined chunking: where a file is cut depends on the bytes near the cut
//! alone, so that what is inserted into a file changes the chunks around it and no
//! others.
//!
//! FastCDC with normalized chunking, rolling two bytes at a time (Xia et al., *The
//! Design of Fast Content-Defined Chunking for Data Deduplication Based Storage
//! Systems*, IEEE TPDS 2020). The gear table comes from a key: who does not have it
//! cannot tell a known file by the sizes of its chunks.

use alloc::boxed::Box;
use core::fmt;

use allod_crypto::Secret;
use allod_crypto::hash::blake3_keyed;

/// By how many bits the mask is stricter before the average size than at it, and
/// laxer after it (normalized chunking, level 2).
const LEVEL: u32 = 2;

/// How large chunks are, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The least, but for a file's last chunk. Even, and at least 64, which is how far
    /// back a cut looks.
    pub min: usize,
    /// The average, about: a power of two above `min`.
    pub average: usize,
    /// The most. Even.
    pub max: usize,
}

impl Sizes {
    /// What vaults use. Smaller ones would find more duplicates, and make the index
    /// larger; from larger ones little could be read at a time.
    pub const VAULT: Self = Self { min: 64 << 10, average: 256 << 10, max: 1 << 20 };
}

/// Finds the cuts.
#[derive(Clone)]
pub struct Chunker {
    gear: Box<[u64; 256]>,
    /// The same, shifted left by one: for the first byte of two.
    shifted: Box<[u64; 256]>,
    sizes: Sizes,
    strict: u64,
    lax: u64,
}

impl fmt::Debug for Chunker {
    // The gear comes from a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunker({:?})", self.sizes)
    }
}

impl Chunker {
    /// With cuts that depend on `key`.
    pub fn new(key: &Secret<32>, sizes: Sizes) -> Self {
        let mut gear = Box::new([0; 256]);
        for (byte, value) in (0..=255_u8).zip(gear.iter_mut()) {
            let hash = blake3_keyed(key, &[&[byte]]);
            let [a, b, c, d, e, f, g, h, ..] = hash;
            *value = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        }
        let shifted = Box::new(gear.map(|value| value << 1));
        let bits = sizes.average.ilog2();
        Self { gear, shifted, sizes, strict: mask(bits + LEVEL), lax: mask(bits.saturating_sub(LEVEL)) }
    }

    /// The largest chunk, in bytes: so much of a file has to be at hand to cut it, or
    /// all that is left of it.
    pub fn size_max(&self) -> usize {
        self.sizes.max
    }

    /// The length of the first chunk of `source`, which is the rest of a file or at
    /// least [`Self::size_max`] bytes of it. Nothing is cut into nothing.
    pub fn cut(&self, source: &[u8]) -> usize {
        let Sizes { min, average, max } = self.sizes;
        if source.len() <= min {
            return source.len();
        }
        let end = source.len().min(max);
        let middle = average.clamp(min, end);
        let mut hash = 0;
        self.find(source, min, middle, self.strict, &mut hash)
            .or_else(|| self.find(source, middle, end, self.lax, &mut hash))
            .unwrap_or(end)
    }

    /// The first cut at or after `from` and before `to`. An odd last byte, which only
    /// the end of a file has, is no place for one.
    fn find(&self, source: &[u8], from: usize, to: usize, mask: u64, hash: &mut u64) -> Option<usize> {
        let mut rolling = *hash;
        let (pairs, _) = source.get(from..to)?.as_chunks::<2>();
        for (place, [first, second]) in pairs.iter().enumerate() {
            rolling = (rolling << 2).wrapping_add(self.shifted[usize::from(*first)]);
            if rolling & (mask << 1) == 0 {
                return Some(from + 2 * place);
            }
            rolling = rolling.wrapping_add(self.gear[usize::from(*second)]);
            if rolling & mask == 0 {
                return Some(from + 2 * place + 1);
            }
        }
        *hash = rolling;
        None
    }
}

/// So many of the highest bits that are still there after one more shift: those that
/// depend on the most bytes.
fn mask(bits: u32) -> u64 {
    ((1 << bits) - 1) << (63 - bits)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const SMALL: Sizes = Sizes { min: 64, average: 256, max: 1024 };

    fn chunker(key: u8) -> Chunker {
        Chunker::new(&Secret::from([key; 32]), SMALL)
    }

    fn cuts(chunker: &Chunker, mut source: &[u8]) -> Vec<usize> {
        let mut sizes = Vec::new();
        while !source.is_empty() {
            let (chunk, rest) = source.split_at(chunker.cut(source));
            sizes.push(chunk.len());
            source = rest;
        }
        sizes
    }

    /// Bytes without a pattern, from a seed.
    fn noise(seed: u8, size: usize) -> Vec<u8> {
        let key = Secret::from([seed; 32]);
        let blocks = (0..size.div_ceil(32)).flat_map(|at| blake3_keyed(&key, &[&at.to_le_bytes()]));
        blocks.take(size).collect()
    }

    proptest! {
        #[test]
        fn cuts_agree_with_the_fastcdc_crate(source in prop::collection::vec(0..4_u8, 0..5000), key: u8) {
            let ours = chunker(key);
            let theirs = |source: &[u8]| {
                let (strict, lax) = (ours.strict, ours.lax);
                let (_, size) = fastcdc::v2020::cut_gear(
                    source, SMALL.min, SMALL.average, SMALL.max, strict, lax, strict << 1, lax << 1,
                    &ours.gear[..], &ours.shifted[..],
                );
                size
            };
            let mut rest = &source[..];
            while !rest.is_empty() {
                let size = ours.cut(rest);
                prop_assert_eq!(size, theirs(rest));
                rest = &rest[size..];
            }
        }
    }

    #[test]
    fn chunks_have_the_sizes_that_were_asked_for() {
        let sizes = cuts(&chunker(1), &noise(1, 1 << 20));
        let (last, others) = sizes.split_last().unwrap();
        assert!(*last <= SMALL.max);
        assert!(others.iter().all(|size| (SMALL.min..=SMALL.max).contains(size)));
        let average = (1 << 20) / sizes.len();
        assert!((SMALL.average / 2..SMALL.average * 2).contains(&average), "{average}");
    }

    #[test]
    fn an_insertion_changes_few_chunks() {
        let chunker = chunker(2);
        let before = noise(2, 1 << 16);
        let mut after = before.clone();
        after.splice(30_000..30_000, *b"something else");
        let (before, after) = (cuts(&chunker, &before), cuts(&chunker, &after));
        let same = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
        let end = before.iter().rev().zip(after.iter().rev()).take_while(|(one, other)| one == other).count();
        assert!(same + end + 4 >= before.len(), "{same} {end} of {}", before.len());
    }

    #[test]
    fn another_key_cuts_elsewhere() {
        let source = noise(3, 1 << 14);
        assert_ne!(cuts(&chunker(1), &source), cuts(&chunker(2), &source));
    }

    #[test]
    fn what_repeats_is_cut_at_the_largest_size() {
        assert_eq!(cuts(&chunker(1), &vec![0; 3000]), [1024, 1024, 952]);
        assert_eq!(chunker(1).cut(&[]), 0);
    }
}
