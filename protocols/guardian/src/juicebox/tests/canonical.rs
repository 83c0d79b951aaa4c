//! One encoding for each message, and nothing else is read.

use alloc::vec::Vec;

use allod_wire::limits;
use proptest::prelude::*;

use super::{requests, responses};
use crate::juicebox::{Malformed, Request, Response};

fn accepts(bytes: &[u8]) -> bool {
    Request::decode(bytes).is_ok() || Response::decode(bytes).is_ok()
}

fn all() -> Vec<Vec<u8>> {
    let requests = requests().into_iter().map(|request| request.encode().to_vec());
    requests.chain(responses().into_iter().map(|response| response.encode().to_vec())).collect()
}

/// The head at `at`: its major type, its argument and its size. Only definite
/// lengths occur.
fn head(bytes: &[u8], at: usize) -> (u8, u64, usize) {
    let (major, info) = (bytes[at] >> 5, bytes[at] & 31);
    let size = match info {
        0..24 => return (major, info.into(), 1),
        24..28 => 1 << (info - 24),
        _ => panic!("an indefinite length"),
    };
    let argument = bytes[at + 1..=at + size].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    (major, argument, 1 + size)
}

/// Where the item at `at` ends.
fn end(bytes: &[u8], at: usize) -> usize {
    let (major, argument, size) = head(bytes, at);
    let content = at + size;
    match major {
        2 | 3 => content + argument as usize,
        4 => (0..argument).fold(content, |at, _| end(bytes, at)),
        5 => (0..2 * argument).fold(content, |at, _| end(bytes, at)),
        _ => content,
    }
}

/// Where each head is.
fn heads(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut heads) = (0, Vec::new());
    while at < bytes.len() {
        heads.push(at);
        let (major, argument, size) = head(bytes, at);
        at += size + if matches!(major, 2 | 3) { argument as usize } else { 0 };
    }
    heads
}

#[test]
fn a_longer_head_is_refused_wherever_it_stands() {
    for bytes in all() {
        for at in heads(&bytes) {
            let (major, argument, size) = head(&bytes, at);
            for width in 0..4u8 {
                let longer = 1 << width;
                if longer < size {
                    continue;
                }
                let mut other = bytes[..at].to_vec();
                other.push(major << 5 | (24 + width));
                other.extend(&argument.to_be_bytes()[8 - longer..]);
                other.extend(&bytes[at + size..]);
                assert!(!accepts(&other), "head at {at} in {} bytes", 1 + longer);
            }
        }
    }
}

#[test]
fn an_indefinite_length_is_refused_wherever_it_stands() {
    for bytes in all() {
        for at in heads(&bytes) {
            let (major, _, size) = head(&bytes, at);
            if !(2..=5).contains(&major) {
                continue;
            }
            let end = end(&bytes, at);
            // A string becomes one chunk of itself, a map the same entries.
            let content = if major < 4 { &bytes[at..end] } else { &bytes[at + size..end] };
            let other = [&bytes[..at], &[major << 5 | 31], content, &[0xFF], &bytes[end..]].concat();
            assert!(!accepts(&other), "at {at}");
        }
    }
}

#[test]
fn fields_in_another_order_are_refused() {
    for bytes in all() {
        for at in heads(&bytes) {
            let (major, entries, size) = head(&bytes, at);
            if major != 5 || entries < 2 {
                continue;
            }
            let first = at + size;
            let second = end(&bytes, end(&bytes, first));
            let third = end(&bytes, end(&bytes, second));
            let other =
                [&bytes[..first], &bytes[second..third], &bytes[first..second], &bytes[third..]].concat();
            assert!(!accepts(&other), "at {at}");
        }
    }
}

#[test]
fn a_repeated_an_unknown_or_a_missing_field_is_refused() {
    for bytes in all() {
        for at in heads(&bytes) {
            let (major, entries, size) = head(&bytes, at);
            if major != 5 {
                continue;
            }
            let (first, last) = (at + size, end(&bytes, at));
            let second = end(&bytes, end(&bytes, first));
            let more = 5 << 5 | (entries as u8 + 1);
            let fewer = 5 << 5 | (entries as u8 - 1);
            let repeated =
                [&bytes[..at], &[more], &bytes[first..last], &bytes[first..second], &bytes[last..]].concat();
            let unknown = [&bytes[..at], &[more], &bytes[first..last], b"\x61x\x01", &bytes[last..]].concat();
            let missing = [&bytes[..at], &[fewer], &bytes[second..]].concat();
            assert!(!accepts(&repeated) && !accepts(&unknown) && !accepts(&missing), "at {at}");
        }
    }
}

#[test]
fn a_field_of_another_length_is_refused() {
    for bytes in all() {
        for at in heads(&bytes) {
            let (major, length, size) = head(&bytes, at);
            // The byte strings here all have heads of two bytes or less.
            if major != 2 {
                continue;
            }
            let end = end(&bytes, at);
            let shorter = minicbor_bytes(&bytes[at + size..end - 1]);
            let longer = minicbor_bytes(&[&bytes[at + size..end], &[0][..]].concat());
            for field in [shorter, longer] {
                assert!(!accepts(&[&bytes[..at], &field, &bytes[end..]].concat()), "{length} at {at}");
            }
        }
    }
}

fn minicbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.bytes(bytes).expect("memory takes everything");
    encoder.into_writer()
}

#[test]
fn a_trailing_byte_is_refused() {
    for mut bytes in all() {
        bytes.push(0);
        assert!(!accepts(&bytes));
    }
}

#[test]
fn every_cut_is_refused() {
    for bytes in all() {
        for end in 0..bytes.len() {
            assert!(!accepts(&bytes[..end]), "cut at {end} of {}", bytes.len());
        }
    }
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    assert_eq!(Request::decode(&[0xBF; limits::REALM_REQUEST_MAX + 1]), Err(Malformed));
    assert_eq!(Response::decode(&[0xBF; limits::REALM_RESPONSE_MAX + 1]), Err(Malformed));
}

#[test]
fn a_count_above_sixteen_bits_is_refused() {
    let bytes = crate::juicebox::Response::Recover3(crate::juicebox::Recover3::BadUnlockKeyTag {
        guesses_remaining: 65_535,
    })
    .encode();
    let other = [&bytes[..bytes.len() - 3], &[0x1A, 0, 1, 0, 0]].concat();
    assert!(accepts(&bytes) && !accepts(&other));
}

proptest! {
    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(
        which in 0usize..21,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = all().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(&*request.encode(), &bytes);
        }
        if let Ok(response) = Response::decode(&bytes) {
            prop_assert_eq!(&*response.encode(), &bytes);
        }
    }

    #[test]
    fn whatever_bytes_come_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(&*request.encode(), &bytes);
        }
        if let Ok(response) = Response::decode(&bytes) {
            prop_assert_eq!(&*response.encode(), &bytes);
        }
    }
}
