//! Keys of messages that were overtaken and may still come.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use allod_wire::Instant;
use minicbor::{Decode, Encode};

use super::SKIPPED_MAX;
use super::chain::Tag;

/// What opens a message that was overtaken.
pub(crate) trait Late {
    /// The tag of the message.
    fn tag(&self) -> Tag;
}

/// What was overtaken, and when, the longest ago first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Skipped<L>(#[n(0)] VecDeque<(Instant, L)>);

impl<L> Default for Skipped<L> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<L: Late> Skipped<L> {
    /// More was overtaken. What was longest ago gives way.
    pub(crate) fn add(&mut self, overtaken: Vec<L>, now: Instant) {
        for one in overtaken {
            if self.0.len() == SKIPPED_MAX {
                self.0.pop_front();
            }
            self.0.push_back((now, one));
        }
    }

    pub(crate) fn get(&self, tag: Tag) -> Option<&L> {
        self.0.iter().map(|(_, one)| one).find(|one| one.tag() == tag)
    }

    pub(crate) fn remove(&mut self, tag: Tag) {
        self.0.retain(|(_, one)| one.tag() != tag);
    }

    pub(crate) fn forget(&mut self, before: Instant) {
        self.0.retain(|(at, _)| *at >= before);
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.0.iter().map(|(_, one)| one.tag())
    }
}
