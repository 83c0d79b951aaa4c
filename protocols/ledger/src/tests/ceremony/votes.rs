//! How guardians agree on a key.

use allod_crypto::group::Ristretto255;

use super::*;
use crate::Rejection;
use crate::shared_key::{KEYS_MAX, Keys, NETWORK_KEY};

fn approve(spec: &KeySpec) -> Action {
    Action::Approve { spec: spec.clone() }
}

fn spec_of(world: &World, name: &str) -> Option<KeySpec> {
    world.find::<SharedKey>(&KeyName::new(name).unwrap()).map(|key| key.spec)
}

#[test]
fn a_key_is_of_a_size_and_threshold_that_can_be_kept_and_not_be_had_twice() {
    for size in 0..=300u16 {
        for threshold in 0..=size.min(260) + 1 {
            // A third less one may fail, and two groups never both have enough.
            let may_fail = size.saturating_sub(1) / 3;
            let good = (1..=255).contains(&size)
                && threshold >= 1
                && threshold + may_fail <= size
                && 2 * threshold > size;
            assert_eq!(spec("key", size, threshold).check().is_ok(), good, "{threshold} of {size}");
        }
    }
    assert!(spec("key", u16::MAX, u16::MAX).check().is_err());
}

#[test]
fn the_key_that_signs_checkpoints_is_of_the_group_for_signatures() {
    let network = |group| KeySpec { group, ..spec(NETWORK_KEY, 4, 3) };
    assert_eq!(network(GroupName::Ristretto255).check(), Err(Rejection::BadKey));
    assert_eq!(network(GroupName::BabyJubJub).check(), Err(Rejection::BadKey));
    assert_eq!(network(GroupName::Bls12381G2).check(), Ok(()));
    let own = KeySpec { apart_from: KeyName::new("key").ok(), ..spec("key", 4, 3) };
    assert_eq!(own.check(), Err(Rejection::BadKey), "apart from itself");
}

#[test]
fn a_keys_name_is_short_and_plain() {
    for good in ["a", "oprf/web", "v1.0-x", &"k".repeat(32)] {
        assert_eq!(KeyName::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "A", "a b", "ä", "a_b", &"k".repeat(33)] {
        assert_eq!(KeyName::new(bad), Err(Rejection::BadKey), "{bad:?}");
    }
}

#[test]
fn more_than_two_thirds_of_the_active_guardians_decide() {
    for (guardians, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (9, 7)] {
        let mut world = World::with(guardians, |_| {});
        let new = spec("new", 1, 1);
        for guardian in 0..needed {
            assert_eq!(spec_of(&world, "new"), None, "{guardian} of {guardians} have voted");
            assert_eq!(world.guard(guardian, approve(&new)), Ok(()));
        }
        assert_eq!(spec_of(&world, "new"), Some(new));
        let members = Holders::<Ristretto255>::of("new").members(&world);
        assert_eq!(members.len(), 1, "the first session begins with the decision");
    }
}

#[test]
fn a_vote_counts_once_and_only_while_its_guardian_is_active() {
    let mut world = World::with(6, |_| {});
    let new = spec("new", 4, 3);
    assert_eq!(world.guard(0, approve(&new)), Ok(()));
    assert_eq!(world.guard(0, approve(&new)), Err(Rejection::NothingNew));
    for guardian in 1..4 {
        assert_eq!(world.guard(guardian, approve(&new)), Ok(()));
    }
    // Two who voted are gone: of four that are left two have voted.
    world.evict(1);
    world.does(CLEO, Action::Leave { guardian: world.guardians[2].id() }).unwrap();
    assert_eq!(world.guard(2, approve(&new)), Err(Rejection::NotActive));
    assert_eq!(world.guard(1, approve(&new)), Err(Rejection::NotActive));
    assert_eq!(spec_of(&world, "new"), None);
    assert_eq!(world.does(ANN, approve(&new)), Err(Rejection::WrongAuthor), "a person does not vote");
    assert_eq!(world.guard(4, approve(&new)), Ok(()));
    assert_eq!(spec_of(&world, "new"), Some(new), "three of four");
}

#[test]
fn votes_for_one_thing_are_no_votes_for_another() {
    let mut world = World::new();
    assert_eq!(world.guard(0, approve(&spec("new", 4, 3))), Ok(()));
    assert_eq!(world.guard(1, approve(&spec("new", 3, 2))), Ok(()));
    let apart = KeySpec { per_operator: 1, ..spec("new", 4, 3) };
    assert_eq!(world.guard(2, approve(&apart)), Ok(()));
    assert_eq!(world.guard(3, approve(&spec("newer", 4, 3))), Ok(()));
    assert_eq!(spec_of(&world, "new"), None);
}

#[test]
fn what_cannot_be_is_not_voted_for() {
    let mut world = world(4, 4, 3);
    assert_eq!(world.guard(0, approve(&spec("new", 4, 2))), Err(Rejection::BadKey));
    assert_eq!(world.guard(0, approve(&spec("key", 4, 3))), Err(Rejection::NothingNew), "it is so already");
    let other_group = KeySpec { group: GroupName::BabyJubJub, ..spec("key", 4, 3) };
    assert_eq!(world.guard(0, approve(&other_group)), Err(Rejection::BadKey), "it would be another key");
}

#[test]
fn there_are_so_many_keys_and_no_more() {
    let mut world = World::with(1, |genesis| {
        genesis.keys = (0..KEYS_MAX - 1).map(|number| spec(&alloc::format!("k{number}"), 2, 2)).collect();
    });
    assert_eq!(world.guard(0, approve(&spec("last", 2, 2))), Ok(()));
    assert_eq!(world.guard(0, approve(&spec("more", 2, 2))), Err(Rejection::BadKey));
    let Keys(names) = world.get(&());
    assert!(names.is_sorted() && names.len() == KEYS_MAX);
    let other = KeySpec { per_operator: 1, ..spec("last", 2, 2) };
    assert_eq!(world.guard(0, approve(&other)), Ok(()), "one that is there can still be changed");
}

#[test]
fn a_session_keeps_its_operators_and_jurisdictions_apart() {
    let mut world = World::with(9, |genesis| {
        for (number, founder) in genesis.founders.iter_mut().enumerate() {
            founder.terms.operator = alloc::format!("operator {}", number % 5);
            founder.terms.jurisdiction = alloc::format!("land {}", number % 4);
        }
        let limits = KeySpec { per_operator: 1, per_jurisdiction: 2, ..spec("key", 7, 4) };
        genesis.keys.push(limits);
        genesis.parameters.reshare_epochs = 1;
    });
    let mut holders = Holders::<Ristretto255>::of("key");
    for generation in 0..6 {
        while holders.ceremony(&world).is_none() {
            world.empty(1);
        }
        let members = holders.members(&world);
        assert!(members.len() <= 5, "there are five operators");
        for (at, member) in members.iter().enumerate() {
            assert!(members[..at].iter().all(|other| other % 5 != member % 5));
            assert!(members[..at].iter().filter(|other| *other % 4 == member % 4).count() < 2);
        }
        holders.run(&mut world);
        assert_eq!(holders.sharing(&world).unwrap().0, generation);
    }
    assert!(holders.key(&world).sessions > 6, "some draws left too few, and others followed");
}
