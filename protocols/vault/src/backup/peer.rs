//! What is known of a peer, and what it was caught at.
//!
//! Who is away, full or slow did nothing wrong. Who shows something that cannot be, or lacks what
//! it took, is not trusted with anything new until the person forgives it.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::discriminant;

use minicbor::{Decode, Encode};

use super::error::Lie;

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PeerRecord {
    /// The number that this backup knows it by. Never given to another.
    #[n(0)]
    pub number: u32,
    /// Where it is reached.
    #[n(1)]
    pub address: String,
    /// The newest catalogue that it said was durable, before this one was made; 0 for none.
    #[n(2)]
    pub acknowledged: u64,
    /// What it was caught at: one entry for each kind of lie.
    #[cbor(n(3), default)]
    pub caught: Vec<Caught>,
}

/// A kind of lie that a peer was caught at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Caught {
    /// The newest of its kind.
    #[n(0)]
    pub lie: Lie,
    /// When the first of its kind was found, in milliseconds since 1970.
    #[n(1)]
    pub first: u64,
    /// When the newest was.
    #[n(2)]
    pub last: u64,
    /// How many there were.
    #[n(3)]
    pub count: u32,
}

impl PeerRecord {
    /// A peer that nothing is known of yet.
    pub fn new(number: u32, address: String) -> Self {
        Self { number, address, acknowledged: 0, caught: Vec::new() }
    }

    /// Notes a lie that was found at this time, in milliseconds since 1970.
    pub fn catch(&mut self, lie: Lie, now: u64) {
        let same = |known: &&mut Caught| discriminant(&known.lie) == discriminant(&lie);
        match self.caught.iter_mut().find(same) {
            Some(known) => {
                (known.lie, known.last, known.count) = (lie, now, known.count.saturating_add(1));
            }
            None => self.caught.push(Caught { lie, first: now, last: now, count: 1 }),
        }
    }

    /// Whether it was never caught, or forgiven, so that it gets what is new.
    pub fn is_trusted(&self) -> bool {
        self.caught.is_empty()
    }

    /// Whether what it took counts as kept.
    pub fn keeps(&self) -> bool {
        !self.caught.iter().any(|caught| caught.lie.is_about_keeping())
    }
}
