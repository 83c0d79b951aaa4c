//! Names: announced, told, renewed, run out, and registered anew.

use allod_did::Did;
use allod_wire::{Instant, LockId, OfferId};

use super::*;
use crate::holding::Holding;
use crate::lock::{Lock, lock_id};
use crate::name::{Name, NameRecord, commitment};
use crate::offer::offer_id;
use crate::{Action, Rejection};

const SALT: [u8; 32] = [3; 32];

fn commit(text: &str, owner: Did) -> Action {
    Action::CommitName { commitment: commitment(&name(text), &owner, &SALT) }
}

fn register(text: &str, until: Instant) -> Action {
    Action::RegisterName { name: name(text), salt: SALT, until }
}

fn renew(text: &str, until: Instant) -> Action {
    Action::RenewName { name: name(text), until }
}

fn owner(world: &World, text: &str) -> Option<Did> {
    world.find::<NameRecord>(&name(text)).and_then(|record| record.owner)
}

/// Has `person` hold `text` for `ms` from the time of registration.
fn give(world: &mut World, person: usize, text: &str, ms: u64) -> Instant {
    world.does(person, commit(text, world.did(person))).unwrap();
    world.empty(1);
    let until = world.at.plus_ms(STEP + ms);
    world.does(person, register(text, until)).unwrap();
    until
}

/// Empty blocks until the next one is of this time.
fn wait_for(world: &mut World, at: Instant) {
    while world.at.plus_ms(STEP) < at {
        world.empty(1);
    }
}

#[test]
fn names_are_three_to_sixty_three_lower_case_letters_digits_and_single_hyphens_inside() {
    for good in ["abc", "a-b", "0x0", &"a".repeat(63), "a-b-c-1", "123"] {
        assert_eq!(Name::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "ab", &"a".repeat(64), "Abc", "a_b", "-ab", "ab-", "a--b", "äbc", "a b", "abc\n", "a.b"]
    {
        assert_eq!(Name::new(bad), Err(Rejection::BadName), "{bad:?}");
    }
}

#[test]
fn a_name_that_is_none_makes_no_operation() {
    let mut world = World::new();
    let operation = world.by(ANN, register("some-name", world.at));
    let bytes = allod_wire::encode(&operation);
    let place = bytes.windows(9).position(|window| window == b"some-name").unwrap();
    let mut changed = bytes;
    changed[place + 4] = b'_';
    assert!(matches!(world.raw(&[changed])[..], [Err(Rejection::Malformed(_))]));
}

#[test]
fn a_name_is_announced_and_then_registered() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 50 * STEP);
    let record: NameRecord = world.get(&name("ann"));
    assert_eq!(record, NameRecord { owner: Some(world.did(ANN)), until, aside: None });
    // What was announced is used up.
    assert_eq!(world.does(ANN, register("ann", until)), Err(Rejection::NotCommitted));
}

#[test]
fn an_announcement_has_to_be_of_some_age_and_not_too_old() {
    let mut world = World::new();
    let until = |world: &World| world.at.plus_ms(50 * STEP);
    world.does(ANN, commit("ann", world.did(ANN))).unwrap();
    let early = world.does(ANN, register("ann", until(&world)));
    assert_eq!(early, Err(Rejection::CommitmentTooYoung), "one height later");
    assert_eq!(world.does(ANN, register("ann", until(&world))), Ok(()), "two heights later");

    world.does(ANN, commit("anna", world.did(ANN))).unwrap();
    world.pass(world.rules().name_commit_ms);
    assert_eq!(world.does(ANN, register("anna", until(&world))), Err(Rejection::CommitmentOver));
    world.does(ANN, commit("anna", world.did(ANN))).unwrap();
    world.pass(world.rules().name_commit_ms - STEP);
    assert_eq!(
        world.does(ANN, register("anna", until(&world))),
        Ok(()),
        "announced anew, to the last moment"
    );
}

#[test]
fn in_one_block_a_name_is_never_both_announced_and_registered() {
    let mut world = World::new();
    let until = world.at.plus_ms(50 * STEP);
    let both = [world.by(ANN, commit("ann", world.did(ANN))), world.by(ANN, register("ann", until))];
    assert_eq!(world.block(&both), [Ok(()), Err(Rejection::CommitmentTooYoung)]);
}

#[test]
fn whoever_sees_a_name_told_cannot_take_it_before_its_owner() {
    let mut world = World::new();
    let (ann, eve) = (world.did(ANN), world.did(EVE));
    let announced = commit("gold", ann);
    world.does(ANN, announced.clone()).unwrap();
    // Eve sees the announcement, and hands it in too: it helps her to nothing.
    assert_eq!(world.does(EVE, announced.clone()), Err(Rejection::CommitmentPresent));
    // Now she sees the name and the salt on their way, and everything she hands in
    // comes before.
    let until = world.at.plus_ms(50 * STEP);
    let told = world.by(ANN, register("gold", until));
    let mut stolen = told.clone();
    stolen.body.claim = world.claim(&world.people[EVE]);
    let attempts = [
        stolen.clone(),
        stolen.body.clone().sign(&world.people[EVE].device),
        world.by(EVE, commit("gold", eve)),
        world.by(EVE, register("gold", until)),
        world.by(EVE, announced),
        told,
    ];
    assert_eq!(
        world.block(&attempts),
        [
            Err(Rejection::BadSignature),
            Err(Rejection::NotCommitted),
            Ok(()),
            Err(Rejection::CommitmentTooYoung),
            Err(Rejection::CommitmentPresent),
            Ok(()),
        ]
    );
    assert_eq!(owner(&world, "gold"), Some(ann));
    world.empty(2);
    assert_eq!(world.does(EVE, register("gold", until)), Err(Rejection::NameTaken));
}

#[test]
fn an_announcement_cannot_be_made_younger() {
    let mut world = World::new();
    let announced = commit("gold", world.did(ANN));
    // Eve guesses nothing of it; she only repeats the bytes.
    world.does(ANN, announced.clone()).unwrap();
    world.empty(1);
    let until = world.at.plus_ms(50 * STEP);
    let block = [world.by(EVE, announced), world.by(ANN, register("gold", until))];
    assert_eq!(world.block(&block), [Err(Rejection::CommitmentPresent), Ok(())]);
}

#[test]
fn a_name_is_held_for_no_longer_ahead_than_the_rules_allow() {
    let mut world = World::new();
    world.does(ANN, commit("ann", world.did(ANN))).unwrap();
    world.empty(1);
    let longest = world.rules().name_term_max_ms;
    for until in [Instant(0), world.at.plus_ms(STEP), world.at.plus_ms(10 * longest), Instant(u64::MAX)] {
        assert_eq!(world.does(ANN, register("ann", until)), Err(Rejection::BadTerm), "{until:?}");
    }
    let until = world.at.plus_ms(STEP + longest);
    assert_eq!(world.does(ANN, register("ann", until)), Ok(()));
    assert_eq!(world.does(ANN, renew("ann", until)), Err(Rejection::BadTerm), "no longer than now");
    let too_long = world.at.plus_ms(STEP + longest + 1);
    assert_eq!(world.does(ANN, renew("ann", too_long)), Err(Rejection::BadTerm));
    assert_eq!(world.does(ANN, renew("ann", too_long)), Ok(()), "a block later");
}

#[test]
fn only_the_owner_renews_until_the_time_of_grace_is_over() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 5 * STEP);
    let grace = world.rules().name_grace_ms;
    let longer = until.plus_ms(50 * STEP);
    assert_eq!(world.does(BEN, renew("ann", longer)), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, renew("nobody", longer)), Err(Rejection::NoName));
    wait_for(&mut world, until.plus_ms(grace));
    assert_eq!(world.does(ANN, renew("ann", longer)), Ok(()), "in the last moment of grace");
    wait_for(&mut world, longer.plus_ms(grace + 1));
    assert_eq!(world.does(ANN, renew("ann", longer.plus_ms(50 * STEP))), Err(Rejection::NameOver));
}

#[test]
fn a_name_is_free_again_when_its_time_of_grace_is_over_and_not_before() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 20 * STEP);
    let free = until.plus_ms(world.rules().name_grace_ms + 1);
    wait_for(&mut world, Instant(free.0 - 10 * STEP));
    world.does(BEN, commit("ann", world.did(BEN))).unwrap();
    wait_for(&mut world, Instant(free.0 - 1));
    let longer = until.plus_ms(60 * STEP);
    assert_eq!(world.does(BEN, register("ann", longer)), Err(Rejection::NameTaken));
    assert_eq!(world.does(BEN, register("ann", longer)), Ok(()));
    assert_eq!(owner(&world, "ann"), Some(world.did(BEN)));
    assert_eq!(world.does(ANN, renew("ann", longer)), Err(Rejection::NotYours));
}

#[test]
fn a_name_that_ran_out_is_not_handed_on() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 5 * STEP);
    let what = || Holding::Name(name("ann"));
    let to = world.did(BEN);
    wait_for(&mut world, until);
    assert_eq!(world.does(ANN, Action::Transfer { what: what(), to }), Ok(()), "to its last moment");
    let to = world.did(ANN);
    assert_eq!(world.does(BEN, Action::Transfer { what: what(), to }), Err(Rejection::NameOver));
    let expires = world.at.plus_ms(5 * STEP);
    let lock = Action::Lock { what: what(), recipient: to, expires, release: None };
    assert_eq!(world.does(BEN, lock), Err(Rejection::NameOver));
    let offer = Action::Offer { what: what(), price: world.marks(1), buyer: None, expires };
    assert_eq!(world.does(BEN, offer), Err(Rejection::NameOver));
}

#[test]
fn a_retired_name_is_free_at_once() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 50 * STEP);
    world.does(BEN, commit("ann", world.did(BEN))).unwrap();
    assert_eq!(
        world.does(BEN, Action::Retire { what: Holding::Name(name("ann")) }),
        Err(Rejection::NotYours)
    );
    assert_eq!(world.does(ANN, Action::Retire { what: Holding::Name(name("ann")) }), Ok(()));
    assert_eq!(world.does(BEN, register("ann", until)), Ok(()));
}

/// Ann locks a name for Cleo, or offers it; it runs out meanwhile, and Ben has it
/// registered anew. Gives what set it aside.
fn outlived(world: &mut World, set_aside: impl FnOnce(&World, Instant) -> Action) -> crate::Operation {
    let until = give(world, ANN, "ann", 5 * STEP);
    let operation = world.by(ANN, set_aside(world, until));
    world.ask(operation.clone()).unwrap();
    assert_eq!(owner(world, "ann"), None, "while it is set aside nobody owns it");
    let longer = until.plus_ms(50 * STEP);
    assert_eq!(world.does(ANN, renew("ann", longer)), Err(Rejection::NotYours));
    wait_for(world, until.plus_ms(5 * STEP));
    world.does(BEN, commit("ann", world.did(BEN))).unwrap();
    wait_for(world, until.plus_ms(world.rules().name_grace_ms + 1));
    world.does(BEN, register("ann", longer)).unwrap();
    operation
}

#[test]
fn a_lock_that_nobody_ended_touches_nothing_of_the_names_new_owner() {
    let mut world = World::new();
    let operation = outlived(&mut world, |world, expires| Action::Lock {
        what: Holding::Name(name("ann")),
        recipient: world.did(CLEO),
        expires,
        release: None,
    });
    let lock = lock_id(&operation.id());
    let before: NameRecord = world.get(&name("ann"));
    assert_eq!(world.does(CLEO, Action::Claim { lock, release: None }), Err(Rejection::LockOver));
    assert_eq!(world.does(ANN, Action::Unlock { lock }), Ok(()));
    assert_eq!(world.get::<NameRecord>(&name("ann")), before);
    assert_eq!(world.find::<Lock>(&lock), None);
}

#[test]
fn nobody_pays_for_a_name_that_somebody_else_registered_since() {
    let mut world = World::new();
    let operation = outlived(&mut world, |world, expires| Action::Offer {
        what: Holding::Name(name("ann")),
        price: world.marks(500),
        buyer: None,
        expires,
    });
    let offer = offer_id(&operation.id());
    let wealth = world.wealth(CLEO);
    let price = world.marks(500);
    assert_eq!(world.does(CLEO, Action::Accept { offer, price }), Err(Rejection::OfferOver));
    assert_eq!(world.wealth(CLEO), wealth);
    assert_eq!(owner(&world, "ann"), Some(world.did(BEN)));
    assert_eq!(world.does(ANN, Action::Withdraw { offer }), Ok(()));
    assert_eq!(owner(&world, "ann"), Some(world.did(BEN)), "nor is it given back to whom it was taken from");
}

#[test]
fn a_name_is_set_aside_to_its_end_at_most() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 8 * STEP);
    let (recipient, price) = (world.did(CLEO), world.marks(500));
    let what = || Holding::Name(name("ann"));
    let lock = |expires| Action::Lock { what: what(), recipient, expires, release: None };
    let offer = |expires| Action::Offer { what: what(), price, buyer: None, expires };
    let before: NameRecord = world.get(&name("ann"));
    for late in [until.plus_ms(1), until.plus_ms(50 * STEP)] {
        assert_eq!(world.does(ANN, lock(late)), Err(Rejection::OutlivesName { until }));
        assert_eq!(world.does(ANN, offer(late)), Err(Rejection::OutlivesName { until }));
    }
    assert_eq!(world.get::<NameRecord>(&name("ann")), before);
    let operation = world.by(ANN, lock(until));
    world.ask(operation.clone()).unwrap();
    wait_for(&mut world, until);
    let claim = Action::Claim { lock: lock_id(&operation.id()), release: None };
    assert_eq!(world.does(CLEO, claim), Ok(()), "in the last moment of both");
    assert_eq!(owner(&world, "ann"), Some(world.did(CLEO)));
}

#[test]
fn who_did_not_sell_a_name_in_its_time_may_renew_it() {
    let mut world = World::new();
    let until = give(&mut world, ANN, "ann", 5 * STEP);
    let price = world.marks(500);
    let offered = Action::Offer { what: Holding::Name(name("ann")), price, buyer: None, expires: until };
    let operation = world.by(ANN, offered);
    let offer = offer_id(&operation.id());
    world.ask(operation).unwrap();
    wait_for(&mut world, until.plus_ms(1));
    assert_eq!(world.does(CLEO, Action::Accept { offer, price }), Err(Rejection::OfferOver));
    assert_eq!(world.does(ANN, Action::Withdraw { offer }), Ok(()));
    assert_eq!(world.does(ANN, renew("ann", until.plus_ms(50 * STEP))), Ok(()));
}

#[test]
fn ids_of_what_is_set_aside_differ_though_made_by_one_operation() {
    let operation = World::new().by(ANN, renew("ann", Instant(1))).id();
    let (LockId(lock), OfferId(offer)) = (lock_id(&operation), offer_id(&operation));
    assert_ne!(lock, offer);
}
