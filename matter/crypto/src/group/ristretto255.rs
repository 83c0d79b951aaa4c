//! ristretto255 (RFC 9496) with SHA-512, as RFC 9497, section 4.1 joins them.

use alloc::vec::Vec;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use sha2::{Digest, Sha512};

use super::expand::expand_to_64;
use super::{DecodeError, Group, HashInputError, Suite};

/// The ristretto255 group. Elements and scalars are encoded in 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ristretto255;

/// A scalar of [`Ristretto255`].
pub type Ristretto255Scalar = Scalar;

/// An element of [`Ristretto255`].
pub type Ristretto255Element = RistrettoPoint;

impl Ristretto255 {
    /// The element that 64 uniform bytes map to (RFC 9496, section 4.3.4).
    pub fn element_from_wide(bytes: &[u8; 64]) -> Ristretto255Element {
        RistrettoPoint::from_uniform_bytes(bytes)
    }
}

impl Group for Ristretto255 {
    type Scalar = Scalar;
    type Element = RistrettoPoint;
    type ScalarBytes = [u8; 32];
    type ElementBytes = [u8; 32];

    const SCALAR_LEN: usize = 32;
    const ELEMENT_LEN: usize = 32;

    fn generator() -> RistrettoPoint {
        RISTRETTO_BASEPOINT_POINT
    }

    fn mul_generator(scalar: &Scalar) -> RistrettoPoint {
        RistrettoPoint::mul_base(scalar)
    }

    fn mul(element: &RistrettoPoint, scalar: &Scalar) -> RistrettoPoint {
        element * scalar
    }

    fn multi_mul_vartime(scalars: &[Scalar], elements: &[RistrettoPoint]) -> RistrettoPoint {
        match (scalars, elements) {
            // The two-point routine with an empty second term is the quickest
            // there is for one point.
            ([scalar], [element]) => {
                RistrettoPoint::vartime_double_scalar_mul_basepoint(scalar, element, &Scalar::ZERO)
            }
            _ => {
                let len = scalars.len().min(elements.len());
                RistrettoPoint::vartime_multiscalar_mul(scalars.iter().take(len), elements.iter().take(len))
            }
        }
    }

    fn mul_add_generator_vartime(a: &Scalar, element: &RistrettoPoint, b: &Scalar) -> RistrettoPoint {
        RistrettoPoint::vartime_double_scalar_mul_basepoint(a, element, b)
    }

    fn invert(scalar: &Scalar) -> Scalar {
        scalar.invert()
    }

    fn halve(scalar: &Scalar) -> Scalar {
        scalar.div_by_2()
    }

    fn encode(element: &RistrettoPoint) -> [u8; 32] {
        element.compress().to_bytes()
    }

    fn encode_doubles(elements: &[RistrettoPoint]) -> Vec<[u8; 32]> {
        RistrettoPoint::double_and_compress_batch(elements)
            .iter()
            .map(CompressedRistretto::to_bytes)
            .collect()
    }

    fn decode_any(bytes: &[u8]) -> Result<RistrettoPoint, DecodeError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Length)?;
        CompressedRistretto(bytes).decompress().ok_or(DecodeError::NotCanonical)
    }

    fn encode_scalar(scalar: &Scalar) -> [u8; 32] {
        scalar.to_bytes()
    }

    fn decode_scalar(bytes: &[u8]) -> Result<Scalar, DecodeError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Length)?;
        Option::from(Scalar::from_canonical_bytes(bytes)).ok_or(DecodeError::NotCanonical)
    }

    fn scalar_from_wide(bytes: &[u8; 64]) -> Scalar {
        Scalar::from_bytes_mod_order_wide(bytes)
    }

    fn hash_to_group(message: &[&[u8]], dst: &[&[u8]]) -> Result<RistrettoPoint, HashInputError> {
        Ok(RistrettoPoint::from_uniform_bytes(&expand_to_64::<Sha512>(message, dst)?))
    }

    fn hash_to_scalar(message: &[&[u8]], dst: &[&[u8]]) -> Result<Scalar, HashInputError> {
        Ok(Scalar::from_bytes_mod_order_wide(&expand_to_64::<Sha512>(message, dst)?))
    }
}

impl Suite for Ristretto255 {
    const IDENTIFIER: &'static str = "ristretto255-SHA512";

    fn hash(parts: &[&[u8]]) -> [u8; 64] {
        let mut hash = Sha512::new();
        for part in parts {
            hash.update(part);
        }
        hash.finalize().into()
    }
}
