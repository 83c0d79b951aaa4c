//! The bytes: frozen, canonical, and refused where they are anything else.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::hash::blake3;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::{at, key, root, sample};
use crate::{Error, Fork, Log, Operation, PublicKey, Signature};

fn digest(bytes: &[u8]) -> alloc::string::String {
    HEXLOWER.encode(&blake3(bytes))
}

fn fork() -> Fork {
    let (mut ours, mut theirs) = (sample(), sample());
    ours.add_device(&root(2), key(3), "tablet", at(500)).unwrap();
    theirs.add_device(&root(2), key(4), "watch", at(500)).unwrap();
    ours.fork(&theirs).unwrap()
}

#[test]
fn every_format_keeps_its_frozen_bytes() {
    let log = sample();
    let operations: Vec<_> = log.operations().iter().map(|operation| digest(&operation.encode())).collect();
    assert_eq!(
        operations,
        [
            "d1bd35a98e94eabc69fa4a52595b1c0ea2a0cdb59873da574f87896d65b4cf49",
            "359ea8e55612f48274e8137acf93a6b2a9ad789504d92724140947448c84e20e",
            "94ced9264cdd1ffb8eb7b74aa0ad7bd51a386c1702972220180580becce88423",
            "efa8eeb9e9a716a7a9e7ebbf04a6198f302f2f221d3f689a82acb45d1174da93"
        ],
        "genesis, add, remove, rotate"
    );
    assert_eq!(digest(&log.encode()), "396932838ea09404361f31748b983a0686af635529cbaa04b93ccc849dfb0bc2");
    assert_eq!(digest(&fork().encode()), "bc961c807c2a9fd134de3245a5a73bbd6b23c8219d79ca5f78d8551f9289c245");
    assert_eq!(
        digest(log.document().as_bytes()),
        "b8219d11a64ddecc9039f15bca1ecbf82cced0a359ef24f9c862d9da32a5ea7a"
    );
    assert_eq!(
        alloc::format!("{}", log.state().did()),
        "did:allod:zFY7yfAoeBSDeCTbq2WrWiMqv8cwwyoQusMchZHtuwL7v"
    );
    assert_eq!(
        digest(&log.state().head().0),
        "318af2a421d20f488d0150fca5a2ee52302ce9293750463e90d67d71461e91e1"
    );
    assert_eq!(
        digest(&allod_wire::encode(&key(1))),
        "d34e9f63ffd6e869721ba4e1d890240938961ad5d11231bf1456c49b88544112"
    );
}

#[test]
fn everything_comes_back_from_its_bytes() {
    let log = sample();
    assert_eq!(Log::decode(&log.encode()), Ok(log.clone()));
    assert_eq!(Fork::decode(&fork().encode()), Ok(fork()));
    for operation in log.operations() {
        assert_eq!(Operation::decode(&operation.encode()).as_ref(), Ok(operation));
    }
    assert_eq!(allod_wire::decode(&allod_wire::encode(&key(1))), Ok(key(1)));
    assert_eq!(allod_wire::decode(&allod_wire::encode(&log.state().did())), Ok(log.state().did()));
}

#[test]
fn trailing_bytes_are_refused() {
    let trail = |mut bytes: Vec<u8>| {
        bytes.push(0xF6);
        bytes
    };
    let log = sample();
    assert!(matches!(
        Log::decode(&trail(log.encode())),
        Err(Error::Wire(allod_wire::Error::Trailing { .. }))
    ));
    assert!(matches!(
        Fork::decode(&trail(fork().encode())),
        Err(Error::Wire(allod_wire::Error::Trailing { .. }))
    ));
    for operation in log.operations() {
        assert!(matches!(
            Operation::decode(&trail(operation.encode())),
            Err(Error::Wire(allod_wire::Error::Trailing { .. }))
        ));
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = sample().encode();
    for end in 0..bytes.len() {
        assert!(Log::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    let bytes = fork().encode();
    for end in 0..bytes.len() {
        assert!(Fork::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
}

/// Every second encoding of `bytes` that comes from writing one CBOR head
/// longer than it needs to be, or one length as indefinite.
fn second_encodings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut heads = Vec::new();
    let mut position = 0;
    while position < bytes.len() {
        heads.push(position);
        let (major, info) = (bytes[position] >> 5, bytes[position] & 0x1F);
        let argument_len = match info {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => 0,
        };
        let argument = match argument_len {
            0 => usize::from(info),
            len => bytes[position + 1..][..len].iter().fold(0, |n, byte| n << 8 | usize::from(*byte)),
        };
        let head_end = position + 1 + argument_len;
        if major != 7 {
            for (info, len) in [(24, 1), (25, 2), (26, 4), (27, 8)] {
                if len > argument_len {
                    let mut other = bytes[..position].to_vec();
                    other.push(major << 5 | info);
                    other.extend(&(argument as u64).to_be_bytes()[8 - len..]);
                    other.extend(&bytes[head_end..]);
                    found.push(other);
                }
            }
        }
        position = if matches!(major, 2 | 3) { head_end + argument } else { head_end };
    }
    // The outermost array with no length, closed by a break.
    let mut other = vec![0x9F];
    other.extend(&bytes[1..]);
    other.push(0xFF);
    found.push(other);
    assert!(heads.len() > 5);
    found
}

#[test]
fn second_encodings_are_refused() {
    let log = sample();
    for other in second_encodings(&log.encode()) {
        assert!(matches!(Log::decode(&other), Err(Error::Wire(_))));
    }
    for operation in log.operations() {
        for other in second_encodings(&operation.encode()) {
            assert!(matches!(Operation::decode(&other), Err(Error::Wire(_))));
        }
    }
}

/// `bytes` with the only place where `from` stands put to `to`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<_> =
        (0..=bytes.len() - from.len()).filter(|place| bytes[*place..].starts_with(from)).collect();
    let [place] = places[..] else { panic!("{from:?} stands at {places:?}") };
    [&bytes[..place], to, &bytes[place + from.len()..]].concat()
}

#[test]
fn a_key_or_signature_of_an_unknown_algorithm_is_named() {
    // ML-DSA-65 has the multicodec code 0x1211; its keys have 1,952 bytes.
    let operation = sample().operations()[1].clone();
    let bytes = operation.encode();
    let mut old = vec![0x82, 0x18, 0xED, 0x58, 32];
    old.extend(key(2).as_bytes());
    let mut new = vec![0x82, 0x19, 0x12, 0x11, 0x59, 0x07, 0xA0];
    new.extend([5; 1952]);
    let unknown = Err(Error::UnknownAlgorithm { code: 0x1211, sequence: Some(1) });
    assert_eq!(Operation::decode(&replaced(&bytes, &old, &new)), unknown);
    let log = sample().encode();
    assert_eq!(Log::decode(&replaced(&log, &old, &new)).map(|_| ()), unknown.map(|_| ()));

    let mut old = vec![0x82, 0x18, 0xED, 0x58, 64];
    old.extend(operation.signature.as_bytes());
    let mut new = vec![0x82, 0x19, 0x12, 0x11, 0x59, 0x0C, 0xED];
    new.extend([5; 3309]);
    let unknown = Err(Error::UnknownAlgorithm { code: 0x1211, sequence: Some(1) });
    assert_eq!(Operation::decode(&replaced(&bytes, &old, &new)), unknown);
}

#[test]
fn a_key_of_the_wrong_size_is_named() {
    let bytes = sample().operations()[1].encode();
    let mut old = vec![0x82, 0x18, 0xED, 0x58, 32];
    old.extend(key(2).as_bytes());
    let mut new = vec![0x82, 0x18, 0xED, 0x58, 31];
    new.extend(&key(2).as_bytes()[1..]);
    assert_eq!(
        Operation::decode(&replaced(&bytes, &old, &new)),
        Err(Error::WrongSize { code: 0xED, size: 31, sequence: Some(1) })
    );
    assert_eq!(
        Signature::from_parts(0xED, &[0; 63]),
        Err(Error::WrongSize { code: 0xED, size: 63, sequence: None })
    );
    assert_eq!(PublicKey::from_parts(0, &[]), Err(Error::UnknownAlgorithm { code: 0, sequence: None }));
}

#[test]
fn an_operation_of_another_version_is_named() {
    let mut bytes = sample().operations()[1].encode();
    assert_eq!(bytes[..3], [0x83, 0x85, 0x01]);
    bytes[2] = 2;
    assert_eq!(Operation::decode(&bytes), Err(Error::UnknownVersion { version: 2, sequence: None }));
    let log = sample();
    let bytes = replaced(&log.encode(), &log.operations()[1].encode(), &bytes);
    assert_eq!(Log::decode(&bytes), Err(Error::UnknownVersion { version: 2, sequence: Some(1) }));
}

#[test]
fn a_device_name_with_control_characters_does_not_decode() {
    let bytes = sample().operations()[1].encode();
    let bytes = replaced(&bytes, b"laptop", b"lap\top");
    assert_eq!(Operation::decode(&bytes), Err(Error::BadName { sequence: Some(1) }));
}

#[test]
fn too_many_operations_and_too_many_bytes_are_refused_unread() {
    let one = sample().operations()[0].encode();
    let mut bytes = vec![0x99, 0x01, 0x01];
    for _ in 0..257 {
        bytes.extend(&one);
    }
    assert_eq!(Log::decode(&bytes), Err(Error::LogFull { sequence: 256 }));
    assert_eq!(Log::decode(&[0x80]), Err(Error::Empty));
    for bytes in [vec![0; 8 << 20], vec![0x9B; 8 << 20]] {
        assert!(matches!(Log::decode(&bytes), Err(Error::Wire(allod_wire::Error::TooLong { .. }))));
        assert!(matches!(Operation::decode(&bytes), Err(Error::Wire(allod_wire::Error::TooLong { .. }))));
    }
    // A length of 2^64 - 1 that no bytes follow.
    let lie = [0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    assert!(matches!(Log::decode(&lie), Err(Error::Wire(_))));
}

proptest! {
    #[test]
    fn decoders_are_total(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Log::decode(&bytes).is_err());
        prop_assert!(Fork::decode(&bytes).is_err());
        if let Ok(operation) = Operation::decode(&bytes) {
            prop_assert_eq!(operation.encode(), bytes);
        }
    }

    #[test]
    fn a_log_with_one_flipped_bit_is_refused(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = sample().encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(Log::decode(&bytes).is_err());
    }

    #[test]
    fn an_operation_with_one_flipped_bit_never_passes_for_itself(
        number in 0usize..4,
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let operation = sample().operations()[number].clone();
        let mut bytes = operation.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(other) = Operation::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
            prop_assert_ne!(other, operation);
        }
    }
}

#[test]
fn a_state_kept_without_its_log_grows_as_the_log_does() {
    let log = sample();
    let state: crate::State = allod_wire::decode(&allod_wire::encode(log.state())).unwrap();
    assert_eq!(&state, log.state());
    let (genesis, rest) = log.operations().split_first().unwrap();
    let mut grown = crate::State::found(genesis).unwrap();
    for operation in rest {
        grown = allod_wire::decode(&allod_wire::encode(&grown)).unwrap();
        grown.apply(operation).unwrap();
    }
    assert_eq!(&grown, log.state());
    let last = rest.last().unwrap();
    assert!(grown.apply(last).is_err(), "an operation is taken once");
}
