//! The changes of a group, as they come, from anybody and in any order.
//!
//! What is taken is decided by what a change had seen, so that all take the same: leaving, from
//! whoever was ever added in what it had seen; anything else, from whoever was ever appointed in
//! it, the founder, and who is an admin by it alone (since no other is left). Whether it counts is
//! for [`Membership`] to say.
//!
//! So strangers fill nothing, and members who were never admins nothing but [`LEAVES_MAX`] changes
//! each. An admin fills [`AUTHOR_MAX`], beyond which something is only taken if a change of
//! another one who was appointed had seen it. What waits for something that it had seen is
//! counted to who brought it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_did::Did;

use super::change::{Action, Change, ChangeId, GroupId};
use super::membership::Membership;
use super::order::Order;

/// Changes of one group, at most.
pub const CHANGES_MAX: usize = 65_536;

/// Changes of one person who was appointed, at most.
pub const AUTHOR_MAX: usize = 8192;

/// Changes of one person who was not, at most.
pub const LEAVES_MAX: usize = 32;

/// Changes that wait, at most. The oldest gives way of whoever brought most.
pub const WAITING_MAX: usize = 1024;

/// Changes of one who brings them that wait, at most. Their oldest gives way.
pub const WAITING_OF_ONE_MAX: usize = 256;

/// The changes of a group that have come, in any order.
#[derive(Clone, Debug)]
pub struct Gathered {
    id: GroupId,
    founder: Did,
    changes: BTreeMap<ChangeId, Kept>,
    /// Those that came before something that they had seen.
    waiting: BTreeMap<ChangeId, Waiting>,
    /// How many came to wait so far.
    waited: u64,
    /// How many are each person's.
    count: BTreeMap<Did, usize>,
    /// What added, and what appointed, each person.
    added: BTreeMap<Did, Vec<ChangeId>>,
    appointed: BTreeMap<Did, Vec<ChangeId>>,
    has_founder_left: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    change: Change,
    depth: u32,
}

#[derive(Clone, Debug)]
struct Waiting {
    change: Change,
    from: Did,
    since: u64,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is among the others now, and with it so many that had waited for it.
    Yes(usize),
    /// It was here.
    Known,
    /// Something that it had seen is missing.
    Waits,
    /// It is of another group, of somebody whom the group does not know as far as the change had
    /// seen, or there are too many.
    No,
}

impl Gathered {
    /// Of the group that this change founds. `None` where it founds none.
    pub fn new(founding: Change) -> Option<Self> {
        let founds = matches!(founding.action(), Action::Found { .. });
        let (id, founder) = (founding.id(), founding.author());
        founds.then(|| Self {
            id: GroupId(id.0),
            founder,
            changes: BTreeMap::from([(id, Kept { change: founding, depth: 0 })]),
            waiting: BTreeMap::new(),
            waited: 0,
            count: BTreeMap::from([(founder, 1)]),
            added: BTreeMap::new(),
            appointed: BTreeMap::new(),
            has_founder_left: false,
        })
    }

    /// Which group it is.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// Takes a change that `from` brought, whoever made it. The caller has seen to it that the
    /// device is the author's.
    pub fn add(&mut self, change: Change, from: Did) -> Taken {
        let id = change.id();
        if self.changes.contains_key(&id) || self.waiting.contains_key(&id) {
            return Taken::Known;
        }
        if matches!(change.action(), Action::Found { .. }) {
            return Taken::No;
        }
        if !self.is_ready(&change) {
            self.wait(id, Waiting { change, from, since: self.waited });
            return Taken::Waits;
        }
        if !self.keep(id, change) {
            return Taken::No;
        }
        let mut waited = 0;
        while let Some(id) =
            self.waiting.iter().find(|(_, one)| self.is_ready(&one.change)).map(|(id, _)| *id)
        {
            if let Some(one) = self.waiting.remove(&id) {
                waited += usize::from(self.keep(id, one.change));
            }
        }
        Taken::Yes(waited)
    }

    /// All changes but those that wait, the seen before those that saw them.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.ordered(|_| true).into_iter().map(|(_, change)| change)
    }

    /// A change that is here, also one that waits.
    pub fn get(&self, id: &ChangeId) -> Option<&Change> {
        let waiting = || self.waiting.get(id).map(|one| &one.change);
        self.changes.get(id).map(|kept| &kept.change).or_else(waiting)
    }

    /// What those that wait had seen and what is missing here.
    pub fn missing(&self) -> BTreeSet<ChangeId> {
        let seen = self.waiting.values().flat_map(|one| one.change.parents());
        seen.filter(|id| !self.changes.contains_key(id) && !self.waiting.contains_key(id)).copied().collect()
    }

    /// Who belongs to the group.
    pub fn membership(&self) -> Membership {
        Membership::of(&Order::new(self.ordered(|_| true)))
    }

    fn ordered(&self, is_one: impl Fn(&ChangeId) -> bool) -> Vec<(ChangeId, &Change)> {
        let some = self.changes.iter().filter(|(id, _)| is_one(id));
        let mut all: Vec<_> = some.map(|(id, kept)| (kept.depth, *id, &kept.change)).collect();
        all.sort_unstable_by_key(|(depth, id, _)| (*depth, *id));
        all.into_iter().map(|(_, id, change)| (id, change)).collect()
    }

    fn is_ready(&self, change: &Change) -> bool {
        change.parents().iter().all(|parent| self.changes.contains_key(parent))
    }

    fn wait(&mut self, id: ChangeId, one: Waiting) {
        let mut of: BTreeMap<Did, usize> = BTreeMap::new();
        self.waiting.values().for_each(|waiting| *of.entry(waiting.from).or_default() += 1);
        let most = of.iter().max_by_key(|(did, count)| (**count, **did)).map(|(did, _)| *did);
        let is_full = self.waiting.len() >= WAITING_MAX;
        let gives_way = match of.get(&one.from) {
            Some(count) if *count >= WAITING_OF_ONE_MAX => Some(one.from),
            _ => most.filter(|_| is_full),
        };
        let oldest = self.waiting.iter().filter(|(_, waiting)| Some(waiting.from) == gives_way);
        if let Some(oldest) = oldest.min_by_key(|(_, waiting)| waiting.since).map(|(id, _)| *id) {
            self.waiting.remove(&oldest);
        }
        self.waited += 1;
        self.waiting.insert(id, one);
    }

    /// Keeps a change that is ready, if it is one to be taken.
    fn keep(&mut self, id: ChangeId, change: Change) -> bool {
        let author = change.author();
        let count = self.count.get(&author).copied().unwrap_or_default();
        let is_leaving = *change.action() == Action::Leave;
        let was_appointed = author == self.founder || self.appointed.contains_key(&author);
        let quota = if was_appointed { AUTHOR_MAX } else { LEAVES_MAX };
        let has_room = self.changes.len() < CHANGES_MAX && (count < quota || self.is_wanted(&id));
        if !has_room || !self.is_of_one_who_may(&change, is_leaving) {
            return false;
        }
        match change.action() {
            Action::Add(did) => self.added.entry(*did).or_default().push(id),
            Action::Appoint(did) => self.appointed.entry(*did).or_default().push(id),
            Action::Leave => self.has_founder_left |= author == self.founder,
            _ => {}
        }
        let depths = change.parents().iter().filter_map(|parent| self.changes.get(parent));
        let depth = depths.map(|kept| kept.depth + 1).max().unwrap_or_default();
        self.count.insert(author, count + 1);
        self.changes.insert(id, Kept { change, depth });
        true
    }

    /// Whether a change that waits had seen this one, and is of somebody else who was appointed.
    fn is_wanted(&self, id: &ChangeId) -> bool {
        let mut wanted = BTreeSet::new();
        let mut next: Vec<&Change> = self.waiting.values().map(|one| &one.change).collect();
        next.retain(|one| one.author() == self.founder || self.appointed.contains_key(&one.author()));
        while let Some(one) = next.pop() {
            for parent in one.parents() {
                if wanted.insert(*parent) {
                    next.extend(self.waiting.get(parent).map(|one| &one.change));
                }
            }
        }
        wanted.contains(id)
    }

    /// Whether its author may make it, as far as it had seen.
    fn is_of_one_who_may(&self, change: &Change, is_leaving: bool) -> bool {
        let author = change.author();
        if author == self.founder {
            return true;
        }
        let none = Vec::new();
        let added = self.added.get(&author).unwrap_or(&none);
        let appointed = self.appointed.get(&author).unwrap_or(&none);
        let Some(depth) = added.iter().filter_map(|id| self.depth(id)).min() else { return false };
        let (mut was_added, mut was_appointed) = (false, false);
        self.look_back(change, depth, |id, earlier| {
            let is_own = earlier.author() == author;
            was_added |= is_own || added.contains(id);
            was_appointed |= appointed.contains(id) || is_own && *earlier.action() != Action::Leave;
            if is_leaving { was_added } else { was_appointed }
        });
        if is_leaving || was_appointed || !was_added {
            return was_appointed || is_leaving && was_added;
        }
        // Nobody removes the founder, so who was not appointed is admin only after they left.
        self.has_founder_left && {
            let mut seen = BTreeSet::new();
            self.look_back(change, 0, |id, _| {
                seen.insert(*id);
                false
            });
            Membership::of(&Order::new(self.ordered(|id| seen.contains(id)))).is_admin(&author)
        }
    }

    fn depth(&self, id: &ChangeId) -> Option<u32> {
        self.changes.get(id).map(|kept| kept.depth)
    }

    /// Goes through what a change had seen, the deepest first and as far back as this depth, until
    /// it is over.
    fn look_back(&self, change: &Change, depth: u32, mut is_over: impl FnMut(&ChangeId, &Change) -> bool) {
        let of = |change: &Change| -> Vec<(u32, ChangeId)> {
            let parents = change.parents().iter();
            parents.filter_map(|id| Some((self.depth(id)?, *id))).filter(|(own, _)| *own >= depth).collect()
        };
        let mut next: BTreeSet<(u32, ChangeId)> = of(change).into_iter().collect();
        while let Some((_, id)) = next.pop_last() {
            let Some(kept) = self.changes.get(&id) else { continue };
            if is_over(&id, &kept.change) {
                return;
            }
            next.extend(of(&kept.change));
        }
    }
}
