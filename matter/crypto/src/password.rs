//! Argon2id (RFC 9106): turns something short that a person remembers into a
//! key, at a price for whoever guesses.

use alloc::vec;
use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

use crate::Secret;

/// How much work one guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
}

impl Cost {
    /// What Juicebox calls `Standard2019`: 16 MiB, 32 passes, one lane.
    pub const JUICEBOX_STANDARD_2019: Self = Self { memory_kib: 16 * 1024, passes: 32 };

    /// What Juicebox calls `FastInsecure`: for tests, never for a person's PIN.
    pub const JUICEBOX_FAST_INSECURE: Self = Self { memory_kib: 8, passes: 1 };
}

/// The parameters are outside what Argon2 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCost;

impl fmt::Display for BadCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2 does not allow this cost, or a salt under 8 bytes")
    }
}

impl core::error::Error for BadCost {}

/// Argon2id version 0x13 with one lane: `N` bytes from `password` and `salt`.
///
/// # Errors
/// [`BadCost`] for a cost out of range or a salt under 8 bytes.
pub fn argon2id<const N: usize>(password: &[u8], salt: &[u8], cost: Cost) -> Result<Secret<N>, BadCost> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(N)).map_err(|_| BadCost)?;
    let mut out = Secret::from([0; N]);
    let mut memory = vec![Block::default(); params.block_count()];
    let hashed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password,
        salt,
        out.expose_mut(),
        &mut memory,
    );
    // Whoever finds the memory's last state could skip the work.
    memory.iter_mut().for_each(Zeroize::zeroize);
    hashed.map(|()| out).map_err(|_| BadCost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn juicebox_pin_hashing_gives_its_published_value() {
        // juicebox-sdk, rust/sdk/src/pin.rs, `test_pin_hashing`: PIN "1234",
        // version 05…05, info "artemis".
        let salt = [&[0, 0, 0, 16][..], &[5; 16], &[0, 0, 0, 7], b"artemis"].concat();
        let hashed = argon2id::<64>(b"1234", &salt, Cost::JUICEBOX_STANDARD_2019).unwrap();
        assert_eq!(
            hashed.expose()[..32],
            [
                41, 53, 218, 132, 201, 116, 35, 179, 127, 52, 87, 35, 27, 135, 124, 230, 172, 32, 147, 80,
                29, 114, 85, 219, 238, 29, 235, 9, 165, 216, 130, 27
            ]
        );
        assert_eq!(
            hashed.expose()[32..],
            [
                135, 200, 201, 181, 211, 234, 159, 234, 131, 182, 172, 106, 100, 226, 91, 151, 196, 114, 44,
                164, 228, 11, 234, 37, 35, 239, 234, 38, 33, 37, 226, 42
            ]
        );
    }

    #[test]
    fn a_cost_out_of_range_is_refused() {
        assert_eq!(argon2id::<32>(b"pin", b"saltsalt", Cost { memory_kib: 0, passes: 1 }), Err(BadCost));
        assert_eq!(argon2id::<32>(b"pin", b"short", Cost::JUICEBOX_FAST_INSECURE), Err(BadCost));
    }
}
