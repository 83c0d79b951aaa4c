//! The literals of a block: bytes that are copied as they are (RFC 8878, section 3.1.1.3.1).

use alloc::vec::Vec;

use super::huffman::Huffman;
use super::{BLOCK_MAX, little_endian, take};

/// Reads literals; the codes of one block may serve the next.
#[derive(Default)]
pub(super) struct Literals {
    codes: Option<Huffman>,
    bytes: Vec<u8>,
}

impl Literals {
    /// The literals at the start of a block.
    pub(super) fn read(&mut self, block: &mut &[u8]) -> Option<&[u8]> {
        let first = *block.first()?;
        let (kind, format) = (first & 3, first >> 2 & 3);
        self.bytes.clear();
        if kind < 2 {
            // The size in 5, 12 or 20 bits.
            let (length, shift) = match format {
                0 | 2 => (1, 3),
                1 => (2, 4),
                _ => (3, 4),
            };
            let size = little_endian(take(block, length)?) as usize >> shift;
            if size > BLOCK_MAX {
                return None;
            }
            match kind {
                0 => self.bytes.extend_from_slice(take(block, size)?),
                _ => self.bytes.resize(size, *take(block, 1)?.first()?),
            }
            return Some(&self.bytes);
        }
        // The size and the compressed size, in 10, 14 or 18 bits each.
        let (length, width) = match format {
            0 | 1 => (3, 10),
            2 => (4, 14),
            _ => (5, 18),
        };
        let head = little_endian(take(block, length)?) >> 4;
        let mask = (1 << width) - 1;
        let (size, compressed) = ((head & mask) as usize, (head >> width & mask) as usize);
        if size > BLOCK_MAX {
            return None;
        }
        let mut streams = take(block, compressed)?;
        if kind == 2 {
            self.codes = Some(Huffman::read(&mut streams)?);
        }
        let codes = self.codes.as_ref()?;
        if format == 0 {
            codes.decode(streams, size, &mut self.bytes)?;
            return Some(&self.bytes);
        }
        let jumps = take(&mut streams, 6)?;
        let each = size.div_ceil(4);
        for jump in jumps.chunks(2) {
            codes.decode(take(&mut streams, little_endian(jump) as usize)?, each, &mut self.bytes)?;
        }
        codes.decode(streams, size.checked_sub(3 * each)?, &mut self.bytes)?;
        Some(&self.bytes)
    }
}
