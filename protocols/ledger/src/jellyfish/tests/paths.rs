//! Proofs, and those who forge them.

use allod_wire::{Wire, decode, encode};

use super::*;
use crate::jellyfish::hash;
use crate::jellyfish::path::End;

/// Fifty leaves, one version.
fn fifty() -> (Store, Root) {
    Store::of(1, (0..50).map(leaf))
}

/// An encoded path from its three parts.
fn encoded(places: &[u8], hashes: &[u8], end: &[u8]) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.array(3).unwrap().bytes(places).unwrap().bytes(hashes).unwrap();
    [encoder.into_writer().as_slice(), end].concat()
}

fn is_malformed(bytes: &[u8]) -> bool {
    matches!(decode::<Path>(bytes), Err(allod_wire::Error::Malformed { .. }))
}

/// Keys that are absent from [`fifty`], one for each kind of end.
fn absent(store: &Store) -> [KeyHash; 2] {
    let with = |wanted: fn(&End) -> bool| {
        (50..).map(|number| leaf(number).key).find(|key| wanted(&prove(store, 1, key).unwrap().end)).unwrap()
    };
    [with(|end| *end == End::Nothing), with(|end| matches!(end, End::Other(_)))]
}

#[test]
fn a_path_proves_the_value_and_no_other() {
    let (store, root) = fifty();
    let key = leaf(7).key;
    let path = prove(&store, 1, &key).unwrap();
    assert!(path.claims_inclusion());
    assert_eq!(path.verify_inclusion(&root, &key, &value(7)), Ok(()));
    for other in [&value(8)[..], &[], &[0; 100]] {
        assert!(matches!(path.verify_inclusion(&root, &key, other), Err(PathError::OtherRoot(_))));
    }
    assert!(matches!(path.verify_inclusion(&Root::EMPTY, &key, &value(7)), Err(PathError::OtherRoot(_))));
    assert_eq!(path.verify_exclusion(&root, &key), Err(PathError::Includes));
}

#[test]
fn a_path_proves_absence_and_no_value() {
    let (store, root) = fifty();
    for key in absent(&store) {
        let path = prove(&store, 1, &key).unwrap();
        assert!(!path.claims_inclusion());
        assert_eq!(path.verify_exclusion(&root, &key), Ok(()));
        assert!(matches!(path.verify_exclusion(&Root::EMPTY, &key), Err(PathError::OtherRoot(_))));
        assert_eq!(path.verify_inclusion(&root, &key, &value(7)), Err(PathError::Excludes));
    }
}

#[test]
fn every_key_is_absent_from_an_empty_tree() {
    let (store, root) = Store::of(1, []);
    let path = prove(&store, 1, &leaf(0).key).unwrap();
    assert_eq!(encode(&path), [0x83, 0x40, 0x40, 0x01]);
    for number in 0..10 {
        assert_eq!(path.verify_exclusion(&root, &leaf(number).key), Ok(()));
    }
}

#[test]
fn a_path_to_one_key_proves_nothing_false_of_any_other() {
    let (store, root) = fifty();
    let keys: Vec<KeyHash> = (0..100).map(|number| leaf(number).key).collect();
    for key in &keys {
        let path = prove(&store, 1, key).unwrap();
        for number in 0..100 {
            let other = leaf(number).key;
            let included = path.verify_inclusion(&root, &other, &value(number)).is_ok();
            assert_eq!(included, other == *key && number < 50);
            assert!(number >= 50 || path.verify_exclusion(&root, &other).is_err());
        }
    }
}

#[test]
fn a_path_of_an_old_version_does_not_lead_to_the_new_root() {
    let (mut store, old) = fifty();
    let key = leaf(7).key;
    let path = prove(&store, 1, &key).unwrap();
    let new = store.update(Some(1), 2, &Changes::from([(key, Some(ValueHash::of(&value(8))))]));
    assert_eq!(path.verify_inclusion(&new, &key, &value(7)), Err(PathError::OtherRoot(old)));
    assert_eq!(prove(&store, 1, &key), Ok(path));
    assert_eq!(prove(&store, 2, &key).unwrap().verify_inclusion(&new, &key, &value(8)), Ok(()));
}

#[test]
fn no_flipped_bit_of_a_path_is_accepted() {
    let (store, root) = fifty();
    let [nothing, other] = absent(&store);
    for key in [leaf(7).key, nothing, other] {
        let bytes = encode(&prove(&store, 1, &key).unwrap());
        for place in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let Ok(path) = decode::<Path>(&flipped) else { continue };
            assert_eq!(encode(&path), flipped);
            assert!(path.verify_exclusion(&root, &key).is_err());
            for number in 0..50 {
                assert!(path.verify_inclusion(&root, &leaf(number).key, &value(number)).is_err());
                assert!(path.verify_exclusion(&root, &leaf(number).key).is_err());
            }
        }
    }
}

#[test]
fn the_leaf_of_the_key_itself_does_not_exclude_it() {
    let (store, root) = fifty();
    let path = prove(&store, 1, &leaf(7).key).unwrap();
    let forged = Path { end: End::Other(leaf(7)), ..path };
    assert_eq!(forged.verify_exclusion(&root, &leaf(7).key), Err(PathError::Includes));
    // For a key of the same place it is an honest proof.
    let mut neighbour = leaf(7).key;
    neighbour.0[31] ^= 1;
    assert_eq!(forged.verify_exclusion(&root, &neighbour), Ok(()));
}

#[test]
fn a_leaf_that_stands_elsewhere_excludes_nothing() {
    // Whoever made this root put a leaf with a 1 where keys with a 0 belong.
    let (left, right) = (turned(0x00, &[]), turned(0x00, &[0]));
    let astray = Leaf { key: right, value_hash: ValueHash([7; 32]) };
    let root = Root(hash::inner(&astray.hash(), &[9; 32]));
    let path = Path::new(alloc::vec![Some([9; 32])], End::Other(astray));
    assert_eq!(path.verify_exclusion(&root, &left), Err(PathError::Elsewhere(right)));
}

#[test]
fn a_leaf_cannot_be_opened_as_an_inner_place() {
    let lone = leaf(7);
    let (_, root) = Store::of(1, [lone]);
    // With one prefix for both, the key and the value's hash would be two places below.
    assert_ne!(hash::inner(&lone.key.0, &lone.value_hash.0), root.0);
    // A value that is itself the bytes of an inner place has that place's hash,
    // but its leaf's hash is another.
    let inner = hash::inner(&leaf(1).hash(), &leaf(2).hash());
    let bytes = [&b"JMT::IntrnalNode"[..], &leaf(1).hash(), &leaf(2).hash()].concat();
    assert_eq!(ValueHash::of(&bytes).0, inner);
    let nested = Leaf { key: lone.key, value_hash: ValueHash::of(&bytes) };
    let (_, root) = Store::of(1, [nested]);
    assert_ne!(root.0, inner);
}

#[test]
fn a_last_step_beside_nothing_is_refused() {
    let (store, _) = fifty();
    let path = encode(&prove(&store, 1, &leaf(7).key).unwrap());
    assert_eq!(decode::<Path>(&path).map(|path| encode(&path)), Ok(path));
    assert!(decode::<Path>(&encoded(&[0b1000_0000], &[5; 32], &[0])).is_ok());
    assert!(is_malformed(&encoded(&[0], &[], &[0])));
    assert!(is_malformed(&encoded(&[0b1000_0000, 0], &[5; 32], &[0])));
}

#[test]
fn a_hash_that_stands_for_nothing_is_refused() {
    assert!(is_malformed(&encoded(&[0b1000_0000], &Root::EMPTY.0, &[0])));
    assert!(is_malformed(&encoded(&[0b1100_0000], &[Root::EMPTY.0, [5; 32]].concat(), &[0])));
}

#[test]
fn hashes_and_steps_have_to_be_as_many() {
    for size in [0, 31, 33, 63, 65, 96] {
        assert!(is_malformed(&encoded(&[0b0100_1000], &[5].repeat(size), &[0])), "{size}");
    }
    assert!(decode::<Path>(&encoded(&[0b0100_1000], &[5; 64], &[0])).is_ok());
}

#[test]
fn an_unknown_end_is_refused() {
    for end in [&[2][..], &[0x20], &[0xF6], &[0x80], &[0x40], &[]] {
        assert!(is_malformed(&encoded(&[], &[], end)), "{end:?}");
    }
}

#[test]
fn a_path_has_256_steps_and_no_more() {
    let (key, other) = (turned(0x5A, &[]), turned(0x5A, &[255]));
    let both = [(key, 1), (other, 2)].map(|(key, n)| Leaf { key, value_hash: ValueHash::of(&value(n)) });
    let (store, root) = Store::of(1, both);
    for (key, number) in [(key, 1), (other, 2)] {
        let path = prove(&store, 1, &key).unwrap();
        assert_eq!(path.steps(), 256);
        assert_eq!(path.verify_inclusion(&root, &key, &value(number)), Ok(()));
        assert_eq!(encode(&path).len(), 1 + (2 + 32) + (2 + 32) + 1);
        assert_eq!(decode(&encode(&path)), Ok(path));
    }
    assert!(is_malformed(&encoded(&[0xFF; 33], &[5; 33 * 8 * 32 / 2], &[0])));
    assert!(is_malformed(&encoded(&[[0; 32].as_slice(), &[0x80]].concat(), &[5; 32], &[0])));
}

#[test]
fn the_largest_path_has_the_largest_size() {
    let path = Path::new([Some([5; 32])].repeat(256), End::Other(leaf(0)));
    assert_eq!(encode(&path).len(), Path::SIZE_MAX);
    assert_eq!(decode(&encode(&path)), Ok(path));
}

proptest! {
    #[test]
    fn whatever_decodes_as_a_path_encodes_to_the_same_bytes(
        places in proptest::collection::vec(any::<u8>(), 0..34),
        hashes in proptest::collection::vec(any::<u8>(), 0..300),
        end in prop_oneof![
            Just(encode(&0u8)), Just(encode(&1u8)), Just(encode(&leaf(3))),
            proptest::collection::vec(any::<u8>(), 0..80),
        ],
        fits in any::<bool>(),
    ) {
        let steps: u32 = places.iter().map(|byte| byte.count_ones()).sum();
        let hashes = if fits { hashes.into_iter().cycle().take(32 * steps as usize).collect() } else { hashes };
        let bytes = encoded(&places, &hashes, &end);
        if let Ok(path) = decode::<Path>(&bytes) {
            prop_assert_eq!(encode(&path), bytes);
            prop_assert!(path.verify_inclusion(&Root([1; 32]), &leaf(0).key, &[]).is_err());
            prop_assert!(path.verify_exclusion(&Root([1; 32]), &leaf(0).key).is_err());
        }
    }

    #[test]
    fn any_bytes_are_refused_or_a_path(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(path) = decode::<Path>(&bytes) {
            prop_assert_eq!(encode(&path), bytes);
        }
    }

    #[test]
    fn a_path_of_a_tree_proves_nothing_false_of_any_key(
        batches in any_batches(20),
        keys in proptest::collection::vec(any_key(), 1..8),
    ) {
        let mut model = Changes::new();
        batches.iter().for_each(|batch| model.extend(hashed(batch)));
        model.retain(|_, change| change.is_some());
        let leaves: Vec<Leaf> =
            model.iter().filter_map(|(key, v)| v.map(|value_hash| Leaf { key: *key, value_hash })).collect();
        let (store, root) = Store::of(1, leaves.iter().copied());
        for key in &keys {
            let path = prove(&store, 1, key).unwrap();
            prop_assert_eq!(path.claims_inclusion(), model.contains_key(key));
            prop_assert_eq!(path.verify_exclusion(&root, key).is_ok(), !model.contains_key(key));
            for leaf in &leaves {
                prop_assert_eq!(path.verify_leaf(&root, leaf).is_ok(), leaf.key == *key);
                prop_assert!(path.verify_exclusion(&root, &leaf.key).is_err());
                let forged = Path { end: End::Other(*leaf), ..path.clone() };
                prop_assert!(leaves.iter().all(|leaf| forged.verify_exclusion(&root, &leaf.key).is_err()));
            }
        }
    }
}
