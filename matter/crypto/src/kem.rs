//! X-Wing: a key encapsulation that holds while either X25519 or ML-KEM-768
//! does (draft-connolly-cfrg-xwing-kem).
//!
//! A public key has 1,216 bytes, a ciphertext 1,120, a shared secret 32.

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use x_wing::kem::{Decapsulator, KeyExport, TryDecapsulate};
use x_wing::{DecapsulationKeyRejectNonContrib, Encapsulate, EncapsulationKey};
use zeroize::Zeroize;

use crate::Secret;

/// Bytes of a public key.
pub const PUBLIC_KEY: usize = x_wing::ENCAPSULATION_KEY_SIZE;
/// Bytes of a ciphertext.
pub const CIPHERTEXT: usize = x_wing::CIPHERTEXT_SIZE;

/// What another side sent is no key, or no ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not a public key: another length, or coefficients out of range.
    PublicKey,
    /// Not a ciphertext: another length, or an X25519 part of small order.
    Ciphertext,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicKey => "not an X-Wing public key",
            Self::Ciphertext => "not an X-Wing ciphertext",
        })
    }
}

impl core::error::Error for Error {}

/// The public key of the 32-byte secret key `secret`.
pub fn public_key(secret: &Secret<32>) -> Vec<u8> {
    DecapsulationKeyRejectNonContrib::from(*secret.expose()).encapsulation_key().to_bytes().to_vec()
}

/// Whether something can be encapsulated to these bytes.
pub fn is_public_key(public: &[u8]) -> bool {
    EncapsulationKey::try_from(public).is_ok()
}

/// A fresh shared secret and the ciphertext that carries it to the holder of
/// `public`.
///
/// # Errors
/// [`Error::PublicKey`].
pub fn encapsulate(public: &[u8], rng: &mut impl CryptoRng) -> Result<(Vec<u8>, Secret<32>), Error> {
    let key = EncapsulationKey::try_from(public).map_err(|_| Error::PublicKey)?;
    let (ciphertext, mut shared) = key.encapsulate_with_rng(rng);
    let secret = Secret::from(shared.0);
    shared.zeroize();
    Ok((ciphertext.to_vec(), secret))
}

/// The shared secret in `ciphertext`. Bytes of the right form that were made for
/// another key give an unrelated secret, as ML-KEM's implicit rejection wants.
///
/// # Errors
/// [`Error::Ciphertext`].
pub fn decapsulate(secret: &Secret<32>, ciphertext: &[u8]) -> Result<Secret<32>, Error> {
    let ciphertext = ciphertext.try_into().map_err(|_| Error::Ciphertext)?;
    let mut shared = DecapsulationKeyRejectNonContrib::from(*secret.expose())
        .try_decapsulate(ciphertext)
        .map_err(|_| Error::Ciphertext)?;
    let secret = Secret::from(shared.0);
    shared.zeroize();
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use core::convert::Infallible;

    use data_encoding::HEXLOWER;
    use getrandom::SysRng;
    use rand_core::{TryCryptoRng, TryRng, UnwrapErr};

    use super::*;

    /// Gives out the bytes of a published vector.
    struct Given(Vec<u8>);

    impl TryRng for Given {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("the KEM asks for bytes")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("the KEM asks for bytes")
        }

        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
            let rest = self.0.split_off(out.len());
            out.copy_from_slice(&self.0);
            self.0 = rest;
            Ok(())
        }
    }

    impl TryCryptoRng for Given {}

    #[test]
    fn the_published_vectors_pass() {
        let vectors: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(include_str!("../../../vectors/x-wing/test-vectors.json")).unwrap();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let field = |name: &str| HEXLOWER.decode(vector[name].as_str().unwrap().as_bytes()).unwrap();
            let secret = Secret::from(<[u8; 32]>::try_from(field("sk")).unwrap());
            assert_eq!(public_key(&secret), field("pk"));
            let (ciphertext, shared) = encapsulate(&field("pk"), &mut Given(field("eseed"))).unwrap();
            assert_eq!(ciphertext, field("ct"));
            assert_eq!(shared.expose().as_slice(), field("ss"));
            assert_eq!(decapsulate(&secret, &ciphertext), Ok(shared));
        }
    }

    #[test]
    fn another_key_gives_an_unrelated_secret() {
        let mut rng = UnwrapErr(SysRng);
        let (ours, other) = (Secret::random(&mut rng), Secret::random(&mut rng));
        let (ciphertext, shared) = encapsulate(&public_key(&ours), &mut rng).unwrap();
        assert_ne!(decapsulate(&other, &ciphertext), Ok(shared));
    }

    #[test]
    fn wrong_lengths_and_out_of_range_keys_are_refused() {
        let mut rng = UnwrapErr(SysRng);
        assert_eq!(encapsulate(&[0; 3], &mut rng).err(), Some(Error::PublicKey));
        assert_eq!(encapsulate(&[0xFF; PUBLIC_KEY], &mut rng).err(), Some(Error::PublicKey));
        assert_eq!(decapsulate(&Secret::from([1; 32]), &[0; 3]).err(), Some(Error::Ciphertext));
        // An all-zero X25519 share is of small order.
        assert_eq!(decapsulate(&Secret::from([1; 32]), &[0; CIPHERTEXT]).err(), Some(Error::Ciphertext));
    }
}
