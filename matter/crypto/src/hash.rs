//! Hash functions and keyed hashes.
//!
//! BLAKE3 is what Allod's own formats use. SHA-2, HMAC and BLAKE2s are here for
//! protocols of others that prescribe them.

use blake2::digest::consts::{U16, U32};
use blake2::digest::{KeyInit, Mac};
use sha2::Digest;
use zeroize::Zeroizing;

use crate::Secret;

/// BLAKE3 of `bytes`, 32 bytes.
pub fn blake3(bytes: &[u8]) -> [u8; 32] {
    blake3::hash(bytes).into()
}

/// BLAKE3 of bytes that come part by part.
#[derive(Clone, Debug, Default)]
pub struct Blake3(blake3::Hasher);

impl Blake3 {
    /// Of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next part in.
    pub fn add(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The hash of all parts together, 32 bytes.
    pub fn finish(&self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// BLAKE3 of several parts, bound to what the hash is for: 32 bytes.
///
/// `context` is a fixed text naming the purpose (BLAKE3 `derive_key`). Each part
/// is preceded by its length (8 bytes, little endian), so that moving a byte
/// from one part to its neighbour gives another hash.
pub fn tagged(context: &'static str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// BLAKE3 under a 32-byte key, of several parts one after the other: 32 bytes. Where
/// parts are of any length, the caller sees to it that none runs into the next.
pub fn blake3_keyed(key: &Secret<32>, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// SHA-256 of `bytes` (FIPS 180-4), 32 bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// SHA-512 of `bytes` (FIPS 180-4), 64 bytes.
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    sha2::Sha512::digest(bytes).into()
}

/// HMAC-SHA-256 of `message` (RFC 2104), 32 bytes.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    match hmac::Hmac::<sha2::Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        Err(_) => unreachable!("HMAC takes a key of any length"),
    }
}

/// BLAKE2s of several parts under a 32-byte key, 16 bytes (RFC 7693).
pub fn blake2s_keyed_16(key: &Secret<32>, parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = blake2::Blake2sMac::<U16>::new(key.expose().into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// BLAKE2s of several parts under a 32-byte key, 32 bytes (RFC 7693). The result
/// is a key.
pub fn blake2s_keyed_32(key: &Secret<32>, parts: &[&[u8]]) -> Secret<32> {
    let mut mac = blake2::Blake2sMac::<U32>::new(key.expose().into());
    for part in parts {
        mac.update(part);
    }
    Secret::from(*Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn published_digests_come_out() {
        // FIPS 180-4 examples for "abc"; BLAKE3's own vectors for the empty input.
        assert_eq!(
            HEXLOWER.encode(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            HEXLOWER.encode(&sha512(b"abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
        assert_eq!(
            HEXLOWER.encode(&blake3(b"")),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        // RFC 4231, test case 2.
        assert_eq!(
            HEXLOWER.encode(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn keyed_blake3_gives_the_published_values() {
        // The first entries of `keyed_hash` in the test vectors of its authors.
        let key = Secret::from(*b"whats the Elvish word for friend");
        assert_eq!(
            HEXLOWER.encode(&blake3_keyed(&key, &[])),
            "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"
        );
        assert_eq!(
            HEXLOWER.encode(&blake3_keyed(&key, &[&[0], &[1, 2]])),
            "39e67b76b5a007d4921969779fe666da67b5213b096084ab674742f0d5ec62b9"
        );
    }

    #[test]
    fn keyed_blake2s_gives_the_published_value() {
        // The first entries of the keyed BLAKE2s known-answer test of its authors.
        let mut key = [0; 32];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = i as u8;
        }
        assert_eq!(
            HEXLOWER.encode(blake2s_keyed_32(&Secret::from(key), &[]).expose()),
            "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49"
        );
        assert_eq!(
            HEXLOWER.encode(blake2s_keyed_32(&Secret::from(key), &[&[0]]).expose()),
            "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1"
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(tagged("test", &[b"ab", b"c"]), tagged("test", &[b"a", b"bc"]));
        assert_ne!(tagged("test", &[b"ab"]), tagged("other", &[b"ab"]));
    }
}
