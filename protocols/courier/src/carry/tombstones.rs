//! What was delivered, and is not carried again.

use alloc::collections::{BTreeMap, BTreeSet};

use allod_wire::Instant;

use crate::ratchet::{Tag, Token};

/// Tokens of bundles that were delivered, at most. Of more, those give way that would be
/// forgotten first.
pub const TOMBSTONES_MAX: usize = 65_536;

/// Tokens, and until when they are remembered.
#[derive(Clone, Debug, Default)]
pub(super) struct Tombstones {
    of: BTreeMap<Tag, (Token, Instant)>,
    by_end: BTreeSet<(Instant, Tag)>,
}

impl Tombstones {
    pub(super) fn insert(&mut self, token: Token, until: Instant) {
        let tag = token.tag();
        if let Some((_, before)) = self.of.insert(tag, (token, until)) {
            self.by_end.remove(&(before, tag));
        }
        self.by_end.insert((until, tag));
        if self.of.len() > TOMBSTONES_MAX
            && let Some((_, first)) = self.by_end.pop_first()
        {
            self.of.remove(&first);
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((until, tag)) = self.by_end.first().copied()
            && until < now
        {
            self.by_end.pop_first();
            self.of.remove(&tag);
        }
    }

    pub(super) fn get(&self, tag: &Tag) -> Option<Token> {
        self.of.get(tag).map(|(token, _)| *token)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, Instant)> + '_ {
        self.of.values().copied()
    }
}
