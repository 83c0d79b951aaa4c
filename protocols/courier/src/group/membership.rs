//! Who belongs to a group, from the changes that were gathered.
//!
//! Changes name what they had seen, and so are ordered in part. They are gone through in one
//! order that all who have them agree on: each after all that it had seen, and of those that
//! could be next the one of the most senior author; of one author's, leaving first; then by id. A change counts if its
//! author is a member then and may do what it does. So what an admin did holds against what a
//! junior one did at the same time, and a removal against everything that the removed did
//! without having seen it, or says so. Seniors are never removed by juniors: those could else
//! be undone by changes that are said to be of before.
//!
//! Seniority is the place in that order where somebody became admin; members who are none come
//! after all admins, by the place where they were added. Where no admin is left, the most
//! senior member is one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use allod_did::Did;

use super::change::{Action, Change, ChangeId, GroupId, PARENTS_MAX};

/// The most members of a group.
pub const MEMBERS_MAX: usize = 1000;

/// Changes whose parents are not here yet, at most; more are not taken.
const WAITING_MAX: usize = 1024;

/// Changes of one group, at most.
const CHANGES_MAX: usize = 65_536;

/// The changes of a group that have come, in any order.
#[derive(Clone, Debug)]
pub struct Gathered {
    id: GroupId,
    changes: BTreeMap<ChangeId, Change>,
    /// Those that came before something that they had seen.
    waiting: BTreeMap<ChangeId, Change>,
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
    /// It is of another group, or there are too many.
    No,
}

/// A member, as things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    /// The place of the change that added them.
    added: u32,
    /// The place of the one that made them admin.
    appointed: Option<u32>,
}

impl Member {
    /// Less is more senior.
    fn seniority(&self) -> (bool, u32) {
        (self.appointed.is_none(), self.appointed.unwrap_or(self.added))
    }
}

/// Who belongs to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    name: String,
    members: BTreeMap<Did, Member>,
    /// Changes that did not count.
    void: BTreeSet<ChangeId>,
    /// Changes that no other one had seen.
    heads: Vec<ChangeId>,
}

impl Gathered {
    /// Of the group that this change founds. `None` where it founds none.
    pub fn new(founding: Change) -> Option<Self> {
        let founds = matches!(founding.action(), Action::Found { .. });
        let id = founding.id();
        founds.then(|| Self {
            id: GroupId(id.0),
            changes: BTreeMap::from([(id, founding)]),
            waiting: BTreeMap::new(),
        })
    }

    /// Which group it is.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// Takes a change. The caller has seen to it that the device is the author's.
    pub fn add(&mut self, change: Change) -> Taken {
        let id = change.id();
        if self.changes.contains_key(&id) || self.waiting.contains_key(&id) {
            return Taken::Known;
        }
        if matches!(change.action(), Action::Found { .. }) || self.changes.len() >= CHANGES_MAX {
            return Taken::No;
        }
        if !self.is_ready(&change) {
            if self.waiting.len() >= WAITING_MAX {
                return Taken::No;
            }
            self.waiting.insert(id, change);
            return Taken::Waits;
        }
        self.changes.insert(id, change);
        let mut waited = 0;
        while let Some(id) = self.waiting.iter().find(|(_, change)| self.is_ready(change)).map(|(id, _)| *id)
        {
            if let Some(change) = self.waiting.remove(&id) {
                self.changes.insert(id, change);
                waited += 1;
            }
        }
        Taken::Yes(waited)
    }

    fn is_ready(&self, change: &Change) -> bool {
        change.parents().iter().all(|parent| self.changes.contains_key(parent))
    }

    /// All changes but those that wait, the seen before those that saw them.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.ordered().0.into_iter().filter_map(|id| self.changes.get(&id))
    }

    /// A change that is here.
    pub fn get(&self, id: &ChangeId) -> Option<&Change> {
        self.changes.get(id)
    }

    /// What those that wait had seen and what is missing here.
    pub fn missing(&self) -> BTreeSet<ChangeId> {
        let seen = self.waiting.values().flat_map(Change::parents);
        seen.filter(|id| !self.changes.contains_key(id) && !self.waiting.contains_key(id)).copied().collect()
    }

    /// Who belongs to the group.
    pub fn membership(&self) -> Membership {
        self.ordered().1
    }

    /// Goes through all changes in the one order.
    fn ordered(&self) -> (Vec<ChangeId>, Membership) {
        let mut state = Membership {
            name: String::new(),
            members: BTreeMap::new(),
            void: BTreeSet::new(),
            heads: Vec::new(),
        };
        let (mut order, mut unseen) = (Vec::with_capacity(self.changes.len()), BTreeMap::new());
        let mut seen_by: BTreeMap<ChangeId, Vec<ChangeId>> = BTreeMap::new();
        let mut ready = Vec::new();
        for (id, change) in &self.changes {
            unseen.insert(*id, change.parents().len());
            change.parents().iter().for_each(|parent| seen_by.entry(*parent).or_default().push(*id));
            if change.parents().is_empty() {
                ready.push(*id);
            }
            if !seen_by.contains_key(id) {
                state.heads.push(*id);
            }
        }
        state.heads.retain(|id| !seen_by.contains_key(id));
        while let Some(next) = self.next(&ready, &state) {
            let id = ready.swap_remove(next);
            let Some(change) = self.changes.get(&id) else { continue };
            if !state.apply(change, order.len() as u32) {
                state.void.insert(id);
            }
            order.push(id);
            for later in seen_by.get(&id).into_iter().flatten() {
                if let Some(count) = unseen.get_mut(later) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(*later);
                    }
                }
            }
        }
        (order, state)
    }

    /// Which of those that could be next is next.
    fn next(&self, ready: &[ChangeId], state: &Membership) -> Option<usize> {
        let key = |id: &ChangeId| {
            let change = self.changes.get(id);
            let member = change.and_then(|change| state.members.get(&change.author()));
            let stays = !change.is_some_and(|change| *change.action() == Action::Leave);
            // Whoever is no member comes last, and does nothing.
            (member.is_none(), member.map(Member::seniority), stays, *id)
        };
        (0..ready.len()).min_by_key(|at| key(&ready[*at]))
    }
}

impl Membership {
    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The members, the most senior first.
    pub fn members(&self) -> Vec<Did> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_unstable_by_key(|(_, member)| member.seniority());
        members.into_iter().map(|(did, _)| *did).collect()
    }

    /// Whether somebody belongs to it.
    pub fn has(&self, did: &Did) -> bool {
        self.members.contains_key(did)
    }

    /// Whether somebody may add and remove others.
    pub fn is_admin(&self, did: &Did) -> bool {
        let any = self.members.values().any(|member| member.appointed.is_some());
        match self.members.get(did) {
            Some(member) if any => member.appointed.is_some(),
            // The most senior of those who are left.
            Some(member) => self.members.values().all(|other| other.seniority() >= member.seniority()),
            None => false,
        }
    }

    /// Whether this change did not count.
    pub fn is_void(&self, id: &ChangeId) -> bool {
        self.void.contains(id)
    }

    /// What a new change has seen: at most [`PARENTS_MAX`], where more stand side by side.
    pub fn heads(&self) -> &[ChangeId] {
        &self.heads[..self.heads.len().min(PARENTS_MAX)]
    }

    /// Does a change, if its author may. Whether it counts.
    fn apply(&mut self, change: &Change, place: u32) -> bool {
        let author = change.author();
        if let Action::Found { name, .. } = change.action() {
            self.name.clone_from(name);
            self.members.insert(author, Member { added: place, appointed: Some(place) });
            return true;
        }
        let Some(own) = self.members.get(&author).copied() else { return false };
        if *change.action() == Action::Leave {
            self.members.remove(&author);
            return true;
        }
        if !self.is_admin(&author) {
            return false;
        }
        match change.action() {
            Action::Add(did) => {
                let has_room = self.members.len() < MEMBERS_MAX && !self.has(did);
                if has_room {
                    self.members.insert(*did, Member { added: place, appointed: None });
                }
                has_room
            }
            Action::Remove(did) => {
                let is_junior =
                    self.members.get(did).is_some_and(|other| other.seniority() > own.seniority());
                if is_junior {
                    self.members.remove(did);
                }
                is_junior
            }
            Action::Appoint(did) => match self.members.get_mut(did) {
                Some(member) if member.appointed.is_none() => {
                    member.appointed = Some(place);
                    true
                }
                _ => false,
            },
            Action::Rename(name) => {
                self.name.clone_from(name);
                true
            }
            Action::Found { .. } | Action::Leave => false,
        }
    }
}
