//! A guardian's memory: accounts and descriptors in `redb`, each record sealed
//! under a key of its own (see [`crate::record_keys`]).
//!
//! Order of writes, so that a crash at any point leaves a true state:
//! - a new share: its key, then the record that names it, then the old share's
//!   key is overwritten (and orphans are, when the store is opened next);
//! - a destroyed share: its key is overwritten first. A record whose key is gone
//!   reads as destroyed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use allod_crypto::{Secret, Zeroizing, aead};
use allod_guardian::realm::{Change, Described, PersistId, Record, SealedDescriptor};
use allod_wire::{Locator, RealmId};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::GuardianError;
use crate::files;
use crate::record_keys::RecordKeys;

const ACCOUNTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("accounts");
/// The account that described, the descriptor's number, and its bytes.
type DescriptorRow<'a> = ([u8; 32], u64, &'a [u8]);

const DESCRIPTORS: TableDefinition<'_, [u8; 32], DescriptorRow<'_>> = TableDefinition::new("descriptors");
const REALM: TableDefinition<'_, &str, [u8; 16]> = TableDefinition::new("realm");

/// Memory for pages of the database, in bytes. Left to itself it would take up to
/// a gigabyte, and a guardian runs on small machines and under limits.
const CACHE: usize = 64 * 1024 * 1024;

/// A guardian's memory.
#[derive(Debug)]
pub struct Store {
    database: Database,
    keys: RecordKeys,
    realm: RealmId,
    accounts: KnownAccounts,
    /// Held while the store is open.
    _lock: File,
}

/// Which accounts a store has, destroyed ones included, without their records: in
/// memory, some fifty bytes each, since every evaluation asks.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownAccounts(Arc<RwLock<BTreeSet<[u8; 32]>>>);

impl KnownAccounts {
    /// Whether there is an entry for this account.
    pub(super) fn has(&self, account: &[u8; 32]) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(account)
    }

    fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes over what was written.
    fn follow(&self, changes: &[(PersistId, Change)]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (_, change) in changes {
            match change {
                Change::Put { account, .. } | Change::Destroy { account } => known.insert(*account),
                Change::Remove { account, .. } => known.remove(account),
                Change::Describe { .. } => continue,
            };
        }
    }
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
        let lock = files::private_file(&folder.join("lock"))?;
        lock.try_lock().map_err(text).map_err(GuardianError::Store)?;
        let path = folder.join("guardian.redb");
        let keys = folder.join("record-keys");
        let has_keys = fs::metadata(&keys).is_ok_and(|about| about.len() > 0);
        if has_keys && !path.exists() {
            // Going on would destroy the keys of all that is in the database.
            return Err(GuardianError::Incomplete { missing: path, found: keys });
        }
        if !path.exists() {
            // A database that a power cut left half made cannot be opened, so it
            // gets its name when it is whole.
            let new = folder.join("guardian.redb.new");
            if new.exists() {
                fs::remove_file(&new).map_err(files::at(&new))?;
            }
            let mut made = database(&new)?;
            prepare(&mut made).map_err(GuardianError::Store)?;
            drop(made);
            fs::rename(&new, &path).map_err(files::at(&new))?;
        }
        Self::with(database(&path)?, folder, lock)
    }

    fn with(mut database: Database, folder: &Path, lock: File) -> Result<Self, GuardianError> {
        let Prepared { realm, accounts, slots } = prepare(&mut database).map_err(GuardianError::Store)?;
        let keys = folder.join("record-keys");
        if !slots.is_empty() && !keys.exists() {
            // Going on would tell everybody that their guesses were used up.
            return Err(GuardianError::Incomplete { missing: keys, found: folder.join("guardian.redb") });
        }
        let mut keys = RecordKeys::open(&folder.join("record-keys"))?;
        keys.keep_only(&slots)?;
        files::sync_folder(folder)?;
        Ok(Self { database, keys, realm, accounts, _lock: lock })
    }

    /// Tells, beside this store, which accounts it has.
    pub(super) fn accounts_known(&self) -> KnownAccounts {
        self.accounts.clone()
    }

    /// The realm's id.
    pub fn realm(&self) -> RealmId {
        self.realm
    }

    /// How many accounts are kept, destroyed ones included.
    pub fn accounts(&self) -> u64 {
        self.accounts.len() as u64
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
        self.write(changes, &mut old_slots)?;
        if !old_slots.is_empty() {
            for slot in &old_slots {
                self.keys.destroy(*slot).map_err(text)?;
            }
            self.keys.sync().map_err(text)?;
            old_slots.into_iter().for_each(|slot| self.keys.release(slot));
        }
        Ok(())
    }

    /// Writes `changes`, noting slots that are of no use once this succeeds.
    /// Where it fails, the disk may have the changes all the same, so new keys
    /// stay until the store is opened next and knows.
    fn write(&mut self, changes: &[(PersistId, Change)], old_slots: &mut Vec<u32>) -> Result<(), Failure> {
        let write = self.database.begin_write().map_err(text)?;
        let mut keys_changed = false;
        {
            let mut accounts = write.open_table(ACCOUNTS).map_err(text)?;
            let mut descriptors = write.open_table(DESCRIPTORS).map_err(text)?;
            for (_, change) in changes {
                let (account, record, fresh) = match change {
                    Change::Put { account, record, fresh } => (account, Some(&**record), *fresh),
                    Change::Destroy { account } => (account, Some(&Record::Destroyed), true),
                    Change::Remove { account, locator } => {
                        if let Some(locator) = locator {
                            let own = descriptors
                                .get(locator.0)
                                .map_err(text)?
                                .map(|row| row.value().0 == *account);
                            if own == Some(true) {
                                descriptors.remove(locator.0).map_err(text)?;
                            }
                        }
                        (account, None, true)
                    }
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
        }
        if keys_changed {
            self.keys.sync().map_err(text)?;
        }
        write.commit().map_err(text)?;
        self.accounts.follow(changes);
        Ok(())
    }
}

/// What a database says when it is opened.
struct Prepared {
    realm: RealmId,
    accounts: KnownAccounts,
    /// The slots of keys in use.
    slots: Vec<u32>,
}

/// Opens or makes the file of a database.
fn database(path: &Path) -> Result<Database, GuardianError> {
    let file = files::private_file(path)?;
    Database::builder().set_cache_size(CACHE).create_file(file).map_err(text).map_err(GuardianError::Store)
}

/// Makes the tables and the realm id where they are missing, and reads what is
/// there.
fn prepare(database: &mut Database) -> Result<Prepared, Failure> {
    let write = database.begin_write().map_err(text)?;
    let prepared = {
        let mut realm = write.open_table(REALM).map_err(text)?;
        let known = realm.get("id").map_err(text)?.map(|id| id.value());
        let realm = match known {
            Some(id) => RealmId(id),
            None => {
                let id = *Secret::random(&mut crate::entropy()).expose();
                realm.insert("id", id).map_err(text)?;
                RealmId(id)
            }
        };
        let table = write.open_table(ACCOUNTS).map_err(text)?;
        let (mut slots, mut accounts) = (Vec::new(), BTreeSet::new());
        for item in table.iter().map_err(text)? {
            let (account, value) = item.map_err(text)?;
            accounts.insert(account.value());
            if let Entry::Sealed { slot, .. } = Entry::read(value.value())? {
                slots.push(slot);
            }
        }
        write.open_table(DESCRIPTORS).map_err(text)?;
        Prepared { realm, accounts: KnownAccounts(Arc::new(RwLock::new(accounts))), slots }
    };
    write.commit().map_err(text)?;
    Ok(prepared)
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
