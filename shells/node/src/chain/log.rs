//! The log of what this guardian answered, on disk: entries by position, written
//! before the answers leave.

use std::fs::File;
use std::path::Path;

use allod_guardian::answering::Tip;
use allod_threshold::answer::SignedAnswer;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{ChainError, database};
use crate::files;

const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// The log on disk.
#[derive(Debug)]
pub(super) struct RequestLog {
    database: Database,
    _lock: File,
}

impl RequestLog {
    /// Opens the log in `folder`, or begins one.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`].
    pub(super) fn open(folder: &Path) -> Result<Self, ChainError> {
        files::private_folder(folder)?;
        let lock = files::private_file(&folder.join("lock"))?;
        lock.try_lock().map_err(text)?;
        let database = database::open(&folder.join("log.redb"), &Database::builder())?;
        let write = database.begin_write().map_err(text)?;
        write.open_table(ENTRIES).map_err(text)?;
        write.commit().map_err(text)?;
        Ok(Self { database, _lock: lock })
    }

    /// The last entry that is durable.
    ///
    /// # Errors
    /// [`ChainError::Store`], also for an entry that cannot be read.
    pub(super) fn tip(&self) -> Result<Tip, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let entries = read.open_table(ENTRIES).map_err(text)?;
        match entries.last().map_err(text)? {
            Some((_, entry)) => Ok(Tip::of(&SignedAnswer::decode(entry.value()).map_err(text)?)),
            None => Ok(Tip::default()),
        }
    }

    /// Makes entries durable, all of them together.
    ///
    /// # Errors
    /// [`ChainError::Store`]. Whether they are there is not known then.
    pub(super) fn append(&self, added: &[SignedAnswer]) -> Result<(), ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        {
            let mut entries = write.open_table(ENTRIES).map_err(text)?;
            for entry in added {
                entries.insert(entry.answer.position, entry.encode().as_slice()).map_err(text)?;
            }
        }
        Ok(write.commit().map_err(text)?)
    }

    /// Entries from a position on, at most `count`.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub(super) fn read(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let entries = read.open_table(ENTRIES).map_err(text)?;
        let mut found = Vec::new();
        for entry in entries.range(from..).map_err(text)?.take(count) {
            found.push(entry.map_err(text)?.1.value().to_vec());
        }
        Ok(found)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
