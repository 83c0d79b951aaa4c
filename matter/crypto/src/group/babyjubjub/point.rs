//! Points of Baby Jubjub's subgroup, in extended twisted Edwards coordinates.
//!
//! The formulas (Hisil, Wong, Carter, Dawson, "Twisted Edwards curves revisited",
//! sections 3.1 and 3.3) hold for every pair of points without exception, since
//! 168700 is a square in the field and 168696 is none.

use core::ops::{Add, AddAssign, Neg, Sub};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::DefaultIsZeroes;

use super::super::multiply::{self, Point};
use super::field::{self, Fe, constant};
use super::scalar;

/// The coefficient of x^2: 168700.
const A: Fe = constant("00000000000000000000000000000000000000000000000000000000000292fc");

/// The coefficient of x^2 y^2: 168696.
const D: Fe = constant("00000000000000000000000000000000000000000000000000000000000292f8");

/// An element of [`super::BabyJubJub`].
///
/// The affine coordinates are `x / z` and `y / z`; `t` is `x y / z`.
#[derive(Clone, Copy, Debug)]
pub struct BabyJubJubElement {
    x: Fe,
    y: Fe,
    z: Fe,
    t: Fe,
}

impl BabyJubJubElement {
    /// circom's `Base8`.
    pub(super) const GENERATOR: Self = Self {
        x: constant("0bb77a6ad63e739b4eacb2e09d6277c12ab8d8010534e0b62893f3f6bb957051"),
        y: constant("25797203f7a0b24925572e1cd16bf9edfce0051fb9e133774b3c257a872d7d8b"),
        z: Fe::ONE,
        t: constant("2a500dae584f85aa6aa147115ffa2b9e7ca9ef58a774a7f13438f2eb3672bb54"),
    };

    /// The point at `x` and `y`, which are on the curve.
    pub(super) fn from_affine(x: Fe, y: Fe) -> Self {
        Self { x, y, z: Fe::ONE, t: x * y }
    }

    /// Both affine coordinates, each in 32 bytes, little endian: what a circuit
    /// takes as its input.
    pub fn coordinates(&self) -> ([u8; 32], [u8; 32]) {
        let (x, y) = self.to_affine();
        (field::encode(&x), field::encode(&y))
    }

    fn to_affine(self) -> (Fe, Fe) {
        // A point in use never has z = 0.
        let inverse = self.z.invert().unwrap_or(Fe::ZERO);
        (self.x * inverse, self.y * inverse)
    }

    pub(super) fn encode(&self) -> [u8; 32] {
        let (x, y) = self.to_affine();
        let mut bytes = field::encode(&y);
        bytes[31] |= field::is_larger_half(&x).unwrap_u8() << 7;
        bytes
    }

    /// The element that `bytes` encode; nothing if they encode none, a point
    /// outside the subgroup, or not in the canonical way.
    pub(super) fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let mut bytes = *bytes;
        let larger = bytes[31] >> 7;
        bytes[31] &= 0x7f;
        let y = field::decode(&bytes)?;
        let square = y * y;
        // The denominator is never zero: 168700 / 168696 is no square.
        let denominator: Option<Fe> = (A - D * square).invert().into();
        let root: Option<Fe> = ((Fe::ONE - square) * denominator?).sqrt().into();
        let root = root?;
        let other = field::is_larger_half(&root) ^ Choice::from(larger);
        let x = Fe::conditional_select(&root, &-root, other);
        // Zero is its own negative and never the larger.
        let canonical = field::is_larger_half(&x).unwrap_u8() == larger;
        let point = Self::from_affine(x, y);
        (canonical && point.is_in_subgroup()).then_some(point)
    }

    /// Whether the coordinates are those of a point of the curve.
    #[cfg(test)]
    pub(super) fn is_on_curve(&self) -> bool {
        let (x, y) = self.to_affine();
        let (x2, y2) = (x.square(), y.square());
        A * x2 + y2 == Fe::ONE + D * x2 * y2 && self.x * self.y == self.z * self.t
    }

    /// Whether this point of the curve is in the subgroup of prime order.
    fn is_in_subgroup(&self) -> bool {
        multiply::multi_mul_vartime(core::iter::once((scalar::order(), *self))) == Self::default()
    }
}

impl Point for BabyJubJubElement {
    fn double(&self) -> Self {
        let a = self.x.square();
        let b = self.y.square();
        let c = self.z.square().double();
        let d = A * a;
        let e = (self.x + self.y).square() - a - b;
        let g = d + b;
        let f = g - c;
        let h = d - b;
        Self { x: e * f, y: g * h, z: f * g, t: e * h }
    }
}

impl Default for BabyJubJubElement {
    fn default() -> Self {
        Self { x: Fe::ZERO, y: Fe::ONE, z: Fe::ONE, t: Fe::ZERO }
    }
}

impl Add for BabyJubJubElement {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let a = self.x * other.x;
        let b = self.y * other.y;
        let c = D * self.t * other.t;
        let d = self.z * other.z;
        let e = (self.x + self.y) * (other.x + other.y) - a - b;
        let f = d - c;
        let g = d + c;
        let h = b - A * a;
        Self { x: e * f, y: g * h, z: f * g, t: e * h }
    }
}

impl AddAssign for BabyJubJubElement {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for BabyJubJubElement {
    type Output = Self;

    fn neg(self) -> Self {
        Self { x: -self.x, t: -self.t, ..self }
    }
}

impl Sub for BabyJubJubElement {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl ConstantTimeEq for BabyJubJubElement {
    fn ct_eq(&self, other: &Self) -> Choice {
        ConstantTimeEq::ct_eq(&(self.x * other.z), &(other.x * self.z))
            & ConstantTimeEq::ct_eq(&(self.y * other.z), &(other.y * self.z))
    }
}

impl PartialEq for BabyJubJubElement {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for BabyJubJubElement {}

impl ConditionallySelectable for BabyJubJubElement {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self {
            x: Fe::conditional_select(&a.x, &b.x, choice),
            y: Fe::conditional_select(&a.y, &b.y, choice),
            z: Fe::conditional_select(&a.z, &b.z, choice),
            t: Fe::conditional_select(&a.t, &b.t, choice),
        }
    }
}

impl DefaultIsZeroes for BabyJubJubElement {}
