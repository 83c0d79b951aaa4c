//! Changes to the tree: one version made from the one before.
//!
//! Changes are applied together, so that a node is read and written once,
//! however many of them are below it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::hash::{KeyHash, Root, ValueHash};
use super::key::{NibblePath, NodeKey, Stale, Version};
use super::node::{Child, Leaf, Node};
use super::read::{Nodes, TreeError, load};

/// What a caller stores so that a version can be read: both lists, in one
/// transaction of its store, together with its own record that the version is
/// the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new version's root.
    pub root: Root,
    /// The nodes it adds, each under a key that no node had.
    pub nodes: Vec<(NodeKey, Node)>,
    /// The nodes that it does without and its parent needed.
    pub stale: Vec<Stale>,
}

/// The tree of `version`: that of `parent`, or an empty one, with these changes.
///
/// A change gives a key a new value (as its hash), or takes the key away
/// (`None`). Giving a key the value it has, and taking away one that is not
/// there, changes nothing. The topmost node is always written anew, so that
/// every version made can be read.
///
/// The same call on the same parent gives the same update, so that it can be
/// repeated after a crash.
///
/// # Errors
/// [`TreeError`]: `version` is not above `parent`, or the parent's nodes cannot
/// be had.
pub fn update<N: Nodes>(
    nodes: &N,
    parent: Option<Version>,
    version: Version,
    changes: &BTreeMap<KeyHash, Option<ValueHash>>,
) -> Result<Update, TreeError<N::Error>> {
    let mut batch = Batch { nodes, version, new: Vec::new(), stale: Vec::new() };
    let mut top = Node::default();
    if let Some(parent) = parent {
        if version <= parent {
            return Err(TreeError::NotAfter { version, parent });
        }
        top = load(nodes, &NodeKey::root(parent))?;
        batch.stale.push(Stale { since: version, node: NodeKey::root(parent) });
    }
    let changes: Vec<Change> = changes.iter().map(|(key, value)| (*key, *value)).collect();
    batch.apply(&mut top, NibblePath::ROOT, &changes)?;
    let root = Root(top.hash());
    batch.new.push((NodeKey::root(version), top));
    Ok(Update { root, nodes: batch.new, stale: batch.stale })
}

type Change = (KeyHash, Option<ValueHash>);

struct Batch<'a, N> {
    nodes: &'a N,
    version: Version,
    new: Vec<(NodeKey, Node)>,
    stale: Vec<Stale>,
}

impl<N: Nodes> Batch<'_, N> {
    /// Makes these changes, ascending and all below `path`, to the node there.
    /// Says whether anything is different now.
    fn apply(
        &mut self,
        node: &mut Node,
        path: NibblePath,
        changes: &[Change],
    ) -> Result<bool, TreeError<N::Error>> {
        let depth = path.nibbles();
        let mut different = false;
        for group in changes.chunk_by(|(a, _), (b, _)| a.nibble(depth) == b.nibble(depth)) {
            let Some((first, _)) = group.first() else { continue };
            let nibble = first.nibble(depth);
            let below = path.child(nibble);
            let before = node.child(nibble).copied();
            let after = match before {
                None => self.build(&leaves(None, group), below),
                Some(Child::Leaf(leaf)) => self.build(&leaves(Some(leaf), group), below),
                Some(Child::Node { version, .. }) => {
                    let key = NodeKey { version, path: below };
                    let mut node = load(self.nodes, &key)?;
                    if !self.apply(&mut node, below, group)? {
                        continue;
                    }
                    self.stale.push(Stale { since: self.version, node: key });
                    self.settle(node, below)
                }
            };
            different |= after != before;
            node.set(nibble, after);
        }
        Ok(different)
    }

    /// The subtree of exactly these leaves, ascending and all below `path`.
    fn build(&mut self, leaves: &[Leaf], path: NibblePath) -> Option<Child> {
        if let [] | [_] = leaves {
            return leaves.first().copied().map(Child::Leaf);
        }
        let depth = path.nibbles();
        let mut node = Node::default();
        for group in leaves.chunk_by(|a, b| a.key.nibble(depth) == b.key.nibble(depth)) {
            let Some(first) = group.first() else { continue };
            let nibble = first.key.nibble(depth);
            let child = self.build(group, path.child(nibble));
            node.set(nibble, child);
        }
        self.settle(node, path)
    }

    /// What a parent holds of a node below it: the node is stored, unless no
    /// more than a leaf is left of it.
    fn settle(&mut self, node: Node, path: NibblePath) -> Option<Child> {
        if let Some(lone) = node.lone() {
            return lone.map(Child::Leaf);
        }
        let child = Child::Node { version: self.version, hash: node.hash() };
        self.new.push((NodeKey { version: self.version, path }, node));
        Some(child)
    }
}

/// The leaves that a lone leaf, or none, becomes under these changes.
fn leaves(before: Option<Leaf>, changes: &[Change]) -> Vec<Leaf> {
    let mut after: Vec<Leaf> = changes
        .iter()
        .filter_map(|(key, value_hash)| value_hash.map(|value_hash| Leaf { key: *key, value_hash }))
        .collect();
    if let Some(leaf) = before
        && changes.binary_search_by_key(&leaf.key, |(key, _)| *key).is_err()
    {
        let place = after.partition_point(|other| other.key < leaf.key);
        after.insert(place, leaf);
    }
    after
}
