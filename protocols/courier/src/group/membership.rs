//! Who belongs to a group, from the changes that were gathered.
//!
//! One change stands *beside* another where neither had seen the other, also not by way of what it
//! had seen.
//!
//! **Order.** A change's depth is one more than that of the deepest that it had seen. All are
//! gone through by depth, then by id.
//!
//! **What counts.** The founding counts. Another change counts, at its place in that order, if
//! - leaving: its author is a member;
//! - anything else: its author is an admin, which is who was appointed since they were added, and
//!   the founder; where no admin is left, the most senior member is one;
//! - adding: the person is no member, and there is room;
//! - appointing: the person is a member and was not appointed;
//! - removing: the person is another one than the author, is a member or was one, and as far as
//!   the removal had seen, is not senior to its author. That is: neither as a member now, nor as
//!   the member that they were when they left or were removed by something that the removal had not
//!   seen, of which [`FORMER_MAX`] are remembered, the most senior.
//!
//! **Seniority** is the place of what made somebody admin; members who are none come after all
//! admins, by the place of what added them. So whoever appoints is senior to the appointed.
//!
//! **Removals first.** A removal that counts voids whatever the removed did beside it, also what
//! stands before it in the order: nobody whom it put out does anything by changes that are said to
//! be of before. So removals are settled before anything else counts. All changes are gone
//! through. Where a removal counted beside a change of whom it removes, and that change counted,
//! too, one of the two has to give way. Of these removals, those by the most senior author (as
//! they are at its place) are settled: they count from then on, whatever else; void are all
//! changes of whom they remove that stand beside them, and all removals of their author that do.
//! Then all changes are gone through again, until nothing is left to settle.
//!
//! What follows from it: of two who remove each other, the senior stays. Whom the removed had
//! appointed stays, as far as the removal had seen it. Who was removed and is added again does
//! what they do after having seen both. Who leaves may have done something beside it; once an admin
//! who has seen that they left removes them as well, nothing more of the kind counts, and
//! clients do so where an admin left. Whatever an admin can do to others by changes that are
//! said to be of before, they could do to them anyway.
//!
//! It takes as many times as there are admins whose removals had to be settled, and one more.
//! Changes, 65,536 of them by 40 admins, are gone through in less than a second where none had to
//! be (0.1 s, optimized).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use allod_did::Did;

use super::change::{Action, Change, ChangeId, PARENTS_MAX};
use super::order::{Order, Places};

/// The most members of a group.
pub const MEMBERS_MAX: usize = 1000;

/// How many times somebody who was put out is remembered as what they were.
const FORMER_MAX: usize = 4;

/// What is after so many changes is kept at hand.
const AFTER_MAX: usize = 1024;

/// Whether somebody is no admin, and since which place they are what they are. Less is more
/// senior.
type Seniority = (bool, usize);

/// A member, as things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    /// The place of the change that added them.
    added: usize,
    /// The place of the one that made them admin.
    appointed: Option<usize>,
}

impl Member {
    fn seniority(&self) -> Seniority {
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
    /// Changes that count and that no other one that counts had seen.
    heads: Vec<ChangeId>,
}

impl Membership {
    /// From changes in their order.
    pub(super) fn of(order: &Order<'_>) -> Self {
        let mut settling = Settling {
            order,
            is_settled: vec![false; order.changes.len()],
            is_void: vec![false; order.changes.len()],
            after: BTreeMap::new(),
        };
        loop {
            let pass = settling.pass();
            let settled = settling.next(&pass);
            if settled.is_empty() {
                let ids = order.changes.iter().map(|(id, _)| *id).zip(&pass.counted);
                let void = ids.filter(|(_, counted)| !**counted).map(|(id, _)| id).collect();
                let heads = order.last_of(&pass.counted);
                return Self { name: pass.name, members: pass.members, void, heads };
            }
            settled.into_iter().for_each(|place| settling.settle(place));
        }
    }

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
        is_admin(&self.members, did)
    }

    /// Whether this change did not count.
    pub fn is_void(&self, id: &ChangeId) -> bool {
        self.void.contains(id)
    }

    /// What a new change has seen: at most [`PARENTS_MAX`], where more stand side by side.
    /// Changes that do not count are not among them, so that nobody has to keep them.
    pub fn heads(&self) -> &[ChangeId] {
        &self.heads[..self.heads.len().min(PARENTS_MAX)]
    }
}

fn is_admin(members: &BTreeMap<Did, Member>, did: &Did) -> bool {
    let Some(own) = members.get(did) else { return false };
    // Admins come before all others, so the first of all says whether there is any.
    own.appointed.is_some()
        || members.values().all(|member| member.appointed.is_none() && member.seniority() >= own.seniority())
}

/// What has been settled.
struct Settling<'a> {
    order: &'a Order<'a>,
    is_settled: Vec<bool>,
    is_void: Vec<bool>,
    /// What had seen some changes.
    after: BTreeMap<usize, Places>,
}

/// What came of going through all changes.
#[derive(Default)]
struct Pass {
    name: String,
    members: BTreeMap<Did, Member>,
    counted: Vec<bool>,
    /// As what people were put out, and by which change.
    former: BTreeMap<Did, Vec<(Seniority, usize)>>,
    /// Removals that counted and are not settled, with the seniority of their authors.
    removals: Vec<(Seniority, usize)>,
}

impl Settling<'_> {
    fn pass(&mut self) -> Pass {
        let mut pass = Pass::default();
        for (place, (_, change)) in self.order.changes.iter().enumerate() {
            let is_void = self.is_void.get(place).is_some_and(|is| *is);
            let counts = !is_void && self.apply(&mut pass, change, place);
            pass.counted.push(counts);
        }
        pass
    }

    /// Does a change, if its author may. Whether it counts.
    fn apply(&mut self, pass: &mut Pass, change: &Change, place: usize) -> bool {
        let author = change.author();
        if let Action::Found { name, .. } = change.action() {
            pass.name.clone_from(name);
            pass.members.insert(author, Member { added: place, appointed: Some(place) });
            return true;
        }
        if let Action::Remove(did) = change.action()
            && self.is_settled.get(place).is_some_and(|is| *is)
        {
            pass.put_out(did, place);
            return true;
        }
        let Some(own) = pass.members.get(&author).copied() else { return false };
        if *change.action() == Action::Leave {
            pass.put_out(&author, place);
            return true;
        }
        if !is_admin(&pass.members, &author) {
            return false;
        }
        match change.action() {
            Action::Add(did) => {
                let has_room = pass.members.len() < MEMBERS_MAX && !pass.members.contains_key(did);
                if has_room {
                    pass.members.insert(*did, Member { added: place, appointed: None });
                }
                has_room
            }
            Action::Remove(did) => {
                let counts = author != *did && self.may_remove(pass, own.seniority(), did, place);
                if counts {
                    pass.removals.push((own.seniority(), place));
                    pass.put_out(did, place);
                }
                counts
            }
            Action::Appoint(did) => match pass.members.get_mut(did) {
                Some(member) if member.appointed.is_none() => {
                    member.appointed = Some(place);
                    true
                }
                _ => false,
            },
            Action::Rename(name) => {
                pass.name.clone_from(name);
                true
            }
            Action::Found { .. } | Action::Leave => false,
        }
    }

    fn may_remove(&mut self, pass: &Pass, own: Seniority, did: &Did, place: usize) -> bool {
        let member = pass.members.get(did);
        let former = pass.former.get(did).map_or(&[][..], Vec::as_slice);
        if member.is_none() && former.is_empty() || member.is_some_and(|member| member.seniority() < own) {
            return false;
        }
        former.iter().all(|(seniority, by)| *seniority > own || self.has_seen(place, *by))
    }

    fn has_seen(&mut self, place: usize, earlier: usize) -> bool {
        if self.after.len() >= AFTER_MAX && !self.after.contains_key(&earlier) {
            self.after.clear();
        }
        let order = self.order;
        self.after.entry(earlier).or_insert_with(|| order.after(earlier)).has(place)
    }

    /// The removals that are to be settled next.
    fn next(&self, pass: &Pass) -> Vec<usize> {
        let mut removals = pass.removals.clone();
        removals.retain(|(_, place)| {
            let acted = self.target(*place).map_or(&[][..], |did| self.order.by(did));
            acted.iter().any(|place| pass.counted.get(*place).is_some_and(|is| *is))
        });
        removals.sort_unstable();
        let mut first = None;
        let mut next = Vec::new();
        for some in removals.chunks(64) {
            let is_past = |(seniority, _): &(Seniority, usize)| first.is_some_and(|first| *seniority > first);
            if some.first().is_some_and(is_past) {
                break;
            }
            let places: Vec<usize> = some.iter().map(|(_, place)| *place).collect();
            let contested = self.order.contested(&places, &pass.counted);
            for (number, (seniority, place)) in some.iter().enumerate() {
                if contested >> number & 1 == 1 && *first.get_or_insert(*seniority) == *seniority {
                    next.push(*place);
                }
            }
        }
        next
    }

    fn target(&self, place: usize) -> Option<&Did> {
        match self.order.changes.get(place)?.1.action() {
            Action::Remove(did) => Some(did),
            _ => None,
        }
    }

    fn settle(&mut self, place: usize) {
        let (Some(target), Some((_, change))) = (self.target(place), self.order.changes.get(place)) else {
            return;
        };
        let is_beside = self.order.beside(place);
        let (acted, removals) = (self.order.by(target), self.order.removals_of(&change.author()));
        for void in acted.iter().chain(removals).filter(|other| is_beside(**other)) {
            self.is_void[*void] = true;
        }
        self.is_settled[place] = true;
    }
}

impl Pass {
    fn put_out(&mut self, did: &Did, place: usize) {
        if let Some(member) = self.members.remove(did) {
            let former = self.former.entry(*did).or_default();
            former.push((member.seniority(), place));
            former.sort_unstable();
            former.truncate(FORMER_MAX);
        }
    }
}
