//! Evidence: what shows that a guardian lied, what does not, and what it costs.

use alloc::boxed::Box;
use alloc::vec::Vec;

use allod_wire::{BlockId, GuardianId, NetworkId};
use ed25519_dalek::Signer;

use super::*;
use crate::evidence::{Conflict, Evidence, SignedVote, Vote, namespace};
use crate::guardian::{Fault, Roster, Standing};
use crate::{Action, Rejection};

fn notarize(view: u64, parent: u64, block: u8) -> Vote {
    Vote::Notarize { epoch: 3, view, parent, block: BlockId([block; 32]) }
}

fn finalize(view: u64, parent: u64, block: u8) -> Vote {
    Vote::Finalize { epoch: 3, view, parent, block: BlockId([block; 32]) }
}

fn nullify(view: u64) -> Vote {
    Vote::Nullify { epoch: 3, view }
}

/// What an engine signs, written down once more from its definition.
fn bytes_of(network: &NetworkId, vote: &Vote) -> Vec<u8> {
    fn number(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = (value % 128) as u8;
            value /= 128;
            bytes.push(low + if value > 0 { 128 } else { 0 });
            if value == 0 {
                return bytes;
            }
        }
    }
    let (suffix, rest) = match vote {
        Vote::Notarize { epoch, view, parent, block } => {
            ("_NOTARIZE", [number(*epoch), number(*view), number(*parent), block.0.to_vec()].concat())
        }
        Vote::Nullify { epoch, view } => ("_NULLIFY", [number(*epoch), number(*view)].concat()),
        Vote::Finalize { epoch, view, parent, block } => {
            ("_FINALIZE", [number(*epoch), number(*view), number(*parent), block.0.to_vec()].concat())
        }
    };
    let space = [b"allod-chain-1", &network.0[..], suffix.as_bytes()].concat();
    [number(space.len() as u64), space, rest].concat()
}

/// A vote, signed by an implementation that knows nothing of ours.
fn sign(world: &World, guardian: usize, vote: Vote) -> SignedVote {
    let seed = *world.guardians[guardian].key.seed().expose();
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    SignedVote { vote, signature: key.sign(&bytes_of(&world.network, &vote)).to_bytes() }
}

fn conflict(world: &World, guardian: usize, first: Vote, second: Vote) -> Conflict {
    let offender = world.guardians[guardian].id();
    Conflict { offender, first: sign(world, guardian, first), second: sign(world, guardian, second) }
}

fn accuse(conflict: Conflict) -> Action {
    Action::Accuse { evidence: Evidence::Votes(Box::new(conflict)) }
}

/// Every vote of a small world of votes.
fn votes() -> Vec<Vote> {
    let mut votes = Vec::new();
    for view in [1, 2] {
        votes.push(nullify(view));
        votes.push(Vote::Nullify { epoch: 4, view });
        for (parent, block) in [(0, 1), (0, 2), (1, 1)] {
            votes.push(notarize(view, parent, block));
            votes.push(finalize(view, parent, block));
        }
    }
    votes
}

#[test]
fn votes_contradict_each_other_in_three_ways_and_no_other() {
    for first in votes() {
        for second in votes() {
            let place = |vote: &Vote| match vote {
                Vote::Notarize { epoch, view, .. }
                | Vote::Nullify { epoch, view }
                | Vote::Finalize { epoch, view, .. } => (*epoch, *view),
            };
            let kinds = match (first, second) {
                (Vote::Notarize { .. }, Vote::Notarize { .. }) => first != second,
                (Vote::Finalize { .. }, Vote::Finalize { .. }) => first != second,
                (Vote::Nullify { .. }, Vote::Finalize { .. }) => true,
                (Vote::Finalize { .. }, Vote::Nullify { .. }) => true,
                _ => false,
            };
            let expected = kinds && place(&first) == place(&second);
            assert_eq!(first.contradicts(&second), expected, "{first:?} {second:?}");
            assert_eq!(second.contradicts(&first), expected);
        }
    }
}

#[test]
fn what_is_signed_is_what_the_definition_says() {
    let network = NetworkId([6; 32]);
    for number in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
        for vote in [
            Vote::Notarize { epoch: number, view: 1, parent: 0, block: BlockId([9; 32]) },
            Vote::Finalize { epoch: 1, view: number, parent: number, block: BlockId([9; 32]) },
            Vote::Nullify { epoch: 2, view: number },
        ] {
            assert_eq!(vote.signed_bytes(&network), bytes_of(&network, &vote), "{vote:?}");
        }
    }
    assert_eq!(namespace(&network), [&b"allod-chain-1"[..], &[6; 32]].concat());
}

#[test]
fn a_guardian_is_evicted_for_each_kind_of_contradiction() {
    for (first, second) in [
        (notarize(7, 6, 1), notarize(7, 6, 2)),
        (notarize(7, 6, 1), notarize(7, 5, 1)),
        (finalize(7, 6, 1), finalize(7, 6, 2)),
        (nullify(7), finalize(7, 6, 1)),
        (finalize(7, 6, 1), nullify(7)),
    ] {
        let mut world = World::new();
        let action = accuse(conflict(&world, 2, first, second));
        assert_eq!(world.happens(action), Ok(()), "{first:?} {second:?}");
        let standing = Standing::Evicted { at: world.at, fault: Fault::Equivocation };
        assert_eq!(world.guardian(2).standing, standing);
    }
}

#[test]
fn what_an_honest_guardian_signs_is_no_evidence() {
    let mut world = World::new();
    for (first, second) in [
        (notarize(7, 6, 1), finalize(7, 6, 1)),
        (notarize(7, 6, 1), nullify(7)),
        (notarize(7, 6, 1), notarize(8, 7, 2)),
        (finalize(7, 6, 1), finalize(8, 7, 2)),
        (nullify(7), finalize(8, 6, 1)),
        (notarize(7, 6, 1), notarize(7, 6, 1)),
        (finalize(7, 6, 1), finalize(7, 6, 1)),
        (nullify(7), nullify(7)),
        (notarize(7, 6, 1), finalize(7, 6, 2)),
        (notarize(7, 6, 1), Vote::Notarize { epoch: 4, view: 7, parent: 6, block: BlockId([2; 32]) }),
    ] {
        let action = accuse(conflict(&world, 2, first, second));
        assert_eq!(world.happens(action), Err(Rejection::NoContradiction), "{first:?} {second:?}");
    }
    assert!(world.guardian(2).is_active());
}

#[test]
fn a_vote_that_the_offender_did_not_sign_is_no_evidence() {
    let mut world = World::new();
    let (first, second) = (notarize(7, 6, 1), notarize(7, 6, 2));
    let right = conflict(&world, 2, first, second);
    let other = World::with(4, |genesis| genesis.name = "other".into());
    let mut turned = right.second;
    turned.signature[3] ^= 1;
    let wrong = [
        Conflict { second: sign(&world, 1, second), ..right },
        Conflict { first: sign(&world, 1, first), ..right },
        Conflict { offender: world.guardians[1].id(), ..right },
        Conflict { second: turned, ..right },
        Conflict { second: SignedVote { vote: notarize(7, 6, 3), ..right.second }, ..right },
        conflict(&other, 2, first, second),
    ];
    for conflict in wrong {
        let action = accuse(conflict);
        assert_eq!(world.happens(action), Err(Rejection::BadSignature));
    }
    let stranger = Keeper::new(77);
    let mut with_stranger = World::new();
    with_stranger.guardians.push(stranger);
    let action = accuse(conflict(&with_stranger, 4, first, second));
    assert_eq!(world.happens(action), Err(Rejection::NoGuardian));
}

/// Units that are held, bonded, or destroyed: all that there are.
fn all_units(world: &World) -> u64 {
    let held: u64 = (0..5).map(|person| world.wealth(person)).sum();
    let bonds: u64 = (0..world.guardians.len()).map(|number| world.guardian(number).bond).sum();
    held + bonds + world.asset(world.mark()).retired
}

#[test]
fn all_of_a_bond_is_destroyed_for_a_lie() {
    let mut world = World::new();
    world.evict(2);
    assert_eq!(world.asset(world.mark()).retired, BOND);
    assert_eq!(all_units(&world), 5 * WEALTH);
    assert!(!world.get::<Roster>(&()).0.contains(&world.guardians[2].id()));
}

#[test]
fn who_hands_evidence_in_has_nothing_of_the_bond_be_it_the_guardian_itself() {
    let mut world = World::new();
    let wealth: Vec<u64> = (0..5).map(|person| world.wealth(person)).collect();
    for (person, guardian) in [(CLEO, 2), (EVE, 1)] {
        let found = conflict(&world, guardian, nullify(1), finalize(1, 0, 1));
        assert_eq!(world.does(person, accuse(found)), Ok(()));
    }
    assert_eq!((0..5).map(|person| world.wealth(person)).collect::<Vec<_>>(), wealth);
    assert_eq!(world.asset(world.mark()).retired, 2 * BOND);
}

#[test]
fn the_same_guardian_is_evicted_once() {
    let mut world = World::new();
    let first = conflict(&world, 2, nullify(1), finalize(1, 0, 1));
    let second = conflict(&world, 2, notarize(1, 0, 1), notarize(1, 0, 2));
    let both = [first, second].map(|found| world.by_itself(accuse(found)));
    assert_eq!(world.block(&both), [Ok(()), Err(Rejection::AlreadyEvicted)]);
    let again = accuse(first);
    assert_eq!(world.happens(again), Err(Rejection::AlreadyEvicted));
    assert_eq!(all_units(&world), 5 * WEALTH);
}

#[test]
fn a_key_of_small_order_never_becomes_a_guardian() {
    // Under the rules by which votes count, the identity point signs everything.
    let mut world = World::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let consent = allod_did::Signature::Ed25519(allod_crypto::sign::Signature(signature));
    let join = Action::Join { guardian: GuardianId(identity), terms: terms(5), bond: 500, consent };
    assert_eq!(world.does(EVE, join), Err(Rejection::BadSignature));
}
