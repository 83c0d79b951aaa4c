//! Gathering signatures of the network: each guardian that holds a share of the
//! network's key is asked for its part, and as soon as enough are there, they are
//! combined and checked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allod_ledger::guardian::Guardian;
use allod_ledger::shared_key::{KeyName, SharedKey, Sharing};
use allod_ledger::{Checkpoint, beacon_message};
use allod_threshold::PublicShares;
use allod_threshold::bls::{Message, PartialSignature, ShareKeys, Signature};
use allod_wire::{GuardianId, NetworkId};
use tokio::task::JoinSet;

use super::keys::HeldKeys;
use super::store::At;
use super::{ChainError, Routes};
use crate::person::Link;

/// How long guardians may take with their parts.
const PATIENCE: Duration = Duration::from_secs(3);

/// Words of the beacon that are remembered.
const WORDS_KEPT: usize = 256;

/// What the network signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// What the ledger was at a height.
    Checkpoint(Checkpoint),
    /// A round of the beacon.
    Round(NetworkId, u64),
}

impl Subject {
    pub(super) fn message(&self) -> Message {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.message(),
            Self::Round(network, round) => beacon_message(network, *round),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Checkpoint(checkpoint) => format!("/chain/part/checkpoint/{}", checkpoint.height),
            Self::Round(_, round) => format!("/chain/part/beacon/{round}"),
        }
    }
}

/// Asks other guardians.
#[derive(Debug)]
pub(super) struct Gatherer {
    me: GuardianId,
    routes: Routes,
    known: Mutex<Known>,
}

/// What is kept between questions.
#[derive(Debug, Default)]
struct Known {
    links: BTreeMap<GuardianId, (String, Arc<Link>)>,
    /// The newest words of the beacon. There is one right word for a round, so it
    /// is gathered once, however many ask.
    words: BTreeMap<u64, Signature>,
    /// The public shares of one generation, decoded.
    shares: Option<(u32, Arc<ShareKeys>)>,
}

impl Gatherer {
    pub(super) fn new(me: GuardianId, routes: Routes) -> Self {
        Self { me, routes, known: Mutex::default() }
    }

    /// The network's signature on `subject`; nothing where it has no key yet, or
    /// too few guardians gave their part.
    pub(super) async fn signature(
        &self,
        ledger: &At,
        held: &HeldKeys,
        subject: &Subject,
    ) -> Result<Option<Signature>, ChainError> {
        let Subject::Round(_, round) = subject else { return self.gather(ledger, held, subject).await };
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = known().words.get(round) {
            return Ok(Some(*word));
        }
        let word = self.gather(ledger, held, subject).await?;
        if let Some(word) = word {
            let words = &mut known().words;
            words.insert(*round, word);
            if words.len() > WORDS_KEPT {
                words.pop_first();
            }
        }
        Ok(word)
    }

    async fn gather(
        &self,
        ledger: &At,
        held: &HeldKeys,
        subject: &Subject,
    ) -> Result<Option<Signature>, ChainError> {
        let name = KeyName::network();
        let Some(key) = ledger.find::<SharedKey>(&name)? else { return Ok(None) };
        let Some(generation) = key.generation else { return Ok(None) };
        let sharing: Sharing = ledger.expect(&(name, generation))?;
        let keys = self.share_keys(generation, &sharing)?;
        let message = subject.message();
        let mut parts: Vec<PartialSignature> = Vec::new();
        // A share of another generation is of no use beside those of this one.
        if held.generations().contains(&(KeyName::network().to_string(), Some(generation))) {
            parts.extend(held.sign(&message)?);
        }
        let mut asked = JoinSet::new();
        for holder in sharing.holders.iter().filter(|holder| holder.guardian != self.me) {
            let Some(guardian) = ledger.find::<Guardian>(&holder.guardian)? else { continue };
            let Some(link) = self.link(holder.guardian, &guardian.terms.service) else { continue };
            let (path, index) = (subject.path(), holder.index);
            asked.spawn(async move {
                let part = tokio::time::timeout(PATIENCE, link.get(&path, PartialSignature::LEN)).await;
                part.ok()?.ok()?.and_then(|part| {
                    let part = PartialSignature::decode(&part).ok()?;
                    (part.index().get() == index).then_some(part)
                })
            });
        }
        loop {
            if parts.len() >= usize::from(keys.threshold())
                && let Ok(combined) = keys.combine(&message, &parts)
            {
                for index in combined.refused {
                    tracing::warn!(%index, "a guardian gave a wrong part of a signature");
                }
                return Ok(Some(combined.signature));
            }
            match asked.join_next().await {
                Some(Ok(Some(part))) => parts.push(part),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// The way to a guardian, kept while its address stays.
    fn link(&self, guardian: GuardianId, service: &str) -> Option<Arc<Link>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((address, link)) = known.links.get(&guardian)
            && address == service
        {
            return Some(Arc::clone(link));
        }
        let link = Arc::new(self.routes.link(service).ok()?);
        known.links.insert(guardian, (service.into(), Arc::clone(&link)));
        Some(link)
    }

    /// Decoding elements of G2 takes a while, so it is done once a generation.
    fn share_keys(&self, generation: u32, sharing: &Sharing) -> Result<Arc<ShareKeys>, ChainError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, keys)) = &known.shares
            && *of == generation
        {
            return Ok(Arc::clone(keys));
        }
        let shares = sharing.holders.iter().map(|holder| (holder.index, holder.public_share.as_slice()));
        let shares = PublicShares::decode(sharing.threshold, &sharing.public_key, shares)
            .map_err(|why| ChainError::Store(format!("the network's key: {why}")))?;
        let keys = Arc::new(ShareKeys::new(shares));
        known.shares = Some((generation, Arc::clone(&keys)));
        Ok(keys)
    }
}
