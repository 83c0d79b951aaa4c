//! Threshold BLS signatures (D. Boneh, B. Lynn and H. Shacham, "Short signatures
//! from the Weil pairing", 2001; A. Boldyreva, "Threshold signatures, multisignatures
//! and blind signatures based on the gap-Diffie-Hellman-group signature scheme",
//! 2003) over BLS12-381: signatures of 48 bytes in G1, public keys of 96 bytes in
//! G2, ciphersuite `BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_`
//! (draft-irtf-cfrg-bls-signature), which drand's quicknet uses too.
//!
//! Roles: holders of shares of a key that came of [dealings](crate::dealing);
//! whoever gathers what they sign; and anyone, who verifies with the one public
//! key.
//!
//! Messages and flow:
//! 1. Each holder publishes its [`PartialSignature`]: its share times the hash of
//!    the message. One message has one partial of each holder, and no randomness
//!    is used, so signing twice tells nothing more.
//! 2. Any t partials interpolate to the [`Signature`], which is the same whoever
//!    took part ([`ShareKeys::combine`]). It is combined first and verified once;
//!    only if that fails is each partial checked against its holder's public
//!    share, the liars named, and the rest combined.
//! 3. Anyone verifies with the [`PublicKey`].
//!
//! Messages of Allod are hashed with a tag that says what they are for
//! ([`Message::tagged`]), so that a signature on a checkpoint is never one on a
//! beacon round. [`Message::plain`] is for verifying what others sign.
//!
//! Decoding refuses what is not in the subgroup of prime order, and the identity:
//! the identity is a signature on everything under the public key that is the
//! identity. No proof of possession is asked for: keys come of dealings, whose
//! dealers prove knowledge of what they deal, and signatures of several keys are
//! never aggregated.
//!
//! It never holds the whole key, and never says who may ask for a signature.

mod partial;

use allod_crypto::group::{Bls12381G1, Bls12381G2, Group};
use allod_crypto::hash;
use allod_crypto::pairing::{self, PreparedG2};

pub use partial::{Combined, PartialSignature, ShareKeys, SigningShare};

use crate::{Error, Part, Point};

/// The domain separation tag of the ciphersuite.
const DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// A message, hashed to the element that is signed. Hashing is most of the cost of
/// signing and is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(Point<Bls12381G1>);

impl Message {
    /// A message of Allod's own, bound to what it is for: `tag` is a fixed text
    /// that names the purpose, and moving a byte from one part to its neighbour
    /// gives another message.
    pub fn tagged(tag: &'static str, parts: &[&[u8]]) -> Self {
        Self::plain(&hash::tagged(tag, parts))
    }

    /// A message as the ciphersuite hashes it, without a tag: for verifying the
    /// signatures of other protocols. drand's quicknet signs the SHA-256 of the
    /// round's number in eight bytes, big endian.
    pub fn plain(bytes: &[u8]) -> Self {
        let hashed = pairing::hash_to_g1(bytes, DST).map(Point::new);
        match hashed {
            Ok(Ok(point)) => Self(point),
            Ok(Err(_)) => unreachable!("nobody knows a message that hashes to the identity"),
            Err(_) => unreachable!("the tag is a constant of legal length"),
        }
    }

    /// The element that is signed.
    pub fn point(&self) -> &Point<Bls12381G1> {
        &self.0
    }
}

/// A signature: 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(Point<Bls12381G1>);

impl Signature {
    /// Bytes in an encoded signature.
    pub const LEN: usize = Bls12381G1::ELEMENT_LEN;

    /// Decodes [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes of another length, bytes that encode no
    /// element of the subgroup or not canonically, and the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Point::decode(bytes).map(Self).map_err(|reason| Error::Malformed { part: Part::Signature, reason })
    }

    /// The canonical encoding.
    pub fn bytes(&self) -> &[u8; Self::LEN] {
        self.0.bytes()
    }

    /// The element and its encoding.
    pub fn point(&self) -> &Point<Bls12381G1> {
        &self.0
    }
}

/// A public key, or the public key of a share: 96 bytes, and what every pairing
/// with it computes first.
#[derive(Clone, Debug)]
pub struct PublicKey {
    point: Point<Bls12381G2>,
    prepared: PreparedG2,
    /// The generator's negative, prepared.
    generator: PreparedG2,
}

impl PublicKey {
    /// Bytes in an encoded key.
    pub const LEN: usize = Bls12381G2::ELEMENT_LEN;

    /// Takes an element for a public key.
    pub fn new(point: Point<Bls12381G2>) -> Self {
        Self {
            prepared: PreparedG2::new(point.element()),
            generator: PreparedG2::new(&-Bls12381G2::generator()),
            point,
        }
    }

    /// Decodes [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes of another length, bytes that encode no
    /// element of the subgroup or not canonically, and the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Point::decode(bytes)
            .map(Self::new)
            .map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })
    }

    /// The canonical encoding.
    pub fn bytes(&self) -> &[u8; Self::LEN] {
        self.point.bytes()
    }

    /// The element and its encoding.
    pub fn point(&self) -> &Point<Bls12381G2> {
        &self.point
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// [`Error::SignatureRefused`].
    pub fn verify(&self, message: &Message, signature: &Signature) -> Result<(), Error> {
        if self.fits(message, &signature.0, &self.prepared) { Ok(()) } else { Err(Error::SignatureRefused) }
    }

    /// The key with what a pairing computes first.
    pub(crate) fn prepared(&self) -> &PreparedG2 {
        &self.prepared
    }

    /// Whether e(signature, G) = e(H(m), key), with this key's generator.
    fn fits(&self, message: &Message, signature: &Point<Bls12381G1>, key: &PreparedG2) -> bool {
        pairing::sum_is_identity(&[(*signature.element(), &self.generator), (*message.0.element(), key)])
    }

    /// Checks a partial signature against the public share of its holder.
    fn verify_partial(
        &self,
        public_share: &Point<Bls12381G2>,
        message: &Message,
        partial: &PartialSignature,
    ) -> Result<(), Error> {
        let share = PreparedG2::new(public_share.element());
        let fits = self.fits(message, partial.point(), &share);
        if fits { Ok(()) } else { Err(Error::PartialRefused(partial.index())) }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.point == other.point
    }
}

impl Eq for PublicKey {}

/// Checks one signature under a key that is not kept. Who verifies several under
/// one key keeps the [`PublicKey`].
///
/// # Errors
/// [`Error::SignatureRefused`].
pub fn verify(public_key: &Point<Bls12381G2>, message: &Message, signature: &Signature) -> Result<(), Error> {
    PublicKey::new(*public_key).verify(message, signature)
}

/// Checks a partial signature against the public share of its holder. Who gathers
/// several keeps the [`ShareKeys`].
///
/// # Errors
/// [`Error::PartialRefused`], naming the holder.
pub fn verify_partial(
    public_share: &Point<Bls12381G2>,
    message: &Message,
    partial: &PartialSignature,
) -> Result<(), Error> {
    let key = PublicKey::new(*public_share);
    let fits = key.fits(message, partial.point(), &key.prepared);
    if fits { Ok(()) } else { Err(Error::PartialRefused(partial.index())) }
}

#[cfg(test)]
mod tests;
