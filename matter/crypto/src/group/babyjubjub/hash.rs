//! Hashing to Baby Jubjub: a suite as RFC 9380, section 8.9 lets one be defined.
//!
//! `BabyJubJub_XMD:SHA-512_ELL2_RO_`: `expand_message_xmd` with SHA-512, 48 bytes
//! for each coordinate, Elligator 2 (section 6.7.1) with Z = 5 onto the
//! Montgomery curve `t^2 = s^3 + 168698 s^2 + s`, the rational map of appendix
//! D.1 to the Edwards form, and multiplication by the cofactor 8.

use sha2::Sha512;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::super::HashInputError;
use super::super::expand::expand;
use super::super::multiply::Point;
use super::field::{self, Fe, constant};
use super::point::BabyJubJubElement;

/// The Montgomery curve's coefficient: 168698.
const J: Fe = constant("00000000000000000000000000000000000000000000000000000000000292fa");

/// The smallest number that is no square (RFC 9380, appendix H.3).
const Z: Fe = constant("0000000000000000000000000000000000000000000000000000000000000005");

/// Hashes `message` to an element.
///
/// # Errors
/// [`HashInputError`] when the tag is empty or longer than 255 bytes.
pub(super) fn hash_to_group(message: &[&[u8]], dst: &[&[u8]]) -> Result<BabyJubJubElement, HashInputError> {
    let mut uniform = [[0; 48]; 2];
    expand::<Sha512>(message, dst, uniform.as_flattened_mut())?;
    let [first, second] = uniform.map(|bytes| map_to_curve(&field::from_uniform(&bytes)));
    Ok((first + second).double().double().double())
}

/// The point of the curve, in the subgroup or not, that `u` maps to.
pub(super) fn map_to_curve(u: &Fe) -> BabyJubJubElement {
    let (s, t) = elligator_2(u);
    // (v, w) = (s / t, (s - 1) / (s + 1)), or the identity where a denominator is
    // zero: at (0, 0), which u = 0 maps to. No point has s = -1.
    let product = (s + Fe::ONE) * t;
    let inverse = inverse_or_zero(&product);
    let v = (s + Fe::ONE) * inverse * s;
    let w = t * inverse * (s - Fe::ONE);
    let w = Fe::conditional_select(&w, &Fe::ONE, is_zero(&product));
    BabyJubJubElement::from_affine(v, w)
}

/// The point of the Montgomery curve that `u` maps to (RFC 9380, section 6.7.1).
fn elligator_2(u: &Fe) -> (Fe, Fe) {
    let scaled = Z * u.square();
    // The sum is never zero: -1 is a square and Z is none.
    let x1 = -J * inverse_or_zero(&(Fe::ONE + scaled));
    let x2 = -x1 - J;
    let root1 = right_side(&x1).sqrt();
    let root2 = right_side(&x2).sqrt();
    let first: Choice = root1.is_some().into();
    let x = Fe::conditional_select(&x2, &x1, first);
    let y = Fe::conditional_select(&root2.unwrap_or(Fe::ZERO), &root1.unwrap_or(Fe::ZERO), first);
    // The first candidate takes the odd root, the second the even one.
    let odd = Choice::from(field::encode(&y)[0] & 1);
    let y = Fe::conditional_select(&y, &-y, odd ^ first);
    (x, y)
}

/// `x^3 + J x^2 + x`.
fn right_side(x: &Fe) -> Fe {
    ((*x + J) * *x + Fe::ONE) * *x
}

fn inverse_or_zero(value: &Fe) -> Fe {
    value.invert().unwrap_or(Fe::ZERO)
}

fn is_zero(value: &Fe) -> Choice {
    ConstantTimeEq::ct_eq(value, &Fe::ZERO)
}
