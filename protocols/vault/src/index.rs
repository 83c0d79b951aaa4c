//! The index: where each object is. A tree over ids of which the nodes lie in the log.

use alloc::sync::Arc;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::blocks::Blocks;
use crate::cache::Cache;
use crate::error::{Damage, Part, VaultError};
use crate::log::{Content, Link, Log, Spot, decode, encode};
use crate::object::{Kind, ObjectId};
use crate::tree::{Node, Nodes, Survey, Tree, survey};

/// Nodes of the index that are kept in memory: 24 MiB at most.
const CACHED: usize = 1024;

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Place {
    #[n(0)]
    pub(crate) spot: Spot,
    /// Its number in the segment.
    #[n(1)]
    pub(crate) slot: u16,
    #[n(2)]
    pub(crate) kind: Kind,
    /// The number of the keys that it is sealed under.
    #[n(3)]
    pub(crate) keys: u32,
}

/// An object and where it is, or a part of the index that cannot be read.
pub(crate) type Found = Result<(ObjectId, Place), VaultError>;

/// What is shown the index.
pub(crate) type SeeFound<'a, B> = dyn FnMut(&mut Log<B>, Found) + 'a;

/// Where each object is.
#[derive(Debug)]
pub(crate) struct Index {
    tree: Tree<Link>,
    cache: Cache<Link, Node<Link>>,
}

/// The index's nodes, in the log.
struct Stored<'a, B> {
    log: &'a mut Log<B>,
    cache: &'a mut Cache<Link, Node<Link>>,
}

impl<B: Blocks> Nodes for Stored<'_, B> {
    type Link = Link;

    fn load(&mut self, link: &Link) -> Result<Arc<Node<Link>>, VaultError> {
        if let Some(node) = self.cache.get(link) {
            return Ok(node);
        }
        let plain = self.log.fetch(Part::Index, link)?;
        let damage = Damage { part: Part::Index, at: self.log.place(link.spot) };
        let node = Arc::new(Node::decode(&plain).map_err(|_| VaultError::Damaged(damage))?);
        self.cache.put(*link, Arc::clone(&node));
        Ok(node)
    }

    fn save(&mut self, node: Node<Link>) -> Result<Link, VaultError> {
        let key = node.first_key().unwrap_or_default().to_vec();
        let link = self.log.store(Part::Index, &node.encode(), Content::Index(key))?;
        self.cache.put(link, Arc::new(node));
        Ok(link)
    }

    fn release(&mut self, link: &Link) {
        self.cache.forget(link);
        self.log.release(link.spot);
    }
}

impl Index {
    pub(crate) fn new(root: Option<Link>) -> Self {
        Self { tree: Tree::new(root), cache: Cache::new(CACHED) }
    }

    /// The root, if nothing changed since it was stored.
    pub(crate) fn saved(&self) -> Option<Link> {
        self.tree.saved().copied()
    }

    /// How many nodes are changed and not stored.
    pub(crate) fn fresh(&self) -> usize {
        self.tree.fresh()
    }

    pub(crate) fn get<B: Blocks>(
        &mut self,
        log: &mut Log<B>,
        id: &ObjectId,
    ) -> Result<Option<Place>, VaultError> {
        let value = self.tree.get(&mut Stored { log, cache: &mut self.cache }, &id.0)?;
        value.map(|value| place(&value)).transpose()
    }

    pub(crate) fn insert<B: Blocks>(
        &mut self,
        log: &mut Log<B>,
        id: &ObjectId,
        place: &Place,
    ) -> Result<(), VaultError> {
        self.tree.insert(&mut Stored { log, cache: &mut self.cache }, &id.0, encode(place)).map(|_| ())
    }

    pub(crate) fn remove<B: Blocks>(&mut self, log: &mut Log<B>, id: &ObjectId) -> Result<(), VaultError> {
        self.tree.remove(&mut Stored { log, cache: &mut self.cache }, &id.0).map(|_| ())
    }

    /// Has the node at this spot stored anew, if it is still one of the index's. `key` is
    /// one by which it is found.
    pub(crate) fn touch<B: Blocks>(
        &mut self,
        log: &mut Log<B>,
        key: &[u8],
        spot: Spot,
    ) -> Result<(), VaultError> {
        self.tree.touch(&mut Stored { log, cache: &mut self.cache }, key, |link| link.spot == spot)
    }

    /// Stores what changed. With the root.
    pub(crate) fn save<B: Blocks>(&mut self, log: &mut Log<B>) -> Result<Option<Link>, VaultError> {
        self.tree.save(&mut Stored { log, cache: &mut self.cache })
    }

    /// Shows what of the index can be read, and what cannot. Nothing may have changed since it
    /// was saved.
    pub(crate) fn survey<B: Blocks>(&mut self, log: &mut Log<B>, see: &mut SeeFound<'_, B>) {
        let Some(root) = self.tree.saved().copied() else { return };
        survey(&mut Stored { log, cache: &mut self.cache }, &root, &mut Shown(see));
    }

    /// At most so many objects, in the order of their ids, from this one on.
    pub(crate) fn page<B: Blocks>(
        &mut self,
        log: &mut Log<B>,
        from: &ObjectId,
        count_max: usize,
    ) -> Result<Vec<(ObjectId, Place)>, VaultError> {
        let mut found = Vec::new();
        let mut result = Ok(());
        let mut see = |key: &[u8], value: &[u8]| {
            match (<[u8; 32]>::try_from(key), place(value)) {
                (Ok(id), Ok(place)) => found.push((ObjectId(id), place)),
                _ => result = Err(VaultError::Damaged(Damage { part: Part::Index, at: 0 })),
            }
            match found.len() < count_max && result.is_ok() {
                true => core::ops::ControlFlow::Continue(()),
                false => core::ops::ControlFlow::Break(()),
            }
        };
        self.tree.range(&mut Stored { log, cache: &mut self.cache }, &from.0, &mut see)?;
        result.map(|()| found)
    }
}

/// What is shown objects, and parts that cannot be read.
struct Shown<'a, B>(&'a mut SeeFound<'a, B>);

impl<B: Blocks> Survey<Stored<'_, B>> for Shown<'_, B> {
    fn enter(&mut self, _: &mut Stored<'_, B>, _: &Link) -> bool {
        true
    }

    fn see(&mut self, nodes: &mut Stored<'_, B>, key: &[u8], value: &[u8]) {
        let found = match (<[u8; 32]>::try_from(key), place(value)) {
            (Ok(id), Ok(place)) => Ok((ObjectId(id), place)),
            _ => Err(VaultError::Damaged(Damage { part: Part::Index, at: 0 })),
        };
        (self.0)(nodes.log, found);
    }

    fn lost(&mut self, nodes: &mut Stored<'_, B>, _: &Link, _: &[u8], _: Option<&[u8]>, why: VaultError) {
        (self.0)(nodes.log, Err(why));
    }
}

fn place(value: &[u8]) -> Result<Place, VaultError> {
    decode(value, Damage { part: Part::Index, at: 0 })
}
