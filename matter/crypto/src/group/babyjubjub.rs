//! The prime-order subgroup of Baby Jubjub (ERC-2494), as circom and iden3 use
//! it, with SHA-512.
//!
//! The curve is `168700 x^2 + y^2 = 1 + 168696 x^2 y^2` over the scalar field of
//! BN254, the generator is circom's `Base8`. An element is encoded as iden3 packs
//! a point: y in 32 bytes, little endian, with the highest bit set where x is
//! the larger of the two candidates, that is above (q - 1) / 2. Decoding refuses
//! points outside the subgroup. Scalars are 32 bytes, little endian. Elements are
//! hashed to as [`hash`] says; scalars are 64 bytes of `expand_message_xmd` (RFC
//! 9380, section 5.3.1), little endian, modulo the order.
//!
//! Field and scalars are computed with `crypto-bigint`, whose arithmetic is
//! constant-time: sums, products, inverses and square roots take the same steps
//! whatever the values. arkworks, on which circuits are proven, branches on them.
//! The formulas for points have no exceptions, and multiplication by a secret
//! scalar is that of [`multiply`]. What leaks is only whether bytes decode.

mod field;
mod hash;
mod point;
mod scalar;

use sha2::Sha512;
use zeroize::Zeroizing;

use super::expand::expand_to_64;
use super::{DecodeError, Group, HashInputError, multiply};

pub use point::BabyJubJubElement;
pub use scalar::BabyJubJubScalar;

/// The prime-order subgroup of Baby Jubjub. Elements and scalars are encoded in
/// 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BabyJubJub;

impl Group for BabyJubJub {
    type Scalar = BabyJubJubScalar;
    type Element = BabyJubJubElement;
    type ScalarBytes = [u8; 32];
    type ElementBytes = [u8; 32];

    const SCALAR_LEN: usize = 32;
    const ELEMENT_LEN: usize = 32;

    fn generator() -> BabyJubJubElement {
        BabyJubJubElement::GENERATOR
    }

    fn mul_generator(scalar: &BabyJubJubScalar) -> BabyJubJubElement {
        Self::mul(&Self::generator(), scalar)
    }

    fn mul(element: &BabyJubJubElement, scalar: &BabyJubJubScalar) -> BabyJubJubElement {
        multiply::mul(element, &Zeroizing::new(scalar.encode()))
    }

    fn multi_mul_vartime(scalars: &[BabyJubJubScalar], elements: &[BabyJubJubElement]) -> BabyJubJubElement {
        multiply::multi_mul_vartime(
            scalars.iter().map(BabyJubJubScalar::encode).zip(elements.iter().copied()),
        )
    }

    fn mul_add_generator_vartime(
        a: &BabyJubJubScalar,
        element: &BabyJubJubElement,
        b: &BabyJubJubScalar,
    ) -> BabyJubJubElement {
        Self::multi_mul_vartime(&[*a, *b], &[*element, Self::generator()])
    }

    fn invert(scalar: &BabyJubJubScalar) -> BabyJubJubScalar {
        scalar.invert()
    }

    fn halve(scalar: &BabyJubJubScalar) -> BabyJubJubScalar {
        scalar.halve()
    }

    fn encode(element: &BabyJubJubElement) -> [u8; 32] {
        element.encode()
    }

    fn decode_any(bytes: &[u8]) -> Result<BabyJubJubElement, DecodeError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Length)?;
        BabyJubJubElement::decode(&bytes).ok_or(DecodeError::NotCanonical)
    }

    fn encode_scalar(scalar: &BabyJubJubScalar) -> [u8; 32] {
        scalar.encode()
    }

    fn decode_scalar(bytes: &[u8]) -> Result<BabyJubJubScalar, DecodeError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Length)?;
        BabyJubJubScalar::decode(&bytes).ok_or(DecodeError::NotCanonical)
    }

    fn scalar_from_wide(bytes: &[u8; 64]) -> BabyJubJubScalar {
        BabyJubJubScalar::from_wide(bytes)
    }

    fn hash_to_group(message: &[&[u8]], dst: &[&[u8]]) -> Result<BabyJubJubElement, HashInputError> {
        hash::hash_to_group(message, dst)
    }

    fn hash_to_scalar(message: &[&[u8]], dst: &[&[u8]]) -> Result<BabyJubJubScalar, HashInputError> {
        Ok(BabyJubJubScalar::from_wide(&expand_to_64::<Sha512>(message, dst)?))
    }
}

#[cfg(test)]
mod tests;
