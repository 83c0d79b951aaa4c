//! A guardian's life: it joins with a bond, says where it is, leaves, and takes
//! the bond back.

use allod_did::Signature;
use allod_wire::{GuardianId, Instant};

use super::*;
use crate::committee::{Committee, OBSERVERS_MAX};
use crate::guardian::GUARDIANS_MAX;
use crate::guardian::{Roster, Standing, Terms, joining};
use crate::{Action, Rejection};

/// `operator` joins with the guardian `number`.
fn join_with(world: &World, operator: usize, number: u64, terms: Terms, bond: u64) -> Action {
    let joiner = Keeper::new(number);
    let message = joining(&world.network, &world.did(operator), &terms, bond);
    let consent = Signature::Ed25519(joiner.key.sign(&message));
    Action::Join { guardian: joiner.id(), terms, bond, consent }
}

fn join(world: &mut World, operator: usize, number: u64) {
    let action = join_with(world, operator, number, terms(number as usize), 500);
    world.does(operator, action).unwrap();
    assert_eq!(
        world.guardians.len() as u64,
        number,
        "guardians are numbered in the order in which they join"
    );
    world.guardians.push(Keeper::new(number));
    world.admit(Keeper::new(number).id());
}

fn seated(world: &World, epoch: u64, guardian: &GuardianId) -> bool {
    world.get::<Committee>(&epoch).members.iter().any(|seat| seat.guardian == *guardian)
}

fn leave(world: &World, guardian: usize) -> Action {
    Action::Leave { guardian: world.guardians[guardian].id() }
}

fn unbond(world: &World, guardian: usize) -> Action {
    Action::Unbond { guardian: world.guardians[guardian].id() }
}

#[test]
fn who_joins_puts_up_a_bond_is_admitted_and_votes_from_the_next_epoch_on() {
    let mut world = World::new();
    let wealth = world.wealth(EVE);
    join(&mut world, EVE, 4);
    assert_eq!(world.wealth(EVE), wealth - 500);
    let guardian = world.guardian(4);
    assert_eq!((guardian.bond, guardian.operator, guardian.is_active()), (500, world.did(EVE), true));
    let id = world.guardians[4].id();
    let roster: Roster = world.get(&());
    assert!(roster.0.is_sorted() && roster.0.contains(&id) && roster.0.len() == 5);
    assert!(!seated(&world, 0, &id));
    world.end_epoch();
    assert!(seated(&world, 1, &id), "the committee of the next epoch is there before it begins");
    let committee: Committee = world.get(&1);
    assert_eq!((committee.members.len(), committee.observers.len()), (5, 0));
    assert!(committee.members.is_sorted_by_key(|seat| seat.guardian));
    assert!(committee.members.iter().any(|seat| seat.peers == terms(4).peers));
}

#[test]
fn nobody_joins_without_what_it_takes() {
    let mut world = World::new();
    let (min, held) = (world.rules().bond_min, world.wealth(EVE));
    let ask = |world: &mut World, terms, bond| {
        let action = join_with(world, EVE, 4, terms, bond);
        world.does(EVE, action)
    };
    assert_eq!(ask(&mut world, terms(4), min - 1), Err(Rejection::BondTooSmall { needed: min }));
    assert_eq!(ask(&mut world, terms(4), held + 1), Err(Rejection::TooLittle { held }));
    let long = "x".repeat(256);
    for bad in [
        Terms { peers: "".into(), ..terms(4) },
        Terms { peers: long.clone(), ..terms(4) },
        Terms { service: long, ..terms(4) },
        Terms { operator: "x".repeat(65), ..terms(4) },
        Terms { jurisdiction: "a\u{202E}".into(), ..terms(4) },
    ] {
        assert_eq!(ask(&mut world, bad.clone(), min), Err(Rejection::BadTerms));
        assert_eq!(world.guard(0, Action::Restate { terms: bad }), Err(Rejection::BadTerms));
    }
    let widest = Terms {
        peers: "p".repeat(255),
        service: "s".repeat(255),
        operator: "o".repeat(64),
        jurisdiction: "j".repeat(64),
    };
    assert_eq!(ask(&mut world, widest.clone(), min), Ok(()));
    assert_eq!(ask(&mut world, terms(4), min), Err(Rejection::GuardianPresent));
    let id = Keeper::new(4).id();
    world.admit(id);
    world.end_epoch();
    let committee: Committee = world.get(&(world.epoch() + 1));
    assert!(committee.members.iter().any(|seat| seat.guardian == id && seat.peers == widest.peers));
}

#[test]
fn a_guardians_key_joins_once_in_the_life_of_a_network() {
    let mut world = World::new();
    let present = |world: &mut World, number| {
        let action = join_with(world, EVE, number, terms(9), 500);
        assert_eq!(world.does(EVE, action), Err(Rejection::GuardianPresent), "{number}");
    };
    present(&mut world, 0);
    world.does(BEN, leave(&world, 1)).unwrap();
    present(&mut world, 1);
    world.pass(world.rules().unbond_ms);
    world.does(BEN, unbond(&world, 1)).unwrap();
    present(&mut world, 1);
    world.evict(2);
    present(&mut world, 2);
}

#[test]
fn there_is_a_place_for_so_many_guardians_and_no_more() {
    let mut world = World::with(GUARDIANS_MAX, |_| {});
    let action = join_with(&world, EVE, 999, terms(9), 500);
    assert_eq!(world.does(EVE, action.clone()), Err(Rejection::RosterFull));
    world.does(ANN, leave(&world, 0)).unwrap();
    assert_eq!(world.does(EVE, action.clone()), Err(Rejection::RosterFull), "its bond is still held");
    world.evict(1);
    assert_eq!(world.does(EVE, action), Ok(()));
    world.end_epoch();
    let committee: Committee = world.get(&1);
    assert_eq!(committee.members.len(), usize::from(world.rules().committee_max));
    assert_eq!(committee.observers.len(), OBSERVERS_MAX);
}

#[test]
fn only_the_operator_adds_to_a_bond() {
    let mut world = World::new();
    let more = |world: &World, amount| Action::Bond { guardian: world.guardians[0].id(), amount };
    let wealth = world.wealth(ANN);
    assert_eq!(world.does(ANN, more(&world, 50)), Ok(()));
    assert_eq!((world.guardian(0).bond, world.wealth(ANN)), (BOND + 50, wealth - 50));
    assert_eq!(world.does(BEN, more(&world, 50)), Err(Rejection::NotYours));
    assert_eq!(world.does(ANN, more(&world, 0)), Err(Rejection::NoAmount));
    let held = world.wealth(ANN);
    assert_eq!(world.does(ANN, more(&world, u64::MAX)), Err(Rejection::TooLittle { held }));
    let unknown = Action::Bond { guardian: GuardianId([1; 32]), amount: 1 };
    assert_eq!(world.does(ANN, unknown), Err(Rejection::NoGuardian));
    world.does(ANN, leave(&world, 0)).unwrap();
    assert_eq!(world.does(ANN, more(&world, 50)), Err(Rejection::NotActive));
}

#[test]
fn who_moves_says_so() {
    let mut world = World::new();
    assert_eq!(world.guard(2, Action::Restate { terms: terms(77) }), Ok(()));
    assert_eq!(world.guardian(2).terms, terms(77));
    world.end_epoch();
    let id = world.guardians[2].id();
    let committee: Committee = world.get(&1);
    assert!(committee.members.iter().any(|seat| seat.guardian == id && seat.peers == terms(77).peers));
}

#[test]
fn who_leaves_votes_to_the_end_of_the_epoch_and_has_the_bond_back_later() {
    let mut world = World::new();
    let id = world.guardians[1].id();
    let wealth = world.wealth(BEN);
    assert_eq!(world.does(ANN, leave(&world, 1)), Err(Rejection::NotYours));
    assert_eq!(world.does(BEN, unbond(&world, 1)), Err(Rejection::NotLeft));
    assert_eq!(world.does(BEN, leave(&world, 1)), Ok(()));
    let left = world.at;
    assert_eq!(world.guardian(1).standing, Standing::Left { at: left });
    assert_eq!(world.does(BEN, leave(&world, 1)), Err(Rejection::NotActive));
    assert!(seated(&world, 0, &id));
    world.end_epoch();
    assert!(!seated(&world, 1, &id));
    let until = left.plus_ms(world.rules().unbond_ms);
    while world.at.plus_ms(STEP) < Instant(until.0 - STEP) {
        world.empty(1);
    }
    assert_eq!(world.does(BEN, unbond(&world, 1)), Err(Rejection::TooEarly { until }));
    assert_eq!(world.does(ANN, unbond(&world, 1)), Err(Rejection::NotYours));
    assert_eq!(world.does(BEN, unbond(&world, 1)), Ok(()));
    assert_eq!((world.wealth(BEN), world.guardian(1).bond), (wealth + BOND, 0));
    assert!(!world.get::<Roster>(&()).0.contains(&id));
    assert_eq!(world.does(BEN, unbond(&world, 1)), Err(Rejection::NoAmount), "once");
    assert_eq!(world.wealth(BEN), wealth + BOND);
    let unknown = Action::Leave { guardian: GuardianId([1; 32]) };
    assert_eq!(world.does(BEN, unknown), Err(Rejection::NoGuardian));
}

#[test]
fn a_bond_is_held_as_long_as_its_guardian_votes() {
    let mut world = World::with(4, |genesis| genesis.parameters.unbond_ms = 0);
    world.does(BEN, leave(&world, 1)).unwrap();
    assert_eq!(world.does(BEN, unbond(&world, 1)), Err(Rejection::StillNeeded));
    world.end_epoch();
    assert_eq!(world.does(BEN, unbond(&world, 1)), Ok(()), "in the first block of the next epoch");
}

#[test]
fn the_last_guardian_cannot_leave() {
    let mut world = World::with(2, |_| {});
    world.does(ANN, leave(&world, 0)).unwrap();
    assert_eq!(world.does(BEN, leave(&world, 1)), Err(Rejection::LastGuardian));
}

#[test]
fn who_has_left_can_still_be_held_to_what_it_signed_until_the_bond_is_gone() {
    let mut world = World::new();
    world.does(BEN, leave(&world, 1)).unwrap();
    world.does(CLEO, leave(&world, 2)).unwrap();
    world.pass(world.rules().unbond_ms);
    world.evict(1);
    assert_eq!(world.guardian(1).bond, 0);
    assert_eq!(world.asset(world.mark()).retired, BOND);
    assert_eq!(world.does(BEN, unbond(&world, 1)), Err(Rejection::NotActive));
    assert_eq!(world.does(CLEO, unbond(&world, 2)), Ok(()));
    world.evict(2);
    assert_eq!(world.asset(world.mark()).retired, BOND, "there was nothing left to take");
}
