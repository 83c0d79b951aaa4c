//! By which word of the beacon a session's members are drawn: by one that nobody
//! knew when the session became due.

use allod_crypto::group::{Bls12381G2, Ristretto255};

use super::network::{tell_next_epochs, tell_this_epochs};
use super::*;
use crate::Parameters;
use crate::beacon::{Beacon, unknown_at};
use crate::guardian::joining;

type Keys = Holders<Ristretto255>;

/// Six guardians with the network's key and another, held by four.
fn made(change: impl FnOnce(&mut Parameters)) -> (World, Holders<Bls12381G2>, Keys) {
    let mut world = world_with(6, 4, 3, |genesis| {
        genesis.keys.push(KeySpec { group: GroupName::Bls12381G2, ..spec("network", 4, 3) });
        genesis.parameters.epoch_heights = 40;
        genesis.parameters.phase_heights = 6;
        change(&mut genesis.parameters);
    });
    let mut network = Holders::<Bls12381G2>::of("network");
    network.run(&mut world);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    (world, network, holders)
}

fn leave(world: &mut World, guardian: usize) {
    let id = world.guardians[guardian].id();
    world.does(guardian % 5, Action::Leave { guardian: id }).unwrap();
}

/// The round that was known when the session under way began.
fn drawn_by(world: &World, holders: &Keys) -> u64 {
    assert_eq!(holders.session(world).phase, Phase::Announcing);
    world.get::<Beacon>(&()).round
}

#[test]
fn who_leaves_when_a_word_is_known_cannot_have_it_draw() {
    // The word was told, or is only due, so that whoever asks has it.
    for told_before in [true, false] {
        let (mut world, network, holders) = made(|_| {});
        if told_before {
            tell_this_epochs(&mut world, &network);
        }
        let leaver = holders.holders(&world)[0];
        leave(&mut world, leaver);
        let unknown = unknown_at(world.genesis.at, &world.rules(), world.at);
        if !told_before {
            tell_this_epochs(&mut world, &network);
        }
        assert_eq!(holders.ceremony(&world), None);
        world.end_epoch();
        assert_eq!(holders.ceremony(&world), None, "not in this epoch");
        world.empty(3);
        assert_eq!(holders.ceremony(&world), None, "not before the word is told");
        tell_this_epochs(&mut world, &network);
        assert!(drawn_by(&world, &holders) >= unknown);
        assert!(!holders.members(&world).contains(&leaver));
    }
}

#[test]
fn what_becomes_due_before_the_epochs_word_can_be_known_is_drawn_by_it() {
    let (mut world, network, holders) = made(|rules| rules.beacon_period_ms = 30 * STEP);
    let leaver = holders.holders(&world)[0];
    leave(&mut world, leaver);
    assert!(world.at < crate::beacon::due(world.genesis.at, &world.rules(), 1));
    tell_this_epochs(&mut world, &network);
    assert_eq!((drawn_by(&world, &holders), world.epoch()), (1, 0));
}

#[test]
fn whose_vote_decides_does_not_choose_the_draw() {
    let (mut world, network, holders) = made(|_| {});
    tell_this_epochs(&mut world, &network);
    let new = spec("new", 3, 2);
    for decided in [spec("key", 5, 3), new] {
        for guardian in 0..5 {
            world.guard(guardian, Action::Approve { spec: decided.clone() }).unwrap();
        }
    }
    let new = Keys::of("new");
    assert_eq!(holders.key(&world).spec.size, 5);
    assert_eq!((holders.ceremony(&world), new.ceremony(&world)), (None, None));
    tell_next_epochs(&mut world, &network);
    assert_eq!((holders.members(&world).len(), new.members(&world).len()), (5, 3));
}

#[test]
fn whoever_has_a_member_evicted_has_no_other_draw_by_the_same_word() {
    let (mut world, network, mut holders) = made(|_| {});
    let leaver = holders.holders(&world)[0];
    leave(&mut world, leaver);
    tell_next_epochs(&mut world, &network);
    let (first, members) = (drawn_by(&world, &holders), holders.members(&world));
    holders.announce(&mut world, &members);
    world.evict(members[1]);
    assert_eq!(holders.ceremony(&world), None);
    world.end_epoch();
    assert_eq!(holders.ceremony(&world), None);
    tell_next_epochs(&mut world, &network);
    assert!(drawn_by(&world, &holders) > first);
    // It took about an epoch until the share of who was evicted came to nothing.
    holders.run_without(&mut world, &[members[1]]);
    assert!(!holders.holders(&world).contains(&members[1]));
}

#[test]
fn a_session_that_failed_is_tried_again_without_another_word() {
    let (mut world, network, mut holders) = made(|_| {});
    let leaver = holders.holders(&world)[0];
    leave(&mut world, leaver);
    tell_next_epochs(&mut world, &network);
    let (word, first) = (drawn_by(&world, &holders), holders.session(&world));
    // Nobody announces a key.
    while holders.ceremony(&world).is_none_or(|ceremony| ceremony.session == first.session) {
        world.empty(1);
    }
    assert_eq!((drawn_by(&world, &holders), world.epoch()), (word, 1));
    holders.run(&mut world);
    assert_eq!(holders.sharing(&world).unwrap().0, 1);
}

#[test]
fn a_word_that_is_not_told_puts_a_session_off_and_no_more() {
    let (mut world, network, holders) = made(|_| {});
    let leaver = holders.holders(&world)[0];
    leave(&mut world, leaver);
    for _ in 0..3 {
        world.end_epoch();
        world.empty(1);
        assert_eq!(holders.ceremony(&world), None);
    }
    // Another one leaves in the meantime, and that does not put it off again.
    let other = holders.holders(&world)[1];
    let word = holders.key(&world).word;
    leave(&mut world, other);
    assert_eq!(holders.key(&world).word, word);
    tell_this_epochs(&mut world, &network);
    assert!(holders.members(&world).iter().all(|member| ![leaver, other].contains(member)));
}

#[test]
fn a_key_that_is_handed_on_every_epoch_is_handed_on_in_every_epoch() {
    let (mut world, mut network, mut holders) = made(|rules| rules.reshare_epochs = 1);
    for epoch in 1..5 {
        world.end_epoch();
        world.empty(1);
        assert_eq!(world.epoch(), epoch);
        assert!(holders.key(&world).due && holders.ceremony(&world).is_none());
        tell_this_epochs(&mut world, &network);
        network.run(&mut world);
        holders.run(&mut world);
        let generation = |sharing: Option<(u32, Sharing)>| sharing.unwrap().0;
        let both = (generation(holders.sharing(&world)), generation(network.sharing(&world)));
        assert_eq!(both, (epoch as u32, epoch as u32));
        holders.whole(&world);
    }
}

#[test]
fn who_joins_when_a_word_is_due_but_not_told_comes_after_all_others() {
    let (mut world, network, _) = made(|_| {});
    let joiner = Keeper::new(9);
    let message = joining(&world.network, &world.did(EVE), &terms(9), 500);
    let consent = allod_did::Signature::Ed25519(joiner.key.sign(&message));
    let join = Action::Join { guardian: joiner.id(), terms: terms(9), bond: 500, consent };
    world.does(EVE, join).unwrap();
    world.guardians.push(joiner);
    tell_this_epochs(&mut world, &network);
    let known: Beacon = world.get(&());
    assert!(world.guardian(6).since_round > known.round, "it could have been made to suit that word");
    world.end_epoch();
    world.empty(3);
    tell_this_epochs(&mut world, &network);
    let known: Beacon = world.get(&());
    assert!(world.guardian(6).since_round <= known.round);
}
