//! Auditing peers: whether they still have what they took.

use std::collections::BTreeMap;

use allod_crypto::CryptoRng;
use allod_vault::backup::shard::ShardId;
use allod_vault::backup::{Answer, Lie, newest};
use allod_vault::files::Access;
use tokio::task::JoinSet;

use super::Backup;
use super::error::{Faults, RunError};
use super::peer::PeerError;
use super::publish::shards_at;

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// A random leaf of each of so many shards of every peer, chosen at random.
    Sample(usize),
    /// A random leaf of every shard.
    Every,
    /// Every shard, whole.
    Whole,
}

/// What came of it for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Its address.
    pub address: String,
    /// Shards that it should have.
    pub shards: usize,
    /// Shards that were asked for.
    pub asked: usize,
    /// Shards that it has not, or not as they were.
    pub bad: Vec<ShardId>,
    /// What was wrong with it.
    pub faults: Faults,
}

impl<A: Access> Backup<A> {
    /// Audits all peers. What is lost is noted, so that the next [run](Self::run) makes it
    /// again.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn verify(&mut self, audit: Audit) -> Result<Vec<Audited>, RunError> {
        self.take_hold()?;
        let done = self.verify_held(audit).await;
        self.let_go();
        done
    }

    async fn verify_held(&mut self, audit: Audit) -> Result<Vec<Audited>, RunError> {
        let peers = self.peers()?;
        let (meta, records) = self.book(|book| Ok((book.meta_or_new()?, book.peers()?)))?;
        self.see_who_is_back(&peers, &records, meta.taken_over).await?;
        let ours = meta.generation;
        let (packs, records) = self.book(|book| Ok((book.packs()?, book.peers()?)))?;
        let sizes: BTreeMap<ShardId, u64> = packs
            .iter()
            .flat_map(|pack| pack.shards.iter().map(|shard| (shard.id, pack.shard_size() as u64)))
            .collect();
        let mut under_way = JoinSet::new();
        for record in records {
            let Some(peer) = peers.get(&record.number).cloned() else { continue };
            let should = shards_at(&packs, record.number);
            let sizes: Vec<(ShardId, u64)> =
                should.iter().filter_map(|id| Some((*id, *sizes.get(id)?))).collect();
            under_way.spawn(async move {
                let mut theirs = 0;
                let mut audited = Audited {
                    address: peer.address().to_string(),
                    shards: should.len(),
                    asked: 0,
                    bad: Vec::new(),
                    faults: Faults::default(),
                };
                let done: Result<(), PeerError> = async {
                    let bytes = peer.catalogue().await?;
                    if record.acknowledged > 0 || bytes.is_some() {
                        let bytes = bytes.unwrap_or_default();
                        let answer =
                            Answer { account: peer.account(), address: &audited.address, bytes: &bytes };
                        let shown = newest(&[answer]).answers.into_iter().next();
                        let acknowledged = record.acknowledged;
                        if let Some(Ok(generation)) = shown {
                            theirs = generation;
                        }
                        let lie = match shown {
                            Some(Err(Lie::Forged)) if bytes.is_empty() => Some(Lie::NoCatalogue),
                            Some(Err(lie)) => Some(lie),
                            Some(Ok(shown)) if shown < acknowledged => {
                                Some(Lie::PutBack { shown, acknowledged })
                            }
                            _ => None,
                        };
                        lie.into_iter()
                            .for_each(|lie| audited.faults.add(peer.address(), PeerError::Lied(lie)));
                    }
                    let listed = peer.list(should.len()).await?;
                    let (there, gone): (Vec<_>, Vec<_>) =
                        sizes.into_iter().partition(|(id, _)| listed.binary_search(id).is_ok());
                    let mut lies: Vec<Lie> = gone.iter().map(|(id, _)| Lie::NoShard(*id)).collect();
                    match audit {
                        Audit::Whole => {
                            for (id, _) in &there {
                                match peer.get(id).await {
                                    Ok(_) => {}
                                    Err(PeerError::Lied(lie)) => lies.push(lie),
                                    Err(why) => return Err(why),
                                }
                                audited.asked += 1;
                            }
                        }
                        Audit::Every | Audit::Sample(_) => {
                            let asked = match audit {
                                Audit::Sample(count) => sample(there, count, &mut crate::entropy()),
                                _ => there,
                            };
                            audited.asked = asked.len();
                            lies.extend(peer.challenge(&asked, &mut crate::entropy()).await?);
                        }
                    }
                    for lie in lies {
                        if let Lie::NoShard(id) | Lie::WrongShard(id) | Lie::WrongAnswer(id) = lie {
                            audited.bad.push(id);
                        }
                        audited.faults.add(peer.address(), PeerError::Lied(lie));
                    }
                    Ok(())
                }
                .await;
                if let Err(why) = done {
                    audited.faults.add(peer.address(), why);
                }
                (record.number, (audited, theirs))
            });
        }
        let mut all: BTreeMap<u32, (Audited, u64)> = BTreeMap::new();
        while let Some(done) = under_way.join_next().await {
            let Ok((number, audited)) = done else { continue };
            all.insert(number, audited);
        }
        // Another device may have had them drop what this one brought.
        let theirs = all.values().map(|(_, newest)| *newest).max().unwrap_or_default();
        if theirs > ours {
            return Err(RunError::Newer { ours, theirs });
        }
        self.note(&all)?;
        Ok(all.into_values().map(|(audited, _)| audited).collect())
    }

    /// Notes who was caught, and which shards nobody has any more.
    fn note(&mut self, all: &BTreeMap<u32, (Audited, u64)>) -> Result<(), RunError> {
        let is_bad = |peer: u32, id: &ShardId| all.get(&peer).is_some_and(|(one, _)| one.bad.contains(id));
        for (audited, _) in all.values() {
            self.note_lies(&audited.faults)?;
        }
        // Who does not show the catalogue gets the next one.
        let is_lost = |lie: &Lie| !lie.is_about_keeping();
        let without: Vec<u32> = all
            .iter()
            .filter(|(_, (one, _))| one.faults.lies().any(|(_, lie)| is_lost(lie)))
            .map(|(number, _)| *number)
            .collect();
        self.book(|book| {
            let mut changed = false;
            for mut pack in book.packs()? {
                let before = pack.clone();
                for shard in &mut pack.shards {
                    shard.peer = shard.peer.filter(|peer| !is_bad(*peer, &shard.id));
                }
                if pack != before {
                    book.set_pack(&pack)?;
                    changed = true;
                }
            }
            for number in without {
                if let Some(mut record) = book.peer(number)? {
                    record.acknowledged = 0;
                    book.set_peer(&record)?;
                    changed = true;
                }
            }
            let now = crate::now().0;
            book.change_meta(|meta| {
                meta.changed |= changed;
                meta.audited = now;
            })?;
            book.commit()
        })
    }
}

/// At most so many, chosen at random.
fn sample<T>(mut all: Vec<T>, count: usize, rng: &mut impl CryptoRng) -> Vec<T> {
    for place in 0..count.min(all.len()) {
        let mut bytes = [0; 8];
        rng.fill_bytes(&mut bytes);
        let other = place + (u64::from_le_bytes(bytes) % (all.len() - place) as u64) as usize;
        all.swap(place, other);
    }
    all.truncate(count);
    all
}
