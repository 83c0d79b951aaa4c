//! Prime-order groups: the arithmetic that secret sharing, oblivious functions
//! and proofs of equal logarithms are written over.
//!
//! [`Group`] is the algebra and its canonical encodings, [`Suite`] adds what RFC
//! 9497 asks of a ciphersuite. Nothing here assumes the length of an encoding:
//! [`Ristretto255`] serves recovery and everyday proofs, [`Bls12381G1`] and
//! [`Bls12381G2`] are the two sides of a pairing ([`crate::pairing`]), and
//! [`BabyJubJub`] is the curve that circuits over BN254 compute with.
//!
//! Methods whose name ends in `_vartime` leak their arguments through time and
//! are for public data only. All others run in time independent of the values.

mod babyjubjub;
mod bls12381;
mod expand;
mod multiply;
mod ristretto255;
mod secret_scalar;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;
use core::ops::{Add, AddAssign, Mul, Neg, Sub};

pub use babyjubjub::{BabyJubJub, BabyJubJubElement, BabyJubJubScalar};
pub use bls12381::{Bls12381G1, Bls12381G1Element, Bls12381G2, Bls12381G2Element, Bls12381Scalar};
pub use ristretto255::{Ristretto255, Ristretto255Element, Ristretto255Scalar};
pub use secret_scalar::SecretScalar;

use crate::{ConstantTimeEq, CryptoRng, Zeroize};

/// Why bytes are not an element or a scalar of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The length differs from the group's.
    Length,
    /// No value has this encoding, or it is not the one canonical encoding of a
    /// value.
    NotCanonical,
    /// The encoding of the identity, where the identity is not allowed.
    Identity,
    /// The encoding of the scalar zero, where zero is not allowed.
    Zero,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "wrong length",
            Self::NotCanonical => "not a canonical encoding",
            Self::Identity => "the identity element",
            Self::Zero => "the scalar zero",
        })
    }
}

impl core::error::Error for DecodeError {}

/// A message or domain separation tag too long to be hashed into a group, or an
/// empty tag (RFC 9380, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashInputError;

impl fmt::Display for HashInputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("domain separation tag is empty or longer than 255 bytes")
    }
}

impl core::error::Error for HashInputError {}

/// A group of prime order with canonical encodings (RFC 9497, section 2.1).
///
/// Elements are written additively. Plain scalars and elements are `Copy` and
/// are not wiped; a scalar that is secret belongs in a [`SecretScalar`].
pub trait Group: Copy + fmt::Debug + Eq + Send + Sync + 'static {
    /// An integer modulo the order of the group. `default()` is zero.
    type Scalar: Copy
        + Default
        + Eq
        + ConstantTimeEq
        + Zeroize
        + From<u64>
        + Add<Output = Self::Scalar>
        + AddAssign
        + Sub<Output = Self::Scalar>
        + Mul<Output = Self::Scalar>
        + Neg<Output = Self::Scalar>
        + Send
        + Sync;

    /// A member of the group. `default()` is the identity.
    type Element: Copy
        + Default
        + Eq
        + ConstantTimeEq
        + Zeroize
        + Add<Output = Self::Element>
        + AddAssign
        + Sub<Output = Self::Element>
        + Neg<Output = Self::Element>
        + Send
        + Sync;

    /// The canonical encoding of a scalar: a byte array of [`Self::SCALAR_LEN`].
    type ScalarBytes: Copy + Eq + AsRef<[u8]> + Zeroize + Send + Sync;

    /// The canonical encoding of an element: a byte array of
    /// [`Self::ELEMENT_LEN`].
    type ElementBytes: Copy + Eq + Ord + AsRef<[u8]> + for<'a> TryFrom<&'a [u8]> + Zeroize + Send + Sync;

    /// Bytes in an encoded scalar.
    const SCALAR_LEN: usize;

    /// Bytes in an encoded element.
    const ELEMENT_LEN: usize;

    /// The fixed generator.
    fn generator() -> Self::Element;

    /// `scalar * generator()`.
    fn mul_generator(scalar: &Self::Scalar) -> Self::Element;

    /// `scalar * element`.
    fn mul(element: &Self::Element, scalar: &Self::Scalar) -> Self::Element;

    /// The sum of `scalars[i] * elements[i]`, for public data. Terms without a
    /// partner in the other slice are left out.
    fn multi_mul_vartime(scalars: &[Self::Scalar], elements: &[Self::Element]) -> Self::Element;

    /// `a * element + b * generator()`, for public data.
    fn mul_add_generator_vartime(
        a: &Self::Scalar,
        element: &Self::Element,
        b: &Self::Scalar,
    ) -> Self::Element;

    /// The inverse of `scalar`; zero stays zero.
    fn invert(scalar: &Self::Scalar) -> Self::Scalar;

    /// Replaces every scalar by its inverse with one inversion in all; zeros
    /// stay zero. Whether a scalar is zero is not hidden.
    fn invert_batch(scalars: &mut [Self::Scalar]) {
        let mut products = Vec::with_capacity(scalars.len());
        let mut product = Self::Scalar::from(1);
        for scalar in scalars.iter() {
            products.push(product);
            if *scalar != Self::Scalar::default() {
                product = product * *scalar;
            }
        }
        let mut inverse = Self::invert(&product);
        for (scalar, before) in scalars.iter_mut().zip(&products).rev() {
            if *scalar != Self::Scalar::default() {
                let own = inverse * *before;
                inverse = inverse * *scalar;
                *scalar = own;
            }
        }
        products.zeroize();
        product.zeroize();
        inverse.zeroize();
    }

    /// Half of `scalar`: what [`Self::encode_doubles`] wants beforehand.
    fn halve(scalar: &Self::Scalar) -> Self::Scalar;

    /// The encoding of an element, the identity included.
    fn encode(element: &Self::Element) -> Self::ElementBytes;

    /// The encodings of the doubles `2 * elements[i]`, in order. Where a group
    /// can encode several doubles together for less than one at a time, a
    /// caller multiplies by halved scalars and gains.
    fn encode_doubles(elements: &[Self::Element]) -> Vec<Self::ElementBytes> {
        elements.iter().map(|element| Self::encode(&(*element + *element))).collect()
    }

    /// The element that `bytes` encode, the identity included.
    ///
    /// # Errors
    /// [`DecodeError::Length`] or [`DecodeError::NotCanonical`].
    fn decode_any(bytes: &[u8]) -> Result<Self::Element, DecodeError>;

    /// The element that `bytes` encode.
    ///
    /// # Errors
    /// As [`Self::decode_any`], and [`DecodeError::Identity`].
    fn decode(bytes: &[u8]) -> Result<Self::Element, DecodeError> {
        let element = Self::decode_any(bytes)?;
        if Self::is_identity(&element) { Err(DecodeError::Identity) } else { Ok(element) }
    }

    /// Whether `element` is the identity.
    fn is_identity(element: &Self::Element) -> bool {
        element.ct_eq(&Self::Element::default()).into()
    }

    /// The encoding of a scalar.
    fn encode_scalar(scalar: &Self::Scalar) -> Self::ScalarBytes;

    /// The scalar that `bytes` encode, zero included.
    ///
    /// # Errors
    /// [`DecodeError::Length`] or [`DecodeError::NotCanonical`].
    fn decode_scalar(bytes: &[u8]) -> Result<Self::Scalar, DecodeError>;

    /// `bytes`, read as a little-endian integer, modulo the order. Uniform bytes
    /// give a uniform scalar.
    fn scalar_from_wide(bytes: &[u8; 64]) -> Self::Scalar;

    /// A uniform scalar other than zero. Each attempt draws 64 bytes and reduces
    /// them with [`Self::scalar_from_wide`].
    fn random_scalar(rng: &mut impl CryptoRng) -> Self::Scalar {
        let mut wide = [0; 64];
        loop {
            rng.fill_bytes(&mut wide);
            let scalar = Self::scalar_from_wide(&wide);
            if scalar != Self::Scalar::default() {
                wide.zeroize();
                return scalar;
            }
        }
    }

    /// Hashes the concatenation of `message` to an element whose logarithm
    /// nobody knows, separated by the concatenation of `dst` (RFC 9497, section
    /// 4). The result may, with negligible probability, be the identity.
    ///
    /// # Errors
    /// [`HashInputError`] when the tag is empty or longer than 255 bytes.
    fn hash_to_group(message: &[&[u8]], dst: &[&[u8]]) -> Result<Self::Element, HashInputError>;

    /// Hashes the concatenation of `message` to a scalar, separated by the
    /// concatenation of `dst` (RFC 9497, section 4).
    ///
    /// # Errors
    /// [`HashInputError`] when the tag is empty or longer than 255 bytes.
    fn hash_to_scalar(message: &[&[u8]], dst: &[&[u8]]) -> Result<Self::Scalar, HashInputError>;
}

/// A group that RFC 9497 joins with a 64-byte hash to a ciphersuite.
pub trait Suite: Group {
    /// The suite's identifier (RFC 9497, section 4).
    const IDENTIFIER: &'static str;

    /// The suite's hash of the concatenation of `parts`.
    fn hash(parts: &[&[u8]]) -> [u8; 64];
}
