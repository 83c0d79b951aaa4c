//! Those who are dialled again and again: whom the person named, and who was found.

use std::time::{Duration, Instant};

use allod_crypto::CryptoRng;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use super::backoff::Backoff;
use super::name::peer_in;

/// Of those who were found, at most so many: anybody can say on a local network to be a
/// thousand peers.
const FOUND_MAX: usize = 256;

/// Who is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Whoever is at an address.
    Address(Multiaddr),
    /// A peer whose address the directory has to tell.
    Key(PeerId),
    /// A peer on the local network, whose addresses libp2p keeps.
    Found(PeerId),
}

#[derive(Debug)]
struct Target {
    to: To,
    /// Who it is, as far as that is known.
    peer: Option<PeerId>,
    backoff: Backoff,
    /// When it is dialled; never while it is being dialled or there is a connection.
    due: Option<Instant>,
    dialing: Option<ConnectionId>,
    is_foreign: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Targets(Vec<Target>);

impl Targets {
    /// Adds somebody, to be dialled now. Whether they were not here before, and there is room.
    pub(super) fn add(&mut self, to: To, now: Instant) -> bool {
        let found = |target: &&Target| matches!(target.to, To::Found(_));
        let is_full = matches!(to, To::Found(_)) && self.0.iter().filter(found).count() >= FOUND_MAX;
        if is_full || self.0.iter().any(|target| target.to == to) {
            return false;
        }
        let peer = match &to {
            To::Address(address) => peer_in(address),
            To::Key(peer) | To::Found(peer) => Some(*peer),
        };
        let due = Some(now);
        let backoff = Backoff::new();
        self.0.push(Target { to, peer, backoff, due, dialing: None, is_foreign: false });
        true
    }

    /// Somebody is not on the local network any more.
    pub(super) fn remove(&mut self, peer: &PeerId) {
        self.0.retain(|target| target.to != To::Found(*peer));
    }

    /// The next moment at which somebody is to be dialled.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(|target| target.due).min()
    }

    /// Who is to be dialled now. For whom a connection is there already, that is put off.
    pub(super) fn due(
        &mut self,
        now: Instant,
        is_connected: impl Fn(&PeerId) -> bool,
        rng: &mut impl CryptoRng,
    ) -> Vec<To> {
        let mut all = Vec::new();
        for target in self.0.iter_mut().filter(|target| target.due.is_some_and(|due| due <= now)) {
            if target.peer.as_ref().is_some_and(&is_connected) {
                target.due = Some(now + target.backoff.wait(rng));
            } else {
                target.due = None;
                all.push(target.to.clone());
            }
        }
        all
    }

    /// Somebody is being dialled.
    pub(super) fn dialing(&mut self, to: &To, connection: ConnectionId) {
        for target in self.0.iter_mut().filter(|target| target.to == *to) {
            target.dialing = Some(connection);
        }
    }

    /// Somebody is to be dialled later, since it did not work.
    pub(super) fn later(&mut self, to: &To, now: Instant, rng: &mut impl CryptoRng) {
        for target in self.0.iter_mut().filter(|target| target.to == *to) {
            target.dialing = None;
            target.due = Some(now + target.backoff.wait(rng));
        }
    }

    /// Who was dialled with this connection.
    pub(super) fn dialed(&self, connection: ConnectionId) -> Option<To> {
        self.0.iter().find(|target| target.dialing == Some(connection)).map(|target| target.to.clone())
    }

    /// A connection is there.
    pub(super) fn connected(&mut self, peer: PeerId, connection: ConnectionId) {
        for target in &mut self.0 {
            if target.dialing == Some(connection) {
                target.dialing = None;
                target.peer = Some(peer);
            }
        }
    }

    /// A contact with somebody is over, or no connection to them is left.
    pub(super) fn lost(&mut self, peer: &PeerId, lasted: Duration, now: Instant, rng: &mut impl CryptoRng) {
        for target in self.0.iter_mut().filter(|target| target.peer.as_ref() == Some(peer)) {
            target.backoff.lasted(lasted);
            if target.due.is_none() && target.dialing.is_none() && !target.is_foreign {
                target.due = Some(now + target.backoff.wait(rng));
            }
        }
    }

    /// Somebody who was found does not speak the protocol: nobody dials them again.
    pub(super) fn foreign(&mut self, peer: &PeerId) {
        for target in self.0.iter_mut().filter(|target| target.to == To::Found(*peer)) {
            target.is_foreign = true;
            target.due = None;
        }
    }
}
