//! The two groups of BLS12-381 that a pairing joins, with SHA-256.
//!
//! Elements are encoded compressed, as the ecosystem does since ZCash: the x
//! coordinate, big endian, with three flags in the highest bits. Scalars are 32
//! bytes, big endian. Both are the encodings that
//! draft-irtf-cfrg-pairing-friendly-curves writes down, and that of
//! draft-irtf-cfrg-bls-signature. Decoding refuses points outside the subgroup.
//!
//! Elements are hashed to with the suites `BLS12381G1_XMD:SHA-256_SSWU_RO_` and
//! `BLS12381G2_XMD:SHA-256_SSWU_RO_` (RFC 9380, section 8.8), and scalars with
//! `hash_to_field` of the same document, section 5.2, with 48 bytes modulo the
//! order.
//!
//! The outside crate's arithmetic is constant-time, and its additions hold for
//! all points; multiplication by a secret scalar is that of [`multiply`]. No table
//! of the generator's multiples is kept: a process multiplies the generator too
//! seldom to repay the making of one.

use alloc::vec;
use alloc::vec::Vec;

use bls12_381::hash_to_curve::{HashToField, MapToCurve};
use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::expand::expand;
use super::multiply::{self, Point};
use super::{DecodeError, Group, HashInputError};

/// A scalar of [`Bls12381G1`] and [`Bls12381G2`].
pub type Bls12381Scalar = Scalar;

/// An element of [`Bls12381G1`].
pub type Bls12381G1Element = G1Projective;

/// An element of [`Bls12381G2`].
pub type Bls12381G2Element = G2Projective;

/// Half of one: the order plus one, halved.
const HALF: Scalar = Scalar::from_raw([
    0x7fff_ffff_8000_0001,
    0xa9de_d201_7fff_2dff,
    0x199c_ec04_04d0_ec02,
    0x39f6_d3a9_94ce_bea4,
]);

/// Implements one of the two groups. Their arithmetic differs in the outside
/// crate's types only.
macro_rules! group {
    ($(#[$doc:meta])* $group:ident, $projective:ident, $affine:ident, $len:literal, $uniform:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $group;

        impl Point for $projective {
            fn double(&self) -> Self {
                $projective::double(self)
            }
        }

        impl Group for $group {
            type Scalar = Scalar;
            type Element = $projective;
            type ScalarBytes = [u8; 32];
            type ElementBytes = [u8; $len];

            const SCALAR_LEN: usize = 32;
            const ELEMENT_LEN: usize = $len;

            fn generator() -> $projective {
                $projective::generator()
            }

            fn mul_generator(scalar: &Scalar) -> $projective {
                Self::mul(&Self::generator(), scalar)
            }

            fn mul(element: &$projective, scalar: &Scalar) -> $projective {
                multiply::mul(element, &Zeroizing::new(scalar.to_bytes()))
            }

            fn multi_mul_vartime(scalars: &[Scalar], elements: &[$projective]) -> $projective {
                multiply::multi_mul_vartime(scalars.iter().map(Scalar::to_bytes).zip(elements.iter().copied()))
            }

            fn mul_add_generator_vartime(a: &Scalar, element: &$projective, b: &Scalar) -> $projective {
                Self::multi_mul_vartime(&[*a, *b], &[*element, Self::generator()])
            }

            fn invert(scalar: &Scalar) -> Scalar {
                scalar.invert().unwrap_or(Scalar::zero())
            }

            fn halve(scalar: &Scalar) -> Scalar {
                scalar * HALF
            }

            fn encode(element: &$projective) -> [u8; $len] {
                $affine::from(element).to_compressed()
            }

            fn encode_doubles(elements: &[$projective]) -> Vec<[u8; $len]> {
                let doubles = elements.iter().map($projective::double).collect::<Vec<_>>();
                let mut affine = vec![$affine::identity(); doubles.len()];
                $projective::batch_normalize(&doubles, &mut affine);
                affine.iter().map($affine::to_compressed).collect()
            }

            fn decode_any(bytes: &[u8]) -> Result<$projective, DecodeError> {
                let bytes = <[u8; $len]>::try_from(bytes).map_err(|_| DecodeError::Length)?;
                let affine: Option<$affine> = $affine::from_compressed(&bytes).into();
                affine.map($projective::from).ok_or(DecodeError::NotCanonical)
            }

            fn encode_scalar(scalar: &Scalar) -> [u8; 32] {
                let mut bytes = scalar.to_bytes();
                bytes.reverse();
                bytes
            }

            fn decode_scalar(bytes: &[u8]) -> Result<Scalar, DecodeError> {
                let mut bytes = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Length)?;
                bytes.reverse();
                Option::from(Scalar::from_bytes(&bytes)).ok_or(DecodeError::NotCanonical)
            }

            fn scalar_from_wide(bytes: &[u8; 64]) -> Scalar {
                Scalar::from_bytes_wide(bytes)
            }

            fn hash_to_group(message: &[&[u8]], dst: &[&[u8]]) -> Result<$projective, HashInputError> {
                let mut uniform = [0; $uniform];
                expand::<Sha256>(message, dst, &mut uniform)?;
                let (first, second) = uniform.split_at($uniform / 2);
                let map = |uniform: &[u8]| {
                    $projective::map_to_curve(&<$projective as MapToCurve>::Field::from_okm(uniform.into()))
                };
                Ok((map(first) + map(second)).clear_h())
            }

            fn hash_to_scalar(message: &[&[u8]], dst: &[&[u8]]) -> Result<Scalar, HashInputError> {
                let mut uniform = [0; 48];
                expand::<Sha256>(message, dst, &mut uniform)?;
                Ok(Scalar::from_okm(uniform.as_slice().into()))
            }
        }
    };
}

group! {
    /// The first group: elements in 48 bytes, scalars in 32. Signatures are here.
    Bls12381G1, G1Projective, G1Affine, 48, 128
}

group! {
    /// The second group: elements in 96 bytes, scalars in 32. Public keys are
    /// here.
    Bls12381G2, G2Projective, G2Affine, 96, 256
}

#[cfg(test)]
mod tests;
