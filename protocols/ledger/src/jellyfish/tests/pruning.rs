//! What is left after pruning: exactly what later versions need.

use super::*;
use crate::jellyfish::node::Child;

/// The nodes that a version reads.
fn reachable(store: &Store, key: NodeKey, found: &mut BTreeSet<NodeKey>) {
    found.insert(key);
    let node = &store.nodes[&key];
    for nibble in 0..16 {
        if let Some(Child::Node { version, .. }) = node.child(nibble) {
            reachable(store, NodeKey { version: *version, path: key.path.child(nibble) }, found);
        }
    }
}

fn check(batches: &[BTreeMap<KeyHash, Option<u32>>], step: u64) {
    let mut store = Store::default();
    let mut roots = BTreeMap::new();
    let mut parent = None;
    // Versions 10, 12, 14, ...
    for (version, batch) in (10u64..).step_by(2).zip(batches) {
        let root = store.update(parent, version, &hashed(batch));
        roots.insert(version, (root, store.leaves(version)));
        parent = Some(version);
    }
    let newest = parent.unwrap_or_default();
    for oldest in (10..=newest).step_by(step as usize) {
        store.prune(oldest);
        let mut needed = BTreeSet::new();
        for (version, (expected, leaves)) in &roots {
            // Of odd numbers, the even one below has the state.
            if *version < oldest & !1 {
                assert_eq!(root(&store, *version), Err(TreeError::NoVersion(*version)));
                continue;
            }
            reachable(&store, NodeKey::root(*version), &mut needed);
            assert_eq!(root(&store, *version), Ok(*expected));
            assert_eq!(store.leaves(*version), *leaves);
            for leaf in leaves {
                let path = prove(&store, *version, &leaf.key).unwrap();
                assert_eq!(path.verify_leaf(expected, leaf), Ok(()));
            }
        }
        let kept: BTreeSet<NodeKey> = store.nodes.keys().copied().collect();
        assert_eq!(kept, needed, "from {oldest} on");
    }
}

#[test]
fn pruning_a_thousand_keys_keeps_later_versions_and_nothing_else() {
    let batches: Vec<_> = (0..10u32)
        .map(|round| {
            let set = (100 * round..100 * round + 100).map(|number| (leaf(number).key, Some(number)));
            let unset = (100 * round..100 * round + 100).map(|number| (leaf(number / 2).key, None));
            unset.chain(set).collect()
        })
        .collect();
    check(&batches, 3);
}

proptest! {
    #[test]
    fn pruning_keeps_later_versions_and_nothing_else(batches in any_batches(16), step in 1u64..4) {
        check(&batches, step);
    }
}
