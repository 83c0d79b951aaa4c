//! What can still be read of a damaged table of backups, row by row, and what it adds to a
//! catalogue by which the table is written anew.
//!
//! A catalogue is what somebody shows. That it is the newest, only what is known here can tell:
//! one peer that kept an old one may be all that is in reach.

use allod_crypto::CryptoRng;
use allod_vault::backup::{Catalogue, PeerRecord};
use allod_vault::{Blocks, Compress, VaultError};

use super::book::{Book, Meta};
use super::error::RunError;
use super::restore::Found;

/// Peers' numbers below this are looked for where nothing says how many were given.
const NUMBERS: u32 = 1024;

/// What could be read.
#[derive(Debug)]
pub(super) struct Salvaged {
    meta: Option<Meta>,
    peers: Vec<PeerRecord>,
    /// Whether all of that was read, or was never there.
    is_whole: bool,
}

impl Salvaged {
    /// Reads each row by itself: a damaged part of the table hides only what is in it.
    pub(super) fn read<B: Blocks, C: Compress>(book: &mut Book<'_, B, C>) -> Result<Self, VaultError> {
        let mut is_whole = true;
        let meta = readable(book.meta(), &mut is_whole)?;
        let mut peers = Vec::new();
        for number in 1..meta.as_ref().map_or(NUMBERS, |meta| meta.next_peer) {
            peers.extend(readable(book.peer(number), &mut is_whole)?);
        }
        Ok(Self { meta, peers, is_whole })
    }

    /// Where the peers are.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        self.peers.iter().map(|peer| peer.address.clone())
    }

    /// The newest generation that is known to have been made; 0 for none.
    fn generation(&self) -> u64 {
        let made = self.meta.as_ref().map(|meta| meta.generation);
        self.peers.iter().map(|peer| peer.acknowledged).chain(made).max().unwrap_or_default()
    }

    /// Refuses a catalogue that is older than one that was made here.
    ///
    /// # Errors
    /// [`RunError::Older`].
    pub(super) fn check(&self, found: &Found) -> Result<(), RunError> {
        let (ours, theirs) = (self.generation(), found.catalogue.generation);
        if theirs >= ours || self.is_nowhere(ours, found) {
            return Ok(());
        }
        Err(RunError::Older { ours, theirs, faults: found.faults.clone() })
    }

    /// Whether nobody was told of the newest generation: a run stopped between noting it and
    /// telling of it. So it is where all peers were heard, and none ever had or hid more.
    fn is_nowhere(&self, ours: u64, found: &Found) -> bool {
        let theirs = found.catalogue.generation;
        let is_candid = |peer: &PeerRecord| {
            let is_at_fault = found.faults.0.iter().any(|(address, _)| *address == peer.address);
            peer.is_trusted() && peer.acknowledged <= theirs && !is_at_fault
        };
        let is_all = self.is_whole && self.meta.is_some() && !self.peers.is_empty();
        let is_next = theirs.checked_add(1) == Some(ours);
        is_all && is_next && found.shown >= self.peers.len() && self.peers.iter().all(is_candid)
    }

    /// The peers of the catalogue, with what is known here of their lies and of what they
    /// acknowledged, and those that the catalogue does not know.
    pub(super) fn peers(&self, catalogue: &Catalogue) -> Vec<PeerRecord> {
        let mut peers = catalogue.peers.clone();
        for known in &self.peers {
            if let Some(peer) = peers.iter_mut().find(|peer| peer.address == known.address) {
                peer.acknowledged = peer.acknowledged.max(known.acknowledged);
                // Who was forgiven here is not accused by what was written before.
                if catalogue.generation <= self.generation() {
                    peer.caught.clear();
                }
                merge(peer, known);
                continue;
            }
            let mut known = known.clone();
            // Another device may have given the number to another.
            if peers.iter().any(|peer| peer.number == known.number) {
                let given = self.peers.iter().chain(&peers).map(|peer| peer.number);
                known.number = given.max().unwrap_or_default().saturating_add(1);
            }
            peers.push(known);
        }
        peers
    }

    /// What is known of the backup as a whole, after this catalogue and with [these](Self::peers)
    /// peers. No number is given twice.
    pub(super) fn meta(&self, catalogue: &Catalogue, peers: &[PeerRecord], rng: &mut impl CryptoRng) -> Meta {
        let mut meta = Meta::after(catalogue, rng);
        if let Some(known) = &self.meta {
            if catalogue.generation <= known.generation {
                meta.code = known.code;
                meta.folders.clone_from(&known.folders);
            }
            meta.next_pack = meta.next_pack.max(known.next_pack);
            meta.next_peer = meta.next_peer.max(known.next_peer);
            (meta.audited, meta.taken_over) = (known.audited, known.taken_over);
        }
        meta.generation = meta.generation.max(self.generation());
        let after = peers.iter().map(|peer| peer.number.saturating_add(1)).max();
        meta.next_peer = meta.next_peer.max(after.unwrap_or_default());
        meta
    }
}

/// Adds what is known of a peer's lies to its record.
fn merge(peer: &mut PeerRecord, known: &PeerRecord) {
    use std::mem::discriminant;
    for caught in &known.caught {
        match peer.caught.iter_mut().find(|other| discriminant(&other.lie) == discriminant(&caught.lie)) {
            Some(other) => {
                if caught.last >= other.last {
                    (other.lie, other.last) = (caught.lie, caught.last);
                }
                other.first = other.first.min(caught.first);
                other.count = other.count.max(caught.count);
            }
            None => peer.caught.push(*caught),
        }
    }
}

/// A row, or nothing where it is damaged.
fn readable<T>(row: Result<Option<T>, VaultError>, is_whole: &mut bool) -> Result<Option<T>, VaultError> {
    match row {
        Err(VaultError::Damaged(_) | VaultError::Missing(_)) => {
            *is_whole = false;
            Ok(None)
        }
        row => row,
    }
}
