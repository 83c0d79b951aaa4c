//! A ledger from other guardians on its way to the disk.
//!
//! It grows in a file of its own, which takes the place of the ledger's in one
//! step when it is complete and checked. Until then nobody reads it, and a ledger
//! that was there before stays as it was. What a crash leaves half-done is thrown
//! away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use allod_ledger::Certificate;
use allod_ledger::jellyfish::{self, KeyHash, Leaf, Restore, RestoreError, Root, ValueHash};
use redb::Durability;

use super::{
    At, CERTIFICATES, CHECKPOINTS, ChainError, FILE, FINALITY, HEIGHT, Kept, NODES, PRUNED, STATE, Store,
    VALUES, lock, text, value_key,
};
use crate::files;

/// The file's name, until it is complete.
const UNFINISHED: &str = "ledger.restoring";

/// Throws away what was not finished.
pub(super) fn clear(folder: &Path) -> Result<(), ChainError> {
    let path = folder.join(UNFINISHED);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(files::at(&path)(error).into()),
        _ => Ok(()),
    }
}

/// A ledger that is being restored.
#[derive(Debug)]
pub(in crate::chain) struct Restoring {
    store: Store,
    folder: PathBuf,
    certificate: Certificate,
    restore: Restore,
}

impl Restoring {
    /// Begins to restore, in a store's folder, the ledger that was certified. The
    /// caller has checked the certificate.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`].
    pub(in crate::chain) fn begin(folder: &Path, certificate: &Certificate) -> Result<Self, ChainError> {
        let lock = lock(folder)?;
        clear(folder)?;
        let store = Store::in_file(&folder.join(UNFINISHED), Kept::default(), Some(lock))?;
        let checkpoint = &certificate.checkpoint;
        let restore = Restore::new(checkpoint.height, Root(checkpoint.root));
        Ok(Self { store, folder: folder.to_owned(), certificate: *certificate, restore })
    }

    /// The key after which the next values stand.
    pub(in crate::chain) fn last(&self) -> Option<&KeyHash> {
        self.restore.last()
    }

    /// Takes the next values, with the way from the last of them to the root, and
    /// tells whether these are all.
    ///
    /// # Errors
    /// [`ChainError::Store`]; within, [`RestoreError`] where the values are not those
    /// of the ledger. Then nothing of them counts.
    pub(in crate::chain) fn add(
        &mut self,
        values: &[(KeyHash, Vec<u8>)],
        path: &jellyfish::Path,
    ) -> Result<Result<bool, RestoreError>, ChainError> {
        // What a value must hash to is in the tree: a wrong one makes another leaf.
        let leaves: Vec<Leaf> =
            values.iter().map(|(key, value)| Leaf { key: *key, value_hash: ValueHash::of(value) }).collect();
        let mut nodes = match self.restore.add(&leaves, path) {
            Ok(nodes) => nodes,
            Err(why) => return Ok(Err(why)),
        };
        let last = self.restore.finish().ok();
        let complete = last.is_some();
        nodes.extend(last.into_iter().flatten());
        let height = self.certificate.checkpoint.height;
        let mut write = self.store.database.begin_write().map_err(text)?;
        // What is lost by a crash would be thrown away anyway.
        write.set_durability(Durability::None).map_err(text)?;
        {
            let mut table = write.open_table(NODES).map_err(text)?;
            for (key, node) in &nodes {
                table.insert(key.to_bytes().as_slice(), allod_wire::encode(node).as_slice()).map_err(text)?;
            }
            let mut table = write.open_table(VALUES).map_err(text)?;
            for (place, value) in values {
                table.insert(value_key(place, height), value.as_slice()).map_err(text)?;
            }
            if complete {
                let mut state = write.open_table(STATE).map_err(text)?;
                state.insert(PRUNED, height).map_err(text)?;
                state.insert(HEIGHT, height).map_err(text)?;
            }
        }
        write.commit().map_err(text)?;
        Ok(Ok(complete))
    }

    /// The ledger, once it is complete.
    ///
    /// # Errors
    /// [`ChainError::Store`]; [`ChainError::NotKept`] before that.
    pub(in crate::chain) fn ledger(&self) -> Result<At, ChainError> {
        self.store.newest()
    }

    /// Puts the complete ledger where the store's is, with the vote by which ordering
    /// begins there.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Store`]; [`ChainError::NotKept`] before it
    /// is complete.
    pub(in crate::chain) fn install(self, finality: &[u8]) -> Result<(), ChainError> {
        let height = self.ledger()?.height();
        let write = self.store.database.begin_write().map_err(text)?;
        {
            let checkpoint = allod_wire::encode(&self.certificate.checkpoint);
            write
                .open_table(CHECKPOINTS)
                .map_err(text)?
                .insert(height, checkpoint.as_slice())
                .map_err(text)?;
            let certificate = allod_wire::encode(&self.certificate);
            write
                .open_table(CERTIFICATES)
                .map_err(text)?
                .insert(height, certificate.as_slice())
                .map_err(text)?;
            write.open_table(FINALITY).map_err(text)?.insert(height, finality).map_err(text)?;
        }
        write.commit().map_err(text)?;
        let Self { store, folder, .. } = self;
        let Store { database, _lock: locked, .. } = store;
        // A database that is closed in good order opens fast.
        drop(database);
        let (from, to) = (folder.join(UNFINISHED), folder.join(FILE));
        fs::rename(&from, &to).map_err(files::at(&from))?;
        files::sync_folder(&folder)?;
        drop(locked);
        Ok(())
    }
}
