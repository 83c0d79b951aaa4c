//! What the fixtures of several targets are made with.

use std::fmt::Debug;

/// A part of a fixture, which is always made the same way, so that it cannot fail.
pub(crate) fn made<T, E: Debug>(made: Result<T, E>) -> T {
    match made {
        Ok(made) => made,
        Err(why) => panic!("the fixture cannot be made: {why:?}"),
    }
}

/// An input as several: each is its size in two bytes, little endian, and its bytes. The last
/// one may be shorter than it says.
pub(crate) fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, rest) = data.split_first_chunk()?;
        let piece = rest.split_at_checked(u16::from_le_bytes(*size).into()).unwrap_or((rest, &[]));
        data = piece.1;
        Some(piece.0)
    })
}

/// Several inputs as one, as targets that take messages in a row read it. None of them may have
/// more than 65,535 bytes.
pub fn joined(pieces: &[Vec<u8>]) -> Vec<u8> {
    let joined = pieces.iter().map(|piece| {
        let size = made(u16::try_from(piece.len())).to_le_bytes();
        [&size[..], piece].concat()
    });
    joined.collect::<Vec<_>>().concat()
}
