//! Feldman's verifiable secret sharing (P. Feldman, "A practical scheme for
//! non-interactive verifiable secret sharing", 1987).
//!
//! The dealer publishes each coefficient of the polynomial times the generator.
//! Every holder checks its own share against that, and everyone can compute the
//! public key of every share. The commitment reveals the secret times the
//! generator, which is the public key.

use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Group};

use crate::shamir::{Polynomial, Share};
use crate::{Error, Index, Part, Point};

/// A dealer's commitment to a polynomial: one element per coefficient, from the
/// constant term up, none of them the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment<G: Group> {
    /// One to 65,535 points.
    points: Vec<Point<G>>,
}

impl<G: Group> Commitment<G> {
    /// Commits to `polynomial`.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming a coefficient that is zero.
    pub fn new(polynomial: &Polynomial<G>) -> Result<Self, Error> {
        let points = polynomial
            .coefficients()
            .iter()
            .zip(0..)
            .map(|(coefficient, power)| {
                Point::new(coefficient.mul_generator())
                    .map_err(|reason| Error::Malformed { part: Part::Commitment(power), reason })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { points })
    }

    /// The number of shares that give the secret back.
    pub fn threshold(&self) -> u16 {
        // The constructors keep the length within range.
        u16::try_from(self.points.len()).unwrap_or(u16::MAX)
    }

    /// The secret times the generator.
    pub fn public_key(&self) -> &Point<G> {
        match self.points.first() {
            Some(point) => point,
            None => unreachable!("a commitment has at least one point"),
        }
    }

    /// The share of `index` times the generator.
    pub fn public_share_key(&self, index: Index) -> G::Element {
        let elements = self.points.iter().map(|point| *point.element()).collect::<Vec<_>>();
        evaluate::<G>(&elements, index)
    }

    /// Takes any points for a commitment.
    #[cfg(test)]
    pub(crate) fn from_points(points: Vec<Point<G>>) -> Self {
        Self { points }
    }

    /// The points, from the constant term up.
    pub(crate) fn points(&self) -> &[Point<G>] {
        &self.points
    }

    /// Checks a share that the dealer sent.
    ///
    /// # Errors
    /// [`Error::ShareRefused`] naming the index.
    pub fn verify(&self, share: &Share<G>) -> Result<(), Error> {
        if share.value.mul_generator() == self.public_share_key(share.index) {
            Ok(())
        } else {
            Err(Error::ShareRefused(share.index))
        }
    }

    /// The threshold as two bytes, big endian, then the elements.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + self.points.len() * G::ELEMENT_LEN);
        bytes.extend_from_slice(&self.threshold().to_be_bytes());
        for point in &self.points {
            bytes.extend_from_slice(point.bytes().as_ref());
        }
        bytes
    }

    /// Decodes what [`Self::encode`] gives, with a threshold of at most
    /// `threshold_max`. Nothing is allocated before the length is checked.
    ///
    /// # Errors
    /// [`Error::ThresholdAboveLimit`]; [`Error::ThresholdOutOfRange`] for a
    /// threshold of zero; [`Error::Malformed`] for a wrong length or naming the
    /// element that is wrong.
    pub fn decode(bytes: &[u8], threshold_max: u16) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        let (threshold, elements) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let threshold = u16::from_be_bytes(*threshold);
        if threshold == 0 {
            return Err(Error::ThresholdOutOfRange { threshold, shares: 0 });
        }
        if threshold > threshold_max {
            return Err(Error::ThresholdAboveLimit { threshold, limit: threshold_max });
        }
        if elements.len() != usize::from(threshold) * G::ELEMENT_LEN {
            return Err(wrong_length);
        }
        let points = elements
            .chunks_exact(G::ELEMENT_LEN)
            .zip(0..)
            .map(|(bytes, power)| {
                Point::decode(bytes)
                    .map_err(|reason| Error::Malformed { part: Part::Commitment(power), reason })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { points })
    }
}

/// The value at `index` of the polynomial whose coefficients times the generator
/// are `elements`, times the generator. Public.
///
/// Horner's rule: each step multiplies by the index alone, which is short.
pub(crate) fn evaluate<G: Group>(elements: &[G::Element], index: Index) -> G::Element {
    let Some((highest, rest)) = elements.split_last() else { return G::Element::default() };
    rest.iter().rev().fold(*highest, |sum, element| short_multiple::<G>(sum, index) + *element)
}

/// `index * element`, in one doubling for each bit of the index after the first.
fn short_multiple<G: Group>(element: G::Element, index: Index) -> G::Element {
    let index = index.get();
    let mut product = element;
    for bit in (0..index.ilog2()).rev() {
        product = product + product;
        if index >> bit & 1 == 1 {
            product += element;
        }
    }
    product
}

#[cfg(test)]
mod tests;
