//! Where others are: on the local network, by the directory, and by what they say of themselves.

use std::time::Instant;

use allod_crypto::CryptoRng;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, identify, kad, mdns};
use tokio::sync::oneshot;

use super::Event;
use super::driver::Driver;
use super::name::ours;
use super::network::KAD;
use super::targets::To;

/// Addresses of one peer that are told to others.
const ADDRESSES_MAX: usize = 8;

/// Questions to the directory at one time.
const FINDS_MAX: usize = 32;

/// Who has asked where somebody is.
pub(super) enum Asked {
    Person(oneshot::Sender<Vec<String>>),
    Target(To),
}

impl<R: CryptoRng> Driver<R> {
    /// Asks the directory.
    pub(super) fn find(&mut self, peer: PeerId, asked: Asked) {
        let is_full = self.finds.len() >= FINDS_MAX;
        match self.swarm.behaviour_mut().kad.as_mut().filter(|_| !is_full) {
            Some(kad) => {
                let query = kad.get_closest_peers(peer);
                self.finds.insert(query, (peer, asked));
            }
            None => self.found(asked, peer, Vec::new()),
        }
    }

    /// The directory has answered.
    fn found(&mut self, asked: Asked, peer: PeerId, addresses: Vec<Multiaddr>) {
        match asked {
            Asked::Person(answer) => {
                let with_peer = addresses.into_iter().filter_map(|address| address.with_p2p(peer).ok());
                // Whoever asked may have gone.
                let _ = answer.send(with_peer.map(|address| address.to_string()).collect());
            }
            Asked::Target(to) => {
                let options = DialOpts::peer_id(peer).condition(PeerCondition::NotDialing);
                let options = options.addresses(addresses);
                self.dial_target(&to, options.extend_addresses_through_behaviour().build());
            }
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        match event {
            mdns::Event::Discovered(found) => {
                for (peer, address) in found {
                    if self.targets.add(To::Found(peer), Instant::now())
                        && let Some(key) = ours(&peer)
                    {
                        self.told.event(Event::Found { peer: key, address: address.to_string() });
                    }
                }
                self.on_time();
            }
            mdns::Event::Expired(gone) => {
                for (peer, _) in gone {
                    let mdns = self.swarm.behaviour().mdns.as_ref();
                    if !mdns.is_some_and(|mdns| mdns.discovered_nodes().any(|there| *there == peer)) {
                        self.targets.remove(&peer);
                    }
                }
            }
        }
    }

    /// What a peer says of itself: where it is goes into the directory.
    pub(super) fn on_identified(&mut self, connection: ConnectionId, peer: PeerId, info: identify::Info) {
        let Some(way) = self.peers.way(&peer, connection) else { return };
        let is_near = is_loopback(&way.address);
        let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() else { return };
        if !info.protocols.contains(&KAD) {
            return;
        }
        // What leads to oneself is of no use to others, and a trap for them.
        let usable = info.listen_addrs.into_iter().filter(|address| is_near || !is_loopback(address));
        for address in usable.take(ADDRESSES_MAX) {
            kad.add_address(&peer, address);
        }
    }

    pub(super) fn on_kad(&mut self, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed { id, result, step, .. } = event else { return };
        let kad::QueryResult::GetClosestPeers(result) = result else { return };
        if !step.last {
            return;
        }
        let Some((peer, asked)) = self.finds.remove(&id) else { return };
        let peers = match result {
            Ok(kad::GetClosestPeersOk { peers, .. })
            | Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
        };
        let found = peers.into_iter().filter(|found| found.peer_id == peer);
        let addresses = found.flat_map(|found| found.addrs).take(ADDRESSES_MAX).collect();
        self.found(asked, peer, addresses);
    }
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback() || ip.is_unspecified(),
        _ => false,
    }
}
