//! A request: a device says who it is, and with which key something can be sealed to it.

use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_crypto::{Secret, kem};
use allod_did::{Device, Did, Log, PublicKey};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::{LOG_MAX, ShareError, public};

/// The most bytes of a request: those of a person's log, and some.
pub const REQUEST_MAX: usize = LOG_MAX + 4096;

/// A device that asks to be let in, and was found to be one of its person's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    log: Log,
    device: VerifyingKey,
    kem: Vec<u8>,
    signature: Signature,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[cbor(n(0), with = "minicbor::bytes")]
    log: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    device: [u8; 32],
    #[cbor(n(2), with = "minicbor::bytes")]
    kem: Vec<u8>,
    #[cbor(n(3), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Encoded {
    const SIZE_MAX: usize = REQUEST_MAX;
}

impl Request {
    /// By this device of the person whose log this is.
    ///
    /// # Errors
    /// [`ShareError::NotADevice`].
    pub fn new(log: &Log, device: &SigningKey) -> Result<Self, ShareError> {
        let kem = kem::public_key(&secret(device));
        let signature = device.sign(&signed(log.state().did(), &kem));
        let request = Self { log: log.clone(), device: device.verifying_key(), kem, signature };
        request.verify().map(|()| request)
    }

    /// The bytes to be handed on. They hold no secret.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(&Encoded {
            log: self.log.encode(),
            device: self.device.0,
            kem: self.kem.clone(),
            signature: self.signature.0,
        })
    }

    /// What somebody handed here, verified.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ShareError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| ShareError::Malformed)?;
        let log = Log::decode(&encoded.log).map_err(ShareError::Log)?;
        if encoded.kem.len() != kem::PUBLIC_KEY {
            return Err(ShareError::Malformed);
        }
        let device = VerifyingKey(encoded.device);
        let request = Self { log, device, kem: encoded.kem, signature: Signature(encoded.signature) };
        request.verify().map(|()| request)
    }

    /// Who asks.
    pub fn did(&self) -> Did {
        self.log.state().did()
    }

    /// The person's log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The device that asks.
    pub fn device(&self) -> Option<&Device> {
        self.log.state().device(&PublicKey::Ed25519(self.device).device_id())
    }

    /// The device's key.
    pub fn key(&self) -> VerifyingKey {
        self.device
    }

    /// Whether a device made this request.
    pub fn is_by(&self, device: &SigningKey) -> bool {
        public(device) == PublicKey::Ed25519(self.device)
    }

    /// With which something is sealed to the device.
    pub(super) fn kem(&self) -> &[u8] {
        &self.kem
    }

    fn verify(&self) -> Result<(), ShareError> {
        let did = self.did();
        if self.log.encode().len() > LOG_MAX {
            return Err(ShareError::TooLarge);
        }
        if self.device().is_none() {
            return Err(ShareError::NotADevice(did));
        }
        let verified = self.device.verify(&signed(did, &self.kem), &self.signature);
        verified.map_err(|_| ShareError::Signature(did))
    }
}

/// The secret with which a device opens what was sealed to it. It comes from the device's own
/// key, and so neither from the person's root nor from a backup.
pub(super) fn secret(device: &SigningKey) -> Secret<32> {
    Secret::from(tagged("allod 2026 vault, key by which a device is let in", &[device.seed().expose()]))
}

fn signed(did: Did, kem: &[u8]) -> [u8; 32] {
    tagged("allod 2026 vault, request of a device", &[did.as_bytes(), kem])
}
