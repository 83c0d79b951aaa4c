//! Ed25519 signatures (RFC 8032), verified strictly.
//!
//! Strictly means: no small-order keys and no malleable or cofactor-dependent
//! signatures, so that every verifier agrees on what was signed.

use core::fmt;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Signer;
use sha2::{Digest, Sha512};

use crate::Secret;

/// The signature does not belong to this key and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not belong to this key and message")
    }
}

impl core::error::Error for BadSignature {}

/// A signing key, made from a 32-byte seed. Zeroized on drop, never printed.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that RFC 8032 expands from `seed`.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// The seed, for formats that store it.
    pub fn seed(&self) -> Secret<32> {
        Secret::from(self.0.to_bytes())
    }

    /// The public half, 32 bytes.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`: 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {:?}, ..)", self.verifying_key())
    }
}

/// A public key's 32 bytes. Whether they are a point of the curve is found out
/// when a signature is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey(pub [u8; 32]);

impl VerifyingKey {
    /// Checks that `signature` is this key's on `message`.
    ///
    /// # Errors
    /// [`BadSignature`], also where the key is no point or of small order.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)))
            .map_err(|_| BadSignature)
    }

    /// Checks a signature by the rules of ZIP 215: any encodings of points, and
    /// the equation times the cofactor. For signatures that others made and
    /// counted by these rules; what is signed for Allod is checked by
    /// [`Self::verify`], which accepts less.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_zip215(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let (encoded, response) = signature.0.split_first_chunk::<32>().ok_or(BadSignature)?;
        let response = <[u8; 32]>::try_from(response).map_err(|_| BadSignature)?;
        let response = Option::<Scalar>::from(Scalar::from_canonical_bytes(response)).ok_or(BadSignature)?;
        let commitment = CompressedEdwardsY(*encoded).decompress().ok_or(BadSignature)?;
        let key = CompressedEdwardsY(self.0).decompress().ok_or(BadSignature)?;
        let challenge = Sha512::new().chain_update(encoded).chain_update(self.0).chain_update(message);
        let challenge = Scalar::from_bytes_mod_order_wide(&challenge.finalize().into());
        let made = EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &-key, &response);
        if (made - commitment).is_small_order() { Ok(()) } else { Err(BadSignature) }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A signature's 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use data_encoding::HEXLOWER;
    use serde_json::Value;

    use super::*;

    fn hex<const N: usize>(text: &[u8]) -> [u8; N] {
        HEXLOWER.decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_rfc_8032_vectors_pass() {
        // RFC 8032, section 7.1, tests 1 and 2.
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
        ] {
            let key = SigningKey::from_seed(&Secret::from(hex(seed.as_bytes())));
            let message = HEXLOWER.decode(message.as_bytes()).unwrap();
            assert_eq!(key.verifying_key().0, hex(public.as_bytes()));
            assert_eq!(key.sign(&message).0, hex(signature.as_bytes()));
            assert_eq!(key.verifying_key().verify(&message, &Signature(hex(signature.as_bytes()))), Ok(()));
        }
    }

    #[test]
    fn another_message_or_key_is_refused() {
        let key = SigningKey::from_seed(&Secret::from([1; 32]));
        let other = SigningKey::from_seed(&Secret::from([2; 32]));
        let signature = key.sign(b"yes");
        assert_eq!(key.verifying_key().verify(b"no", &signature), Err(BadSignature));
        assert_eq!(other.verifying_key().verify(b"yes", &signature), Err(BadSignature));
    }

    #[test]
    fn a_small_order_key_is_refused_for_every_message() {
        // The identity point signs anything under lax verification.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(VerifyingKey(identity).verify(b"anything", &Signature(signature)), Err(BadSignature));
    }

    /// The same signature with s + L for s, where L is the group's order: the same
    /// scalar in another encoding.
    fn malleated(mut signature: Signature) -> Signature {
        let order = hex::<32>(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0u16;
        for (byte, add) in signature.0[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
        signature
    }

    #[test]
    fn a_malleated_signature_is_refused() {
        let key = SigningKey::from_seed(&Secret::from([1; 32]));
        let signature = malleated(key.sign(b"yes"));
        assert_eq!(key.verifying_key().verify(b"yes", &signature), Err(BadSignature));
    }

    fn vectors(text: &str) -> Vec<Value> {
        serde_json::from_str(text).unwrap()
    }

    /// The key, message and signature of a vector.
    fn parts(key: &Value, message: Vec<u8>, signature: &Value) -> (VerifyingKey, Vec<u8>, Signature) {
        let key = VerifyingKey(hex(key.as_str().unwrap().as_bytes()));
        (key, message, Signature(hex(signature.as_str().unwrap().as_bytes())))
    }

    #[test]
    fn zip_215_takes_every_encoding_of_every_point_and_hashes_it_as_it_is() {
        let vectors = vectors(include_str!("../../../vectors/ed25519-cctv/ed25519vectors.json"));
        assert_eq!(vectors.len(), 914);
        for vector in &vectors {
            let has = |flag: &str| {
                vector["flags"].as_array().is_some_and(|flags| flags.iter().any(|other| other == flag))
            };
            let message = vector["msg"].as_str().unwrap().as_bytes().to_vec();
            let (key, message, signature) = parts(&vector["key"], message, &vector["sig"]);
            // Where a point was hashed in another encoding than it is given, the
            // challenge is another, which a key of small order cannot tell.
            let lax = !has("reencoded_k") || has("low_order_A");
            assert_eq!(key.verify_zip215(&message, &signature).is_ok(), lax, "{vector}");
            // Of these, strict verification takes what only has a component of
            // small order that cancels out.
            let flaws = ["low_order_A", "low_order_R", "low_order_residue", "reencoded_k"];
            let strict = !flaws.iter().any(|flag| has(flag));
            assert_eq!(key.verify(&message, &signature).is_ok(), strict, "{vector}");
        }
    }

    #[test]
    fn the_cases_of_taming_the_many_eddsas_come_out_as_for_zip_215() {
        // As the authors found for `ed25519-zebra`, which follows ZIP 215, and for
        // `ed25519-dalek`'s strict verification.
        const LAX: [bool; 12] = [true, true, true, true, true, true, false, false, false, true, true, true];
        const STRICT: [usize; 1] = [3];
        let vectors = vectors(include_str!("../../../vectors/ed25519-speccheck/cases.json"));
        assert_eq!(vectors.len(), LAX.len());
        for (number, (vector, lax)) in vectors.iter().zip(LAX).enumerate() {
            let message = HEXLOWER.decode(vector["message"].as_str().unwrap().as_bytes()).unwrap();
            let (key, message, signature) = parts(&vector["pub_key"], message, &vector["signature"]);
            assert_eq!(key.verify_zip215(&message, &signature).is_ok(), lax, "case {number}");
            assert_eq!(key.verify(&message, &signature).is_ok(), STRICT.contains(&number), "case {number}");
        }
    }

    #[test]
    fn what_is_signed_rightly_is_right_by_both_rules_and_nothing_else_is() {
        let key = SigningKey::from_seed(&Secret::from([1; 32]));
        let other = SigningKey::from_seed(&Secret::from([2; 32])).verifying_key();
        let (verifying, signature) = (key.verifying_key(), key.sign(b"yes"));
        assert_eq!(verifying.verify_zip215(b"yes", &signature), Ok(()));
        assert_eq!(verifying.verify_zip215(b"no", &signature), Err(BadSignature));
        assert_eq!(other.verify_zip215(b"yes", &signature), Err(BadSignature));
        for bit in 0..512 {
            let mut changed = signature;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verifying.verify_zip215(b"yes", &changed), Err(BadSignature), "bit {bit}");
        }
    }

    #[test]
    fn zip_215_refuses_bytes_that_are_no_point_and_a_response_that_is_not_reduced() {
        let key = SigningKey::from_seed(&Secret::from([1; 32]));
        let signature = key.sign(b"yes");
        // y = 2 is on no point.
        let mut no_point = [0; 32];
        no_point[0] = 2;
        assert_eq!(VerifyingKey(no_point).verify_zip215(b"yes", &signature), Err(BadSignature));
        let mut bad_commitment = signature;
        bad_commitment.0[..32].copy_from_slice(&no_point);
        assert_eq!(key.verifying_key().verify_zip215(b"yes", &bad_commitment), Err(BadSignature));
        assert_eq!(key.verifying_key().verify_zip215(b"yes", &malleated(signature)), Err(BadSignature));
    }
}
