//! The stored form of a record: frozen, and with one encoding.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

fn sample() -> Record {
    let n = |n: u8| core::array::from_fn(|i| n.wrapping_add(i as u8));
    Record::Registered(Registration {
        parts: Register2Request {
            version: RegistrationVersion([1; 16]),
            oprf_private_key: Secret::from(n(2)),
            oprf_signed_public_key: crate::juicebox::SignedPublicKey {
                public_key: n(3),
                verifying_key: n(4),
                signature: core::array::from_fn(|i| i as u8),
            },
            unlock_key_commitment: n(5),
            unlock_key_tag: Secret::from([6; 16]),
            encryption_key_scalar_share: Secret::from(n(7)),
            encrypted_secret: [8; 145],
            encrypted_secret_commitment: [9; 16],
            policy: crate::juicebox::Policy { num_guesses: 10 },
        },
        guess_count: 4,
    })
}

#[test]
fn the_record_is_frozen() {
    let registered = allod_wire::encode(&sample());
    assert_eq!(
        HEXLOWER.encode(&hash::sha256(&registered)),
        "5c59eb5a596ad502a2e795896467af269bbb88b1aa4e121af8ef1dcf1ebda9a1"
    );
    assert_eq!(allod_wire::encode(&Record::Destroyed), [0x81, 2]);
}

#[test]
fn a_record_comes_back_as_it_was() {
    for record in [sample(), Record::Destroyed] {
        assert_eq!(allod_wire::decode(&allod_wire::encode(&record)), Ok(record));
    }
}

#[test]
fn every_cut_and_every_trailing_byte_is_refused() {
    let mut bytes = allod_wire::encode(&sample());
    for end in 0..bytes.len() {
        assert!(allod_wire::decode::<Record>(&bytes[..end]).is_err(), "cut at {end}");
    }
    bytes.push(0);
    assert!(allod_wire::decode::<Record>(&bytes).is_err());
}

#[test]
fn a_record_of_an_unknown_format_is_refused() {
    let mut bytes = allod_wire::encode(&sample());
    for format in [0, 2, 3, 23] {
        bytes[1] = format;
        assert!(allod_wire::decode::<Record>(&bytes).is_err(), "{format}");
    }
    for bytes in [&[0x81, 1][..], &[0x81, 3], &[0x82, 2, 0], &[0x9F, 2, 0xFF]] {
        assert!(allod_wire::decode::<Record>(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn more_guesses_spent_than_there_are_leave_none() {
    let Record::Registered(mut registration) = sample() else { panic!() };
    registration.guess_count = 11;
    assert_eq!(registration.guesses_left(), 0);
}

#[test]
fn no_share_is_printed_with_a_record() {
    let text = alloc::format!("{:?}", sample());
    assert!(text.contains("oprf_private_key: Secret") && text.contains("scalar_share: Secret"), "{text}");
}

proptest! {
    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = allod_wire::encode(&sample());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(record) = allod_wire::decode::<Record>(&bytes) {
            prop_assert_eq!(allod_wire::encode(&record), bytes);
        }
    }
}
