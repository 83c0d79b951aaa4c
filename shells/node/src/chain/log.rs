//! The log of what this guardian answered, on disk: entries by position, written
//! before the answers leave.
//!
//! With a new log a guardian would sign another answer at a place that it has filled
//! already, which is evidence against it. So a file outside of the log's folder says
//! that there is one, and where the log is gone nothing is answered any more. A log
//! that was set back to an older copy is not noticed.
//!
//! So that it takes a known part of the disk, the oldest entries are deleted when there
//! are more than an auditor may ask for ([`LOG_KEPT`]); the last one always stays.

use std::fs::File;
use std::path::Path;

use allod_guardian::answering::{LOG_KEPT, Tip};
use allod_threshold::answer::SignedAnswer;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{ChainError, database};
use crate::files;

const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// Old entries that are deleted for each that is added, at most: so that a log that is
/// far too long takes no commit long.
const DELETED_FOR_EACH: u64 = 2;

/// The log on disk.
#[derive(Debug)]
pub(super) struct RequestLog {
    database: Database,
    begins_anew: bool,
    /// Entries that are kept.
    kept: u64,
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
        Ok(Self { database, begins_anew, kept: LOG_KEPT, _lock: lock })
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

    /// Makes entries durable, all of them together, and deletes old ones that need not be
    /// kept.
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
            let last = added.last().map_or(0, |entry| entry.answer.position);
            let room = DELETED_FOR_EACH.saturating_mul(added.len() as u64);
            for _ in 0..room {
                let first = entries.first().map_err(text)?.map(|(position, _)| position.value());
                match first.filter(|first| last.saturating_sub(*first) >= self.kept) {
                    Some(first) => drop(entries.remove(first).map_err(text)?),
                    None => break,
                }
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

    use allod_crypto::Secret;
    use allod_crypto::sign::SigningKey;
    use allod_threshold::Index;
    use allod_threshold::answer::Answer;

    use super::*;

    fn entry(position: u64) -> SignedAnswer {
        let key = SigningKey::from_seed(&Secret::from([7; 32]));
        let answer = Answer {
            network: [1; 32],
            guardian: key.verifying_key(),
            key: "oprf".into(),
            generation: 1,
            index: Index::new(1).unwrap(),
            position,
            previous: [2; 32],
            at_ms: 5,
            blinded: vec![3; 32],
            partial: vec![4; 96],
        };
        answer.sign(&key)
    }

    fn positions(log: &RequestLog) -> Vec<u64> {
        let entries = log.read(0, usize::MAX).unwrap();
        entries.iter().map(|entry| SignedAnswer::decode(entry).unwrap().answer.position).collect()
    }

    #[test]
    fn the_oldest_entries_are_deleted_when_there_are_more_than_are_kept() {
        let state = tempfile::tempdir().unwrap();
        let mut log = RequestLog::open(state.path()).unwrap();
        assert_eq!(log.kept, LOG_KEPT);
        // A log of before there was a bound grows shorter bit by bit.
        log.append(&(1..=20).map(entry).collect::<Vec<_>>()).unwrap();
        assert_eq!(positions(&log), (1..=20).collect::<Vec<_>>());
        log.kept = 5;
        log.append(&[entry(21), entry(22)]).unwrap();
        assert_eq!(positions(&log), (5..=22).collect::<Vec<_>>());
        for position in 23..=40 {
            log.append(&[entry(position)]).unwrap();
        }
        assert_eq!(positions(&log), [36, 37, 38, 39, 40]);
        assert_eq!(log.tip().unwrap(), Tip::of(&entry(40)));
        drop(log);
        assert_eq!(positions(&RequestLog::open(state.path()).unwrap()), [36, 37, 38, 39, 40]);
    }

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
