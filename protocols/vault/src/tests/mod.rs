//! Tests of the store as a whole, on a disk that is simulated.

mod damage;
pub(crate) mod disk;
mod full;
mod power;
mod rebuild;
mod usage;

use alloc::vec::Vec;

use allod_crypto::Secret;

use crate::compress::Uncompressed;
use crate::object::{Keys, Kind, Sealed};
use crate::store::Geometry;

/// Small, so that segments fill up.
const SMALL: Geometry = Geometry { segment_size: 128 << 10 };

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

pub(crate) fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}

fn keys() -> Keys {
    Keys::new(&Secret::from([2; 32]), 0)
}

/// Bytes without a pattern, from a number (xorshift64*, Vigna 2016).
pub(crate) fn noise(number: u64, size: usize) -> Vec<u8> {
    let mut state = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// An object of about that size, the same for the same number.
fn object(number: u64, size: usize) -> Sealed {
    let kind = if number.is_multiple_of(5) { Kind::Node } else { Kind::Data };
    keys().seal(kind, &noise(number, size), &Uncompressed)
}
