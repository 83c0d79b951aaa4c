//! Dealings: how long the ledger keeps them, and a holder who comes late.

use allod_crypto::group::Ristretto255;

use super::*;

type Keys = Holders<Ristretto255>;

fn kept(world: &World, session: SessionId) -> usize {
    (1..10).filter(|dealer| world.find::<Dealt>(&(session, *dealer)).is_some()).count()
}

fn vote(world: &mut World, spec: &KeySpec) {
    for guardian in 0..5 {
        if world.get::<SharedKey>(&spec.name).spec != *spec {
            world.guard(guardian, Action::Approve { spec: spec.clone() }).unwrap();
        }
    }
}

#[test]
fn dealings_stay_as_long_as_the_sharing_that_they_made_is_in_force() {
    let mut world = world(5, 5, 3);
    let mut holders = Keys::of("key");
    let first = holders.session(&world).session;
    holders.run(&mut world);
    world.empty(20);
    assert_eq!(kept(&world, first), 5);
    vote(&mut world, &spec("key", 5, 4));
    let second = holders.session(&world).session;
    let members = holders.members(&world);
    holders.announce(&mut world, &members);
    holders.deal(&mut world, &members);
    assert_eq!((kept(&world, first), kept(&world, second)), (5, 5));
    holders.ready(&mut world, &members);
    assert_eq!((kept(&world, first), kept(&world, second)), (0, 5));
}

#[test]
fn dealings_of_the_sharing_in_force_survive_a_session_that_is_given_up() {
    let mut world = world(6, 5, 3);
    let mut holders = Keys::of("key");
    let first = holders.session(&world).session;
    holders.run(&mut world);
    vote(&mut world, &spec("key", 5, 4));
    let second = holders.session(&world).session;
    let members = holders.members(&world);
    holders.announce(&mut world, &members);
    let dealers = holders.dealers(&world);
    holders.deal(&mut world, &dealers);
    world.evict(members[0]);
    assert_eq!((kept(&world, first), kept(&world, second)), (5, 0));
}

#[test]
fn a_holder_who_comes_late_has_its_share_and_can_hand_it_on() {
    // Of four holders three are needed. One was away at the end, and one stops as
    // soon as the key is made: without the late one the key would be lost.
    let mut world = world(5, 4, 3);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    let (late, liar) = (members[1], members[2]);
    holders.announce(&mut world, &members);
    holders.deal(&mut world, &members);
    let there: Vec<usize> = members.iter().copied().filter(|member| *member != late).collect();
    holders.ready(&mut world, &there);
    holders.wait(&mut world);
    holders.settle(&world, &[late]);
    let output = holders.evaluate(&world, &there, b"input");
    // The liar leaves at once, so that the next session begins at once.
    let id = world.guardians[liar].id();
    world.does(liar % 5, Action::Leave { guardian: id }).unwrap();
    while holders.ceremony(&world).is_none() {
        world.empty(1);
    }
    holders.shares.remove(&liar);
    // Now the late one is back.
    let (generation, sharing) = holders.sharing(&world).unwrap();
    let share = holders.share(&world, &sharing, late);
    holders.shares.insert(late, (generation, share));
    let next = holders.members(&world);
    assert!(!next.contains(&liar));
    holders.announce(&mut world, &next);
    while holders.session(&world).phase == Phase::Announcing {
        world.empty(1);
    }
    let dealers: Vec<usize> = members.iter().copied().filter(|member| *member != liar).collect();
    holders.deal(&mut world, &dealers);
    while holders.session(&world).phase == Phase::Dealing {
        world.empty(1);
    }
    holders.ready(&mut world, &next);
    while holders.ceremony(&world).is_some() {
        world.empty(1);
    }
    holders.settle(&world, &[]);
    let holding = holders.holders(&world);
    assert_eq!(holders.evaluate(&world, &holding[..3], b"input"), output);
    assert_eq!(holders.sharing(&world).unwrap().0, 1);
}
