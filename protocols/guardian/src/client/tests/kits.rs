//! Kits: dealing, healing, dealing again, and what old shares are worth.

use allod_crypto::{Secret, SecretBytes, hash};
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

fn encoded(kit: &Kit) -> Vec<u8> {
    allod_wire::encode(kit)
}

#[test]
fn a_kit_is_frozen_and_comes_back_as_it_was() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    assert_eq!(
        HEXLOWER.encode(&hash::sha256(&encoded(&kit))),
        "7f4617c488934bee354bd30917da24b07547c1fac1b8b8e5537109ddb987c40f"
    );
    assert_eq!(allod_wire::decode(&encoded(&kit)), Ok(kit));
}

#[test]
fn the_largest_kit_still_fits_its_limit() {
    let guardian = |n: u8| Guardian { realm: allod_wire::RealmId([n; 16]), address: "a".repeat(255) };
    let configuration = Configuration::new((1..=255).map(guardian).collect(), 128).expect("valid");
    let kit = kit("1234", configuration, u16::MAX, 1);
    assert_eq!(allod_wire::decode(&encoded(&kit)), Ok(kit));
}

#[test]
fn a_kit_prints_no_secret() {
    let text = alloc::format!("{:?}", kit("1234", configuration(3, 2), 9, 1));
    assert!(text.contains("oprf_key: Secret") && text.contains("scalar: Secret"), "{text}");
    assert!(!text.contains("oprf_private_key: ["));
}

#[test]
fn every_cut_and_every_trailing_byte_is_refused() {
    let mut bytes = encoded(&kit("1234", configuration(3, 2), 9, 1));
    for end in 0..bytes.len() {
        assert!(allod_wire::decode::<Kit>(&bytes[..end]).is_err(), "cut at {end}");
    }
    bytes.push(0);
    assert!(allod_wire::decode::<Kit>(&bytes).is_err());
}

#[test]
fn a_kit_for_fewer_guardians_than_it_names_is_refused() {
    let (two, three) = (kit("1234", configuration(2, 2), 9, 1), kit("1234", configuration(3, 2), 9, 1));
    // The set of one kit with the parts of the other.
    let names = |kit: &Kit| allod_wire::encode(kit.configuration());
    let (two_bytes, three_bytes) = (encoded(&two), encoded(&three));
    let mixed = [&[0x86, 1][..], &names(&three), &two_bytes[2 + names(&two).len()..]].concat();
    assert!(allod_wire::decode::<Kit>(&mixed).is_err());
    assert!(three_bytes.starts_with(&[&[0x86, 1][..], &names(&three)].concat()));
}

#[test]
fn what_cannot_be_dealt_is_refused_by_name() {
    let deal = |length, num_guesses| {
        let secret = SecretBytes::from(vec![1; length]);
        let version = allod_wire::RegistrationVersion([1; 16]);
        let rng = &mut Seeded::new(1);
        Kit::deal(&secret, &stretched("1234"), version, num_guesses, configuration(3, 2), rng)
    };
    assert_eq!(deal(129, 3), Err(KitError::SecretTooLong));
    assert_eq!(deal(128, 0), Err(KitError::NoGuesses));
    assert!(deal(128, 3).is_ok() && deal(0, 3).is_ok());
}

#[test]
fn each_guardian_gets_a_part_of_its_own_and_nobody_anothers() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let parts: Vec<_> = (0..3)
        .map(|guardian| match kit.request(guardian) {
            Some(Request::Register2(parts)) => parts,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(kit.request(3).is_none());
    for (i, one) in parts.iter().enumerate() {
        for other in &parts[i + 1..] {
            assert_ne!(one.oprf_private_key, other.oprf_private_key);
            assert_ne!(one.unlock_key_tag, other.unlock_key_tag);
            assert_ne!(one.encryption_key_scalar_share, other.encryption_key_scalar_share);
            assert_eq!(one.encrypted_secret, other.encrypted_secret);
            assert_eq!(one.unlock_key_commitment, other.unlock_key_commitment);
        }
    }
}

#[test]
fn a_guardian_that_lost_its_share_is_healed_from_the_same_kit() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let mut network = Network::holding(&kit);
    network.shells[1].records.clear();
    network.behaviours[2] = down();
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_too_few(2, 1);
    let restored: Kit = allod_wire::decode(&encoded(&kit)).expect("as stored");
    network.store(&restored, 1);
    network.recover(kit.configuration(), Some(kit.verifying_key()), "1234").assert_recovered();
}

#[test]
fn a_replaced_set_of_guardians_recovers_with_the_same_pin() {
    let old = kit("1234", configuration(3, 2), 9, 1);
    // Another size, another threshold, other realms among them.
    for (guardians, threshold) in [(3, 2), (5, 3), (2, 2), (1, 1)] {
        let new = old.redeal(configuration(guardians, threshold), &mut Seeded::new(9)).expect("dealt");
        assert_eq!((new.version(), new.num_guesses()), (old.version(), old.num_guesses()));
        assert_ne!(new.verifying_key(), old.verifying_key());
        let mut network = Network::holding(&new);
        let key = Some(new.verifying_key());
        network.recover(new.configuration(), key, "1234").assert_recovered();
        let run = network.recover(new.configuration(), key, "4321");
        run.assert_failed(&RecoverError::WrongPin { guesses_left: 8 });
    }
}

#[test]
fn fewer_than_t_old_and_fewer_than_t_new_shares_are_useless_together() {
    let old = kit("1234", configuration(5, 3), 9, 1);
    let new = old.redeal(configuration(5, 3), &mut Seeded::new(9)).expect("dealt");
    for holds_new in 0u32..32 {
        let mut network = Network::holding(&old);
        for guardian in 0..5 {
            if holds_new >> guardian & 1 == 1 {
                network.store(&new, guardian);
            }
        }
        // Only four are reached: two old and two new are useless.
        network.behaviours[4] = down();
        let new_ones = (holds_new & 15).count_ones();
        for (key, right) in [(Some(new.verifying_key()), new_ones), (Some(old.verifying_key()), 4 - new_ones)]
        {
            let run = network.recover(new.configuration(), key, "1234");
            if right >= 3 {
                run.assert_recovered();
            } else {
                let usable = right as usize;
                run.assert_too_few(3, usable);
            }
        }
        let run = network.recover(new.configuration(), None, "1234");
        if new_ones >= 3 || 4 - new_ones >= 3 {
            run.assert_recovered();
        } else {
            assert!(
                matches!(run.error(), Some(RecoverError::TooFew { needed: 3, usable: 2, .. })),
                "{run:?}"
            );
        }
    }
}

#[test]
fn guardians_that_still_hold_the_old_dealing_do_not_spoil_the_new_one() {
    // The old share's holders answer first, so that their shares come first.
    let old = kit("1234", configuration(5, 3), 9, 1);
    let new = old.redeal(configuration(5, 3), &mut Seeded::new(9)).expect("dealt");
    let mut network = Network::holding(&new);
    network.store(&old, 0);
    network.store(&old, 1);
    for key in [None, Some(new.verifying_key())] {
        let run = network.recover(new.configuration(), key, "1234");
        run.assert_recovered();
        assert_eq!(run.faults.keys().copied().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(network.guesses_left(), [Some(9); 5], "their guesses are given back as well");
    }
}

#[test]
fn no_mix_of_two_dealings_gives_the_key_back() {
    let old = kit("1234", configuration(3, 2), 9, 1);
    let new = old.redeal(configuration(3, 2), &mut Seeded::new(9)).expect("dealt");
    let share = |kit: &Kit, guardian: usize| match kit.request(guardian) {
        Some(Request::Register2(parts)) => {
            let value = allod_crypto::group::SecretScalar::decode(parts.encryption_key_scalar_share.expose());
            allod_threshold::shamir::Share {
                index: allod_threshold::Index::new(guardian as u16 + 1).expect("not zero"),
                value: value.expect("a scalar"),
            }
        }
        other => panic!("{other:?}"),
    };
    let whole = |shares: &[_]| {
        let scalar = allod_threshold::juicebox::recover_scalar(shares).expect("two");
        Secret::from(*scalar.encode())
    };
    let scalar = whole(&[share(&old, 0), share(&old, 1)]);
    for (i, j) in [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)] {
        assert_eq!(whole(&[share(&old, i), share(&old, j)]), scalar);
        assert_eq!(whole(&[share(&new, i), share(&new, j)]), scalar);
        assert_ne!(whole(&[share(&old, i), share(&new, j)]), scalar);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = encoded(&kit("1234", configuration(2, 2), 9, 1));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(kit) = allod_wire::decode::<Kit>(&bytes) {
            prop_assert_eq!(encoded(&kit), bytes);
        }
    }
}
