//! What an honest owner does with a log.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use allod_wire::limits::DID_LOG_MAX;
use serde_json::Value;

use super::{at, id, key, root, sample};
use crate::{Did, Error, Fork, Log, PublicKey};

#[test]
fn every_kind_of_operation_changes_the_state_as_it_says() {
    let log = sample();
    let state = log.state();
    assert_eq!(state.root(), &root(2).public_key());
    assert_eq!(state.retired_roots(), [root(1).public_key()]);
    let devices: Vec<_> = state.devices().iter().map(|d| (d.id(), d.name(), d.added_at())).collect();
    assert_eq!(devices, [(id(2), "laptop", at(200))]);
    assert_eq!(state.removed(), [id(1)]);
    assert_eq!((state.sequence(), state.at()), (3, at(400)));
    assert_eq!(state.head(), log.operations()[3].hash());
    assert_eq!(log.verify().as_ref(), Ok(state));
}

#[test]
fn the_did_outlives_every_key() {
    let mut log = sample();
    let did = log.state().did();
    assert_eq!(did, log.operations()[0].did());
    log.remove_device(&root(2), id(2), at(500)).unwrap();
    log.rotate_root(&root(2), &root(3), at(500)).unwrap();
    assert_eq!(log.state().did(), did);
    assert!(log.operations().iter().all(|operation| operation.did() == did));
}

#[test]
fn another_genesis_gives_another_did() {
    let did = |root_n, key_n, name, secs| {
        Log::create(&root(root_n), key(key_n), name, at(secs)).unwrap().state().did()
    };
    let first = did(1, 1, "phone", 100);
    assert_eq!(first, did(1, 1, "phone", 100));
    for other in
        [did(2, 1, "phone", 100), did(1, 2, "phone", 100), did(1, 1, "x", 100), did(1, 1, "phone", 101)]
    {
        assert_ne!(first, other);
    }
}

#[test]
fn the_last_device_may_go_and_the_root_remains() {
    let mut log = Log::create(&root(1), key(1), "phone", at(1)).unwrap();
    log.remove_device(&root(1), id(1), at(2)).unwrap();
    assert!(log.state().devices().is_empty());
    assert!(log.is_root_of(&root(1)));
    log.add_device(&root(1), key(2), "new phone", at(3)).unwrap();
    assert_eq!(log.state().devices().len(), 1);
}

#[test]
fn only_the_current_root_is_its_root() {
    let log = sample();
    assert!(log.is_root_of(&root(2)));
    assert!(!log.is_root_of(&root(1)));
    assert!(!log.is_root_of(&root(3)));
}

#[test]
fn a_refused_operation_leaves_the_log_as_it_was() {
    let mut log = sample();
    let before = log.clone();
    assert!(log.add_device(&root(1), key(3), "x", at(500)).is_err());
    assert!(log.add_device(&root(2), key(1), "x", at(500)).is_err());
    assert!(log.add_device(&root(2), key(3), "\n", at(500)).is_err());
    assert!(log.remove_device(&root(2), id(9), at(500)).is_err());
    assert!(log.rotate_root(&root(2), &root(1), at(500)).is_err());
    assert_eq!(log, before);
}

#[test]
fn operations_handed_on_one_by_one_give_the_same_log() {
    let log = sample();
    let mut other = Log::from_operations(log.operations()[..1].to_vec()).unwrap();
    for operation in &log.operations()[1..] {
        other.append(crate::Operation::decode(&operation.encode()).unwrap()).unwrap();
    }
    assert_eq!(other, log);
}

#[test]
fn a_cut_log_is_a_prefix_that_the_whole_one_extends() {
    let log = sample();
    for len in 1..=log.operations().len() {
        let cut = Log::from_operations(log.operations()[..len].to_vec()).unwrap();
        let cut = Log::decode(&cut.encode()).unwrap();
        assert!(log.extends(&cut));
        assert_eq!(cut.extends(&log), len == 4);
        assert_eq!(log.fork(&cut), None);
    }
}

#[test]
fn logs_of_different_identities_neither_extend_nor_fork() {
    let (ours, theirs) = (sample(), Log::create(&root(5), key(5), "phone", at(100)).unwrap());
    assert!(!ours.extends(&theirs) && !theirs.extends(&ours));
    assert_eq!(ours.fork(&theirs), None);
}

#[test]
fn two_continuations_are_a_fork_that_both_sides_find_and_anybody_verifies() {
    let (mut ours, mut theirs) = (sample(), sample());
    ours.add_device(&root(2), key(3), "tablet", at(500)).unwrap();
    theirs.add_device(&root(2), key(4), "watch", at(500)).unwrap();
    theirs.remove_device(&root(2), id(4), at(600)).unwrap();
    assert!(!ours.extends(&theirs) && !theirs.extends(&ours));
    let fork = ours.fork(&theirs).unwrap();
    assert_eq!(theirs.fork(&ours).as_ref(), Some(&fork));
    let fork = Fork::decode(&fork.encode()).unwrap();
    assert_eq!(fork.verify(), Ok(ours.state().did()));
    assert_eq!(fork.shared(), sample().operations());
    assert!(fork.operations().contains(&&ours.operations()[4]));
    assert!(fork.operations().contains(&&theirs.operations()[4]));
}

#[test]
fn a_full_log_takes_nothing_more() {
    let mut log = Log::create(&root(1), key(1), "phone", at(1)).unwrap();
    for n in 1..DID_LOG_MAX {
        let key = PublicKey::Ed25519(allod_crypto::sign::VerifyingKey([n as u8; 32]));
        log.add_device(&root(1), key, "device", at(1)).unwrap();
    }
    let full = Error::LogFull { sequence: 256 };
    assert_eq!(log.add_device(&root(1), key(2), "one more", at(1)), Err(full));
    assert_eq!(Log::decode(&log.encode()), Ok(log));
}

#[test]
fn a_did_is_read_from_its_own_text_only() {
    let did = sample().state().did();
    let text = did.to_string();
    assert_eq!(text.parse(), Ok(did));
    assert_eq!(did.prefix(), did.as_bytes()[..16]);
    let zeros = format!("did:allod:z{}", "1".repeat(32));
    assert_eq!(zeros.parse(), Ok(Did([0; 32])));
    let base58 = text.strip_prefix("did:allod:z").unwrap();
    for bad in [
        "".into(),
        base58.into(),
        format!("did:key:z{base58}"),
        format!("did:allod:{base58}"),
        format!("did:allod:Z{base58}"),
        format!("did:allod:z1{base58}"),
        format!("did:allod:z{}", &base58[3..]),
        format!("did:allod:z{}", "1".repeat(31)),
        format!("did:allod:z{}", "z".repeat(44)),
        format!("did:allod:z{}", "1".repeat(100_000)),
        format!("{text}\n"),
        format!(" {text}"),
        format!("{text}#key"),
        text.to_uppercase(),
        format!("did:allod:z0{}", &base58[1..]),
    ] {
        assert_eq!(bad.parse::<Did>(), Err(Error::NotADid), "{bad}");
    }
}

#[test]
fn the_document_names_the_keys_and_what_each_may_do() {
    let mut log = sample();
    log.add_device(&root(2), key(3), "tablet", at(500)).unwrap();
    let text = log.document();
    assert_eq!(text, log.document());
    let document: Value = serde_json::from_str(&text).unwrap();
    let did = log.state().did().to_string();
    let url = |key: &PublicKey| Value::from(format!("{did}#{}", key.to_multibase()));
    assert_eq!(document["id"], Value::from(did.clone()));
    assert_eq!(document["@context"][0], "https://www.w3.org/ns/did/v1");
    let methods = document["verificationMethod"].as_array().unwrap();
    assert_eq!(methods.len(), 3);
    for (method, key) in methods.iter().zip([root(2).public_key(), key(2), key(3)]) {
        assert_eq!(method["id"], url(&key));
        assert_eq!(method["type"], "Multikey");
        assert_eq!(method["controller"], Value::from(did.clone()));
        let multibase = method["publicKeyMultibase"].as_str().unwrap();
        assert_eq!(PublicKey::from_did_key(&format!("did:key:{multibase}")), Ok(key));
    }
    for relationship in ["authentication", "assertionMethod"] {
        assert_eq!(document[relationship], Value::from([url(&key(2)), url(&key(3))].to_vec()));
    }
    for relationship in ["capabilityInvocation", "capabilityDelegation"] {
        assert_eq!(document[relationship], Value::from([url(&root(2).public_key())].to_vec()));
    }
    assert!(!text.contains("tablet"), "a device's name is nobody else's business");
}

#[test]
fn a_document_with_no_device_leaves_the_devices_relationships_out() {
    let mut log = Log::create(&root(1), key(1), "phone", at(1)).unwrap();
    log.remove_device(&root(1), id(1), at(2)).unwrap();
    let document: Value = serde_json::from_str(&log.document()).unwrap();
    assert_eq!(document.get("authentication"), None);
    assert_eq!(document.get("assertionMethod"), None);
    assert_eq!(document["verificationMethod"].as_array().unwrap().len(), 1);
}
