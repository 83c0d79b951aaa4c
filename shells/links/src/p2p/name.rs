//! Keys and addresses, as the courier and as libp2p have them.

use allod_courier::carry::PeerId;
use allod_crypto::Secret;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use libp2p::multiaddr::{Multiaddr, Protocol};

use crate::LinkError;

/// The keypair of a seed.
pub(super) fn keypair(seed: &Secret<32>) -> Result<Keypair, LinkError> {
    // The copy is wiped by who takes it.
    let mut copy = *seed.expose();
    Keypair::ed25519_from_bytes(&mut copy).map_err(|e| LinkError::Begin(e.to_string()))
}

/// The courier's name of a peer of libp2p: its public key, if that is one of Ed25519.
pub(super) fn ours(peer: &libp2p::PeerId) -> Option<PeerId> {
    let multihash: &libp2p::multihash::Multihash<64> = peer.as_ref();
    let key = PublicKey::try_decode_protobuf(multihash.digest()).ok()?.try_into_ed25519().ok()?;
    Some(PeerId(key.to_bytes()))
}

/// libp2p's name of a peer; none if these bytes are no public key.
pub(super) fn theirs(peer: &PeerId) -> Option<libp2p::PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&peer.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The name of a peer as it stands in addresses, after `/p2p/`; the key in hexadecimal digits
/// if it is none that an address could have.
pub fn name(peer: &PeerId) -> String {
    match theirs(peer) {
        Some(peer) => peer.to_base58(),
        None => peer.0.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// An address that somebody named.
pub(super) fn parse(address: &str) -> Result<Multiaddr, LinkError> {
    let parsed: Multiaddr = address.trim().parse().map_err(|e| LinkError::address(address, e))?;
    if parsed.is_empty() {
        return Err(LinkError::address(address, "it is empty"));
    }
    Ok(parsed)
}

/// Who is at an address, if it says so.
pub(super) fn peer_in(address: &Multiaddr) -> Option<libp2p::PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// Whether an address leads over a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}
