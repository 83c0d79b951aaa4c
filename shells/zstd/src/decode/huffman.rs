//! Huffman codes of literals (RFC 8878, section 4.2).

use alloc::vec;
use alloc::vec::Vec;

use super::bits::Backward;
use super::fse::Fse;
use super::take;

/// The most bits of a code.
const BITS_MAX: u32 = 11;

/// Symbols and their codes.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// By the next [`Self::bits`] bits: a symbol, and how many of them are its code.
    entries: Vec<(u8, u8)>,
    bits: u32,
}

impl Huffman {
    /// Reads the description of codes.
    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [head] = *take(bytes, 1)? else { return None };
        let weights = match head.checked_sub(127) {
            None | Some(0) => compressed_weights(take(bytes, usize::from(head))?)?,
            Some(count) => {
                let packed = take(bytes, usize::from(count).div_ceil(2))?;
                let mut weights: Vec<u8> = packed.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
                weights.truncate(usize::from(count));
                weights
            }
        };
        Self::of_weights(weights)
    }

    /// Of the weights of all symbols but the last, whose weight follows from the others'.
    fn of_weights(mut weights: Vec<u8>) -> Option<Self> {
        let mut sum: u32 = 0;
        for weight in &weights {
            if u32::from(*weight) > BITS_MAX {
                return None;
            }
            sum += (1_u32 << weight) >> 1;
        }
        let bits = sum.checked_ilog2()? + 1;
        let left = (1_u32 << bits) - sum;
        if bits > BITS_MAX || !left.is_power_of_two() || weights.len() > 255 {
            return None;
        }
        weights.push(left.ilog2() as u8 + 1);
        let mut entries = vec![(0, 0); 1 << bits];
        let mut at = 0;
        for wanted in 1..=bits as u8 {
            for (symbol, _) in weights.iter().enumerate().filter(|(_, weight)| **weight == wanted) {
                let count = 1 << (wanted - 1);
                entries.get_mut(at..at + count)?.fill((symbol as u8, bits as u8 + 1 - wanted));
                at += count;
            }
        }
        Some(Self { entries, bits })
    }

    /// Reads so many symbols, which have to be all that there are.
    pub(super) fn decode(&self, stream: &[u8], count: usize, into: &mut Vec<u8>) -> Option<()> {
        let mut bits = Backward::new(stream)?;
        for _ in 0..count {
            let (symbol, length) = *self.entries.get(bits.peek(self.bits) as usize)?;
            bits.skip(u32::from(length))?;
            into.push(symbol);
        }
        bits.is_empty().then_some(())
    }
}

/// Weights that are compressed themselves, by two states in turn.
fn compressed_weights(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let table = Fse::read(&mut bytes, 256, 6)?;
    let mut bits = Backward::new(bytes)?;
    let (mut one, mut other) = (table.begin(&mut bits)?, table.begin(&mut bits)?);
    let mut weights = Vec::new();
    while weights.len() < 255 {
        weights.push(table.symbol(one));
        let Some(next) = table.next(one, &mut bits) else {
            weights.push(table.symbol(other));
            return (weights.len() <= 255).then_some(weights);
        };
        (one, other) = (other, next);
    }
    None
}
