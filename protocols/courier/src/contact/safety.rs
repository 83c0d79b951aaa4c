//! What two people compare to know that nobody stands between them.

use core::fmt;

use allod_crypto::hash::sha512;
use allod_did::Did;

/// A number of 60 digits that is the same on both sides: 30 digits of each person, after the
/// fingerprints of Signal (5,200 rounds of SHA-512, which makes it dear to look for a DID of
/// like digits). A DID is a hash of how its log began, so that the number stays the same when
/// devices come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety([[u8; 30]; 2]);

const ROUNDS: usize = 5200;

impl Safety {
    /// Of these two, in any order.
    pub fn of(one: &Did, other: &Did) -> Self {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        Self([digits(first.as_bytes()), digits(second.as_bytes())])
    }

    /// The digits, as bytes from 0 to 9.
    pub fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().flatten().copied()
    }
}

/// Twelve groups of five digits.
impl fmt::Display for Safety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.digits().enumerate() {
            if at > 0 && at % 5 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Thirty digits of 32 bytes, as dear to look for as [`ROUNDS`] say.
pub(crate) fn digits(bytes: &[u8; 32]) -> [u8; 30] {
    let mut input = [0; 64 + 32];
    input[64..].copy_from_slice(bytes);
    for _ in 0..ROUNDS {
        let hash = sha512(&input);
        input[..64].copy_from_slice(&hash);
    }
    let mut digits = [0; 30];
    for (group, bytes) in digits.chunks_exact_mut(5).zip(input.chunks_exact(5)) {
        let mut number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % 100_000;
        for digit in group.iter_mut().rev() {
            *digit = (number % 10) as u8;
            number /= 10;
        }
    }
    digits
}
