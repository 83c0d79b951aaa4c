//! Reading stored nodes, and what can be wrong with them.

use alloc::collections::BTreeMap;
use core::convert::Infallible;
use core::fmt;

use super::hash::Root;
use super::key::{NodeKey, Version};
use super::node::Node;

/// Stored nodes. A shell keeps the bytes of [`allod_wire::encode`] under those
/// of [`NodeKey::to_bytes`]; memory keeps both as they are.
pub trait Nodes {
    /// Why a store could not be read.
    type Error;

    /// The node with this key, if it is there.
    ///
    /// # Errors
    /// What the store says when it cannot be read.
    fn node(&self, key: &NodeKey) -> Result<Option<Node>, Self::Error>;
}

impl Nodes for BTreeMap<NodeKey, Node> {
    type Error = Infallible;

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, Infallible> {
        Ok(self.get(key).cloned())
    }
}

/// Why stored nodes did not serve. `E` is the store's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError<E> {
    /// The store could not be read.
    Store(E),
    /// There is no such version: it was never written, or has been pruned.
    NoVersion(Version),
    /// A node is missing that its parent names. The store lost it, or pruned
    /// what was still needed.
    Missing(NodeKey),
    /// A stored node cannot be the one with this key. The store is damaged.
    Damaged(NodeKey),
    /// A version was to follow one that is not below it.
    NotAfter {
        /// The version that was to follow.
        version: Version,
        /// The version that was to be followed.
        parent: Version,
    },
}

impl<E: fmt::Display> fmt::Display for TreeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the tree's store cannot be read: {error}"),
            Self::NoVersion(version) => write!(f, "version {version} was never written, or has been pruned"),
            Self::Missing(key) => write!(f, "the store has lost {key}"),
            Self::Damaged(key) => write!(f, "the store is damaged: what it has as {key} cannot be that"),
            Self::NotAfter { version, parent } => {
                write!(f, "version {version} cannot follow version {parent}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for TreeError<E> {}

/// The root of a version.
///
/// # Errors
/// [`TreeError`], where the version's topmost node cannot be had.
pub fn root<N: Nodes>(nodes: &N, version: Version) -> Result<Root, TreeError<N::Error>> {
    load(nodes, &NodeKey::root(version)).map(|node| Root(node.hash()))
}

/// The node with this key, which has to be there and to belong there.
pub(super) fn load<N: Nodes>(nodes: &N, key: &NodeKey) -> Result<Node, TreeError<N::Error>> {
    let missing = if *key == NodeKey::root(key.version) {
        TreeError::NoVersion(key.version)
    } else {
        TreeError::Missing(*key)
    };
    let node = nodes.node(key).map_err(TreeError::Store)?.ok_or(missing)?;
    if node.belongs_to(key) { Ok(node) } else { Err(TreeError::Damaged(*key)) }
}
