//! What is kept, on disk.
//!
//! ```text
//! accounts/<account>/catalogue             signed head and sealed catalogue
//! accounts/<account>/shards/<xx>/<shard>   a shard, under its id; xx are the first digits of it
//! incoming/                                what is not whole yet; emptied at the start
//! ```
//!
//! A file comes into its place by a rename after it is on the disk, and the rename is on the
//! disk before anybody is told. So there is each shard whole or not at all, and of a catalogue
//! the old one or the new one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use allod_crypto::sign::VerifyingKey;
use allod_vault::backup::shard::ShardId;
use allod_vault::backup::{CATALOGUE_MAX, Head, Lie};
use data_encoding::HEXLOWER;

use super::http::SHARD_MAX;
use super::kept::{Kept, counted, remove_if_empty};
use super::{Refusal, StorageConfig};
use crate::FileError;
use crate::files::{self, at};

/// What is kept for accounts.
#[derive(Debug)]
pub struct Shelf {
    path: PathBuf,
    config: StorageConfig,
    kept: Mutex<Kept>,
    /// Held while something of an account changes on the disk and in `kept`.
    turns: Mutex<BTreeMap<VerifyingKey, Arc<Mutex<()>>>>,
    incoming: AtomicU64,
    // Locked as long as the shelf is in use.
    _lock: File,
}

/// What an account is told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that it has.
    pub used: u64,
    /// Bytes that it may have.
    pub quota: u64,
    /// How many shards it has.
    pub shards: usize,
    /// The generation of its catalogue; 0 for none.
    pub generation: u64,
}

impl Shelf {
    /// Opens what is kept at `path`, or begins there.
    ///
    /// # Errors
    /// [`FileError`], also where another process has it open.
    pub fn open(path: &Path, config: StorageConfig) -> Result<Self, FileError> {
        files::private_folder(path)?;
        let lock_path = path.join("lock");
        let lock = files::private_file(&lock_path)?;
        lock.try_lock().map_err(|why| at(&lock_path)(why.into()))?;
        let incoming = path.join("incoming");
        match fs::remove_dir_all(&incoming) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(at(&incoming)(why)),
            _ => {}
        }
        files::private_folder(&incoming)?;
        files::private_folder(&path.join("accounts"))?;
        let kept = Kept::find(&path.join("accounts"))?;
        Ok(Self {
            path: path.to_owned(),
            config,
            kept: Mutex::new(kept),
            turns: Mutex::default(),
            incoming: AtomicU64::default(),
            _lock: lock,
        })
    }

    /// How much is given, and to whom.
    pub fn config(&self) -> &StorageConfig {
        &self.config
    }

    /// How many accounts have anything, and how many bytes they have.
    pub fn total(&self) -> (usize, u64) {
        let kept = self.kept();
        (kept.accounts.len(), kept.bytes)
    }

    /// What an account has.
    pub fn usage(&self, account: &VerifyingKey) -> Usage {
        let kept = self.kept();
        let found = kept.accounts.get(account);
        Usage {
            used: found.map_or(0, |account| account.bytes),
            quota: self.config.account_bytes_max,
            shards: found.map_or(0, |account| account.shards.len()),
            generation: found.and_then(|account| account.catalogue).map_or(0, |(generation, _)| generation),
        }
    }

    /// At most so many of an account's shards, in the order of their ids: those after `after`.
    pub fn list(&self, account: &VerifyingKey, after: Option<ShardId>, max: usize) -> Vec<(ShardId, u32)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let kept = self.kept();
        let Some(account) = kept.accounts.get(account) else { return Vec::new() };
        let from = after.map_or(Unbounded, Excluded);
        account.shards.range((from, Unbounded)).take(max).map(|(id, size)| (*id, *size)).collect()
    }

    /// Keeps a shard. It is durable afterwards.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn put(&self, account: &VerifyingKey, id: &ShardId, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > SHARD_MAX {
            return Err(Refusal::TooLarge { size_max: SHARD_MAX });
        }
        if ShardId::of(bytes) != *id {
            return Err(Refusal::WrongShard);
        }
        let turn = self.turn(account);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.shard_path(account, id);
        let known = self.kept().accounts.get(account).and_then(|known| known.shards.get(id).copied());
        if known.is_some() && files::read_if_there(&path)?.as_deref() == Some(bytes) {
            // Who brought it may have stopped before it was durable.
            return Ok(self.settle(&path)?);
        }
        // What was lost or harmed is counted already.
        let more = counted(bytes.len() as u64).saturating_sub(known.map_or(0, |size| counted(size.into())));
        self.kept().reserve(&self.config, account, more)?;
        if let Err(why) = self.write(&path, bytes) {
            self.kept().release(account, more);
            return Err(why.into());
        }
        let mut kept = self.kept();
        kept.accounts.entry(*account).or_default().shards.insert(*id, bytes.len() as u32);
        Ok(())
    }

    /// A shard's bytes. Whether they are still right, its owner finds out.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::File`].
    pub fn get(&self, account: &VerifyingKey, id: &ShardId) -> Result<Vec<u8>, Refusal> {
        files::read_if_there(&self.shard_path(account, id))?.ok_or(Refusal::NotFound)
    }

    /// A shard's file with its size, to be given piece by piece.
    pub(super) fn open_shard(&self, account: &VerifyingKey, id: &ShardId) -> Result<(File, u64), Refusal> {
        open_if_there(&self.shard_path(account, id))
    }

    /// The catalogue's file with its size, to be given piece by piece.
    pub(super) fn open_catalogue(&self, account: &VerifyingKey) -> Result<(File, u64), Refusal> {
        open_if_there(&self.account_path(account).join("catalogue"))
    }

    /// Drops a shard.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::File`].
    pub fn delete(&self, account: &VerifyingKey, id: &ShardId) -> Result<(), Refusal> {
        let turn = self.turn(account);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_shard(account, id)
    }

    /// Drops a shard, and the folders that are empty then. The account's turn is held.
    fn drop_shard(&self, account: &VerifyingKey, id: &ShardId) -> Result<(), Refusal> {
        let known = self.kept().accounts.get(account).and_then(|known| known.shards.get(id).copied());
        let size = known.ok_or(Refusal::NotFound)?;
        let path = self.shard_path(account, id);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(at(&path)(why).into()),
            _ => {}
        }
        path.ancestors().skip(1).take(3).for_each(remove_if_empty);
        if let Some(owner) = self.kept().accounts.get_mut(account) {
            owner.shards.remove(id);
        }
        self.kept().release(account, counted(u64::from(size)));
        Ok(())
    }

    /// Keeps a catalogue in the place of an older one. It is durable afterwards.
    ///
    /// # Errors
    /// [`Refusal::Stale`], where the one that is kept is no older; [`Refusal`].
    pub fn put_catalogue(&self, account: &VerifyingKey, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > CATALOGUE_MAX {
            return Err(Refusal::TooLarge { size_max: CATALOGUE_MAX });
        }
        let (head, _) = Head::check(account, bytes).map_err(|why| match why {
            Lie::OtherAccount => Refusal::Malformed("the catalogue is another account's"),
            Lie::NoCatalogue => Refusal::Malformed("the catalogue is not the one that the head is of"),
            _ => Refusal::Unauthorized("the catalogue's head is not signed by the account"),
        })?;
        let turn = self.turn(account);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.kept().accounts.get(account).and_then(|account| account.catalogue);
        let path = self.account_path(account).join("catalogue");
        if let Some((generation, _)) = before.filter(|(generation, _)| *generation >= head.generation) {
            if generation == head.generation && files::read_if_there(&path)?.as_deref() == Some(bytes) {
                return Ok(self.settle(&path)?);
            }
            return Err(Refusal::Stale { generation });
        }
        let (size, old) = (counted(bytes.len() as u64), before.map_or(0, |(_, size)| size));
        // For a moment both are there.
        self.kept().reserve(&self.config, account, size)?;
        if let Err(why) = self.write(&path, bytes) {
            self.kept().release(account, size);
            return Err(why.into());
        }
        let mut kept = self.kept();
        kept.accounts.entry(*account).or_default().catalogue = Some((head.generation, size));
        drop(kept);
        self.kept().release(account, old);
        Ok(())
    }

    /// The catalogue with its signed head.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::File`].
    pub fn catalogue(&self, account: &VerifyingKey) -> Result<Vec<u8>, Refusal> {
        files::read_if_there(&self.account_path(account).join("catalogue"))?.ok_or(Refusal::NotFound)
    }

    /// Drops all that an account has.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::File`].
    pub fn forget(&self, account: &VerifyingKey) -> Result<(), Refusal> {
        let turn = self.turn(account);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.kept().accounts.contains_key(account) {
            return Err(Refusal::NotFound);
        }
        for (id, _) in self.list(account, None, usize::MAX) {
            self.drop_shard(account, &id)?;
        }
        let path = self.account_path(account).join("catalogue");
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(at(&path)(why).into()),
            _ => {}
        }
        remove_if_empty(&self.account_path(account));
        let size = {
            let mut kept = self.kept();
            let catalogue = kept.accounts.get_mut(account).and_then(|owner| owner.catalogue.take());
            catalogue.map_or(0, |(_, size)| size)
        };
        self.kept().release(account, size);
        Ok(())
    }

    /// What is held while something of an account changes, so that what is on the disk and what
    /// is counted are never two things. Others' accounts go on.
    fn turn(&self, account: &VerifyingKey) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(*account).or_default())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file and puts it into its place.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        let number = self.incoming.fetch_add(1, Ordering::Relaxed);
        let temporary = self.path.join("incoming").join(number.to_string());
        let done = self.write_by(&temporary, path, bytes);
        if done.is_err() {
            // It is removed at the next start, if not now.
            let _ = fs::remove_file(&temporary);
        }
        done
    }

    fn write_by(&self, temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(temporary).map_err(at(temporary))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(temporary))?;
        let folder = path.parent().unwrap_or(&self.path);
        files::private_folder(folder)?;
        fs::rename(temporary, path).map_err(at(path))?;
        self.settle(path)
    }

    /// Has the name of a file on the disk, with those of the folders that it is in: who made
    /// them may have been stopped before they were.
    fn settle(&self, path: &Path) -> Result<(), FileError> {
        let folders = path.ancestors().skip(1).take_while(|folder| *folder != self.path);
        folders.into_iter().try_for_each(files::sync_folder)
    }

    fn account_path(&self, account: &VerifyingKey) -> PathBuf {
        self.path.join("accounts").join(HEXLOWER.encode(&account.0))
    }

    fn shard_path(&self, account: &VerifyingKey, id: &ShardId) -> PathBuf {
        let name = HEXLOWER.encode(&id.0);
        self.account_path(account).join("shards").join(&name[..2]).join(name)
    }
}

fn open_if_there(path: &Path) -> Result<(File, u64), Refusal> {
    let file = match File::open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(Refusal::NotFound),
        other => other.map_err(at(path))?,
    };
    let size = file.metadata().map_err(at(path))?.len();
    Ok((file, size))
}
