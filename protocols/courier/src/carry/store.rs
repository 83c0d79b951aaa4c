//! What a device carries: which bundles, from whom, and which of them give way. Their bytes
//! are kept elsewhere, by their ids; here is about 200 bytes for each.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_wire::Instant;

use super::carried::{Carried, Custody, Origin, PeerId};
use super::refused::{Counts, Refused};
use super::route::SPREAD;
use super::shares::{Room, Shares};
use super::tombstones::Tombstones;
use crate::bundle::{Bundle, BundleId, Lifetime, PAYLOAD_MAX, Priority, Terms};
use crate::ratchet::{Tag, Token};

/// How far ahead of the clock here a bundle may say that it was made, in milliseconds.
const AHEAD_MAX: u64 = 24 * 3600 * 1000;

/// The most bundles with one tag that is expected here: fragments, and what others made up who
/// have seen the tag.
const WANTED_MAX: usize = 256;

/// Bytes of what all bring that is said to be for one tag.
const WANTED_BYTES_MAX: u64 = 32 * PAYLOAD_MAX as u64;

/// How much is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all bundles.
    pub bytes: u64,
    /// Bundles.
    pub count: usize,
    /// What all may fill together who were met on a single day, or have shown no key: one part
    /// of so many, of the bytes and of the count.
    pub stranger: u64,
    /// What somebody who was met on many days may fill, likewise.
    pub friend: u64,
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
    bytes: u64,
    /// Of others, and for others.
    shares: Shares,
    delivered: Tombstones,
    counts: Counts,
}

impl Store {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            carried: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            bytes: 0,
            shares: Shares::default(),
            delivered: Tombstones::default(),
            counts: Counts::default(),
        }
    }

    /// Takes a bundle to carry it, if there is room for it or something gives way. `days` is on how
    /// many days whoever brings it was met.
    ///
    /// # Errors
    /// [`Refused`]; nothing changed then but the [counts](Self::counts).
    pub fn take(
        &mut self,
        bundle: &Bundle,
        origin: Origin,
        days: u32,
        now: Instant,
    ) -> Result<Took, Refused> {
        let new = Carried::new(bundle, origin, now);
        let fits = self.fit(bundle.id(), new, days, now);
        let gone = fits.inspect_err(|why| self.counts.add(*why))?;
        self.counts.gave_way = self.counts.gave_way.saturating_add(gone.len() as u64);
        Ok(Took { dropped: gone.into_iter().map(|(id, _, _)| id).collect() })
    }

    /// Takes a bundle, or a fragment of one, whose tag is expected here. It never gives way, and
    /// is counted as nobody's; `WANTED_MAX` of one tag, and twice the bytes of the largest
    /// payload, are the most.
    ///
    /// # Errors
    /// [`Refused`], as of [`take`](Self::take).
    pub fn want(&mut self, bundle: &Bundle, origin: Origin, now: Instant) -> Result<Took, Refused> {
        let new = Carried { is_wanted: true, ..Carried::new(bundle, origin, now) };
        let fits = self.fit(bundle.id(), new, 0, now);
        let gone = fits.inspect_err(|why| self.counts.add(*why))?;
        self.counts.gave_way = self.counts.gave_way.saturating_add(gone.len() as u64);
        Ok(Took { dropped: gone.into_iter().map(|(id, _, _)| id).collect() })
    }

    /// Whether a bundle that has not come yet would be taken.
    ///
    /// # Errors
    /// [`Refused`]; nothing is counted.
    pub fn would_take(
        &mut self,
        id: BundleId,
        new: &Carried,
        days: u32,
        now: Instant,
    ) -> Result<(), Refused> {
        let gone = self.fit(id, *new, days, now)?;
        self.remove(&id);
        gone.into_iter().for_each(|(id, old, days)| self.insert(id, old, days));
        Ok(())
    }

    /// What a shell kept of a bundle, when it starts. Limits that have become smaller hold from the
    /// next bundle on.
    pub fn restore(&mut self, id: BundleId, carried: Carried, days: u32) {
        self.remove(&id);
        self.insert(id, carried, days);
    }

    /// A token that a shell kept, when it starts; see [`delivered`](Self::delivered).
    pub fn restore_delivered(&mut self, token: Token, until: Instant) {
        self.delivered.insert(token, until);
    }

    /// Somebody was met on so many days.
    pub fn meet(&mut self, peer: &PeerId, days: u32) {
        self.shares.meet(&Origin::Peer(*peer), days);
    }

    /// Puts it in. What gave way, with the days of whoever brought it; where it does not fit, all is
    /// as it was.
    fn fit(
        &mut self,
        id: BundleId,
        new: Carried,
        days: u32,
        now: Instant,
    ) -> Result<Vec<(BundleId, Carried, u32)>, Refused> {
        self.check(&id, &new, now)?;
        self.insert(id, new, days);
        let mut gone = Vec::new();
        // What is for oneself, and what one writes, is taken however full it is of one's own: it is
        // bounded where it is made, or by what is awaited.
        let is_always = new.is_kept() && (new.is_wanted || new.terms.priority != Priority::Bulk);
        loop {
            let is_over = !new.is_kept() && self.shares.is_over(&new.origin, &self.limits);
            let victim = if is_over {
                self.shares.least_of(&new.origin)
            } else if self.bytes > self.limits.bytes || self.carried.len() > self.limits.count {
                match self.shares.least(&self.limits) {
                    None if is_always => return Ok(gone),
                    victim => victim,
                }
            } else {
                return Ok(gone);
            };
            let days =
                victim.and_then(|victim| self.carried.get(&victim)).map(|old| self.shares.days(&old.origin));
            match victim
                .filter(|victim| *victim != id)
                .and_then(|victim| Some((victim, self.remove(&victim)?)))
            {
                Some((victim, old)) => gone.push((victim, old, days.unwrap_or(0))),
                None => {
                    self.remove(&id);
                    gone.into_iter().for_each(|(id, old, days)| self.insert(id, old, days));
                    return Err(if is_over { Refused::OverQuota } else { Refused::NoRoom });
                }
            }
        }
    }

    fn check(&self, id: &BundleId, new: &Carried, now: Instant) -> Result<(), Refused> {
        if self.carried.contains_key(id) {
            return Err(Refused::Known);
        }
        if new.terms.expires() < now {
            return Err(Refused::Expired);
        }
        if new.terms.created.instant().0 > now.0.saturating_add(AHEAD_MAX) {
            return Err(Refused::Ahead);
        }
        if self.was_delivered(&new.tag) {
            return Err(Refused::Delivered);
        }
        if new.is_wanted {
            // Whoever has seen a tag can make up what is said to be for it: nobody keeps what others
            // bring from coming.
            let (mut count, mut bytes, mut all) = (0, u64::from(new.size), u64::from(new.size));
            for one in self.with_tag(&new.tag).iter().filter_map(|id| self.carried.get(id)) {
                all += u64::from(one.size);
                if one.origin == new.origin {
                    (count, bytes) = (count + 1, bytes + u64::from(one.size));
                }
            }
            let most = PAYLOAD_MAX as u64;
            if count >= WANTED_MAX || bytes > 2 * most || all > WANTED_BYTES_MAX {
                return Err(Refused::OverQuota);
            }
        }
        Ok(())
    }

    /// What somebody may fill who was met on so many days. Those of a single day fill it together.
    pub fn quota(&self, days: u32) -> Room {
        self.limits.share(days)
    }

    fn insert(&mut self, id: BundleId, new: Carried, days: u32) {
        self.by_tag.entry(new.tag).or_default().push(id);
        self.bytes += u64::from(new.size);
        if !new.is_kept() {
            self.shares.insert(new.origin, days, new.worth(), id, new.size.into());
        }
        self.carried.insert(id, new);
    }

    /// Carries a bundle no longer. What it was.
    pub fn remove(&mut self, id: &BundleId) -> Option<Carried> {
        let old = self.carried.remove(id)?;
        self.bytes -= u64::from(old.size);
        if let Some(all) = self.by_tag.get_mut(&old.tag) {
            all.retain(|other| other != id);
            if all.is_empty() {
                self.by_tag.remove(&old.tag);
            }
        }
        if !old.is_kept() {
            self.shares.remove(&old.origin, old.worth(), *id, old.size.into());
        }
        Some(old)
    }

    /// Changes what is known of a bundle. What it is from then on.
    fn change(&mut self, id: &BundleId, change: impl FnOnce(&mut Carried)) -> Option<Carried> {
        let mut carried = *self.carried.get(id)?;
        let days = self.shares.days(&carried.origin);
        self.remove(id);
        change(&mut carried);
        self.insert(*id, carried, days);
        Some(carried)
    }

    /// So many copies of a bundle are left here.
    pub fn set_copies(&mut self, id: &BundleId, copies: u8) -> Option<Carried> {
        self.change(id, |carried| carried.terms.copies = copies)
    }

    /// A bundle that is for many was read here, and is carried for the others from now on. What is to
    /// be kept of it; nothing where it is for this device alone, and then it is to be erased.
    pub fn pass_on(&mut self, id: &BundleId) -> Option<Carried> {
        self.carried.get(id).filter(|carried| carried.terms.copies == SPREAD)?;
        self.change(id, |carried| carried.is_wanted = false)
    }

    /// Who answers for a bundle.
    pub fn set_custody(&mut self, id: &BundleId, custody: Custody) -> Option<Carried> {
        self.change(id, |carried| carried.custody = custody)
    }

    /// Somebody has taken so many of the copies of a bundle, or just one without any, and
    /// answers for it from now on if they said so. What is to be kept of it.
    pub fn gave(&mut self, id: &BundleId, copies: u8, custody: bool) -> Option<Carried> {
        self.change(id, |carried| {
            carried.given = carried.given.saturating_add(1);
            carried.terms.copies = carried.terms.copies.saturating_sub(copies);
            if custody {
                carried.custody = Custody::Passed;
            }
        })
    }

    /// Somebody shows the token of a bundle that was delivered or called back. What was carried
    /// of it and is to be erased. Of what is not carried here no token is remembered, since
    /// anybody can make some up; nor is it for longer than the bundle lives.
    pub fn deliver(&mut self, token: Token, now: Instant) -> Vec<BundleId> {
        let dropped = self.with_tag(&token.tag()).to_vec();
        let ends =
            dropped.iter().filter_map(|id| self.carried.get(id)).map(|carried| carried.terms.expires());
        if let Some(until) = ends.max() {
            self.bury(token, until, now);
        }
        for id in &dropped {
            self.remove(id);
        }
        dropped
    }

    /// This device has opened a message, or calls its own back: its token is remembered whether the
    /// bundle is here or not. `until` is when it expires. What is to be erased.
    pub fn tell(&mut self, token: Token, until: Instant, now: Instant) -> Vec<BundleId> {
        let dropped = self.deliver(token, now);
        if !self.was_delivered(&token.tag()) {
            self.bury(token, until, now);
        }
        dropped
    }

    fn bury(&mut self, token: Token, until: Instant, now: Instant) {
        let longest = Instant(now.0.saturating_add(Lifetime::at_least(u64::MAX).seconds() * 1000));
        if until >= now {
            self.delivered.insert(token, until.min(longest));
        }
    }

    /// Forgets what has expired. What is to be erased.
    pub fn expire(&mut self, now: Instant) -> Vec<BundleId> {
        self.delivered.expire(now);
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
        let mut all: Vec<_> = self.iter().map(|(id, carried)| (*id, *carried)).collect();
        all.sort_unstable_by_key(|(id, carried)| order(&carried.terms, id));
        all
    }

    /// All that is carried, by ids.
    pub fn iter(&self) -> impl Iterator<Item = (&BundleId, &Carried)> {
        self.carried.iter()
    }

    /// A bundle that is carried.
    pub fn get(&self, id: &BundleId) -> Option<&Carried> {
        self.carried.get(id)
    }

    /// The bundle whose id begins with these bytes.
    pub fn find(&self, short: [u8; BundleId::SHORT]) -> Option<BundleId> {
        let mut least = [0; 32];
        least[..BundleId::SHORT].copy_from_slice(&short);
        let (id, _) = self.carried.range(BundleId(least)..).next()?;
        (id.short() == short).then_some(*id)
    }

    /// The bundles, or fragments of one, with this tag.
    pub fn with_tag(&self, tag: &Tag) -> &[BundleId] {
        self.by_tag.get(tag).map_or(&[], Vec::as_slice)
    }

    /// Tokens of what was delivered, and until when they are remembered. A shell keeps them.
    pub fn delivered(&self) -> impl Iterator<Item = (Token, Instant)> + '_ {
        self.delivered.iter()
    }

    /// The token of something with this tag that was delivered or called back.
    pub fn token(&self, tag: &Tag) -> Option<Token> {
        self.delivered.get(tag)
    }

    /// Whether something with this tag was delivered or called back.
    pub fn was_delivered(&self, tag: &Tag) -> bool {
        self.token(tag).is_some()
    }

    /// Bundles that are carried, and bytes of them.
    pub fn size(&self) -> (usize, u64) {
        (self.carried.len(), self.bytes)
    }

    /// What was refused since the store was made, by why.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts something that was refused before it came.
    pub fn count(&mut self, why: Refused) {
        self.counts.add(why);
    }
}

/// What is given on first comes first.
pub(crate) fn order(
    terms: &Terms,
    id: &BundleId,
) -> (core::cmp::Reverse<crate::bundle::Priority>, Instant, BundleId) {
    (core::cmp::Reverse(terms.priority), terms.expires(), *id)
}
