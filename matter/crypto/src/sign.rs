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
    use data_encoding::HEXLOWER;

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

    #[test]
    fn a_malleated_signature_is_refused() {
        let key = SigningKey::from_seed(&Secret::from([1; 32]));
        let mut signature = key.sign(b"yes");
        // s + L, with L the group order: the same scalar, another encoding.
        let order = hex::<32>(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0u16;
        for (byte, add) in signature.0[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(key.verifying_key().verify(b"yes", &signature), Err(BadSignature));
    }
}
