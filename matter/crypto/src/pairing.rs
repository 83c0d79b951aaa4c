//! The pairing of BLS12-381: from [`Bls12381G1`] and [`Bls12381G2`](crate::group::Bls12381G2)
//! to a third group, which is written additively too: `e(a * P, b * Q) = a * b *
//! e(P, Q)`.
//!
//! It is the optimal ate pairing with the final exponentiation that
//! implementations in use share, which gives the cube of the one in
//! draft-irtf-cfrg-pairing-friendly-curves. It runs in time independent of the
//! points.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Prepared};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::group::{Bls12381G1, Bls12381G1Element, Bls12381G2Element, Group, HashInputError};

/// Hashes `message` to an element of G1 whose logarithm nobody knows, with
/// `BLS12381G1_XMD:SHA-256_SSWU_RO_` (RFC 9380, section 8.8.1).
///
/// # Errors
/// [`HashInputError`] when `dst`, the domain separation tag, is empty or longer
/// than 255 bytes.
pub fn hash_to_g1(message: &[u8], dst: &[u8]) -> Result<Bls12381G1Element, HashInputError> {
    Bls12381G1::hash_to_group(&[message], &[dst])
}

/// An element of G2 with what every pairing with it computes first, about 20
/// kB. Worth keeping for a key that is used more than once.
#[derive(Clone)]
pub struct PreparedG2(G2Prepared);

impl PreparedG2 {
    /// Prepares `element`.
    pub fn new(element: &Bls12381G2Element) -> Self {
        Self(G2Prepared::from(G2Affine::from(element)))
    }
}

impl fmt::Debug for PreparedG2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedG2(..)")
    }
}

/// Whether the pairings of all `terms` add up to the identity: the check that
/// `e(P1, Q1) + e(P2, Q2) + ... = 0`.
pub fn sum_is_identity(terms: &[(Bls12381G1Element, &PreparedG2)]) -> bool {
    let points = terms.iter().map(|(point, _)| *point).collect::<Vec<_>>();
    let mut affine = vec![G1Affine::identity(); points.len()];
    G1Projective::batch_normalize(&points, &mut affine);
    let terms =
        affine.iter().zip(terms).map(|(point, (_, prepared))| (point, &prepared.0)).collect::<Vec<_>>();
    bls12_381::multi_miller_loop(&terms).final_exponentiation() == bls12_381::Gt::identity()
}

/// The pairing of `point` with `prepared`.
pub fn pair(point: &Bls12381G1Element, prepared: &PreparedG2) -> Gt {
    let point = G1Affine::from(point);
    Gt(bls12_381::multi_miller_loop(&[(&point, &prepared.0)]).final_exponentiation())
}

/// A value of the pairing: an element of the third group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Gt(bls12_381::Gt);

impl Gt {
    /// Bytes in an encoded value.
    pub const LEN: usize = 576;

    /// The one encoding of this value: its twelve coefficients, 48 bytes each, big
    /// endian, the highest power of the last extension first, as drand and others
    /// write it. As secret as the value.
    pub fn encode(&self) -> Zeroizing<[u8; Self::LEN]> {
        // The outside crate shows the coefficients only when asked to print them,
        // so what the formatting of `core` leaves on the stack is not wiped.
        let mut printed = Coefficients { bytes: Zeroizing::new([0; Self::LEN]), digits: 0, left: 0 };
        let written = write!(printed, "{:?}", self.0);
        assert!(written.is_ok() && printed.digits == 2 * Self::LEN, "a value has twelve coefficients");
        printed.bytes
    }
}

impl ConstantTimeEq for Gt {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Zeroize for Gt {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Gt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gt(..)")
    }
}

/// Hexadecimal digits in a coefficient.
const DIGITS: usize = 96;

/// Collects coefficients that are printed as `0x` and their digits, lowest
/// coefficient first, with anything between them.
struct Coefficients {
    bytes: Zeroizing<[u8; Gt::LEN]>,
    /// Digits collected.
    digits: usize,
    /// Digits left of the number being read.
    left: usize,
}

impl Coefficients {
    /// Takes the next digit.
    fn push(&mut self, digit: u8) -> fmt::Result {
        let (coefficient, place) = (self.digits / DIGITS, self.digits % DIGITS / 2);
        let begin = Gt::LEN.checked_sub((coefficient + 1) * DIGITS / 2).ok_or(fmt::Error)?;
        let byte = self.bytes.get_mut(begin + place).ok_or(fmt::Error)?;
        // '0' to '9' end in their value, 'a' to 'f' in theirs less nine.
        *byte = *byte << 4 | ((digit & 15) + 9 * (digit >> 6));
        self.digits += 1;
        self.left -= 1;
        Ok(())
    }
}

impl Write for Coefficients {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.left > 0 {
                self.push(byte)?;
            } else if byte == b'x' {
                self.left = DIGITS;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
