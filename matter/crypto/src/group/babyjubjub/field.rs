//! The field that Baby Jubjub's coordinates are in: the integers modulo the
//! order of BN254's groups. All arithmetic is constant-time.

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U256, const_prime_monty_params};
use subtle::{Choice, ConstantTimeGreater};

const_prime_monty_params!(
    FieldModulus,
    U256,
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
    5,
    "The modulus q, with its smallest generator."
);

/// An integer modulo q.
pub(super) type Fe = ConstMontyForm<FieldModulus, { U256::LIMBS }>;

/// An integer modulo q from its digits in base 16, highest first.
pub(super) const fn constant(hex: &str) -> Fe {
    Fe::new(&U256::from_be_hex(hex))
}

/// 2^256.
const SHIFT: Fe = constant("0e0a77c19a07df2f666ea36f7879462e36fc76959f60cd29ac96341c4ffffffb");

/// (q - 1) / 2.
const HALF: U256 = U256::from_be_hex("183227397098d014dc2822db40c0ac2e9419f4243cdcb848a1f0fac9f8000000");

/// The value that 32 bytes, little endian, encode; nothing unless it is below q.
pub(super) fn decode(bytes: &[u8; 32]) -> Option<Fe> {
    let value = U256::from_le_slice(bytes);
    (value < *FieldModulus::PARAMS.modulus().as_ref()).then(|| Fe::new(&value))
}

/// 32 bytes, little endian.
pub(super) fn encode(value: &Fe) -> [u8; 32] {
    value.retrieve().to_le_bytes().into()
}

/// 48 bytes, big endian, modulo q (`OS2IP`, as in RFC 9380, section 5.2).
pub(super) fn from_uniform(bytes: &[u8; 48]) -> Fe {
    let (high, low) = bytes.split_at(16);
    let mut wide = [0; 32];
    wide[16..].copy_from_slice(high);
    Fe::new(&U256::from_be_slice(&wide)) * SHIFT + Fe::new(&U256::from_be_slice(low))
}

/// Whether `value` is above (q - 1) / 2, and so larger than its negative.
pub(super) fn is_larger_half(value: &Fe) -> Choice {
    value.retrieve().ct_gt(&HALF)
}
