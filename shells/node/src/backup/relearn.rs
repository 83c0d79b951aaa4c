//! What is backed up, learned anew from the newest catalogue at the peers, where the vault's own
//! table of it is damaged.

use std::collections::BTreeSet;

use allod_vault::backup::unpack;
use allod_vault::files::Access;
use allod_vault::object::{ObjectId, Sealed};

use super::Backup;
use super::book::Book;
use super::error::{Faults, RunError};
use super::restore::{find_by, peers_of};
use super::run::Progress;
use super::salvage::Salvaged;
use super::store::fetch;

impl<A: Access> Backup<A> {
    /// Whether the table of what is backed up can be read, to the last row.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn is_readable(&mut self) -> Result<bool, RunError> {
        self.book(|book| book.is_readable())
    }

    /// Writes the table of what is backed up anew, by the newest catalogue of those at these
    /// addresses, and all packs of it: only they tell what is in them. On the way, gets the objects
    /// that are wanted, as [`Self::objects`] does. `bad` has objects that are known to be damaged.
    /// What can still be read of the peers and of what they were caught at stays known.
    ///
    /// # Errors
    /// [`RunError::NothingFound`] and [`RunError::Older`], where nothing was changed; [`RunError`].
    pub async fn relearn(
        &mut self,
        addresses: &[String],
        bad: &BTreeSet<ObjectId>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(Vec<Sealed>, Vec<ObjectId>, Faults), RunError> {
        self.take_hold()?;
        let done = self.relearn_held(addresses, bad, progress).await;
        self.let_go();
        done
    }

    async fn relearn_held(
        &mut self,
        addresses: &[String],
        bad: &BTreeSet<ObjectId>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(Vec<Sealed>, Vec<ObjectId>, Faults), RunError> {
        let salvaged = self.book(Salvaged::read)?;
        let mut addresses = addresses.to_vec();
        addresses.extend(salvaged.addresses());
        let known = find_by(&self.keys, &addresses).await?;
        salvaged.check(&known)?;
        let mut faults = known.faults.clone();
        let catalogue = known.catalogue;
        let mut records = salvaged.peers(&catalogue);
        records.iter_mut().for_each(|record| faults.accuse(record));
        let peers = peers_of(&records, &self.keys)?;
        let meta = salvaged.meta(&catalogue, &records, &mut crate::entropy());
        let (ring, compress) = self.access.with(|files| {
            if files.space() != known.roots.space() {
                return Err(RunError::OtherVault);
            }
            files.empty_backups(bad)?;
            let mut book = Book::new(files);
            book.set_meta(&meta)?;
            records.iter().try_for_each(|record| book.set_peer(record))?;
            // What does not come now is there all the same.
            catalogue.packs.iter().try_for_each(|pack| book.set_pack(pack))?;
            book.commit()?;
            Ok((files.ring().clone(), files.compress().clone()))
        })?;
        let (mut found, mut lost, mut unopened) = (Vec::new(), bad.clone(), None);
        let mut state = Progress { objects: catalogue.packs.len() as u64, ..Progress::default() };
        for pack in catalogue.packs {
            let (bytes, more) = match fetch(pack.clone(), peers.clone()).await {
                Ok((bytes, more)) => (Some(bytes), more),
                Err(missing) => (None, missing.faults),
            };
            // Before anything that may end this.
            self.note_lies(&more)?;
            faults.append(more);
            if let Some(bytes) = bytes {
                state.bytes += bytes.len() as u64;
                match unpack(&self.keys, pack.number, &bytes) {
                    Ok(objects) => {
                        let row = |object: &Sealed| (object.id, object.bytes.len() as u32);
                        let rows = objects.iter().map(row).collect();
                        self.book(|book| {
                            book.add_pack(&pack, &rows)?;
                            book.commit()
                        })?;
                        for object in objects {
                            if lost.contains(&object.id) && ring.check(&object, &compress).is_ok() {
                                lost.remove(&object.id);
                                found.push(object);
                            }
                        }
                    }
                    // The others are learned all the same.
                    Err(why) => unopened = unopened.or(Some(why)),
                }
            }
            state.stored += 1;
            progress(state);
        }
        match unopened {
            Some(why) => Err(why.into()),
            None => Ok((found, lost.into_iter().collect(), faults)),
        }
    }
}
