//! What a device carries: which bundles, from whom, and which of them give way. Their bytes
//! are kept elsewhere, by their ids; here is about 150 bytes for each.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_wire::Instant;

use crate::bundle::{Bundle, BundleId, Priority, Terms};
use crate::ratchet::{Tag, Token};

/// Tokens of bundles that were delivered, at most.
pub const TOMBSTONES_MAX: usize = 65_536;

/// How far ahead of the clock here a bundle may say that it was made, in milliseconds.
const AHEAD_MAX: u64 = 24 * 3600 * 1000;

/// Whom somebody was met as: the key of their end of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 32]);

/// Where a bundle came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// From this device's own person.
    Own,
    /// From somebody.
    Peer(PeerId),
}

/// How much is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all bundles.
    pub bytes: u64,
    /// Bundles.
    pub count: usize,
    /// What somebody who was just met for the first time may fill, as one part of so many.
    pub stranger: u64,
    /// What somebody who was met on many days may fill, likewise.
    pub friend: u64,
}

/// A bundle that is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its tag.
    pub tag: Tag,
    /// How it is carried; its copies are those that are left here.
    pub terms: Terms,
    /// Bytes of its payload.
    pub size: u32,
    /// From whom it is.
    pub origin: Origin,
}

/// Why a bundle is not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has expired.
    Expired,
    /// It is said to be made too far ahead of the clock here.
    Ahead,
    /// It is here.
    Known,
    /// It was delivered, or called back.
    Delivered,
    /// All that there is is worth more.
    NoRoom,
    /// Whoever brings it has brought as much as they may.
    OverQuota,
}

/// A bundle is carried, and these are not any more: their bytes are to be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// What gave way.
    pub dropped: Vec<BundleId>,
}

/// What a device carries.
#[derive(Clone, Debug)]
pub struct Store {
    limits: Limits,
    carried: BTreeMap<BundleId, Carried>,
    by_tag: BTreeMap<Tag, Vec<BundleId>>,
    /// What gives way first comes first.
    by_worth: BTreeSet<(Worth, BundleId)>,
    bytes: u64,
    of_peers: BTreeMap<PeerId, u64>,
    delivered: BTreeMap<Tag, (Token, Instant)>,
}

/// What stays when room is short: more is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    is_own: bool,
    custody: bool,
    priority: Priority,
    /// A cover copy helps nobody much.
    is_spread: bool,
    /// The younger one has been carried by fewer.
    created: u32,
}

impl Carried {
    fn worth(&self) -> Worth {
        Worth {
            is_own: self.origin == Origin::Own,
            custody: self.terms.custody,
            priority: self.terms.priority,
            is_spread: self.terms.copies > 0,
            created: self.terms.created.0,
        }
    }
}

impl Store {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            carried: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            by_worth: BTreeSet::new(),
            bytes: 0,
            of_peers: BTreeMap::new(),
            delivered: BTreeMap::new(),
        }
    }

    /// Takes a bundle, if there is room for it or something that is worth less gives way. `days`
    /// is on how many days whoever brings it was met.
    ///
    /// # Errors
    /// [`Refused`]; nothing changed then.
    pub fn take(
        &mut self,
        bundle: &Bundle,
        origin: Origin,
        days: u32,
        now: Instant,
    ) -> Result<Took, Refused> {
        let id = bundle.id();
        let size = bundle.payload.len() as u32;
        let new = Carried { tag: bundle.tag, terms: bundle.terms, size, origin };
        self.check(&id, &new, days, now)?;
        let mut dropped = Vec::new();
        let (mut bytes, mut count) = (self.bytes + u64::from(size), self.carried.len() + 1);
        for (worth, other) in &self.by_worth {
            if bytes <= self.limits.bytes && count <= self.limits.count {
                break;
            }
            if (*worth, *other) >= (new.worth(), id) {
                return Err(Refused::NoRoom);
            }
            bytes -= self.carried.get(other).map_or(0, |other| u64::from(other.size));
            count -= 1;
            dropped.push(*other);
        }
        if bytes > self.limits.bytes || count > self.limits.count {
            return Err(Refused::NoRoom);
        }
        for id in &dropped {
            self.remove(id);
        }
        self.insert(id, new);
        Ok(Took { dropped })
    }

    fn check(&self, id: &BundleId, new: &Carried, days: u32, now: Instant) -> Result<(), Refused> {
        if self.carried.contains_key(id) {
            return Err(Refused::Known);
        }
        if new.terms.expires() < now {
            return Err(Refused::Expired);
        }
        if new.terms.created.instant().0 > now.0.saturating_add(AHEAD_MAX) {
            return Err(Refused::Ahead);
        }
        if self.delivered.contains_key(&new.tag) {
            return Err(Refused::Delivered);
        }
        if let Origin::Peer(peer) = new.origin {
            let has = self.of_peers.get(&peer).copied().unwrap_or(0);
            if has + u64::from(new.size) > self.quota(days) {
                return Err(Refused::OverQuota);
            }
        }
        Ok(())
    }

    /// Bytes that somebody may fill who was met on so many days.
    pub fn quota(&self, days: u32) -> u64 {
        let Limits { bytes, stranger, friend, .. } = self.limits;
        let (least, most) = (bytes / stranger.max(1), bytes / friend.max(1));
        least.saturating_mul(u64::from(days).max(1)).min(most)
    }

    fn insert(&mut self, id: BundleId, new: Carried) {
        self.by_tag.entry(new.tag).or_default().push(id);
        self.by_worth.insert((new.worth(), id));
        self.bytes += u64::from(new.size);
        if let Origin::Peer(peer) = new.origin {
            *self.of_peers.entry(peer).or_default() += u64::from(new.size);
        }
        self.carried.insert(id, new);
    }

    /// Carries a bundle no longer. What it was.
    pub fn remove(&mut self, id: &BundleId) -> Option<Carried> {
        let old = self.carried.remove(id)?;
        self.by_worth.remove(&(old.worth(), *id));
        self.bytes -= u64::from(old.size);
        if let Some(all) = self.by_tag.get_mut(&old.tag) {
            all.retain(|other| other != id);
            if all.is_empty() {
                self.by_tag.remove(&old.tag);
            }
        }
        if let Origin::Peer(peer) = old.origin
            && let Some(bytes) = self.of_peers.get_mut(&peer)
        {
            *bytes -= u64::from(old.size);
            if *bytes == 0 {
                self.of_peers.remove(&peer);
            }
        }
        Some(old)
    }

    /// So many copies of a bundle are left here.
    pub fn set_copies(&mut self, id: &BundleId, copies: u8) {
        if let Some(old) = self.remove(id) {
            self.insert(*id, Carried { terms: Terms { copies, ..old.terms }, ..old });
        }
    }

    /// Somebody shows the token of a bundle that was delivered or called back. What was carried
    /// of it and is to be erased. `until` is when it would have expired, as they say; nothing is
    /// remembered for longer than a bundle lives.
    pub fn deliver(&mut self, token: Token, until: Instant, now: Instant) -> Vec<BundleId> {
        let tag = token.tag();
        let dropped = self.by_tag.get(&tag).cloned().unwrap_or_default();
        let ends =
            dropped.iter().filter_map(|id| self.carried.get(id)).map(|carried| carried.terms.expires()).max();
        let longest =
            Instant(now.0.saturating_add(crate::bundle::Lifetime::at_least(u64::MAX).seconds() * 1000));
        let until = ends.unwrap_or(until).min(longest);
        if until >= now && (self.delivered.len() < TOMBSTONES_MAX || !dropped.is_empty()) {
            self.delivered.insert(tag, (token, until));
        }
        for id in &dropped {
            self.remove(id);
        }
        dropped
    }

    /// Forgets what has expired. What is to be erased.
    pub fn expire(&mut self, now: Instant) -> Vec<BundleId> {
        self.delivered.retain(|_, (_, until)| *until >= now);
        let is_over = |(_, carried): &(&BundleId, &Carried)| carried.terms.expires() < now;
        let over: Vec<BundleId> = self.carried.iter().filter(is_over).map(|(id, _)| *id).collect();
        for id in &over {
            self.remove(id);
        }
        over
    }

    /// What is carried, in the order in which it is to be given on: the most urgent first, then
    /// what expires first.
    pub fn in_order(&self) -> Vec<(BundleId, Carried)> {
        let mut all: Vec<_> = self.carried.iter().map(|(id, carried)| (*id, *carried)).collect();
        let key = |(id, carried): &(BundleId, Carried)| {
            (core::cmp::Reverse(carried.terms.priority), carried.terms.expires(), *id)
        };
        all.sort_unstable_by_key(key);
        all
    }

    /// A bundle that is carried.
    pub fn get(&self, id: &BundleId) -> Option<&Carried> {
        self.carried.get(id)
    }

    /// The bundles, or fragments of one, with this tag.
    pub fn with_tag(&self, tag: &Tag) -> &[BundleId] {
        self.by_tag.get(tag).map_or(&[], Vec::as_slice)
    }

    /// Tokens of what was delivered, and until when they are remembered.
    pub fn delivered(&self) -> impl Iterator<Item = (Token, Instant)> + '_ {
        self.delivered.values().copied()
    }

    /// Whether something with this tag was delivered or called back.
    pub fn was_delivered(&self, tag: &Tag) -> bool {
        self.delivered.contains_key(tag)
    }

    /// Bundles that are carried, and bytes of them.
    pub fn size(&self) -> (usize, u64) {
        (self.carried.len(), self.bytes)
    }
}
