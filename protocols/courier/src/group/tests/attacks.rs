//! Tests: those who were removed, or never let in, and what they sign all the same.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::model::{begun, make, steps};
use super::{View, device, did, four, meet};

fn by(who: u8, parents: Vec<ChangeId>, action: Action) -> Change {
    Change::new(parents, did(who), action, &device(who)).unwrap()
}

fn gathered(changes: &[Change]) -> Gathered {
    let mut gathered = Gathered::new(changes[0].clone()).unwrap();
    for change in &changes[1..] {
        gathered.add(change.clone(), change.author());
    }
    gathered
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn who_was_removed_does_nothing_by_changes_of_any_shape_that_the_removal_had_not_seen(
        before in steps(24),
        after in steps(12),
        (removed, count) in (1_u8..4, 1_usize..12),
        shapes in prop::collection::vec((0_u8..12, 0_u8..6, any::<[prop::sample::Index; 2]>(), any::<bool>()), 12),
    ) {
        // The founder has seen all of it, and removes somebody. Others go on, and have seen that.
        let mut changes = begun();
        let (mut before, mut after) = (before, after);
        before.retain(|step| step.0 != 0 || step.1 != 10);
        after.retain(|step| step.0 != removed && (step.0 != 0 || step.1 != 10) && step.2 != removed);
        for step in before {
            make(&mut changes, step);
        }
        let heads = gathered(&changes).membership().heads().to_vec();
        let is_before = changes.len();
        let removal = by(0, heads, Action::Remove(did(removed)));
        prop_assume!(!changes.contains(&removal));
        changes.push(removal.clone());
        for (who, what, whom, _) in after {
            make(&mut changes, (who, what, whom, vec![]));
        }
        let honest = gathered(&changes).membership();
        prop_assume!(!honest.is_void(&removal.id()));
        // What they sign now is said to be of before, or of after one another.
        let mut known: Vec<ChangeId> = changes[..is_before].iter().map(Change::id).collect();
        let mut signed = vec![];
        for (what, whom, seen, is_long) in shapes.into_iter().take(count) {
            let mut parents: Vec<ChangeId> = seen.iter().map(|at| known[at.index(known.len())]).collect();
            if is_long {
                parents.push(known[known.len() - 1]);
            }
            let action = match what {
                0..4 => Action::Add(did(whom + 6 * (what % 2))),
                4..7 => Action::Remove(did(whom)),
                7..10 => Action::Appoint(did(whom + 6 * (what % 2))),
                10 => Action::Leave,
                _ => Action::Rename("theirs".to_string()),
            };
            // And so do those whom they let in.
            let who = if what == 6 { 6 + whom } else { removed };
            let change = by(who, parents, action);
            known.push(change.id());
            signed.push(change);
        }
        let mut all = gathered(&changes);
        for change in &signed {
            all.add(change.clone(), did(removed));
        }
        let found = all.membership();
        prop_assert_eq!(found.members(), honest.members());
        prop_assert_eq!(found.name(), honest.name());
        for member in found.members() {
            prop_assert_eq!(found.is_admin(&member), honest.is_admin(&member));
        }
        // What others said after it counts as it did.
        for change in &changes {
            prop_assert_eq!(found.is_void(&change.id()), honest.is_void(&change.id()));
        }
    }

    #[test]
    fn whatever_anybody_signs_all_orders_of_arrival_give_one_membership(
        steps in steps(40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let mut changes = begun();
        for step in steps {
            make(&mut changes, step);
        }
        let straight = gathered(&changes);
        let mut left = changes.split_off(1);
        let mut shuffled = Gathered::new(changes.remove(0)).unwrap();
        for at in order.iter().cycle() {
            if left.is_empty() {
                break;
            }
            shuffled.add(left.swap_remove(at.index(left.len())), did(at.index(9) as u8));
        }
        let ids = |gathered: &Gathered| gathered.changes().map(Change::id).collect::<Vec<_>>();
        prop_assert_eq!(ids(&straight), ids(&shuffled));
        prop_assert_eq!(straight.membership(), shuffled.membership());
    }
}

#[test]
fn an_admin_who_was_removed_lets_nobody_in_where_the_removal_had_seen_a_junior() {
    // 1 is an admin, and 2 after it. What 2 does is seen by the removal of 1.
    let mut group = four();
    group.act(Action::Appoint(did(2)));
    let before = group.gathered.membership().heads().to_vec();
    let mut two = group.of(2);
    two.act(Action::Add(did(4)));
    group.hear(&two);
    group.act(Action::Remove(did(1)));
    let let_in = by(1, before.clone(), Action::Add(did(9)));
    let appointed = by(1, vec![let_in.id()], Action::Appoint(did(9)));
    let revenge = by(9, vec![appointed.id()], Action::Remove(did(3)));
    let left = by(1, before, Action::Leave);
    for change in [let_in, appointed, revenge, left] {
        assert_ne!(group.gathered.add(change.clone(), did(1)), Taken::Waits);
        assert!(group.gathered.membership().is_void(&change.id()));
    }
    assert_eq!(group.members(), [0, 2, 3, 4]);
}

#[test]
fn a_junior_does_not_void_what_a_senior_did_before_they_left() {
    // 1 appointed 2, left, and was added again. 3, who is junior to 2, pretends to have seen
    // nothing of it.
    let mut group = four();
    let first = group.gathered.membership().heads().to_vec();
    let mut one = group.of(1);
    one.act(Action::Appoint(did(2)));
    group.hear(&one);
    group.act(Action::Appoint(did(3)));
    let mut one = group.of(1);
    one.act(Action::Leave);
    group.hear(&one);
    group.act(Action::Add(did(1)));
    group.act(Action::Rename("band".to_string()));
    // As far as this had seen, 3 is no admin.
    let change = by(3, first, Action::Rename("3".to_string()));
    assert_eq!(group.gathered.add(change, did(3)), Taken::No);
    // Long enough to come last.
    let mut parents = vec![
        group.gathered.changes().find(|change| *change.action() == Action::Appoint(did(3))).unwrap().id(),
    ];
    for number in 0..12 {
        let change = by(3, parents, Action::Rename(number.to_string()));
        parents = vec![change.id()];
        assert_eq!(group.gathered.add(change, did(3)), Taken::Yes(0));
    }
    let removal = by(3, parents, Action::Remove(did(1)));
    assert_eq!(group.gathered.add(removal.clone(), did(3)), Taken::Yes(0));
    assert!(group.gathered.membership().is_void(&removal.id()));
    // Having seen that they left, 3 may.
    let mut three = group.of(3);
    three.act(Action::Remove(did(1)));
    assert_eq!(three.members(), [0, 2, 3]);
}

#[test]
fn who_left_lets_nobody_in_once_an_admin_has_removed_them_too() {
    let mut group = four();
    let before = group.gathered.membership().heads().to_vec();
    let mut one = group.of(1);
    one.act(Action::Rename("band".to_string()));
    one.act(Action::Leave);
    group.hear(&one);
    let let_in = by(1, before, Action::Add(did(9)));
    let mut other = group.clone();
    other.gathered.add(let_in.clone(), did(1));
    assert_eq!(other.members(), [0, 2, 3, 9]);
    group.act(Action::Remove(did(1)));
    meet(&mut group, &mut other);
    assert_eq!(group.members(), [0, 2, 3]);
    assert!(group.gathered.membership().is_void(&let_in.id()));
    // What they did before they left stays, and they may come back.
    assert_eq!(group.gathered.membership().name(), "band");
    group.act(Action::Add(did(1)));
    group.act(Action::Appoint(did(1)));
    let mut one = group.of(1);
    one.act(Action::Add(did(7)));
    assert_eq!(one.members(), [0, 1, 2, 3, 7]);
}

#[test]
fn whom_a_removed_admin_appointed_stays_as_far_as_the_removal_had_seen_it() {
    let mut group = four();
    let mut one = group.of(1);
    one.act(Action::Appoint(did(2)));
    group.hear(&one);
    one.act(Action::Appoint(did(3)));
    let mut three = one.of(3);
    three.act(Action::Add(did(8)));
    group.act(Action::Remove(did(1)));
    meet(&mut group, &mut three);
    assert_eq!(group.members(), [0, 2, 3]);
    let membership = group.gathered.membership();
    assert!(membership.is_admin(&did(2)) && !membership.is_admin(&did(3)));
}

#[test]
fn a_removed_admins_friends_void_nothing_of_others() {
    // 1 was removed, and appoints 3 in what is said to be of before; 3 removes 2, beside what 2 does.
    let mut group = four();
    let before = group.gathered.membership().heads().to_vec();
    group.act(Action::Appoint(did(2)));
    let mut two = group.of(2);
    two.act(Action::Add(did(4)));
    group.hear(&two);
    group.act(Action::Remove(did(1)));
    let friend = by(1, before, Action::Appoint(did(3)));
    let against = by(3, vec![friend.id()], Action::Remove(did(2)));
    group.gathered.add(friend, did(1));
    group.gathered.add(against, did(3));
    assert_eq!(group.members(), [0, 2, 3, 4]);
}

#[test]
fn strangers_and_members_fill_nothing() {
    let mut group = four();
    let heads = group.gathered.membership().heads().to_vec();
    let count = group.gathered.changes().count();
    // Somebody whom nobody added, and whom somebody who may not adds.
    let sponsor = by(2, heads.clone(), Action::Add(did(9)));
    assert_eq!(group.gathered.add(sponsor, did(2)), Taken::No);
    for who in 9..200 {
        assert_eq!(group.gathered.add(by(who, heads.clone(), Action::Leave), did(who)), Taken::No);
    }
    assert_eq!(group.gathered.changes().count(), count);
    // A member, who leaves over and over.
    let mut parents = heads;
    for number in 0..2 * LEAVES_MAX {
        let change = by(2, parents.clone(), Action::Leave);
        parents = vec![change.id()];
        let taken = group.gathered.add(change, did(2));
        assert_eq!(matches!(taken, Taken::Yes(_)), number < LEAVES_MAX, "{number}");
    }
    // What waits is bounded for whoever brings it, and pushes out nothing that others brought.
    let missing = ChangeId([7; 32]);
    let first = group.act(Action::Add(did(5)));
    let good = by(0, vec![first.id(), missing], Action::Add(did(6)));
    assert_eq!(group.gathered.add(good.clone(), did(0)), Taken::Waits);
    for number in 0..3000_u16 {
        let unknown = ChangeId([number as u8; 32]);
        let change = by(9, vec![unknown], Action::Rename(number.to_string()));
        assert_eq!(group.gathered.add(change, did(9)), Taken::Waits);
    }
    assert!(group.gathered.missing().len() <= WAITING_OF_ONE_MAX + 1);
    assert_eq!(group.gathered.add(good, did(0)), Taken::Known);
}

#[test]
fn changes_by_many_admins_are_gone_through_soon() {
    // Fewer here than there may be, since tests are not optimized; a release build takes all of
    // them.
    let count = if cfg!(debug_assertions) { 6_000 } else { CHANGES_MAX };
    let mut view = View::found();
    for who in 1..40 {
        view.act(Action::Add(did(who)));
        view.act(Action::Appoint(did(who)));
    }
    let mut heads = view.gathered.membership().heads().to_vec();
    for number in view.gathered.changes().count()..count {
        let who = (number % 40) as u8;
        let action = match number % 3 {
            0 => Action::Add(did(100 + (number / 6 % 100) as u8)),
            1 => Action::Remove(did(100 + (number / 6 % 100) as u8)),
            _ => Action::Rename(number.to_string()),
        };
        let change = by(who, heads.clone(), action);
        // Every other one beside the one before.
        if number % 2 == 0 {
            heads.clear();
        }
        heads.push(change.id());
        heads.truncate(8);
        assert_eq!(view.gathered.add(change, did(who)), Taken::Yes(0), "{number}");
    }
    assert_eq!(view.gathered.changes().count(), count);
    let membership = view.gathered.membership();
    assert!(membership.members().len() >= 40);
}
