//! What two trees differ in, without looking at what they share.

use alloc::vec::Vec;

use super::{Child, Node, Nodes};
use crate::error::VaultError;

/// What is shown a key that differs, and its values in the old and the new tree.
pub(crate) type SeeDifference<'a> =
    dyn FnMut(&[u8], Option<&[u8]>, Option<&[u8]>) -> Result<(), VaultError> + 'a;

/// Something of a tree that was not looked at yet.
enum Rest<L> {
    /// A node, of which no key is below this one.
    Node(L, Vec<u8>),
    Entry(Vec<u8>, Vec<u8>),
}

/// Which of two trees goes on.
enum Step {
    Both,
    Old,
    New,
}

/// Shows every key that is in one of two saved trees alone, or has another value in each, in the
/// order of keys.
pub(crate) fn differences<N: Nodes<Link: PartialEq>>(
    nodes: &mut N,
    old: Option<&N::Link>,
    new: Option<&N::Link>,
    see: &mut SeeDifference<'_>,
) -> Result<(), VaultError> {
    let rest = |root: Option<&N::Link>| Vec::from_iter(root.map(|link| Rest::Node(link.clone(), Vec::new())));
    let (mut old, mut new) = (rest(old), rest(new));
    loop {
        let step = match (old.last(), new.last()) {
            (None, None) => return Ok(()),
            (Some(Rest::Node(one, _)), Some(Rest::Node(other, _))) if one == other => {
                old.pop();
                new.pop();
                continue;
            }
            // A branch beside a leaf is gone into first, so that leaves are compared with leaves.
            (Some(Rest::Node(one, _)), Some(Rest::Node(other, _))) => {
                match (&*nodes.load(one)?, &*nodes.load(other)?) {
                    (Node::Branch(_), Node::Leaf(_)) => Step::Old,
                    (Node::Leaf(_), Node::Branch(_)) => Step::New,
                    _ => Step::Both,
                }
            }
            (Some(Rest::Node(_, least)), Some(Rest::Entry(key, _))) if least > key => Step::New,
            (Some(Rest::Entry(key, _)), Some(Rest::Node(_, least))) if least > key => Step::Old,
            (Some(Rest::Node(..)), _) => Step::Old,
            (_, Some(Rest::Node(..))) => Step::New,
            (Some(Rest::Entry(one, _)), Some(Rest::Entry(other, _))) => match one.cmp(other) {
                core::cmp::Ordering::Less => Step::Old,
                core::cmp::Ordering::Equal => Step::Both,
                core::cmp::Ordering::Greater => Step::New,
            },
            (Some(_), None) => Step::Old,
            (None, Some(_)) => Step::New,
        };
        let was = if matches!(step, Step::New) { None } else { go_on(nodes, &mut old)? };
        let is = if matches!(step, Step::Old) { None } else { go_on(nodes, &mut new)? };
        match (was, is) {
            (Some((key, was)), Some((_, is))) if was != is => see(&key, Some(&was), Some(&is))?,
            (Some((key, was)), None) => see(&key, Some(&was), None)?,
            (None, Some((key, is))) => see(&key, None, Some(&is))?,
            _ => {}
        }
    }
}

/// A key with its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Takes an entry, or goes into a node.
fn go_on<N: Nodes>(nodes: &mut N, rest: &mut Vec<Rest<N::Link>>) -> Result<Option<Pair>, VaultError> {
    let (link, least) = match rest.pop() {
        Some(Rest::Entry(key, value)) => return Ok(Some((key, value))),
        Some(Rest::Node(link, least)) => (link, least),
        None => return Ok(None),
    };
    match &*nodes.load(&link)? {
        Node::Leaf(entries) => {
            rest.extend(entries.iter().rev().map(|(key, value)| Rest::Entry(key.clone(), value.clone())));
        }
        Node::Branch(children) => {
            let mut children = children.iter().enumerate().rev();
            rest.extend(children.by_ref().filter_map(|(place, (key, child))| match child {
                // The first one's key says nothing.
                Child::Saved(link) if place == 0 => Some(Rest::Node(link.clone(), least.clone())),
                Child::Saved(link) => Some(Rest::Node(link.clone(), key.clone())),
                Child::Fresh(_) => None,
            }));
        }
    }
    Ok(None)
}
