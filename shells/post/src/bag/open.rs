//! The bag while one process has it alone.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use allod_courier::bundle::{Bundle, BundleError, BundleId};
use allod_courier::carry::{Limits, Origin, PeerId, Refused, Store};
use allod_courier::encounter::Faults;
use allod_courier::ratchet::Token;
use allod_wire::Instant;

use super::{Bag, Counts, entry, rows};
use crate::{PostError, disk};

/// The bag, while this process has it alone.
#[derive(Debug)]
pub struct Open<'a> {
    bag: &'a mut Bag,
    /// The lock has another number than before.
    is_changed: bool,
    /// Tokens or peers are to be written.
    tells: bool,
    meets: bool,
    /// Folders with something that is not durable yet.
    dirty: BTreeSet<PathBuf>,
    /// What was refused that the store has not counted.
    refused: Counts,
    /// The disk has failed: what is in memory may not be what is there.
    is_torn: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(bag: &'a mut Bag) -> Self {
        let (dirty, refused) = (BTreeSet::new(), Counts::default());
        Self { bag, is_changed: false, tells: false, meets: false, dirty, refused, is_torn: false }
    }

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
        if self.bag.store.get(&bundle.id()).is_some() {
            return Ok(());
        }
        let took = match self.bag.store.take(bundle, Origin::Own, 0, now) {
            Err(Refused::Delivered) => return Ok(()),
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
    /// [`PostError::Refused`] where it has given way already, [`PostError::File`]. The store does not have it then.
    pub fn keep(&mut self, bundle: &Bundle) -> Result<(), PostError> {
        let id = bundle.id();
        let carried = self.bag.store.get(&id).ok_or(PostError::Refused(Refused::NoRoom))?;
        let meta = entry::encode(carried);
        let path = self.bag.path(&id);
        let folder = path.parent().unwrap_or(&self.bag.folder).to_owned();
        let is_new = !folder.is_dir();
        self.touch()?;
        let written = disk::folder(&folder).and_then(|()| disk::put(&path, &[&meta, &bundle.to_compact()]));
        if written.is_err() {
            self.bag.store.remove(&id);
            let _ = disk::remove(&path.with_extension("new"));
            return written;
        }
        if is_new {
            self.dirty.insert(self.bag.folder.join("bundles"));
        }
        self.dirty.insert(folder);
        Ok(())
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
        let (path, known) = (self.bag.path(id), entry::encode(carried));
        self.touch()?;
        match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file.write_all_at(&known, 0).map_err(PostError::at(&path)),
            // Somebody else has erased it.
            Err(why) if why.kind() == ErrorKind::NotFound => {
                self.bag.store.remove(id);
                Ok(())
            }
            Err(why) => Err(PostError::at(&path)(why)),
        }
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
            self.touch()?;
            self.bag.store.remove(id);
            disk::remove(&self.bag.path(id)).inspect_err(|_| self.is_torn = true)?;
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

    /// What was refused for as long as there has been this bag.
    ///
    /// # Errors
    /// [`PostError::File`].
    pub fn counts(&self) -> Result<Counts, PostError> {
        let counts =
            Counts::read(&self.bag.refused).map_err(PostError::at(&self.bag.folder.join("refused")))?;
        Ok(counts.plus(&self.uncounted()))
    }

    /// Counts something that somebody brought and that is no bundle.
    pub fn refuse(&mut self, why: BundleError) {
        self.refused = self.refused.plus(&Counts::one(why));
    }

    /// Counts what was wrong on a contact, and whether it ended so.
    pub fn blame(&mut self, faults: &Faults, has_failed: bool) {
        self.refused = self.refused.plus(&Counts::of_contact(faults, has_failed));
    }

    /// Counts bundles that had tags of this device's and did not open.
    pub fn forged(&mut self, count: u64) {
        self.refused = self.refused.plus(&Counts::forged(count));
    }

    /// What was refused and is not among the counts on the disk.
    fn uncounted(&self) -> Counts {
        self.refused.plus(&Counts::since(&self.bag.counted, &self.bag.store.counts()))
    }

    /// Gives the lock another number, so that other processes see that something has changed, also
    /// if this one ends before all of it is done.
    fn touch(&mut self) -> Result<(), PostError> {
        if !self.is_changed {
            let number = self.bag.number()?.wrapping_add(1);
            let path = self.bag.folder.join("lock");
            self.bag.lock.write_all_at(&number.to_le_bytes(), 0).map_err(PostError::at(&path))?;
            self.bag.seen = Some(number);
            self.is_changed = true;
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<(), PostError> {
        let written = self.write();
        if self.is_torn || written.is_err() {
            self.bag.seen = None;
        }
        written
    }

    fn write(&mut self) -> Result<(), PostError> {
        self.sync()?;
        if self.tells || self.meets {
            self.touch()?;
        }
        if self.tells {
            let row = |(token, until): (Token, Instant)| [&token.0[..], &until.0.to_le_bytes()].concat();
            let bytes = rows::encode(self.bag.store.delivered().map(row));
            disk::put(&self.bag.folder.join("delivered"), &[&bytes])?;
        }
        if self.meets {
            disk::put(&self.bag.folder.join("peers"), &[&self.bag.peers.encode()])?;
        }
        if !self.uncounted().is_nothing() {
            let counts = self.counts()?;
            counts.write(&self.bag.refused).map_err(PostError::at(&self.bag.folder.join("refused")))?;
            self.bag.counted = self.bag.store.counts();
        }
        if self.tells || self.meets {
            disk::sync(&self.bag.folder)?;
        }
        Ok(())
    }
}
