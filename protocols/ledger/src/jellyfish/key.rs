//! Where a stored node belongs: the version that wrote it, and its path.

use alloc::vec::Vec;
use core::fmt;

use super::hash::KeyHash;

/// The number of a state. The ledger uses its height.
pub type Version = u64;

/// The first nibbles of all keys below a node; none for the root.
///
/// Ordered by length, then by nibbles. A node's path has at most 63.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NibblePath {
    nibbles: u8,
    // Two nibbles a byte, the first one high; what is not used is zero.
    packed: [u8; 32],
}

/// Names a stored node. A node is never written twice under one key with
/// different contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The version that wrote the node.
    pub version: Version,
    /// Where in the tree it is.
    pub path: NibblePath,
}

/// A stored node that later versions do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stale {
    /// The first version that does without it. Versions below still need it.
    pub since: Version,
    /// The node.
    pub node: NodeKey,
}

impl NibblePath {
    /// The path of the root: no nibbles.
    pub const ROOT: Self = Self { nibbles: 0, packed: [0; 32] };

    /// How many nibbles there are.
    pub fn nibbles(&self) -> usize {
        self.nibbles.into()
    }

    /// The first `nibbles` nibbles of a key; at most 64.
    pub(super) fn of(key: &KeyHash, nibbles: usize) -> Self {
        (0..nibbles).fold(Self::ROOT, |path, place| path.child(key.nibble(place)))
    }

    /// The path one nibble further, where there are fewer than 64.
    pub(super) fn child(mut self, nibble: u8) -> Self {
        let place = self.nibbles();
        self.packed[place / 2] |= if place.is_multiple_of(2) { nibble << 4 } else { nibble };
        self.nibbles += 1;
        self
    }

    /// Whether the key begins with these nibbles.
    pub(super) fn leads_to(&self, key: &KeyHash) -> bool {
        KeyHash(self.packed).common_bits(key) >= 4 * self.nibbles()
    }
}

impl fmt::Display for NibblePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.nibbles()).try_for_each(|place| write!(f, "{:x}", KeyHash(self.packed).nibble(place)))
    }
}

impl fmt::Debug for NibblePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NibblePath({self})")
    }
}

impl NodeKey {
    /// The most bytes of a key.
    pub const SIZE_MAX: usize = 8 + 1 + 32;

    /// The root's node of a version.
    pub const fn root(version: Version) -> Self {
        Self { version, path: NibblePath::ROOT }
    }

    /// The key as bytes for a store: version (8 bytes, big endian), number of
    /// nibbles (1 byte), nibbles (two a byte, the last half byte 0). Bytes
    /// compare as keys do.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::SIZE_MAX);
        bytes.extend(self.version.to_be_bytes());
        bytes.push(self.path.nibbles);
        bytes.extend(&self.path.packed[..self.path.nibbles().div_ceil(2)]);
        bytes
    }

    /// The key with these bytes; `None` where they are no key's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, path) = bytes.split_first_chunk()?;
        let (&nibbles, path) = path.split_first()?;
        let mut packed = [0; 32];
        packed.get_mut(..path.len())?.copy_from_slice(path);
        let key = Self { version: Version::from_be_bytes(*version), path: NibblePath { nibbles, packed } };
        let last_half = nibbles % 2 == 1 && path.last().is_some_and(|byte| byte & 0x0F != 0);
        (nibbles < 64 && path.len() == key.path.nibbles().div_ceil(2) && !last_half).then_some(key)
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node '{}' of version {}", self.path, self.version)
    }
}

impl Stale {
    /// As bytes for a store: `since` (8 bytes, big endian), then the node's key.
    /// Bytes compare as values do, so that what is stale since v or earlier
    /// stands before all else.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + NodeKey::SIZE_MAX);
        bytes.extend(self.since.to_be_bytes());
        bytes.extend(self.node.to_bytes());
        bytes
    }

    /// The value with these bytes; `None` where there is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (since, node) = bytes.split_first_chunk()?;
        Some(Self { since: Version::from_be_bytes(*since), node: NodeKey::from_bytes(node)? })
    }
}
