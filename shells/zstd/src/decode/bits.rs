//! Reading bits, from the first byte on or from the last one back (RFC 8878, section 4.1).

/// Bits from the first byte on, each byte's lowest bit first.
pub(super) struct Forward<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next bits, 16 at most, without going on.
    pub(super) fn peek(&self, count: u32) -> u32 {
        let from = self.bytes.get(self.at / 8..).unwrap_or_default();
        let from = &from[..from.len().min(3)];
        (super::little_endian(from) >> (self.at % 8)) as u32 & ((1 << count) - 1)
    }

    /// Goes on. Nothing, where there are not as many.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        self.at += count as usize;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// What is behind the last byte of which a bit was read.
    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes.get(self.at.div_ceil(8)..).unwrap_or_default()
    }
}

/// Bits from the last byte back. Above the highest bit that is set in the last byte there is
/// nothing.
pub(super) struct Backward<'a> {
    bytes: &'a [u8],
    /// Bits that were not read.
    left: usize,
}

impl<'a> Backward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let last = bytes.last().filter(|last| **last != 0)?;
        Some(Self { bytes, left: bytes.len() * 8 - last.leading_zeros() as usize - 1 })
    }

    /// The next bits, 32 at most, and zeros where there are not as many.
    pub(super) fn peek(&self, count: u32) -> u32 {
        let (from, missing) = match self.left.checked_sub(count as usize) {
            Some(from) => (from, 0),
            None => (0, count as usize - self.left),
        };
        let there = self.bytes.get(from / 8..).unwrap_or_default();
        let word = match there.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => super::little_endian(there),
        };
        let mask = (1_u64 << (count as usize - missing)) - 1;
        ((word >> (from % 8) & mask) << missing) as u32
    }

    /// Goes on. Nothing, where there are not as many.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        self.left = self.left.checked_sub(count as usize)?;
        Some(())
    }

    /// The next bits, 32 at most.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let bits = self.peek(count);
        self.skip(count).map(|()| bits)
    }

    /// Whether all were read.
    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }
}
