//! Randomness for tests: bytes laid out beforehand, or the system's.

use alloc::collections::VecDeque;
use core::convert::Infallible;

use allod_crypto::hash;
use data_encoding::HEXLOWER;
use getrandom::SysRng;
use rand_core::{TryCryptoRng, TryRng, UnwrapErr};

/// The system's randomness.
pub(crate) fn system() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Gives out exactly the bytes put in, and panics when they run out.
pub(crate) struct Fixed(VecDeque<u8>);

impl Fixed {
    /// The bytes of these hexadecimal strings, in order.
    pub(crate) fn hex<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(parts.into_iter().flat_map(|part| HEXLOWER.decode(part.as_bytes()).expect("hex")).collect())
    }

    /// Draws that come out as these scalars, 32 bytes each: a draw is 64 bytes,
    /// reduced, so the upper half is zero.
    pub(crate) fn scalars<'a>(scalars: impl IntoIterator<Item = &'a str>) -> Self {
        const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
        Self::hex(scalars.into_iter().flat_map(|scalar| [scalar, ZEROS]))
    }

    /// Whether every byte was drawn.
    pub(crate) fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.0.pop_front().expect("enough bytes laid out");
        }
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

/// Bytes that are the same in every run, as many as wanted: for tests that freeze
/// what is made of them.
pub(crate) struct Stream(u64);

impl Stream {
    /// The bytes from their beginning.
    pub(crate) fn new() -> Self {
        Self(0)
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|wide| wide as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for block in bytes.chunks_mut(32) {
            self.0 += 1;
            block.copy_from_slice(&hash::blake3(&self.0.to_le_bytes())[..block.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Stream {}
