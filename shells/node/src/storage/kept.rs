//! What a shelf has, counted: found out at the start, and kept in step with the disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use allod_crypto::sign::VerifyingKey;
use allod_vault::backup::Head;
use allod_vault::backup::shard::ShardId;
use data_encoding::HEXLOWER;

use super::{Refusal, StorageConfig};
use crate::FileError;
use crate::files::{self, at};

/// Bytes that any file takes, at least, and what files' sizes are rounded up to.
const BLOCK: u64 = 4096;

/// What is kept, and how many bytes that is.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) accounts: BTreeMap<VerifyingKey, Account>,
    pub(super) bytes: u64,
}

/// What an account has.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Bytes, those on their way included.
    pub(super) bytes: u64,
    pub(super) shards: BTreeMap<ShardId, u32>,
    /// The catalogue's generation and size.
    pub(super) catalogue: Option<(u64, u64)>,
}

impl Kept {
    /// Finds out what is kept.
    pub(super) fn find(folder: &Path) -> Result<Self, FileError> {
        let mut kept = Self::default();
        for (name, path) in entries(folder)? {
            let Some(account) = key(&name).map(VerifyingKey) else { continue };
            let mut found = Account::default();
            for (_, prefix) in entries(&path.join("shards"))? {
                for (name, shard) in entries(&prefix)? {
                    let Some(id) = key(&name).map(ShardId) else { continue };
                    let size = fs::metadata(&shard).map_err(at(&shard))?.len();
                    found.bytes += counted(size);
                    found.shards.insert(id, u32::try_from(size).unwrap_or(u32::MAX));
                }
                remove_if_empty(&prefix);
            }
            let catalogue = path.join("catalogue");
            if let Some(bytes) = files::read_if_there(&catalogue)? {
                let generation = Head::check(&account, &bytes).map(|(head, _)| head.generation);
                if generation.is_err() {
                    tracing::warn!(catalogue = %catalogue.display(), "a catalogue was harmed; its owner will bring a new one");
                }
                let size = counted(bytes.len() as u64);
                found.bytes += size;
                found.catalogue = Some((generation.unwrap_or_default(), size));
            }
            remove_if_empty(&path.join("shards"));
            remove_if_empty(&path);
            if found.bytes > 0 {
                kept.bytes += found.bytes;
                kept.accounts.insert(account, found);
            }
        }
        Ok(kept)
    }

    /// Counts bytes that are about to be written.
    pub(super) fn reserve(
        &mut self,
        config: &StorageConfig,
        account: &VerifyingKey,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let count = self.accounts.len();
        let used = self.accounts.get(account).map(|account| account.bytes);
        if used.is_none() && count >= config.accounts_max {
            return Err(Refusal::Full);
        }
        let (used, quota) = (used.unwrap_or_default(), config.account_bytes_max);
        if used + bytes > quota {
            return Err(Refusal::Quota { quota, used });
        }
        if self.bytes + bytes > config.bytes_max {
            return Err(Refusal::Full);
        }
        self.bytes += bytes;
        self.accounts.entry(*account).or_default().bytes += bytes;
        Ok(())
    }

    /// Counts bytes no more.
    pub(super) fn release(&mut self, account: &VerifyingKey, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(owner) = self.accounts.get_mut(account) {
            owner.bytes = owner.bytes.saturating_sub(bytes);
            if owner.bytes == 0 && owner.shards.is_empty() && owner.catalogue.is_none() {
                self.accounts.remove(account);
            }
        }
    }
}

/// How many bytes of a quota a file of this size takes.
pub(super) fn counted(size: u64) -> u64 {
    size.max(1).next_multiple_of(BLOCK)
}

/// Folders take room that nobody counts. One that has something in it stays.
pub(super) fn remove_if_empty(folder: &Path) {
    let _ = fs::remove_dir(folder);
}

fn key(name: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(name.as_bytes()).ok()?.try_into().ok()
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, FileError> {
    let list = match fs::read_dir(folder) {
        Ok(list) => list,
        Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(why) => return Err(at(folder)(why)),
    };
    let mut found = Vec::new();
    for entry in list {
        let entry = entry.map_err(at(folder))?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}
