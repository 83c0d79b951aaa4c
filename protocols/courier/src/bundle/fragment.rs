//! Dividing a bundle for links that are too narrow for it (RFC 9171, section 5.8). How it comes
//! together again: [`Reassembly`](super::Reassembly).

use alloc::vec;
use alloc::vec::Vec;

use super::{Bundle, Part};

/// The most fragments that one payload is divided into.
pub const FRAGMENTS_MAX: usize = 16_384;

/// Divides a bundle, or a fragment of one, into fragments of at most so many bytes of payload.
/// One that is no larger stays as it is. `None` where that would be too many, or of no bytes.
pub fn fragments(bundle: Bundle, size_max: usize) -> Option<Vec<Bundle>> {
    if bundle.payload.len() <= size_max {
        return Some(vec![bundle]);
    }
    if size_max == 0 || bundle.payload.len().div_ceil(size_max) > FRAGMENTS_MAX {
        return None;
    }
    let mut offset = bundle.part.offset;
    let mut all = Vec::new();
    for payload in bundle.payload.chunks(size_max) {
        let part = Part { offset, total: bundle.part.total };
        all.push(Bundle { part, payload: payload.to_vec(), ..bundle });
        offset += payload.len() as u32;
    }
    Some(all)
}
