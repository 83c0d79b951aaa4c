//! Making lost shards again, and bringing lost objects back into the vault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use allod_vault::VaultError;
use allod_vault::backup::plan::repair;
use allod_vault::backup::shard::ShardId;
use allod_vault::backup::{PackRecord, Packer, PeerRecord, unpack};
use allod_vault::files::Access;
use allod_vault::object::{ObjectId, Sealed};

use super::error::{Faults, RunError};
use super::peer::Peer;
use super::publish::shards_at;
use super::run::Report;
use super::store::{aside, divide, fetch, give};
use super::{Backup, Peers};

/// Objects that are read in one step.
const AT_ONCE: usize = 32;

impl<A: Access> Backup<A> {
    /// Has shards kept again that no peer has, by peers that have none of the same pack.
    pub(super) async fn make_again(
        &mut self,
        peers: &Peers,
        usable: &[u32],
        report: &mut Report,
    ) -> Result<(), RunError> {
        let packs = self.book(|book| book.packs())?;
        let mut sources = peers.clone();
        sources.extend(self.leaving.iter().map(|peer| (peer.number, Arc::clone(peer))));
        let records = self.book(|book| book.peers())?;
        let keeps = |peer| records.iter().any(|record| record.number == peer && record.keeps());
        for task in repair(&packs, usable, |peer, _| keeps(peer)) {
            report.homeless += task.homeless.len() as u64;
            let Some(record) = packs.iter().find(|pack| pack.number == task.pack) else { continue };
            if task.make.is_empty() {
                continue;
            }
            let pack = match self.pack_from_here(record).await? {
                Some(pack) => pack,
                None => match fetch(record.clone(), sources.clone()).await {
                    Ok((pack, faults)) => {
                        report.faults.append(faults);
                        pack
                    }
                    Err(missing) => {
                        report.faults.append(missing.faults);
                        report.homeless += task.make.len() as u64;
                        continue;
                    }
                },
            };
            let code = record.code;
            let shards = aside(move || divide(code, &pack)).await?;
            let mut made = Vec::new();
            for (number, peer) in task.make {
                let (Some((id, bytes)), Some(peer)) = (shards.get(usize::from(number)), peers.get(&peer))
                else {
                    continue;
                };
                let Some(shard) = record.shards.get(usize::from(number)) else { continue };
                let done = if peer.is_away() { continue } else { give(peer, id, bytes).await };
                match done {
                    Ok(()) if *id == shard.id => {
                        made.push((usize::from(number), peer.number));
                        report.repaired += 1;
                    }
                    Ok(()) => {}
                    Err(why) => {
                        report.faults.add(peer.address(), why);
                        report.homeless += 1;
                    }
                }
            }
            self.book(|book| {
                let Some(mut record) = book.pack(task.pack)? else { return Ok(()) };
                for (number, peer) in made {
                    if let Some(shard) = record.shards.get_mut(number) {
                        shard.peer = Some(peer);
                    }
                }
                // Who is no peer any more has nothing.
                for shard in &mut record.shards {
                    shard.peer = shard.peer.filter(|peer| peers.contains_key(peer));
                }
                book.set_pack(&record)?;
                book.change_meta(|meta| meta.changed = true)?;
                book.commit()
            })?;
        }
        Ok(())
    }

    /// Finds out what these peers have no more after another device made backups, which may have
    /// had them drop what it did not know. Nobody is to blame for it, and who does not tell is
    /// left as it was: two peers may have the same shard, and one of them be away. With the
    /// numbers of those that told.
    pub(super) async fn see_what_is_left<'p>(
        &mut self,
        peers: impl IntoIterator<Item = &'p Arc<Peer>>,
    ) -> Result<BTreeSet<u32>, RunError> {
        let packs = self.book(|book| book.packs())?;
        let (mut gone, mut told) = (BTreeSet::new(), BTreeSet::new());
        for peer in peers {
            if peer.is_away() {
                continue;
            }
            let should = shards_at(&packs, peer.number);
            let Ok(listed) = peer.list(should.len()).await else { continue };
            told.insert(peer.number);
            let lacks = |id: &ShardId| listed.binary_search(id).is_err();
            gone.extend(should.into_iter().filter(lacks).map(|id| (peer.number, id)));
        }
        self.book(|book| {
            for mut pack in book.packs()? {
                let before = pack.clone();
                for shard in &mut pack.shards {
                    shard.peer = shard.peer.filter(|peer| !gone.contains(&(*peer, shard.id)));
                }
                if pack != before {
                    book.set_pack(&pack)?;
                    book.change_meta(|meta| meta.changed = true)?;
                }
            }
            book.commit()
        })?;
        Ok(told)
    }

    /// Does the same for those that were away when this vault took over, and show that another
    /// device told them more than this one did. Once each: then they have acknowledged it.
    pub(super) async fn see_who_is_back(
        &mut self,
        peers: &Peers,
        records: &[PeerRecord],
        taken_over: u64,
    ) -> Result<(), RunError> {
        for record in records.iter().filter(|record| record.acknowledged < taken_over) {
            let Some(peer) = peers.get(&record.number).filter(|peer| !peer.is_away()) else { continue };
            let Ok(shown) = peer.signed_generation().await else { continue };
            let is_told_more = shown > record.acknowledged && shown <= taken_over;
            if !is_told_more || !self.see_what_is_left([peer]).await?.contains(&record.number) {
                continue;
            }
            self.book(|book| {
                if let Some(mut record) = book.peer(record.number)? {
                    record.acknowledged = shown;
                    book.set_peer(&record)?;
                }
                book.commit()
            })?;
        }
        Ok(())
    }

    /// A pack as it was sealed, made from the objects of the vault; nothing where one of them
    /// is not here any more, or not as it was.
    async fn pack_from_here(&mut self, record: &PackRecord) -> Result<Option<Vec<u8>>, RunError> {
        let mut packer = Packer::new();
        let directory = self.book(|book| book.directory(record.number))?;
        if directory.is_empty() {
            return Ok(None);
        }
        for some in directory.chunks(AT_ONCE) {
            let objects = self.access.with(|files| {
                let mut objects = Vec::new();
                for (id, _) in some {
                    match files.has(id)? {
                        true => objects.push(files.sealed(id)?),
                        false => return Ok(None),
                    }
                }
                Ok::<_, VaultError>(Some(objects))
            })?;
            let Some(objects) = objects else { return Ok(None) };
            for object in objects {
                if packer.push(object).is_some() {
                    return Ok(None);
                }
            }
        }
        let (keys, record) = (self.keys.clone(), record.clone());
        Ok(aside(move || {
            let pack = packer.seal(&keys, record.number);
            let shards = divide(record.code, &pack)?;
            let is_it = shards.iter().map(|(id, _)| id).eq(record.shards.iter().map(|shard| &shard.id));
            Ok(is_it.then_some(pack))
        })
        .await?)
    }

    /// Gets objects from the peers, each as it was sealed, and checked. With those that did
    /// not come back, and why. What is done with them is the caller's.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn objects(
        &mut self,
        wanted: &[ObjectId],
    ) -> Result<(Vec<Sealed>, Vec<ObjectId>, Faults), RunError> {
        let peers = self.peers()?;
        let (ring, compress) = self.access.with(|files| (files.ring().clone(), files.compress().clone()));
        let mut by_pack: BTreeMap<u64, BTreeSet<ObjectId>> = BTreeMap::new();
        let mut lost = BTreeSet::new();
        for id in wanted {
            match self.book(|book| book.packed(id))? {
                Some(pack) => {
                    by_pack.entry(pack).or_default().insert(*id);
                }
                None => {
                    lost.insert(*id);
                }
            }
        }
        let (mut found, mut faults) = (Vec::new(), Faults::default());
        for (number, mut ids) in by_pack {
            if let Some(record) = self.book(|book| book.pack(number))? {
                match fetch(record, peers.clone()).await {
                    Ok((pack, more)) => {
                        faults.append(more);
                        for object in unpack(&self.keys, number, &pack)? {
                            let is_good = ring.check(&object, &compress).is_ok();
                            if is_good && ids.remove(&object.id) {
                                found.push(object);
                            }
                        }
                    }
                    Err(missing) => faults.append(missing.faults),
                }
            }
            lost.extend(ids);
        }
        Ok((found, lost.into_iter().collect(), faults))
    }
}
