//! A tree from a snapshot: leaves from peers, checked part by part against a
//! root that is known.
//!
//! Roles: a restorer, who knows a version and its root from a source it trusts;
//! peers, who have the version's nodes and may lie.
//!
//! ```text
//! restorer                                    peer
//!   the leaves after `last()`, please  ---->
//!                                      <----  some leaves, ascending; path of the last one
//!   `add`: refuse, or store the nodes
//!   …
//!   `finish`: store the last nodes
//! ```
//!
//! A part is checked whole before anything of it counts: with the path of its
//! last leaf, everything left of that leaf is known to be all there is, and to
//! be as it was. So a part that is refused was its sender's lie, and the next
//! peer can be asked for the same part.
//!
//! Memory is one node a level and the nodes of one part. The restorer never
//! holds values: with each leaf a peer sends its value, whose hash the caller
//! compares before it stores it.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::hash::{KeyHash, PLACEHOLDER, Root};
use super::key::{NibblePath, NodeKey, Version};
use super::node::{Child, Leaf, Node, halves};
use super::path::{Path, PathError};

/// Builds a version's nodes from its leaves.
///
/// Nodes are written as they come. The topmost comes last, from
/// [`Self::finish`], so a version that can be read is complete. Whoever gives up
/// half-way deletes the nodes whose keys have this version.
#[derive(Clone, Debug)]
pub struct Restore {
    version: Version,
    root: Root,
    /// The nodes on the way to `last`, from the root on, as far as an earlier
    /// leaf shares it. They lack the last leaf and what will follow it.
    pub(super) open: Vec<Node>,
    last: Option<Leaf>,
}

/// Why leaves were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// A part without leaves.
    NoLeaves,
    /// This key is not above the one before it.
    NotAscending(KeyHash),
    /// The path does not prove that the part's last leaf is in the tree.
    Path(PathError),
    /// The last leaf is in the tree, but among those before it one is missing,
    /// added or changed.
    OtherLeaves,
    /// The tree has more leaves after the last one.
    Incomplete,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeaves => f.write_str("a part of the snapshot is empty"),
            Self::NotAscending(key) => write!(f, "leaf {key} does not come after the one before it"),
            Self::Path(error) => write!(f, "the part's last leaf is not proven: {error}"),
            Self::OtherLeaves => f.write_str("leaves of the part are missing, added or changed"),
            Self::Incomplete => f.write_str("the snapshot has more leaves"),
        }
    }
}

impl core::error::Error for RestoreError {}

impl Restore {
    /// Begins to restore the version that has this root.
    pub fn new(version: Version, root: Root) -> Self {
        Self { version, root, open: vec![Node::default()], last: None }
    }

    /// The last key taken: the next part begins after it.
    pub fn last(&self) -> Option<&KeyHash> {
        self.last.as_ref().map(|leaf| &leaf.key)
    }

    /// Takes the next leaves, with the path of the last of them. Gives the nodes
    /// that are complete now.
    ///
    /// # Errors
    /// [`RestoreError`]; then nothing of the part counts.
    pub fn add(&mut self, leaves: &[Leaf], path: &Path) -> Result<Vec<(NodeKey, Node)>, RestoreError> {
        let last = leaves.last().ok_or(RestoreError::NoLeaves)?;
        path.verify_leaf(&self.root, last).map_err(RestoreError::Path)?;
        let mut after = self.clone();
        let mut complete = Vec::new();
        for leaf in leaves {
            after.push(*leaf, &mut complete)?;
        }
        after.check_left(&last.key, path)?;
        *self = after;
        Ok(complete)
    }

    /// The last nodes, the topmost among them, once all leaves are there.
    ///
    /// # Errors
    /// [`RestoreError::Incomplete`]; then more leaves can be added.
    pub fn finish(&self) -> Result<Vec<(NodeKey, Node)>, RestoreError> {
        let mut end = self.clone();
        let mut complete = Vec::new();
        if let Some(last) = end.last {
            end.place(last);
            end.close(&last.key, 1, &mut complete);
        }
        let top = end.open.pop().unwrap_or_default();
        if top.hash() != self.root.0 {
            return Err(RestoreError::Incomplete);
        }
        complete.push((NodeKey::root(self.version), top));
        Ok(complete)
    }

    fn push(&mut self, leaf: Leaf, complete: &mut Vec<(NodeKey, Node)>) -> Result<(), RestoreError> {
        if let Some(last) = self.last {
            if leaf.key <= last.key {
                return Err(RestoreError::NotAscending(leaf.key));
            }
            // The last leaf stands where it parts from both its neighbours.
            let shared = last.key.common_bits(&leaf.key) / 4;
            while self.open.len() <= shared {
                self.open.push(Node::default());
            }
            self.place(last);
            self.close(&last.key, shared + 1, complete);
        }
        self.last = Some(leaf);
        Ok(())
    }

    /// Puts the last leaf into the deepest open node.
    fn place(&mut self, leaf: Leaf) {
        let depth = self.open.len() - 1;
        if let Some(node) = self.open.last_mut() {
            node.set(leaf.key.nibble(depth), Some(Child::Leaf(leaf)));
        }
    }

    /// Completes the open nodes on the way to `key` until so many are left.
    fn close(&mut self, key: &KeyHash, left: usize, complete: &mut Vec<(NodeKey, Node)>) {
        while self.open.len() > left
            && let Some(node) = self.open.pop()
            && let depth = self.open.len()
            && let Some(parent) = self.open.last_mut()
        {
            parent.set(key.nibble(depth - 1), Some(Child::Node { version: self.version, hash: node.hash() }));
            complete.push((NodeKey { version: self.version, path: NibblePath::of(key, depth) }, node));
        }
    }

    /// Compares all that is left of the way to the last key with its path.
    fn check_left(&self, key: &KeyHash, path: &Path) -> Result<(), RestoreError> {
        for depth in 0..64 {
            let mut here = 0..16;
            for step in 4 * depth..4 * depth + 4 {
                let (left, right) = halves(&here);
                if key.bit(step) {
                    let found = self.open.get(depth).map_or(PLACEHOLDER, |node| node.hash_of(&left));
                    if found != path.beside(step) {
                        return Err(RestoreError::OtherLeaves);
                    }
                }
                here = if key.bit(step) { right } else { left };
            }
        }
        Ok(())
    }
}
