//! A guardian's memory: accounts and descriptors in `redb`, each record sealed
//! under a key of its own (see [`super::record_keys`]).
//!
//! Order of writes, so that a crash at any point leaves a true state:
//! - a new share: its key, then the record that names it, then the old share's
//!   key is overwritten (and orphans are, when the store is opened next);
//! - a destroyed share: its key is overwritten first. A record whose key is gone
//!   reads as destroyed.

use std::path::Path;

use allod_crypto::{Secret, Zeroizing, aead};
use allod_guardian::realm::{Change, Described, PersistId, Record, SealedDescriptor};
use allod_wire::{Locator, RealmId};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::GuardianError;
use super::record_keys::RecordKeys;
use crate::files;

const ACCOUNTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("accounts");
/// The account that described, the descriptor's number, and its bytes.
type DescriptorRow<'a> = ([u8; 32], u64, &'a [u8]);

const DESCRIPTORS: TableDefinition<'_, [u8; 32], DescriptorRow<'_>> = TableDefinition::new("descriptors");
const REALM: TableDefinition<'_, &str, [u8; 16]> = TableDefinition::new("realm");

/// A guardian's memory.
#[derive(Debug)]
pub struct Store {
    database: Database,
    keys: RecordKeys,
    realm: RealmId,
    accounts: u64,
}

/// How an account's entry is stored.
enum Entry<'a> {
    /// Sealed under the key in this slot.
    Sealed { slot: u32, sealed: &'a [u8] },
    /// Nothing but the fact that it was destroyed.
    Destroyed,
}

/// Writing or reading failed; the message says what.
type Failure = String;

impl Store {
    /// Opens the store in `folder`, or makes one with a fresh realm id.
    ///
    /// # Errors
    /// [`GuardianError::File`], [`GuardianError::Store`].
    pub fn open(folder: &Path) -> Result<Self, GuardianError> {
        files::private_folder(folder)?;
        let path = folder.join("guardian.redb");
        let file = files::private_file(&path)?;
        let database = Database::builder().create_file(file).map_err(text).map_err(GuardianError::Store)?;
        let keys = RecordKeys::open(&folder.join("record-keys"))?;
        let mut store = Self { database, keys, realm: RealmId([0; 16]), accounts: 0 };
        let slots = store.prepare().map_err(GuardianError::Store)?;
        store.keys.keep_only(&slots)?;
        files::sync_folder(folder)?;
        Ok(store)
    }

    /// The realm's id.
    pub fn realm(&self) -> RealmId {
        self.realm
    }

    /// How many accounts are kept, destroyed ones included.
    pub fn accounts(&self) -> u64 {
        self.accounts
    }

    /// Makes the tables and the realm id, and lists the slots in use.
    fn prepare(&mut self) -> Result<Vec<u32>, Failure> {
        let write = self.database.begin_write().map_err(text)?;
        let mut slots = Vec::new();
        {
            let mut realm = write.open_table(REALM).map_err(text)?;
            let known = realm.get("id").map_err(text)?.map(|id| id.value());
            self.realm = match known {
                Some(id) => RealmId(id),
                None => {
                    let id = *Secret::random(&mut crate::entropy()).expose();
                    realm.insert("id", id).map_err(text)?;
                    RealmId(id)
                }
            };
            let accounts = write.open_table(ACCOUNTS).map_err(text)?;
            for item in accounts.iter().map_err(text)? {
                let (_, value) = item.map_err(text)?;
                if let Entry::Sealed { slot, .. } = Entry::read(value.value())? {
                    slots.push(slot);
                }
            }
            self.accounts = accounts.len().map_err(text)?;
            write.open_table(DESCRIPTORS).map_err(text)?;
        }
        write.commit().map_err(text)?;
        Ok(slots)
    }

    /// An account's record.
    pub(super) fn record(&self, account: &[u8; 32]) -> Result<Option<Record>, Failure> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(ACCOUNTS).map_err(text)?;
        let Some(value) = table.get(account).map_err(text)? else { return Ok(None) };
        match Entry::read(value.value())? {
            Entry::Destroyed => Ok(Some(Record::Destroyed)),
            Entry::Sealed { slot, sealed } => {
                let Some(key) = self.keys.get(slot).map_err(text)? else {
                    return Ok(Some(Record::Destroyed));
                };
                let plain = aead::open(&key, account, sealed).map_err(text)?;
                allod_wire::decode(plain.expose()).map(Some).map_err(text)
            }
        }
    }

    /// The descriptor at a locator, and whose it is.
    pub(super) fn descriptor(
        &self,
        locator: &Locator,
    ) -> Result<Option<(Described, SealedDescriptor)>, Failure> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(DESCRIPTORS).map_err(text)?;
        let found = table.get(locator.0).map_err(text)?;
        Ok(found.map(|value| {
            let (account, sequence, sealed) = value.value();
            (Described { account, sequence }, SealedDescriptor { sequence, sealed: sealed.to_vec() })
        }))
    }

    /// Makes all of `changes` durable together.
    ///
    /// # Errors
    /// What failed. Then none of them may be assumed to have happened, though a
    /// share that was to be destroyed may be gone.
    pub(super) fn apply(&mut self, changes: &[(PersistId, Change)]) -> Result<(), Failure> {
        let mut old_slots = Vec::new();
        let mut new_slots = Vec::new();
        let result = self.write(changes, &mut old_slots, &mut new_slots);
        let obsolete = if result.is_ok() { old_slots } else { new_slots };
        if !obsolete.is_empty() {
            for slot in &obsolete {
                self.keys.destroy(*slot).map_err(text)?;
            }
            self.keys.sync().map_err(text)?;
            obsolete.into_iter().for_each(|slot| self.keys.release(slot));
        }
        result
    }

    /// Writes `changes`, noting slots that are of no use once this succeeds, and
    /// those that are of none if it fails.
    fn write(
        &mut self,
        changes: &[(PersistId, Change)],
        old_slots: &mut Vec<u32>,
        new_slots: &mut Vec<u32>,
    ) -> Result<(), Failure> {
        let write = self.database.begin_write().map_err(text)?;
        let mut keys_changed = false;
        let count = {
            let mut accounts = write.open_table(ACCOUNTS).map_err(text)?;
            let mut descriptors = write.open_table(DESCRIPTORS).map_err(text)?;
            for (_, change) in changes {
                let (account, record, fresh) = match change {
                    Change::Put { account, record, fresh } => (account, Some(&**record), *fresh),
                    Change::Destroy { account } => (account, Some(&Record::Destroyed), true),
                    Change::Remove { account } => (account, None, true),
                    Change::Describe { account, locator, descriptor } => {
                        descriptors
                            .insert(locator.0, (*account, descriptor.sequence, descriptor.sealed.as_slice()))
                            .map_err(text)?;
                        continue;
                    }
                };
                let held = {
                    let value = accounts.get(account).map_err(text)?;
                    match value.as_ref().map(|value| Entry::read(value.value())).transpose()? {
                        Some(Entry::Sealed { slot, .. }) => Some(slot),
                        Some(Entry::Destroyed) | None => None,
                    }
                };
                let entry = match record {
                    Some(record @ Record::Registered(_)) => {
                        let kept = match held.filter(|_| !fresh) {
                            Some(slot) => self.keys.get(slot).map_err(text)?.map(|key| (slot, key)),
                            None => None,
                        };
                        let (slot, key) = match kept {
                            Some(kept) => kept,
                            None => {
                                let created = self.keys.create(&mut crate::entropy()).map_err(text)?;
                                new_slots.push(created.0);
                                keys_changed = true;
                                created
                            }
                        };
                        old_slots.extend(held.filter(|held| *held != slot));
                        let plain = Zeroizing::new(allod_wire::encode(record));
                        Some(Entry::write(slot, &aead::seal(&key, account, &plain, &mut crate::entropy())))
                    }
                    gone => {
                        if let Some(slot) = held {
                            self.keys.destroy(slot).map_err(text)?;
                            keys_changed = true;
                            old_slots.push(slot);
                        }
                        gone.map(|_| vec![Entry::DESTROYED])
                    }
                };
                match entry {
                    Some(entry) => accounts.insert(account, entry.as_slice()).map_err(text)?,
                    None => accounts.remove(account).map_err(text)?,
                };
            }
            accounts.len().map_err(text)?
        };
        if keys_changed {
            self.keys.sync().map_err(text)?;
        }
        write.commit().map_err(text)?;
        self.accounts = count;
        Ok(())
    }
}

impl<'a> Entry<'a> {
    const SEALED: u8 = 1;
    const DESTROYED: u8 = 2;

    fn read(bytes: &'a [u8]) -> Result<Self, Failure> {
        match bytes.split_first() {
            Some((&Self::SEALED, rest)) => {
                let (slot, sealed) = rest.split_first_chunk().ok_or("an account's entry is cut short")?;
                Ok(Self::Sealed { slot: u32::from_le_bytes(*slot), sealed })
            }
            Some((&Self::DESTROYED, [])) => Ok(Self::Destroyed),
            _ => Err("an account's entry is of an unknown form".into()),
        }
    }

    fn write(slot: u32, sealed: &[u8]) -> Vec<u8> {
        [&[Self::SEALED][..], &slot.to_le_bytes(), sealed].concat()
    }
}

fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

#[cfg(test)]
mod tests;
