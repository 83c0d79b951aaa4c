//! A request to help to open a file.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_crypto::sign::SigningKey;
use allod_crypto::{hash, kem};
use allod_did::{DeviceId, Did, Signature};
use allod_threshold::quorum::Ciphertext;
use allod_wire::{Instant, NetworkId, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::policy::{Policy, key_name};

/// The number in front tells the format.
const VERSION: u8 = 1;

/// What is asked, and in whose name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Of which network's guardians.
    pub network: NetworkId,
    /// The name of the key that the file is sealed to.
    pub key: String,
    /// The policy that the file is sealed under.
    pub policy: Policy,
    /// The file key, encrypted.
    pub ciphertext: Ciphertext<Ristretto255>,
    /// Who asks.
    pub did: Did,
    /// With which device.
    pub device: DeviceId,
    /// When, by the device's clock.
    pub at: Instant,
    /// What replies are sealed to: an X-Wing key made for this request,
    /// [`kem::PUBLIC_KEY`] bytes.
    pub reply_key: Vec<u8>,
}

impl Ask {
    /// What the device signs, 32 bytes: the hash of everything in the request.
    pub fn message(&self) -> [u8; 32] {
        hash::tagged("allod/sealed/request", &[&allod_wire::encode(self)])
    }

    /// The request, signed by the device.
    pub fn sign(self, device: &SigningKey) -> Request {
        let signature = Signature::Ed25519(device.sign(&self.message()));
        Request { ask: self, signature }
    }
}

/// A request as it is sent: the same to every guardian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub ask: Ask,
    /// The device's signature on [`Ask::message`].
    pub signature: Signature,
}

impl Wire for Request {
    const SIZE_MAX: usize = 4096;
}

/// `[version, network, key, policy, ciphertext, did, device, at, reply key]`.
impl<C> Encode<C> for Ask {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(9)?.u8(VERSION)?.encode(self.network)?.str(&self.key)?;
        self.policy.encode(e, ctx)?;
        e.bytes(&self.ciphertext.encode())?.encode(self.did)?.encode(self.device)?.encode(self.at)?;
        e.bytes(&self.reply_key)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Ask {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(9) || d.u8()? != VERSION {
            return Err(DecodeError::message("not a request to open a file"));
        }
        let network = d.decode()?;
        let key = key_name(d)?.into();
        let policy = Policy::decode(d, ctx)?;
        let ciphertext = Ciphertext::decode(d.bytes()?);
        let ciphertext = ciphertext.map_err(|_| DecodeError::message("not a ciphertext"))?;
        let (did, device, at) = (d.decode()?, d.decode()?, d.decode()?);
        let reply_key = d.bytes()?;
        if reply_key.len() != kem::PUBLIC_KEY {
            return Err(DecodeError::message("not a key for the reply"));
        }
        Ok(Self { network, key, policy, ciphertext, did, device, at, reply_key: reply_key.to_vec() })
    }
}

/// `[ask, signature]`.
impl<C> Encode<C> for Request {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?;
        self.ask.encode(e, ctx)?;
        e.encode(self.signature)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Request {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(2) {
            return Err(DecodeError::message("not a request to open a file"));
        }
        Ok(Self { ask: Ask::decode(d, ctx)?, signature: d.decode()? })
    }
}
