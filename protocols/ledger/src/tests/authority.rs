//! Who may ask: signatures, numbers that count once, networks, and times.

use alloc::vec::Vec;

use allod_wire::{GuardianId, Instant};

use super::*;
use crate::guardian::joining;
use crate::{Action, Claim, Operation, Rejection, check};

/// Something harmless that can be asked again and again.
fn commit(number: u8) -> Action {
    Action::CommitName { commitment: [number; 32] }
}

/// An operation of Ann's device with this number.
fn numbered(world: &World, nonce: u64) -> Operation {
    let person = &world.people[ANN];
    let claim = Claim::Device { did: person.did(), device: person.device_id(), nonce };
    let mut salt = [0; 32];
    salt[..8].copy_from_slice(&nonce.to_be_bytes());
    world.body(claim, Action::CommitName { commitment: salt }).sign(&person.device)
}

#[test]
fn the_same_bytes_count_once_in_one_block_and_in_later_ones() {
    let mut world = World::new();
    let operation = world.by(ANN, commit(1));
    assert_eq!(
        world.block(&[operation.clone(), operation.clone()]),
        [Ok(()), Err(Rejection::NonceUsed)],
        "twice in one block"
    );
    assert_eq!(world.ask(operation), Err(Rejection::NonceUsed), "in a later block");
}

#[test]
fn numbers_count_in_any_order_of_the_last_sixty_four_and_never_twice() {
    let mut world = World::new();
    for nonce in [70, 7, 69, 8, u64::from(u32::MAX), u64::from(u32::MAX) - 63] {
        assert_eq!(world.ask(numbered(&world, nonce)), Ok(()), "{nonce}");
        assert_eq!(world.ask(numbered(&world, nonce)), Err(Rejection::NonceUsed), "{nonce} again");
    }
    for nonce in [0, 1, 71, u64::from(u32::MAX) - 64] {
        assert_eq!(world.ask(numbered(&world, nonce)), Err(Rejection::NonceUsed), "{nonce} is too old");
    }
}

#[test]
fn the_ledger_says_which_number_comes_next() {
    let mut world = World::new();
    let device = world.people[ANN].device_id();
    assert_eq!(world.account(ANN).next_nonce(&device), 1);
    world.ask(numbered(&world, 5)).unwrap();
    assert_eq!(world.account(ANN).next_nonce(&device), 6);
    assert_eq!(world.guardian(0).next_nonce(), 1);
    world.guard(0, Action::Restate { terms: terms(9) }).unwrap();
    assert_eq!(world.guardian(0).next_nonce(), 2);
}

#[test]
fn two_devices_of_one_person_have_numbers_of_their_own() {
    let mut world = World::new();
    let second = key(50);
    let mut log = world.people[ANN].log.clone();
    let root = &world.people[ANN].root;
    let added = log.add_device(root, second.verifying_key().into(), "laptop", Instant(5)).unwrap().clone();
    world.does(ANN, Action::Log { operation: added }).unwrap();
    let claim = Claim::Device { did: world.did(ANN), device: device_id(&second), nonce: 1 };
    assert_eq!(world.ask(world.body(claim, commit(1)).sign(&second)), Ok(()), "1 was used by the first");
    assert_eq!(world.ask(world.body(claim, commit(2)).sign(&second)), Err(Rejection::NonceUsed));
}

#[test]
fn nothing_that_was_signed_for_one_network_counts_in_another() {
    let mut here = World::new();
    let there = World::with(4, |genesis| genesis.name = "other".into());
    let mut operation = there.by(ANN, commit(1));
    assert_eq!(here.ask(operation.clone()), Err(Rejection::OtherNetwork(there.network)));
    operation.body.network = here.network;
    assert_eq!(here.ask(operation), Err(Rejection::BadSignature));
}

#[test]
fn an_operation_has_no_effect_after_the_time_that_its_author_set() {
    let mut world = World::new();
    let person = &world.people[ANN];
    let next = world.at.plus_ms(STEP);
    let until = |world: &World, until| {
        let mut body = world.body(world.claim(&world.people[ANN]), commit(1));
        body.until = until;
        body
    };
    let over = until(&world, Instant(next.0 - 1)).sign(&person.device);
    let just = until(&world, next).sign(&person.device);
    assert_eq!(world.block(&[over.clone(), just]), [Err(Rejection::Over), Ok(())]);
    let mut stretched = over;
    stretched.body.until = world.at.plus_ms(60 * STEP);
    assert_eq!(world.ask(stretched), Err(Rejection::BadSignature), "nobody else sets another time");
}

#[test]
fn only_the_device_that_is_named_can_sign() {
    let mut world = World::new();
    let (ann, ben) = (&world.people[ANN], &world.people[BEN]);
    let body = |claim| world.body(claim, commit(1));
    let mine = Claim::Device { did: ann.did(), device: ann.device_id(), nonce: 1 };
    let cases = [
        (body(mine).sign(&ben.device), Rejection::BadSignature),
        (body(mine).sign(&ann.root.signing_key()), Rejection::BadSignature),
        (body(mine).unsigned(), Rejection::BadSignature),
        (
            body(Claim::Device { did: ann.did(), device: ben.device_id(), nonce: 1 }).sign(&ben.device),
            Rejection::NoDevice,
        ),
        (
            body(Claim::Device { did: Person::new(99).did(), device: ann.device_id(), nonce: 1 })
                .sign(&ann.device),
            Rejection::NoIdentity,
        ),
        (
            body(Claim::Guardian { guardian: world.guardians[0].id(), nonce: 1 }).sign(&ann.device),
            Rejection::BadSignature,
        ),
        (
            body(Claim::Guardian { guardian: GuardianId(ann.device.verifying_key().0), nonce: 1 })
                .sign(&ann.device),
            Rejection::NoGuardian,
        ),
        (body(Claim::Itself).sign(&ann.device), Rejection::WrongAuthor),
        (body(Claim::Itself).unsigned(), Rejection::WrongAuthor),
    ];
    let operations: Vec<Operation> = cases.iter().map(|(operation, _)| operation.clone()).collect();
    let expected: Vec<_> = cases.into_iter().map(|(_, rejection)| Err(rejection)).collect();
    assert_eq!(world.block(&operations), expected);
    assert_eq!(world.account(ANN).next_nonce(&world.people[ANN].device_id()), 1, "no number was used");
}

#[test]
fn no_bit_of_a_signed_operation_can_be_changed() {
    let world = World::new();
    let plain = world.by(ANN, commit(1));
    let body = world.body(world.claim(&world.people[ANN]), commit(2));
    let stamp = world.stamp(&body);
    let stamped = body.sign_stamped(stamp, &world.people[ANN].device);
    let guarded = world.by_guardian(0, Action::Restate { terms: terms(9) });
    for operation in [plain, stamped, guarded] {
        let bytes = allod_wire::encode(&operation);
        assert_eq!(check(&world.values, &bytes), Ok(Ok(())));
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&world.values, &changed).unwrap().is_err(), "bit {bit} of {operation:?}");
        }
    }
}

#[test]
fn nobody_else_adds_takes_away_or_replaces_the_work_of_an_operation() {
    let mut world = World::new();
    let body = world.body(world.claim(&world.people[ANN]), commit(1));
    let stamp = world.stamp(&body);
    let other = (stamp.counter + 1..)
        .map(|counter| crate::Stamp { counter, ..stamp })
        .find(|stamp| {
            crate::Stamp::zero_bits(&stamp.work(&world.epoch_ids[0], &body.message()))
                >= world.rules().stamp_bits.into()
        })
        .unwrap();
    let stamped = body.clone().sign_stamped(stamp, &world.people[ANN].device);
    let plain = body.sign(&world.people[ANN].device);
    let refused = [
        Operation { stamp: None, ..stamped.clone() },
        Operation { stamp: Some(other), ..stamped.clone() },
        Operation { stamp: Some(stamp), ..plain },
    ];
    assert_eq!(world.block(&refused), [(); 3].map(|()| Err(Rejection::BadSignature)));
    assert_eq!(world.ask(stamped), Ok(()));
}

#[test]
fn a_device_that_was_removed_asks_for_nothing_more() {
    let mut world = World::new();
    let second = key(50);
    let (root, mut log) = (&world.people[ANN].root, world.people[ANN].log.clone());
    let added = log.add_device(root, second.verifying_key().into(), "laptop", Instant(5)).unwrap().clone();
    let removed = log.remove_device(root, world.people[ANN].device_id(), Instant(6)).unwrap().clone();
    let old = world.by(ANN, commit(1));
    world.does(ANN, Action::Log { operation: added }).unwrap();
    let claim = Claim::Device { did: world.did(ANN), device: device_id(&second), nonce: 1 };
    let operation = world.body(claim, Action::Log { operation: removed }).sign(&second);
    let [done, late] = <[_; 2]>::try_from(world.block(&[operation, old.clone()])).unwrap();
    assert_eq!((done, late), (Ok(()), Err(Rejection::NoDevice)), "even in the same block");
    assert_eq!(world.ask(old), Err(Rejection::NoDevice));
}

#[test]
fn a_guardians_operation_counts_once() {
    let mut world = World::new();
    let operation = world.by_guardian(1, Action::Restate { terms: terms(9) });
    assert_eq!(world.ask(operation.clone()), Ok(()));
    assert_eq!(world.ask(operation), Err(Rejection::NonceUsed));
}

#[test]
fn a_guardian_whose_bond_was_taken_or_taken_back_has_no_say() {
    let mut world = World::new();
    world.does(BEN, Action::Leave { guardian: world.guardians[1].id() }).unwrap();
    assert_eq!(world.guard(1, Action::Restate { terms: terms(9) }), Ok(()), "it still deals until then");
    world.pass(world.rules().unbond_ms);
    world.does(BEN, Action::Unbond { guardian: world.guardians[1].id() }).unwrap();
    assert_eq!(world.guard(1, Action::Restate { terms: terms(9) }), Err(Rejection::NotActive));
    world.evict(2);
    assert_eq!(world.guard(2, Action::Restate { terms: terms(9) }), Err(Rejection::NotActive));
}

#[test]
fn what_is_no_operation_is_refused_and_nothing_else_happens() {
    let mut world = World::new();
    let good = allod_wire::encode(&world.by(ANN, commit(1)));
    let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    bad.push([&good[..], &[0]].concat());
    bad.push([0; crate::OPERATION_MAX + 1].to_vec());
    let results = world.raw(&bad);
    assert!(results.iter().all(|result| matches!(result, Err(Rejection::Malformed(_)))));
    assert_eq!(world.raw(&[good]), [Ok(())]);
}

#[test]
fn a_guardian_joins_only_with_consent_that_names_operator_terms_bond_and_network() {
    let mut world = World::new();
    let joiner = Keeper::new(50);
    let other = World::with(4, |genesis| genesis.name = "other".into());
    let sign = |message: [u8; 32]| allod_did::Signature::Ed25519(joiner.key.sign(&message));
    let (ann, ben) = (world.did(ANN), world.did(BEN));
    let join = |consent| Action::Join { guardian: joiner.id(), terms: terms(50), bond: 500, consent };
    for message in [
        joining(&other.network, &ann, &terms(50), 500),
        joining(&world.network, &ben, &terms(50), 500),
        joining(&world.network, &ann, &terms(51), 500),
        joining(&world.network, &ann, &terms(50), 501),
    ] {
        assert_eq!(world.does(ANN, join(sign(message))), Err(Rejection::BadSignature));
    }
    let message = joining(&world.network, &ann, &terms(50), 500);
    let other_key = allod_did::Signature::Ed25519(key(3).sign(&message));
    assert_eq!(world.does(ANN, join(other_key)), Err(Rejection::BadSignature));
    assert_eq!(world.does(ANN, join(sign(message))), Ok(()));
}
