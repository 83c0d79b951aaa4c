//! Making objects smaller: the zstd format (RFC 8878), by whichever program a shell
//! has. A vault that was written with one can be read with any other.

use alloc::vec::Vec;

/// Writes and reads the zstd format.
pub trait Compress {
    /// One zstd frame of `plain`, or nothing where that is not worth the time.
    fn compress(&self, plain: &[u8]) -> Option<Vec<u8>>;

    /// What a frame holds, which is `size` bytes; nothing where the frame is none, or
    /// holds more or fewer. Must not use much more than `size` bytes of memory for it.
    fn decompress(&self, frame: &[u8], size: usize) -> Option<Vec<u8>>;
}

/// Leaves everything as it is. Reads no frames.
#[derive(Clone, Copy, Debug)]
pub struct Uncompressed;

impl Compress for Uncompressed {
    fn compress(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decompress(&self, _: &[u8], _: usize) -> Option<Vec<u8>> {
        None
    }
}
