//! What a device knows of a bundle that it carries, and the few bytes that a shell keeps of it.

use alloc::vec::Vec;

use allod_wire::Instant;

use super::shares::Worth;
use crate::bundle::{Bundle, Lifetime, PAYLOAD_MAX, Part, Priority, Seconds, Terms};
use crate::ratchet::Tag;

/// Whom somebody was met as: the key of their end of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 32]);

/// Where a bundle came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// From this device's own person.
    Own,
    /// From somebody who has shown to have this key.
    Peer(PeerId),
    /// From somebody who has shown nothing: a stick that was found, a link without a handshake.
    Unknown,
}

/// Who answers for a bundle whose source asks for custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Custody {
    /// Somebody else, or nobody.
    None,
    /// This device: it has said that it will keep the bundle.
    Held,
    /// Somebody to whom this device has handed it.
    Passed,
}

/// A bundle that is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its tag.
    pub tag: Tag,
    /// How it is carried; its copies are those that are left here.
    pub terms: Terms,
    /// Which bytes of the whole it has.
    pub part: Part,
    /// Bytes of its payload.
    pub size: u32,
    /// From whom it is.
    pub origin: Origin,
    /// When it came.
    pub taken: Instant,
    /// Who answers for it.
    pub custody: Custody,
    /// How many have taken a copy from here.
    pub given: u16,
    /// Whether it is for this device's own person. It never gives way then.
    pub is_wanted: bool,
}

/// The form of the record, in its highest bits.
const FORM: u8 = 0b0100_0000;
const FORM_MASK: u8 = 0b1100_0000;
const ASKED: u8 = 0b0010_0000;
const WANTED: u8 = 0b0001_0000;

impl Carried {
    /// What is known of a bundle that just came.
    pub fn new(bundle: &Bundle, origin: Origin, now: Instant) -> Self {
        Self {
            tag: bundle.tag,
            terms: bundle.terms,
            part: bundle.part,
            size: bundle.payload.len() as u32,
            origin,
            taken: now,
            custody: if origin == Origin::Own && bundle.terms.custody {
                Custody::Held
            } else {
                Custody::None
            },
            given: 0,
            is_wanted: false,
        }
    }

    /// Whether it never gives way to others.
    pub fn is_kept(&self) -> bool {
        self.is_wanted || self.origin == Origin::Own
    }

    pub(super) fn worth(&self) -> Worth {
        Worth {
            custody: self.custody == Custody::Held,
            priority: self.terms.priority,
            is_spread: self.terms.copies > 0,
            created: self.terms.created.0,
        }
    }

    /// The bytes that a shell keeps: 40, or 72 of what somebody brought who has a key.
    pub fn encode(&self) -> Vec<u8> {
        let Terms { created, sequence, lifetime, priority, copies, custody } = self.terms;
        let (origin, peer) = match &self.origin {
            Origin::Own => (0, None),
            Origin::Peer(peer) => (1, Some(peer)),
            Origin::Unknown => (2, None),
        };
        let held = match self.custody {
            Custody::None => 0,
            Custody::Held => 1,
            Custody::Passed => 2,
        };
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let mut bytes = Vec::with_capacity(72);
        bytes.push(
            FORM | flag(custody, ASKED) | flag(self.is_wanted, WANTED) | (priority as u8) << 2 | origin,
        );
        bytes.push(held << 4 | lifetime.code());
        bytes.extend_from_slice(&self.tag.0);
        bytes.extend_from_slice(&created.0.to_be_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.push(copies);
        for number in [self.part.offset, self.part.total, self.size] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.taken.0.to_be_bytes());
        bytes.extend_from_slice(&self.given.to_be_bytes());
        bytes.push(0);
        if let Some(peer) = peer {
            bytes.extend_from_slice(&peer.0);
        }
        bytes
    }

    /// What was kept. `None` where it is none of these records.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (fixed, peer) = bytes.split_first_chunk::<40>()?;
        let (head, rest) = fixed.split_first_chunk::<2>()?;
        let [flags, held] = *head;
        let (tag, rest) = rest.split_first_chunk::<8>()?;
        let (created, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (copies, rest) = rest.split_first()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (taken, rest) = rest.split_first_chunk()?;
        let (given, rest) = rest.split_first_chunk()?;
        let origin = match (flags & 0b11, peer) {
            (0, []) => Origin::Own,
            (1, peer) => Origin::Peer(PeerId(peer.try_into().ok()?)),
            (2, []) => Origin::Unknown,
            _ => return None,
        };
        let custody = match held >> 4 {
            0 => Custody::None,
            1 => Custody::Held,
            2 => Custody::Passed,
            _ => return None,
        };
        let part = Part { offset: u32::from_be_bytes(*offset), total: u32::from_be_bytes(*total) };
        let size = u32::from_be_bytes(*size);
        let is_in_bounds = part.offset.checked_add(size)? <= part.total && part.total as usize <= PAYLOAD_MAX;
        (flags & FORM_MASK == FORM && rest == [0] && is_in_bounds).then_some(())?;
        Some(Self {
            tag: Tag(*tag),
            terms: Terms {
                created: Seconds(u32::from_be_bytes(*created)),
                sequence: u16::from_be_bytes(*sequence),
                lifetime: Lifetime::from_code(held & 0x0F)?,
                priority: Priority::from_code(flags >> 2 & 0b11)?,
                copies: *copies,
                custody: flags & ASKED != 0,
            },
            part,
            size,
            origin,
            taken: Instant(u64::from_be_bytes(*taken)),
            custody,
            given: u16::from_be_bytes(*given),
            is_wanted: flags & WANTED != 0,
        })
    }
}
