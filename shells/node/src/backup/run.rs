//! A backup: what is new goes to the peers, what is lost is made again, and a catalogue of all
//! of it is safe with them.

use std::collections::VecDeque;
use std::sync::Arc;

use allod_vault::backup::plan::{place, sparse};
use allod_vault::backup::{BackupError, Code, Lie, Packer};
use allod_vault::files::{Access, Files};
use allod_vault::object::{ObjectId, Sealed};
use allod_vault::{Blocks, Compress, Ring, VaultError};
use tokio::task::JoinSet;

use super::book::{Book, Meta};
use super::error::{Faults, RunError};
use super::peer::{Held, Peer, PeerError};
use super::store::{Stored, store};
use super::{Backup, Peers};

/// Packs that are on their way at once.
const AT_ONCE: usize = 3;

/// Bytes of objects that are read in one step.
const STEP: usize = 1 << 20;

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

/// What is to be backed up: the state of one moment, which is held until the end.
pub(super) struct New<C> {
    pub(super) roots: Vec<u8>,
    pub(super) ring: Ring,
    compress: C,
    /// Objects that are in no pack yet.
    objects: Vec<ObjectId>,
}

impl<A: Access> Backup<A> {
    /// Backs up. What is stored when it stops anywhere is known to the next run.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn run(
        &mut self,
        how: How,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, RunError> {
        self.take_hold()?;
        let done = self.run_held(how, progress).await;
        self.let_go();
        done
    }

    pub(super) async fn run_held(
        &mut self,
        how: How,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, RunError> {
        let meta = self.book(|book| book.meta_or_new())?;
        let peers = self.peers()?;
        let mut report = Report::default();
        let mut faults = Faults::default();
        let mut usable = self.meet(&meta, &peers, how, &mut faults).await?;
        let code = meta.code.or(Code::for_peers(peers.len())).ok_or(RunError::NoPeers)?;
        let needed = usize::from(code.needed());
        if usable.len() < needed {
            return Err(RunError::TooFewPeers { usable: usable.len(), needed, faults });
        }
        self.make_again(&peers, &usable, &mut report).await?;
        // Who did not have what others are to have again gets nothing new either.
        self.note_lies(&report.faults)?;
        let records = self.book(|book| book.peers())?;
        usable.retain(|number| records.iter().any(|record| record.number == *number && record.is_trusted()));
        if usable.len() < needed {
            report.faults.append(std::mem::take(&mut faults));
            return Err(RunError::TooFewPeers { usable: usable.len(), needed, faults: report.faults });
        }
        let new = self.what_is_new(how)?;
        self.bring(&new, code, &usable, &mut report, progress).await?;
        self.publish(&peers, code, &new, &mut report).await?;
        self.tidy(&peers, &mut report).await?;
        faults.append(report.faults);
        report.faults = faults;
        Ok(report)
    }

    /// Asks all peers how they are. With the numbers of those that take shards.
    async fn meet(
        &mut self,
        meta: &Meta,
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
        let mut behind = Vec::new();
        let records = self.book(|book| book.peers())?;
        while let Some(answer) = asked.join_next().await {
            let Ok((held, peer)) = answer else { continue };
            let Some(record) = records.iter().find(|record| record.number == peer.number) else { continue };
            match held {
                Ok(held) => {
                    newest = newest.max(held.generation);
                    if held.generation < record.acknowledged {
                        behind.push((peer, held.generation, record.acknowledged));
                    } else if let Some(caught) = record.caught.last() {
                        faults.add(peer.address(), PeerError::Distrusted(caught.lie));
                    } else {
                        usable.push(peer.number);
                    }
                }
                Err(why) => faults.add(peer.address(), why),
            }
        }
        let is_taken_over = newest > meta.generation;
        if is_taken_over && !how.take_over {
            return Err(RunError::Newer { ours: meta.generation, theirs: newest });
        }
        for (peer, shown, acknowledged) in behind {
            // Where another device made backups, it may have had the peer forget this one's.
            match is_taken_over {
                true => usable.push(peer.number),
                false => faults.add(peer.address(), PeerError::Lied(Lie::PutBack { shown, acknowledged })),
            }
            // What it has no more, it has not acknowledged.
            self.book(|book| match book.peer(peer.number)? {
                Some(mut record) => {
                    record.acknowledged = shown;
                    book.set_peer(&record)
                }
                None => Ok(()),
            })?;
        }
        self.note_lies(faults)?;
        usable.sort_unstable();
        if is_taken_over {
            self.book(|book| {
                book.change_meta(|meta| {
                    (meta.generation, meta.taken_over) = (newest, newest);
                    meta.changed = true;
                })
            })?;
            self.see_what_is_left(peers.values()).await?;
        } else {
            self.see_who_is_back(peers, &records, meta.taken_over).await?;
        }
        Ok(usable)
    }

    /// What is to be stored, from here on held. Packs of which little is needed are forgotten, and
    /// what is needed of them is new.
    fn what_is_new(&mut self, how: How) -> Result<New<A::Compress>, RunError> {
        let Some(hold) = &self.hold else { return Err(RunError::UnderWay) };
        self.access.with(|files| {
            files.commit()?;
            let objects = unpacked(files, how)?;
            let roots = files.roots()?;
            let encoded = roots.encode();
            if !files.hold(hold, roots) {
                return Err(RunError::UnderWay);
            }
            let (ring, compress) = (files.ring().clone(), files.compress().clone());
            Ok(New { roots: encoded, ring, compress, objects })
        })
    }

    /// Puts objects into packs and brings these to the peers.
    async fn bring(
        &mut self,
        new: &New<A::Compress>,
        code: Code,
        usable: &[u32],
        report: &mut Report,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunError> {
        let peers = self.peers()?;
        let mut state = Progress { objects: new.objects.len() as u64, ..Progress::default() };
        let (mut under_way, mut packer, mut damaged) = (JoinSet::new(), Packer::new(), Vec::new());
        let mut next_pack = self.book(|book| book.meta_or_new())?.next_pack;
        let (mut rest, mut read) = (new.objects.as_slice(), VecDeque::new());
        loop {
            if read.is_empty() {
                read = self.read_some(&mut rest)?;
            }
            let next = read.pop_front();
            let is_last = next.is_none();
            let object = match next {
                Some(object) if new.ring.check(&object, &new.compress).is_err() => {
                    damaged.push(object.id);
                    continue;
                }
                object => object,
            };
            let full = match object {
                Some(object) => packer.push(object),
                None => None,
            };
            if (is_last || full.is_some()) && !packer.is_empty() {
                let ready = std::mem::take(&mut packer);
                let number = next_pack;
                next_pack += 1;
                let numbers = place(code, number, usable);
                let spare = usable.iter().filter(|number| !numbers.contains(&Some(**number)));
                let spare: Vec<Arc<Peer>> = spare.filter_map(|number| peers.get(number).cloned()).collect();
                let homes = numbers.iter().map(|number| peers.get(&(*number)?).cloned()).collect();
                under_way.spawn(store(ready, number, code, self.keys.clone(), homes, spare));
            }
            if let Some(object) = full {
                packer.push(object);
            }
            while under_way.len() >= AT_ONCE || (is_last && !under_way.is_empty()) {
                let Some(done) = under_way.join_next().await else { break };
                let done = done.map_err(|_| BackupError::Shards)?;
                self.keep(done?, report, &mut state)?;
                progress(state);
            }
            if is_last {
                break;
            }
        }
        if damaged.is_empty() { Ok(()) } else { Err(RunError::Damaged(damaged)) }
    }

    /// Reads the next few objects, in one step.
    fn read_some(&mut self, rest: &mut &[ObjectId]) -> Result<VecDeque<Sealed>, RunError> {
        self.access.with(|files| {
            let (mut read, mut size) = (VecDeque::new(), 0);
            while let Some((id, behind)) = rest.split_first().filter(|_| size < STEP) {
                let object = files.sealed(id)?;
                size += object.bytes.len();
                read.push_back(object);
                *rest = behind;
            }
            Ok(read)
        })
    }

    /// Notes a pack that was brought, durably.
    fn keep(&mut self, stored: Stored, report: &mut Report, state: &mut Progress) -> Result<(), RunError> {
        let Stored { record, directory, faults } = stored;
        let (placed, needed) = (record.placed(), usize::from(record.code.needed()));
        report.faults.append(faults);
        if placed < needed {
            let faults = std::mem::take(&mut report.faults);
            return Err(RunError::TooFewPeers { usable: placed, needed, faults });
        }
        self.book(|book| {
            book.add_pack(&record, &directory)?;
            book.change_meta(|meta| {
                meta.next_pack = meta.next_pack.max(record.number + 1);
                meta.changed = true;
            })?;
            book.commit()
        })?;
        report.packs += 1;
        report.bytes += u64::from(record.size);
        report.objects += directory.len() as u64;
        report.homeless += (record.shards.len() - placed) as u64;
        state.stored = report.objects;
        state.bytes = report.bytes;
        Ok(())
    }
}

/// The objects that are to be stored.
fn unpacked<B: Blocks, C: Compress + Clone>(
    files: &mut Files<B, C>,
    how: How,
) -> Result<Vec<ObjectId>, VaultError> {
    let meta = Book::new(files).meta_or_new()?;
    let packs = Book::new(files).packs()?;
    let small = packs.iter().filter(|pack| pack.size <= SMALL).count();
    if !how.compact && small < SMALL_MAX && meta.finished > 0 {
        return Ok(files.survey(meta.finished)?.unpacked);
    }
    let survey = files.survey(0)?;
    let mut known = Vec::with_capacity(packs.len());
    for pack in &packs {
        let directory = Book::new(files).directory(pack.number)?;
        let is_needed = |(id, _): &&(ObjectId, u32)| survey.packed.contains(id);
        let needed: u64 = directory.iter().filter(is_needed).map(|(_, size)| u64::from(*size)).sum();
        known.push((pack.number, u64::from(pack.size), needed));
    }
    let mut objects = survey.unpacked;
    let removed = if how.compact || small >= SMALL_MAX { sparse(known) } else { Vec::new() };
    for pack in packs.iter().filter(|pack| !removed.contains(&pack.number)) {
        Book::new(files).forget_others(pack.number, &survey.packed)?;
    }
    for number in removed {
        let directory = Book::new(files).directory(number)?;
        objects.extend(directory.iter().map(|(id, _)| *id).filter(|id| survey.packed.contains(id)));
        Book::new(files).remove_pack(number)?;
        // Until they are in packs again, everything has to be looked at.
        Book::new(files).change_meta(|meta| (meta.finished, meta.changed) = (0, true))?;
    }
    files.commit()?;
    Ok(objects)
}
