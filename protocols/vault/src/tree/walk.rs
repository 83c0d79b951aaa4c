//! Going through a saved tree, whole or as far as it can be read.

use super::{Child, Node, Nodes};
use crate::error::VaultError;

/// Shows every node of a saved tree once to `enter`, which says whether to go on below
/// it, and the entries of those leaves to `see`.
pub(crate) fn walk<N: Nodes>(
    nodes: &mut N,
    root: &N::Link,
    enter: &mut impl FnMut(&mut N, &N::Link) -> Result<bool, VaultError>,
    see: &mut impl FnMut(&mut N, &[u8], &[u8]) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    if !enter(nodes, root)? {
        return Ok(());
    }
    match &*nodes.load(root)? {
        Node::Leaf(entries) => entries.iter().try_for_each(|(key, value)| see(nodes, key, value)),
        Node::Branch(children) => children.iter().try_for_each(|(_, child)| match child {
            Child::Saved(link) => walk(nodes, link, enter, see),
            Child::Fresh(_) => unreachable!("a saved node has saved children"),
        }),
    }
}

/// Who goes through a tree of which parts may be damaged.
pub(crate) trait Survey<N: Nodes> {
    /// A node. Whether to go on below it.
    fn enter(&mut self, nodes: &mut N, link: &N::Link) -> bool;

    /// An entry of a leaf.
    fn see(&mut self, nodes: &mut N, key: &[u8], value: &[u8]);

    /// A node that cannot be read. What it led to is from the first key on, up to the second.
    fn lost(&mut self, nodes: &mut N, link: &N::Link, from: &[u8], to: Option<&[u8]>, why: VaultError);
}

/// Goes through what of a saved tree can be read.
pub(crate) fn survey<N: Nodes>(nodes: &mut N, root: &N::Link, by: &mut impl Survey<N>) {
    go(nodes, root, &[], None, by);
}

fn go<N: Nodes>(nodes: &mut N, link: &N::Link, from: &[u8], to: Option<&[u8]>, by: &mut impl Survey<N>) {
    if !by.enter(nodes, link) {
        return;
    }
    let node = match nodes.load(link) {
        Ok(node) => node,
        Err(why) => return by.lost(nodes, link, from, to, why),
    };
    match &*node {
        Node::Leaf(entries) => entries.iter().for_each(|(key, value)| by.see(nodes, key, value)),
        Node::Branch(children) => {
            for (place, (first, child)) in children.iter().enumerate() {
                let Child::Saved(link) = child else { continue };
                // The first child's key says nothing.
                let from = if place == 0 { from } else { first };
                let next = children.get(place + 1).map(|(key, _)| &key[..]);
                go(nodes, link, from, next.or(to), by);
            }
        }
    }
}
