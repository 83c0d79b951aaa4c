//! A versioned Jellyfish Merkle tree: a map from keys to values under one hash,
//! with short proofs of what is in it and of what is not.
//!
//! Source: Z. Gao, Y. Hu, Q. Wu, "Jellyfish Merkle Tree" (2021). Roots are byte
//! for byte those of the crate `jmt` 0.12 over SHA-256; nodes and proofs have
//! formats of their own.
//!
//! # The tree
//! Logically a binary tree over 256-bit key hashes: a subtree without leaves is
//! a placeholder, a subtree with one leaf is that leaf, any other is the hash of
//! its two halves ([`KeyHash`], `hash.rs`). The root depends on the set of keys
//! and values alone, never on the order of changes.
//!
//! Physically, four levels are one [`Node`], stored under the version that wrote
//! it and its path ([`NodeKey`]). A version adds the nodes on the ways to its
//! changes and shares all others with those before it. Leaves live in their
//! parents. Values are no part of the tree: whoever calls stores them.
//!
//! # Calls
//! - [`update`]: a new version from changes to an old one.
//! - [`root`], [`prove`], [`leaves`]: reading a version.
//! - [`Path`]: the proof, checked by whoever has the root and nothing else.
//! - [`Restore`]: a version from another's leaves.
//!
//! # What the caller does
//! It implements [`Nodes`] over its store, and for each [`Update`] writes the
//! new nodes, the list of stale ones and its own values in one transaction.
//! Versions form one line: of a version, one update at most is ever stored.
//!
//! To prune, so that the states from v on stay readable and earlier ones go: for
//! each [`Stale`] with `since <= v`, delete the node and the entry. Nothing else
//! may be deleted, and v must not be above the newest version. What is left is
//! exactly what the newest version not above v and those after it need. Old
//! values are the caller's to prune by the same rule.
//!
//! To catch up by [`Restore`], it begins with an empty store: no [`Stale`] entry
//! will ever name the nodes of versions from before the gap.
//!
//! # What it never does
//! It reads no version but the one named, keeps nothing between calls, and
//! trusts no bytes from a peer: decoding and checking a path neither panics nor
//! takes more than 256 steps.
//!
//! Nodes are trusted as far as their place goes, since they are the caller's
//! own. A store that changes hashes makes wrong roots, which the other guardians
//! do not sign.

mod hash;
mod key;
mod leaves;
mod node;
mod path;
mod prove;
mod read;
mod restore;
#[cfg(test)]
mod tests;
mod update;

pub use hash::{KeyHash, Root, ValueHash};
pub use key::{NibblePath, NodeKey, Stale, Version};
pub use leaves::{Leaves, leaves};
pub use node::{Leaf, Node};
pub use path::{Path, PathError};
pub use prove::prove;
pub use read::{Nodes, TreeError, root};
pub use restore::{Restore, RestoreError};
pub use update::{Update, update};
