//! Votes of guardians, and what is kept of those that are open.

use allod_did::Signature;
use allod_wire::GuardianId;

use super::ceremony::spec;
use super::*;
use crate::guardian::joining;
use crate::shared_key::{KeyName, SharedKey};
use crate::voting::{Ballot, Proposal};
use crate::{Action, Rejection};

fn candidate(world: &mut World, number: u64) -> GuardianId {
    let joiner = Keeper::new(number);
    let message = joining(&world.network, &world.did(EVE), &terms(9), 100);
    let consent = Signature::Ed25519(joiner.key.sign(&message));
    let join = Action::Join { guardian: joiner.id(), terms: terms(9), bond: 100, consent };
    world.does(EVE, join).unwrap();
    joiner.id()
}

fn key(name: &str) -> Action {
    Action::Approve { spec: spec(name, 1, 1) }
}

fn has_key(world: &World, name: &str) -> bool {
    world.find::<SharedKey>(&KeyName::new(name).unwrap()).is_some()
}

fn admit(guardian: GuardianId) -> Action {
    Action::Admit { guardian }
}

fn ballot(world: &World, guardian: usize) -> Option<Ballot> {
    world.find(&world.guardians[guardian].id())
}

/// How many of the proposals that `ballots` can name are kept.
fn open(world: &World, ids: &[[u8; 32]]) -> usize {
    ids.iter().filter(|id| world.find::<Proposal>(*id).is_some()).count()
}

#[test]
fn a_guardian_that_votes_for_one_thing_after_another_leaves_one_of_each_kind_on_the_ledger() {
    let mut world = World::with(4, |genesis| genesis.parameters.epoch_heights = 100);
    let candidates: alloc::vec::Vec<_> = (50..56).map(|number| candidate(&mut world, number)).collect();
    let records = world.values.0.len();
    let mut seen = alloc::vec::Vec::new();
    for (number, candidate) in candidates.iter().enumerate() {
        world.guard(0, key(&alloc::format!("k{number}"))).unwrap();
        world.guard(0, admit(*candidate)).unwrap();
        let Ballot { key, admission } = ballot(&world, 0).unwrap();
        seen.extend([key.unwrap(), admission.unwrap()]);
        assert_eq!(open(&world, &seen), 2);
        assert_eq!(world.values.0.len(), records + 3, "two proposals and a ballot");
    }
    // The last vote of each kind counts, and no other.
    for guardian in 1..3 {
        world.guard(guardian, key("k0")).unwrap();
    }
    assert!(!has_key(&world, "k0"));
    world.guard(0, key("k0")).unwrap();
    assert!(has_key(&world, "k0"));
}

#[test]
fn nothing_is_kept_of_what_was_decided() {
    let mut world = World::new();
    let id = candidate(&mut world, 50);
    for guardian in 0..3 {
        world.guard(guardian, key("new")).unwrap();
        world.guard(guardian, admit(id)).unwrap();
    }
    assert!(has_key(&world, "new"));
    assert!(world.get::<crate::guardian::Guardian>(&id).is_active());
    for guardian in 0..4 {
        assert_eq!(ballot(&world, guardian), None);
    }
    assert_eq!(open(&world, &[crate::membership::admission(&id)]), 0);
}

#[test]
fn who_goes_takes_its_votes_along_and_the_last_one_the_proposal() {
    let mut world = World::with(6, |_| {});
    let id = candidate(&mut world, 50);
    for guardian in [1, 2] {
        world.guard(guardian, key("new")).unwrap();
    }
    world.guard(2, admit(id)).unwrap();
    let Ballot { key: proposal, .. } = ballot(&world, 1).unwrap();
    let proposal = proposal.unwrap();
    world.evict(1);
    assert_eq!(world.get::<Proposal>(&proposal).approved, [world.guardians[2].id()]);
    world.does(CLEO, Action::Leave { guardian: world.guardians[2].id() }).unwrap();
    assert_eq!((ballot(&world, 1), ballot(&world, 2)), (None, None));
    assert_eq!(open(&world, &[proposal, crate::membership::admission(&id)]), 0);
}

#[test]
fn a_vote_that_is_said_again_decides_where_others_have_gone_since() {
    let mut world = World::with(6, |_| {});
    for guardian in 0..3 {
        world.guard(guardian, key("new")).unwrap();
    }
    world.evict(4);
    assert_eq!(world.guard(0, key("new")), Err(Rejection::NothingNew), "three of five");
    world.evict(5);
    assert_eq!(world.guard(0, key("new")), Ok(()), "three of four");
    assert!(has_key(&world, "new"));
}
