//! The changes of a group in their one order, and which of them had seen which.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use allod_did::Did;

use super::change::{Action, Change, ChangeId};

/// Some of the changes, by their places.
#[derive(Clone, Debug)]
pub(super) struct Places(Vec<u64>);

impl Places {
    pub(super) fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    fn put(&mut self, place: usize) {
        if let Some(bits) = self.0.get_mut(place / 64) {
            *bits |= 1 << (place % 64);
        }
    }
}

/// Changes in order: each after all that it had seen.
pub(super) struct Order<'a> {
    pub(super) changes: Vec<(ChangeId, &'a Change)>,
    /// The places of what each had seen.
    parents: Vec<Vec<usize>>,
    by_author: BTreeMap<Did, Vec<usize>>,
    removals: BTreeMap<Did, Vec<usize>>,
}

impl<'a> Order<'a> {
    /// Of these, which come in order.
    pub(super) fn new(changes: Vec<(ChangeId, &'a Change)>) -> Self {
        let mut by_author: BTreeMap<Did, Vec<usize>> = BTreeMap::new();
        let mut removals: BTreeMap<Did, Vec<usize>> = BTreeMap::new();
        let places: BTreeMap<ChangeId, usize> =
            changes.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
        let mut parents = Vec::with_capacity(changes.len());
        for (place, (_, change)) in changes.iter().enumerate() {
            parents.push(change.parents().iter().filter_map(|id| places.get(id).copied()).collect());
            by_author.entry(change.author()).or_default().push(place);
            if let Action::Remove(did) = change.action() {
                removals.entry(*did).or_default().push(place);
            }
        }
        Self { changes, parents, by_author, removals }
    }

    /// The places of somebody's changes.
    pub(super) fn by(&self, author: &Did) -> &[usize] {
        self.by_author.get(author).map_or(&[], Vec::as_slice)
    }

    /// The places of the changes that remove somebody.
    pub(super) fn removals_of(&self, did: &Did) -> &[usize] {
        self.removals.get(did).map_or(&[], Vec::as_slice)
    }

    fn parents(&self, place: usize) -> &[usize] {
        self.parents.get(place).map_or(&[], Vec::as_slice)
    }

    fn none(&self) -> Places {
        Places(vec![0; self.changes.len().div_ceil(64)])
    }

    /// What had seen this one.
    pub(super) fn after(&self, place: usize) -> Places {
        let mut after = self.none();
        for later in place + 1..self.changes.len() {
            if self.parents(later).iter().any(|parent| *parent == place || after.has(*parent)) {
                after.put(later);
            }
        }
        after
    }

    /// What stands neither before nor after this one: it has not seen them, nor they it.
    pub(super) fn beside(&self, place: usize) -> impl Fn(usize) -> bool + use<> {
        let (mut before, after) = (self.none(), self.after(place));
        before.put(place);
        for earlier in (0..=place).rev() {
            if before.has(earlier) {
                self.parents(earlier).iter().for_each(|parent| before.put(*parent));
            }
        }
        move |other| !before.has(other) && !after.has(other)
    }

    /// Which of up to 64 removals stand beside a change of whom they remove that is `counted`.
    /// Goes through all changes twice.
    pub(super) fn contested(&self, removals: &[usize], counted: &[bool]) -> u64 {
        let mut bits = BTreeMap::new();
        let mut targets: BTreeMap<Did, u64> = BTreeMap::new();
        for (number, place) in removals.iter().enumerate().take(64) {
            let Some((_, change)) = self.changes.get(*place) else { continue };
            if let Action::Remove(did) = change.action() {
                bits.insert(*place, 1_u64 << number);
                *targets.entry(*did).or_default() |= 1 << number;
            }
        }
        let (mut seen, mut seen_by) = (vec![0_u64; self.changes.len()], vec![0_u64; self.changes.len()]);
        let own = |place: usize| bits.get(&place).copied().unwrap_or_default();
        let get = |all: &[u64], place: usize| all.get(place).copied().unwrap_or_default();
        for place in 0..self.changes.len() {
            let mask = self.parents(place).iter().fold(own(place), |mask, parent| mask | get(&seen, *parent));
            seen[place] = mask;
        }
        for place in (0..self.changes.len()).rev() {
            seen_by[place] |= own(place);
            for parent in self.parents(place) {
                seen_by[*parent] |= seen_by[place];
            }
        }
        let of = |(did, mask): (&Did, &u64)| {
            let counting = self.by(did).iter().filter(|place| counted.get(**place).is_some_and(|is| *is));
            counting.fold(0, |all, place| all | mask & !get(&seen, *place) & !get(&seen_by, *place))
        };
        targets.iter().map(of).fold(0, |all, mask| all | mask)
    }

    /// Those of these that none of these had seen, neither itself nor by way of others.
    pub(super) fn last_of(&self, these: &[bool]) -> Vec<ChangeId> {
        let mut was_seen = vec![false; self.changes.len()];
        let mut last = Vec::new();
        for (place, (id, _)) in self.changes.iter().enumerate().rev() {
            let is_one = these.get(place).is_some_and(|is| *is);
            if is_one && !was_seen[place] {
                last.push(*id);
            }
            if is_one || was_seen[place] {
                self.parents(place).iter().for_each(|parent| was_seen[*parent] = true);
            }
        }
        last.sort_unstable();
        last
    }
}
