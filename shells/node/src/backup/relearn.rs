//! What is backed up, learned anew from the newest catalogue at the peers, where the vault's own
//! table of it is damaged.

use std::collections::BTreeSet;

use allod_vault::backup::unpack;
use allod_vault::files::Access;
use allod_vault::object::{ObjectId, Sealed};

use super::Backup;
use super::book::{Book, Meta};
use super::error::{Faults, RunError};
use super::restore::{find_by, peers_of};
use super::run::Progress;
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
    ///
    /// # Errors
    /// [`RunError::NothingFound`], where nothing was changed; [`RunError`].
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
        let mut addresses = addresses.to_vec();
        // What can still be read of the peers.
        addresses.extend(self.peer_addresses().unwrap_or_default());
        let known = find_by(&self.keys, &addresses).await?;
        let mut faults = known.faults.clone();
        let catalogue = known.catalogue;
        let peers = peers_of(&catalogue.peers, &self.keys)?;
        let (ring, compress) = self.access.with(|files| {
            if files.space() != known.roots.space() {
                return Err(RunError::OtherVault);
            }
            files.empty_backups(bad)?;
            let mut book = Book::new(files);
            book.set_meta(&Meta::after(&catalogue, &mut crate::entropy()))?;
            catalogue.peers.iter().try_for_each(|peer| book.set_peer(peer))?;
            // What does not come now is there all the same.
            catalogue.packs.iter().try_for_each(|pack| book.set_pack(pack))?;
            book.commit()?;
            Ok((files.ring().clone(), files.compress().clone()))
        })?;
        let (mut found, mut lost) = (Vec::new(), bad.clone());
        let mut state = Progress { objects: catalogue.packs.len() as u64, ..Progress::default() };
        for pack in catalogue.packs {
            match fetch(pack.clone(), peers.clone()).await {
                Ok((bytes, more)) => {
                    faults.append(more);
                    state.bytes += bytes.len() as u64;
                    let objects = unpack(&self.keys, pack.number, &bytes)?;
                    let rows = objects.iter().map(|object| (object.id, object.bytes.len() as u32)).collect();
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
                Err(missing) => faults.append(missing.faults),
            }
            state.stored += 1;
            progress(state);
        }
        self.note_lies(&faults)?;
        Ok((found, lost.into_iter().collect(), faults))
    }
}
