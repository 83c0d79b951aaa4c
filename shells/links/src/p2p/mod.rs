//! Links over IP, by libp2p: QUIC and TCP (with Noise and Yamux), others on the local network
//! by mDNS, relays and holes through address translation (DCUtR) where two cannot reach each
//! other, and a directory (Kademlia) among those who know each other.
//!
//! Roles: every device is a peer, whose name is its Ed25519 public key. A *relay* passes on
//! bytes for peers that cannot reach each other.
//!
//! Flow: two peers connect, each proves its key, and the one with the smaller key opens a stream
//! of frames ([`FRAME_MAX`]), whoever dialled. That is a [`Contact`]; there is one at a time with
//! a peer. When a direct way is found beside one over a relay, the contact over the relay
//! ends and another one begins.
//!
//! What this never does: it never asks a server that nobody named; never gives a contact with
//! somebody who has not proved their key; never takes a longer frame; never stores anything
//! for others in the directory.
//!
//! libp2p draws its own randomness from the operating system.

mod backoff;
mod driver;
mod encounter;
mod event;
mod frames;
mod name;
mod network;
mod peers;
mod targets;
#[cfg(test)]
mod tests;

use std::time::Duration;

use allod_courier::carry::PeerId;
use allod_courier::link::Cost;
use allod_crypto::{CryptoRng, Secret};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub use event::Event;
pub use frames::FRAME_MAX;
pub use name::name;

use crate::{Contact, LinkError};

/// Contacts that nobody has fetched yet. One more ends at once.
const WAITING_MAX: usize = 64;

/// Events that somebody who listens may be behind.
const EVENTS_MAX: usize = 256;

/// What a device does on the network.
#[derive(Clone, Debug)]
pub struct Config {
    /// The seed of the key by which others know this device: one that is for nothing else.
    pub seed: Secret<32>,
    /// Where to listen, as `/ip4/0.0.0.0/udp/0/quic-v1` or `/ip4/0.0.0.0/tcp/0`, where a port
    /// of 0 is any. `RELAY/p2p-circuit` asks a relay to be reached by it, where `RELAY` is the
    /// relay's address with its key: `/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3…/p2p-circuit`.
    pub listen: Vec<String>,
    /// Where this device is reached from outside, if somebody has seen to that, as by a port that a
    /// router passes on.
    pub external: Vec<String>,
    /// Others who are dialled as long as there is no connection. With `/p2p/KEY` at its end,
    /// only who has this key is met there. `/p2p/KEY` alone is looked up in the directory.
    pub named: Vec<String>,
    /// Whether to look for others on the local network, and be found there.
    pub mdns: bool,
    /// Whether to pass on bytes for others, and how many.
    pub relay: Option<RelayLimits>,
    /// Whether to take part in the directory of who is where.
    pub kad: bool,
    /// What a byte costs that does not go over a relay.
    pub cost: Cost,
}

impl Config {
    /// A device that only answers on the local network.
    pub fn new(seed: Secret<32>) -> Self {
        Self {
            seed,
            listen: vec!["/ip4/0.0.0.0/udp/0/quic-v1".into(), "/ip4/0.0.0.0/tcp/0".into()],
            external: Vec::new(),
            named: Vec::new(),
            mdns: true,
            relay: None,
            kad: false,
            cost: Cost::Free,
        }
    }
}

/// What a relay does for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayLimits {
    /// Peers that are reached by it.
    pub peers: usize,
    /// Pairs of peers for whom it passes on bytes at one time.
    pub circuits: usize,
    /// Bytes that it passes on for such a pair, both ways together, until they have to ask again.
    pub circuit_bytes: u64,
    /// How long such a pair may go on, until they have to ask again.
    pub circuit: Duration,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self { peers: 64, circuits: 16, circuit_bytes: 256 << 20, circuit: Duration::from_secs(30 * 60) }
    }
}

/// This device on the network. It ends when this is dropped.
#[derive(Debug)]
pub struct P2p {
    me: PeerId,
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<Event>,
    addresses: watch::Receiver<Vec<String>>,
}

/// To the task that has the network.
#[derive(Debug)]
enum Command {
    Dial(libp2p::Multiaddr),
    Find(libp2p::PeerId, oneshot::Sender<Vec<String>>),
    End(oneshot::Sender<()>),
}

impl P2p {
    /// Begins to listen and to dial; contacts come by the receiver. To be called where tokio runs.
    ///
    /// # Errors
    /// [`LinkError`]: an address is none, or is taken, or mDNS cannot watch the interfaces.
    pub fn start(
        config: Config,
        rng: impl CryptoRng + Send + 'static,
    ) -> Result<(Self, mpsc::Receiver<Contact>), LinkError> {
        let keypair = name::keypair(&config.seed)?;
        let me = name::ours(&keypair.public().to_peer_id())
            .ok_or_else(|| LinkError::Begin("the key is not one of Ed25519".into()))?;
        let (commands, to_do) = mpsc::channel(16);
        let (contacts, met) = mpsc::channel(WAITING_MAX);
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let (places, addresses) = watch::channel(Vec::new());
        let told = driver::Told { contacts, events: events.clone(), addresses: places };
        let driver = driver::Driver::new(keypair, &config, told, rng)?;
        tokio::spawn(driver.run(to_do));
        Ok((Self { me, commands, events, addresses }, met))
    }

    /// This device's name: its public key.
    pub const fn me(&self) -> PeerId {
        self.me
    }

    /// Where this device can be reached now, each address with its key.
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.borrow().clone()
    }

    /// Where this device can be reached, when that changes.
    pub fn watch_addresses(&self) -> watch::Receiver<Vec<String>> {
        self.addresses.clone()
    }

    /// What happens from now on. Who is far behind misses some of it.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Dials an address once. What comes of it is a contact or [`Event::Failed`].
    ///
    /// # Errors
    /// [`LinkError::Address`], [`LinkError::Ended`].
    pub async fn dial(&self, address: &str) -> Result<(), LinkError> {
        let address = name::parse(address)?;
        self.commands.send(Command::Dial(address)).await.map_err(|_| LinkError::Ended)
    }

    /// Asks the directory where a peer is. The addresses are what others said; only a connection
    /// proves them.
    ///
    /// # Errors
    /// [`LinkError::NotFound`], [`LinkError::Ended`].
    pub async fn find(&self, peer: &PeerId) -> Result<Vec<String>, LinkError> {
        let peer = name::theirs(peer).ok_or(LinkError::NotFound)?;
        let (answer, found) = oneshot::channel();
        self.commands.send(Command::Find(peer, answer)).await.map_err(|_| LinkError::Ended)?;
        let found = found.await.map_err(|_| LinkError::Ended)?;
        if found.is_empty() { Err(LinkError::NotFound) } else { Ok(found) }
    }

    /// Ends all contacts and connections, and returns when it is done.
    pub async fn end(self) {
        let (done, is_done) = oneshot::channel();
        if self.commands.send(Command::End(done)).await.is_ok() {
            let _ = is_done.await;
        }
    }
}
