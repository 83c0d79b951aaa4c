//! The ledger on disk: values and tree nodes by height in `redb`, the
//! certificates that the network signed, and what became of operations.
//!
//! A block becomes durable in one transaction, with everything that follows from
//! it. Values and nodes of earlier heights stay for a while, since proofs are
//! made for the last height that was signed; what nobody can need any more is
//! pruned along with later blocks (`prune.rs`).
//!
//! A store begins with a genesis, or with another guardian's ledger of some height
//! (`restoring.rs`). In the latter case nothing before that height is known.

mod at;
mod prune;
mod restoring;
mod signed;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use allod_ledger::jellyfish::{KeyHash, Root, TreeError};
use allod_ledger::{Applied, Chain, Changes, Checkpoint, Outcome, Rejection};
use allod_wire::{BlockId, Instant, OperationId};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

pub use at::At;
pub(super) use restoring::Restoring;

use self::at::Stored;
use self::prune::MadeStale;
use super::{ChainError, database};
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
/// With which vote of ordering a ledger from elsewhere begins, by its height.
const FINALITY: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("finality");
const STATE: TableDefinition<'_, &str, u64> = TableDefinition::new("state");

/// The last height that is durable.
const HEIGHT: &str = "height";
/// Heights below this are not readable any more.
const PRUNED: &str = "pruned";

/// The file's name.
const FILE: &str = "ledger.redb";

/// Bytes of the database's cache.
const CACHE: usize = 64 * 1024 * 1024;

/// How far back things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Heights at which the ledger stays readable.
    pub heights: u64,
    /// The most heights at which it does, if the newest certificate is older or
    /// somebody fetches a snapshot.
    pub heights_max: u64,
    /// Heights for which what became of operations is remembered.
    pub outcomes: u64,
}

/// The ledger on disk.
#[derive(Debug)]
pub struct Store {
    database: Database,
    kept: Kept,
    /// Heights that are fetched as snapshots, and what was the last height when
    /// they were last asked for.
    fetched: Mutex<BTreeMap<u64, u64>>,
    _lock: Option<File>,
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
        let lock = lock(folder)?;
        restoring::clear(folder)?;
        Self::in_file(&folder.join(FILE), kept, Some(lock))
    }

    fn in_file(path: &Path, kept: Kept, lock: Option<File>) -> Result<Self, ChainError> {
        let database = database::open(path, Database::builder().set_cache_size(CACHE))?;
        Self::with(database, kept, lock)
    }

    fn with(database: Database, kept: Kept, lock: Option<File>) -> Result<Self, ChainError> {
        let store = Self { database, kept, fetched: Mutex::default(), _lock: lock };
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
        write.open_table(FINALITY).map_err(text)?;
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
        let values = read.open_table(VALUES).map_err(text)?;
        Ok(At { read, values, height })
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
        Ok(At { height, ..newest })
    }

    /// Writes what a network begins with.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn begin(&self, changes: &Changes) -> Result<Root, ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        let (root, _) = grow(&write, 0, changes)?;
        write.open_table(STATE).map_err(text)?.insert(HEIGHT, 0).map_err(text)?;
        write.commit().map_err(text)?;
        Ok(root)
    }

    /// Makes a block durable: its changes, the tree's next version, what became of
    /// its operations, and a checkpoint if its height has one.
    ///
    /// # Errors
    /// [`ChainError::Store`], also for a block that is not the next one. Nothing of
    /// the block is stored then.
    pub fn apply(&self, block: &Applying<'_>) -> Result<Checkpoint, ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        let last = write.open_table(STATE).map_err(text)?.get(HEIGHT).map_err(text)?.map(|last| last.value());
        if last.and_then(|last| last.checked_add(1)) != Some(block.height) {
            return Err(ChainError::Store(format!("block {} does not follow on {last:?}", block.height)));
        }
        let (root, mut made) = grow(&write, block.height, &block.applied.changes)?;
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
                // Only a lying leader has such in a block, and as many as it likes.
                if matches!(result, Err(Rejection::BadSignature | Rejection::BadStamp)) {
                    continue;
                }
                let why = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
                // An operation that comes twice is refused the second time; the first
                // time is what counts.
                if outcomes.get(operation.0).map_err(text)?.is_none_or(|known| !known.value().1.is_empty()) {
                    outcomes.insert(operation.0, (block.height, why.as_str())).map_err(text)?;
                    by_height.insert((block.height, operation.0), ()).map_err(text)?;
                }
            }
        }
        made.outcomes = block.applied.outcomes.len();
        self.prune(&write, block.height, made)?;
        write.open_table(STATE).map_err(text)?.insert(HEIGHT, block.height).map_err(text)?;
        write.commit().map_err(text)?;
        Ok(checkpoint)
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

/// Writes values and the tree's next version.
fn grow(write: &WriteTransaction, height: u64, changes: &Changes) -> Result<(Root, MadeStale), ChainError> {
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
    // A value that is taken away makes two entries.
    let made = MadeStale { nodes: update.stale.len(), values: 2 * changes.len(), outcomes: 0 };
    Ok((update.root, made))
}

/// Keeps other processes out of a store's folder, which is made where it is missing.
fn lock(folder: &Path) -> Result<File, ChainError> {
    files::private_folder(folder)?;
    let lock = files::private_file(&folder.join("lock"))?;
    lock.try_lock().map_err(text)?;
    Ok(lock)
}

fn value_key(place: &KeyHash, height: u64) -> ValueKey {
    let mut key = [0; 40];
    let (head, tail) = key.split_at_mut(32);
    head.copy_from_slice(&place.0);
    tail.copy_from_slice(&height.to_be_bytes());
    key
}

fn tree(error: TreeError<String>) -> String {
    error.to_string()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
