//! The descriptor: what guardians keep for an account, without being able to
//! read it, so that a card finds the identity it belongs to.
//!
//! It holds the identity's operation log, where the guardians are, and which
//! registration they hold. It is signed by the identity's root key and sealed
//! for the card: a guardian can neither read nor forge it, and a thief of the
//! card can read it but not forge it. A guardian can show an old one; a client
//! that asks several takes the newest.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::sign::{self, SigningKey, VerifyingKey};
use allod_crypto::{CryptoRng, aead, hash};
use allod_did::{Log, Root, Signature};
use allod_wire::{RegistrationVersion, Wire, limits};
use minicbor::{Decode, Encode};

use crate::account::AccountKeys;
use crate::card::Card;
use crate::client::{Configuration, Kit};
use crate::realm::SealedDescriptor;

/// What a card leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// Higher for each newer descriptor.
    pub sequence: u64,
    /// The identity.
    pub log: Log,
    /// Which card this is for: how often the card was renewed.
    pub card_generation: u32,
    /// The account's owner key.
    pub owner: VerifyingKey,
    /// The registration in force.
    pub in_force: Guarded,
    /// The registration that is on its way, if one is: some guardians may hold
    /// it already. Written before the first of them does, so that the card finds
    /// its way wherever that stops.
    pub coming: Option<Guarded>,
    /// Where backups of the person's vault are kept, so that they are found again.
    pub backup_peers: Vec<String>,
}

/// A registration, as far as it must be known to recover from it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Guarded {
    /// Who holds it.
    #[n(0)]
    pub configuration: Configuration,
    /// Which it is.
    #[n(1)]
    pub version: RegistrationVersion,
    /// The key that signed its public keys. Another dealing of the same
    /// registration has another.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub verifying_key: [u8; 32],
}

impl Guarded {
    /// The registration that a kit deals.
    pub fn by(kit: &Kit) -> Self {
        Self {
            configuration: kit.configuration().clone(),
            version: kit.version(),
            verifying_key: kit.verifying_key(),
        }
    }
}

/// Why a sealed descriptor was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// Not sealed for this card, or changed since.
    Forged,
    /// Sealed for the card, but not a descriptor.
    Malformed,
    /// The identity's operation log does not verify.
    Log,
    /// For another identity than the card's.
    OtherIdentity,
    /// Not signed by the identity's root.
    NotSigned,
    /// Its guardians are not a valid set.
    Configuration,
    /// Shown under another number than it has.
    OtherSequence,
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "it was not sealed for this card, or was changed",
            Self::Malformed => "it is not a descriptor",
            Self::Log => "its operation log does not verify",
            Self::OtherIdentity => "it is for another identity than the card's",
            Self::NotSigned => "it is not signed by the identity's root",
            Self::Configuration => "its guardians are not a valid set",
            Self::OtherSequence => "it was shown under another number than it has",
        })
    }
}

impl core::error::Error for DescriptorError {}

impl Descriptor {
    /// The account it belongs to.
    pub fn account(&self, card: &Card) -> AccountKeys {
        AccountKeys { recover: card.recover_key().verifying_key(), owner: self.owner }
    }

    /// Signs with the identity's root and seals for the card.
    pub fn seal(&self, root: &Root, card: &Card, rng: &mut impl CryptoRng) -> SealedDescriptor {
        let body = self.body();
        let signature = root.signing_key().sign(&signed_hash(&body));
        let signed = Signed { body: body.into(), signature: signature.0 };
        let sealed =
            aead::seal(&card.descriptor_key(), card.locator().as_bytes(), &allod_wire::encode(&signed), rng);
        SealedDescriptor { sequence: self.sequence, sealed }
    }

    /// Opens and checks what a guardian showed for `card`.
    ///
    /// # Errors
    /// See [`DescriptorError`].
    pub fn open(card: &Card, shown: &SealedDescriptor) -> Result<Self, DescriptorError> {
        let plain = aead::open(&card.descriptor_key(), card.locator().as_bytes(), &shown.sealed)
            .map_err(|_| DescriptorError::Forged)?;
        let signed: Signed = allod_wire::decode(plain.expose()).map_err(|_| DescriptorError::Malformed)?;
        let body: Body = allod_wire::decode(&signed.body).map_err(|_| DescriptorError::Malformed)?;
        let log = Log::decode(&body.log).map_err(|_| DescriptorError::Log)?;
        if log.state().did().prefix() != *card.did_prefix() {
            return Err(DescriptorError::OtherIdentity);
        }
        log.state()
            .root()
            .verify(&signed_hash(&signed.body), &Signature::Ed25519(sign::Signature(signed.signature)))
            .map_err(|_| DescriptorError::NotSigned)?;
        for guarded in [Some(&body.in_force), body.coming.as_ref()].into_iter().flatten() {
            guarded.configuration.check().map_err(|_| DescriptorError::Configuration)?;
        }
        if body.sequence != shown.sequence {
            return Err(DescriptorError::OtherSequence);
        }
        Ok(Self {
            sequence: body.sequence,
            log,
            card_generation: body.card_generation,
            owner: VerifyingKey(body.owner),
            in_force: body.in_force,
            coming: body.coming,
            backup_peers: body.backup_peers.unwrap_or_default(),
        })
    }

    fn body(&self) -> Vec<u8> {
        allod_wire::encode(&Body {
            sequence: self.sequence,
            log: self.log.encode().into(),
            card_generation: self.card_generation,
            owner: self.owner.0,
            in_force: self.in_force.clone(),
            coming: self.coming.clone(),
            backup_peers: (!self.backup_peers.is_empty()).then(|| self.backup_peers.clone()),
        })
    }
}

/// The owner key of an identity: registers, deletes and describes.
pub fn owner_key(root: &Root) -> SigningKey {
    SigningKey::from_seed(&root.derive("guardian/owner", 0))
}

fn signed_hash(body: &[u8]) -> [u8; 32] {
    hash::tagged("allod 2026 descriptor", &[body])
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    body: minicbor::bytes::ByteVec,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Signed {
    const SIZE_MAX: usize = limits::DESCRIPTOR_MAX;
}

#[derive(Encode, Decode)]
struct Body {
    #[n(0)]
    sequence: u64,
    #[n(1)]
    log: minicbor::bytes::ByteVec,
    #[n(2)]
    card_generation: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    owner: [u8; 32],
    #[n(4)]
    in_force: Guarded,
    #[n(5)]
    coming: Option<Guarded>,
    /// A descriptor of an earlier version lacks it.
    #[n(6)]
    backup_peers: Option<Vec<String>>,
}

impl Wire for Body {
    const SIZE_MAX: usize = limits::DESCRIPTOR_MAX;
}

#[cfg(test)]
mod tests;
