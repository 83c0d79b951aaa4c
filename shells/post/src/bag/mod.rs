//! The bag: bundles on the disk, and what is known of them.
//!
//! ```text
//! lock            held while something is done; it has a number, another after every change
//! bundles/ab/…    a bundle: what is known of it (96 bytes), then its compact form
//! delivered       tokens of what was delivered
//! peers           who was met on which days
//! ```
//!
//! Several processes use one bag: each does what it does while it holds the lock, and sees
//! first what others changed. What is known of a bundle is written in place; a write that a
//! crash cut is told by a hash, and the bundle then stays without copies to give.

mod entry;
mod peers;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::{Carried, Limits, Origin, PeerId, Refused, Store};
use allod_courier::ratchet::Token;
use allod_wire::Instant;
use data_encoding::HEXLOWER;

use crate::{PostError, disk};
use entry::META;
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
}

/// The bag, while this process has it alone.
#[derive(Debug)]
pub struct Open<'a> {
    bag: &'a mut Bag,
    is_changed: bool,
    /// Tokens or peers are to be written.
    tells: bool,
    meets: bool,
    /// Folders with something that is not durable yet.
    dirty: BTreeSet<PathBuf>,
}

impl Bag {
    /// The bag in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, PostError> {
        disk::folder(&folder.join("bundles"))?;
        let lock = disk::file(&folder.join("lock"))?;
        let (store, peers) = (Store::new(limits), Peers::default());
        Ok(Self { folder: folder.to_owned(), lock, seen: None, store, peers, limits })
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
        let mut open =
            Open { bag: self, is_changed: false, tells: false, meets: false, dirty: BTreeSet::new() };
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
            let Some(carried) = self.known_of(&id)? else { continue };
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
        let (rows, _) = bytes.as_chunks::<DELIVERED>();
        let row = |row: &[u8; DELIVERED]| {
            let (token, until) = row.split_first_chunk()?;
            Some((Token(*token), Instant(u64::from_le_bytes(until.try_into().ok()?))))
        };
        Ok(rows.iter().filter_map(row).collect())
    }

    fn list(&self) -> Result<BTreeSet<BundleId>, PostError> {
        let mut ids = BTreeSet::new();
        let bundles = self.folder.join("bundles");
        for folder in fs::read_dir(&bundles).map_err(PostError::at(&bundles))? {
            let folder = folder.map_err(PostError::at(&bundles))?.path();
            for file in fs::read_dir(&folder).map_err(PostError::at(&folder))? {
                let name = file.map_err(PostError::at(&folder))?.file_name();
                let id = name.to_str().and_then(|name| HEXLOWER.decode(name.as_bytes()).ok());
                // Others are what a crash left of one that was being written.
                ids.extend(id.and_then(|id| id.try_into().ok()).map(BundleId));
            }
        }
        Ok(ids)
    }

    fn known_of(&self, id: &BundleId) -> Result<Option<Carried>, PostError> {
        let path = self.path(id);
        let Ok(file) = File::open(&path) else { return Ok(None) };
        let mut meta = [0; META];
        if file.read_at(&mut meta, 0).map_err(PostError::at(&path))? < META {
            return Ok(None);
        }
        if let Some(carried) = entry::decode(&meta) {
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

impl Open<'_> {
    /// What is carried. Whoever changes it here says so to the disk as well.
    pub fn store(&mut self) -> &mut Store {
        &mut self.bag.store
    }

    /// The same, with on how many days somebody was met.
    pub fn store_and_days(&mut self) -> (&mut Store, impl Fn(&PeerId) -> u32 + '_) {
        let Bag { store, peers, .. } = &mut *self.bag;
        (store, |peer: &PeerId| peers.days(peer))
    }

    /// Carries a bundle of this device's own.
    ///
    /// # Errors
    /// [`PostError::Refused`], [`PostError::File`].
    pub fn put_own(&mut self, bundle: &Bundle, now: Instant) -> Result<(), PostError> {
        let took = match self.bag.store.take(bundle, Origin::Own, 0, now) {
            Err(Refused::Known | Refused::Delivered) => return Ok(()),
            took => took.map_err(PostError::Refused)?,
        };
        self.erase(&took.dropped)?;
        self.keep(bundle)
    }

    /// Carries what somebody brought over a link on which nobody answers: for this device if it
    /// is `wanted`, else for others.
    ///
    /// # Errors
    /// [`PostError::Refused`], [`PostError::File`].
    pub fn put(
        &mut self,
        bundle: &Bundle,
        origin: Origin,
        wanted: bool,
        now: Instant,
    ) -> Result<(), PostError> {
        let days = self.bag.peers.days_of(&origin);
        let took = match wanted {
            true => self.bag.store.want(bundle, origin, now),
            false => self.bag.store.take(bundle, origin, days, now),
        };
        self.erase(&took.map_err(PostError::Refused)?.dropped)?;
        self.keep(bundle)
    }

    /// Writes a bundle that the store has taken.
    ///
    /// # Errors
    /// [`PostError::File`]. The store does not have it then.
    pub fn keep(&mut self, bundle: &Bundle) -> Result<(), PostError> {
        let id = bundle.id();
        let carried = self.bag.store.get(&id).ok_or(PostError::Refused(Refused::NoRoom))?;
        let meta = entry::encode(carried);
        let path = self.bag.path(&id);
        let folder = path.parent().unwrap_or(&self.bag.folder).to_owned();
        let is_new = !folder.is_dir();
        let written = disk::folder(&folder).and_then(|()| disk::put(&path, &[&meta, &bundle.to_compact()]));
        if written.is_err() {
            self.bag.store.remove(&id);
            let _ = disk::remove(&path.with_extension("new"));
        }
        if is_new {
            self.dirty.insert(self.bag.folder.join("bundles"));
        }
        self.dirty.insert(folder);
        self.is_changed = true;
        written
    }

    /// Makes durable what was kept so far.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn sync(&mut self) -> Result<(), PostError> {
        std::mem::take(&mut self.dirty).iter().try_for_each(|folder| disk::sync(folder))
    }

    /// Writes what the store now knows of a bundle.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn update(&mut self, id: &BundleId) -> Result<(), PostError> {
        let Some(carried) = self.bag.store.get(id) else { return Ok(()) };
        let path = self.bag.path(id);
        let file = match OpenOptions::new().write(true).open(&path) {
            // It is dropped with what follows.
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
            file => file.map_err(PostError::at(&path))?,
        };
        self.is_changed = true;
        file.write_all_at(&entry::encode(carried), 0).map_err(PostError::at(&path))
    }

    /// Reads a bundle. One that the disk has harmed is dropped.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn load(&mut self, id: &BundleId) -> Result<Option<Bundle>, PostError> {
        let bundle = self.bag.read(id)?;
        if bundle.is_none() && self.bag.store.remove(id).is_some() {
            self.erase(&[*id])?;
        }
        Ok(bundle)
    }

    /// Erases bundles that the store does not have any more, or is not to have.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn erase(&mut self, ids: &[BundleId]) -> Result<(), PostError> {
        for id in ids {
            self.bag.store.remove(id);
            disk::remove(&self.bag.path(id))?;
            self.is_changed = true;
        }
        Ok(())
    }

    /// A bundle that was read here is carried for others, if it is for many, and else erased.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn pass_on(&mut self, id: &BundleId) -> Result<(), PostError> {
        match self.bag.store.pass_on(id) {
            Some(_) => self.update(id),
            None => self.erase(&[*id]),
        }
    }

    /// A message was opened here: its token is remembered, and what is carried of it erased.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn tell(&mut self, token: Token, until: Instant, now: Instant) -> Result<(), PostError> {
        let gone = self.bag.store.tell(token, until, now);
        self.tells = true;
        self.erase(&gone)
    }

    /// Tokens have changed, and are to be written.
    pub fn has_tokens(&mut self) {
        self.tells = true;
    }

    /// Somebody was met who has shown their key.
    pub fn met(&mut self, peer: &PeerId, now: Instant) {
        let days = self.bag.peers.meet(peer, now);
        self.bag.store.meet(peer, days);
        self.meets = true;
    }

    /// How many others were met of late.
    pub fn reach(&self, now: Instant) -> u32 {
        self.bag.peers.reach(now)
    }

    /// Who was met: each with on how many days, and when last.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, u32, Instant)> + '_ {
        self.bag.peers.iter()
    }

    /// Forgets what has expired.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn expire(&mut self, now: Instant) -> Result<usize, PostError> {
        let gone = self.bag.store.expire(now);
        self.erase(&gone)?;
        Ok(gone.len())
    }

    /// How much is carried at most.
    pub fn limits(&self) -> Limits {
        self.bag.limits
    }

    fn end(mut self) -> Result<(), PostError> {
        self.sync()?;
        if self.tells {
            let row = |(token, until): (Token, Instant)| [&token.0[..], &until.0.to_le_bytes()].concat();
            let bytes: Vec<u8> = self.bag.store.delivered().flat_map(row).collect();
            disk::put(&self.bag.folder.join("delivered"), &[&bytes])?;
        }
        if self.meets {
            disk::put(&self.bag.folder.join("peers"), &[&self.bag.peers.encode()])?;
        }
        if self.is_changed || self.tells || self.meets {
            disk::sync(&self.bag.folder)?;
            let number = self.bag.number()?.wrapping_add(1);
            let path = self.bag.folder.join("lock");
            self.bag.lock.write_all_at(&number.to_le_bytes(), 0).map_err(PostError::at(&path))?;
            self.bag.seen = Some(number);
        }
        Ok(())
    }
}
