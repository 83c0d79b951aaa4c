//! A stored node: four levels of the binary tree in one piece.
//!
//! A node has up to sixteen children, one for each value of the next nibble. A
//! leaf lives in its parent and has no node of its own. The root's node may have
//! any number of children, none included; every other node has at least two
//! leaves below it, since a lone leaf stands in place of the subtree it is alone
//! in.

use alloc::vec::Vec;
use core::ops::Range;

use allod_wire::Wire;
use minicbor::data::Type;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::hash::{self, KeyHash, PLACEHOLDER, ValueHash};
use super::key::{NibblePath, NodeKey, Version};

/// A key and its value, as hashes. Encoded as two byte strings in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Leaf {
    /// The key.
    #[n(0)]
    pub key: KeyHash,
    /// What the key's value hashes to.
    #[n(1)]
    pub value_hash: ValueHash,
}

impl Wire for Leaf {
    const SIZE_MAX: usize = 1 + 2 * KeyHash::SIZE_MAX;
}

impl Leaf {
    pub(super) fn hash(&self) -> [u8; 32] {
        hash::leaf(&self.key, &self.value_hash)
    }
}

/// What stands at one nibble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Leaf(Leaf),
    /// A node of its own, written by that version.
    Node {
        version: Version,
        hash: [u8; 32],
    },
}

/// A stored node. Its encoding is a map from nibbles, ascending, to a [`Leaf`]
/// or to an array of a node's version and hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Ascending by nibble.
    children: Vec<(u8, Child)>,
}

/// What lies below one place of the binary tree.
pub(super) enum Below<'a> {
    Nothing,
    Leaf(&'a Leaf),
    /// Another node, which begins right here.
    Node(Version, &'a [u8; 32]),
    /// At least two leaves, left and right of here taken together.
    Inner,
}

impl Node {
    pub(super) fn child(&self, nibble: u8) -> Option<&Child> {
        let place = self.children.binary_search_by_key(&nibble, |(at, _)| *at).ok()?;
        self.children.get(place).map(|(_, child)| child)
    }

    pub(super) fn set(&mut self, nibble: u8, child: Option<Child>) {
        match (self.children.binary_search_by_key(&nibble, |(at, _)| *at), child) {
            (Ok(place), Some(child)) => self.children[place].1 = child,
            (Ok(place), None) => drop(self.children.remove(place)),
            (Err(place), Some(child)) => self.children.insert(place, (nibble, child)),
            (Err(_), None) => {}
        }
    }

    /// The first child at `from` or after.
    pub(super) fn child_from(&self, from: u8) -> Option<(u8, &Child)> {
        self.children.iter().find(|(nibble, _)| *nibble >= from).map(|(nibble, child)| (*nibble, child))
    }

    /// What a tree consists of that has no more than one leaf; `None` where it
    /// takes a node.
    pub(super) fn lone(&self) -> Option<Option<Leaf>> {
        match self.children.as_slice() {
            [] => Some(None),
            [(_, Child::Leaf(leaf))] => Some(Some(*leaf)),
            _ => None,
        }
    }

    /// What lies below the place that covers these nibbles: 1, 2, 4, 8 or 16,
    /// beginning at a multiple of their number.
    pub(super) fn below(&self, nibbles: &Range<u8>) -> Below<'_> {
        let mut inside =
            self.children.iter().filter(|(nibble, _)| nibbles.contains(nibble)).map(|(_, child)| child);
        match (inside.next(), inside.next()) {
            (None, _) => Below::Nothing,
            (Some(Child::Leaf(leaf)), None) => Below::Leaf(leaf),
            (Some(Child::Node { version, hash }), None) if nibbles.len() == 1 => Below::Node(*version, hash),
            _ => Below::Inner,
        }
    }

    /// The hash of the place that covers these nibbles, as for [`Self::below`].
    pub(super) fn hash_of(&self, nibbles: &Range<u8>) -> [u8; 32] {
        match self.below(nibbles) {
            Below::Nothing => PLACEHOLDER,
            Below::Leaf(leaf) => leaf.hash(),
            Below::Node(_, hash) => *hash,
            Below::Inner => {
                let (left, right) = halves(nibbles);
                hash::inner(&self.hash_of(&left), &self.hash_of(&right))
            }
        }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        self.hash_of(&(0..16))
    }

    /// Whether the node can be the one with this key: its leaves belong there,
    /// its nodes are not from later, and it has as much below it as it must.
    pub(super) fn belongs_to(&self, key: &NodeKey) -> bool {
        (key.path == NibblePath::ROOT || self.lone().is_none())
            && self.children.iter().all(|(nibble, child)| match child {
                Child::Leaf(leaf) => key.path.child(*nibble).leads_to(&leaf.key),
                Child::Node { version, .. } => *version <= key.version && key.path.nibbles() < 63,
            })
    }
}

/// The two halves of a range of 2, 4, 8 or 16 nibbles.
pub(super) fn halves(nibbles: &Range<u8>) -> (Range<u8>, Range<u8>) {
    let middle = nibbles.start + (nibbles.end - nibbles.start) / 2;
    (nibbles.start..middle, middle..nibbles.end)
}

impl<C> Encode<C> for Node {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.map(self.children.len() as u64)?;
        for (nibble, child) in &self.children {
            e.u8(*nibble)?;
            match child {
                Child::Leaf(leaf) => leaf.encode(e, ctx)?,
                Child::Node { version, hash } => e.array(2)?.u64(*version)?.bytes(hash)?.ok()?,
            }
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Node {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let size = d.map()?.ok_or_else(|| DecodeError::message("not a node"))?;
        let mut node = Self::default();
        for _ in 0..size {
            let nibble = d.u8()?;
            if nibble > 15 || node.children.last().is_some_and(|(last, _)| *last >= nibble) {
                return Err(DecodeError::message("nibbles do not ascend from 0 to 15"));
            }
            node.children.push((nibble, child(d, ctx)?));
        }
        Ok(node)
    }
}

fn child<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Child, DecodeError> {
    let mut ahead = d.probe();
    ahead.array()?;
    if ahead.datatype()? == Type::Bytes {
        return Leaf::decode(d, ctx).map(Child::Leaf);
    }
    if d.array()? != Some(2) {
        return Err(DecodeError::message("not a version and a hash"));
    }
    let version = d.u64()?;
    let hash = <[u8; 32]>::try_from(d.bytes()?).map_err(|_| DecodeError::message("not a node's hash"))?;
    Ok(Child::Node { version, hash })
}

impl Wire for Node {
    // Per child: nibble, array, and either two hashes or (shorter) a number and a hash.
    const SIZE_MAX: usize = 1 + 16 * (1 + Leaf::SIZE_MAX);
}
