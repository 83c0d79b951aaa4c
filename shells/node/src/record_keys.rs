//! The keys that records are sealed with, one for each registration, in a file
//! of their own where they can be overwritten.
//!
//! The database copies on write: what it replaces stays on the disk for a
//! while. So a share is never written there in the clear, and destroying it
//! means overwriting its 32-byte key in place. A slot of zeros is free.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use allod_crypto::{CryptoRng, Secret};

use crate::files::{self, FileError, at};

const SIZE: u64 = 32;

/// The file of record keys.
#[derive(Debug)]
pub(crate) struct RecordKeys {
    path: PathBuf,
    file: File,
    free: Vec<u32>,
    slots: u32,
}

impl RecordKeys {
    /// Opens or makes the file.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let file = files::private_file(path)?;
        let bytes = file.metadata().map_err(at(path))?.len();
        let slots = u32::try_from(bytes / SIZE).unwrap_or(u32::MAX);
        Ok(Self { path: path.to_owned(), file, free: Vec::new(), slots })
    }

    /// Destroys every key that no record in `used` needs: what a crash left
    /// between writing a key and the record, or between a record and its old
    /// key's end.
    pub(crate) fn keep_only(&mut self, used: &[u32]) -> Result<(), FileError> {
        // Where the file was lost or cut, a slot that a record still names must
        // not be given to another.
        if let Some(last) = used.iter().max().filter(|last| **last >= self.slots) {
            self.slots = last.saturating_add(1);
            self.file.set_len(u64::from(self.slots) * SIZE).map_err(at(&self.path))?;
        }
        let mut in_use = vec![false; self.slots as usize];
        for slot in used {
            if let Some(in_use) = in_use.get_mut(*slot as usize) {
                *in_use = true;
            }
        }
        self.free.clear();
        for slot in (0..self.slots).rev().filter(|slot| !in_use[*slot as usize]) {
            if self.get(slot)?.is_some() {
                self.write(slot, &[0; SIZE as usize])?;
            }
            self.free.push(slot);
        }
        self.sync()
    }

    /// The key in a slot; nothing where it was destroyed.
    pub(crate) fn get(&self, slot: u32) -> Result<Option<Secret<32>>, FileError> {
        let mut key = Secret::from([0; SIZE as usize]);
        if slot < self.slots {
            self.file.read_exact_at(key.expose_mut(), u64::from(slot) * SIZE).map_err(at(&self.path))?;
        }
        Ok(if key == Secret::from([0; SIZE as usize]) { None } else { Some(key) })
    }

    /// A fresh key in a free slot. Durable after [`sync`](Self::sync).
    pub(crate) fn create(&mut self, rng: &mut impl CryptoRng) -> Result<(u32, Secret<32>), FileError> {
        let slot = self.free.pop().unwrap_or(self.slots);
        let key = Secret::random(rng);
        self.write(slot, key.expose())?;
        self.slots = self.slots.max(slot + 1);
        Ok((slot, key))
    }

    /// Overwrites a key. Final after [`sync`](Self::sync). The slot becomes free
    /// with [`release`](Self::release), once no record names it.
    pub(crate) fn destroy(&mut self, slot: u32) -> Result<(), FileError> {
        self.write(slot, &[0; SIZE as usize])
    }

    /// Lets a destroyed key's slot be used again.
    pub(crate) fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// Makes everything so far durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        self.file.sync_data().map_err(at(&self.path))?;
        #[cfg(test)]
        watch::tell(None);
        Ok(())
    }

    fn write(&self, slot: u32, bytes: &[u8; SIZE as usize]) -> Result<(), FileError> {
        self.file.write_all_at(bytes, u64::from(slot) * SIZE).map_err(at(&self.path))?;
        #[cfg(test)]
        watch::tell(Some((u64::from(slot) * SIZE, bytes)));
        Ok(())
    }
}

/// Lets tests see each write (where, and what) and each sync (nothing) of the
/// file, so that they can build what a crash would leave.
#[cfg(test)]
pub(crate) mod watch {
    use std::cell::RefCell;

    pub(crate) type Watcher = Box<dyn FnMut(Option<(u64, &[u8])>)>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    }

    pub(crate) fn set(watcher: Option<Watcher>) {
        WATCHER.set(watcher);
    }

    pub(crate) fn tell(seen: Option<(u64, &[u8])>) {
        WATCHER.with_borrow_mut(|watcher| {
            if let Some(watcher) = watcher {
                watcher(seen);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, RecordKeys) {
        let folder = tempfile::tempdir().unwrap();
        let keys = RecordKeys::open(&folder.path().join("keys")).unwrap();
        (folder, keys)
    }

    #[test]
    fn a_destroyed_key_is_gone_from_the_file() {
        let (folder, mut keys) = fresh();
        let (slot, key) = keys.create(&mut crate::entropy()).unwrap();
        let (other, kept) = keys.create(&mut crate::entropy()).unwrap();
        keys.destroy(slot).unwrap();
        keys.sync().unwrap();
        let bytes = std::fs::read(folder.path().join("keys")).unwrap();
        assert!(!bytes.windows(32).any(|window| window == key.expose()));
        assert_eq!(keys.get(slot).unwrap(), None);
        assert_eq!(keys.get(other).unwrap(), Some(kept));
    }

    #[test]
    fn a_released_slot_is_used_again_with_another_key() {
        let (_folder, mut keys) = fresh();
        let (slot, key) = keys.create(&mut crate::entropy()).unwrap();
        keys.destroy(slot).unwrap();
        keys.release(slot);
        let (again, other) = keys.create(&mut crate::entropy()).unwrap();
        assert_eq!(again, slot);
        assert_ne!(key, other);
    }

    #[test]
    fn keys_that_no_record_names_do_not_survive_opening() {
        let (folder, mut keys) = fresh();
        let (kept, key) = keys.create(&mut crate::entropy()).unwrap();
        let (orphan, _) = keys.create(&mut crate::entropy()).unwrap();
        let mut keys = RecordKeys::open(&folder.path().join("keys")).unwrap();
        keys.keep_only(&[kept]).unwrap();
        assert_eq!(keys.get(kept).unwrap(), Some(key));
        assert_eq!(keys.get(orphan).unwrap(), None);
    }
}
