//! The task that has the network: what libp2p says goes in, dials and contacts come out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use allod_courier::link::{Cost, Link};
use allod_crypto::CryptoRng;
use futures_util::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, Swarm, identify, kad, mdns};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};

use super::backoff::Backoff;
use super::encounter::{Came, Outcome, opens};
use super::frames::{End, FRAME_MAX, carry};
use super::name::{ours, parse, peer_in};
use super::network::{IDLE, KAD, Network, NetworkEvent, network};
use super::peers::{Held, Peers};
use super::targets::{Targets, To};
use super::{Command, Config, Event};
use crate::error::innermost;
use crate::{Contact, LinkError};

/// Addresses of one peer that are told to others.
const ADDRESSES_MAX: usize = 8;

/// Questions to the directory at one time.
const FINDS_MAX: usize = 32;

/// How long ending may take.
const ENDING: Duration = Duration::from_secs(6);

/// Where what happens is told.
pub(super) struct Told {
    pub(super) contacts: mpsc::Sender<Contact>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) addresses: watch::Sender<Vec<String>>,
}

impl Told {
    fn event(&self, event: Event) {
        tracing::debug!(target: "allod_links::p2p", "{event}");
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    fn failed(&self, address: impl ToString, why: impl Into<String>) {
        self.event(Event::Failed { address: address.to_string(), why: why.into() });
    }
}

/// A relay by which this device wants to be reached.
struct Circuit {
    address: Multiaddr,
    listener: Option<ListenerId>,
    due: Option<Instant>,
    backoff: Backoff,
}

/// Who has asked where somebody is.
enum Asked {
    Person(oneshot::Sender<Vec<String>>),
    Target(To),
}

struct Ended {
    peer: PeerId,
    number: u64,
    end: End,
}

/// The task's state.
pub(super) struct Driver<R> {
    swarm: Swarm<Network>,
    rng: R,
    me: PeerId,
    told: Told,
    cost: Cost,
    is_relay: bool,
    peers: Peers,
    targets: Targets,
    circuits: Vec<Circuit>,
    dials: BTreeMap<ConnectionId, Multiaddr>,
    finds: HashMap<kad::QueryId, (PeerId, Asked)>,
    contacts: u64,
    stop: watch::Sender<bool>,
    ended: (mpsc::Sender<Ended>, mpsc::Receiver<Ended>),
}

impl<R: CryptoRng> Driver<R> {
    pub(super) fn new(keypair: Keypair, config: &Config, told: Told, rng: R) -> Result<Self, LinkError> {
        let me = keypair.public().to_peer_id();
        let mut swarm = network(keypair, config)?;
        let now = Instant::now();
        let mut circuits = Vec::new();
        for listen in &config.listen {
            let address = parse(listen)?;
            if super::name::is_relayed(&address) {
                let due = Some(now);
                circuits.push(Circuit { address, listener: None, due, backoff: Backoff::new() });
            } else {
                swarm.listen_on(address).map_err(|e| LinkError::listen(listen, innermost(&e)))?;
            }
        }
        for external in &config.external {
            swarm.add_external_address(parse(external)?);
        }
        let mut targets = Targets::default();
        for named in &config.named {
            let address = parse(named)?;
            let to = match peer_in(&address) {
                Some(peer) if address.iter().count() == 1 => To::Key(peer),
                _ => To::Address(address),
            };
            if matches!(to, To::Key(_)) && !config.kad {
                return Err(LinkError::address(named, "to look it up, the directory has to be on"));
            }
            targets.add(to, now);
        }
        Ok(Self {
            swarm,
            rng,
            me,
            told,
            cost: config.cost,
            is_relay: config.relay.is_some(),
            peers: Peers::default(),
            targets,
            circuits,
            dials: BTreeMap::new(),
            finds: HashMap::new(),
            contacts: 0,
            stop: watch::Sender::new(false),
            ended: mpsc::channel(64),
        })
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let circuits = self.circuits.iter().filter_map(|circuit| circuit.due);
            let due = self.targets.next().into_iter().chain(circuits).min();
            // Every so often it is looked which connections may be used again.
            let due = due.unwrap_or_else(|| Instant::now() + IDLE).min(Instant::now() + IDLE);
            tokio::select! {
                command = commands.recv() => match command {
                    None => break,
                    Some(Command::Dial(address)) => self.dial(address),
                    Some(Command::Find(peer, answer)) => self.find(peer, Asked::Person(answer)),
                    Some(Command::End(done)) => {
                        self.end().await;
                        let _ = done.send(());
                        break;
                    }
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                ended = self.ended.1.recv() => self.on_ended(ended),
                () = sleep_until(due.into()) => self.on_time(),
            }
        }
        self.peers.abort();
    }

    /// Lets contacts bring what was handed in, then closes all connections.
    async fn end(&mut self) {
        self.stop.send_replace(true);
        let all_gone = async {
            while self.peers.has_contacts() {
                tokio::select! {
                    event = self.swarm.select_next_some() => self.on_event(event),
                    ended = self.ended.1.recv() => self.on_ended(ended),
                }
            }
            for connection in self.peers.connections() {
                self.swarm.close_connection(connection);
            }
            while !self.peers.connections().is_empty() {
                let event = self.swarm.select_next_some().await;
                self.on_event(event);
            }
        };
        let _ = timeout(ENDING, all_gone).await;
    }

    fn is_ending(&self) -> bool {
        *self.stop.borrow()
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        for to in self.targets.due(now, |peer| self.peers.is_connected(peer), &mut self.rng) {
            match &to {
                To::Address(address) => self.dial_target(&to, at(address)),
                To::Found(peer) => {
                    let options = DialOpts::peer_id(*peer).condition(PeerCondition::NotDialing);
                    self.dial_target(&to, options.build());
                }
                To::Key(peer) => self.find(*peer, Asked::Target(to.clone())),
            }
        }
        for circuit in self.circuits.iter_mut().filter(|circuit| circuit.due.is_some_and(|due| due <= now)) {
            circuit.due = None;
            match self.swarm.listen_on(circuit.address.clone()) {
                Ok(listener) => circuit.listener = Some(listener),
                Err(why) => {
                    circuit.due = Some(now + circuit.backoff.wait(&mut self.rng));
                    self.told.failed(&circuit.address, innermost(&why));
                }
            }
        }
        for (peer, connection, number) in self.peers.silent(now) {
            // It is forgotten at once, since closing it may take the system a quarter of an hour.
            self.peers.closed(&peer, connection);
            self.swarm.close_connection(connection);
            self.on_ended(Some(Ended { peer, number, end: End::Silent }));
        }
        for peer in self.peers.all() {
            self.open(peer);
        }
    }

    fn dial_target(&mut self, to: &To, options: DialOpts) {
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => self.targets.dialing(to, connection),
            Err(why) => {
                self.targets.later(to, Instant::now(), &mut self.rng);
                if let Some(why) = words(&why) {
                    self.told.failed(place(to), why);
                }
            }
        }
    }

    fn dial(&mut self, address: Multiaddr) {
        let options = at(&address);
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dials.insert(connection, address);
            }
            Err(why) => {
                let why = words(&why).unwrap_or_else(|| "this device is connected already".into());
                self.told.failed(address, why);
            }
        }
    }

    /// Asks the directory.
    fn find(&mut self, peer: PeerId, asked: Asked) {
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

    fn open(&mut self, peer: PeerId) {
        if opens(&self.me, &peer)
            && !self.is_ending()
            && let Some(connection) = self.peers.open(&peer, Instant::now())
        {
            self.swarm.behaviour_mut().encounter.open(peer, connection);
        }
    }

    fn on_event(&mut self, event: SwarmEvent<NetworkEvent>) {
        match event {
            SwarmEvent::Behaviour(NetworkEvent::Encounter(came)) => self.on_came(came),
            SwarmEvent::Behaviour(NetworkEvent::Mdns(event)) => self.on_mdns(event),
            SwarmEvent::Behaviour(NetworkEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::Behaviour(NetworkEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            })) => self.on_identified(connection_id, peer_id, info),
            SwarmEvent::Behaviour(NetworkEvent::Ping(ping)) if ping.result.is_ok() => {
                self.peers.answered(&ping.peer, ping.connection, Instant::now());
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.dials.remove(&connection_id);
                let address = endpoint.get_remote_address().clone();
                self.peers.connected(peer_id, connection_id, address, Instant::now());
                self.targets.connected(peer_id, connection_id);
                self.open(peer_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                if self.peers.closed(&peer_id, connection_id) {
                    self.targets.lost(&peer_id, Duration::ZERO, Instant::now(), &mut self.rng);
                } else {
                    self.open(peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                let to = self.targets.dialed(connection_id);
                if let Some(to) = &to {
                    self.targets.later(to, Instant::now(), &mut self.rng);
                }
                let address = self.dials.remove(&connection_id).map(|address| address.to_string());
                if let (Some(address), Some(why)) = (address.or(to.map(|to| place(&to))), words(&error)) {
                    self.told.failed(address, why);
                }
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                for circuit in self.circuits.iter_mut().filter(|c| c.listener == Some(listener_id)) {
                    circuit.backoff = Backoff::new();
                }
                if self.is_relay && !super::name::is_relayed(&address) {
                    // Peers are told these when they ask to be reached by this relay.
                    self.swarm.add_external_address(address.clone());
                }
                self.tell_addresses();
                self.told.event(Event::Listening(with(address, self.me)));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.swarm.remove_external_address(&address);
                self.tell_addresses();
                self.told.event(Event::Closed { address: with(address, self.me), why: "it is gone".into() });
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                let why = reason.err().map_or_else(|| "it was closed".into(), |why| innermost(&why));
                let now = Instant::now();
                for circuit in self.circuits.iter_mut().filter(|c| c.listener == Some(listener_id)) {
                    circuit.listener = None;
                    circuit.due = Some(now + circuit.backoff.wait(&mut self.rng));
                    self.told.failed(&circuit.address, why.clone());
                }
                self.tell_addresses();
            }
            _ => {}
        }
    }

    fn tell_addresses(&self) {
        let all = self.swarm.listeners().chain(self.swarm.external_addresses());
        let mut all: Vec<_> = all.map(|address| with(address.clone(), self.me)).collect();
        all.sort();
        all.dedup();
        self.told.addresses.send_replace(all);
    }

    fn on_came(&mut self, Came { peer, connection, outcome }: Came) {
        let now = Instant::now();
        match outcome {
            Outcome::Stream(stream) => self.meet(peer, connection, stream),
            Outcome::Foreign => {
                self.peers.failed(&peer, connection, true, now);
                self.targets.foreign(&peer);
                self.open(peer);
            }
            Outcome::Failed(why) => {
                let address = self.peers.way(&peer, connection).map(|way| way.address.to_string());
                self.told.failed(address.unwrap_or_default(), why);
                self.peers.failed(&peer, connection, false, now);
                self.open(peer);
            }
        }
    }

    fn meet(&mut self, peer: PeerId, connection: ConnectionId, stream: Stream) {
        let (Some(key), Some(way)) = (ours(&peer), self.peers.way(&peer, connection)) else { return };
        if self.is_ending() {
            return;
        }
        let cost = if way.is_relayed { Cost::Metered } else { self.cost };
        let address = way.address.to_string();
        // One frame in each: with the one that is being sent or received, a contact takes at most
        // four frames of memory.
        let (send, from_us) = mpsc::channel(1);
        let (to_us, receive) = mpsc::channel(1);
        self.contacts += 1;
        let number = self.contacts;
        let (stop, ended) = (self.stop.subscribe(), self.ended.0.clone());
        let moved = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&moved);
        let task = tokio::spawn(async move {
            let end = carry(stream, from_us, to_us, stop, &counted).await;
            // When the driver has gone, nobody wants to know.
            let _ = ended.send(Ended { peer, number, end }).await;
        });
        let since = Instant::now();
        let held = Held { number, connection, since, task: task.abort_handle(), moved, seen: (0, since) };
        if let Some(before) = self.peers.met(peer, held) {
            before.task.abort();
            let why = "another contact with it takes its place".into();
            self.told.event(Event::Lost { peer: key, why });
        }
        let contact = Contact {
            peer: key,
            address: address.clone(),
            is_dialer: opens(&self.me, &peer),
            link: Link { mtu: FRAME_MAX, is_duplex: true, cost },
            send,
            receive,
        };
        // If nobody fetches contacts, this one is dropped, and so ends.
        match self.told.contacts.try_send(contact) {
            Ok(()) => self.told.event(Event::Met { peer: key, address }),
            Err(_) => self.told.failed(address, "there are too many contacts at once"),
        }
    }

    fn on_ended(&mut self, ended: Option<Ended>) {
        let Some(Ended { peer, number, end }) = ended else { return };
        let now = Instant::now();
        let Some(held) = self.peers.ended(&peer, number, now) else { return };
        held.task.abort();
        if matches!(end, End::TooLong(_)) {
            self.swarm.close_connection(held.connection);
        }
        if let Some(key) = ours(&peer) {
            self.told.event(Event::Lost { peer: key, why: end.words() });
        }
        self.targets.lost(&peer, now.duration_since(held.since), now, &mut self.rng);
        self.open(peer);
    }

    fn on_mdns(&mut self, event: mdns::Event) {
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
    fn on_identified(&mut self, connection: ConnectionId, peer: PeerId, info: identify::Info) {
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

    fn on_kad(&mut self, event: kad::Event) {
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

/// To dial an address, where only the peer that it names is taken for right.
fn at(address: &Multiaddr) -> DialOpts {
    match peer_in(address) {
        Some(peer) => {
            let options = DialOpts::peer_id(peer).condition(PeerCondition::NotDialing);
            options.addresses(vec![address.clone()]).build()
        }
        None => DialOpts::unknown_peer_id().address(address.clone()).build(),
    }
}

fn place(to: &To) -> String {
    match to {
        To::Address(address) => address.to_string(),
        To::Key(peer) | To::Found(peer) => format!("/p2p/{peer}"),
    }
}

fn with(address: Multiaddr, peer: PeerId) -> String {
    address.with_p2p(peer).unwrap_or_else(|address| address).to_string()
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback() || ip.is_unspecified(),
        _ => false,
    }
}

/// Why nobody was reached; none if that is as it should be.
fn words(error: &DialError) -> Option<String> {
    Some(match error {
        DialError::DialPeerConditionFalse(_) => return None,
        DialError::LocalPeerId { .. } => "it is this device".into(),
        DialError::NoAddresses => "no address is known".into(),
        DialError::Aborted => "it was given up".into(),
        DialError::WrongPeerId { obtained, .. } => {
            format!("somebody else is there, whose key is {obtained}")
        }
        DialError::Denied { .. } => "there are too many connections".into(),
        DialError::Transport(errors) => {
            let mut all: Vec<_> = errors.iter().map(|(_, why)| innermost(why)).collect();
            all.dedup();
            all.join("; ")
        }
    })
}
