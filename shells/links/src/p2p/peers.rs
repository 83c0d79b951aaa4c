//! Those to whom there are connections, and on which of these there is a contact.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use tokio::task::AbortHandle;

/// How long a connection is left alone after a contact on it ended. Most are gone by then.
const REST: Duration = Duration::from_secs(15);

/// How long somebody may say nothing, nor take anything, in a contact.
const SILENCE: Duration = Duration::from_secs(15);

/// A connection.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) address: Multiaddr,
    pub(super) is_relayed: bool,
    /// The other side does not speak the protocol.
    is_foreign: bool,
    /// When a contact on it has ended.
    used: Option<Instant>,
    /// When the other side answered last.
    answered: Instant,
}

/// A contact.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) number: u64,
    pub(super) connection: ConnectionId,
    pub(super) since: Instant,
    pub(super) task: AbortHandle,
    /// Bytes that went either way, and what they were when it was looked last, and when they
    /// were not the same as before.
    pub(super) moved: Arc<AtomicU64>,
    pub(super) seen: (u64, Instant),
}

/// Somebody to whom there is a connection, or with whom a contact is about to end.
#[derive(Debug, Default)]
struct Peer {
    ways: BTreeMap<ConnectionId, Way>,
    contact: Option<Held>,
    opening: Option<ConnectionId>,
}

impl Peer {
    /// The connection on which a stream is to be opened now.
    fn next(&self, now: Instant) -> Option<ConnectionId> {
        if self.opening.is_some() {
            return None;
        }
        let is_rested = |way: &Way| way.used.is_none_or(|used| now.duration_since(used) >= REST);
        let mut usable = self.ways.iter().filter(|(_, way)| !way.is_foreign && is_rested(way));
        match &self.contact {
            None => usable.min_by_key(|(_, way)| way.is_relayed).map(|(id, _)| *id),
            // A direct way is better than one over a relay, and no other is better than another.
            Some(held) => {
                let is_relayed = self.ways.get(&held.connection).is_some_and(|way| way.is_relayed);
                usable.find(|(_, way)| is_relayed && !way.is_relayed).map(|(id, _)| *id)
            }
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<PeerId, Peer>);

impl Peers {
    pub(super) fn connected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        address: Multiaddr,
        now: Instant,
    ) {
        let is_relayed = super::name::is_relayed(&address);
        let way = Way { address, is_relayed, is_foreign: false, used: None, answered: now };
        self.0.entry(peer).or_default().ways.insert(connection, way);
    }

    /// A connection is gone. Whether it was the last one to this peer.
    pub(super) fn closed(&mut self, peer: &PeerId, connection: ConnectionId) -> bool {
        let Some(known) = self.0.get_mut(peer) else { return true };
        known.ways.remove(&connection);
        known.opening = known.opening.filter(|opening| *opening != connection);
        let is_last = known.ways.is_empty();
        self.tidy(peer);
        is_last
    }

    /// The connection on which a stream is to be opened; it counts as being opened from now on.
    pub(super) fn open(&mut self, peer: &PeerId, now: Instant) -> Option<ConnectionId> {
        let known = self.0.get_mut(peer)?;
        known.opening = known.next(now);
        known.opening
    }

    /// No stream came of a connection, now or, if the other side does not speak the protocol, ever.
    pub(super) fn failed(&mut self, peer: &PeerId, connection: ConnectionId, is_foreign: bool, now: Instant) {
        let Some(known) = self.0.get_mut(peer) else { return };
        known.opening = known.opening.filter(|opening| *opening != connection);
        if let Some(way) = known.ways.get_mut(&connection) {
            way.is_foreign |= is_foreign;
            way.used = Some(now);
        }
    }

    /// A contact has begun. The one that it takes the place of.
    pub(super) fn met(&mut self, peer: PeerId, contact: Held) -> Option<Held> {
        let known = self.0.entry(peer).or_default();
        known.opening = known.opening.filter(|opening| *opening != contact.connection);
        known.contact.replace(contact)
    }

    /// A contact has ended. It, if none has taken its place before.
    pub(super) fn ended(&mut self, peer: &PeerId, number: u64, now: Instant) -> Option<Held> {
        let known = self.0.get_mut(peer)?;
        let held = known.contact.take_if(|held| held.number == number)?;
        if let Some(way) = known.ways.get_mut(&held.connection) {
            way.used = Some(now);
        }
        self.tidy(peer);
        Some(held)
    }

    /// Somebody has answered on a connection.
    pub(super) fn answered(&mut self, peer: &PeerId, connection: ConnectionId, now: Instant) {
        if let Some(way) = self.0.get_mut(peer).and_then(|known| known.ways.get_mut(&connection)) {
            way.answered = now;
        }
    }

    /// The contacts in which nothing comes or goes any more, each with its number.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<(PeerId, ConnectionId, u64)> {
        let mut silent = Vec::new();
        for (peer, known) in &mut self.0 {
            let Some(held) = &mut known.contact else { continue };
            let moved = held.moved.load(Ordering::Relaxed);
            if moved != held.seen.0 {
                held.seen = (moved, now);
            }
            let answered = known.ways.get(&held.connection).map(|way| way.answered);
            let last = answered.map_or(held.seen.1, |answered| answered.max(held.seen.1));
            if now.duration_since(last) > SILENCE {
                silent.push((*peer, held.connection, held.number));
            }
        }
        silent
    }

    fn tidy(&mut self, peer: &PeerId) {
        if self.0.get(peer).is_some_and(|known| known.ways.is_empty() && known.contact.is_none()) {
            self.0.remove(peer);
        }
    }

    pub(super) fn way(&self, peer: &PeerId, connection: ConnectionId) -> Option<&Way> {
        self.0.get(peer)?.ways.get(&connection)
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.0.get(peer).is_some_and(|known| !known.ways.is_empty())
    }

    pub(super) fn has_contacts(&self) -> bool {
        self.0.values().any(|known| known.contact.is_some())
    }

    pub(super) fn all(&self) -> Vec<PeerId> {
        self.0.keys().copied().collect()
    }

    pub(super) fn connections(&self) -> Vec<ConnectionId> {
        self.0.values().flat_map(|known| known.ways.keys().copied()).collect()
    }

    /// Ends all contacts at once.
    pub(super) fn abort(&self) {
        for held in self.0.values().filter_map(|known| known.contact.as_ref()) {
            held.task.abort();
        }
    }
}
