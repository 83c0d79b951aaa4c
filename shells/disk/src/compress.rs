//! Compression by the zstd C library.

use std::cell::RefCell;

use allod_vault::Compress;
use zstd::bulk::{Compressor, Decompressor};

/// The level that is written with: about as small as others make it by default, at several
/// hundred MB a second.
const LEVEL: i32 = 3;

/// Bytes of the start of a content that tell whether the rest is worth it.
const SAMPLE: usize = 16 << 10;

thread_local! {
    /// What the library needs is made once a thread.
    static CODEC: RefCell<Option<(Compressor<'static>, Decompressor<'static>)>> = const { RefCell::new(None) };
}

/// The zstd format, by the C library.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zstd;

fn with<T>(
    what: impl FnOnce(&mut Compressor<'static>, &mut Decompressor<'static>) -> Option<T>,
) -> Option<T> {
    CODEC.with_borrow_mut(|codec| {
        if codec.is_none() {
            *codec = Some((Compressor::new(LEVEL).ok()?, Decompressor::new().ok()?));
        }
        let (compressor, decompressor) = codec.as_mut()?;
        what(compressor, decompressor)
    })
}

impl Compress for Zstd {
    fn compress(&self, plain: &[u8]) -> Option<Vec<u8>> {
        with(|compressor, _| {
            // What cannot be compressed at its start seldom can later.
            if plain.len() > 4 * SAMPLE {
                let sample = &plain[plain.len() / 2..plain.len() / 2 + SAMPLE];
                let first = compressor.compress(&plain[..SAMPLE]).ok()?.len();
                if first + compressor.compress(sample).ok()?.len() > 2 * SAMPLE * 49 / 50 {
                    return None;
                }
            }
            compressor.compress(plain).ok()
        })
    }

    fn decompress(&self, frame: &[u8], size: usize) -> Option<Vec<u8>> {
        with(|_, decompressor| decompressor.decompress(frame, size).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_compressed_comes_back_also_by_another_program(
            pattern in prop::collection::vec(any::<u8>(), 1..200),
            count in 1..3000_usize,
        ) {
            let plain = pattern.repeat(count);
            if let Some(frame) = Zstd.compress(&plain) {
                let back = Zstd.decompress(&frame, plain.len());
                prop_assert_eq!(back.as_ref(), Some(&plain));
                let mut other = Vec::new();
                ruzstd::decoding::StreamingDecoder::new(&frame[..]).unwrap().read_to_end(&mut other).unwrap();
                prop_assert_eq!(&other, &plain);
                // Nothing is read that holds more than was said.
                prop_assert_eq!(Zstd.decompress(&frame, plain.len() - 1), None);
            }
        }

        #[test]
        fn no_bytes_make_it_fail_in_another_way(frame in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(content) = Zstd.decompress(&frame, 1000) {
                prop_assert!(content.len() <= 1000);
            }
        }
    }

    #[test]
    fn what_another_program_compressed_is_read() {
        let plain = b"the same thing over and over, ".repeat(1000);
        let frame =
            ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
        assert!(frame.len() < plain.len());
        assert_eq!(Zstd.decompress(&frame, plain.len()), Some(plain));
    }

    #[test]
    fn noise_is_left_as_it_is() {
        let mut noise = vec![0; 200_000];
        getrandom::fill(&mut noise).unwrap();
        assert_eq!(Zstd.compress(&noise), None);
        assert!(Zstd.compress(&vec![b'a'; 200_000]).unwrap().len() < 1000);
    }
}
