//! The ledger on disk: values and tree nodes by height in `redb`, the
//! certificates that the network signed, and what became of operations.
//!
//! A block becomes durable in one transaction, with everything that follows from
//! it. Values and nodes of earlier heights stay for a while, since proofs are
//! made for the last height that was signed; what nobody can need any more is
//! pruned along with later blocks.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use allod_ledger::jellyfish::{self, KeyHash, Node, NodeKey, Nodes, Root, Stale, TreeError};
use allod_ledger::record::{Record, place};
use allod_ledger::{Applied, Certificate, Chain, Changes, Checkpoint, Outcome, Values};
use allod_wire::{BlockId, Instant, OperationId};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::ChainError;
use crate::files;

/// A place and the height at which its value was written.
type ValueKey = [u8; 40];

/// The value; empty where it was taken away.
const VALUES: TableDefinition<'_, ValueKey, &[u8]> = TableDefinition::new("values");
const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("nodes");
const STALE_NODES: TableDefinition<'_, &[u8], ()> = TableDefinition::new("stale nodes");
/// Behind the height since which it is stale, the key of a value.
const STALE_VALUES: TableDefinition<'_, (u64, ValueKey), ()> = TableDefinition::new("stale values");
const CHECKPOINTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("checkpoints");
const CERTIFICATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("certificates");
/// The height, and the reason of a refusal or nothing.
const OUTCOMES: TableDefinition<'_, [u8; 32], (u64, &str)> = TableDefinition::new("outcomes");
const OUTCOMES_BY_HEIGHT: TableDefinition<'_, (u64, [u8; 32]), ()> =
    TableDefinition::new("outcomes by height");
const STATE: TableDefinition<'_, &str, u64> = TableDefinition::new("state");

/// The last height that is durable.
const HEIGHT: &str = "height";
/// Heights below this are not readable any more.
const PRUNED: &str = "pruned";

/// Stale entries that are deleted with one block, at most: pruning keeps pace
/// without making any block slow.
const PRUNED_AT_ONCE: usize = 4096;

/// How far back things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Heights at which the ledger stays readable.
    pub heights: u64,
    /// Heights for which what became of operations is remembered.
    pub outcomes: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { heights: 1_000, outcomes: 100_000 }
    }
}

/// The ledger on disk.
#[derive(Debug)]
pub struct Store {
    database: Database,
    kept: Kept,
    _lock: Option<File>,
}

/// The ledger as it was at one height.
pub struct At {
    read: Arc<ReadTransaction>,
    height: u64,
}

impl std::fmt::Debug for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "At({})", self.height)
    }
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// In which height.
    pub height: u64,
    /// Why it was refused; nothing where it was accepted.
    pub refused: Option<String>,
}

impl Store {
    /// Opens the store in `folder`, or makes one.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`].
    pub fn open(folder: &Path, kept: Kept) -> Result<Self, ChainError> {
        files::private_folder(folder)?;
        let lock = files::private_file(&folder.join("lock"))?;
        lock.try_lock().map_err(text)?;
        let file = files::private_file(&folder.join("ledger.redb"))?;
        let database = Database::builder().create_file(file).map_err(text)?;
        let store = Self { database, kept, _lock: Some(lock) };
        store.prepare()?;
        Ok(store)
    }

    /// Makes the tables where they are missing.
    fn prepare(&self) -> Result<(), ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        write.open_table(VALUES).map_err(text)?;
        write.open_table(NODES).map_err(text)?;
        write.open_table(STALE_NODES).map_err(text)?;
        write.open_table(STALE_VALUES).map_err(text)?;
        write.open_table(CHECKPOINTS).map_err(text)?;
        write.open_table(CERTIFICATES).map_err(text)?;
        write.open_table(OUTCOMES).map_err(text)?;
        write.open_table(OUTCOMES_BY_HEIGHT).map_err(text)?;
        write.open_table(STATE).map_err(text)?;
        Ok(write.commit().map_err(text)?)
    }

    /// The last height that is durable; nothing before the beginning.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn height(&self) -> Result<Option<u64>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let state = read.open_table(STATE).map_err(text)?;
        Ok(state.get(HEIGHT).map_err(text)?.map(|height| height.value()))
    }

    /// The ledger as of the last height.
    ///
    /// # Errors
    /// [`ChainError::Store`], [`ChainError::NotKept`] before the beginning.
    pub fn newest(&self) -> Result<At, ChainError> {
        let read = Arc::new(self.database.begin_read().map_err(text)?);
        let state = read.open_table(STATE).map_err(text)?;
        let height = state.get(HEIGHT).map_err(text)?.map(|height| height.value());
        drop(state);
        let height = height.ok_or(ChainError::NotKept { height: 0 })?;
        Ok(At { read, height })
    }

    /// The ledger as it was at `height`.
    ///
    /// # Errors
    /// [`ChainError::Store`]; [`ChainError::NotKept`] where it is pruned or to come.
    pub fn at(&self, height: u64) -> Result<At, ChainError> {
        let newest = self.newest()?;
        let pruned = {
            let state = newest.read.open_table(STATE).map_err(text)?;
            state.get(PRUNED).map_err(text)?.map_or(0, |height| height.value())
        };
        if height > newest.height || height < pruned {
            return Err(ChainError::NotKept { height });
        }
        Ok(At { read: newest.read, height })
    }

    /// Writes what a network begins with.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn begin(&self, changes: &Changes) -> Result<Root, ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        let root = grow(&write, 0, changes)?;
        write.open_table(STATE).map_err(text)?.insert(HEIGHT, 0).map_err(text)?;
        write.commit().map_err(text)?;
        Ok(root)
    }

    /// Makes a block durable: its changes, the tree's next version, what became of
    /// its operations, and a checkpoint if its height has one.
    ///
    /// # Errors
    /// [`ChainError::Store`]. Nothing of the block is stored then.
    pub fn apply(&self, block: &Applying<'_>) -> Result<Checkpoint, ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        let root = grow(&write, block.height, &block.applied.changes)?;
        let checkpoint = Checkpoint {
            network: block.chain.network,
            height: block.height,
            at: block.at,
            block: block.id,
            root: root.0,
        };
        if block.is_checkpoint {
            let mut checkpoints = write.open_table(CHECKPOINTS).map_err(text)?;
            checkpoints.insert(block.height, allod_wire::encode(&checkpoint).as_slice()).map_err(text)?;
        }
        {
            let mut outcomes = write.open_table(OUTCOMES).map_err(text)?;
            let mut by_height = write.open_table(OUTCOMES_BY_HEIGHT).map_err(text)?;
            for Outcome { operation, result } in &block.applied.outcomes {
                let why = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
                // An operation that comes twice is refused the second time; the first
                // time is what counts.
                if outcomes.get(operation.0).map_err(text)?.is_none_or(|known| !known.value().1.is_empty()) {
                    outcomes.insert(operation.0, (block.height, why.as_str())).map_err(text)?;
                    by_height.insert((block.height, operation.0), ()).map_err(text)?;
                }
            }
        }
        self.prune(&write, block.height)?;
        write.open_table(STATE).map_err(text)?.insert(HEIGHT, block.height).map_err(text)?;
        write.commit().map_err(text)?;
        Ok(checkpoint)
    }

    /// Deletes some of what no height that is kept needs.
    fn prune(&self, write: &WriteTransaction, height: u64) -> Result<(), ChainError> {
        let Some(oldest) = height.checked_sub(self.kept.heights) else { return Ok(()) };
        write.open_table(STATE).map_err(text)?.insert(PRUNED, oldest).map_err(text)?;
        {
            let mut stale = write.open_table(STALE_NODES).map_err(text)?;
            let mut nodes = write.open_table(NODES).map_err(text)?;
            // Entries sort by the height since which they are stale.
            let end = (oldest + 1).to_be_bytes();
            let gone = keys(stale.range::<&[u8]>(..end.as_slice()).map_err(text)?)?;
            for entry in gone {
                if let Some(entry_of) = Stale::from_bytes(&entry) {
                    nodes.remove(entry_of.node.to_bytes().as_slice()).map_err(text)?;
                }
                stale.remove(entry.as_slice()).map_err(text)?;
            }
        }
        {
            let mut stale = write.open_table(STALE_VALUES).map_err(text)?;
            let mut values = write.open_table(VALUES).map_err(text)?;
            let mut gone = Vec::new();
            for item in stale.range(..(oldest + 1, [0; 40])).map_err(text)?.take(PRUNED_AT_ONCE) {
                gone.push(item.map_err(text)?.0.value());
            }
            for entry in gone {
                values.remove(entry.1).map_err(text)?;
                stale.remove(entry).map_err(text)?;
            }
        }
        let mut checkpoints = write.open_table(CHECKPOINTS).map_err(text)?;
        checkpoints.retain_in(..oldest, |_, _| false).map_err(text)?;
        let mut certificates = write.open_table(CERTIFICATES).map_err(text)?;
        certificates.retain_in(..oldest, |_, _| false).map_err(text)?;
        if let Some(oldest) = height.checked_sub(self.kept.outcomes) {
            let mut outcomes = write.open_table(OUTCOMES).map_err(text)?;
            let mut by_height = write.open_table(OUTCOMES_BY_HEIGHT).map_err(text)?;
            let mut gone = Vec::new();
            for item in by_height.range(..(oldest, [0; 32])).map_err(text)?.take(PRUNED_AT_ONCE) {
                gone.push(item.map_err(text)?.0.value());
            }
            for entry in gone {
                outcomes.remove(entry.1).map_err(text)?;
                by_height.remove(entry).map_err(text)?;
            }
        }
        Ok(())
    }

    /// Keeps a certificate that was checked.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn certify(&self, certificate: &Certificate) -> Result<(), ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        {
            let mut certificates = write.open_table(CERTIFICATES).map_err(text)?;
            certificates
                .insert(certificate.checkpoint.height, allod_wire::encode(certificate).as_slice())
                .map_err(text)?;
        }
        Ok(write.commit().map_err(text)?)
    }

    /// The checkpoint of this height, signed or not.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn checkpoint(&self, height: u64) -> Result<Option<Checkpoint>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(CHECKPOINTS).map_err(text)?;
        let found = table.get(height).map_err(text)?;
        found.map(|bytes| allod_wire::decode(bytes.value()).map_err(text)).transpose().map_err(Into::into)
    }

    /// The newest certificate in a range of heights.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn certificate(&self, heights: RangeInclusive<u64>) -> Result<Option<Certificate>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(CERTIFICATES).map_err(text)?;
        let Some(found) = table.range(heights).map_err(text)?.next_back() else { return Ok(None) };
        let (_, bytes) = found.map_err(text)?;
        Ok(Some(allod_wire::decode(bytes.value()).map_err(text)?))
    }

    /// The newest checkpoint that is not signed yet and is newer than any that is.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn unsigned(&self) -> Result<Option<Checkpoint>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let checkpoints = read.open_table(CHECKPOINTS).map_err(text)?;
        let certificates = read.open_table(CERTIFICATES).map_err(text)?;
        let newest = checkpoints.last().map_err(text)?.map(|(height, bytes)| (height.value(), bytes));
        let signed = certificates.last().map_err(text)?.map(|(height, _)| height.value());
        match newest {
            Some((height, bytes)) if signed.is_none_or(|signed| signed < height) => {
                Ok(Some(allod_wire::decode(bytes.value()).map_err(text)?))
            }
            _ => Ok(None),
        }
    }

    /// What became of an operation, if that is known here.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn settled(&self, operation: &OperationId) -> Result<Option<Settled>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(OUTCOMES).map_err(text)?;
        Ok(table.get(operation.0).map_err(text)?.map(|found| {
            let (height, why) = found.value();
            Settled { height, refused: (!why.is_empty()).then(|| why.into()) }
        }))
    }
}

/// A block that was executed and is to be stored.
#[derive(Debug)]
pub struct Applying<'a> {
    /// The ledger before it.
    pub chain: &'a Chain,
    /// Its height.
    pub height: u64,
    /// Its time.
    pub at: Instant,
    /// Its id.
    pub id: BlockId,
    /// What it did.
    pub applied: &'a Applied,
    /// Whether the network signs this height.
    pub is_checkpoint: bool,
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

impl Values for At {
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, allod_ledger::Error> {
        let unavailable = |why: &dyn std::fmt::Display| {
            tracing::error!(%why, "reading the ledger failed");
            allod_ledger::Error::Unavailable
        };
        let values = self.read.open_table(VALUES).map_err(|why| unavailable(&why))?;
        let range = value_key(place, 0)..=value_key(place, self.height);
        let newest = values.range(range).map_err(|why| unavailable(&why))?.next_back();
        match newest.transpose().map_err(|why| unavailable(&why))? {
            Some((_, value)) => match value.value() {
                [] => Ok(None),
                value => Ok(Some(value.to_vec())),
            },
            None => Ok(None),
        }
    }
}

/// Writes values and the tree's next version.
fn grow(write: &WriteTransaction, height: u64, changes: &Changes) -> Result<Root, ChainError> {
    let mut nodes = write.open_table(NODES).map_err(text)?;
    let update = allod_ledger::tree::grow(&Stored(&nodes), height, changes).map_err(tree)?;
    for (key, node) in &update.nodes {
        nodes.insert(key.to_bytes().as_slice(), allod_wire::encode(node).as_slice()).map_err(text)?;
    }
    let mut stale = write.open_table(STALE_NODES).map_err(text)?;
    for entry in &update.stale {
        stale.insert(entry.to_bytes().as_slice(), ()).map_err(text)?;
    }
    let mut values = write.open_table(VALUES).map_err(text)?;
    let mut stale = write.open_table(STALE_VALUES).map_err(text)?;
    for (place, value) in changes {
        let before = {
            let range = value_key(place, 0)..value_key(place, height);
            values
                .range(range)
                .map_err(text)?
                .next_back()
                .transpose()
                .map_err(text)?
                .map(|(key, _)| key.value())
        };
        if let Some(before) = before {
            stale.insert((height, before), ()).map_err(text)?;
        }
        let key = value_key(place, height);
        values.insert(key, value.as_deref().unwrap_or_default()).map_err(text)?;
        if value.is_none() {
            // That it was taken away need not be remembered for ever.
            stale.insert((height, key), ()).map_err(text)?;
        }
    }
    Ok(update.root)
}

fn value_key(place: &KeyHash, height: u64) -> ValueKey {
    let mut key = [0; 40];
    let (head, tail) = key.split_at_mut(32);
    head.copy_from_slice(&place.0);
    tail.copy_from_slice(&height.to_be_bytes());
    key
}

/// The tree's nodes in a table.
struct Stored<'a, T>(&'a T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Nodes for Stored<'_, T> {
    type Error = String;

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, String> {
        let found = self.0.get(key.to_bytes().as_slice()).map_err(text)?;
        found.map(|bytes| allod_wire::decode(bytes.value()).map_err(text)).transpose()
    }
}

/// The first keys of a range, as many as are deleted at once.
fn keys(range: redb::Range<'_, &'static [u8], ()>) -> Result<Vec<Vec<u8>>, String> {
    range.take(PRUNED_AT_ONCE).map(|item| Ok(item.map_err(text)?.0.value().to_vec())).collect()
}

fn tree(error: TreeError<String>) -> String {
    error.to_string()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
