//! Bundles: what carriers bring from one to another, unread.
//!
//! A bundle is a sealed message with what a carrier has to know: for whom it is (a
//! [`Tag`] that nobody but the recipient can tell), since when and until when, how urgent it
//! is, and how often it may be copied. It has two forms, each of which gives the other byte for byte:
//! a bundle of the Bundle Protocol, version 7 (RFC 9171), for links that others speak too, and a
//! [compact](compact) one for links of a few hundred bytes.
//!
//! A carrier learns the padded size, the second it was made, the step of its lifetime, the
//! priority, and the tag, which is another one for each message. The source is made from these,
//! so it is a pseudonym for one message; the null endpoint would do, but RFC 9171 (section 4.2.3) lets
//! no bundle from there be divided.

pub mod compact;
mod fragment;
mod full;
mod padding;
mod reassembly;
mod terms;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use allod_crypto::hash::tagged;

pub use fragment::{FRAGMENTS_MAX, fragments};
pub use full::FULL_MAX;
use minicbor::{Decode, Encode};
pub(crate) use padding::pad_to;
pub use padding::{PACKET, pad, unpad};
pub use reassembly::{CANDIDATES_MAX, Reassembly};
pub use terms::{Lifetime, Priority, Seconds, Terms};

use crate::ratchet::Tag;

/// The most bytes of a payload: a chunk of a file, and what seals it.
pub const PAYLOAD_MAX: usize = 2 << 20;

/// A bundle, or a fragment of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// For whom it is: what the message begins with.
    pub tag: Tag,
    /// How it is to be carried.
    pub terms: Terms,
    /// Which bytes of the payload are here.
    pub part: Part,
    /// The rest of the message, from the part's offset on.
    pub payload: Vec<u8>,
}

/// Which bytes of a whole payload a fragment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Where it begins, in bytes.
    pub offset: u32,
    /// Bytes of the whole payload, at most [`PAYLOAD_MAX`].
    pub total: u32,
}

/// A pseudonym for one message: who made it, as far as carriers see. Fragments of one bundle
/// have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub [u8; 16]);

/// Which bundle or fragment it is: a hash of all that does not change on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct BundleId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl BundleId {
    /// Bytes of the short form.
    pub const SHORT: usize = 8;

    /// The short form, which two devices that meet name a bundle by.
    pub fn short(&self) -> [u8; Self::SHORT] {
        let mut short = [0; Self::SHORT];
        short.copy_from_slice(&self.0[..Self::SHORT]);
        short
    }
}

/// Of which bundle something is: a hash of what all fragments of it have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WholeId(pub [u8; 32]);

/// Why bytes are no bundle that is carried here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// Not a bundle, or not whole.
    Malformed,
    /// A bundle for an endpoint that is none of ours.
    Foreign,
    /// Its payload is larger than any is.
    TooLarge,
    /// Its source, or where its bytes belong, contradicts the rest of it.
    Inconsistent,
}

impl core::fmt::Display for BundleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a bundle, or not whole",
            Self::Foreign => "a bundle for another kind of endpoint",
            Self::TooLarge => "the bundle is too large",
            Self::Inconsistent => "what the bundle says of itself does not agree",
        })
    }
}

impl core::error::Error for BundleError {}

impl Bundle {
    /// A whole one of a sealed message, which begins with its tag.
    ///
    /// # Errors
    /// [`BundleError::Malformed`] where the message has no tag, [`BundleError::TooLarge`],
    /// [`BundleError::Inconsistent`] where it is of the second 0.
    pub fn new(message: &[u8], terms: Terms) -> Result<Self, BundleError> {
        let (tag, payload) = message.split_first_chunk().ok_or(BundleError::Malformed)?;
        let part = Part { offset: 0, total: size_of(payload.len())? };
        Self { tag: Tag(*tag), terms, part, payload: payload.to_vec() }.checked()
    }

    /// The sealed message, if all of it is here.
    pub fn message(&self) -> Option<Vec<u8>> {
        self.is_whole().then(|| [&self.tag.0[..], &self.payload].concat())
    }

    /// Whether it is no fragment.
    pub fn is_whole(&self) -> bool {
        self.part.offset == 0 && self.part.total as usize == self.payload.len()
    }

    /// Who made it, as far as others see.
    pub fn source(&self) -> Source {
        let hash = tagged(
            "allod 2026 courier, source of a bundle",
            &[&self.tag.0, &self.terms.created.0.to_le_bytes(), &self.terms.sequence.to_le_bytes()],
        );
        let mut source = [0; 16];
        source.copy_from_slice(&hash[..16]);
        Source(source)
    }

    /// Which one it is. How often it may be copied, and by whom it is kept, is no part of it.
    pub fn id(&self) -> BundleId {
        let Terms { created, sequence, lifetime, priority, .. } = self.terms;
        let Part { offset, total } = self.part;
        let [created, offset, total] = [created.0, offset, total].map(u32::to_le_bytes);
        BundleId(tagged(
            "allod 2026 courier, bundle",
            &[
                &self.tag.0,
                &created,
                &sequence.to_le_bytes(),
                &[lifetime.code(), priority as u8],
                &offset,
                &total,
                &self.payload,
            ],
        ))
    }

    /// Of which bundle it is. Fragments with the same one come together in one
    /// [`Reassembly`]; those that somebody made up with other terms do not get into it.
    pub fn whole_id(&self) -> WholeId {
        let Terms { created, sequence, lifetime, priority, .. } = self.terms;
        let [created, total] = [created.0, self.part.total].map(u32::to_le_bytes);
        let terms = [lifetime.code(), priority as u8];
        WholeId(tagged(
            "allod 2026 courier, bundle as a whole",
            &[&self.tag.0, &created, &sequence.to_le_bytes(), &terms, &total],
        ))
    }

    /// Where its bytes belong is within the whole.
    fn checked(self) -> Result<Self, BundleError> {
        let size = size_of(self.payload.len())?;
        let end = self.part.offset.checked_add(size).ok_or(BundleError::Inconsistent)?;
        let is_in_bounds = end <= self.part.total && self.part.total as usize <= PAYLOAD_MAX;
        // A fragment without bytes would be as many as one likes.
        let has_bytes = size > 0 || self.part.total == 0;
        // In RFC 9171 (section 4.2.7), time 0 is that of a source without a clock.
        let has_time = self.terms.created.0 > 0;
        if is_in_bounds && has_bytes && has_time { Ok(self) } else { Err(BundleError::Inconsistent) }
    }
}

fn size_of(bytes: usize) -> Result<u32, BundleError> {
    if bytes > PAYLOAD_MAX {
        return Err(BundleError::TooLarge);
    }
    u32::try_from(bytes).map_err(|_| BundleError::TooLarge)
}
