//! Requests carry whose they are.

use allod_crypto::hash::blake3;
use allod_wire::Instant;

use super::*;

#[test]
fn a_request_is_good_for_its_method_and_path_alone() {
    let account = keys().account("peer");
    let signed =
        Authorization::sign(&account, "PUT", "/storage/shard/1", b"bytes", Instant(1000), &mut rng());
    let back = Authorization::decode(&signed.encode()).unwrap();
    assert_eq!(back, signed);
    assert_eq!(back.check("PUT", "/storage/shard/1"), Ok(()));
    assert_eq!((back.account, back.time, back.body), (account.id(), Instant(1000), blake3(b"bytes")));
    for (method, path) in [("DELETE", "/storage/shard/1"), ("PUT", "/storage/shard/2"), ("PUT", "")] {
        assert!(back.check(method, path).is_err());
    }
}

#[test]
fn a_request_that_was_changed_anywhere_is_refused() {
    let account = keys().account("peer");
    let signed = Authorization::sign(&account, "GET", "/", b"", Instant(1000), &mut rng()).encode();
    for at in 0..signed.len() {
        let mut wrong = signed;
        wrong[at] ^= 0x10;
        assert!(Authorization::decode(&wrong).unwrap().check("GET", "/").is_err(), "{at}");
    }
    assert_eq!(Authorization::decode(&signed[1..]), None);
    assert_eq!(Authorization::decode(&[]), None);
}

#[test]
fn no_two_requests_and_no_two_peers_are_the_same() {
    let account = keys().account("peer");
    let sign = || Authorization::sign(&account, "GET", "/", b"", Instant(1000), &mut rng());
    assert_ne!(sign().once, sign().once);
    assert_ne!(account.id(), keys().account("peer2").id());
    assert_ne!(account.id(), BackupKeys::new(&Secret::from([1; 32])).account("peer").id());
}
