//! What a guardian keeps of keys held together: one sealed record for each key,
//! under a key of its own that can be overwritten.
//!
//! A record replaces the one before: first its sealing key is written, then the
//! record that names it, then the old sealing key is overwritten. What the
//! database still has of the old record on the disk is of no use from then on.

use std::fs::File;
use std::path::Path;

use allod_crypto::{Zeroizing, aead};
use allod_guardian::keyholder::Record;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{ChainError, database};
use crate::files;
use crate::record_keys::RecordKeys;

/// The slot of the sealing key, and the sealed record.
const SHARES: TableDefinition<'_, &str, (u32, &[u8])> = TableDefinition::new("shares");

/// Sealed records on disk.
#[derive(Debug)]
pub struct Shares {
    database: Database,
    keys: RecordKeys,
    _lock: File,
}

impl Shares {
    /// Opens the records in `folder`, or makes a place for them.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`].
    pub fn open(folder: &Path) -> Result<Self, ChainError> {
        files::private_folder(folder)?;
        let lock = files::private_file(&folder.join("lock"))?;
        lock.try_lock().map_err(text)?;
        let database = database::open(&folder.join("shares.redb"), &Database::builder())?;
        let mut slots = Vec::new();
        let write = database.begin_write().map_err(text)?;
        for item in write.open_table(SHARES).map_err(text)?.iter().map_err(text)? {
            slots.push(item.map_err(text)?.1.value().0);
        }
        write.commit().map_err(text)?;
        let mut keys = RecordKeys::open(&folder.join("share-keys"))?;
        keys.keep_only(&slots)?;
        files::sync_folder(folder)?;
        Ok(Self { database, keys, _lock: lock })
    }

    /// The record for the key of this name; an empty one where there is none.
    ///
    /// # Errors
    /// [`ChainError::Store`], also where a record's sealing key is gone.
    pub fn get(&self, key: &str) -> Result<Record, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(SHARES).map_err(text)?;
        let Some(found) = table.get(key).map_err(text)? else { return Ok(Record::default()) };
        let (slot, sealed) = found.value();
        let sealing = self.keys.get(slot)?.ok_or_else(|| format!("the share of {key:?} was destroyed"))?;
        let plain = aead::open(&sealing, key.as_bytes(), sealed).map_err(text)?;
        Ok(allod_wire::decode(plain.expose()).map_err(text)?)
    }

    /// Puts a record in the place of the one before, which is beyond recovery when
    /// this returns.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`]. Either record may be there then.
    pub fn put(&mut self, key: &str, record: &Record) -> Result<(), ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        let old = {
            let mut table = write.open_table(SHARES).map_err(text)?;
            let (slot, sealing) = self.keys.create(&mut crate::entropy())?;
            self.keys.sync()?;
            let plain = Zeroizing::new(allod_wire::encode(record));
            let sealed = aead::seal(&sealing, key.as_bytes(), &plain, &mut crate::entropy());
            table.insert(key, (slot, sealed.as_slice())).map_err(text)?.map(|old| old.value().0)
        };
        write.commit().map_err(text)?;
        if let Some(old) = old {
            self.keys.destroy(old)?;
            self.keys.sync()?;
            self.keys.release(old);
        }
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
