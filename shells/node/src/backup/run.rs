//! A backup: what is new goes to the peers, what is lost is made again, and a catalogue of all
//! of it is safe with them.

use std::sync::Arc;

use allod_vault::backup::plan::{place, sparse};
use allod_vault::backup::{BackupError, Catalogue, Code, Head, Lie, PackRecord, Packer, PeerRecord};
use allod_vault::object::ObjectId;
use allod_vault::{Blocks, Compress};
use tokio::task::JoinSet;

use super::book::Meta;
use super::error::{Faults, RunError};
use super::peer::{Held, Peer, PeerError};
use super::store::{Stored, store};
use super::{Backup, Peers};

/// Packs that are on their way at once.
const AT_ONCE: usize = 3;

/// Small packs from which on they are put together.
const SMALL_MAX: usize = 32;

/// Bytes of a pack that is small.
const SMALL: u32 = 2 << 20;

/// How to back up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Looks at all that is needed, and replaces packs of which little is.
    pub compact: bool,
    /// Goes on although the peers have a newer backup, and replaces it by this one.
    pub take_over: bool,
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Objects that are to be stored.
    pub objects: u64,
    /// Objects that are stored.
    pub stored: u64,
    /// Bytes of packs that are stored.
    pub bytes: u64,
}

/// What a backup did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The generation of the catalogue.
    pub generation: u64,
    /// Objects that were stored.
    pub objects: u64,
    /// Packs that were stored, and their bytes.
    pub packs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Shards that were made again.
    pub repaired: u64,
    /// Shards that nobody keeps.
    pub homeless: u64,
    /// How many peers have the catalogue, of how many.
    pub acknowledged: (usize, usize),
    /// Whether every set of peers that gives the vault back has one that knows the newest
    /// catalogue.
    pub is_safe: bool,
    /// What was wrong with whom.
    pub faults: Faults,
}

impl<B: Blocks, C: Compress + Clone> Backup<'_, B, C> {
    /// Backs up. What is stored when it stops anywhere is known to the next run.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn run(
        &mut self,
        how: How,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, RunError> {
        self.files.commit()?;
        let mut meta = self.meta()?;
        let peers = self.peers()?;
        let mut report = Report::default();
        let usable = self.meet(&mut meta, &peers, how, &mut report.faults).await?;
        let code = meta.code.or(Code::for_peers(peers.len())).ok_or(RunError::NoPeers)?;
        let needed = usize::from(code.needed());
        if usable.len() < needed {
            return Err(RunError::TooFewPeers { usable: usable.len(), needed, faults: report.faults });
        }
        self.make_again(&peers, &usable, &mut meta, &mut report).await?;
        let objects = self.what_is_new(&mut meta, how)?;
        self.bring(&objects, code, &usable, &mut meta, &mut report, progress).await?;
        self.publish(&peers, code, meta, &mut report).await?;
        self.tidy(&peers, &mut report).await?;
        Ok(report)
    }

    /// Asks all peers how they are. With the numbers of those that take shards.
    async fn meet(
        &mut self,
        meta: &mut Meta,
        peers: &Peers,
        how: How,
        faults: &mut Faults,
    ) -> Result<Vec<u32>, RunError> {
        let mut asked = JoinSet::new();
        let ours = meta.generation;
        for peer in peers.values().cloned() {
            asked.spawn(async move {
                let held = match peer.held().await {
                    // What a peer says, it has to show, signed.
                    Ok(held) if held.generation > ours => {
                        peer.signed_generation().await.map(|generation| Held { generation, ..held })
                    }
                    held => held,
                };
                (held, peer)
            });
        }
        let (mut usable, mut newest) = (Vec::new(), 0);
        let records = self.book().peers()?;
        while let Some(answer) = asked.join_next().await {
            let Ok((held, peer)) = answer else { continue };
            match held {
                Ok(held) => {
                    newest = newest.max(held.generation);
                    let record = records.iter().find(|record| record.number == peer.number);
                    let acknowledged = record.map_or(0, |record| record.acknowledged);
                    if held.generation < acknowledged {
                        let lie = Lie::PutBack { shown: held.generation, acknowledged };
                        faults.add(peer.address(), PeerError::Lied(lie));
                        // What it has no more, it has not acknowledged.
                        if let Some(record) = record {
                            let record = PeerRecord { acknowledged: held.generation, ..record.clone() };
                            self.book().set_peer(&record)?;
                        }
                    }
                    usable.push(peer.number);
                }
                Err(why) => faults.add(peer.address(), why),
            }
        }
        if newest > meta.generation {
            if !how.take_over {
                return Err(RunError::Newer { ours: meta.generation, theirs: newest });
            }
            meta.generation = newest;
            meta.changed = true;
        }
        usable.sort_unstable();
        Ok(usable)
    }

    /// The objects that are to be stored. Packs of which little is needed are forgotten, and
    /// what is needed of them is new.
    fn what_is_new(&mut self, meta: &mut Meta, how: How) -> Result<Vec<ObjectId>, RunError> {
        let packs = self.book().packs()?;
        let small = packs.iter().filter(|pack| pack.size <= SMALL).count();
        if !how.compact && small < SMALL_MAX {
            return Ok(self.files.survey(meta.finished)?.unpacked);
        }
        let survey = self.files.survey(0)?;
        let mut known = Vec::with_capacity(packs.len());
        for pack in &packs {
            let directory = self.book().directory(pack.number)?;
            let is_needed = |(id, _): &&(ObjectId, u32)| survey.packed.contains(id);
            let needed: u64 = directory.iter().filter(is_needed).map(|(_, size)| u64::from(*size)).sum();
            known.push((pack.number, u64::from(pack.size), needed));
        }
        let mut objects = survey.unpacked;
        for number in sparse(known) {
            let directory = self.book().directory(number)?;
            objects.extend(directory.iter().map(|(id, _)| *id).filter(|id| survey.packed.contains(id)));
            self.book().remove_pack(number)?;
            // Until they are in packs again, everything has to be looked at.
            meta.finished = 0;
            meta.changed = true;
        }
        self.book().set_meta(meta)?;
        self.files.commit()?;
        Ok(objects)
    }

    /// Puts objects into packs and brings these to the peers.
    async fn bring(
        &mut self,
        objects: &[ObjectId],
        code: Code,
        usable: &[u32],
        meta: &mut Meta,
        report: &mut Report,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunError> {
        let peers = self.peers()?;
        let mut state = Progress { objects: objects.len() as u64, ..Progress::default() };
        let (mut under_way, mut packer, mut damaged) = (JoinSet::new(), Packer::new(), Vec::new());
        let mut rest = objects.iter();
        loop {
            let next = rest.next();
            let object = match next.map(|id| self.files.sealed(id)).transpose()? {
                Some(object) if self.files.ring().check(&object, self.files.compress()).is_err() => {
                    damaged.push(object.id);
                    continue;
                }
                object => object,
            };
            let full = match object {
                Some(object) => packer.push(object),
                None => None,
            };
            if (next.is_none() || full.is_some()) && !packer.is_empty() {
                let ready = std::mem::take(&mut packer);
                let number = meta.next_pack;
                meta.next_pack += 1;
                let numbers = place(code, number, usable);
                let spare = usable.iter().filter(|number| !numbers.contains(&Some(**number)));
                let spare: Vec<Arc<Peer>> = spare.filter_map(|number| peers.get(number).cloned()).collect();
                let homes = numbers.iter().map(|number| peers.get(&(*number)?).cloned()).collect();
                under_way.spawn(store(ready, number, code, self.keys.clone(), homes, spare));
            }
            if let Some(object) = full {
                packer.push(object);
            }
            while under_way.len() >= AT_ONCE || (next.is_none() && !under_way.is_empty()) {
                let Some(done) = under_way.join_next().await else { break };
                let done = done.map_err(|_| BackupError::Shards)?;
                self.keep(done?, meta, report, &mut state)?;
                progress(state);
            }
            if next.is_none() {
                break;
            }
        }
        if damaged.is_empty() { Ok(()) } else { Err(RunError::Damaged(damaged)) }
    }

    /// Notes a pack that was brought, durably.
    fn keep(
        &mut self,
        stored: Stored,
        meta: &mut Meta,
        report: &mut Report,
        state: &mut Progress,
    ) -> Result<(), RunError> {
        let Stored { record, directory, faults } = stored;
        let (placed, needed) = (record.placed(), usize::from(record.code.needed()));
        report.faults.append(faults);
        if placed < needed {
            let faults = std::mem::take(&mut report.faults);
            return Err(RunError::TooFewPeers { usable: placed, needed, faults });
        }
        self.book().add_pack(&record, &directory)?;
        meta.changed = true;
        self.book().set_meta(meta)?;
        self.files.commit()?;
        report.packs += 1;
        report.bytes += u64::from(record.size);
        report.objects += directory.len() as u64;
        report.homeless += (record.shards.len() - placed) as u64;
        state.stored = report.objects;
        state.bytes = report.bytes;
        Ok(())
    }

    /// Has every peer keep a catalogue of what is stored, if there is anything to say.
    async fn publish(
        &mut self,
        peers: &Peers,
        code: Code,
        mut meta: Meta,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let roots = self.files.roots()?.encode();
        if meta.changed || meta.roots != roots || meta.generation == 0 {
            meta.generation = meta.generation.checked_add(1).ok_or(RunError::Exhausted)?;
            meta.made = crate::now().0;
            meta.roots = roots;
            meta.changed = false;
        }
        meta.finished = meta.next_pack;
        // Known here before anybody else knows it, so that no peer is ever ahead of this image.
        self.book().set_meta(&meta)?;
        self.files.commit()?;
        report.generation = meta.generation;
        let mut records = self.book().peers()?;
        if records.iter().any(|record| record.acknowledged < meta.generation) || !report.faults.0.is_empty() {
            let mut catalogue = Catalogue::new(
                meta.generation,
                meta.made,
                meta.author,
                self.files.ring().secrets().expose().to_vec(),
                meta.roots.clone(),
            );
            (catalogue.peers, catalogue.packs) = (records.clone(), self.book().packs()?);
            let catalogue = Arc::new(catalogue);
            let mut under_way = JoinSet::new();
            for peer in peers.values().filter(|peer| !peer.is_away()).cloned() {
                let catalogue = Arc::clone(&catalogue);
                under_way.spawn(async move { (tell(&peer, &catalogue).await, peer) });
            }
            while let Some(done) = under_way.join_next().await {
                let Ok((told, peer)) = done else { continue };
                match told {
                    Ok(()) => {
                        for record in records.iter_mut().filter(|record| record.number == peer.number) {
                            record.acknowledged = meta.generation;
                            self.book().set_peer(record)?;
                        }
                    }
                    Err(TellError::Backup(why)) => return Err(why.into()),
                    Err(TellError::Peer(why)) => report.faults.add(peer.address(), why),
                }
            }
            self.files.commit()?;
        }
        let count = records.iter().filter(|record| record.acknowledged == meta.generation).count();
        let mut needed = usize::from(code.needed());
        // Packs of earlier days may need fewer.
        let earlier = self.book().packs()?.iter().map(|pack| usize::from(pack.code.needed())).min();
        needed = needed.min(earlier.unwrap_or(needed));
        report.acknowledged = (count, records.len());
        report.is_safe = count > records.len().saturating_sub(needed);
        Ok(())
    }

    /// Has peers drop what no catalogue needs, once the newest is safe.
    async fn tidy(&mut self, peers: &Peers, report: &mut Report) -> Result<(), RunError> {
        if !report.is_safe {
            return Ok(());
        }
        let packs = self.book().packs()?;
        let records = self.book().peers()?;
        for record in records.iter().filter(|record| record.acknowledged == report.generation) {
            let Some(peer) = peers.get(&record.number).filter(|peer| !peer.is_away()) else { continue };
            let needed = shards_at(&packs, record.number);
            match peer.list(needed.len()).await {
                Ok(listed) => {
                    for id in listed.iter().filter(|id| needed.binary_search(id).is_err()) {
                        if let Err(why) = peer.delete(id).await {
                            report.faults.add(peer.address(), why);
                            break;
                        }
                    }
                }
                Err(why) => report.faults.add(peer.address(), why),
            }
        }
        Ok(())
    }
}

/// The shards that a peer should have, in their order.
pub(super) fn shards_at(packs: &[PackRecord], peer: u32) -> Vec<allod_vault::backup::shard::ShardId> {
    let shards = packs.iter().flat_map(|pack| &pack.shards);
    let mut found: Vec<_> = shards.filter(|shard| shard.peer == Some(peer)).map(|shard| shard.id).collect();
    found.sort_unstable();
    found
}

enum TellError {
    Backup(allod_vault::backup::BackupError),
    Peer(PeerError),
}

/// Has a peer keep the catalogue.
async fn tell(peer: &Peer, catalogue: &Catalogue) -> Result<(), TellError> {
    let sealed = catalogue.seal(peer.account()).map_err(TellError::Backup)?;
    let bytes = Head::sign(peer.account(), catalogue.generation, catalogue.made, &sealed);
    peer.put_catalogue(&bytes).await.map_err(TellError::Peer)
}
