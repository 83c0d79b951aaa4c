//! A vault from its peers, on a machine that has nothing of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use allod_crypto::{Secret, SecretBytes};
use allod_vault::backup::{Answer, BackupError, BackupKeys, Catalogue, PeerRecord, newest, unpack};
use allod_vault::files::{Files, Roots};
use allod_vault::{Blocks, Compress, Ring};
use tokio::task::JoinSet;

use super::Peers;
use super::book::{Book, Meta};
use super::error::{Faults, RunError};
use super::peer::{Peer, PeerError};
use super::run::Progress;
use super::store::fetch;
use crate::person::Address;

/// Packs that are fetched at once.
const AT_ONCE: usize = 3;

/// The newest backup that was found.
#[derive(Debug)]
pub struct Found {
    /// Its catalogue.
    pub catalogue: Catalogue,
    /// The keys of the space.
    pub ring: Ring,
    /// What its objects belong to.
    pub roots: Roots,
    /// How many showed this very catalogue.
    pub shown: usize,
    /// What was wrong with whom.
    pub faults: Faults,
}

/// What a restore brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Objects.
    pub objects: u64,
    /// Packs.
    pub packs: u64,
    /// What was wrong with whom.
    pub faults: Faults,
}

/// Asks everybody at these addresses for the catalogue, and takes the newest.
///
/// # Errors
/// [`RunError::NothingFound`], [`RunError::UnknownCatalogue`].
pub async fn find(secret: &Secret<32>, addresses: &[String]) -> Result<Found, RunError> {
    find_by(&BackupKeys::new(secret), addresses).await
}

/// The same, by the keys of the backup.
pub(super) async fn find_by(keys: &BackupKeys, addresses: &[String]) -> Result<Found, RunError> {
    let (mut asked, mut faults, mut seen) = (JoinSet::new(), Faults::default(), BTreeSet::new());
    for address in addresses {
        let Ok(parsed) = address.parse::<Address>() else { continue };
        let peer = Peer::new(0, parsed, keys);
        if seen.insert(peer.account().id()) {
            asked.spawn(async move { (peer.catalogue().await, peer) });
        }
    }
    let mut answers = Vec::new();
    while let Some(done) = asked.join_next().await {
        let Ok((answer, peer)) = done else { continue };
        match answer {
            Ok(Some(bytes)) => answers.push((peer.address().to_string(), peer, bytes)),
            Ok(None) => {}
            Err(why) => faults.add(peer.address(), why),
        }
    }
    let shown: Vec<Answer<'_>> = answers
        .iter()
        .map(|(address, peer, bytes)| Answer { account: peer.account(), address, bytes })
        .collect();
    let newest = newest(&shown);
    for ((address, _, _), answer) in answers.iter().zip(&newest.answers) {
        if let Err(lie) = answer {
            faults.add(address, PeerError::Lied(*lie));
        }
    }
    let Some(catalogue) = newest.catalogue else { return Err(RunError::NothingFound(faults)) };
    let ring = Ring::from_secrets(&SecretBytes::from(catalogue.ring.to_vec()));
    let ring = ring.map_err(|_| RunError::UnknownCatalogue)?;
    let roots = Roots::decode(&catalogue.roots).ok_or(RunError::UnknownCatalogue)?;
    let is_newest = |answer: &&Result<u64, _>| **answer == Ok(catalogue.generation);
    let shown = newest.answers.iter().filter(is_newest).count();
    Ok(Found { catalogue, ring, roots, shown, faults })
}

/// Brings a backup that was [found](find) into an image of its space that has nothing yet, or
/// goes on with one where a restore stopped. Afterwards the image makes the backup from here on.
///
/// # Errors
/// [`RunError::Lost`], where packs did not come back: what did is in the image, and the next
/// restore goes on. [`RunError::OtherVault`]; [`RunError`].
pub async fn restore<B: Blocks, C: Compress + Clone>(
    files: &mut Files<B, C>,
    secret: &Secret<32>,
    found: &Found,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Restored, RunError> {
    if files.space() != found.roots.space() {
        return Err(RunError::OtherVault);
    }
    let keys = BackupKeys::new(secret);
    let peers = peers_of(&found.catalogue.peers, &keys)?;
    let mut state = Progress::default();
    let mut restored = Restored::default();
    let (mut lost, mut worst) = (Vec::new(), None);
    let mut missing = Vec::new();
    for pack in &found.catalogue.packs {
        match Book::new(files).pack(pack.number)? {
            // It came in an earlier attempt.
            Some(_) => {}
            None => missing.push(pack.clone()),
        }
    }
    state.objects = missing.iter().map(|pack| u64::from(pack.size)).sum();
    let mut rest = missing.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE {
            let Some(pack) = rest.next() else { break };
            let peers = peers.clone();
            under_way.spawn(async move { (fetch(pack.clone(), peers).await, pack) });
        }
        let Some(done) = under_way.join_next().await else { break };
        // A lost task must not pass for a pack that came.
        let (fetched, pack) = done.map_err(|_| BackupError::Shards)?;
        let (bytes, faults) = match fetched {
            Ok(fetched) => fetched,
            Err(missing) => {
                restored.faults.append(missing.faults);
                lost.push(pack.number);
                worst.get_or_insert((missing.found, usize::from(pack.code.needed())));
                continue;
            }
        };
        restored.faults.append(faults);
        let objects = unpack(&keys, pack.number, &bytes)?;
        let mut directory = Vec::with_capacity(objects.len());
        for object in &objects {
            if files.ring().check(object, files.compress()).is_err() {
                // The person's own device sealed it so.
                return Err(BackupError::Pack(pack.number).into());
            }
            files.put(object)?;
            directory.push((object.id, object.bytes.len() as u32));
        }
        Book::new(files).add_pack(&pack, &directory)?;
        files.commit()?;
        restored.objects += objects.len() as u64;
        restored.packs += 1;
        state.stored += u64::from(pack.size);
        state.bytes = state.stored;
        progress(state);
    }
    if let Some((found, needed)) = worst {
        lost.sort_unstable();
        return Err(RunError::Lost { packs: lost, found, needed, faults: restored.faults });
    }
    files.adopt(&found.roots)?;
    let catalogue = &found.catalogue;
    let meta = Meta::after(catalogue, &mut crate::entropy());
    for peer in &catalogue.peers {
        let mut peer = peer.clone();
        found.faults.accuse(&mut peer);
        restored.faults.accuse(&mut peer);
        Book::new(files).set_peer(&peer)?;
    }
    Book::new(files).set_meta(&meta)?;
    files.commit()?;
    Ok(restored)
}

pub(super) fn peers_of(records: &[PeerRecord], keys: &BackupKeys) -> Result<Peers, RunError> {
    let mut peers = Peers::new();
    for record in records {
        let peer = Peer::new(record.number, record.address.parse()?, keys);
        peers.insert(record.number, Arc::new(peer));
    }
    Ok(peers)
}
