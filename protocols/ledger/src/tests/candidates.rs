//! Candidates: guardians that put up a bond and wait for the others to admit them.

use allod_did::Signature;
use allod_wire::GuardianId;

use super::ceremony::spec;
use super::*;
use crate::account::Sponsorship;
use crate::beacon::unknown_at;
use crate::committee::Committee;
use crate::guardian::{Guardian, RESTATEMENTS_MAX, Roster, Standing, joining};
use crate::shared_key::{KeyName, SharedKey};
use crate::voting::Proposal;
use crate::{Action, Rejection};

/// Eve joins with the guardian `number`, which is the next.
fn join(world: &mut World, number: u64) -> GuardianId {
    let joiner = Keeper::new(number);
    let terms = terms(number as usize);
    let message = joining(&world.network, &world.did(EVE), &terms, 500);
    let consent = Signature::Ed25519(joiner.key.sign(&message));
    let id = joiner.id();
    world.does(EVE, Action::Join { guardian: id, terms, bond: 500, consent }).unwrap();
    assert_eq!(world.guardians.len() as u64, number);
    world.guardians.push(joiner);
    id
}

fn admit(guardian: GuardianId) -> Action {
    Action::Admit { guardian }
}

fn leave(guardian: GuardianId) -> Action {
    Action::Leave { guardian }
}

fn standing(world: &World, id: &GuardianId) -> Standing {
    world.get::<Guardian>(id).standing
}

#[test]
fn keys_that_only_put_up_bonds_have_no_vote_no_share_and_no_say() {
    // With six that vote five would be needed, and there are four that run.
    let mut world = World::with(4, |genesis| {
        genesis.keys.push(spec("key", 6, 4));
        genesis.parameters.reshare_epochs = 1;
    });
    let silent = [4, 5].map(|number| join(&mut world, number));
    for _ in 0..3 {
        world.end_epoch();
        world.empty(1);
        let committee: Committee = world.get(&world.epoch());
        assert_eq!((committee.members.len(), committee.observers.len()), (4, 0));
        assert!(committee.members.iter().all(|seat| !silent.contains(&seat.guardian)));
        let key: SharedKey = world.get(&KeyName::new("key").unwrap());
        assert!(key.ceremony.is_none_or(|session| silent.iter().all(|id| !session.has(id))));
    }
    for id in silent {
        assert_eq!(standing(&world, &id), Standing::Candidate);
        assert!(world.get::<Roster>(&()).0.contains(&id));
        assert_eq!(world.get::<Guardian>(&id).bond, 500);
    }
    assert_eq!(world.guard(4, admit(silent[1])), Err(Rejection::NotActive));
    assert_eq!(world.guard(4, admit(silent[0])), Err(Rejection::NotActive), "nor itself");
    assert_eq!(world.guard(4, Action::Approve { spec: spec("x", 4, 3) }), Err(Rejection::NotActive));
    let person = Person::new(61);
    let word = Sponsorship::sign(&world.guardians[4].key, &world.network, &person.did(), world.epoch());
    let genesis = person.log.operations()[0].clone();
    let vouch = Action::Found { genesis, sponsorship: Some(word) };
    assert_eq!(world.happens(vouch), Err(Rejection::NotActive));
}

#[test]
fn more_than_two_thirds_of_the_active_guardians_admit_a_candidate() {
    for (guardians, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (9, 7)] {
        let mut world = World::with(guardians, |_| {});
        let id = join(&mut world, guardians as u64);
        for guardian in 0..needed {
            assert_eq!(standing(&world, &id), Standing::Candidate, "{guardian} of {guardians} have voted");
            assert_eq!(world.guard(guardian, admit(id)), Ok(()));
        }
        assert_eq!(standing(&world, &id), Standing::Active);
        world.end_epoch();
        assert!(world.get::<Committee>(&1).members.iter().any(|seat| seat.guardian == id));
        assert_eq!(world.guard(0, admit(id)), Err(Rejection::NoCandidate));
    }
}

#[test]
fn nobody_but_guardians_admits_and_nobody_but_candidates_is_admitted() {
    let mut world = World::new();
    let id = join(&mut world, 4);
    let founder = world.guardians[1].id();
    assert_eq!(world.does(EVE, admit(id)), Err(Rejection::WrongAuthor));
    assert_eq!(world.happens(admit(id)), Err(Rejection::WrongAuthor));
    assert_eq!(world.guard(0, admit(GuardianId([1; 32]))), Err(Rejection::NoGuardian));
    assert_eq!(world.guard(0, admit(founder)), Err(Rejection::NoCandidate));
    assert_eq!(world.guard(0, admit(id)), Ok(()));
    assert_eq!(world.guard(0, admit(id)), Err(Rejection::NothingNew));
    world.evict(1);
    assert_eq!(world.guard(0, admit(founder)), Err(Rejection::NoCandidate));
    assert_eq!(world.guard(1, admit(id)), Err(Rejection::NotActive));
}

#[test]
fn a_candidate_restates_adds_to_its_bond_leaves_and_has_the_bond_back() {
    let mut world = World::new();
    let wealth = world.wealth(EVE);
    let id = join(&mut world, 4);
    assert_eq!(world.guard(4, Action::Restate { terms: terms(44) }), Ok(()));
    assert_eq!(world.does(EVE, Action::Bond { guardian: id, amount: 50 }), Ok(()));
    let record = world.guardian(4);
    assert_eq!((record.bond, record.terms, record.standing), (550, terms(44), Standing::Candidate));
    assert_eq!(world.guard(0, admit(id)), Ok(()));
    assert_eq!(world.does(ANN, leave(id)), Err(Rejection::NotYours));
    assert_eq!(world.does(EVE, leave(id)), Ok(()));
    let left = world.at;
    assert_eq!(standing(&world, &id), Standing::Left { at: left });
    assert_eq!(world.find::<Proposal>(&crate::membership::admission(&id)), None, "it ended with that");
    assert_eq!(world.guard(1, admit(id)), Err(Rejection::NoCandidate));
    let until = left.plus_ms(world.rules().unbond_ms);
    assert_eq!(world.does(EVE, Action::Unbond { guardian: id }), Err(Rejection::TooEarly { until }));
    world.pass(world.rules().unbond_ms);
    assert_eq!(world.does(EVE, Action::Unbond { guardian: id }), Ok(()));
    assert_eq!(world.wealth(EVE), wealth);
    assert!(!world.get::<Roster>(&()).0.contains(&id));
}

#[test]
fn a_guardian_restates_so_often_in_an_epoch_and_a_candidate_no_more() {
    let mut world = World::new();
    let id = join(&mut world, 4);
    for guardian in [0, 4] {
        world.end_epoch();
        world.empty(1);
        let before = world.guardian(guardian).terms;
        for number in 0..RESTATEMENTS_MAX as usize {
            assert_eq!(world.guard(guardian, Action::Restate { terms: terms(50 + number) }), Ok(()));
        }
        let again = Action::Restate { terms: before.clone() };
        let refused = Rejection::RestatedTooOften;
        assert_eq!(world.guard(guardian, again.clone()), Err(refused.clone()));
        assert!(refused.may_pass());
        assert_ne!(world.guardian(guardian).terms, before);
    }
    assert_eq!(standing(&world, &id), Standing::Candidate);
    world.end_epoch();
    world.empty(1);
    assert_eq!(world.guard(4, Action::Restate { terms: terms(44) }), Ok(()), "another epoch");
    assert_eq!(world.guardian(4).terms, terms(44));
}

#[test]
fn a_candidate_leaves_though_one_guardian_is_left_and_the_last_guardian_does_not() {
    let mut world = World::with(1, |_| {});
    let id = join(&mut world, 1);
    let last = world.guardians[0].id();
    assert_eq!(world.does(ANN, leave(last)), Err(Rejection::LastGuardian), "a candidate is no guardian");
    assert_eq!(world.does(EVE, leave(id)), Ok(()));
}

#[test]
fn a_candidate_that_is_evicted_loses_its_bond_and_what_voted_for_it_is_gone() {
    let mut world = World::new();
    let id = join(&mut world, 4);
    assert_eq!(world.guard(0, admit(id)), Ok(()));
    world.evict(4);
    assert_eq!(world.guardian(4).bond, 0);
    assert_eq!(world.find::<Proposal>(&crate::membership::admission(&id)), None);
    assert_eq!(world.guard(1, admit(id)), Err(Rejection::NoCandidate));
}

#[test]
fn who_is_admitted_is_drawn_by_what_nobody_knew_then() {
    let mut world = World::new();
    let unknown = |world: &World| unknown_at(world.genesis.at, &world.rules(), world.at);
    let number = world.guardians.len() as u64;
    let id = join(&mut world, number);
    let joined = world.get::<Guardian>(&id).since_round;
    assert_eq!(joined, unknown(&world));
    while unknown(&world) == joined {
        world.empty(1);
    }
    world.admit(id);
    assert_eq!(world.get::<Guardian>(&id).since_round, unknown(&world));
}
