//! An invitation: what somebody needs to write to a device that knows nothing of them.

use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::Signature;
use allod_crypto::{CryptoRng, Secret, exchange, kem};
use allod_wire::{Instant, Wire};
use minicbor::{Decode, Encode};

use super::identity::{IDENTITY_MAX, Identity, Own};
use crate::CourierError;
use crate::ratchet::Tag;

/// The most bytes of an invitation.
pub const INVITATION_MAX: usize = IDENTITY_MAX + kem::PUBLIC_KEY + 256;

/// Which invitation it is: a hash of all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationId(pub [u8; 32]);

impl InvitationId {
    /// The tag of greetings that answer it, by which whoever has the invitation can tell them. It is the
    /// hash of no [token](crate::ratchet::Token), so that nobody can have carriers drop them:
    /// they are carried until they expire.
    pub fn tag(&self) -> Tag {
        let hash = tagged("allod 2026 courier, tag of a greeting", &[&self.0]);
        let mut tag = [0; Tag::SIZE];
        tag.copy_from_slice(&hash[..Tag::SIZE]);
        Tag(tag)
    }
}

/// What a device keeps of an invitation that it gave out, and erases when it was used or has
/// expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationSecret(Secret<32>);

impl InvitationSecret {
    /// A new one.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// From what was kept: 32 bytes.
    pub fn from_bytes(bytes: Secret<32>) -> Self {
        Self(bytes)
    }

    /// What is to be kept: 32 bytes.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The first ratchet key.
    pub(super) fn ratchet(&self) -> Secret<32> {
        Secret::from(tagged("allod 2026 courier, ratchet key of an invitation", &[self.0.expose()]))
    }

    /// The key of X-Wing.
    pub(super) fn kem(&self) -> Secret<32> {
        Secret::from(tagged("allod 2026 courier, encapsulation key of an invitation", &[self.0.expose()]))
    }
}

/// An invitation that is whole and signed by the device that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    identity: Identity,
    terms: Terms,
    signature: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Terms {
    #[cbor(n(0), with = "minicbor::bytes")]
    ratchet: [u8; 32],
    #[cbor(n(1), with = "minicbor::bytes")]
    kem: Vec<u8>,
    #[n(2)]
    expires: Instant,
    #[n(3)]
    is_for_one: bool,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[n(0)]
    version: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    identity: Vec<u8>,
    #[n(2)]
    terms: Terms,
    #[cbor(n(3), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Encoded {
    const SIZE_MAX: usize = INVITATION_MAX;
}

/// Which form this is.
const VERSION: u8 = 1;

impl Invitation {
    /// Of this device, until it expires; for one person, or for as many as answer.
    pub fn new(own: &Own, secret: &InvitationSecret, expires: Instant, is_for_one: bool) -> Self {
        let (ratchet, kem) = (exchange::public_key(&secret.ratchet()), kem::public_key(&secret.kem()));
        let (identity, terms) = (own.identity().clone(), Terms { ratchet, kem, expires, is_for_one });
        let signature = own.device.sign(&signed(&identity, &terms));
        Self { identity, terms, signature }
    }

    /// The bytes to be handed on, at most [`INVITATION_MAX`]. They hold no secret.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(&Encoded {
            version: VERSION,
            identity: self.identity.encode(),
            terms: self.terms.clone(),
            signature: self.signature.0,
        })
    }

    /// What somebody handed here, verified. Whether it has expired is not looked at.
    ///
    /// # Errors
    /// [`CourierError::Malformed`], [`CourierError::Log`], [`CourierError::NotADevice`],
    /// [`CourierError::Signature`], [`CourierError::TooLarge`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CourierError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| CourierError::Malformed)?;
        if encoded.version != VERSION || encoded.terms.kem.len() != kem::PUBLIC_KEY {
            return Err(CourierError::Malformed);
        }
        let identity = Identity::decode(&encoded.identity)?;
        let (terms, signature) = (encoded.terms, Signature(encoded.signature));
        // With keys that are none, nobody who took it could write to it.
        let probe = Secret::from([1; 32]);
        let are_keys =
            [&terms.ratchet, identity.agreement()].iter().all(|key| exchange::agree(&probe, key).is_ok());
        if !are_keys || !kem::is_public_key(&terms.kem) {
            return Err(CourierError::Malformed);
        }
        let verified = identity.key().verify(&signed(&identity, &terms), &signature);
        verified.map_err(|_| CourierError::Signature(identity.did()))?;
        Ok(Self { identity, terms, signature })
    }

    /// One with keys that its device made up.
    #[cfg(test)]
    pub(super) fn with_keys(own: &Own, ratchet: [u8; 32], kem: Vec<u8>) -> Self {
        let (identity, terms) =
            (own.identity().clone(), Terms { ratchet, kem, expires: Instant(u64::MAX), is_for_one: true });
        let signature = own.device.sign(&signed(&identity, &terms));
        Self { identity, terms, signature }
    }

    /// Which one it is.
    pub fn id(&self) -> InvitationId {
        InvitationId(tagged("allod 2026 courier, invitation", &[&self.encode()]))
    }

    /// Who invites.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Until when it can be answered.
    pub fn expires(&self) -> Instant {
        self.terms.expires
    }

    /// Whether only the first who answers it gets a session.
    pub fn is_for_one(&self) -> bool {
        self.terms.is_for_one
    }

    pub(super) fn ratchet(&self) -> &[u8; 32] {
        &self.terms.ratchet
    }

    pub(super) fn kem(&self) -> &[u8] {
        &self.terms.kem
    }
}

fn signed(identity: &Identity, terms: &Terms) -> [u8; 32] {
    tagged("allod 2026 courier, terms of an invitation", &[&identity.encode(), &allod_wire::encode(terms)])
}
