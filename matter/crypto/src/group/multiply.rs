//! Multiplication of points by scalars, for curves whose crates leave it slow.
//!
//! Scalars come as 32 bytes, little endian, below 2^255. [`mul`] is for secrets:
//! whatever the scalar, it does the same steps and reads the same memory.
//! [`multi_mul_vartime`] is for public data and is quicker the shorter the
//! scalars are.

use alloc::vec::Vec;
use core::ops::{Add, Neg};

use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

/// A point that can be added without exceptions, and chosen without a branch.
/// `default()` is the identity.
pub(super) trait Point:
    Copy + Default + Add<Output = Self> + Neg<Output = Self> + ConditionallySelectable
{
    /// This point added to itself.
    fn double(&self) -> Self;
}

/// Digits of a scalar below 2^255 in base 16.
const DIGITS: usize = 64;

/// `scalar * point`, in time independent of both.
pub(super) fn mul<P: Point>(point: &P, scalar: &[u8; 32]) -> P {
    let multiples = multiples(point);
    let mut digits = signed_digits(scalar);
    let mut sum = P::default();
    for (place, digit) in digits.iter().enumerate().rev() {
        if place + 1 < DIGITS {
            sum = sum.double().double().double().double();
        }
        sum = sum + select(&multiples, *digit);
    }
    digits.zeroize();
    sum
}

/// `point` times one to eight.
fn multiples<P: Point>(point: &P) -> [P; 8] {
    let mut multiples = [*point; 8];
    for i in 1..8 {
        multiples[i] = if i % 2 == 1 { multiples[i / 2].double() } else { multiples[i - 1] + *point };
    }
    multiples
}

/// The digits of `scalar` in base 16, each from -8 to 8, lowest first.
fn signed_digits(scalar: &[u8; 32]) -> [i8; DIGITS] {
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(scalar) {
        pair[0] = (byte & 15) as i8;
        pair[1] = (byte >> 4) as i8;
    }
    let mut carry = 0;
    for digit in &mut digits[..DIGITS - 1] {
        *digit += carry;
        carry = (*digit + 8) >> 4;
        *digit -= carry << 4;
    }
    // Below 2^255 the highest digit is at most seven, and eight with the carry.
    digits[DIGITS - 1] += carry;
    digits
}

/// `digit` times the point of which `multiples` are the first eight.
fn select<P: Point>(multiples: &[P; 8], digit: i8) -> P {
    let sign = digit >> 7;
    let size = ((digit + sign) ^ sign) as u8;
    let mut chosen = P::default();
    for (multiple, i) in multiples.iter().zip(1_u8..) {
        chosen.conditional_assign(multiple, size.ct_eq(&i));
    }
    let negative = -chosen;
    chosen.conditional_assign(&negative, ((sign & 1) as u8).into());
    chosen
}

/// The sum of all scalars times their points (Straus), for public data. Takes
/// time with the length of the longest scalar, and a little with each term.
pub(super) fn multi_mul_vartime<P: Point>(terms: impl Iterator<Item = ([u8; 32], P)>) -> P {
    let terms = terms.map(|(scalar, point)| Term::new(&scalar, point)).collect::<Vec<_>>();
    let places = terms.iter().map(|term| term.digits.len()).max().unwrap_or(0);
    let mut sum = P::default();
    for place in (0..places).rev() {
        if place + 1 < places {
            sum = sum.double();
        }
        for term in &terms {
            match term.digits.get(place) {
                Some(&digit) if digit > 0 => sum = sum + term.odd_multiples[usize::from(digit as u8) / 2],
                Some(&digit) if digit < 0 => {
                    sum = sum + -term.odd_multiples[usize::from(digit.unsigned_abs()) / 2];
                }
                _ => {}
            }
        }
    }
    sum
}

/// A point with its scalar in non-adjacent form.
struct Term<P> {
    /// Zero, or odd and smaller than two to the power of the window less one;
    /// lowest first, the highest one not zero.
    digits: Vec<i8>,
    /// The point times one, three, five and so on, as far as digits need it.
    odd_multiples: Vec<P>,
}

impl<P: Point> Term<P> {
    fn new(scalar: &[u8; 32], point: P) -> Self {
        let bits = 256 - leading_zeros(scalar);
        // More multiples cost their making and save additions: these windows
        // cost the fewest additions in all.
        let window = match bits {
            0..=32 => 2,
            33..=128 => 4,
            _ => 5,
        };
        let digits = non_adjacent_form(scalar, bits, window);
        let mut odd_multiples = Vec::with_capacity(1 << (window - 2));
        odd_multiples.push(point);
        if window > 2 {
            let double = point.double();
            let mut last = point;
            for _ in 1..1 << (window - 2) {
                last = last + double;
                odd_multiples.push(last);
            }
        }
        Self { digits, odd_multiples }
    }
}

/// Zero bits above the highest one that is set.
fn leading_zeros(scalar: &[u8; 32]) -> usize {
    match scalar.iter().rposition(|byte| *byte != 0) {
        Some(highest) => (31 - highest) * 8 + scalar[highest].leading_zeros() as usize,
        None => 256,
    }
}

/// The digits of a scalar of `bits` bits in non-adjacent form, lowest first.
fn non_adjacent_form(scalar: &[u8; 32], bits: usize, window: usize) -> Vec<i8> {
    let mut digits = Vec::with_capacity(bits + 1);
    let mut carry = 0;
    while digits.len() < bits || carry > 0 {
        let rest = (0..window).map(|i| bit(scalar, digits.len() + i) << i).sum::<i16>() + carry;
        if rest & 1 == 0 {
            digits.push(0);
            continue;
        }
        carry = rest >> (window - 1);
        let digit = rest - (carry << window);
        digits.push(digit as i8);
        if digits.len() < bits || carry > 0 {
            digits.extend((1..window).map(|_| 0));
        }
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

/// The bit of `scalar` at `place`, zero beyond its end.
fn bit(scalar: &[u8; 32], place: usize) -> i16 {
    scalar.get(place / 8).map_or(0, |byte| i16::from(byte >> (place % 8) & 1))
}

#[cfg(test)]
mod tests {
    use crypto_bigint::U256;
    use proptest::prelude::*;
    use subtle::Choice;

    use super::*;

    /// The integers modulo 2^256: here a scalar times one is the scalar.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Integer(U256);

    const ONE: Integer = Integer(U256::ONE);

    impl Integer {
        fn read(bytes: &[u8; 32]) -> Self {
            Self(U256::from_le_slice(bytes))
        }
    }

    impl Add for Integer {
        type Output = Self;

        fn add(self, other: Self) -> Self {
            Self(self.0.wrapping_add(&other.0))
        }
    }

    impl Neg for Integer {
        type Output = Self;

        fn neg(self) -> Self {
            Self(self.0.wrapping_neg())
        }
    }

    impl ConditionallySelectable for Integer {
        fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
            Self(U256::conditional_select(&a.0, &b.0, choice))
        }
    }

    impl Point for Integer {
        fn double(&self) -> Self {
            *self + *self
        }
    }

    fn check(mut scalar: [u8; 32]) {
        let alone = multi_mul_vartime(core::iter::once((scalar, ONE)));
        assert_eq!(alone, Integer::read(&scalar), "{scalar:?}");
        scalar[31] &= 0x7f;
        assert_eq!(mul(&ONE, &scalar), Integer::read(&scalar), "{scalar:?}");
    }

    #[test]
    fn scalars_at_the_edges_of_their_digits_are_taken_apart_rightly() {
        for byte in 0..=u8::MAX {
            check([byte; 32]);
            for len in 0..32 {
                let mut scalar = [0; 32];
                scalar[..len].fill(0xff);
                scalar[len] = byte;
                check(scalar);
                scalar[..len].fill(0);
                check(scalar);
            }
        }
    }

    proptest! {
        #[test]
        fn any_scalar_is_taken_apart_rightly(scalar in any::<[u8; 32]>(), len in 0..=32_usize) {
            let mut scalar = scalar;
            scalar[len..].fill(0);
            check(scalar);
        }

        #[test]
        fn terms_of_all_lengths_are_summed_up(
            terms in prop::collection::vec((any::<[u8; 32]>(), 0..=32_usize, any::<u64>()), 0..6),
        ) {
            let terms = terms.into_iter().map(|(mut scalar, len, point)| {
                scalar[len..].fill(0);
                (scalar, Integer(U256::from_u64(point)))
            });
            let terms = terms.collect::<Vec<_>>();
            let sum = terms.iter().fold(Integer::default(), |sum, (scalar, point)| {
                sum + Integer(Integer::read(scalar).0.wrapping_mul(&point.0))
            });
            prop_assert_eq!(multi_mul_vartime(terms.into_iter()), sum);
        }
    }
}
