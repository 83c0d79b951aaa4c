//! The compact form of a bundle, for links of a few hundred bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | 0b01 in the highest bits; then custody, fragment, two bits of priority, and two zeros |
//! | 8 | tag |
//! | 4 | second it was made, big endian |
//! | 2 | sequence, big endian |
//! | 1 | step of its lifetime (4 bits), and zeros |
//! | 1 | copies |
//! | 3 + 3 | of a fragment: its offset, and the size of the whole, big endian |
//! | rest | payload |

use alloc::vec::Vec;

use super::terms::{Lifetime, Priority, Seconds, Terms};
use super::{Bundle, BundleError, Part, size_of};
use crate::ratchet::Tag;

/// Bytes before the payload of a whole bundle.
pub const HEADER: usize = 17;

/// Bytes before the payload of a fragment.
pub const FRAGMENT_HEADER: usize = HEADER + 6;

const KIND: u8 = 0b0100_0000;
const KIND_MASK: u8 = 0b1100_0011;
const CUSTODY: u8 = 0b0010_0000;
const FRAGMENT: u8 = 0b0001_0000;

impl Bundle {
    /// The compact form.
    pub fn to_compact(&self) -> Vec<u8> {
        let Terms { created, sequence, lifetime, priority, copies, custody } = self.terms;
        let is_fragment = !self.is_whole();
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let mut bytes = Vec::with_capacity(FRAGMENT_HEADER + self.payload.len());
        bytes.push(KIND | flag(custody, CUSTODY) | flag(is_fragment, FRAGMENT) | (priority as u8) << 2);
        bytes.extend_from_slice(&self.tag.0);
        bytes.extend_from_slice(&created.0.to_be_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.push(lifetime.code() << 4);
        bytes.push(copies);
        if is_fragment {
            for number in [self.part.offset, self.part.total] {
                bytes.extend_from_slice(&number.to_be_bytes()[1..]);
            }
        }
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The bundle of a compact form.
    ///
    /// # Errors
    /// [`BundleError::Malformed`], [`BundleError::TooLarge`], [`BundleError::Inconsistent`].
    pub fn from_compact(bytes: &[u8]) -> Result<Self, BundleError> {
        let malformed = BundleError::Malformed;
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(malformed)?;
        let [kind, tag @ .., a, b, c, d, e, f, lifetime, copies] = *header;
        if kind & KIND_MASK != KIND || lifetime & 0x0F != 0 {
            return Err(malformed);
        }
        let terms = Terms {
            created: Seconds(u32::from_be_bytes([a, b, c, d])),
            sequence: u16::from_be_bytes([e, f]),
            lifetime: Lifetime::from_code(lifetime >> 4).ok_or(malformed)?,
            priority: Priority::from_code(kind >> 2 & 0b11).ok_or(malformed)?,
            copies,
            custody: kind & CUSTODY != 0,
        };
        let is_fragment = kind & FRAGMENT != 0;
        let (part, payload) = if is_fragment {
            let ([a, b, c, d, e, f], payload) = rest.split_first_chunk().ok_or(malformed)?;
            let number = |high: &u8, middle: &u8, low: &u8| u32::from_be_bytes([0, *high, *middle, *low]);
            (Part { offset: number(a, b, c), total: number(d, e, f) }, payload)
        } else {
            (Part { offset: 0, total: size_of(rest.len())? }, rest)
        };
        let bundle = Self { tag: Tag(tag), terms, part, payload: payload.to_vec() }.checked()?;
        // One form only for each bundle.
        if is_fragment == bundle.is_whole() { Err(malformed) } else { Ok(bundle) }
    }
}
