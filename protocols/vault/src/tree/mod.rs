//! A B-tree that is copied where it changes: whoever holds an old root still has the old
//! tree. The index of a vault is one, over places in the image; each folder is one, over
//! ids of objects.
//!
//! A changed node is kept in memory below its parent until [`Tree::save`], which stores
//! the changed nodes from the leaves up. So a change costs a path to the root, and many
//! changes at once share it.

mod difference;
mod node;
#[cfg(test)]
mod tests;
mod walk;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use minicbor::{Decode, Encode};

pub(crate) use difference::differences;
pub(crate) use node::{Child, KEY_MAX, Node, VALUE_MAX};
pub(crate) use walk::{Survey, survey, walk};

use crate::error::VaultError;

/// Where a tree's nodes are.
pub(crate) trait Nodes {
    /// What a parent has of its child: enough to find it, and to know that it is what
    /// was stored.
    type Link: Clone + Encode<()> + for<'b> Decode<'b, ()>;

    /// The node of a link.
    fn load(&mut self, link: &Self::Link) -> Result<Arc<Node<Self::Link>>, VaultError>;

    /// Stores a node of which all children are saved.
    fn save(&mut self, node: Node<Self::Link>) -> Result<Self::Link, VaultError>;

    /// A node is replaced and will not be asked for through this tree again.
    fn release(&mut self, link: &Self::Link);
}

/// A tree, of which the changed part is in memory.
#[derive(Clone, Debug)]
pub(crate) struct Tree<L> {
    root: Option<Child<L>>,
    fresh: usize,
}

/// What is put beside a node that became too large.
type Split<L> = Option<(Vec<u8>, Child<L>)>;

/// The value before, and what came beside the node.
type Inserted<L> = (Option<Vec<u8>>, Split<L>);

/// What is shown an entry, its key first, and says whether to go on.
pub(crate) type See<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

impl<L> Tree<L> {
    /// With nothing in it, or as it was saved.
    pub(crate) fn new(root: Option<L>) -> Self {
        Self { root: root.map(Child::Saved), fresh: 0 }
    }

    /// The root, if it is saved.
    pub(crate) fn saved(&self) -> Option<&L> {
        match &self.root {
            Some(Child::Saved(link)) => Some(link),
            _ => None,
        }
    }

    /// How many nodes are changed and not saved, at most.
    pub(crate) fn fresh(&self) -> usize {
        self.fresh
    }
}

impl<L: Clone + Encode<()> + for<'b> Decode<'b, ()>> Tree<L> {
    /// The value of a key.
    pub(crate) fn get(
        &self,
        nodes: &mut impl Nodes<Link = L>,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        fn within<L>(node: &Node<L>, key: &[u8]) -> Result<Option<Vec<u8>>, usize> {
            match node {
                Node::Leaf(entries) => {
                    Ok(node::place_of(entries, key).ok().map(|place| entries[place].1.clone()))
                }
                Node::Branch(children) => Err(node::child_of(children, key)),
            }
        }
        let Some(mut child) = self.root.as_ref() else { return Ok(None) };
        // Below a saved node there are saved ones only.
        let mut link = loop {
            match child {
                Child::Saved(link) => break link.clone(),
                Child::Fresh(node) => match (within(node, key), &**node) {
                    (Ok(value), _) => return Ok(value),
                    (Err(place), Node::Branch(children)) => child = &children[place].1,
                    (Err(_), Node::Leaf(_)) => unreachable!("a leaf has its entries itself"),
                },
            }
        };
        loop {
            let node = nodes.load(&link)?;
            match (within(&node, key), &*node) {
                (Ok(value), _) => return Ok(value),
                (Err(place), Node::Branch(children)) => match &children[place].1 {
                    Child::Saved(next) => link = next.clone(),
                    Child::Fresh(_) => unreachable!("a saved node has saved children"),
                },
                (Err(_), Node::Leaf(_)) => unreachable!("a leaf has its entries itself"),
            }
        }
    }

    /// Sets the value of a key. With the one that it had before.
    pub(crate) fn insert(
        &mut self,
        nodes: &mut impl Nodes<Link = L>,
        key: &[u8],
        value: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        if key.len() > KEY_MAX {
            return Err(VaultError::TooLarge { size_max: KEY_MAX });
        }
        if value.len() > VALUE_MAX {
            return Err(VaultError::TooLarge { size_max: VALUE_MAX });
        }
        let Some(root) = &mut self.root else {
            self.root = Some(Child::Fresh(Box::new(Node::Leaf(vec![(key.to_vec(), value)]))));
            self.fresh = 1;
            return Ok(None);
        };
        let (before, split) = insert(root, nodes, &mut self.fresh, key, value)?;
        if let Some((upper_key, upper)) = split {
            let lower = self.root.take();
            let children = lower.map(|lower| (Vec::new(), lower)).into_iter().chain([(upper_key, upper)]);
            self.root = Some(Child::Fresh(Box::new(Node::Branch(children.collect()))));
            self.fresh += 1;
        }
        Ok(before)
    }

    /// Removes a key. With the value that it had.
    pub(crate) fn remove(
        &mut self,
        nodes: &mut impl Nodes<Link = L>,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        // What is not there changes nothing.
        if self.get(nodes, key)?.is_none() {
            return Ok(None);
        }
        let Some(root) = &mut self.root else { return Ok(None) };
        let before = remove(root, nodes, &mut self.fresh, key)?;
        while let Some(Child::Fresh(node)) = &mut self.root {
            self.root = match &mut **node {
                Node::Branch(children) if children.len() == 1 => children.pop().map(|(_, child)| child),
                node if node.is_empty() => None,
                _ => break,
            };
        }
        Ok(before)
    }

    /// Has a node stored anew, if it is still one of the tree's: the one on the way to this
    /// key of which `is_it` knows the link.
    pub(crate) fn touch(
        &mut self,
        nodes: &mut impl Nodes<Link = L>,
        key: &[u8],
        is_it: impl Fn(&L) -> bool,
    ) -> Result<(), VaultError> {
        let Some(depth) = self.find(nodes, key, is_it)? else { return Ok(()) };
        let mut child = self.root.as_mut();
        for _ in 0..=depth {
            let Some(next) = child else { break };
            child = match freshen(next, nodes, &mut self.fresh)? {
                Node::Leaf(_) => None,
                Node::Branch(children) => {
                    let place = node::child_of(children, key);
                    children.get_mut(place).map(|(_, child)| child)
                }
            };
        }
        Ok(())
    }

    /// How far below the root the node is.
    fn find(
        &self,
        nodes: &mut impl Nodes<Link = L>,
        key: &[u8],
        is_it: impl Fn(&L) -> bool,
    ) -> Result<Option<usize>, VaultError> {
        let Some(mut child) = self.root.clone() else { return Ok(None) };
        for depth in 0.. {
            let below = |node: &Node<L>| match node {
                Node::Leaf(_) => None,
                Node::Branch(children) => Some(children[node::child_of(children, key)].1.clone()),
            };
            let next = match &child {
                Child::Saved(link) if is_it(link) => return Ok(Some(depth)),
                Child::Saved(link) => below(&*nodes.load(link)?),
                Child::Fresh(node) => below(node),
            };
            match next {
                Some(next) => child = next,
                None => break,
            }
        }
        Ok(None)
    }

    /// Shows the entries from this key on, in the order of their keys, until told to
    /// stop.
    pub(crate) fn range(
        &self,
        nodes: &mut impl Nodes<Link = L>,
        from: &[u8],
        see: &mut See<'_>,
    ) -> Result<(), VaultError> {
        match &self.root {
            Some(root) => range(root, nodes, from, see).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Stores all nodes that changed. With the link of the root; nothing where the tree
    /// is empty. What fails can be tried again.
    pub(crate) fn save(&mut self, nodes: &mut impl Nodes<Link = L>) -> Result<Option<L>, VaultError> {
        let Some(root) = &mut self.root else { return Ok(None) };
        let link = save(root, nodes)?;
        self.fresh = 0;
        Ok(Some(link))
    }
}

/// The node itself, to be changed.
fn freshen<'a, N: Nodes>(
    child: &'a mut Child<N::Link>,
    nodes: &mut N,
    fresh: &mut usize,
) -> Result<&'a mut Node<N::Link>, VaultError> {
    if let Child::Saved(link) = child {
        let node = nodes.load(link)?;
        nodes.release(link);
        *child = Child::Fresh(Box::new(Arc::unwrap_or_clone(node)));
        *fresh += 1;
    }
    match child {
        Child::Fresh(node) => Ok(node),
        Child::Saved(_) => unreachable!("it was made fresh"),
    }
}

fn insert<N: Nodes>(
    child: &mut Child<N::Link>,
    nodes: &mut N,
    fresh: &mut usize,
    key: &[u8],
    value: Vec<u8>,
) -> Result<Inserted<N::Link>, VaultError> {
    let node = freshen(child, nodes, fresh)?;
    let (before, at_end) = match node {
        Node::Leaf(entries) => match node::place_of(entries, key) {
            Ok(place) => (Some(core::mem::replace(&mut entries[place].1, value)), false),
            Err(place) => {
                let at_end = place == entries.len();
                entries.insert(place, (key.to_vec(), value));
                (None, at_end)
            }
        },
        Node::Branch(children) => {
            let place = node::child_of(children, key);
            let (before, split) = insert(&mut children[place].1, nodes, fresh, key, value)?;
            if let Some(upper) = split {
                children.insert(place + 1, upper);
            }
            (before, place + 2 >= children.len())
        }
    };
    if node.size() <= node::SIZE_MAX {
        return Ok((before, None));
    }
    let split = node.split(at_end).map(|(key, upper)| (key, Child::Fresh(Box::new(upper))));
    *fresh += usize::from(split.is_some());
    Ok((before, split))
}

fn remove<N: Nodes>(
    child: &mut Child<N::Link>,
    nodes: &mut N,
    fresh: &mut usize,
    key: &[u8],
) -> Result<Option<Vec<u8>>, VaultError> {
    let children = match freshen(child, nodes, fresh)? {
        Node::Leaf(entries) => {
            return Ok(node::place_of(entries, key).ok().map(|place| entries.remove(place).1));
        }
        Node::Branch(children) => children,
    };
    let place = node::child_of(children, key);
    let before = remove(&mut children[place].1, nodes, fresh, key)?;
    let Child::Fresh(changed) = &children[place].1 else { return Ok(before) };
    if changed.is_empty() {
        children.remove(place);
    } else if changed.size() < node::SIZE_MIN {
        join(children, place, nodes, fresh);
    }
    Ok(before)
}

/// Puts a small node together with a neighbour, where both fit into one. A neighbour
/// that cannot be read is left alone: what was asked for is done without it.
fn join<N: Nodes>(
    children: &mut Vec<(Vec<u8>, Child<N::Link>)>,
    place: usize,
    nodes: &mut N,
    fresh: &mut usize,
) {
    let lower = if place + 1 < children.len() { place } else { place.saturating_sub(1) };
    let (Some(one), Some(other)) = (children.get(lower), children.get(lower + 1)) else { return };
    let mut size = 0;
    for child in [&one.1, &other.1] {
        size += match child {
            Child::Fresh(node) => node.size(),
            Child::Saved(link) => match nodes.load(link) {
                Ok(node) => node.size(),
                Err(_) => return,
            },
        };
    }
    if size > node::SIZE_MAX * 3 / 4 {
        return;
    }
    let both_fresh = [lower, lower + 1]
        .into_iter()
        .all(|place| children.get_mut(place).is_some_and(|(_, child)| freshen(child, nodes, fresh).is_ok()));
    if !both_fresh {
        return;
    }
    if let (between, Child::Fresh(upper)) = children.remove(lower + 1)
        && let Some((_, Child::Fresh(node))) = children.get_mut(lower)
    {
        node.append(between, *upper);
    }
}

fn range<N: Nodes>(
    child: &Child<N::Link>,
    nodes: &mut N,
    from: &[u8],
    see: &mut See<'_>,
) -> Result<ControlFlow<()>, VaultError> {
    let loaded;
    let node = match child {
        Child::Fresh(node) => &**node,
        Child::Saved(link) => {
            loaded = nodes.load(link)?;
            &*loaded
        }
    };
    match node {
        Node::Leaf(entries) => {
            let start = node::place_of(entries, from).unwrap_or_else(|place| place);
            Ok(entries[start..].iter().try_for_each(|(key, value)| see(key, value)))
        }
        Node::Branch(children) => {
            for (_, child) in &children[node::child_of(children, from)..] {
                if range(child, nodes, from, see)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        }
    }
}

fn save<N: Nodes>(child: &mut Child<N::Link>, nodes: &mut N) -> Result<N::Link, VaultError> {
    let node = match child {
        Child::Saved(link) => return Ok(link.clone()),
        Child::Fresh(node) => node,
    };
    if let Node::Branch(children) = &mut **node {
        for (_, child) in children {
            save(child, nodes)?;
        }
    }
    let link = nodes.save((**node).clone())?;
    *child = Child::Saved(link.clone());
    Ok(link)
}
