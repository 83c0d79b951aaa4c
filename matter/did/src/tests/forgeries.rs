//! Every kind of liar, each refused by name.

use alloc::vec::Vec;

use allod_wire::Instant;

use super::{at, id, key, root, sample};
use crate::operation::{Content, Link};
use crate::{Device, Did, Error, Fork, Kind, Log, Operation, OperationHash, PublicKey, Root, Signature};

fn device(n: u8, now: Instant) -> Device {
    Device::new(key(n), "tablet", now).unwrap()
}

/// What the owner of the sample would rightly sign next: another device.
fn next() -> Content {
    sample().state().next(Kind::AddDevice { device: device(3, at(500)) }, at(500))
}

/// What the sample says to an operation.
fn refused(operation: Operation) -> Error {
    let (mut log, before) = (sample(), sample());
    let error = log.append(operation.clone()).unwrap_err();
    assert_eq!(log, before);
    // The same operation inside a whole log is refused for the same reason.
    let operations: Vec<_> = log.operations().iter().cloned().chain([operation]).collect();
    assert_eq!(Log::from_operations(operations), Err(error));
    error
}

fn rotation(root: PublicKey) -> Content {
    sample().state().next(Kind::RotateRoot { root }, at(500))
}

#[test]
fn the_honest_operation_is_taken() {
    assert_eq!(sample().append(next().sign(&root(2), None)), Ok(()));
    assert_eq!(sample().append(rotation(root(3).public_key()).sign(&root(2), Some(&root(3)))), Ok(()));
}

#[test]
fn a_bad_signature_is_refused() {
    let bad = Error::BadSignature { sequence: 4 };
    assert_eq!(refused(next().sign(&root(9), None)), bad);
    let mut operation = next().sign(&root(2), None);
    operation.signature = Signature::Ed25519(allod_crypto::sign::Signature([0; 64]));
    assert_eq!(refused(operation), bad);
}

#[test]
fn changed_content_under_a_good_signature_is_refused() {
    let good = next().sign(&root(2), None);
    for change in [
        (|content: &mut Content| content.at = at(501)) as fn(&mut Content),
        |content| content.kind = Kind::RemoveDevice { id: id(2) },
        |content| content.kind = Kind::AddDevice { device: device(4, at(500)) },
    ] {
        let mut operation = good.clone();
        change(&mut operation.content);
        assert_eq!(refused(operation), Error::BadSignature { sequence: 4 });
    }
}

#[test]
fn a_signature_for_another_identity_is_refused() {
    // Signed over the same words with another DID, which is then put right.
    let mut content = next();
    let link = content.link;
    content.link = link.map(|link| Link { did: Did([9; 32]), ..link });
    let mut operation = content.sign(&root(2), None);
    operation.content.link = link;
    assert_eq!(refused(operation), Error::BadSignature { sequence: 4 });
}

#[test]
fn a_devices_own_key_signs_nothing_here() {
    let seed = allod_crypto::Secret::from([2 ^ 0x80; 32]);
    let mut operation = next().sign(&root(2), None);
    let signature = allod_crypto::sign::SigningKey::from_seed(&seed).sign(&operation.content.message());
    operation.signature = Signature::Ed25519(signature);
    assert_eq!(refused(operation), Error::BadSignature { sequence: 4 });
}

#[test]
fn an_operation_that_follows_another_one_is_refused() {
    let mut content = next();
    content.link = content.link.map(|link| Link { previous: OperationHash([9; 32]), ..link });
    assert_eq!(refused(content.sign(&root(2), None)), Error::WrongPrevious { sequence: 4 });
}

#[test]
fn a_wrong_sequence_is_refused() {
    for sequence in [0, 1, 3, 5, u32::MAX] {
        let mut content = next();
        content.sequence = sequence;
        assert_eq!(refused(content.sign(&root(2), None)), Error::WrongSequence { sequence, expected: 4 });
    }
}

#[test]
fn an_operation_for_another_did_is_refused() {
    // The same root made two identities; an operation of one is no use in the other.
    let mut other = Log::create(&root(2), key(7), "phone", at(100)).unwrap();
    let operation = other.add_device(&root(2), key(3), "tablet", at(500)).unwrap().clone();
    assert_eq!(refused(operation), Error::OtherDid { sequence: 1 });
    let mut content = next();
    content.link = content.link.map(|link| Link { did: other.state().did(), ..link });
    assert_eq!(refused(content.sign(&root(2), None)), Error::OtherDid { sequence: 4 });
}

#[test]
fn the_old_root_is_refused_after_a_rotation() {
    assert_eq!(refused(next().sign(&root(1), None)), Error::BadSignature { sequence: 4 });
    let content = rotation(root(3).public_key());
    assert_eq!(refused(content.sign(&root(1), Some(&root(3)))), Error::BadSignature { sequence: 4 });
}

#[test]
fn a_rotation_without_proof_of_possession_is_refused() {
    let bad = Error::BadPossession { sequence: 4 };
    let content = rotation(root(3).public_key());
    assert_eq!(refused(content.clone().sign(&root(2), None)), bad);
    assert_eq!(refused(content.clone().sign(&root(2), Some(&root(4)))), bad);
    // The new key's signature on what the old one signs proves nothing here.
    let mut operation = content.clone().sign(&root(2), None);
    operation.possession = Some(content.sign(&root(3), None).signature);
    assert_eq!(refused(operation), bad);
}

#[test]
fn a_proof_of_possession_where_none_belongs_is_refused() {
    assert_eq!(refused(next().sign(&root(2), Some(&root(2)))), Error::BadPossession { sequence: 4 });
}

#[test]
fn a_removed_device_is_not_added_again() {
    let kind = Kind::AddDevice { device: device(1, at(500)) };
    let operation = sample().state().next(kind, at(500)).sign(&root(2), None);
    assert_eq!(refused(operation), Error::DeviceRemoved { sequence: 4 });
}

#[test]
fn a_device_is_added_once_and_removed_once() {
    let sign = |kind| sample().state().next(kind, at(500)).sign(&root(2), None);
    let present = sign(Kind::AddDevice { device: device(2, at(500)) });
    assert_eq!(refused(present), Error::DevicePresent { sequence: 4 });
    assert_eq!(refused(sign(Kind::RemoveDevice { id: id(1) })), Error::DeviceRemoved { sequence: 4 });
    assert_eq!(refused(sign(Kind::RemoveDevice { id: id(9) })), Error::DeviceAbsent { sequence: 4 });
}

#[test]
fn time_does_not_go_backwards() {
    let mut content = next();
    content.at = Instant(at(400).0 - 1);
    assert_eq!(refused(content.clone().sign(&root(2), None)), Error::TimeBackwards { sequence: 4 });
    content.at = at(400);
    assert_eq!(sample().append(content.sign(&root(2), None)), Ok(()));
}

#[test]
fn a_key_has_one_role_once() {
    let reused = Error::KeyReused { sequence: 4 };
    let back = rotation(root(1).public_key()).sign(&root(2), Some(&root(1)));
    assert_eq!(refused(back), reused);
    let same = rotation(root(2).public_key()).sign(&root(2), Some(&root(2)));
    assert_eq!(refused(same), reused);
    for root_key in [root(1).public_key(), root(2).public_key()] {
        let device = Device::new(root_key, "tablet", at(500)).unwrap();
        let content = sample().state().next(Kind::AddDevice { device }, at(500));
        assert_eq!(refused(content.sign(&root(2), None)), reused);
    }
    let own = Log::create(&root(1), root(1).public_key(), "phone", at(1));
    assert_eq!(own, Err(Error::KeyReused { sequence: 0 }));
}

#[test]
fn a_devices_key_active_or_removed_never_becomes_the_root() {
    let mut log = Log::create(&root(1), root(5).public_key(), "phone", at(1)).unwrap();
    assert_eq!(log.rotate_root(&root(1), &root(5), at(2)), Err(Error::KeyReused { sequence: 1 }));
    log.remove_device(&root(1), root(5).public_key().device_id(), at(2)).unwrap();
    assert_eq!(log.rotate_root(&root(1), &root(5), at(2)), Err(Error::KeyReused { sequence: 2 }));
}

#[test]
fn a_key_that_cannot_sign_is_neither_root_nor_device() {
    let agreement = PublicKey::X25519([5; 32]);
    let mut log = sample();
    let cannot = Error::NotASigningKey { sequence: 4 };
    assert_eq!(log.add_device(&root(2), agreement, "x", at(500)), Err(cannot));
    assert_eq!(refused(rotation(agreement).sign(&root(2), Some(&root(3)))), cannot);
    assert_eq!(Log::create(&root(1), agreement, "x", at(1)), Err(Error::NotASigningKey { sequence: 0 }));
}

#[test]
fn a_key_of_small_order_never_becomes_the_root() {
    // Under lax verification the identity point signs anything.
    let mut point = [0; 32];
    point[0] = 1;
    let key = PublicKey::from(allod_crypto::sign::VerifyingKey(point));
    let mut signature = [0; 64];
    signature[0] = 1;
    let signature = Signature::Ed25519(allod_crypto::sign::Signature(signature));
    let mut operation = rotation(key).sign(&root(2), None);
    operation.possession = Some(signature);
    assert_eq!(refused(operation), Error::BadPossession { sequence: 4 });
    let kind = Kind::Genesis { root: key, device: device(1, at(1)) };
    let content = Content { sequence: 0, at: at(1), link: None, kind };
    let genesis = Operation { content, signature, possession: None };
    assert_eq!(Log::from_operations([genesis].into()), Err(Error::BadSignature { sequence: 0 }));
}

#[test]
fn a_genesis_stands_first_and_only_there() {
    let genesis = |sequence, link, root: &Root| {
        let kind = Kind::Genesis { root: root.public_key(), device: device(3, at(500)) };
        Content { sequence, at: at(500), link, kind }.sign(root, None)
    };
    let misplaced = |sequence| Error::MisplacedGenesis { sequence };
    assert_eq!(refused(genesis(4, next().link, &root(2))), misplaced(4));
    assert_eq!(refused(genesis(0, None, &root(2))), misplaced(0));
    let founded = |operation: Operation| Log::from_operations([operation].into());
    assert_eq!(founded(genesis(0, next().link, &root(2))), Err(misplaced(0)));
    assert_eq!(founded(genesis(1, None, &root(2))), Err(Error::WrongSequence { sequence: 1, expected: 0 }));
    let mut content = next();
    (content.sequence, content.link) = (0, None);
    assert_eq!(founded(content.sign(&root(2), None)), Err(misplaced(0)));
}

#[test]
fn a_genesis_signed_by_another_key_than_it_names_is_refused() {
    let kind = Kind::Genesis { root: root(1).public_key(), device: device(1, at(1)) };
    let content = Content { sequence: 0, at: at(1), link: None, kind };
    let forged = [content.sign(&root(2), None)].to_vec();
    assert_eq!(Log::from_operations(forged), Err(Error::BadSignature { sequence: 0 }));
}

#[test]
fn a_log_that_is_reordered_or_lacks_or_repeats_one_is_refused() {
    let operations = sample().operations().to_vec();
    let pick = |places: &[usize]| {
        Log::from_operations(places.iter().map(|place| operations[*place].clone()).collect())
    };
    let wrong = |sequence, expected| Err(Error::WrongSequence { sequence, expected });
    assert_eq!(pick(&[0, 2, 1, 3]), wrong(2, 1));
    assert_eq!(pick(&[0, 2, 3]), wrong(2, 1));
    assert_eq!(pick(&[0, 1, 1, 2]), wrong(1, 2));
    assert_eq!(pick(&[1, 2, 3]), wrong(1, 0));
    assert_eq!(pick(&[0, 0]), Err(Error::MisplacedGenesis { sequence: 0 }));
    assert_eq!(pick(&[]), Err(Error::Empty));
}

#[test]
fn a_fork_is_two_operations_of_one_place_that_the_root_signed() {
    let shared = sample().operations().to_vec();
    let sign = |n, root: &Root| {
        let kind = Kind::AddDevice { device: device(n, at(500)) };
        sample().state().next(kind, at(500)).sign(root, None)
    };
    let (one, other) = (sign(3, &root(2)), sign(4, &root(2)));
    let good = Fork::new(shared.clone(), one.clone(), other.clone());
    assert_eq!(good.verify(), Ok(sample().state().did()));

    let [first, second] = good.operations();
    let swapped = Fork { shared: shared.clone(), first: second.clone(), second: first.clone() };
    assert_eq!(swapped.verify(), Err(Error::NotAFork { sequence: 4 }));
    let same = Fork::new(shared.clone(), one.clone(), one.clone());
    assert_eq!(same.verify(), Err(Error::NotAFork { sequence: 4 }));
    let framed = Fork::new(shared.clone(), one.clone(), sign(4, &root(9)));
    assert_eq!(framed.verify(), Err(Error::BadSignature { sequence: 4 }));
    let later = Fork::new(shared[..3].to_vec(), one.clone(), other);
    assert_eq!(later.verify(), Err(Error::WrongSequence { sequence: 4, expected: 3 }));
    assert_eq!(Fork::new(Vec::new(), one.clone(), one).verify(), Err(Error::Empty));
}

/// A second good signature of `root`: RFC 8032, section 5.1.6, with another
/// nonce than the deterministic one.
fn resigned(root: &Root, message: &[u8]) -> Signature {
    use curve25519_dalek::{EdwardsPoint, Scalar};
    let key = root.signing_key();
    let expanded = allod_crypto::hash::sha512(key.seed().expose());
    let mut secret = [0; 32];
    secret.copy_from_slice(&expanded[..32]);
    let secret = Scalar::from_bytes_mod_order(curve25519_dalek::scalar::clamp_integer(secret));
    let nonce = Scalar::from(12_345u64);
    let point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
    let hash = allod_crypto::hash::sha512(&[&point, &key.verifying_key().0[..], message].concat());
    let response = nonce + Scalar::from_bytes_mod_order_wide(&hash) * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&point);
    signature[32..].copy_from_slice(response.as_bytes());
    Signature::Ed25519(allod_crypto::sign::Signature(signature))
}

#[test]
fn the_same_operation_signed_twice_is_no_fork() {
    let log = sample();
    let mut operation = log.operations()[3].clone();
    operation.signature = resigned(&root(1), &operation.content.message());
    assert_ne!(operation, log.operations()[3]);
    let other = Log::from_operations([&log.operations()[..3], &[operation]].concat()).unwrap();
    assert_ne!(other, log);
    assert_eq!(log.fork(&other), None);
    assert!(log.extends(&other) && other.extends(&log));
}
