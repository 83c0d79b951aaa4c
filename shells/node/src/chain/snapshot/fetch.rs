//! Fetching the ledger from guardians that have it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use allod_ledger::jellyfish::{KeyHash, RestoreError};
use allod_ledger::{Genesis, NetworkKey};
use allod_wire::{GuardianId, Wire};
use tokio::task::spawn_blocking;

use super::peers::{self, Peer};
use super::{Offer, PART_FILL, Part, finality};
use crate::chain::store::Restoring;
use crate::chain::{ChainError, Routes};

/// How often is begun anew, each time with the newest height that is offered.
const ATTEMPTS: usize = 30;

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// How often each peer is asked for a part that it did not send.
const ROUNDS: usize = 3;

/// What is to be caught up with.
#[derive(Debug)]
pub(in crate::chain) struct Wanted<'a> {
    /// The network's genesis.
    pub(in crate::chain) genesis: &'a Genesis,
    /// Who asks.
    pub(in crate::chain) me: GuardianId,
    /// How the others are reached.
    pub(in crate::chain) routes: Routes,
    /// The folder of the store, which nobody has open.
    pub(in crate::chain) folder: &'a Path,
    /// The height from which ordering can go on here.
    pub(in crate::chain) have: u64,
    /// How many heights the others must be ahead of that.
    pub(in crate::chain) ahead: u64,
    /// How many heights the others' ordering keeps.
    pub(in crate::chain) kept: u64,
    /// The network's key, if it is known.
    pub(in crate::chain) key: Option<NetworkKey>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(in crate::chain) struct CaughtUp {
    /// The height of the ledger that is in the store now, if one came.
    pub(in crate::chain) height: Option<u64>,
    /// Who said what was wrong, in the order in which it was found out.
    pub(in crate::chain) refused: Vec<(GuardianId, Wrong)>,
}

/// Why what a peer sent was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chain) enum Wrong {
    /// The bytes are not what was asked for.
    Garbage,
    /// The network did not sign what was offered.
    Signature,
    /// The height is too old to go on from.
    Old(u64),
    /// A part of the ledger is wrong.
    Part(RestoreError),
    /// A part ends early, or has a value without bytes.
    Short,
    /// The votes on the height are wrong.
    Votes(&'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage => f.write_str("what it sent is not what was asked for"),
            Self::Signature => f.write_str("the network did not sign what it offered"),
            Self::Old(height) => write!(f, "height {height} is too old to go on from"),
            Self::Part(why) => write!(f, "a part of the ledger: {why}"),
            Self::Short => f.write_str("a part of the ledger ends early"),
            Self::Votes(why) => f.write_str(why),
        }
    }
}

/// A fetch under way.
struct Fetch<'a> {
    wanted: &'a Wanted<'a>,
    key: NetworkKey,
    peers: Vec<Peer>,
    /// Who is not asked any more.
    liars: BTreeSet<GuardianId>,
    refused: Vec<(GuardianId, Wrong)>,
}

/// Brings the newest ledger that the other guardians offer into the store, if they
/// are far ahead. Where that is not possible, all stays as it was.
///
/// # Errors
/// [`ChainError`], where this guardian's own disk fails.
pub(in crate::chain) async fn catch_up(wanted: &Wanted<'_>) -> Result<CaughtUp, ChainError> {
    let peers = peers::founders(wanted.genesis, wanted.me, &wanted.routes);
    let known = peers::final_height(&peers, wanted.genesis).await;
    let Some(known) = known.filter(|known| *known > wanted.have.saturating_add(wanted.ahead)) else {
        return Ok(CaughtUp::default());
    };
    tracing::info!(have = wanted.have, known, "the network is far ahead: its ledger is fetched");
    let key = match &wanted.key {
        Some(key) => Some(key.clone()),
        None => peers::network_key(&peers, wanted.genesis).await,
    };
    let Some(key) = key else {
        tracing::warn!("no ledger can be fetched: the network's key is not known");
        return Ok(CaughtUp::default());
    };
    let mut fetch = Fetch { wanted, key, peers, liars: BTreeSet::new(), refused: Vec::new() };
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(height) = fetch.attempt(known).await? {
            tracing::info!(height, "the ledger was fetched");
            return Ok(CaughtUp { height: Some(height), refused: fetch.refused });
        }
        if fetch.willing().is_empty() {
            break;
        }
    }
    tracing::error!("no ledger could be fetched; the guardian goes on with what it has");
    Ok(CaughtUp { height: None, refused: fetch.refused })
}

impl Fetch<'_> {
    async fn attempt(&mut self, known: u64) -> Result<Option<u64>, ChainError> {
        let newer = peers::final_height(&self.willing(), self.wanted.genesis).await;
        let known = newer.unwrap_or(known).max(known);
        let Some((peer, offer)) = self.offers(known).await else { return Ok(None) };
        let certificate = offer.certificate;
        let height = certificate.checkpoint.height;
        tracing::info!(height, guardian = %peer.guardian, "fetching the ledger");
        let folder = self.wanted.folder.to_owned();
        let restoring = work(move || Restoring::begin(&folder, &certificate)).await?;
        let Some(restoring) = self.restore(restoring, height, &peer).await? else { return Ok(None) };
        let Some(votes) = self.votes(&restoring, &peer, &offer).await? else { return Ok(None) };
        work(move || restoring.install(&votes)).await?;
        Ok(Some(height))
    }

    /// The newest offer that counts, and whose it is.
    async fn offers(&mut self, known: u64) -> Option<(Peer, Offer)> {
        let network = self.wanted.genesis.network();
        let epoch = |height: u64| height / self.wanted.genesis.parameters.epoch_heights.max(1);
        // See the head of `snapshot.rs`.
        let current = epoch(known.saturating_add(1));
        let oldest = known.saturating_sub(self.wanted.kept);
        let mut best: Option<(Peer, Offer)> = None;
        for (peer, answer) in peers::ask(&self.willing(), "/chain/snapshot", Offer::SIZE_MAX).await {
            let Some(bytes) = answer else { continue };
            let Ok(offer) = allod_wire::decode::<Offer>(&bytes) else {
                self.ban(&peer, Wrong::Garbage);
                continue;
            };
            if self.key.verify(&network, &offer.certificate).is_err() {
                self.ban(&peer, Wrong::Signature);
                continue;
            }
            let height = offer.certificate.checkpoint.height;
            if height < oldest || epoch(height.saturating_add(1)) < current {
                // It may have a newer one soon.
                self.refuse(&peer, Wrong::Old(height));
                continue;
            }
            if best.as_ref().is_none_or(|(_, best)| best.certificate.checkpoint.height < height) {
                best = Some((peer, offer));
            }
        }
        best
    }

    /// All parts, from whoever has them; nothing where nobody has the next one any
    /// more.
    async fn restore(
        &mut self,
        mut restoring: Restoring,
        height: u64,
        first: &Peer,
    ) -> Result<Option<Restoring>, ChainError> {
        let mut peer = first.clone();
        let mut unanswered = 0;
        loop {
            let after = restoring.last().map_or_else(|| "-".into(), |key: &KeyHash| key.to_string());
            let path = format!("/chain/snapshot/{height}/{after}");
            let wrong = match peer.link.get(&path, Part::SIZE_MAX).await {
                Ok(Some(bytes)) => match allod_wire::decode::<Part>(&bytes) {
                    Ok(part) => {
                        let (same, done) = work(move || {
                            let done = take(&mut restoring, part)?;
                            Ok((restoring, done))
                        })
                        .await?;
                        restoring = same;
                        match done {
                            Ok(true) => return Ok(Some(restoring)),
                            Ok(false) => {
                                unanswered = 0;
                                continue;
                            }
                            Err(wrong) => Some(wrong),
                        }
                    }
                    Err(_) => Some(Wrong::Garbage),
                },
                Ok(None) => None,
                Err(allod_guardian::client::Fault::Lied(_)) => Some(Wrong::Garbage),
                Err(why) => {
                    tracing::info!(guardian = %peer.guardian, ?why, "a part of the ledger did not come");
                    None
                }
            };
            match wrong {
                Some(wrong) => self.ban(&peer, wrong),
                None => unanswered += 1,
            }
            let willing = self.willing();
            if willing.is_empty() || unanswered >= ROUNDS * willing.len() {
                return Ok(None);
            }
            // The one after it, around.
            let at = self.peers.iter().position(|other| other.guardian == peer.guardian).unwrap_or(0);
            let mut others = self.peers.iter().cycle().skip(at + 1).take(self.peers.len());
            if let Some(next) = others.find(|other| !self.liars.contains(&other.guardian)) {
                peer = next.clone();
            }
        }
    }

    /// Votes by which the height is final: those offered, or others'.
    async fn votes(
        &mut self,
        restoring: &Restoring,
        peer: &Peer,
        offer: &Offer,
    ) -> Result<Option<Vec<u8>>, ChainError> {
        let checkpoint = &offer.certificate.checkpoint;
        let ledger = restoring.ledger()?;
        let Some(wrong) = finality::fault(&ledger, checkpoint, &offer.finality)? else {
            return Ok(Some(allod_wire::encode(&offer.finality)));
        };
        self.ban(peer, Wrong::Votes(wrong));
        let path = format!("/chain/snapshot/{}", checkpoint.height);
        for (peer, answer) in peers::ask(&self.willing(), &path, Offer::SIZE_MAX).await {
            let Some(bytes) = answer else { continue };
            let wrong = match allod_wire::decode::<Offer>(&bytes) {
                Ok(other) => match finality::fault(&ledger, checkpoint, &other.finality)? {
                    None => return Ok(Some(allod_wire::encode(&other.finality))),
                    Some(wrong) => Wrong::Votes(wrong),
                },
                Err(_) => Wrong::Garbage,
            };
            self.ban(&peer, wrong);
        }
        Ok(None)
    }

    /// Who did not lie so far.
    fn willing(&self) -> Vec<Peer> {
        self.peers.iter().filter(|peer| !self.liars.contains(&peer.guardian)).cloned().collect()
    }

    fn refuse(&mut self, peer: &Peer, wrong: Wrong) {
        tracing::warn!(guardian = %peer.guardian, %wrong, "what this guardian offers is refused");
        self.refused.push((peer.guardian, wrong));
    }

    fn ban(&mut self, peer: &Peer, wrong: Wrong) {
        self.refuse(peer, wrong);
        self.liars.insert(peer.guardian);
    }
}

/// Takes a part: whether it was the last, or what is wrong with it.
fn take(restoring: &mut Restoring, part: Part) -> Result<Result<bool, Wrong>, ChainError> {
    // In the store, no bytes mean that there is no value.
    if part.entries.iter().any(|entry| entry.value.is_empty()) {
        return Ok(Err(Wrong::Short));
    }
    let room = part.room();
    let values: Vec<_> = part.entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    Ok(match restoring.add(&values, &part.path)? {
        // Parts of a few bytes each would take for ever.
        Ok(false) if room < PART_FILL => Err(Wrong::Short),
        Ok(complete) => Ok(complete),
        Err(why) => Err(Wrong::Part(why)),
    })
}

/// Does what takes the disk where it holds nobody up.
async fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChainError> + Send + 'static,
) -> Result<T, ChainError> {
    spawn_blocking(work).await.unwrap_or_else(|why| Err(ChainError::Store(why.to_string())))
}
