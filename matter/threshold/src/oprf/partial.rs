//! The function under a key in shares.
//!
//! A guardian's partial is what RFC 9497 has a VOPRF server answer, under the
//! guardian's share for a key. Any t partials that hold are interpolated into
//! the answer of the whole key.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::group::{DecodeError, Group, Suite};

use super::{Blinded, Evaluated, KeyPair, Proof, PublicKey};
use crate::feldman::Commitment;
use crate::shamir::{Share, combine_elements};
use crate::{Error, Index, Part, Point, PublicShares};

/// A guardian's share of a key, with its public counterpart.
#[derive(Clone, Debug)]
pub struct KeyShare<G: Group> {
    index: Index,
    pair: KeyPair<G>,
}

impl<G: Suite> KeyShare<G> {
    /// The key of a share.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the share is zero.
    pub fn new(share: Share<G>) -> Result<Self, Error> {
        Ok(Self { index: share.index, pair: KeyPair::new(share.value)? })
    }

    /// The guardian's place.
    pub fn index(&self) -> Index {
        self.index
    }

    /// The share and its public counterpart as a pair of their own.
    pub fn key_pair(&self) -> &KeyPair<G> {
        &self.pair
    }

    /// The public key of the share.
    pub fn public_key(&self) -> &PublicKey<G> {
        self.pair.public_key()
    }

    /// The guardian's answer to a batch of blinded elements, with one proof.
    ///
    /// # Errors
    /// [`Error::BatchSize`] for no elements or more than 65,535.
    pub fn blind_evaluate(
        &self,
        blinded: &[Blinded<G>],
        rng: &mut impl CryptoRng,
    ) -> Result<Partial<G>, Error> {
        let (evaluated, proof) = self.pair.blind_evaluate(blinded, rng)?;
        Ok(Partial { index: self.index, evaluated, proof })
    }

    /// The guardian's answer to each of some blinded elements, with a proof of its
    /// own each, in order: what [`Self::blind_evaluate`] gives for each alone, in
    /// less time.
    pub fn blind_evaluate_each(&self, blinded: &[Blinded<G>], rng: &mut impl CryptoRng) -> Vec<Partial<G>> {
        let answered = self.pair.blind_evaluate_each(blinded, rng).into_iter();
        answered.map(|(evaluated, proof)| Partial { index: self.index, evaluated, proof }).collect()
    }
}

/// A guardian's answer: the blinded elements times its share, and the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial<G: Group> {
    /// The guardian's place.
    pub index: Index,
    /// One element for each that was asked, in order.
    pub evaluated: Vec<Evaluated<G>>,
    /// The proof for all of them.
    pub proof: Proof<G>,
}

impl<G: Suite> Partial<G> {
    /// The evaluated elements, then the proof. The index is not part of it: a
    /// receiver knows whom it asked.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.evaluated.len() * G::ELEMENT_LEN + Proof::<G>::LEN);
        for evaluated in &self.evaluated {
            bytes.extend_from_slice(evaluated.bytes().as_ref());
        }
        bytes.extend_from_slice(&self.proof.encode());
        bytes
    }

    /// Decodes what the guardian of `index` answered to `blinded` elements.
    ///
    /// # Errors
    /// [`Error::PartialMalformed`], naming the guardian and the part.
    pub fn decode(index: Index, blinded: usize, bytes: &[u8]) -> Result<Self, Error> {
        let elements_len = blinded.checked_mul(G::ELEMENT_LEN);
        let (elements, proof) = elements_len
            .and_then(|len| bytes.split_at_checked(len))
            .filter(|(_, proof)| proof.len() == Proof::<G>::LEN)
            .ok_or(Error::PartialMalformed { index, part: Part::Length, reason: DecodeError::Length })?;
        let evaluated = elements
            .chunks_exact(G::ELEMENT_LEN)
            .map(Evaluated::decode)
            .collect::<Result<_, _>>()
            .map_err(|error| error.in_partial(index))?;
        let proof = Proof::decode(proof).map_err(|error| error.in_partial(index))?;
        Ok(Self { index, evaluated, proof })
    }
}

/// What a client knows of a key in shares: the threshold and each share's public
/// key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareKeys<G: Group> {
    threshold: u16,
    keys: BTreeMap<Index, PublicKey<G>>,
}

impl<G: Suite> ShareKeys<G> {
    /// The public keys of shares, whose source the caller trusts.
    ///
    /// # Errors
    /// [`Error::DuplicateIndex`]; [`Error::ThresholdOutOfRange`] for a threshold
    /// of zero or above the number of keys.
    pub fn new(threshold: u16, keys: impl IntoIterator<Item = (Index, PublicKey<G>)>) -> Result<Self, Error> {
        let mut by_index = BTreeMap::new();
        for (index, key) in keys {
            if by_index.insert(index, key).is_some() {
                return Err(Error::DuplicateIndex(index));
            }
        }
        // Indices are 16-bit and distinct, so the count fits.
        let shares = u16::try_from(by_index.len()).unwrap_or(u16::MAX);
        if threshold == 0 || threshold > shares {
            return Err(Error::ThresholdOutOfRange { threshold, shares });
        }
        Ok(Self { threshold, keys: by_index })
    }

    /// The public keys of the shares 1 to `shares` that a dealer committed to.
    ///
    /// # Errors
    /// [`Error::ThresholdOutOfRange`] when there are fewer shares than the
    /// commitment's threshold; [`Error::Malformed`] when a share's key is the
    /// identity.
    pub fn from_commitment(commitment: &Commitment<G>, shares: u16) -> Result<Self, Error> {
        let threshold = commitment.threshold();
        if threshold > shares {
            return Err(Error::ThresholdOutOfRange { threshold, shares });
        }
        let keys = Index::first(shares)
            .map(|index| {
                let point = Point::new(commitment.public_share_key(index))
                    .map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })?;
                Ok((index, PublicKey::new(point)))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Self::new(threshold, keys)
    }

    /// The public part of a key that came of [dealings](crate::dealing).
    ///
    /// # Errors
    /// None: the parts were checked when they were put together.
    pub fn from_public_shares(shares: &PublicShares<G>) -> Result<Self, Error> {
        Self::new(shares.threshold(), shares.iter().map(|(index, share)| (index, PublicKey::new(*share))))
    }

    /// The number of partials that make an answer.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// The public key of the share of `index`.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`].
    pub fn get(&self, index: Index) -> Result<&PublicKey<G>, Error> {
        self.keys.get(&index).ok_or(Error::UnknownIndex(index))
    }

    /// The public key of the whole key, interpolated from the shares'.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the shares' keys sum up to the identity.
    pub fn public_key(&self) -> Result<PublicKey<G>, Error> {
        let keys = self.keys.iter().map(|(index, key)| (*index, *key.point().element()));
        let element = combine_elements::<G>(self.threshold, &keys.collect::<Vec<_>>())?;
        Point::new(element)
            .map(PublicKey::new)
            .map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })
    }

    /// Checks one guardian's partial.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`], [`Error::PartialBatchSize`] or
    /// [`Error::PartialRefused`], each naming the guardian;
    /// [`Error::BatchSize`] when nothing was asked.
    pub fn verify(&self, blinded: &[Blinded<G>], partial: &Partial<G>) -> Result<(), Error> {
        let index = partial.index;
        let key = self.get(index)?;
        let evaluated = partial.evaluated.len();
        if evaluated != blinded.len() {
            return Err(Error::PartialBatchSize { index, blinded: blinded.len(), evaluated });
        }
        key.verify(blinded, &partial.evaluated, &partial.proof).map_err(|error| match error {
            Error::ProofRefused => Error::PartialRefused(index),
            other => other,
        })
    }

    /// Checks every partial, then interpolates the first t of them into what the
    /// whole key would have answered, in the order asked.
    ///
    /// # Errors
    /// Those of [`Self::verify`] for the first partial at fault, so that the
    /// caller can leave it out and ask another guardian;
    /// [`Error::DuplicateIndex`]; [`Error::TooFewShares`].
    pub fn combine(
        &self,
        blinded: &[Blinded<G>],
        partials: &[Partial<G>],
    ) -> Result<Vec<Evaluated<G>>, Error> {
        for partial in partials {
            self.verify(blinded, partial)?;
        }
        (0..blinded.len())
            .map(|i| {
                let elements = partials
                    .iter()
                    .filter_map(|partial| {
                        partial.evaluated.get(i).map(|e| (partial.index, *e.point().element()))
                    })
                    .collect::<Vec<_>>();
                Evaluated::new(combine_elements::<G>(self.threshold, &elements)?)
            })
            .collect()
    }
}
