//! Who votes, and how draws are made.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use allod_crypto::hash;
use allod_did::Signature;
use allod_wire::GuardianId;
use proptest::prelude::*;

use super::*;
use crate::Action;
use crate::beacon::Beacon;
use crate::committee::{COMMITTEES_KEPT, Candidate, Committee, Limits, OBSERVERS_MAX, draw};
use crate::guardian::{Guardian, Terms, joining};

fn members(world: &World, epoch: u64) -> Vec<GuardianId> {
    world.get::<Committee>(&epoch).members.iter().map(|seat| seat.guardian).collect()
}

fn observers(world: &World, epoch: u64) -> Vec<GuardianId> {
    world.get::<Committee>(&epoch).observers.iter().map(|seat| seat.guardian).collect()
}

#[test]
fn a_committee_has_its_places_filled_and_the_others_follow() {
    let mut world = World::with(9, |genesis| genesis.parameters.committee_max = 4);
    let mut seen = BTreeSet::new();
    for epoch in 0..6 {
        let (members, observers) = (members(&world, epoch), observers(&world, epoch));
        assert_eq!((members.len(), observers.len()), (4, 5));
        let all: BTreeSet<_> = members.iter().chain(&observers).copied().collect();
        assert_eq!(all, world.guardians.iter().map(Keeper::id).collect());
        assert!(members.is_sorted() && observers.is_sorted());
        seen.insert(members);
        assert_eq!(world.find::<Committee>(&(epoch + 1)), None, "it is not known before");
        world.end_epoch();
        world.empty(1);
    }
    assert!(seen.len() > 1, "another epoch, another draw");
}

#[test]
fn no_more_guardians_follow_than_the_ordering_takes_and_others_from_epoch_to_epoch() {
    let mut world = World::with(OBSERVERS_MAX + 6, |genesis| genesis.parameters.committee_max = 4);
    let mut followed = BTreeSet::new();
    for epoch in 0..3 {
        let (members, observers) = (members(&world, epoch), observers(&world, epoch));
        assert_eq!((members.len(), observers.len()), (4, OBSERVERS_MAX));
        assert!(observers.is_sorted() && observers.iter().all(|id| !members.contains(id)));
        followed.insert(observers);
        world.end_epoch();
        world.empty(1);
    }
    assert!(followed.len() > 1, "another epoch, another draw");
}

#[test]
fn an_evicted_guardian_votes_to_the_end_of_the_epoch_and_not_in_the_next() {
    let mut world = World::new();
    world.evict(2);
    let id = world.guardians[2].id();
    assert!(members(&world, 0).contains(&id));
    world.end_epoch();
    assert!(!members(&world, 1).contains(&id) && !observers(&world, 1).contains(&id));
    assert_eq!(members(&world, 1).len(), 3);
}

#[test]
fn without_an_active_guardian_the_committee_before_goes_on() {
    let mut world = World::with(2, |_| {});
    world.evict(0);
    world.evict(1);
    world.end_epoch();
    assert_eq!(members(&world, 1), members(&world, 0));
    world.empty(1);
    world.end_epoch();
    assert_eq!(members(&world, 2), members(&world, 0));
}

#[test]
fn committees_of_long_ago_are_forgotten() {
    let mut world = World::with(2, |genesis| genesis.parameters.epoch_heights = 2);
    world.empty(2 * (COMMITTEES_KEPT + 3));
    let newest = world.epoch() + 1;
    world.end_epoch();
    for epoch in 0..=newest {
        let is_kept = epoch + COMMITTEES_KEPT > newest;
        assert_eq!(world.find::<Committee>(&epoch).is_some(), is_kept, "epoch {epoch} of {newest}");
    }
}

/// Whose turn is before whose in a draw, as the draw's definition has it.
fn place(seed: &Beacon, purpose: &[u8], id: &GuardianId) -> [u8; 32] {
    hash::tagged("allod/ledger/draw", &[&seed.randomness, id.as_bytes(), purpose])
}

#[test]
fn a_key_that_was_chosen_to_be_drawn_is_drawn_last() {
    let mut world = World::with(6, |genesis| genesis.parameters.committee_max = 4);
    let seed: Beacon = world.get(&());
    let purpose = [b"committee".as_slice(), &1u64.to_be_bytes()].concat();
    let first = world.guardians.iter().map(|keeper| place(&seed, &purpose, &keeper.id())).min().unwrap();
    // Eve knows the seed, and tries keys until hers comes before all others.
    let chosen =
        (1000..).map(Keeper::new).find(|keeper| place(&seed, &purpose, &keeper.id()) < first).unwrap();
    let message = joining(&world.network, &world.did(EVE), &terms(0), 500);
    let consent = Signature::Ed25519(chosen.key.sign(&message));
    let join = Action::Join { guardian: chosen.id(), terms: terms(0), bond: 500, consent };
    world.does(EVE, join).unwrap();
    world.admit(chosen.id());
    world.end_epoch();
    assert!(observers(&world, 1).contains(&chosen.id()));
    assert_eq!(members(&world, 1).len(), 4);
    // As soon as others leave a place, it is hers.
    for guardian in 0..3 {
        world.evict(guardian);
    }
    world.end_epoch();
    assert!(members(&world, 2).contains(&chosen.id()));
}

/// Somebody who can be drawn.
fn candidate(number: u8, operator: u8, land: u8, since_round: u64) -> (GuardianId, Guardian) {
    let terms = Terms { operator: format!("{operator}"), jurisdiction: format!("{land}"), ..terms(0) };
    (GuardianId([number; 32]), Guardian::new(Person::new(0).did(), terms, 1, since_round))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_draw_keeps_its_limits_takes_whom_it_can_and_newcomers_last(
        seed in any::<[u8; 32]>(),
        labels in proptest::collection::vec((0u8..5, 0u8..4, 0u64..4), 0..24),
        size in 0usize..12,
        per_operator in 0u16..4,
        per_jurisdiction in 0u16..5,
    ) {
        let seed = Beacon { round: 2, randomness: seed };
        let people: Vec<_> = labels
            .iter()
            .enumerate()
            .map(|(number, (operator, land, since))| candidate(number as u8, *operator, *land, *since))
            .collect();
        let candidates: Vec<Candidate<'_>> = people.iter().map(|(id, guardian)| (id, guardian)).collect();
        let limits = Limits { per_operator, per_jurisdiction };
        let drawn = draw(&seed, b"x", &candidates, size, limits);
        prop_assert!(drawn.len() <= size && drawn.is_sorted());
        let reversed: Vec<_> = candidates.iter().rev().copied().collect();
        prop_assert_eq!(&draw(&seed, b"x", &reversed, size, limits), &drawn, "the order does not matter");

        // The reference: one after the other, whoever comes first and still fits.
        let mut order: Vec<usize> = (0..people.len()).collect();
        order.sort_by_key(|at| (people[*at].1.since_round > 2, place(&seed, b"x", &people[*at].0)));
        let mut expected: Vec<usize> = Vec::new();
        for at in order {
            let alike = |label: fn(&(u8, u8, u64)) -> u8| {
                expected.iter().filter(|other| label(&labels[**other]) == label(&labels[at])).count() as u16
            };
            let fits = (per_operator == 0 || alike(|label| label.0) < per_operator)
                && (per_jurisdiction == 0 || alike(|label| label.1) < per_jurisdiction);
            if fits && expected.len() < size {
                expected.push(at);
            }
        }
        let mut expected: Vec<GuardianId> = expected.into_iter().map(|at| people[at].0).collect();
        expected.sort();
        prop_assert_eq!(drawn, expected);
    }
}

#[test]
fn a_draw_for_another_purpose_or_seed_is_another_draw() {
    let people: Vec<_> = (0..40).map(|number| candidate(number, number, number, 0)).collect();
    let candidates: Vec<Candidate<'_>> = people.iter().map(|(id, guardian)| (id, guardian)).collect();
    let drawn = |randomness, purpose: &[u8]| {
        draw(&Beacon { round: 0, randomness }, purpose, &candidates, 10, Limits::default())
    };
    let first = drawn([1; 32], b"x");
    assert_eq!(first, drawn([1; 32], b"x"));
    assert_ne!(first, drawn([1; 32], b"y"));
    assert_ne!(first, drawn([2; 32], b"x"));
}
