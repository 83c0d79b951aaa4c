//! The tags that somebody's messages are expected to have, worked out when they are asked for.

use alloc::vec::Vec;
use core::cell::OnceCell;

use crate::ratchet::Tag;

/// Tags in order, once they were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags(OnceCell<Vec<Tag>>);

impl Tags {
    /// Whether a tag is among them; `all` gives them all.
    pub(super) fn have<I: Iterator<Item = Tag>>(&self, tag: &Tag, all: impl FnOnce() -> I) -> bool {
        let tags = self.0.get_or_init(|| {
            let mut tags: Vec<Tag> = all().collect();
            tags.sort_unstable();
            tags
        });
        tags.binary_search(tag).is_ok()
    }

    /// One of them is not expected any more; the others are.
    pub(super) fn remove(&mut self, tag: &Tag) {
        if let Some(tags) = self.0.get_mut()
            && let Ok(at) = tags.binary_search(tag)
        {
            tags.remove(at);
        }
    }

    /// They are others from now on.
    pub(super) fn change(&mut self) {
        self.0.take();
    }
}
