//! The messages against serde's encoding of Juicebox's own types, and what a
//! client derives against the SDK's published values.

mod canonical;
mod derived;
mod mirror;
mod same_bytes;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_wire::RegistrationVersion;

use super::*;

/// `N` bytes that differ from those of every other `first`.
fn bytes<const N: usize>(first: u8) -> [u8; N] {
    core::array::from_fn(|i| first.wrapping_add(i as u8))
}

fn version() -> RegistrationVersion {
    RegistrationVersion(bytes(1))
}

fn signed() -> SignedPublicKey {
    SignedPublicKey { public_key: bytes(30), verifying_key: bytes(40), signature: bytes(50) }
}

/// One request of every variant.
fn requests() -> Vec<Request> {
    vec![
        Request::Register1,
        Request::Register2(Box::new(Register2Request {
            version: version(),
            oprf_private_key: Secret::from(bytes(2)),
            oprf_signed_public_key: signed(),
            unlock_key_commitment: bytes(3),
            unlock_key_tag: Secret::from(bytes(4)),
            encryption_key_scalar_share: Secret::from(bytes(5)),
            encrypted_secret: bytes(6),
            encrypted_secret_commitment: bytes(7),
            policy: Policy { num_guesses: 300 },
        })),
        Request::Recover1,
        Request::Recover2(Recover2Request { version: version(), oprf_blinded_input: bytes(8) }),
        Request::Recover3(Recover3Request { version: version(), unlock_key_tag: Secret::from(bytes(9)) }),
        Request::Delete,
    ]
}

/// One response of every variant.
fn responses() -> Vec<Response> {
    vec![
        Response::Register1,
        Response::Register2,
        Response::Recover1(Recover1::Ok { version: version() }),
        Response::Recover1(Recover1::NotRegistered),
        Response::Recover1(Recover1::NoGuesses),
        Response::Recover2(Recover2::Ok(Box::new(Recover2Answer {
            oprf_signed_public_key: signed(),
            oprf_blinded_result: bytes(10),
            oprf_proof: Proof { c: bytes(11), beta_z: bytes(12) },
            unlock_key_commitment: bytes(13),
            num_guesses: 65_535,
            guess_count: 23,
        }))),
        Response::Recover2(Recover2::VersionMismatch),
        Response::Recover2(Recover2::NotRegistered),
        Response::Recover2(Recover2::NoGuesses),
        Response::Recover3(Recover3::Ok(Box::new(Recover3Answer {
            encryption_key_scalar_share: Secret::from(bytes(14)),
            encrypted_secret: bytes(15),
            encrypted_secret_commitment: bytes(16),
        }))),
        Response::Recover3(Recover3::VersionMismatch),
        Response::Recover3(Recover3::NotRegistered),
        Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining: 24 }),
        Response::Recover3(Recover3::NoGuesses),
        Response::Delete,
    ]
}
