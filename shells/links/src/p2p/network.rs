//! What libp2p is put together of, and its limits.

use std::num::NonZeroU32;
use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    PeerId, StreamProtocol, Swarm, SwarmBuilder, dcutr, identify, kad, mdns, noise, ping, relay, tcp, yamux,
};

use super::encounter;
use super::{Config, RelayLimits};
use crate::LinkError;
use crate::error::innermost;

/// The name of the network of those who tell each other where others are.
pub(super) const KAD: StreamProtocol = StreamProtocol::new("/allod/kad/1");

/// Connections, with everybody.
const CONNECTIONS_MAX: u32 = 64;
/// Of these, how many others may have begun: some are left for those whom the person named.
const INCOMING_MAX: u32 = 48;
/// Connections that are not yet known to be with whom.
const PENDING_MAX: u32 = 16;
/// Connections with one peer: over a relay, one that each side dialled, and those over TCP that
/// broke and that the system has not given up yet.
const PER_PEER_MAX: u32 = 6;
/// Streams on a connection.
const STREAMS_MAX: u16 = 32;
/// Bytes that a peer may have under way on a QUIC connection.
const WINDOW: u32 = 4 << 20;

/// How often it is looked whether somebody is still there, and how long the answer may take.
const PING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));

/// How long a connection stays that nobody uses.
pub(super) const IDLE: Duration = Duration::from_secs(5);

/// How often the local network is asked who is there. Each answer is heard by all, and puts off
/// their next questions.
const ASK: Duration = Duration::from_secs(2);

/// How long somebody who was found is taken to be there without another answer.
const THERE: Duration = Duration::from_secs(15);

/// The protocols that are spoken.
#[derive(NetworkBehaviour)]
pub(super) struct Network {
    limits: connection_limits::Behaviour,
    pub(super) encounter: encounter::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) kad: Toggle<kad::Behaviour<MemoryStore>>,
    relay_client: relay::client::Behaviour,
    relay: Toggle<relay::Behaviour>,
    dcutr: dcutr::Behaviour,
}

/// The network, which listens nowhere yet.
pub(super) fn network(keypair: Keypair, config: &Config) -> Result<Swarm<Network>, LinkError> {
    let begin = |e: &(dyn core::error::Error + 'static)| LinkError::Begin(innermost(e));
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, streams)
        .map_err(|e| begin(&e))?
        .with_quic_config(|mut quic| {
            quic.max_concurrent_stream_limit = STREAMS_MAX.into();
            quic.max_stream_data = WINDOW;
            quic.max_connection_data = WINDOW + WINDOW / 2;
            quic
        })
        .with_relay_client(noise::Config::new, streams)
        .map_err(|e| begin(&e))?
        .with_behaviour(|keypair, relay_client| Network::new(keypair, relay_client, config))
        .map_err(|e| LinkError::Begin(e.to_string()))?
        .with_swarm_config(|swarm| {
            swarm
                .with_idle_connection_timeout(IDLE)
                .with_max_negotiating_inbound_streams(STREAMS_MAX.into())
                // QUIC first: a broken connection is over when it is closed.
                .with_smart_dial()
        })
        .build();
    Ok(swarm)
}

fn streams() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX.into());
    config
}

impl Network {
    fn new(
        keypair: &Keypair,
        relay_client: relay::client::Behaviour,
        config: &Config,
    ) -> Result<Self, Box<dyn core::error::Error + Send + Sync>> {
        let me = keypair.public().to_peer_id();
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_MAX))
            .with_max_pending_outgoing(Some(PENDING_MAX))
            .with_max_established_incoming(Some(INCOMING_MAX))
            .with_max_established(Some(CONNECTIONS_MAX))
            .with_max_established_per_peer(Some(PER_PEER_MAX));
        let mdns = config.mdns.then(|| {
            let asked = mdns::Config { ttl: THERE, query_interval: ASK, enable_ipv6: false };
            mdns::tokio::Behaviour::new(asked, me)
        });
        Ok(Self {
            limits: connection_limits::Behaviour::new(limits),
            encounter: encounter::Behaviour::new(me),
            identify: identify::Behaviour::new(
                identify::Config::new("/allod/1".into(), keypair.public()).with_agent_version("allod".into()),
            ),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING.0).with_timeout(PING.1)),
            mdns: mdns.transpose()?.into(),
            kad: config.kad.then(|| directory(me)).into(),
            relay_client,
            relay: config.relay.map(|limits| relay::Behaviour::new(me, relaying(limits))).into(),
            dcutr: dcutr::Behaviour::new(me),
        })
    }
}

/// The directory of who is where. Nobody can store anything in it.
fn directory(me: PeerId) -> kad::Behaviour<MemoryStore> {
    let mut config = kad::Config::new(KAD);
    config
        .set_query_timeout(Duration::from_secs(20))
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None);
    let nothing = MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..MemoryStoreConfig::default() };
    let mut kad = kad::Behaviour::with_config(me, MemoryStore::with_config(me, nothing), config);
    // Whether others reach this device from outside nobody knows without asking strangers.
    kad.set_mode(Some(kad::Mode::Server));
    kad
}

fn relaying(limits: RelayLimits) -> relay::Config {
    let RelayLimits { peers, circuits, circuit_bytes, circuit } = limits;
    let per_minute = |count: u32| NonZeroU32::MIN.saturating_add(count.saturating_sub(1));
    let minute = Duration::from_secs(60);
    relay::Config {
        max_reservations: peers,
        max_reservations_per_peer: 2,
        reservation_duration: Duration::from_secs(60 * 60),
        reservation_rate_limiters: Vec::new(),
        max_circuits: circuits,
        max_circuits_per_peer: 4,
        max_circuit_duration: circuit,
        max_circuit_bytes: circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
    }
    .reservation_rate_per_peer(per_minute(4), minute)
    .reservation_rate_per_ip(per_minute(32), minute)
    .circuit_src_per_peer(per_minute(8), minute)
    .circuit_src_per_ip(per_minute(32), minute)
}
