//! A scalar that must not leak.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{DecodeError, Group};
use crate::CryptoRng;

/// A secret scalar: wiped on drop, compared in constant time, never printed.
pub struct SecretScalar<G: Group>(G::Scalar);

impl<G: Group> SecretScalar<G> {
    /// Takes a scalar over. The caller's copy, if it kept one, is its own to
    /// wipe.
    pub fn new(scalar: G::Scalar) -> Self {
        Self(scalar)
    }

    /// A uniform scalar other than zero.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(G::random_scalar(rng))
    }

    /// The scalar that `bytes` encode, zero included.
    ///
    /// # Errors
    /// [`DecodeError::Length`] or [`DecodeError::NotCanonical`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        G::decode_scalar(bytes).map(Self)
    }

    /// The canonical encoding, as secret as the scalar.
    pub fn encode(&self) -> Zeroizing<G::ScalarBytes> {
        Zeroizing::new(G::encode_scalar(&self.0))
    }

    /// The scalar itself. The name is long so that a review can find every place
    /// where a secret is read.
    pub fn expose(&self) -> &G::Scalar {
        &self.0
    }

    /// Whether this is zero, in constant time up to the answer.
    pub fn is_zero(&self) -> bool {
        self.0.ct_eq(&G::Scalar::default()).into()
    }

    /// Half of this scalar.
    pub fn halve(&self) -> Self {
        Self(G::halve(&self.0))
    }

    /// The inverse; zero stays zero.
    pub fn invert(&self) -> Self {
        Self(G::invert(&self.0))
    }

    /// This scalar times the generator: its public counterpart.
    pub fn mul_generator(&self) -> G::Element {
        G::mul_generator(&self.0)
    }

    /// This scalar times `element`.
    pub fn mul(&self, element: &G::Element) -> G::Element {
        G::mul(element, &self.0)
    }
}

impl<G: Group> Clone for SecretScalar<G> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<G: Group> Zeroize for SecretScalar<G> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<G: Group> Drop for SecretScalar<G> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<G: Group> ZeroizeOnDrop for SecretScalar<G> {}

impl<G: Group> ConstantTimeEq for SecretScalar<G> {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl<G: Group> PartialEq for SecretScalar<G> {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl<G: Group> Eq for SecretScalar<G> {}

impl<G: Group> fmt::Debug for SecretScalar<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}
