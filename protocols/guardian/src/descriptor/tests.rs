//! Descriptors that are forged, old, another's, or shown as what they are not.

use alloc::vec;

use allod_crypto::Secret;
use allod_wire::{Instant, RealmId};
use data_encoding::HEXLOWER;

use super::*;
use crate::client::Guardian;
use crate::test_rng::Seeded;

fn root(n: u8) -> Root {
    Root::from_bytes(Secret::from([n; 32]))
}

fn log(n: u8) -> Log {
    let key = SigningKey::from_seed(&Secret::from([n ^ 0x80; 32])).verifying_key();
    Log::create(&root(n), key.into(), "phone", Instant::from_secs(100)).unwrap()
}

fn card(n: u8) -> Card {
    Card::new(&root(n), &log(n).state().did(), 0)
}

fn descriptor(n: u8, sequence: u64) -> Descriptor {
    let guardian = |n| Guardian { realm: RealmId([n; 16]), address: "https://a.example".into() };
    Descriptor {
        sequence,
        log: log(n),
        card_generation: 0,
        owner: owner_key(&root(n)).verifying_key(),
        in_force: Guarded {
            configuration: Configuration::new(vec![guardian(1), guardian(2), guardian(3)], 2).unwrap(),
            version: RegistrationVersion([6; 16]),
            verifying_key: [7; 32],
        },
        coming: None,
        backup_peers: Vec::new(),
    }
}

fn rng() -> Seeded {
    Seeded::new(5)
}

/// Seals whatever for a card, as its thief could.
fn seal(card: &Card, sequence: u64, plain: &[u8]) -> SealedDescriptor {
    let sealed = aead::seal(&card.descriptor_key(), card.locator().as_bytes(), plain, &mut rng());
    SealedDescriptor { sequence, sealed }
}

/// A body with a signature of this root.
fn signed(body: Vec<u8>, root: &Root) -> Vec<u8> {
    let signature = root.signing_key().sign(&signed_hash(&body));
    allod_wire::encode(&Signed { body: body.into(), signature: signature.0 })
}

#[test]
fn a_descriptor_opens_for_its_card_as_what_it_was() {
    let sealed = descriptor(1, 3).seal(&root(1), &card(1), &mut rng());
    assert_eq!(sealed.sequence, 3);
    assert_eq!(Descriptor::open(&card(1), &sealed), Ok(descriptor(1, 3)));
    let account = descriptor(1, 3).account(&card(1));
    assert_eq!(account, card(1).account(&owner_key(&root(1))));
}

#[test]
fn where_backups_are_is_found_with_it_and_costs_one_without_them_nothing() {
    let without = descriptor(1, 3);
    assert_eq!(without.body()[0], 0x85, "an array of five, as before there were backups");
    let with = Descriptor { backup_peers: vec!["https://peer.example#pin".into()], ..without };
    assert_eq!(with.body()[0], 0x87);
    let sealed = with.seal(&root(1), &card(1), &mut rng());
    assert_eq!(Descriptor::open(&card(1), &sealed), Ok(with));
}

#[test]
fn the_body_is_frozen() {
    let body = descriptor(1, 3).body();
    assert_eq!(
        HEXLOWER.encode(&hash::sha256(&body)),
        "8fdca9f87159fae4ae353ee1c4ce45b3d0547c66c9c743a94d0efece6dbcb51e"
    );
    let key = owner_key(&root(1)).verifying_key();
    assert_eq!(HEXLOWER.encode(&key.0), "7fb3e73c688ceab0dad1621b4a5fb29d607467891d66ce36bd9ae9308a641302");
}

#[test]
fn a_guardian_cannot_read_it() {
    let sealed = descriptor(1, 3).seal(&root(1), &card(1), &mut rng()).sealed;
    for part in [&b"https://a.example"[..], b"phone", &[6; 16], &[7; 32]] {
        assert!(!sealed.windows(part.len()).any(|window| window == part));
    }
}

#[test]
fn a_changed_cut_or_made_up_descriptor_is_forged() {
    let good = descriptor(1, 3).seal(&root(1), &card(1), &mut rng());
    for at in 0..good.sealed.len() {
        let mut changed = good.clone();
        changed.sealed[at] ^= 1;
        assert_eq!(Descriptor::open(&card(1), &changed), Err(DescriptorError::Forged), "byte {at}");
    }
    for end in [0, 1, 15, 16, 24, 40, good.sealed.len() - 1] {
        let cut = SealedDescriptor { sequence: 3, sealed: good.sealed[..end].to_vec() };
        assert_eq!(Descriptor::open(&card(1), &cut), Err(DescriptorError::Forged), "cut at {end}");
    }
    let made_up = SealedDescriptor { sequence: 3, sealed: vec![0; 200] };
    assert_eq!(Descriptor::open(&card(1), &made_up), Err(DescriptorError::Forged));
}

#[test]
fn another_card_opens_nothing() {
    let sealed = descriptor(1, 3).seal(&root(1), &card(1), &mut rng());
    assert_eq!(Descriptor::open(&card(2), &sealed), Err(DescriptorError::Forged));
    let renewed = Card::new(&root(1), &log(1).state().did(), 1);
    assert_eq!(Descriptor::open(&renewed, &sealed), Err(DescriptorError::Forged));
}

#[test]
fn what_is_sealed_but_no_descriptor_is_malformed() {
    let body = descriptor(1, 3).body();
    let mut trailing = signed(body.clone(), &root(1));
    trailing.push(0);
    let whole = signed(body.clone(), &root(1));
    for plain in [&b""[..], b"text", &body, &trailing, &whole[..whole.len() - 1]] {
        let opened = Descriptor::open(&card(1), &seal(&card(1), 3, plain));
        assert_eq!(opened, Err(DescriptorError::Malformed));
    }
    let empty = signed(vec![], &root(1));
    assert_eq!(Descriptor::open(&card(1), &seal(&card(1), 3, &empty)), Err(DescriptorError::Malformed));
}

#[test]
fn a_thief_of_the_card_cannot_sign_one() {
    let body = descriptor(1, 9).body();
    for thief in [2, 3] {
        let forged = seal(&card(1), 9, &signed(body.clone(), &root(thief)));
        assert_eq!(Descriptor::open(&card(1), &forged), Err(DescriptorError::NotSigned));
    }
    // A good signature upon another body.
    let genuine: Signed = allod_wire::decode(&signed(descriptor(1, 8).body(), &root(1))).unwrap();
    let moved = Signed { body: body.into(), signature: genuine.signature };
    let forged = seal(&card(1), 9, &allod_wire::encode(&moved));
    assert_eq!(Descriptor::open(&card(1), &forged), Err(DescriptorError::NotSigned));
}

#[test]
fn a_thief_cannot_show_an_identity_of_his_own_for_the_card() {
    let forged = seal(&card(1), 9, &signed(descriptor(2, 9).body(), &root(2)));
    assert_eq!(Descriptor::open(&card(1), &forged), Err(DescriptorError::OtherIdentity));
}

#[test]
fn a_root_that_was_replaced_signs_no_more() {
    let mut log = log(1);
    log.rotate_root(&root(1), &root(9), Instant::from_secs(200)).unwrap();
    let newer = Descriptor { log, ..descriptor(1, 4) };
    let by_old = seal(&card(1), 4, &signed(newer.body(), &root(1)));
    assert_eq!(Descriptor::open(&card(1), &by_old), Err(DescriptorError::NotSigned));
    let by_new = newer.seal(&root(9), &card(1), &mut rng());
    assert_eq!(Descriptor::open(&card(1), &by_new), Ok(newer));
}

#[test]
fn a_log_that_does_not_verify_is_refused() {
    let body = |log: Vec<u8>| {
        allod_wire::encode(&Body {
            sequence: 3,
            log: log.into(),
            card_generation: 0,
            owner: [1; 32],
            in_force: descriptor(1, 3).in_force,
            coming: None,
            backup_peers: None,
        })
    };
    let mut bytes = log(1).encode();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    for log in [bytes, vec![], vec![0x80]] {
        let shown = seal(&card(1), 3, &signed(body(log), &root(1)));
        assert_eq!(Descriptor::open(&card(1), &shown), Err(DescriptorError::Log));
    }
}

#[test]
fn guardians_that_are_no_valid_set_are_refused() {
    // A set whose threshold is not more than half, as only the root could sign.
    let mut body = descriptor(1, 3).body();
    let configuration = allod_wire::encode(&descriptor(1, 3).in_force.configuration);
    let at = body.windows(configuration.len()).position(|window| window == configuration).unwrap();
    let threshold = at + configuration.len() - 1;
    assert_eq!(body[threshold], 2);
    for bad in [0, 1, 4] {
        body[threshold] = bad;
        let shown = seal(&card(1), 3, &signed(body.clone(), &root(1)));
        assert_eq!(Descriptor::open(&card(1), &shown), Err(DescriptorError::Configuration));
    }
}

#[test]
fn a_registration_on_its_way_is_told_beside_the_one_in_force() {
    let coming = Guarded { version: RegistrationVersion([8; 16]), ..descriptor(1, 3).in_force };
    let both = Descriptor { coming: Some(coming), ..descriptor(1, 3) };
    let shown = both.seal(&root(1), &card(1), &mut rng());
    assert_eq!(Descriptor::open(&card(1), &shown), Ok(both));
}

#[test]
fn an_old_descriptor_under_a_new_number_is_refused() {
    let mut old = descriptor(1, 3).seal(&root(1), &card(1), &mut rng());
    for number in [0, 2, 4, u64::MAX] {
        old.sequence = number;
        assert_eq!(Descriptor::open(&card(1), &old), Err(DescriptorError::OtherSequence));
    }
}

#[test]
fn a_descriptor_for_the_largest_set_fits_what_guardians_keep() {
    let guardian = |n: u8| Guardian { realm: RealmId([n; 16]), address: "a".repeat(100) };
    let configuration = Configuration::new((1..=255).map(guardian).collect(), 128).unwrap();
    let in_force = Guarded { configuration, ..descriptor(1, 1).in_force };
    let sealed = Descriptor { in_force, ..descriptor(1, 1) }.seal(&root(1), &card(1), &mut rng());
    assert!(sealed.sealed.len() <= limits::DESCRIPTOR_MAX, "{}", sealed.sealed.len());
    assert!(Descriptor::open(&card(1), &sealed).is_ok());
}
