//! The log of what this guardian answered, on disk: entries by position, written
//! before the answers leave.
//!
//! With a new log a guardian would sign another answer at a place that it has filled
//! already, which is evidence against it. So a file outside of the log's folder says
//! that there is one, and where the log is gone nothing is answered any more. A log
//! that was set back to an older copy is not noticed.

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
    begins_anew: bool,
    _lock: File,
}

impl RequestLog {
    /// Opens the log of the guardian whose chain's state is in `state`, or begins one.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`].
    pub(super) fn open(state: &Path) -> Result<Self, ChainError> {
        let folder = state.join("answers");
        files::private_folder(&folder)?;
        let lock = files::private_file(&folder.join("lock"))?;
        lock.try_lock().map_err(text)?;
        let (log, lost, kept) = (folder.join("log.redb"), folder.join("lost"), state.join("answered"));
        if !log.exists() && kept.exists() && !lost.exists() {
            files::write_private(&lost, b"")?;
        }
        let database = database::open(&log, &Database::builder())?;
        let write = database.begin_write().map_err(text)?;
        write.open_table(ENTRIES).map_err(text)?;
        write.commit().map_err(text)?;
        // Only when the log is there, or a crash in between would look like a loss.
        if !kept.exists() {
            files::write_private(&kept, b"")?;
        }
        let begins_anew = lost.exists();
        if begins_anew {
            tracing::error!(
                "the log of what this guardian answered is gone. So that it does not contradict itself, \
                 which would cost its bond, it evaluates nothing any more; all else goes on. For it to \
                 evaluate again, let it leave, and join under a new key"
            );
        }
        Ok(Self { database, begins_anew, _lock: lock })
    }

    /// Whether a log before this one was lost.
    pub(super) fn begins_anew(&self) -> bool {
        self.begins_anew
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_that_is_gone_is_noticed_and_stays_noticed() {
        let state = tempfile::tempdir().unwrap();
        let begins_anew = || RequestLog::open(state.path()).unwrap().begins_anew();
        assert!(!begins_anew());
        assert!(!begins_anew());
        fs::remove_dir_all(state.path().join("answers")).unwrap();
        assert!(begins_anew());
        assert!(begins_anew());
    }

    #[test]
    fn a_crash_before_the_first_log_was_whole_is_no_loss() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("answers")).unwrap();
        fs::write(state.path().join("answers/log.redb.new"), [0; 4096]).unwrap();
        assert!(!RequestLog::open(state.path()).unwrap().begins_anew());
    }
}
