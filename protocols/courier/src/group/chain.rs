//! The chain of one device that sends to a group: a key for each message, in their order, and
//! their tags.
//!
//! The tags are keyed hashes and no hashes of tokens, as those of a session of two are: all
//! members have the chain, and none of them is to have carriers drop what another one sent. So a carrier
//! keeps what is sent to a group until it expires.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::hash::blake3_keyed;
use minicbor::{Decode, Encode};

use crate::ratchet::{Late, Tag, WINDOW};

/// A chain, from its next message on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Chain {
    #[cbor(n(0), with = "crate::secret")]
    key: Secret<32>,
    #[cbor(n(1), with = "crate::secret")]
    tags: Secret<32>,
    #[n(2)]
    next: u16,
}

/// The key of a message that was overtaken.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Overtaken {
    #[n(0)]
    tag: Tag,
    #[cbor(n(1), with = "crate::secret")]
    pub(super) key: Secret<32>,
}

impl Late for Overtaken {
    fn tag(&self) -> Tag {
        self.tag
    }
}

impl Chain {
    pub(super) fn new(key: Secret<32>, tags: Secret<32>) -> Self {
        Self { key, tags, next: 0 }
    }

    /// The tag and the key of the next message, which the chain cannot give a second time.
    pub(super) fn step(&mut self) -> (Tag, Secret<32>) {
        let (tag, message) = (self.tag(self.next), Secret::from(blake3_keyed(&self.key, &[&[1]])));
        self.key = Secret::from(blake3_keyed(&self.key, &[&[2]]));
        self.next = self.next.saturating_add(1);
        (tag, message)
    }

    /// Goes on to a message, with what opens those that it overtakes.
    pub(super) fn skip_to(&mut self, number: u16) -> Vec<Overtaken> {
        let numbers = self.next..number;
        numbers.map(|_| self.step()).map(|(tag, key)| Overtaken { tag, key }).collect()
    }

    /// Whether it has no more messages.
    pub(super) fn is_over(&self) -> bool {
        self.next >= WINDOW
    }

    /// The tags of the messages that may come.
    pub(super) fn expected(&self) -> impl Iterator<Item = Tag> + '_ {
        (self.next..WINDOW).map(|number| self.tag(number))
    }

    /// Which message that may come has the tag.
    pub(super) fn find(&self, tag: Tag) -> Option<u16> {
        (self.next..WINDOW).find(|number| self.tag(*number) == tag)
    }

    fn tag(&self, number: u16) -> Tag {
        let hash = blake3_keyed(&self.tags, &[&number.to_le_bytes()]);
        let mut tag = [0; Tag::SIZE];
        tag.copy_from_slice(&hash[..Tag::SIZE]);
        Tag(tag)
    }
}
