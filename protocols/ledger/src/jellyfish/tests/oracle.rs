//! The same changes, made to this tree and to the crate `jmt`'s.

use allod_crypto::hash::sha256;
use jmt::mock::MockTreeStore;
use jmt::{JellyfishMerkleTree, RootHash, Sha256Jmt};
use serde_json::Value;

use super::*;

/// What `jmt` says is beside the way, as hashes from the root on; `None` is nothing.
fn beside(proof: &Value) -> Vec<Option<[u8; 32]>> {
    let array = |value: &Value| -> Vec<u8> {
        value.as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect()
    };
    let siblings = proof["siblings"].as_array().unwrap().iter().rev();
    siblings
        .map(|sibling| {
            let (prefix, first, second) = match sibling {
                Value::String(null) if null == "Null" => return None,
                Value::Object(node) => match (node.get("Internal"), node.get("Leaf")) {
                    (Some(node), None) => ("JMT::IntrnalNode", &node["left_child"], &node["right_child"]),
                    (None, Some(leaf)) => ("JMT::LeafNode", &leaf["key_hash"], &leaf["value_hash"]),
                    _ => panic!("neither"),
                },
                _ => panic!("neither"),
            };
            Some(sha256(&[prefix.as_bytes(), &array(first), &array(second)].concat()))
        })
        .collect()
}

/// Makes these versions in both trees. Compares every root, and for each of the
/// keys the proofs of each version.
fn compare(batches: &[BTreeMap<KeyHash, Option<u32>>], keys: &[KeyHash]) {
    let theirs = MockTreeStore::default();
    let tree: Sha256Jmt<'_, _> = JellyfishMerkleTree::new(&theirs);
    let mut ours = Store::default();
    let mut model = BTreeMap::new();
    for (version, batch) in (0u64..).zip(batches) {
        for (key, change) in batch {
            match change {
                Some(number) => model.insert(*key, *number),
                None => model.remove(key),
            };
        }
        let changes =
            batch.iter().map(|(key, change)| (jmt::KeyHash(key.0), change.map(|n| value(n).to_vec())));
        let (their_root, update) = tree.put_value_set(changes, version).unwrap();
        theirs.write_tree_update_batch(update).unwrap();
        let root = ours.update(version.checked_sub(1), version, &hashed(batch));
        assert_eq!(root.0, their_root.0, "version {version}");
        for key in batch.keys().chain(keys) {
            let number = model.get(key);
            let path = prove(&ours, version, key).unwrap();
            let (their_value, proof) = tree.get_with_proof(jmt::KeyHash(key.0), version).unwrap();
            assert_eq!(their_value, number.map(|number| value(*number).to_vec()));
            match number {
                Some(number) => {
                    assert_eq!(path.verify_inclusion(&root, key, &value(*number)), Ok(()));
                    proof.verify_existence(RootHash(root.0), jmt::KeyHash(key.0), value(*number)).unwrap();
                }
                None => {
                    assert_eq!(path.verify_exclusion(&root, key), Ok(()));
                    proof.verify_nonexistence(RootHash(root.0), jmt::KeyHash(key.0)).unwrap();
                }
            }
            let theirs = beside(&serde_json::to_value(&proof).unwrap());
            for (step, hash) in theirs.iter().enumerate() {
                assert_eq!(path.beside(step), hash.unwrap_or(Root::EMPTY.0), "step {step}");
            }
            assert_eq!(path.steps(), theirs.len());
        }
        let expected: Vec<Leaf> = model
            .iter()
            .map(|(key, number)| Leaf { key: *key, value_hash: ValueHash::of(&value(*number)) })
            .collect();
        assert_eq!(ours.leaves(version), expected);
    }
}

#[test]
fn two_thousand_keys_and_their_removal_have_the_same_roots() {
    let grow = (0..2_000).map(|number| (leaf(number).key, Some(number))).collect();
    let change = (500..1_000).map(|number| (leaf(number).key, Some(number + 1))).collect();
    let shrink = (3..2_100).map(|number| (leaf(number).key, None)).collect();
    let one = (0..2).map(|number| (leaf(number).key, None)).collect();
    let none = BTreeMap::from([(leaf(2).key, None)]);
    compare(&[grow, change, shrink, one, none], &[leaf(0).key, leaf(2).key, leaf(2_500).key]);
}

#[test]
fn keys_that_part_at_the_last_bit_have_the_same_roots() {
    let (key, other) = (turned(0x5A, &[]), turned(0x5A, &[255]));
    let both = BTreeMap::from([(key, Some(1)), (other, Some(2))]);
    let one = BTreeMap::from([(key, None)]);
    compare(&[both, one], &[key, other, turned(0x5A, &[0]), turned(0x5A, &[254])]);
}

proptest! {
    #[test]
    fn any_changes_have_the_same_roots_and_proofs(
        batches in any_batches(24),
        keys in proptest::collection::vec(any_key(), 0..6),
    ) {
        compare(&batches, &keys);
    }
}
