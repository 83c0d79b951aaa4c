//! Versions made from others, and stores that fail.

use core::cell::RefCell;

use super::*;
use crate::jellyfish::node::Child;

/// A store that writes down what was read from it.
struct Watched<'a> {
    store: &'a Store,
    read: RefCell<Vec<NodeKey>>,
}

impl Nodes for Watched<'_> {
    type Error = Infallible;

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, Infallible> {
        self.read.borrow_mut().push(*key);
        self.store.node(key)
    }
}

struct Broken;

impl Nodes for Broken {
    type Error = &'static str;

    fn node(&self, _: &NodeKey) -> Result<Option<Node>, &'static str> {
        Err("a disk is gone")
    }
}

fn set(numbers: core::ops::Range<u32>) -> Changes {
    numbers.map(|number| (leaf(number).key, Some(leaf(number).value_hash))).collect()
}

#[test]
fn a_node_is_read_and_written_once_however_many_changes_are_below_it() {
    let (store, _) = Store::of(1, (0..5_000).map(leaf));
    let watched = Watched { store: &store, read: RefCell::default() };
    let update = update(&watched, Some(1), 2, &set(4_000..6_000)).unwrap();
    let read = watched.read.into_inner();
    let mut once = read.clone();
    once.sort();
    once.dedup();
    assert_eq!(read.len(), once.len());
    let mut written: Vec<NodeKey> = update.nodes.iter().map(|(key, _)| *key).collect();
    written.sort();
    written.dedup();
    assert_eq!(written.len(), update.nodes.len());
}

#[test]
fn changes_that_change_nothing_write_the_topmost_node_alone() {
    let (mut store, root) = Store::of(1, (0..500).map(leaf));
    let mut changes = set(0..500);
    changes.extend((500..600).map(|number| (leaf(number).key, None)));
    let made = update(&store, Some(1), 7, &changes).unwrap();
    assert_eq!(made.root, root);
    assert_eq!(made.nodes.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [NodeKey::root(7)]);
    assert_eq!(made.stale, [Stale { since: 7, node: NodeKey::root(1) }]);
    store.update(Some(1), 7, &Changes::new());
    assert_eq!(super::root(&store, 7), Ok(root));
}

#[test]
fn an_update_repeated_after_a_crash_is_the_same() {
    let (mut store, _) = Store::of(1, (0..300).map(leaf));
    let before = update(&store, Some(1), 2, &set(200..400)).unwrap();
    store.update(Some(1), 2, &set(200..400));
    assert_eq!(update(&store, Some(1), 2, &set(200..400)).unwrap(), before);
}

#[test]
fn a_version_cannot_follow_itself_or_a_later_one() {
    let (store, _) = Store::of(5, [leaf(0)]);
    for version in [4, 5] {
        assert_eq!(
            update(&store, Some(5), version, &Changes::new()),
            Err(TreeError::NotAfter { version, parent: 5 })
        );
    }
}

#[test]
fn a_version_that_never_was_is_named() {
    let (store, _) = Store::of(5, [leaf(0)]);
    assert_eq!(update(&store, Some(4), 6, &Changes::new()), Err(TreeError::NoVersion(4)));
    assert_eq!(prove(&store, 6, &leaf(0).key), Err(TreeError::NoVersion(6)));
    assert_eq!(root(&store, 0), Err(TreeError::NoVersion(0)));
    assert!(matches!(leaves(&store, 6, None), Err(TreeError::NoVersion(6))));
}

#[test]
fn a_store_that_cannot_be_read_says_so() {
    assert_eq!(root(&Broken, 1), Err(TreeError::Store("a disk is gone")));
    assert_eq!(update(&Broken, Some(1), 2, &set(0..1)), Err(TreeError::Store("a disk is gone")));
}

/// A key and the deepest node on the way to it.
fn deep(store: &Store) -> (KeyHash, NodeKey) {
    let node = *store.nodes.keys().last().unwrap();
    let leaf = store.leaves(1).into_iter().find(|leaf| node.path.leads_to(&leaf.key)).unwrap();
    (leaf.key, node)
}

#[test]
fn a_lost_node_is_named() {
    let (mut store, _) = Store::of(1, (0..100).map(leaf));
    let (key, node) = deep(&store);
    store.nodes.remove(&node);
    assert_eq!(prove(&store, 1, &key), Err(TreeError::Missing(node)));
    assert_eq!(update(&store, Some(1), 2, &Changes::from([(key, None)])), Err(TreeError::Missing(node)));
    let mut all = leaves(&store, 1, None).unwrap();
    assert_eq!(all.find_map(Result::err), Some(TreeError::Missing(node)));
    assert!(all.next().is_none());
}

#[test]
fn a_node_in_the_wrong_place_is_named() {
    let (mut store, _) = Store::of(1, (0..100).map(leaf));
    let (key, node) = deep(&store);
    let elsewhere = store.nodes.iter().find(|(other, _)| other.path.nibbles() == 1).unwrap().1.clone();
    for wrong in [elsewhere, Node::default()] {
        store.nodes.insert(node, wrong);
        assert_eq!(prove(&store, 1, &key), Err(TreeError::Damaged(node)));
    }
}

#[test]
fn a_node_that_names_one_from_later_is_damaged() {
    let (mut store, _) = Store::of(9, (0..100).map(leaf));
    let top = store.nodes[&NodeKey::root(9)].clone();
    store.nodes.insert(NodeKey::root(8), top);
    assert_eq!(root(&store, 8), Err(TreeError::Damaged(NodeKey::root(8))));
}

#[test]
fn a_node_below_the_last_nibble_is_damage() {
    let (key, other) = (turned(0x5A, &[]), turned(0x5A, &[255]));
    let (mut store, _) = Store::of(1, [key, other].map(|key| Leaf { key, value_hash: ValueHash([1; 32]) }));
    let deepest = *store.nodes.keys().last().unwrap();
    assert_eq!(deepest.path.nibbles(), 63);
    let below = Some(Child::Node { version: 1, hash: [1; 32] });
    store.nodes.get_mut(&deepest).unwrap().set(key.nibble(63), below);
    assert_eq!(prove(&store, 1, &key), Err(TreeError::Damaged(deepest)));
    assert_eq!(update(&store, Some(1), 2, &Changes::from([(key, None)])), Err(TreeError::Damaged(deepest)));
}

#[test]
fn leaves_after_a_key_are_found_without_reading_those_before() {
    let (store, _) = Store::of(1, (0..5_000).map(leaf));
    let watched = Watched { store: &store, read: RefCell::default() };
    let after = store.leaves(1)[4_000].key;
    let next = leaves(&watched, 1, Some(&after)).unwrap().next();
    assert_eq!(next, Some(Ok(store.leaves(1)[4_001])));
    let depth = store.nodes.keys().map(|key| key.path.nibbles()).max().unwrap();
    // The way to the key, and at most the way to the next one.
    assert!(watched.read.into_inner().len() <= 2 * (depth + 1));
}

#[test]
fn leaves_after_a_key_begin_with_the_next_one() {
    let (store, _) = Store::of(1, (0..200).map(leaf));
    let all = store.leaves(1);
    assert!(all.is_sorted());
    assert_eq!(all.len(), 200);
    for (place, leaf) in all.iter().enumerate() {
        let mut below = leaf.key;
        below.0[31] ^= 1;
        let after = |key| leaves(&store, 1, Some(&key)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(after(leaf.key), all[place + 1..]);
        let from = if below < leaf.key { place } else { place + 1 };
        assert_eq!(after(below), all[from..]);
    }
    assert_eq!(leaves(&store, 1, Some(&KeyHash([0xFF; 32]))).unwrap().count(), 0);
}

proptest! {
    #[test]
    fn the_order_of_changes_makes_no_difference(batches in any_batches(16)) {
        let mut model = Changes::new();
        let mut store = Store::default();
        let mut parent = None;
        for (version, batch) in (10u64..).zip(&batches) {
            model.extend(hashed(batch));
            let root = store.update(parent, version, &hashed(batch));
            let together = model.iter().filter_map(|(key, v)| v.map(|value_hash| Leaf { key: *key, value_hash }));
            prop_assert_eq!(Store::of(0, together).1, root);
            parent = Some(version);
        }
    }
}
