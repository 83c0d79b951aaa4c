//! Who was met, on how many days.

use std::collections::BTreeMap;

use allod_courier::carry::{Origin, PeerId};
use allod_wire::Instant;

use super::rows;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Whom one has not met for so many days is forgotten.
const FORGOTTEN_DAYS: u64 = 90;

/// Others that were met within so many days count as met of late.
const LATE_DAYS: u64 = 7;

/// The most who are remembered: those who were met last.
const PEERS_MAX: usize = 10_000;

/// Bytes of one of them on the disk.
const ROW: usize = 32 + 4 + 8;

#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<PeerId, Met>);

#[derive(Clone, Copy, Debug)]
struct Met {
    days: u32,
    last: Instant,
}

impl Peers {
    /// Somebody is met. On how many days that is.
    pub(super) fn meet(&mut self, peer: &PeerId, now: Instant) -> u32 {
        self.0.retain(|_, met| now.0.saturating_sub(met.last.0) / DAY_MS < FORGOTTEN_DAYS);
        if self.0.len() >= PEERS_MAX
            && !self.0.contains_key(peer)
            && let Some(oldest) =
                // Those of one day first: anybody can be many of these.
                self.0.iter().min_by_key(|(_, met)| (met.days > 1, met.last)).map(|(peer, _)| *peer)
        {
            self.0.remove(&oldest);
        }
        let met = self.0.entry(*peer).or_insert(Met { days: 0, last: Instant(0) });
        // A clock that was wrong once does not hold for ever.
        met.last = if met.last.0 > now.0 + DAY_MS { now } else { met.last };
        if now.0 / DAY_MS > met.last.0 / DAY_MS {
            met.days = met.days.saturating_add(1);
        }
        met.last = met.last.max(now);
        met.days
    }

    pub(super) fn days(&self, peer: &PeerId) -> u32 {
        self.0.get(peer).map_or(0, |met| met.days)
    }

    pub(super) fn days_of(&self, origin: &Origin) -> u32 {
        match origin {
            Origin::Peer(peer) => self.days(peer),
            Origin::Own | Origin::Unknown => 0,
        }
    }

    /// How many others were met of late.
    pub(super) fn reach(&self, now: Instant) -> u32 {
        let late = |met: &&Met| now.0.saturating_sub(met.last.0) / DAY_MS < LATE_DAYS;
        u32::try_from(self.0.values().filter(late).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, u32, Instant)> + '_ {
        self.0.iter().map(|(peer, met)| (*peer, met.days, met.last))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let row = |(peer, met): (&PeerId, &Met)| {
            [&peer.0[..], &met.days.to_le_bytes(), &met.last.0.to_le_bytes()].concat()
        };
        rows::encode(self.0.iter().map(row))
    }

    pub(super) fn decode(bytes: &[u8]) -> Self {
        let row = |row: &[u8; ROW]| {
            let (peer, rest) = row.split_first_chunk()?;
            let (days, last) = rest.split_first_chunk()?;
            let last = Instant(u64::from_le_bytes(last.try_into().ok()?));
            Some((PeerId(*peer), Met { days: u32::from_le_bytes(*days), last }))
        };
        Self(rows::decode(bytes).filter_map(row).collect())
    }
}
