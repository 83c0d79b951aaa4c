//! What is known of a bundle, as it stands before it in its file: one byte that says how many
//! follow, these, zeros, and eight bytes of a hash.

use allod_courier::carry::Carried;
use allod_crypto::hash::tagged;

/// Bytes before a bundle.
pub(super) const META: usize = 96;

const CHECK: usize = 8;

pub(super) fn encode(carried: &Carried) -> [u8; META] {
    let bytes = carried.encode();
    let mut meta = [0; META];
    meta[0] = bytes.len() as u8;
    meta[1..=bytes.len()].copy_from_slice(&bytes);
    let check = check(&meta[..META - CHECK]);
    meta[META - CHECK..].copy_from_slice(&check);
    meta
}

/// `None` where a crash cut it, or the disk has harmed it.
pub(super) fn decode(meta: &[u8; META]) -> Option<Carried> {
    let (known, end) = meta.split_last_chunk::<CHECK>()?;
    let (size, rest) = known.split_first()?;
    if check(known) != *end {
        return None;
    }
    Carried::decode(rest.get(..usize::from(*size))?)
}

fn check(known: &[u8]) -> [u8; CHECK] {
    let hash = tagged("allod 2026 post, what is known of a bundle", &[known]);
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash[..CHECK]);
    check
}
