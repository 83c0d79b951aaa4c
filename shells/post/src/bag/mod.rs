//! The bag: bundles on the disk, and what is known of them.
//!
//! ```text
//! lock            held while something is done; it has a number, another after every change
//! bundles/ab/…    a bundle: what is known of it (96 bytes), then its compact form
//! delivered       tokens of what was delivered
//! peers           who was met on which days
//! refused         how much was refused, by why
//! ```
//!
//! Several processes use one bag: each does what it does while it holds the lock, and sees
//! first what others changed. What is known of a bundle is written in place; a write that a
//! crash cut is told by a hash, and the bundle then stays without copies to give. A bundle
//! that is not whole either is erased, and so is what a crash left of one that was being written.

mod counts;
mod entry;
mod open;
mod peers;
mod rows;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::{Carried, Limits, Origin, Store};
use allod_courier::ratchet::Token;
use allod_wire::Instant;
use data_encoding::HEXLOWER;

use crate::{PostError, disk};
pub use counts::Counts;
use entry::META;
pub use open::Open;
use peers::Peers;

/// Bytes of a token that was delivered, and until when it is remembered.
const DELIVERED: usize = Token::SIZE + 8;

/// What a device carries, on its disk.
#[derive(Debug)]
pub struct Bag {
    folder: PathBuf,
    lock: File,
    /// The lock's number when it was last seen.
    seen: Option<u64>,
    store: Store,
    peers: Peers,
    limits: Limits,
    refused: File,
    /// What of the store's counts is among them.
    counted: allod_courier::carry::Counts,
}

impl Bag {
    /// The bag in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, PostError> {
        disk::folder(&folder.join("bundles"))?;
        let (lock, refused) = (disk::file(&folder.join("lock"))?, disk::file(&folder.join("refused"))?);
        let (store, peers) = (Store::new(limits), Peers::default());
        let counted = store.counts();
        Ok(Self { folder: folder.to_owned(), lock, seen: None, store, peers, limits, refused, counted })
    }

    /// Does something while no other process does. What it put is durable afterwards.
    ///
    /// # Errors
    /// What it says, and [`PostError::File`].
    pub fn with<T, E: From<PostError>>(
        &mut self,
        act: impl FnOnce(&mut Open<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = self.folder.join("lock");
        self.lock.lock().map_err(PostError::at(&path))?;
        let done = self.within(act);
        let freed = self.lock.unlock().map_err(PostError::at(&path));
        let done = done?;
        freed?;
        Ok(done)
    }

    fn within<T, E: From<PostError>>(
        &mut self,
        act: impl FnOnce(&mut Open<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.refresh()?;
        let mut open = Open::new(self);
        let done = act(&mut open);
        open.end()?;
        done
    }

    /// The lock's number: another after every change by anybody. To be looked at now and then.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn number(&self) -> Result<u64, PostError> {
        let mut number = [0; 8];
        let read = self.lock.read_at(&mut number, 0).map_err(PostError::at(&self.folder.join("lock")))?;
        Ok(if read == 8 { u64::from_le_bytes(number) } else { 0 })
    }

    /// Whether another process changed something since this one last looked.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn is_behind(&self) -> Result<bool, PostError> {
        Ok(self.seen != Some(self.number()?))
    }

    /// Sees what others changed.
    fn refresh(&mut self) -> Result<(), PostError> {
        let number = self.number()?;
        if self.seen == Some(number) {
            return Ok(());
        }
        self.peers = Peers::decode(&disk::read(&self.folder.join("peers"))?.unwrap_or_default());
        for (token, until) in self.delivered_on_disk()? {
            self.store.restore_delivered(token, until);
        }
        let there = self.list()?;
        let gone: Vec<BundleId> =
            self.store.iter().map(|(id, _)| *id).filter(|id| !there.contains(id)).collect();
        for id in gone {
            self.store.remove(&id);
        }
        for id in there {
            let Some(carried) = self.known_of(&id)? else {
                self.store.remove(&id);
                disk::remove(&self.path(&id))?;
                continue;
            };
            if self.store.get(&id) != Some(&carried) {
                let days = self.peers.days_of(&carried.origin);
                self.store.restore(id, carried, days);
            }
        }
        self.seen = Some(number);
        Ok(())
    }

    fn delivered_on_disk(&self) -> Result<Vec<(Token, Instant)>, PostError> {
        let bytes = disk::read(&self.folder.join("delivered"))?.unwrap_or_default();
        let row = |row: &[u8; DELIVERED]| {
            let (token, until) = row.split_first_chunk()?;
            Some((Token(*token), Instant(u64::from_le_bytes(until.try_into().ok()?))))
        };
        Ok(rows::decode(&bytes).filter_map(row).collect())
    }

    /// The bundles that are there. What a crash left of one that was being written goes.
    fn list(&self) -> Result<BTreeSet<BundleId>, PostError> {
        let mut ids = BTreeSet::new();
        let bundles = self.folder.join("bundles");
        for folder in fs::read_dir(&bundles).map_err(PostError::at(&bundles))? {
            let folder = folder.map_err(PostError::at(&bundles))?.path();
            for file in fs::read_dir(&folder).map_err(PostError::at(&folder))? {
                let path = file.map_err(PostError::at(&folder))?.path();
                if path.extension().is_some_and(|extension| extension == "new") {
                    disk::remove(&path)?;
                    continue;
                }
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let id = HEXLOWER.decode(name.as_bytes()).ok().and_then(|id| id.try_into().ok());
                ids.extend(id.map(BundleId));
            }
        }
        Ok(ids)
    }

    /// What is known of a bundle; nothing where neither that nor the bundle can be read.
    fn known_of(&self, id: &BundleId) -> Result<Option<Carried>, PostError> {
        let path = self.path(id);
        let file = File::open(&path).map_err(PostError::at(&path))?;
        let mut meta = [0; META];
        let read = file.read_at(&mut meta, 0).map_err(PostError::at(&path))?;
        if let Some(carried) = entry::decode(&meta).filter(|_| read == META) {
            return Ok(Some(carried));
        }
        Ok(self.read(id)?.map(|bundle| {
            let mut carried = Carried::new(&bundle, Origin::Unknown, bundle.terms.created.instant());
            carried.terms.copies = 0;
            carried
        }))
    }

    /// The bundle, if it is there and whole.
    fn read(&self, id: &BundleId) -> Result<Option<Bundle>, PostError> {
        let bytes = disk::read(&self.path(id))?.unwrap_or_default();
        let bundle = bytes.get(META..).and_then(|bytes| Bundle::from_compact(bytes).ok());
        Ok(bundle.filter(|bundle| bundle.id() == *id))
    }

    fn path(&self, id: &BundleId) -> PathBuf {
        let name = HEXLOWER.encode(&id.0);
        self.folder.join("bundles").join(&name[..2]).join(name)
    }
}
