//! Registrations that could never be recovered, each refused by name.

use allod_crypto::sign::SigningKey;
use allod_threshold::juicebox::PrivateKey;

use super::*;

fn refused_for(change: impl FnOnce(&mut Register2Request)) -> &'static str {
    let mut shell = registered(3, 1);
    let before = shell.records.clone();
    let mut bad = parts(3);
    change(&mut bad);
    match shell.serve(&owner(), Request::Register2(bad)) {
        Answer::Refused { refusal: Refusal::BadRequest(why), guesses_left: Some(2) } => {
            assert_eq!(shell.records, before, "what was held was kept safe");
            why
        }
        other => panic!("{other:?}"),
    }
}

/// The order of the group, which is no canonical scalar.
const ORDER: [u8; 32] = [
    0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn no_guesses_at_all_is_refused_by_name() {
    assert_eq!(refused_for(|parts| parts.policy.num_guesses = 0), "num_guesses is 0");
}

#[test]
fn a_key_that_is_zero_or_no_canonical_scalar_is_refused_by_name() {
    for key in [[0; 32], ORDER, [0xFF; 32]] {
        assert!(refused_for(|parts| parts.oprf_private_key = Secret::from(key)).contains("oprf_private_key"));
    }
}

#[test]
fn a_public_key_of_another_share_is_refused_by_name() {
    let why = refused_for(|parts| {
        let other = SigningKey::from_seed(&Secret::from([1; 32]));
        let public_key = PrivateKey::random(&mut Seeded::new(9)).public_key().to_bytes();
        parts.oprf_signed_public_key = secret::sign_public_key(&other, &RealmId([1; 16]), public_key);
    });
    assert!(why.starts_with("public_key"), "{why}");
}

#[test]
fn a_public_key_signed_for_another_realm_is_refused_by_name() {
    let why = refused_for(|parts| {
        let signer = SigningKey::from_seed(&Secret::from([1; 32]));
        let public_key = parts.oprf_signed_public_key.public_key;
        parts.oprf_signed_public_key = secret::sign_public_key(&signer, &RealmId([2; 16]), public_key);
    });
    assert!(why.contains("not signed for this realm"), "{why}");
}

#[test]
fn a_part_of_another_guardian_is_refused() {
    let second = match kit("1234", configuration(3, 2), 3, 1).request(1) {
        Some(Request::Register2(parts)) => parts,
        other => panic!("{other:?}"),
    };
    assert!(refused_for(|parts| *parts = *second).contains("not signed for this realm"));
}

#[test]
fn a_share_that_is_no_canonical_scalar_is_refused_by_name() {
    for share in [ORDER, [0xFF; 32]] {
        let why = refused_for(|parts| parts.encryption_key_scalar_share = Secret::from(share));
        assert!(why.contains("encryption_key_scalar_share"), "{why}");
    }
}
