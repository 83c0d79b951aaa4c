//! Reading one zstd frame (RFC 8878) of which it is known how many bytes it holds.
//!
//! Nothing is taken from a frame on trust: each read is within what there is, and no byte is
//! written beyond the size that was asked for. Beside these bytes it takes 128 KiB for the literals of a
//! block and about 20 KiB for tables. The content's checksum is not compared: a vault knows each
//! content by a hash of its own.

mod bits;
mod fse;
mod huffman;
mod literals;
mod sequences;

use alloc::vec::Vec;

use self::literals::Literals;
use self::sequences::Sequences;

/// The first four bytes of a frame.
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The most bytes that a block holds.
const BLOCK_MAX: usize = 128 << 10;

/// What a frame holds, which is `size` bytes; nothing where it is no frame, holds more or fewer,
/// needs a dictionary, or has something behind it.
pub fn decode(frame: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut rest = frame.strip_prefix(&MAGIC)?;
    let has_checksum = header(&mut rest, size)?;
    let mut out = Output { bytes: Vec::with_capacity(size), size };
    let mut state = State::default();
    loop {
        let head = take(&mut rest, 3)?;
        let head = little_endian(head) as usize;
        let (is_last, kind, length) = (head & 1 == 1, head >> 1 & 3, head >> 3);
        if length > BLOCK_MAX {
            return None;
        }
        match kind {
            0 => out.push(take(&mut rest, length)?)?,
            1 => out.fill(*take(&mut rest, 1)?.first()?, length)?,
            2 => state.block(take(&mut rest, length)?, &mut out)?,
            _ => return None,
        }
        if is_last {
            break;
        }
    }
    if has_checksum {
        take(&mut rest, 4)?;
    }
    (rest.is_empty() && out.bytes.len() == size).then_some(out.bytes)
}

/// Reads a frame's header. Whether a checksum is at its end.
fn header(rest: &mut &[u8], size: usize) -> Option<bool> {
    let [descriptor] = *take(rest, 1)? else { return None };
    let (is_single, is_reserved) = (descriptor >> 5 & 1 == 1, descriptor >> 3 & 1 == 1);
    if is_reserved {
        return None;
    }
    if !is_single {
        // How far back it looks: all that was written is at hand.
        take(rest, 1)?;
    }
    let dictionary = take(rest, [0, 1, 2, 4][usize::from(descriptor & 3)])?;
    if dictionary.iter().any(|byte| *byte != 0) {
        return None;
    }
    let said = match (descriptor >> 6, is_single) {
        (0, false) => None,
        (0, true) => Some(little_endian(take(rest, 1)?)),
        (1, _) => Some(little_endian(take(rest, 2)?) + 256),
        (2, _) => Some(little_endian(take(rest, 4)?)),
        _ => Some(little_endian(take(rest, 8)?)),
    };
    said.is_none_or(|said| said == size as u64).then_some(descriptor >> 2 & 1 == 1)
}

/// What blocks leave for those behind them.
#[derive(Default)]
struct State {
    literals: Literals,
    sequences: Sequences,
}

impl State {
    /// A compressed block.
    fn block(&mut self, mut block: &[u8], out: &mut Output) -> Option<()> {
        let end = out.bytes.len() + BLOCK_MAX;
        let literals = self.literals.read(&mut block)?;
        self.sequences.run(block, literals, out)?;
        (out.bytes.len() <= end).then_some(())
    }
}

/// What was written so far, which is never more than it may be.
struct Output {
    bytes: Vec<u8>,
    size: usize,
}

impl Output {
    fn has_room(&self, count: usize) -> Option<()> {
        (count <= self.size - self.bytes.len()).then_some(())
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        self.has_room(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    fn fill(&mut self, byte: u8, count: usize) -> Option<()> {
        self.has_room(count)?;
        self.bytes.resize(self.bytes.len() + count, byte);
        Some(())
    }

    /// Writes again what was written `offset` bytes before, and what that becomes.
    fn repeat(&mut self, offset: usize, count: usize) -> Option<()> {
        self.has_room(count)?;
        let from = self.bytes.len().checked_sub(offset).filter(|_| offset > 0)?;
        let mut left = count;
        while left > 0 {
            let part = left.min(self.bytes.len() - from);
            self.bytes.extend_from_within(from..from + part);
            left -= part;
        }
        Some(())
    }
}

/// The next bytes.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(taken)
}

/// A number of at most eight bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
