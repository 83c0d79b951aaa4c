//! Encryption that a signature opens: identity-based encryption against a BLS
//! public key (D. Boneh and M. Franklin, "Identity-based encryption from the Weil
//! pairing", 2001, section 4.2, `FullIdent`, with the transformation of E.
//! Fujisaki and T. Okamoto, 1999), with pairing and hashes as drand's timelock has
//! them, whose ciphertexts open here and the other way round.
//!
//! Roles: who encrypts, with the network's public key K = k * G and an identity,
//! the message that will be signed one day; the holders of k, who sign it
//! ([`bls`](crate::bls)) and need not know that anything waits for it; and anyone,
//! who then has the signature, k * Q, and decrypts.
//!
//! Flow, with Q the hash of the identity:
//! 1. Encrypting m picks a random sigma of the length of m, and r = H3(sigma, m).
//!    The ciphertext is U = r * G, V = sigma XOR H2(e(r * Q, K)),
//!    W = m XOR H4(sigma).
//! 2. Decrypting takes e(k * Q, U), which is the same element, for sigma; m from
//!    sigma; and r from both. It refuses unless U = r * G.
//!
//! That check is what makes the scheme safe against chosen ciphertexts: whoever
//! changes a ciphertext without knowing sigma is refused, and learns nothing from
//! what is done with the result. The identity itself is not in the ciphertext:
//! decrypting with the signature on another one fails the same check.
//!
//! The payload is a key of 16 to 32 bytes, and sigma is as long as it, so that
//! neither is guessed. What the key encrypts goes through
//! [`aead`](allod_crypto::aead).
//!
//! It never says when an identity will be signed, and cannot take back what is
//! encrypted: t holders who sign early open it early, and everything that was ever
//! encrypted to an identity opens with its one signature.

use alloc::vec::Vec;

use allod_crypto::group::{Bls12381G1, Bls12381G2, DecodeError, Group, SecretScalar};
use allod_crypto::pairing::{Gt, PreparedG2, pair};
use allod_crypto::{ConstantTimeEq, CryptoRng, SecretBytes, Zeroizing, hash};

use crate::bls::{Message, PublicKey, Signature};
use crate::{Error, Part, Point};

/// The fewest bytes in a payload.
pub const PAYLOAD_MIN: usize = 16;

/// The most bytes in a payload: those of SHA-256.
pub const PAYLOAD_MAX: usize = 32;

/// An encrypted payload: 96 bytes and twice the payload's. Public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphertext {
    /// U = r * G.
    ephemeral: Point<Bls12381G2>,
    /// V, as long as the payload.
    masked_seed: Vec<u8>,
    /// W, as long as the payload.
    masked_payload: Vec<u8>,
}

impl Ciphertext {
    /// U, V and W.
    pub fn encode(&self) -> Vec<u8> {
        [self.ephemeral.bytes().as_slice(), &self.masked_seed, &self.masked_payload].concat()
    }

    /// Decodes what [`Self::encode`] gives. The lengths of V and W are equal and
    /// follow from that of the whole.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming the part.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        let (ephemeral, rest) = bytes.split_at_checked(Bls12381G2::ELEMENT_LEN).ok_or(wrong_length)?;
        let (masked_seed, masked_payload) = rest.split_at(rest.len() / 2);
        let len = masked_payload.len();
        if masked_seed.len() != len || !(PAYLOAD_MIN..=PAYLOAD_MAX).contains(&len) {
            return Err(wrong_length);
        }
        Ok(Self {
            ephemeral: Point::decode(ephemeral)
                .map_err(|reason| Error::Malformed { part: Part::Ephemeral, reason })?,
            masked_seed: masked_seed.to_vec(),
            masked_payload: masked_payload.to_vec(),
        })
    }
}

/// Encrypts `payload`, a key of [`PAYLOAD_MIN`] to [`PAYLOAD_MAX`] bytes, so that
/// the signature on `identity` under `key` opens it.
///
/// # Errors
/// [`Error::PayloadLength`].
pub fn encrypt(
    key: &PublicKey,
    identity: &Message,
    payload: &SecretBytes,
    rng: &mut impl CryptoRng,
) -> Result<Ciphertext, Error> {
    let payload = payload.expose();
    let len = payload.len();
    if !(PAYLOAD_MIN..=PAYLOAD_MAX).contains(&len) {
        return Err(Error::PayloadLength { given: len, least: PAYLOAD_MIN, most: PAYLOAD_MAX });
    }
    let mut seed = Zeroizing::new([0; PAYLOAD_MAX]);
    let seed = seed.get_mut(..len).unwrap_or_default();
    rng.fill_bytes(seed);
    let r = exponent(seed, payload);
    // e(r * Q, K), which is e(Q, K) to the power r.
    let point = Zeroizing::new(Bls12381G1::mul(identity.point().element(), r.expose()));
    let mask = seed_mask(&Zeroizing::new(pair(&point, key.prepared())));
    let ephemeral =
        Point::new(r.mul_generator()).map_err(|reason| Error::Malformed { part: Part::Ephemeral, reason })?;
    Ok(Ciphertext {
        ephemeral,
        masked_seed: xor(seed, &mask),
        masked_payload: xor(payload, &payload_mask(seed)),
    })
}

/// Opens a ciphertext with the signature on its identity.
///
/// # Errors
/// [`Error::CiphertextRefused`] for another signature, and for a ciphertext that
/// was changed.
pub fn decrypt(signature: &Signature, ciphertext: &Ciphertext) -> Result<SecretBytes, Error> {
    let prepared = PreparedG2::new(ciphertext.ephemeral.element());
    let mask = seed_mask(&Zeroizing::new(pair(signature.point().element(), &prepared)));
    let seed = Zeroizing::new(xor(&ciphertext.masked_seed, &mask));
    let payload = SecretBytes::from(xor(&ciphertext.masked_payload, &payload_mask(&seed)));
    let ephemeral = exponent(&seed, payload.expose()).mul_generator();
    if ephemeral.ct_eq(ciphertext.ephemeral.element()).into() {
        Ok(payload)
    } else {
        Err(Error::CiphertextRefused)
    }
}

/// H2: the mask of sigma.
fn seed_mask(shared: &Gt) -> Zeroizing<[u8; 32]> {
    let bytes = shared.encode();
    sha256(&[b"IBE-H2", bytes.as_slice()])
}

/// H4: the mask of the payload.
fn payload_mask(seed: &[u8]) -> Zeroizing<[u8; 32]> {
    sha256(&[b"IBE-H4", seed])
}

/// H3: a uniform scalar, by rejection of hashes with the highest bit cleared.
fn exponent(seed: &[u8], payload: &[u8]) -> SecretScalar<Bls12381G2> {
    let inner = sha256(&[b"IBE-H3", seed, payload]);
    for attempt in 1..u16::MAX {
        let mut outer = sha256(&[&attempt.to_le_bytes(), inner.as_slice()]);
        if let Some(highest) = outer.first_mut() {
            *highest >>= 1;
        }
        match SecretScalar::decode(outer.as_slice()) {
            Ok(scalar) if !scalar.is_zero() => return scalar,
            _ => {}
        }
    }
    unreachable!("nine of ten hashes are scalars, and there are 65534 attempts")
}

fn sha256(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let joined = Zeroizing::new(parts.concat());
    Zeroizing::new(hash::sha256(&joined))
}

/// As long as `bytes`, which are at most as long as the mask.
fn xor(bytes: &[u8], mask: &[u8; 32]) -> Vec<u8> {
    bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests;
