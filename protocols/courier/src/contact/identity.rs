//! Who a device is: its person's log, its key, and the key by which others agree with it.

use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_crypto::{Secret, exchange};
use allod_did::{Device, Did, Log, PublicKey};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use crate::CourierError;

/// The most bytes of a person's log that is sent to others.
pub const LOG_MAX: usize = 15 << 10;

/// The most bytes of an identity.
pub(super) const IDENTITY_MAX: usize = LOG_MAX + 256;

/// A device of a person that was found to be in the person's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    log: Log,
    device: VerifyingKey,
    agreement: [u8; 32],
    signature: Signature,
}

/// The same of the device itself, with its secrets.
#[derive(Clone, Debug)]
pub struct Own {
    identity: Identity,
    pub(super) device: SigningKey,
    pub(super) agreement: Secret<32>,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[cbor(n(0), with = "minicbor::bytes")]
    log: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    device: [u8; 32],
    #[cbor(n(2), with = "minicbor::bytes")]
    agreement: [u8; 32],
    #[cbor(n(3), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Encoded {
    const SIZE_MAX: usize = IDENTITY_MAX;
}

impl Own {
    /// This device of the person whose log this is.
    ///
    /// # Errors
    /// [`CourierError::NotADevice`], [`CourierError::TooLarge`].
    pub fn new(log: &Log, device: &SigningKey) -> Result<Self, CourierError> {
        // From the device's own key, and so neither from the person's root nor from a backup.
        let agreement = Secret::from(tagged("allod 2026 courier, agreement key", &[device.seed().expose()]));
        let public = exchange::public_key(&agreement);
        let identity = Identity {
            log: log.clone(),
            device: device.verifying_key(),
            agreement: public,
            signature: device.sign(&signed(log.state().did(), &public)),
        };
        identity.verify()?;
        Ok(Self { identity, device: device.clone(), agreement })
    }

    /// Somebody who shows the identity of another.
    #[cfg(test)]
    pub(super) fn imposter(identity: &Identity, device: &SigningKey) -> Self {
        Self { identity: identity.clone(), device: device.clone(), agreement: Secret::from([5; 32]) }
    }

    /// The key that signs for this device.
    pub(crate) fn key(&self) -> &SigningKey {
        &self.device
    }

    /// What others see.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Identity {
    /// The person.
    pub fn did(&self) -> Did {
        self.log.state().did()
    }

    /// The person's log, as the device had it.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The device.
    pub fn device(&self) -> Option<&Device> {
        self.log.state().device(&PublicKey::Ed25519(self.device).device_id())
    }

    /// The device's key.
    pub fn key(&self) -> VerifyingKey {
        self.device
    }

    /// The device's key of X25519.
    pub(super) fn agreement(&self) -> &[u8; 32] {
        &self.agreement
    }

    /// The bytes of it, at most [`LOG_MAX`] and some. They hold no secret.
    pub(super) fn encode(&self) -> Vec<u8> {
        allod_wire::encode(&Encoded {
            log: self.log.encode(),
            device: self.device.0,
            agreement: self.agreement,
            signature: self.signature.0,
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CourierError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| CourierError::Malformed)?;
        let identity = Self {
            log: Log::decode(&encoded.log).map_err(CourierError::Log)?,
            device: VerifyingKey(encoded.device),
            agreement: encoded.agreement,
            signature: Signature(encoded.signature),
        };
        identity.verify()?;
        Ok(identity)
    }

    fn verify(&self) -> Result<(), CourierError> {
        let did = self.did();
        if self.log.encode().len() > LOG_MAX {
            return Err(CourierError::TooLarge);
        }
        if self.device().is_none() {
            return Err(CourierError::NotADevice(did));
        }
        let verified = self.device.verify(&signed(did, &self.agreement), &self.signature);
        verified.map_err(|_| CourierError::Signature(did))
    }
}

/// What a device signs once, and what says nothing of whom it writes to.
fn signed(did: Did, agreement: &[u8; 32]) -> [u8; 32] {
    tagged("allod 2026 courier, agreement key of a device", &[did.as_bytes(), agreement])
}
