//! Compression for shells that have no C library, and no standard library either: the zstd
//! format (RFC 8878) in Rust alone.
//!
//! A vault that was written with the C library is read with this, and the reverse. What is
//! written here is a seventh to a quarter larger than the C library makes programs and prose at its
//! first level.
//!
//! Frames come from whoever may write in a space. What a frame says of its own size is believed
//! as far as it is what the object should have: no more than that is ever written, whatever else it says.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod decode;

use alloc::vec::Vec;

use allod_vault::Compress;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

pub use decode::decode;

/// Bytes of the start of a content that tell whether the rest is worth it.
const SAMPLE: usize = 16 << 10;

/// The zstd format, in Rust.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureZstd;

impl Compress for PureZstd {
    fn compress(&self, plain: &[u8]) -> Option<Vec<u8>> {
        // What cannot be compressed at its start seldom can later.
        if plain.len() > 4 * SAMPLE {
            let middle = plain.len() / 2;
            let samples = [plain.get(..SAMPLE), plain.get(middle..middle + SAMPLE)];
            let size: usize = samples.into_iter().flatten().map(|sample| frame(sample).len()).sum();
            if size > 2 * SAMPLE * 49 / 50 {
                return None;
            }
        }
        Some(frame(plain))
    }

    fn decompress(&self, frame: &[u8], size: usize) -> Option<Vec<u8>> {
        decode(frame, size)
    }
}

fn frame(plain: &[u8]) -> Vec<u8> {
    compress_to_vec(plain, CompressionLevel::Fastest)
}

#[cfg(test)]
mod tests;
