//! The C library is the oracle: what either writes, the other reads, and what it refuses is
//! refused.

extern crate std;

use alloc::vec;
use alloc::vec::Vec;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use zstd::bulk::{Compressor, decompress};
use zstd::zstd_safe::CParameter;

use super::*;

/// What people have: text, numbers, pictures, and much of the same.
fn contents() -> Vec<Vec<u8>> {
    let mut noise = vec![0; 300_000];
    getrandom::fill(&mut noise).unwrap();
    let numbers = (0..40_000_u32).flat_map(|number| (number * number / 7).to_le_bytes()).collect();
    let words = ["the ", "vault ", "of ", "a ", "person ", "keeps ", "what ", "they ", "wrote", ".\n", "\n"];
    let text: Vec<u8> =
        noise.iter().take(60_000).flat_map(|byte| words[usize::from(*byte) % 11].bytes()).collect();
    let skewed = noise.iter().map(|byte| (byte.leading_zeros() * 7 + u32::from(byte & 1)) as u8).collect();
    let source = include_bytes!("decode/sequences.rs").repeat(30);
    let mixed =
        [&text[..100_000], &noise[..150_000], &source[..100_000], &vec![0; 200_000], &text[..1000]].concat();
    let few = (0..6).map(|size| vec![b'x'; size]).collect::<Vec<_>>();
    [vec![noise, numbers, text, skewed, source, mixed, vec![7; 1 << 20]], few].concat()
}

fn by_the_library(plain: &[u8], level: i32, parameters: &[CParameter]) -> Vec<u8> {
    let mut compressor = Compressor::new(level).unwrap();
    for parameter in parameters {
        compressor.set_parameter(*parameter).unwrap();
    }
    compressor.compress(plain).unwrap()
}

#[test]
fn what_the_c_library_writes_is_read() {
    for plain in contents() {
        for level in [-5, 1, 3, 9, 16, 19, 22] {
            let frame = by_the_library(&plain, level, &[]);
            assert!(
                decode(&frame, plain.len()).as_ref() == Some(&plain),
                "level {level}, {} bytes",
                plain.len()
            );
        }
        let options = [
            &[CParameter::ChecksumFlag(true)][..],
            &[CParameter::ContentSizeFlag(false), CParameter::WindowLog(17)],
            &[CParameter::TargetLength(999), CParameter::MinMatch(3)],
        ];
        for parameters in options {
            let frame = by_the_library(&plain, 12, parameters);
            assert!(decode(&frame, plain.len()).as_ref() == Some(&plain), "{parameters:?}");
        }
    }
}

#[test]
fn what_is_written_is_read_by_the_c_library() {
    for plain in contents() {
        let frame = frame(&plain);
        assert!(decompress(&frame, plain.len()).unwrap() == plain);
        assert!(decode(&frame, plain.len()).as_ref() == Some(&plain));
        if let Some(frame) = PureZstd.compress(&plain) {
            assert!(PureZstd.decompress(&frame, plain.len()) == Some(plain));
        }
    }
}

#[test]
fn noise_is_left_as_it_is_and_text_is_not() {
    let contents = contents();
    assert_eq!(PureZstd.compress(&contents[0]), None);
    // No more than twice what the C library's first level makes of it.
    let plain = &contents[2];
    let ours = PureZstd.compress(plain).unwrap().len();
    let theirs = by_the_library(plain, 1, &[]).len();
    assert!(ours < theirs * 2 && ours < plain.len() / 2, "{ours} {theirs} {}", plain.len());
}

#[test]
fn a_size_that_is_not_the_frame_s_is_refused_whatever_the_frame_says() {
    let plain = b"so many bytes, and no more".repeat(20_000);
    for parameters in [&[][..], &[CParameter::ContentSizeFlag(false), CParameter::WindowLog(17)]] {
        let frame = by_the_library(&plain, 3, parameters);
        for size in [0, 1, plain.len() - 1, plain.len() + 1] {
            assert_eq!(decode(&frame, size), None);
        }
        assert_eq!(decode(&[&frame[..], &[0]].concat(), plain.len()), None);
        assert_eq!(decode(&[&frame[..], &frame[..]].concat(), plain.len()), None);
    }
    assert_eq!(decode(&[], 0), None);
    // A dictionary that nobody has: its number is behind the window.
    assert_eq!(decode(&[0x28, 0xB5, 0x2F, 0xFD, 1, 0, 9, 1, 0, 0], 0), None);
}

#[test]
fn a_frame_that_is_cut_off_anywhere_is_refused() {
    let plain = &contents()[5][..220_000];
    let frame = by_the_library(plain, 6, &[]);
    for end in (0..frame.len()).step_by(37).chain(frame.len() - 40..frame.len()) {
        assert_eq!(decode(&frame[..end], plain.len()), None);
    }
}

/// Blocks that hold 128 KiB each, in four bytes.
#[test]
fn a_bomb_takes_no_more_memory_and_time_than_its_size_allows() {
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0, 0x58];
    for _ in 0..200_000 {
        frame.extend_from_slice(&((128_u32 << 10) << 3 | 1 << 1).to_le_bytes()[..3]);
        frame.push(0);
    }
    let begun = Instant::now();
    assert_eq!(decode(&frame, 1 << 20), None);
    assert!(begun.elapsed() < Duration::from_secs(5));

    // The same by matches of 65,538 bytes: predefined tables but for one code of matches.
    let bomb = |count: u16| {
        let mut block = vec![1 << 3, b'x'];
        block.extend([255, (count - 0x7F00) as u8, ((count - 0x7F00) >> 8) as u8]);
        block.extend([0b0101_0100, 0, 0, 51]);
        block.resize(block.len() + usize::from(count) * 2, 0);
        block.push(1);
        let head = ((block.len() as u32) << 3 | 2 << 1 | 1).to_le_bytes();
        [&[0x28, 0xB5, 0x2F, 0xFD, 0, 0x58], &head[..3], &block[..]].concat()
    };
    assert_eq!(decode(&bomb(40_000), 1 << 20), None);
}

proptest! {
    #[test]
    fn all_that_the_library_writes_is_read_and_the_reverse(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40), 1..400_usize), 1..30),
        level in 1..20_i32,
    ) {
        let plain: Vec<u8> = pieces.iter().flat_map(|(bytes, count)| bytes.repeat(*count)).collect();
        let theirs = by_the_library(&plain, level, &[]);
        prop_assert!(decode(&theirs, plain.len()).as_ref() == Some(&plain));
        let ours = frame(&plain);
        prop_assert!(decompress(&ours, plain.len()).unwrap() == plain);
        prop_assert!(decode(&ours, plain.len()) == Some(plain));
    }

    #[test]
    fn a_changed_frame_never_panics_and_holds_what_the_library_says_or_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        which in 0..3_usize,
        level in 1..20_i32,
    ) {
        let text = include_bytes!("decode/sequences.rs");
        let mixed = [&text[..2000], &[0; 4000][..], &text[..900]].concat();
        let plain = [&text[..3000], &text[..], &mixed][which];
        let mut frame = by_the_library(plain, level, &[]);
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        if let Some(content) = decode(&frame, plain.len()) {
            prop_assert_eq!(content.len(), plain.len());
            // It may read more than the library, which is told how far back a frame looks, but nothing else.
            if let Ok(theirs) = decompress(&frame, plain.len()) {
                prop_assert!(theirs == content);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        is_block in any::<bool>(),
    ) {
        let length = (bytes.len() as u32) << 3;
        let head = (length | 2 << 1 | 1).to_le_bytes();
        let frame = match is_block {
            true => [&[0x28, 0xB5, 0x2F, 0xFD, 0, 0x58], &head[..3], &bytes[..]].concat(),
            false => [&[0x28, 0xB5, 0x2F, 0xFD][..], &bytes[..]].concat(),
        };
        if let Some(content) = decode(&frame, 1000) {
            prop_assert_eq!(content.len(), 1000);
        }
    }
}
