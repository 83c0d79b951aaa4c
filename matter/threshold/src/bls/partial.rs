//! Signing with a share, and combining what the holders signed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::group::{Bls12381G1, Bls12381G2, DecodeError, Group};

use super::{Message, PublicKey, Signature};
use crate::shamir::{Share, combine_elements};
use crate::{Error, Index, Part, Point, PublicShares};

/// A holder's share of a signing key. Wiped on drop.
#[derive(Clone, Debug)]
pub struct SigningShare(Share<Bls12381G2>);

impl SigningShare {
    /// Takes a share of a key in G2 for signing.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the share is zero.
    pub fn new(share: Share<Bls12381G2>) -> Result<Self, Error> {
        if share.value.is_zero() {
            return Err(Error::Malformed { part: Part::PrivateKey, reason: DecodeError::Zero });
        }
        Ok(Self(share))
    }

    /// The holder's place.
    pub fn index(&self) -> Index {
        self.0.index
    }

    /// Signs with the share.
    pub fn sign(&self, message: &Message) -> PartialSignature {
        let element = Bls12381G1::mul(message.point().element(), self.0.value.expose());
        PartialSignature { index: self.0.index, point: Point::known(element, Bls12381G1::encode(&element)) }
    }
}

/// What one holder signed: 50 bytes. Public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialSignature {
    pub(super) index: Index,
    pub(super) point: Point<Bls12381G1>,
}

impl PartialSignature {
    /// Bytes in an encoded partial signature.
    pub const LEN: usize = 2 + Signature::LEN;

    /// The holder's index (two bytes, big endian) and the element.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (index, element) = bytes.split_at_mut(2);
        index.copy_from_slice(&self.index.get().to_be_bytes());
        element.copy_from_slice(self.point.bytes());
        bytes
    }

    /// Decodes what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a wrong length, [`Error::ZeroIndex`], and
    /// [`Error::PartialMalformed`], naming the holder, for an element that is none
    /// of the subgroup, not canonical, or the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        if bytes.len() != Self::LEN {
            return Err(wrong_length);
        }
        let (index, element) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let index = Index::new(u16::from_be_bytes(*index))?;
        let point = Point::decode(element).map_err(|reason| Error::PartialMalformed {
            index,
            part: Part::Signature,
            reason,
        })?;
        Ok(Self { index, point })
    }

    /// The holder's place.
    pub fn index(&self) -> Index {
        self.index
    }

    /// The element and its encoding.
    pub fn point(&self) -> &Point<Bls12381G1> {
        &self.point
    }
}

/// A signature, and who tried to prevent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combined {
    /// It holds under the public key.
    pub signature: Signature,
    /// The holders whose partials were found wrong and left out, in ascending
    /// order. Partials that were not needed are not looked at.
    pub refused: Vec<Index>,
}

/// What a gatherer knows of a signing key in shares.
#[derive(Clone, Debug)]
pub struct ShareKeys {
    shares: PublicShares<Bls12381G2>,
    public_key: PublicKey,
}

impl ShareKeys {
    /// The public part of a key, from a source that the caller trusts.
    pub fn new(shares: PublicShares<Bls12381G2>) -> Self {
        Self { public_key: PublicKey::new(*shares.public_key()), shares }
    }

    /// The number of partial signatures that make a signature.
    pub fn threshold(&self) -> u16 {
        self.shares.threshold()
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The public share of one holder.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`].
    pub fn get(&self, index: Index) -> Result<&Point<Bls12381G2>, Error> {
        self.shares.get(index)
    }

    /// Checks one holder's partial signature.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`] or [`Error::PartialRefused`], naming the holder.
    pub fn verify(&self, message: &Message, partial: &PartialSignature) -> Result<(), Error> {
        self.public_key.verify_partial(self.get(partial.index)?, message, partial)
    }

    /// Combines the partial signatures of the lowest indices. They are checked
    /// together; one by one only when that fails, and then with the wrong ones
    /// left out.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`] and [`Error::DuplicateIndex`];
    /// [`Error::TooFewShares`] when fewer than the threshold hold, in which case
    /// [`Self::refused`] names the liars.
    pub fn combine(&self, message: &Message, partials: &[PartialSignature]) -> Result<Combined, Error> {
        let mut by_index = BTreeMap::new();
        for partial in partials {
            self.get(partial.index)?;
            if by_index.insert(partial.index, *partial).is_some() {
                return Err(Error::DuplicateIndex(partial.index));
            }
        }
        let mut refused = Vec::new();
        if let Ok(signature) = self.interpolate(message, &by_index) {
            return Ok(Combined { signature, refused });
        }
        by_index.retain(|index, partial| {
            let holds = self.verify(message, partial).is_ok();
            if !holds {
                refused.push(*index);
            }
            holds
        });
        let signature = self.interpolate(message, &by_index)?;
        Ok(Combined { signature, refused })
    }

    /// The holders whose partial signatures do not hold, in the order given.
    pub fn refused(&self, message: &Message, partials: &[PartialSignature]) -> Vec<Index> {
        let liars = partials.iter().filter(|partial| self.verify(message, partial).is_err());
        liars.map(|partial| partial.index).collect()
    }

    /// # Errors
    /// [`Error::TooFewShares`]; [`Error::SignatureRefused`] when one of the
    /// partials used is wrong.
    fn interpolate(
        &self,
        message: &Message,
        partials: &BTreeMap<Index, PartialSignature>,
    ) -> Result<Signature, Error> {
        let elements =
            partials.values().map(|partial| (partial.index, *partial.point.element())).collect::<Vec<_>>();
        let element = combine_elements::<Bls12381G1>(self.threshold(), &elements)?;
        let signature = Signature(Point::new(element).map_err(|_| Error::SignatureRefused)?);
        self.public_key.verify(message, &signature)?;
        Ok(signature)
    }
}
