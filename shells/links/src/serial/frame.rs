//! Frames as they are in the air: what they say, and a check behind it.

use allod_courier::bundle::{Bundle, PACKET};
use allod_courier::ratchet::Tag;
use allod_crypto::hash::tagged;

/// The most bytes of what a frame says.
pub const CONTENT_MAX: usize = PACKET;

/// Bytes of the check.
pub(super) const CHECK: usize = 4;

const KIND: u8 = 0b1100_0000;
const BUNDLE: u8 = 0b0100_0000;
const BEACON: u8 = 0b1000_0000;

/// By what a bundle is called in beacons.
pub(super) type Name = [u8; NAME];
const NAME: usize = 6;

/// The most names in a beacon.
pub(super) const NAMES_MAX: usize = (CONTENT_MAX - 2) / NAME;

pub(super) fn name(tag: &Tag) -> Name {
    let [name @ .., _, _] = tag.0;
    name
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bundle(Bundle),
    Beacon(Beacon),
}

/// What a station has, and what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Beacon {
    pub(super) has: Vec<Name>,
    pub(super) asks: Vec<Name>,
}

impl Content {
    /// The frame; at most [`NAMES_MAX`] names of a beacon are in it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut frame = match self {
            Self::Bundle(bundle) => bundle.to_compact(),
            Self::Beacon(Beacon { has, asks }) => {
                let has = has.get(..NAMES_MAX).unwrap_or(has);
                let asks = asks.get(..NAMES_MAX - has.len()).unwrap_or(asks);
                [&[BEACON, has.len() as u8], has.as_flattened(), asks.as_flattened()].concat()
            }
        };
        frame.extend(check(&frame));
        frame
    }

    /// What a frame says; `None` where its check is wrong, or nobody knows what it says.
    pub(super) fn decode(frame: &[u8]) -> Option<Self> {
        let (content, sum) = frame.split_last_chunk()?;
        if *sum != check(content) || content.len() > CONTENT_MAX {
            return None;
        }
        let (first, rest) = content.split_first()?;
        match first & KIND {
            BUNDLE => Bundle::from_compact(content).ok().map(Self::Bundle),
            BEACON if *first == BEACON => {
                let (count, names) = rest.split_first()?;
                let (names, odd) = names.as_chunks::<NAME>();
                let (has, asks) = names.split_at_checked(usize::from(*count))?;
                let beacon = Beacon { has: has.to_vec(), asks: asks.to_vec() };
                odd.is_empty().then_some(Self::Beacon(beacon))
            }
            _ => None,
        }
    }
}

fn check(content: &[u8]) -> [u8; CHECK] {
    let hash = tagged("allod 2026 links, check of a frame", &[content]);
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash[..CHECK]);
    check
}
