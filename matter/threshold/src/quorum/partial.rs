//! Decrypting with a share, and combining what the guardians answered.

use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Group};
use allod_crypto::{CryptoRng, Secret, Zeroizing};

use super::Ciphertext;
use crate::chaum_pedersen::{self, Proof};
use crate::shamir::{Share, combine_elements};
use crate::{Error, Index, Part, Point, PublicShares};

const TAG: &[u8] = b"Allod-Quorum-Partial-V1";

/// A guardian's share of a decryption key, with its public counterpart.
#[derive(Clone, Debug)]
pub struct DecryptionShare<G: Group> {
    share: Share<G>,
    public: Point<G>,
}

impl<G: Group> DecryptionShare<G> {
    /// Takes a share for decrypting.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the share is zero.
    pub fn new(share: Share<G>) -> Result<Self, Error> {
        let public = Point::new(share.value.mul_generator())
            .map_err(|reason| Error::Malformed { part: Part::PrivateKey, reason })?;
        Ok(Self { share, public })
    }

    /// The guardian's place.
    pub fn index(&self) -> Index {
        self.share.index
    }

    /// Checks the ciphertext, and answers for it only if it holds.
    ///
    /// # Errors
    /// [`Error::CiphertextRefused`].
    pub fn decrypt(
        &self,
        public_key: &Point<G>,
        label: &[u8],
        ciphertext: &Ciphertext<G>,
        rng: &mut impl CryptoRng,
    ) -> Result<PartialDecryption<G>, Error> {
        ciphertext.verify(public_key, label)?;
        let base = &ciphertext.ephemeral;
        let element = self.share.value.mul(base.element());
        // A share is not zero and the ephemeral not the identity.
        let shared = Point::known(element, G::encode(&element));
        let domain = domain(public_key, label, ciphertext, self.share.index);
        let proof = chaum_pedersen::prove(&domain, &self.share.value, &self.public, base, &shared, rng);
        Ok(PartialDecryption { index: self.share.index, shared, proof })
    }
}

/// A guardian's answer for one ciphertext. Whoever has t of them has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialDecryption<G: Group> {
    index: Index,
    /// The share times u.
    shared: Point<G>,
    /// That it was the guardian's share.
    proof: Proof<G>,
}

impl<G: Group> PartialDecryption<G> {
    /// Bytes in an encoded partial decryption.
    pub const LEN: usize = 2 + G::ELEMENT_LEN + Proof::<G>::LEN;

    /// The index (two bytes, big endian), the element, challenge and response:
    /// [`Self::LEN`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend_from_slice(&self.index.get().to_be_bytes());
        bytes.extend_from_slice(self.shared.bytes().as_ref());
        bytes.extend_from_slice(&self.proof.encode());
        bytes
    }

    /// Decodes what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a wrong length, [`Error::ZeroIndex`], and
    /// [`Error::PartialMalformed`], naming the guardian and the part.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        if bytes.len() != Self::LEN {
            return Err(wrong_length);
        }
        let (index, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let (shared, proof) = rest.split_at_checked(G::ELEMENT_LEN).ok_or(wrong_length)?;
        let index = Index::new(u16::from_be_bytes(*index))?;
        let shared = Point::decode(shared).map_err(|reason| Error::PartialMalformed {
            index,
            part: Part::SharedElement,
            reason,
        })?;
        let proof = Proof::decode(proof).map_err(|error| error.in_partial(index))?;
        Ok(Self { index, shared, proof })
    }

    /// The guardian's place.
    pub fn index(&self) -> Index {
        self.index
    }

    /// Checks this answer for a ciphertext that was itself
    /// [verified](Ciphertext::verify).
    ///
    /// # Errors
    /// [`Error::UnknownIndex`] or [`Error::PartialRefused`], naming the guardian.
    pub fn verify(
        &self,
        keys: &PublicShares<G>,
        label: &[u8],
        ciphertext: &Ciphertext<G>,
    ) -> Result<(), Error> {
        let public = keys.get(self.index)?;
        let domain = domain(keys.public_key(), label, ciphertext, self.index);
        chaum_pedersen::verify(&domain, public, &ciphertext.ephemeral, &self.shared, &self.proof)
            .map_err(|_| Error::PartialRefused(self.index))
    }
}

/// Checks the ciphertext and every partial decryption, then opens it with the
/// first t of them.
///
/// # Errors
/// [`Error::CiphertextRefused`]; those of [`PartialDecryption::verify`] for the
/// first partial at fault, so that the caller can leave it out and ask another
/// guardian; [`Error::DuplicateIndex`]; [`Error::TooFewShares`].
pub fn combine<G: Group>(
    keys: &PublicShares<G>,
    label: &[u8],
    ciphertext: &Ciphertext<G>,
    partials: &[PartialDecryption<G>],
) -> Result<Secret<32>, Error> {
    ciphertext.verify(keys.public_key(), label)?;
    for partial in partials {
        partial.verify(keys, label, ciphertext)?;
    }
    let elements =
        partials.iter().map(|partial| (partial.index, *partial.shared.element())).collect::<Vec<_>>();
    let shared = Zeroizing::new(combine_elements::<G>(keys.threshold(), &elements)?);
    Ok(ciphertext.unmask(keys.public_key(), &shared))
}

/// Binds a partial's proof to the guardian and to what it answers for. All parts
/// are of fixed length.
fn domain<G: Group>(
    public_key: &Point<G>,
    label: &[u8],
    ciphertext: &Ciphertext<G>,
    index: Index,
) -> Vec<u8> {
    [TAG, &ciphertext.digest(public_key, label), &index.get().to_be_bytes()].concat()
}
