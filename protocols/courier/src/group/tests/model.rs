//! The rule of [`membership`](super::super::membership) once more, as slow and as plain as can be,
//! and what holds of it for any changes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use allod_did::Did;
use proptest::prelude::*;

use super::super::*;
use super::{device, did};
use crate::group::membership::Membership;
use crate::group::order::Order;

/// Changes by the people of a group: who, what, whom, and which changes they had seen.
pub(super) type Step = (u8, u8, u8, Vec<prop::sample::Index>);

pub(super) fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let seen = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    prop::collection::vec((0_u8..6, 0_u8..12, 0_u8..6, seen), 1..count)
}

pub(super) fn founding() -> Change {
    Change::new(vec![], did(0), Action::Found { name: "choir".into(), salt: [1; 16] }, &device(0)).unwrap()
}

pub(super) fn make(changes: &mut Vec<Change>, (who, what, whom, seen): Step) -> Change {
    let whom = did(whom);
    let action = match what {
        0..3 => Action::Add(whom),
        3..6 => Action::Remove(whom),
        6..10 => Action::Appoint(whom),
        10 => Action::Leave,
        _ => Action::Rename(alloc::format!("{}", changes.len())),
    };
    // Mostly the last ones, so that there are long ways.
    let mut parents: Vec<ChangeId> = seen
        .iter()
        .map(|at| changes[changes.len() - 1 - at.index(changes.len()).min(at.index(5))].id())
        .collect();
    if parents.is_empty() {
        parents.push(changes[changes.len() - 1].id());
    }
    let change = Change::new(parents, did(who), action, &device(who)).unwrap();
    if !changes.contains(&change) {
        changes.push(change.clone());
    }
    change
}

/// Everybody is a member, and 1, 2 and 3 are admins.
pub(super) fn begun() -> Vec<Change> {
    let mut changes = vec![founding()];
    let adds = (1..6).map(|member| Action::Add(did(member)));
    for action in adds.chain((1..4).map(|member| Action::Appoint(did(member)))) {
        let parent = vec![changes[changes.len() - 1].id()];
        changes.push(Change::new(parent, did(0), action, &device(0)).unwrap());
    }
    changes
}

type Seniority = (bool, usize);

struct Model {
    order: Vec<Change>,
    seen: Vec<BTreeSet<usize>>,
    settled: BTreeSet<usize>,
    void: BTreeSet<usize>,
}

#[derive(Default)]
pub(super) struct Outcome {
    /// As who somebody is a member: since when, and since when as an admin.
    members: BTreeMap<Did, (usize, Option<usize>)>,
    pub(super) counted: BTreeSet<usize>,
    removals: Vec<(Seniority, usize)>,
    name: alloc::string::String,
}

fn seniority(member: (usize, Option<usize>)) -> Seniority {
    member.1.map_or((true, member.0), |place| (false, place))
}

impl Model {
    fn new(changes: &[Change]) -> Self {
        let by_id: BTreeMap<ChangeId, &Change> = changes.iter().map(|change| (change.id(), change)).collect();
        fn depth(
            by_id: &BTreeMap<ChangeId, &Change>,
            id: ChangeId,
            known: &mut BTreeMap<ChangeId, usize>,
        ) -> usize {
            if let Some(depth) = known.get(&id) {
                return *depth;
            }
            let parents = by_id[&id].parents().to_vec();
            let own = parents.into_iter().map(|parent| depth(by_id, parent, known) + 1).max().unwrap_or(0);
            known.insert(id, own);
            own
        }
        let mut known = BTreeMap::new();
        let mut ids: Vec<_> = by_id.keys().map(|id| (depth(&by_id, *id, &mut known), *id)).collect();
        ids.sort();
        let order: Vec<Change> = ids.iter().map(|(_, id)| by_id[id].clone()).collect();
        let mut seen: Vec<BTreeSet<usize>> = vec![];
        for change in &order {
            let mut own = BTreeSet::new();
            for parent in change.parents() {
                let place = ids.iter().position(|(_, id)| id == parent).unwrap();
                own.insert(place);
                own.extend(&seen[place]);
            }
            seen.push(own);
        }
        Self { order, seen, settled: BTreeSet::new(), void: BTreeSet::new() }
    }

    fn is_beside(&self, one: usize, other: usize) -> bool {
        one != other && !self.seen[one].contains(&other) && !self.seen[other].contains(&one)
    }

    fn removed(&self, place: usize) -> Option<Did> {
        match self.order[place].action() {
            Action::Remove(did) => Some(*did),
            _ => None,
        }
    }

    fn go_through(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut former: Vec<(Did, Seniority, usize)> = vec![];
        for (place, change) in self.order.iter().enumerate() {
            let author = change.author();
            let own = outcome.members.get(&author).copied();
            let most_senior = outcome.members.iter().min_by_key(|(_, member)| seniority(**member));
            let is_admin = own.is_some_and(|own| own.1.is_some())
                || most_senior.is_some_and(|(did, member)| *did == author && member.1.is_none());
            let counts = match change.action() {
                Action::Found { name, .. } => {
                    outcome.name = name.clone();
                    outcome.members.insert(author, (place, Some(place)));
                    true
                }
                _ if self.void.contains(&place) => false,
                Action::Leave => own.is_some(),
                Action::Remove(_) if self.settled.contains(&place) => true,
                _ if !is_admin => false,
                Action::Rename(name) => {
                    outcome.name = name.clone();
                    true
                }
                Action::Add(did) if outcome.members.contains_key(did) => false,
                Action::Add(did) => outcome.members.insert(*did, (place, None)).is_none(),
                Action::Appoint(did) => match outcome.members.get_mut(did) {
                    Some(member) if member.1.is_none() => {
                        member.1 = Some(place);
                        true
                    }
                    _ => false,
                },
                Action::Remove(did) => {
                    let mut was: Vec<_> = former.iter().filter(|(who, ..)| who == did).collect();
                    was.sort();
                    was.truncate(4);
                    let as_what: Vec<Seniority> = was
                        .iter()
                        .filter(|(_, _, by)| !self.seen[place].contains(by))
                        .map(|(_, seniority, _)| *seniority)
                        .chain(outcome.members.get(did).copied().map(seniority))
                        .collect();
                    let own = seniority(own.unwrap());
                    let known = !was.is_empty() || outcome.members.contains_key(did);
                    let counts = *did != author && known && as_what.iter().all(|other| *other > own);
                    if counts {
                        outcome.removals.push((own, place));
                    }
                    counts
                }
            };
            if counts {
                outcome.counted.insert(place);
                let gone = if *change.action() == Action::Leave { Some(author) } else { self.removed(place) };
                if let Some(gone) = gone
                    && let Some(member) = outcome.members.remove(&gone)
                {
                    former.push((gone, seniority(member), place));
                }
            }
        }
        outcome
    }

    fn settle(&mut self) -> Outcome {
        loop {
            let outcome = self.go_through();
            let is_contested = |place: usize| {
                let beside = outcome.counted.iter().filter(|other| self.is_beside(place, **other));
                beside.into_iter().any(|other| Some(self.order[*other].author()) == self.removed(place))
            };
            let contested: Vec<_> =
                outcome.removals.iter().filter(|(_, place)| is_contested(*place)).copied().collect();
            let Some((first, _)) = contested.iter().min().copied() else { return outcome };
            for (_, place) in contested.into_iter().filter(|(own, _)| *own == first) {
                for other in 0..self.order.len() {
                    if !self.is_beside(place, other) {
                        continue;
                    }
                    let acts = Some(self.order[other].author()) == self.removed(place);
                    if acts || self.removed(other) == Some(self.order[place].author()) {
                        self.void.insert(other);
                    }
                }
                self.settled.insert(place);
            }
        }
    }
}

fn membership(changes: &[Change]) -> Membership {
    // Past what is taken, so that whatever somebody could sign is gone through.
    let model = Model::new(changes);
    Membership::of(&Order::new(model.order.iter().map(|change| (change.id(), change)).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn members_are_those_of_an_independent_model(steps in steps(40)) {
        let mut changes = begun();
        for step in steps {
            make(&mut changes, step);
        }
        let (found, mut model) = (membership(&changes), Model::new(&changes));
        let outcome = model.settle();
        for (place, change) in model.order.iter().enumerate() {
            prop_assert_eq!(found.is_void(&change.id()), !outcome.counted.contains(&place));
        }
        let mut members: Vec<_> = outcome.members.iter().map(|(did, member)| (seniority(*member), *did)).collect();
        members.sort();
        prop_assert_eq!(found.members(), members.iter().map(|(_, did)| *did).collect::<Vec<_>>());
        prop_assert_eq!(found.name(), &outcome.name);
        for ((is_plain, _), did) in &members {
            prop_assert!(found.is_admin(did) || *is_plain);
        }
        // What nobody has seen of what counts, and nothing else.
        let last = |place: &usize| !outcome.counted.iter().any(|other| model.seen[*other].contains(place));
        let mut heads: Vec<_> = outcome.counted.iter().filter(|place| last(place)).map(|at| model.order[*at].id()).collect();
        heads.sort();
        prop_assert_eq!(found.heads(), &heads[..heads.len().min(PARENTS_MAX)]);
    }

    #[test]
    fn nothing_counts_that_a_removal_that_counts_had_not_seen_of_whom_it_removes(steps in steps(40)) {
        let mut changes = begun();
        for step in steps {
            make(&mut changes, step);
        }
        let (found, model) = (membership(&changes), Model::new(&changes));
        let counts = |place: &usize| !found.is_void(&model.order[*place].id());
        for place in (0..model.order.len()).filter(counts) {
            let Some(removed) = model.removed(place) else { continue };
            for other in (0..model.order.len()).filter(counts) {
                prop_assert!(model.order[other].author() != removed || !model.is_beside(place, other));
            }
        }
    }
}
