//! The ledger as it was at one height: its values, proofs of them, and its leaves
//! one after the other.

use std::sync::Arc;

use allod_ledger::Values;
use allod_ledger::jellyfish::{self, KeyHash, Leaf, Node, NodeKey, Nodes, Root};
use allod_ledger::record::{Record, place};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use super::{ChainError, NODES, ValueKey, text, tree, value_key};

/// The ledger as it was at one height.
pub struct At {
    pub(super) read: Arc<ReadTransaction>,
    /// Opened once, since a block reads hundreds of values.
    pub(super) values: ReadOnlyTable<ValueKey, &'static [u8]>,
    pub(super) height: u64,
}

impl std::fmt::Debug for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "At({})", self.height)
    }
}

impl At {
    /// Which height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The record that `id` names.
    ///
    /// # Errors
    /// [`ChainError::Store`], also for a record of an unknown form.
    pub fn find<R: Record>(&self, id: &R::Id) -> Result<Option<R>, ChainError> {
        let bytes = self.value(&place::<R>(id)).map_err(text)?;
        bytes.map(|bytes| allod_wire::decode(&bytes).map_err(text)).transpose().map_err(Into::into)
    }

    /// The record that `id` names, which every ledger has.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn expect<R: Record>(&self, id: &R::Id) -> Result<R, ChainError> {
        self.find(id)?.ok_or_else(|| ChainError::Store(format!("the ledger has no {}", R::KIND)))
    }

    /// The way from a place to the root.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn prove(&self, place: &KeyHash) -> Result<jellyfish::Path, ChainError> {
        let nodes = self.read.open_table(NODES).map_err(text)?;
        Ok(jellyfish::prove(&Stored(&nodes), self.height, place).map_err(tree)?)
    }
}

impl At {
    /// Leaves in the order of their keys, those above `after` or all, for as long as
    /// `take` says that it takes more.
    ///
    /// # Errors
    /// [`ChainError::Store`], and what `take` says.
    pub(in crate::chain) fn leaves(
        &self,
        after: Option<&KeyHash>,
        mut take: impl FnMut(Leaf) -> Result<bool, ChainError>,
    ) -> Result<(), ChainError> {
        let nodes = self.read.open_table(NODES).map_err(text)?;
        let stored = Stored(&nodes);
        for leaf in jellyfish::leaves(&stored, self.height, after).map_err(tree)? {
            if !take(leaf.map_err(tree)?)? {
                break;
            }
        }
        Ok(())
    }

    /// The root of the tree.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn root(&self) -> Result<Root, ChainError> {
        let nodes = self.read.open_table(NODES).map_err(text)?;
        Ok(jellyfish::root(&Stored(&nodes), self.height).map_err(tree)?)
    }
}

impl Values for At {
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, allod_ledger::Error> {
        let unavailable = |why: &dyn std::fmt::Display| {
            tracing::error!(%why, "reading the ledger failed");
            allod_ledger::Error::Unavailable
        };
        let range = value_key(place, 0)..=value_key(place, self.height);
        let newest = self.values.range(range).map_err(|why| unavailable(&why))?.next_back();
        match newest.transpose().map_err(|why| unavailable(&why))? {
            Some((_, value)) => match value.value() {
                [] => Ok(None),
                value => Ok(Some(value.to_vec())),
            },
            None => Ok(None),
        }
    }
}

/// The tree's nodes in a table.
pub(super) struct Stored<'a, T>(pub(super) &'a T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Nodes for Stored<'_, T> {
    type Error = String;

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, String> {
        let found = self.0.get(key.to_bytes().as_slice()).map_err(text)?;
        found.map(|bytes| allod_wire::decode(bytes.value()).map_err(text)).transpose()
    }
}
