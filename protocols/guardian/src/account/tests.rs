//! What an account's id and locator depend on.

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;

use super::*;

fn key(n: u8) -> VerifyingKey {
    SigningKey::from_seed(&Secret::from([n; 32])).verifying_key()
}

#[test]
fn the_account_id_is_a_hash_of_both_keys_in_their_places() {
    let keys = AccountKeys { recover: key(1), owner: key(2) };
    let others = [
        AccountKeys { recover: key(2), owner: key(1) },
        AccountKeys { recover: key(1), owner: key(3) },
        AccountKeys { recover: key(3), owner: key(2) },
    ];
    assert!(others.iter().all(|other| other.id() != keys.id()));
    let hash = hash::tagged("allod 2026 guardian account id", &[&key(1).0, &key(2).0]);
    assert_eq!(keys.id(), AccountId(hash));
}

#[test]
fn the_ids_are_frozen() {
    let keys = AccountKeys { recover: key(1), owner: key(2) };
    assert_eq!(
        alloc::format!("{}", keys.id()),
        "8f3eb7ab9f71bb2af2a18c4850c257eff577d84fa7cc0203c8ebb8291b3260a0"
    );
    assert_eq!(
        alloc::format!("{}", keys.locator()),
        "4650dbb7d3ff4806bb38a7f8d4e984dc75998f7be962dd3544d9286a9771af56"
    );
}

#[test]
fn the_card_alone_finds_the_locator() {
    let (one, other) =
        (AccountKeys { recover: key(1), owner: key(2) }, AccountKeys { recover: key(1), owner: key(3) });
    assert_eq!(one.locator(), other.locator());
    assert_ne!(one.locator(), locator(&key(2)));
}

#[test]
fn owning_includes_recovering_and_not_the_other_way_round() {
    assert!(Permit::Own > Permit::Recover);
}
