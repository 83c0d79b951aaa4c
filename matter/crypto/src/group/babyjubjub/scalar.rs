//! Integers modulo the order of Baby Jubjub's subgroup. All arithmetic is
//! constant-time.

use core::fmt;
use core::ops::{Add, AddAssign, Mul, Neg, Sub};

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U256, const_monty_params};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

const_monty_params!(
    Order,
    U256,
    "060c89ce5c263405370a08b6d0302b0bab3eedb83920ee0a677297dc392126f1",
    "The order of the subgroup."
);

type Value = ConstMontyForm<Order, { U256::LIMBS }>;

/// 2^256.
const SHIFT: Value =
    Value::new(&U256::from_be_hex("01f16424e1bb7724f85a9201d818f015e7acffc6a098f24b073315dea08f9c76"));

/// A scalar of [`super::BabyJubJub`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct BabyJubJubScalar(Value);

impl BabyJubJubScalar {
    pub(super) fn invert(&self) -> Self {
        Self(self.0.invert().unwrap_or(Value::ZERO))
    }

    pub(super) fn halve(&self) -> Self {
        Self(self.0.div_by_2())
    }

    pub(super) fn encode(&self) -> [u8; 32] {
        self.0.retrieve().to_le_bytes().into()
    }

    /// The scalar that 32 bytes, little endian, encode; nothing unless it is below
    /// the order.
    pub(super) fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let value = U256::from_le_slice(bytes);
        (value < *Order::PARAMS.modulus().as_ref()).then(|| Self(Value::new(&value)))
    }

    /// 64 bytes, little endian, modulo the order.
    pub(super) fn from_wide(bytes: &[u8; 64]) -> Self {
        let (low, high) = bytes.split_at(32);
        Self(Value::new(&U256::from_le_slice(high)) * SHIFT + Value::new(&U256::from_le_slice(low)))
    }
}

/// The order itself, little endian.
pub(super) fn order() -> [u8; 32] {
    Order::PARAMS.modulus().as_ref().to_le_bytes().into()
}

impl From<u64> for BabyJubJubScalar {
    fn from(value: u64) -> Self {
        Self(Value::new(&U256::from_u64(value)))
    }
}

impl Add for BabyJubJubScalar {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for BabyJubJubScalar {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for BabyJubJubScalar {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul for BabyJubJubScalar {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl Neg for BabyJubJubScalar {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl ConstantTimeEq for BabyJubJubScalar {
    fn ct_eq(&self, other: &Self) -> Choice {
        ConstantTimeEq::ct_eq(&self.0, &other.0)
    }
}

impl Zeroize for BabyJubJubScalar {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for BabyJubJubScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BabyJubJubScalar(..)")
    }
}
