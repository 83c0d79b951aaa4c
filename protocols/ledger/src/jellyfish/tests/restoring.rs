//! Snapshots: honest ones in parts of every size, and those of liars.

use super::*;

/// Leaves of a snapshot with the path of the last.
fn part(store: &Store, after: Option<&KeyHash>, size: usize) -> (Vec<Leaf>, Option<Path>) {
    let part: Vec<Leaf> = leaves(store, 9, after).unwrap().take(size).map(Result::unwrap).collect();
    let path = part.last().map(|leaf| prove(store, 9, &leaf.key).unwrap());
    (part, path)
}

/// What a restorer has in the end.
fn restored(store: &Store, root: Root, size: usize) -> Store {
    let mut restore = Restore::new(9, root);
    let mut after = Store::default();
    while let (leaves, Some(path)) = part(store, restore.last(), size) {
        after.nodes.extend(restore.add(&leaves, &path).unwrap());
        assert_eq!(super::root(&after, 9), Err(TreeError::NoVersion(9)));
    }
    after.nodes.extend(restore.finish().unwrap());
    after
}

fn hundred() -> (Store, Root) {
    Store::of(9, (0..100).map(leaf))
}

#[test]
fn a_snapshot_gives_the_same_nodes_whatever_the_size_of_its_parts() {
    for leaves in [0, 1, 2, 3, 17, 400] {
        let (store, root) = Store::of(9, (0..leaves).map(leaf));
        for size in [1, 2, 7, 100, 1_000] {
            assert_eq!(restored(&store, root, size).nodes, store.nodes);
        }
    }
}

#[test]
fn a_restored_version_can_be_changed_and_pruned() {
    let (mut store, root) = hundred();
    let mut other = restored(&store, root, 13);
    let changes: Changes =
        (0..150).map(|n| (leaf(n).key, (n % 3 == 0).then_some(leaf(n).value_hash))).collect();
    assert_eq!(other.update(Some(9), 10, &changes), store.update(Some(9), 10, &changes));
    other.prune(10);
    store.prune(10);
    assert_eq!(other.nodes, store.nodes);
}

#[test]
fn a_part_that_was_tampered_with_is_refused_and_the_honest_one_is_taken() {
    let (store, root) = hundred();
    let mut restore = Restore::new(9, root);
    let (first, path) = part(&store, None, 30);
    restore.add(&first, &path.unwrap()).unwrap();
    let (honest, path) = part(&store, restore.last(), 30);
    let path = path.unwrap();
    for place in 0..29 {
        let mut missing = honest.clone();
        missing.remove(place);
        assert_eq!(restore.add(&missing, &path), Err(RestoreError::OtherLeaves));
        let mut changed = honest.clone();
        changed[place].value_hash = ValueHash::of(b"other");
        assert_eq!(restore.add(&changed, &path), Err(RestoreError::OtherLeaves));
        let mut added = honest.clone();
        let mut next = honest[place];
        next.key.0[31] ^= 0x80;
        added.insert(if next < honest[place] { place } else { place + 1 }, next);
        assert_eq!(restore.add(&added, &path), Err(RestoreError::OtherLeaves));
        let mut swapped = honest.clone();
        swapped.swap(place, place + 1);
        let refused = restore.add(&swapped, &path).unwrap_err();
        assert!(matches!(refused, RestoreError::NotAscending(_) | RestoreError::Path(_)));
    }
    let mut other_last = honest.clone();
    other_last[29].value_hash = ValueHash::of(b"other");
    assert!(matches!(restore.add(&other_last, &path), Err(RestoreError::Path(PathError::OtherRoot(_)))));
    assert_eq!(restore.last(), Some(&first[29].key));
    assert!(restore.add(&honest, &path).is_ok());
}

#[test]
fn a_part_that_leaves_some_out_at_its_beginning_is_refused() {
    let (store, root) = hundred();
    let (late, path) = part(&store, Some(&store.leaves(9)[4].key), 30);
    let mut restore = Restore::new(9, root);
    assert_eq!(restore.add(&late, &path.unwrap()), Err(RestoreError::OtherLeaves));
}

#[test]
fn a_part_with_another_leafs_path_is_refused() {
    let (store, root) = hundred();
    let mut restore = Restore::new(9, root);
    let (honest, _) = part(&store, None, 30);
    let elsewhere = prove(&store, 9, &leaf(50).key).unwrap();
    let absent = prove(&store, 9, &leaf(200).key).unwrap();
    assert!(matches!(restore.add(&honest, &elsewhere), Err(RestoreError::Path(PathError::OtherRoot(_)))));
    assert_eq!(restore.add(&honest, &absent), Err(RestoreError::Path(PathError::Excludes)));
    assert_eq!(restore.add(&[], &elsewhere), Err(RestoreError::NoLeaves));
}

#[test]
fn a_part_that_comes_again_is_refused() {
    let (store, root) = hundred();
    let mut restore = Restore::new(9, root);
    let (honest, path) = part(&store, None, 30);
    let path = path.unwrap();
    restore.add(&honest, &path).unwrap();
    assert_eq!(restore.add(&honest, &path), Err(RestoreError::NotAscending(honest[0].key)));
    assert_eq!(restore.add(&honest[29..], &path), Err(RestoreError::NotAscending(honest[29].key)));
}

#[test]
fn a_snapshot_that_ends_too_early_can_go_on() {
    let (store, root) = hundred();
    let mut restore = Restore::new(9, root);
    assert_eq!(restore.finish(), Err(RestoreError::Incomplete));
    let mut after = Store::default();
    for _ in 0..4 {
        let (leaves, path) = part(&store, restore.last(), 25);
        assert_eq!(restore.finish(), Err(RestoreError::Incomplete));
        after.nodes.extend(restore.add(&leaves, &path.unwrap()).unwrap());
    }
    after.nodes.extend(restore.finish().unwrap());
    assert_eq!(after.nodes, store.nodes);
}

#[test]
fn a_snapshot_of_another_root_is_refused() {
    let (store, _) = hundred();
    let (leaves, path) = part(&store, None, 100);
    let mut restore = Restore::new(9, Root([1; 32]));
    assert!(matches!(restore.add(&leaves, &path.unwrap()), Err(RestoreError::Path(PathError::OtherRoot(_)))));
    assert_eq!(restore.finish(), Err(RestoreError::Incomplete));
}

#[test]
fn a_restorer_holds_one_node_a_level() {
    let (store, root) = Store::of(9, (0..3_000).map(leaf));
    let mut restore = Restore::new(9, root);
    while let (leaves, Some(path)) = part(&store, restore.last(), 10) {
        restore.add(&leaves, &path).unwrap();
        let depth = store.nodes.keys().map(|key| key.path.nibbles()).max().unwrap();
        assert!(restore.open.len() <= depth + 1);
    }
}

proptest! {
    #[test]
    fn any_tree_is_restored_in_parts_of_any_size(
        keys in proptest::collection::btree_map(any_key(), 0u32..4, 0..60),
        size in 1usize..20,
    ) {
        let leaves = keys.iter().map(|(key, n)| Leaf { key: *key, value_hash: ValueHash::of(&value(*n)) });
        let (store, root) = Store::of(9, leaves);
        prop_assert_eq!(restored(&store, root, size).nodes, store.nodes);
    }

    #[test]
    fn a_part_without_one_of_its_leaves_is_refused(
        keys in proptest::collection::btree_set(any_key(), 2..40),
        before in 0usize..40,
        missing in 0usize..40,
    ) {
        let leaves: Vec<Leaf> = keys.iter().map(|key| Leaf { key: *key, value_hash: ValueHash([1; 32]) }).collect();
        let (store, root) = Store::of(9, leaves.iter().copied());
        let mut restore = Restore::new(9, root);
        let before = before % (leaves.len() - 1);
        if before > 0 {
            let (leaves, path) = part(&store, None, before);
            restore.add(&leaves, &path.unwrap()).unwrap();
        }
        let (mut leaves, path) = part(&store, restore.last(), 40);
        leaves.remove(missing % (leaves.len() - 1));
        prop_assert_eq!(restore.add(&leaves, &path.unwrap()), Err(RestoreError::OtherLeaves));
    }
}
