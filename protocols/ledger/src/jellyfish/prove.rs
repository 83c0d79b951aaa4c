//! Making a [`Path`] from stored nodes.

use alloc::vec::Vec;

use super::hash::KeyHash;
use super::key::{NodeKey, Version};
use super::node::{Below, halves};
use super::path::{End, Path};
use super::read::{Nodes, TreeError, load};

/// The proof that a key has its value in a version, or that it has none.
///
/// # Errors
/// [`TreeError`], where the version's nodes cannot be had.
pub fn prove<N: Nodes>(nodes: &N, version: Version, key: &KeyHash) -> Result<Path, TreeError<N::Error>> {
    let mut beside = Vec::new();
    let mut at = NodeKey::root(version);
    loop {
        let node = load(nodes, &at)?;
        let nibble = key.nibble(at.path.nibbles());
        let mut here = 0..16;
        let version = loop {
            match node.below(&here) {
                Below::Nothing => return Ok(Path::new(beside, End::Nothing)),
                Below::Leaf(leaf) if leaf.key == *key => return Ok(Path::new(beside, End::Own)),
                Below::Leaf(leaf) => return Ok(Path::new(beside, End::Other(*leaf))),
                Below::Node(version, _) => break version,
                Below::Inner => {
                    let (left, right) = halves(&here);
                    let other;
                    (here, other) = if left.contains(&nibble) { (left, right) } else { (right, left) };
                    let something = !matches!(node.below(&other), Below::Nothing);
                    beside.push(something.then(|| node.hash_of(&other)));
                }
            }
        };
        // Only a node with fewer than 63 nibbles names nodes below, so the key has a next one.
        at = NodeKey { version, path: at.path.child(nibble) };
    }
}
