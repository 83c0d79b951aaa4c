//! All leaves of a version in the order of their keys, for a snapshot.

use alloc::vec;
use alloc::vec::Vec;

use super::hash::KeyHash;
use super::key::{NodeKey, Version};
use super::node::{Child, Leaf, Node};
use super::read::{Nodes, TreeError, load};

/// The leaves of a version whose keys are above `after`; all, where it is `None`.
///
/// A snapshot goes out in parts: each begins after the last key of the one
/// before. No more than one node a level is held at a time.
///
/// # Errors
/// [`TreeError`], where the version's topmost node cannot be had.
pub fn leaves<'a, N: Nodes>(
    nodes: &'a N,
    version: Version,
    after: Option<&KeyHash>,
) -> Result<Leaves<'a, N>, TreeError<N::Error>> {
    let mut leaves = Leaves { nodes, after: after.copied(), open: vec![] };
    leaves.enter(NodeKey::root(version))?;
    Ok(leaves)
}

/// Leaves, ascending by key. Ends after the first error.
pub struct Leaves<'a, N> {
    nodes: &'a N,
    after: Option<KeyHash>,
    open: Vec<Open>,
}

struct Open {
    node: Node,
    key: NodeKey,
    /// The nibble to look at next; 16 at the end.
    next: u8,
}

impl<N: Nodes> Leaves<'_, N> {
    fn enter(&mut self, key: NodeKey) -> Result<(), TreeError<N::Error>> {
        let node = load(self.nodes, &key)?;
        let next = match &self.after {
            Some(after) if key.path.leads_to(after) => after.nibble(key.path.nibbles()),
            _ => 0,
        };
        self.open.push(Open { node, key, next });
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Leaf>, TreeError<N::Error>> {
        while let Some(open) = self.open.last_mut() {
            let Some((nibble, child)) = open.node.child_from(open.next) else {
                self.open.pop();
                continue;
            };
            open.next = nibble + 1;
            match *child {
                Child::Leaf(leaf) if self.after.is_none_or(|after| leaf.key > after) => {
                    return Ok(Some(leaf));
                }
                Child::Leaf(_) => {}
                Child::Node { version, .. } => {
                    let path = open.key.path.child(nibble);
                    self.enter(NodeKey { version, path })?;
                }
            }
        }
        Ok(None)
    }
}

impl<N: Nodes> Iterator for Leaves<'_, N> {
    type Item = Result<Leaf, TreeError<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let leaf = self.step().transpose();
        if let Some(Err(_)) = leaf {
            self.open.clear();
        }
        leaf
    }
}
