//! Who fills how much of a carrier's room, and whose bundles give way.
//!
//! What a bundle says of itself counts only beside others from the same hands: whoever uses
//! most of their share gives way first, and of theirs what is worth least. All who were met on
//! a single day share what is left to strangers, since anybody can have as many keys as they like;
//! among them, whoever brought most gives way first.

use alloc::collections::{BTreeMap, BTreeSet};

use super::carried::Origin;
use super::store::Limits;
use crate::bundle::{BundleId, Priority};

/// What stays when room is short: more is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    /// This device has said that it keeps it. What the source says alone counts for nothing.
    pub(super) custody: bool,
    pub(super) priority: Priority,
    /// A cover copy helps nobody much.
    pub(super) is_spread: bool,
    /// The younger one has been carried by fewer.
    pub(super) created: u32,
}

/// How much of the room something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Bundles.
    pub count: usize,
}

impl Room {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.count += other.count;
    }

    fn sub(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_sub(other.bytes);
        self.count = self.count.saturating_sub(other.count);
    }

    /// Whether it is no larger in anything.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.bytes <= other.bytes && self.count <= other.count
    }

    /// Which part of a share it is, in millionths, of what there is less of.
    fn part_of(&self, share: &Self) -> u128 {
        let part = |used: u128, of: u128| used * 1_000_000 / of.max(1);
        part(self.bytes.into(), share.bytes.into()).max(part(self.count as u128, share.count as u128))
    }
}

impl Limits {
    /// What somebody may fill who was met on so many days. Those of a single day fill that
    /// together.
    pub(super) fn share(&self, days: u32) -> Room {
        let part = |of: u64| {
            let (least, most) = (of / self.stranger.max(1), of / self.friend.max(1));
            least.saturating_mul(u64::from(days).max(1)).min(most)
        };
        let count = usize::try_from(part(self.count as u64)).unwrap_or(usize::MAX);
        Room { bytes: part(self.bytes), count: count.max(1) }
    }
}

/// What came from the same hands.
#[derive(Clone, Debug, Default)]
struct Hands {
    days: u32,
    used: Room,
    /// What gives way first comes first.
    by_worth: BTreeSet<(Worth, BundleId)>,
}

impl Hands {
    fn is_stranger(&self) -> bool {
        self.days <= 1
    }
}

/// Who fills how much.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    of: BTreeMap<Origin, Hands>,
    strangers: Room,
}

impl Shares {
    /// On how many days somebody was met, as far as it matters here.
    pub(super) fn days(&self, origin: &Origin) -> u32 {
        self.of.get(origin).map_or(0, |hands| hands.days)
    }

    /// Somebody was met on so many days. Days do not go back.
    pub(super) fn meet(&mut self, origin: &Origin, days: u32) {
        if let Some(hands) = self.of.get_mut(origin) {
            let was_stranger = hands.is_stranger();
            hands.days = hands.days.max(days);
            if was_stranger && !hands.is_stranger() {
                self.strangers.sub(hands.used);
            }
        }
    }

    pub(super) fn insert(&mut self, origin: Origin, days: u32, worth: Worth, id: BundleId, bytes: u64) {
        let days = if origin == Origin::Unknown { 0 } else { days };
        self.meet(&origin, days);
        let hands = self.of.entry(origin).or_insert_with(|| Hands {
            days,
            used: Room::default(),
            by_worth: BTreeSet::new(),
        });
        if hands.by_worth.insert((worth, id)) {
            let room = Room { bytes, count: 1 };
            hands.used.add(room);
            if hands.is_stranger() {
                self.strangers.add(room);
            }
        }
    }

    pub(super) fn remove(&mut self, origin: &Origin, worth: Worth, id: BundleId, bytes: u64) {
        let Some(hands) = self.of.get_mut(origin) else { return };
        if hands.by_worth.remove(&(worth, id)) {
            let room = Room { bytes, count: 1 };
            hands.used.sub(room);
            if hands.is_stranger() {
                self.strangers.sub(room);
            }
        }
        if hands.by_worth.is_empty() {
            self.of.remove(origin);
        }
    }

    /// Whether somebody has more than their share.
    pub(super) fn is_over(&self, origin: &Origin, limits: &Limits) -> bool {
        let Some(hands) = self.of.get(origin) else { return false };
        let used = if hands.is_stranger() { &self.strangers } else { &hands.used };
        !used.is_within(&limits.share(hands.days))
    }

    /// What gives way so that somebody has no more than their share.
    pub(super) fn least_of(&self, origin: &Origin) -> Option<BundleId> {
        let hands = self.of.get(origin)?;
        if hands.is_stranger() { self.least_of_strangers() } else { least(hands) }
    }

    /// What gives way so that there is room: something of whoever uses most of their share.
    pub(super) fn least(&self, limits: &Limits) -> Option<BundleId> {
        let friends = self.of.values().filter(|hands| !hands.is_stranger());
        let most = friends
            .map(|hands| (hands.used.part_of(&limits.share(hands.days)), hands))
            .max_by_key(|(part, _)| *part);
        let strangers = self.strangers.part_of(&limits.share(1));
        match most {
            Some((part, hands)) if part > strangers || self.strangers.count == 0 => least(hands),
            _ => self.least_of_strangers(),
        }
    }

    fn least_of_strangers(&self) -> Option<BundleId> {
        let strangers = self.of.values().filter(|hands| hands.is_stranger());
        least(strangers.max_by_key(|hands| hands.used.part_of(&self.strangers))?)
    }
}

fn least(hands: &Hands) -> Option<BundleId> {
    hands.by_worth.first().map(|(_, id)| *id)
}
