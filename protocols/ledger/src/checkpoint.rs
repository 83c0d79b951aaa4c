//! Checkpoints: what the guardians sign together, so that anybody can check a
//! proof with one public key and no connection.

use allod_crypto::hash;
use allod_threshold::bls::{Message, PublicKey, Signature};
use allod_wire::{BlockId, Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::Error;

/// Bytes of the network's public key.
pub const NETWORK_KEY_LEN: usize = PublicKey::LEN;

/// Bytes of a signature of the network.
pub const SIGNATURE_LEN: usize = Signature::LEN;

/// What the ledger was after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Checkpoint {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// The block's height.
    #[n(1)]
    pub height: u64,
    /// The block's time.
    #[n(2)]
    pub at: Instant,
    /// The block.
    #[n(3)]
    pub block: BlockId,
    /// The root of the ledger's tree after it.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub root: [u8; 32],
}

impl Wire for Checkpoint {
    const SIZE_MAX: usize = 128;
}

impl Checkpoint {
    /// What guardians sign.
    pub fn message(&self) -> Message {
        Message::tagged("allod/ledger/checkpoint", &[&allod_wire::encode(self)])
    }
}

/// What guardians sign for a round of the beacon, and with what a text sealed
/// until that round is opened.
pub fn beacon_message(network: &NetworkId, round: u64) -> Message {
    Message::tagged("allod/ledger/beacon round", &[network.as_bytes(), &round.to_be_bytes()])
}

/// A checkpoint and the network's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    /// What was signed.
    #[n(0)]
    pub checkpoint: Checkpoint,
    /// The signature.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: [u8; SIGNATURE_LEN],
}

impl Wire for Certificate {
    const SIZE_MAX: usize = Checkpoint::SIZE_MAX + SIGNATURE_LEN + 4;
}

/// The network's public key: all that a verifier has to know beforehand. It stays
/// the same while the guardians that hold its shares come and go.
#[derive(Clone, Debug)]
pub struct NetworkKey(PublicKey);

impl NetworkKey {
    /// The key that `bytes` are.
    ///
    /// # Errors
    /// [`Error::CertificateRefused`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        PublicKey::decode(bytes).map(Self).map_err(|_| Error::CertificateRefused)
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; NETWORK_KEY_LEN] {
        self.0.bytes()
    }

    /// The key as the algebra has it.
    pub fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// A few hexadecimal digits by which people compare two keys: the first 16
    /// bytes of a hash of network and key.
    pub fn fingerprint(&self, network: &NetworkId) -> [u8; 16] {
        let hash = hash::tagged("allod/ledger/network key", &[network.as_bytes(), self.bytes()]);
        let mut short = [0; 16];
        short.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        short
    }

    /// Checks a certificate.
    ///
    /// # Errors
    /// [`Error::OtherNetwork`], [`Error::CertificateRefused`].
    pub fn verify(&self, network: &NetworkId, certificate: &Certificate) -> Result<(), Error> {
        if certificate.checkpoint.network != *network {
            return Err(Error::OtherNetwork);
        }
        self.check(&certificate.checkpoint.message(), &certificate.signature)
    }

    /// Checks what the beacon said in a round.
    ///
    /// # Errors
    /// [`Error::CertificateRefused`].
    pub fn verify_beacon(&self, network: &NetworkId, round: u64, signature: &[u8]) -> Result<(), Error> {
        self.check(&beacon_message(network, round), signature)
    }

    fn check(&self, message: &Message, signature: &[u8]) -> Result<(), Error> {
        let signature = Signature::decode(signature).map_err(|_| Error::CertificateRefused)?;
        self.0.verify(message, &signature).map_err(|_| Error::CertificateRefused)
    }
}
