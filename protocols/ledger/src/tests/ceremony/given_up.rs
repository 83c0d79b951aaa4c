//! Sessions that come to nothing: nothing is lost but time, and the next attempt
//! goes without those who were absent.

use allod_crypto::group::Ristretto255;

use super::*;
use crate::Rejection;

type Keys = Holders<Ristretto255>;

/// Empty blocks until a session is under way.
fn next_session(holders: &Keys, world: &mut World) {
    while holders.ceremony(world).is_none() {
        world.empty(1);
    }
}

fn nothing_is_left_of(world: &World, session: SessionId) {
    for dealer in 1..10 {
        assert_eq!(world.find::<Dealt>(&(session, dealer)), None, "a dealing of {dealer}");
    }
}

#[test]
fn with_too_few_announcements_a_session_is_given_up_and_another_follows() {
    let mut world = world(5, 5, 4);
    let mut holders = Keys::of("key");
    let (members, first) = (holders.members(&world), holders.session(&world).session);
    holders.announce(&mut world, &members[..3]);
    while holders.ceremony(&world).is_some_and(|ceremony| ceremony.session == first) {
        world.empty(1);
    }
    let over = world.at;
    assert_eq!(holders.ceremony(&world), None);
    assert_eq!(holders.key(&world).absent.len(), 2);
    assert!(holders.key(&world).due);
    next_session(&holders, &mut world);
    assert!(world.at.ms_since(over) >= world.rules().phase_ms, "the next one waits a while");
    let second = holders.session(&world);
    assert_ne!(second.session, first);
    assert_eq!(second.members.len(), 5, "three of five are too few, so the absent are asked again");
    let late = Action::Announce { session: first, key: Vec::new() };
    assert_eq!(world.guard(members[4], late), Err(Rejection::NoSession));
    holders.run(&mut world);
    holders.whole(&world);
}

#[test]
fn the_next_attempt_passes_over_who_was_absent_if_there_are_enough_others() {
    let mut world = world(7, 5, 3);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    // Two are silent, and of five one may fail.
    holders.announce(&mut world, &members);
    let session = holders.session(&world).session;
    holders.deal(&mut world, &members);
    holders.ready(&mut world, &members[..3]);
    holders.wait(&mut world);
    assert_eq!(holders.sharing(&world), None, "too few were ready");
    nothing_is_left_of(&world, session);
    next_session(&holders, &mut world);
    let again = holders.members(&world);
    assert_eq!(again.len(), 5, "two others have their places");
    for absent in &members[3..] {
        assert!(!again.contains(absent));
    }
    holders.run(&mut world);
    holders.whole(&world);
    assert_eq!(holders.key(&world).absent, []);
}

#[test]
fn who_was_left_out_for_silence_is_passed_over_once_and_asked_again_later() {
    let mut world = world_with(6, 5, 3, |genesis| genesis.parameters.reshare_epochs = 2);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    holders.run_without(&mut world, &members[..1]);
    assert_eq!(holders.holders(&world).len(), 4, "the key was made without it");
    let absent = world.guardians[members[0]].id();
    assert_eq!(holders.key(&world).absent, [absent]);
    next_session(&holders, &mut world);
    assert!(!holders.members(&world).contains(&members[0]));
    holders.run(&mut world);
    assert_eq!(holders.key(&world).absent, []);
}

#[test]
fn with_too_few_dealings_a_session_is_given_up() {
    let mut world = world(5, 5, 4);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    let session = holders.session(&world).session;
    holders.announce(&mut world, &members);
    holders.deal(&mut world, &members[..3]);
    holders.wait(&mut world);
    holders.ready(&mut world, &members);
    assert_eq!(holders.sharing(&world), None, "three dealings are no key of threshold four");
    nothing_is_left_of(&world, session);
    next_session(&holders, &mut world);
    holders.run(&mut world);
    holders.whole(&world);
}

#[test]
fn a_session_ends_when_a_member_is_evicted_and_another_begins_at_once() {
    for phase in [Phase::Announcing, Phase::Dealing, Phase::Verifying] {
        let mut world = world(6, 5, 3);
        let mut holders = Keys::of("key");
        let members = holders.members(&world);
        let session = holders.session(&world).session;
        if phase != Phase::Announcing {
            holders.announce(&mut world, &members);
        }
        if phase == Phase::Verifying {
            holders.deal(&mut world, &members);
        }
        assert_eq!(holders.session(&world).phase, phase);
        world.evict(members[2]);
        let next = holders.session(&world);
        assert_ne!(next.session, session);
        assert_eq!((next.phase, next.members.len()), (Phase::Announcing, 5));
        assert!(!next.has(&world.guardians[members[2]].id()));
        nothing_is_left_of(&world, session);
        holders.run(&mut world);
        holders.whole(&world);
    }
}

#[test]
fn a_session_goes_on_though_somebody_without_a_part_in_it_is_evicted() {
    let mut world = world(6, 5, 3);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    let session = holders.session(&world).session;
    let other = (0..6).find(|guardian| !members.contains(guardian)).unwrap();
    world.evict(other);
    assert_eq!(holders.session(&world).session, session);
    holders.run(&mut world);
    holders.whole(&world);
}

#[test]
fn a_member_that_leaves_ends_nothing_and_the_key_is_handed_on_after_that() {
    let mut world = world(6, 5, 3);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    let session = holders.session(&world).session;
    let id = world.guardians[members[2]].id();
    let operator = members[2] % 5;
    world.does(operator, Action::Leave { guardian: id }).unwrap();
    assert_eq!(holders.session(&world).session, session);
    holders.run(&mut world);
    assert!(holders.holders(&world).contains(&members[2]));
    next_session(&holders, &mut world);
    assert!(!holders.members(&world).contains(&members[2]));
    holders.run(&mut world);
    assert!(!holders.holders(&world).contains(&members[2]));
    assert_eq!(holders.sharing(&world).unwrap().0, 1);
}

#[test]
fn who_never_speaks_costs_a_network_time_and_no_key() {
    let mut world = world(4, 4, 3);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    // Nobody says a word, again and again.
    for _ in 0..3 {
        next_session(&holders, &mut world);
        holders.wait(&mut world);
    }
    next_session(&holders, &mut world);
    assert_eq!(holders.members(&world), members);
    holders.run(&mut world);
    holders.whole(&world);
    assert_eq!(holders.key(&world).sessions, 4);
}
