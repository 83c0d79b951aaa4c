//! Tests of the tree, and what they share: a store in memory, and keys that
//! meet early and late.

mod encodings;
mod figures;
mod oracle;
mod paths;
mod pruning;
mod restoring;
mod updates;
mod vectors;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// What a shell keeps, in memory.
#[derive(Clone, Default)]
struct Store {
    nodes: BTreeMap<NodeKey, Node>,
    stale: BTreeSet<Stale>,
}

type Changes = BTreeMap<KeyHash, Option<ValueHash>>;

impl Nodes for Store {
    type Error = Infallible;

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, Infallible> {
        self.nodes.node(key)
    }
}

impl Store {
    /// Makes a version, after having compared it with what its nodes say.
    fn update(&mut self, parent: Option<Version>, version: Version, changes: &Changes) -> Root {
        let update = update(self, parent, version, changes).unwrap();
        for (key, node) in update.nodes {
            assert_eq!(key.version, version);
            assert_eq!(self.nodes.insert(key, node), None, "{key} is written twice");
        }
        for stale in update.stale {
            assert_eq!(stale.since, version);
            assert!(self.nodes.contains_key(&stale.node), "{} never was", stale.node);
            assert!(self.stale.insert(stale), "{} is stale twice", stale.node);
        }
        assert_eq!(root(self, version), Ok(update.root));
        update.root
    }

    /// A store with this one version, of these leaves.
    fn of(version: Version, leaves: impl IntoIterator<Item = Leaf>) -> (Self, Root) {
        let mut store = Self::default();
        let changes = leaves.into_iter().map(|leaf| (leaf.key, Some(leaf.value_hash))).collect();
        let root = store.update(None, version, &changes);
        (store, root)
    }

    fn prune(&mut self, version: Version) {
        while let Some(stale) = self.stale.first().copied().filter(|stale| stale.since <= version) {
            assert!(self.nodes.remove(&stale.node).is_some());
            self.stale.remove(&stale);
        }
    }

    fn leaves(&self, version: Version) -> Vec<Leaf> {
        leaves(self, version, None).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// A value, before hashing.
fn value(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// A leaf with a hashed key.
fn leaf(number: u32) -> Leaf {
    Leaf { key: KeyHash::of(&number.to_be_bytes()), value_hash: ValueHash::of(&value(number)) }
}

/// `base` with some bits turned over.
fn turned(base: u8, bits: &[usize]) -> KeyHash {
    let mut key = [base; 32];
    for bit in bits {
        key[bit / 8] ^= 0x80 >> (bit % 8);
    }
    KeyHash(key)
}

/// Keys of a small set, so that they come again; some part at the first bits,
/// some at the last.
fn any_key() -> impl Strategy<Value = KeyHash> {
    prop_oneof![
        (0u32..40).prop_map(|number| leaf(number).key),
        (0usize..256).prop_map(|bit| turned(0x5A, &[bit])),
        (0usize..64, 244usize..256).prop_map(|(first, last)| turned(0x5A, &[first & !7, last])),
        Just(turned(0x5A, &[])),
        Just(turned(0x00, &[])),
        Just(turned(0xFF, &[])),
    ]
}

/// Batches of changes: about two of three give a value, of few different ones.
fn any_batches(size: usize) -> impl Strategy<Value = Vec<BTreeMap<KeyHash, Option<u32>>>> {
    let change = prop_oneof![2 => (0u32..4).prop_map(Some), 1 => Just(None)];
    proptest::collection::vec(proptest::collection::btree_map(any_key(), change, 0..size), 1..8)
}

fn hashed(batch: &BTreeMap<KeyHash, Option<u32>>) -> Changes {
    batch.iter().map(|(key, change)| (*key, change.map(|number| ValueHash::of(&value(number))))).collect()
}
