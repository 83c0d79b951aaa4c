//! A node of a tree, and its encoding: `[0, [key, value]...]` for a leaf,
//! `[1, [first key, link]...]` for a branch, with the keys in ascending order.

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::{Decode, Encode, Encoder};

/// Bytes of keys and values above which a node is split.
pub(super) const SIZE_MAX: usize = 24 << 10;

/// Bytes below which a node is put together with its neighbour, where both fit.
pub(super) const SIZE_MIN: usize = SIZE_MAX / 4;

/// The most bytes of a key.
pub(crate) const KEY_MAX: usize = 1 << 10;

/// The most bytes of a value.
pub(crate) const VALUE_MAX: usize = 8 << 10;

/// What an entry takes beside its key and its value, about.
const OVERHEAD: usize = 6;

/// A link's bytes, about.
const LINK: usize = 48;

const LEAF: u8 = 0;
const BRANCH: u8 = 1;

/// A node: entries, or the nodes below it.
#[derive(Clone, Debug)]
pub(crate) enum Node<L> {
    /// Keys and their values, in the order of the keys.
    Leaf(Vec<(Vec<u8>, Vec<u8>)>),
    /// Nodes, each with a key that is above all keys before and not above any of its own;
    /// the first one's key says nothing. Never empty.
    Branch(Vec<(Vec<u8>, Child<L>)>),
}

/// A node below another.
#[derive(Clone, Debug)]
pub(crate) enum Child<L> {
    /// As it is stored.
    Saved(L),
    /// Changed since.
    Fresh(Box<Node<L>>),
}

impl<L> Node<L> {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Leaf(entries) => {
                entries.iter().map(|(key, value)| key.len() + value.len() + OVERHEAD).sum()
            }
            Self::Branch(children) => children.iter().map(|(key, _)| key.len() + LINK).sum(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(entries) => entries.is_empty(),
            Self::Branch(children) => children.is_empty(),
        }
    }

    /// Takes the upper half away, or the last part alone where the end has just grown:
    /// what grows at its end keeps full nodes behind it. With the first key of what was
    /// taken.
    pub(super) fn split(&mut self, grew_at_end: bool) -> Option<(Vec<u8>, Self)> {
        fn place<T>(entries: &[T], size: impl Fn(&T) -> usize, grew_at_end: bool) -> usize {
            if grew_at_end {
                return entries.len() - 1;
            }
            let half = entries.iter().map(&size).sum::<usize>() / 2;
            let mut seen = 0;
            let place = entries.iter().position(|entry| {
                seen += size(entry);
                seen > half
            });
            place.unwrap_or(0).clamp(1, entries.len() - 1)
        }
        match self {
            Self::Leaf(entries) if entries.len() >= 2 => {
                let at = place(entries, |(key, value)| key.len() + value.len() + OVERHEAD, grew_at_end);
                let upper = entries.split_off(at);
                Some((upper.first()?.0.clone(), Self::Leaf(upper)))
            }
            Self::Branch(children) if children.len() >= 4 => {
                let at = place(children, |(key, _)| key.len() + LINK, grew_at_end);
                let upper = children.split_off(at);
                Some((upper.first()?.0.clone(), Self::Branch(upper)))
            }
            _ => None,
        }
    }

    /// Puts the next node's content behind this one's. No key of the next node is below
    /// `between`; its first child's may be above what came into that child later.
    pub(super) fn append(&mut self, between: Vec<u8>, other: Self) {
        match (self, other) {
            (Self::Leaf(entries), Self::Leaf(mut others)) => entries.append(&mut others),
            (Self::Branch(children), Self::Branch(mut others)) => {
                if let Some((first, _)) = others.first_mut() {
                    *first = between;
                }
                children.append(&mut others);
            }
            _ => unreachable!("neighbours are equally far from the root"),
        }
    }

    /// Its first key.
    pub(crate) fn first_key(&self) -> Option<&[u8]> {
        match self {
            Self::Leaf(entries) => entries.first().map(|(key, _)| key.as_slice()),
            Self::Branch(children) => children.first().map(|(key, _)| key.as_slice()),
        }
    }
}

/// Where the entry with this key is, or would be.
pub(super) fn place_of<T>(entries: &[(Vec<u8>, T)], key: &[u8]) -> Result<usize, usize> {
    entries.binary_search_by(|(other, _)| other.as_slice().cmp(key))
}

/// The child whose range has this key.
pub(super) fn child_of<L>(children: &[(Vec<u8>, Child<L>)], key: &[u8]) -> usize {
    place_of(children, key).unwrap_or_else(|next| next.saturating_sub(1))
}

impl<L: Encode<()>> Node<L> {
    /// The bytes of a node of which all children are saved.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(self.size() + 64));
        // Writing to memory cannot fail.
        let done = match self {
            Self::Leaf(entries) => Self::start(&mut encoder, entries.len(), LEAF).and_then(|()| {
                entries.iter().try_for_each(|(key, value)| encoder.bytes(key)?.bytes(value)?.ok())
            }),
            Self::Branch(children) => Self::start(&mut encoder, children.len(), BRANCH).and_then(|()| {
                children.iter().try_for_each(|(key, child)| match child {
                    Child::Saved(link) => encoder.bytes(key)?.encode(link)?.ok(),
                    Child::Fresh(_) => unreachable!("children are saved before their parent"),
                })
            }),
        };
        match done {
            Ok(()) => encoder.into_writer(),
            Err(_) => unreachable!("an encoder refused a value that its type allows"),
        }
    }

    fn start(
        encoder: &mut Encoder<Vec<u8>>,
        entries: usize,
        form: u8,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
        encoder.array(1 + 2 * entries as u64)?.u8(form)?.ok()
    }
}

impl<L: for<'b> Decode<'b, ()>> Node<L> {
    /// The node that these bytes encode.
    ///
    /// # Errors
    /// Where they encode none.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let items = decoder.array()?.ok_or_else(|| DecodeError::message("of unknown length"))?;
        let form = decoder.u8()?;
        let count = items.saturating_sub(1) / 2;
        // No entry takes less than two bytes.
        let room = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len() / 2);
        let node = match form {
            LEAF => {
                let mut entries = Vec::with_capacity(room);
                for _ in 0..count {
                    entries.push((decoder.bytes()?.to_vec(), decoder.bytes()?.to_vec()));
                }
                Self::Leaf(entries)
            }
            BRANCH => {
                let mut children = Vec::with_capacity(room);
                for _ in 0..count {
                    children.push((decoder.bytes()?.to_vec(), Child::Saved(decoder.decode()?)));
                }
                Self::Branch(children)
            }
            _ => return Err(DecodeError::message("neither a leaf nor a branch")),
        };
        let in_order = match &node {
            Self::Leaf(entries) => entries.is_sorted_by(|one, other| one.0 < other.0),
            Self::Branch(children) => {
                !children.is_empty() && children.is_sorted_by(|one, other| one.0 < other.0)
            }
        };
        if decoder.position() == bytes.len() && in_order {
            Ok(node)
        } else {
            Err(DecodeError::message("not a node"))
        }
    }
}
