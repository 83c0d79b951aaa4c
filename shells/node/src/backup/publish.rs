//! The end of a backup: a catalogue of all that is stored, kept by every peer, and nothing else.

use std::sync::Arc;

use allod_vault::backup::shard::ShardId;
use allod_vault::backup::{BackupError, Catalogue, Code, Head, PackRecord, PeerRecord};
use allod_vault::files::Access;
use tokio::task::JoinSet;

use super::error::RunError;
use super::peer::{Peer, PeerError};
use super::run::{New, Report};
use super::{Backup, Peers};

impl<A: Access> Backup<A> {
    /// Has every peer keep a catalogue of what is stored, if there is anything to say.
    pub(super) async fn publish(
        &mut self,
        peers: &Peers,
        code: Code,
        new: &New<A::Compress>,
        report: &mut Report,
    ) -> Result<(), RunError> {
        // Known here before anybody else knows it, so that no peer is ever ahead of this image.
        let (meta, mut records, packs) = self
            .book(|book| {
                let before = book.meta_or_new()?;
                let mut meta = before.clone();
                if meta.changed || meta.roots != new.roots || meta.generation == 0 {
                    let Some(generation) = meta.generation.checked_add(1) else { return Ok(None) };
                    (meta.generation, meta.made) = (generation, crate::now().0);
                    meta.roots.clone_from(&new.roots);
                    meta.changed = false;
                }
                meta.finished = meta.next_pack;
                if meta != before {
                    book.set_meta(&meta)?;
                }
                book.commit()?;
                Ok(Some((meta, book.peers()?, book.packs()?)))
            })?
            .ok_or(RunError::Exhausted)?;
        report.generation = meta.generation;
        // Packs of earlier days may need fewer.
        let earlier = packs.iter().map(|pack| usize::from(pack.code.needed())).min();
        if records.iter().any(|record| record.acknowledged < meta.generation) {
            let ring = new.ring.secrets().expose().to_vec();
            let mut catalogue =
                Catalogue::new(meta.generation, meta.made, meta.author, ring, meta.roots.clone());
            (catalogue.peers, catalogue.packs) = (records.clone(), packs);
            catalogue.folders.clone_from(&meta.folders);
            let catalogue = Arc::new(catalogue);
            let mut under_way = JoinSet::new();
            for record in records.iter().filter(|record| record.acknowledged < meta.generation) {
                let Some(peer) = peers.get(&record.number).filter(|peer| !peer.is_away()) else { continue };
                let (catalogue, peer) = (Arc::clone(&catalogue), Arc::clone(peer));
                under_way.spawn(async move { (tell(&peer, &catalogue).await, peer) });
            }
            while let Some(done) = under_way.join_next().await {
                let Ok((told, peer)) = done else { continue };
                match told {
                    Ok(()) => {
                        for record in records.iter_mut().filter(|record| record.number == peer.number) {
                            record.acknowledged = meta.generation;
                        }
                        self.book(|book| match book.peer(peer.number)? {
                            Some(mut record) => {
                                record.acknowledged = meta.generation;
                                book.set_peer(&record)
                            }
                            None => Ok(()),
                        })?;
                    }
                    Err(TellError::Backup(why)) => return Err(why.into()),
                    Err(TellError::Peer(why)) => {
                        if why.is("stale") {
                            // It has another one of this number, which no run came to its end with.
                            self.book(|book| book.change_meta(|meta| meta.changed = true))?;
                        }
                        report.faults.add(peer.address(), why);
                    }
                }
            }
            self.book(|book| book.commit())?;
        }
        // Who was caught may show an older one.
        let knows = |record: &&PeerRecord| record.acknowledged == meta.generation && record.is_trusted();
        let count = records.iter().filter(knows).count();
        let mut needed = usize::from(code.needed());
        needed = needed.min(earlier.unwrap_or(needed));
        report.acknowledged = (count, records.len());
        report.is_safe = count > records.len().saturating_sub(needed);
        Ok(())
    }

    /// Has peers drop what no catalogue needs, once the newest is safe.
    pub(super) async fn tidy(&mut self, peers: &Peers, report: &mut Report) -> Result<(), RunError> {
        if !report.is_safe {
            return Ok(());
        }
        let (packs, records) = self.book(|book| Ok((book.packs()?, book.peers()?)))?;
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
pub(super) fn shards_at(packs: &[PackRecord], peer: u32) -> Vec<ShardId> {
    let shards = packs.iter().flat_map(|pack| &pack.shards);
    let mut found: Vec<_> = shards.filter(|shard| shard.peer == Some(peer)).map(|shard| shard.id).collect();
    found.sort_unstable();
    found
}

enum TellError {
    Backup(BackupError),
    Peer(PeerError),
}

/// Has a peer keep the catalogue.
async fn tell(peer: &Peer, catalogue: &Catalogue) -> Result<(), TellError> {
    let sealed = catalogue.seal(peer.account()).map_err(TellError::Backup)?;
    let bytes = Head::sign(peer.account(), catalogue.generation, catalogue.made, &sealed);
    peer.put_catalogue(&bytes).await.map_err(TellError::Peer)
}
