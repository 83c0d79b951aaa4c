//! Signed answers, which are at the same time a guardian's log of what it was
//! asked: what an auditor reads, and what a guardian is held to.
//!
//! Roles: a guardian, who evaluates blinded elements with its share; clients,
//! who have its answers; auditors, who read its log; and everyone, who can be
//! shown a pair of answers, or one with the guardian's public share.
//!
//! Each answer names its place in the guardian's log and the hash of the answer
//! before, and is signed. So two things can be proven to anybody:
//! - *a fork*: two answers at one place ([`Answer::contradicts`]). A guardian
//!   that shows one log to an auditor and answers clients outside it signs such;
//! - *a false answer*: one whose own proof of equal logarithms does not hold
//!   ([`Answer::is_false`]).
//!
//! What an answer says of the client: a blinded element, which is uniform
//! whatever was asked, and a time. Who asked is not in it.
//!
//! What it never proves: that a guardian used its share nowhere else.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Suite};
use allod_crypto::hash;
use allod_crypto::sign::{BadSignature, Signature, SigningKey, VerifyingKey};

use crate::oprf::{Blinded, Partial, PublicKey, ShareKeys};
use crate::{Error, Index, Part};

/// Bytes of the longest name of a key.
pub const KEY_NAME_MAX: usize = 32;

/// Bytes of the longest element, or partial answer, in an answer.
const FIELD_MAX: usize = 512;

/// What a guardian answered to one blinded element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The network that the key belongs to.
    pub network: [u8; 32],
    /// The guardian's signing key.
    pub guardian: VerifyingKey,
    /// The name of the shared key.
    pub key: String,
    /// Which sharing of it.
    pub generation: u32,
    /// The index of the guardian's share.
    pub index: Index,
    /// The answer's place in the guardian's log, from 1.
    pub position: u64,
    /// The hash of the answer before; zero for the first.
    pub previous: [u8; 32],
    /// When, by the guardian's clock: milliseconds since 1970.
    pub at_ms: u64,
    /// The blinded element.
    pub blinded: Vec<u8>,
    /// The [`Partial`] evaluation with its proof.
    pub partial: Vec<u8>,
}

impl Answer {
    /// The hash of everything in the answer, with which the next one is chained.
    pub fn hash(&self) -> [u8; 32] {
        hash::tagged("Allod answer v1", &[&self.encode()])
    }

    /// Signs it. The key is that of [`Self::guardian`].
    pub fn sign(self, key: &SigningKey) -> SignedAnswer {
        let signature = key.sign(&self.hash());
        SignedAnswer { answer: self, signature }
    }

    /// Whether the two cannot both be in one log.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.network == other.network
            && self.guardian == other.guardian
            && self.position == other.position
            && self != other
    }

    /// Whether the answer is not what the share with the public counterpart
    /// `public_share` gives, or shows no proof that it is.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a public share that is none.
    pub fn is_false<S: Suite>(&self, public_share: &[u8]) -> Result<bool, Error> {
        let keys = ShareKeys::<S>::new(1, [(self.index, PublicKey::decode(public_share)?)])?;
        // A guardian answers no element that it cannot read.
        let Ok(blinded) = Blinded::<S>::decode(&self.blinded) else {
            return Ok(true);
        };
        let partial = Partial::<S>::decode(self.index, 1, &self.partial);
        Ok(partial.and_then(|partial| keys.verify(&[blinded], &partial)).is_err())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160 + self.key.len() + self.blinded.len() + self.partial.len());
        bytes.extend_from_slice(&self.network);
        bytes.extend_from_slice(&self.guardian.0);
        field(&mut bytes, self.key.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.index.get().to_be_bytes());
        bytes.extend_from_slice(&self.position.to_be_bytes());
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(&self.at_ms.to_be_bytes());
        field(&mut bytes, &self.blinded);
        field(&mut bytes, &self.partial);
        bytes
    }
}

/// An answer and the guardian's signature on its hash. Whether the signature is
/// right is for [`Self::verify`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAnswer {
    /// The answer.
    pub answer: Answer,
    /// The signature.
    pub signature: Signature,
}

impl SignedAnswer {
    /// Bytes of the longest.
    pub const SIZE_MAX: usize = 32 + 32 + 2 + KEY_NAME_MAX + 4 + 2 + 8 + 32 + 8 + 2 * (2 + FIELD_MAX) + 64;

    /// Checks the signature.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.answer.guardian.verify(&self.answer.hash(), &self.signature)
    }

    /// The fields in order, numbers big endian, those of varying length behind
    /// their length in two bytes; then the signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.answer.encode();
        bytes.extend_from_slice(&self.signature.0);
        bytes
    }

    /// Decodes what [`Self::encode`] gives. The signature is not checked.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else, [`Error::ZeroIndex`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(bytes);
        let network = reader.array()?;
        let guardian = VerifyingKey(reader.array()?);
        let key = reader.field(KEY_NAME_MAX)?;
        let key = String::from_utf8(key).map_err(|_| MALFORMED)?;
        let generation = u32::from_be_bytes(reader.array()?);
        let index = Index::new(u16::from_be_bytes(reader.array()?))?;
        let position = u64::from_be_bytes(reader.array()?);
        let previous = reader.array()?;
        let at_ms = u64::from_be_bytes(reader.array()?);
        let blinded = reader.field(FIELD_MAX)?;
        let partial = reader.field(FIELD_MAX)?;
        let signature = Signature(reader.array()?);
        if !reader.0.is_empty() {
            return Err(MALFORMED);
        }
        let answer =
            Answer { network, guardian, key, generation, index, position, previous, at_ms, blinded, partial };
        Ok(Self { answer, signature })
    }
}

const MALFORMED: Error = Error::Malformed { part: Part::Length, reason: DecodeError::Length };

/// Writes bytes behind their length. What is longer than a field may be does not
/// come back, and no signature of ours is on it.
fn field(bytes: &mut Vec<u8>, field: &[u8]) {
    let len = u16::try_from(field.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(field);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.0.split_first_chunk().ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(*head)
    }

    fn field(&mut self, max: usize) -> Result<Vec<u8>, Error> {
        let len = usize::from(u16::from_be_bytes(self.array()?));
        if len > max {
            return Err(MALFORMED);
        }
        let (head, rest) = self.0.split_at_checked(len).ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(head.to_vec())
    }
}

#[cfg(test)]
mod tests;
