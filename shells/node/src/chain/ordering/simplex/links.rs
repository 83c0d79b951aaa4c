//! A node's links: which channels there are, and how much each may carry.
//!
//! Peers authenticate each other by their keys, and all that they say is
//! encrypted (ChaCha20-Poly1305 under keys of each connection). Where a
//! connection comes from does not count, only whose it is: guardians stand behind
//! routers and move.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use commonware_consensus::marshal;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex;
use commonware_cryptography::ChaCha20Poly1305;
use commonware_cryptography::blake3::Digest;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_p2p::authenticated::lookup;
use commonware_p2p::utils::mux::prefixed;
use commonware_p2p::{Channel, Sender, max_message_size};
use commonware_runtime::Quota;
use commonware_stream::SakeCups;
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};

use super::super::evidence::namespace;
use super::super::{Block, COMMITTEE_MAX};
use super::convert::Scheme;
use super::gossip;
use super::{CONTACTS_MAX, MAILBOX};

/// A channel's number, the messages a second that each peer may send on it, and
/// how many of them at once.
pub(crate) type Carries = (Channel, u32, u32);

pub(crate) const VOTES: Carries = (0, 512, 32);
pub(super) const CERTIFICATES: Carries = (1, 512, 32);
pub(super) const QUESTIONS: Carries = (2, 128, 32);
pub(super) const BACKFILL: Carries = (3, 128, 32);
pub(super) const BLOCKS: Carries = (4, 256, 16);
pub(super) const OPERATIONS: Carries = (5, 512, 32);

/// What stands between a node and its links, on the way out: nothing, but in
/// trials of what others make of a node that does not keep to the protocol.
pub(crate) trait Way: Send + 'static {
    /// What the node sends through.
    type Sender<S: Sender<PublicKey = PublicKey>>: Sender<PublicKey = PublicKey>;

    /// What the node is given in place of a channel's sender.
    fn lead<S: Sender<PublicKey = PublicKey>>(&self, channel: Channel, sender: S) -> Self::Sender<S>;
}

/// The way of all guardians.
pub(super) struct Straight;

impl Way for Straight {
    type Sender<S: Sender<PublicKey = PublicKey>> = S;

    fn lead<S: Sender<PublicKey = PublicKey>>(&self, _: Channel, sender: S) -> S {
        sender
    }
}

/// Peer sets kept: the current epoch's and those of the epochs before it, so that
/// who left can still catch up.
pub(super) const PEER_SETS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// The most peers of a set: members, observers, contacts and the node itself.
pub(super) const PEERS_MAX: NonZeroUsize = NonZeroUsize::new(2 * COMMITTEE_MAX + CONTACTS_MAX + 1).unwrap();

/// The limit of a channel.
pub(super) fn quota((_, per_second, burst): Carries) -> Quota {
    let nonzero = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(nonzero(per_second)).allow_burst(nonzero(burst))
}

/// The most bytes of any message.
pub(super) fn message_size_max() -> u32 {
    let members = COMMITTEE_MAX as u32;
    max_message_size(&[
        prefixed(simplex::max_payload_size::<Scheme, Digest>(members)),
        marshal::max_payload_size::<Standard<Block>, Scheme>(members, &()),
        gossip::MESSAGE_SIZE_MAX,
    ])
}

/// Links over TCP.
pub(super) fn config(
    key: PrivateKey,
    network: &[u8; 32],
    listen: SocketAddr,
) -> lookup::Config<SakeCups<PrivateKey, ChaCha20Poly1305>> {
    let handshake = Cups::new(
        Sake {
            signer: key,
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let namespace = [&namespace(network)[..], b"_P2P"].concat();
    let recommended =
        lookup::Config::recommended(handshake, &namespace, listen, PEERS_MAX, message_size_max(), MAILBOX);
    lookup::Config {
        allow_private_ips: true,
        allow_dns: true,
        bypass_ip_check: true,
        // A peer that is being dialled is not let in, and after an attempt it is neither
        // dialled nor let in for a while. Two that dial each other at once, or one that
        // comes up while it is dialled, need several attempts, so these are short.
        dial_timeout: Duration::from_secs(5),
        peer_connection_cooldown: Duration::from_millis(500),
        allowed_handshake_rate_per_ip: Quota::per_second(NonZeroU32::new(32).unwrap_or(NonZeroU32::MIN)),
        ping_frequency: Duration::from_secs(10),
        dial_frequency: Duration::from_millis(100),
        tracked_peer_sets: PEER_SETS,
        block_duration: Duration::from_secs(3_600),
        ..recommended
    }
}
