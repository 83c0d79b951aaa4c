//! Authenticated encryption.
//!
//! [`seal`] and [`open`] are XChaCha20-Poly1305 with a fresh random nonce in
//! front: what Allod's own formats use. [`SyntheticKey`] computes the nonce from the
//! message, for what is stored in great numbers and must not depend on a good source of
//! randomness each time. The one-time form is for protocols of others that use each key
//! once.

use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::hash::{blake3_keyed, tagged};
use crate::{Secret, SecretBytes};

/// Bytes that sealing adds: a 24-byte nonce and a 16-byte tag.
pub const OVERHEAD: usize = NONCE + 16;

/// Bytes of a nonce.
pub const NONCE: usize = 24;

/// The bytes were not sealed under this key for this purpose, or were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sealed under this key, or changed since")
    }
}

impl core::error::Error for Forged {}

/// Seals `plain` under `key`, bound to `associated`: nonce ‖ ciphertext ‖ tag
/// (draft-irtf-cfrg-xchacha-03).
pub fn seal(key: &Secret<32>, associated: &[u8], plain: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    seal_with(key, nonce, associated, plain)
}

fn seal_with(key: &Secret<32>, nonce: [u8; NONCE], associated: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    finish(key, associated, out)
}

/// Seals what stands behind a nonce, in its place.
fn finish(key: &Secret<32>, associated: &[u8], mut out: Vec<u8>) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&out[..NONCE]);
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    match cipher.encrypt_inout_detached(&nonce.into(), associated, (&mut out[NONCE..]).into()) {
        Ok(tag) => out.extend_from_slice(&tag),
        Err(_) => unreachable!("a message in memory is shorter than the cipher's 256 GiB"),
    }
    out
}

/// What [`seal`] sealed.
///
/// # Errors
/// [`Forged`] where the key, `associated` or any byte differs.
pub fn open(key: &Secret<32>, associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, Forged> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(Forged)?;
    let (body, tag) = rest.split_last_chunk::<16>().ok_or(Forged)?;
    let mut plain = Zeroizing::new(body.to_vec());
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt_inout_detached(nonce.into(), associated, plain.as_mut_slice().into(), tag.into())
        .map_err(|_| Forged)?;
    Ok(SecretBytes::from(core::mem::take(&mut *plain)))
}

/// A key that seals the same message to the same bytes: the nonce is a keyed hash of the
/// message and of what it is bound to (the SIV construction of Rogaway and Shrimpton,
/// 2006, with keyed BLAKE3 cut to 24 bytes). Whoever sees two sealed messages learns
/// whether they are the same one, and nothing else. The nonce in front also commits to
/// the message, for whoever has the key.
#[derive(Clone, Debug)]
pub struct SyntheticKey {
    seal: Secret<32>,
    nonce: Secret<32>,
}

impl SyntheticKey {
    /// From one secret that is used for nothing else.
    pub fn new(secret: &Secret<32>) -> Self {
        let derive = |context| Secret::from(tagged(context, &[secret.expose()]));
        Self {
            seal: derive("allod 2026 synthetic nonce, sealing key"),
            nonce: derive("allod 2026 synthetic nonce, nonce key"),
        }
    }

    /// Seals `plain`, bound to `associated`: nonce ‖ ciphertext ‖ tag.
    pub fn seal(&self, associated: &[u8], plain: &[u8]) -> Vec<u8> {
        self.seal_parts(associated, &[plain])
    }

    /// Seals these parts, one after the other, as one message.
    pub fn seal_parts(&self, associated: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let size = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut out = Vec::with_capacity(size + OVERHEAD);
        out.extend_from_slice(&[0; NONCE]);
        parts.iter().for_each(|part| out.extend_from_slice(part));
        let bound = (associated.len() as u64).to_le_bytes();
        let hash = blake3_keyed(&self.nonce, &[&bound, associated, &out[NONCE..]]);
        out[..NONCE].copy_from_slice(&hash[..NONCE]);
        finish(&self.seal, associated, out)
    }

    /// What [`Self::seal`] sealed.
    ///
    /// # Errors
    /// [`Forged`] where the key, `associated` or any byte differs.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, Forged> {
        open(&self.seal, associated, sealed)
    }

    /// The same, in the place of the sealed bytes: what stands between the nonce and the tag is
    /// the message then. For what is no secret once it is opened.
    ///
    /// # Errors
    /// [`Forged`]; the bytes are as they were.
    pub fn open_in_place<'a>(&self, associated: &[u8], sealed: &'a mut [u8]) -> Result<&'a mut [u8], Forged> {
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>().ok_or(Forged)?;
        let (body, tag) = rest.split_last_chunk_mut::<16>().ok_or(Forged)?;
        XChaCha20Poly1305::new(self.seal.expose().into())
            .decrypt_inout_detached((&*nonce).into(), associated, (&mut *body).into(), (&*tag).into())
            .map_err(|_| Forged)?;
        Ok(body)
    }
}

/// ChaCha20-Poly1305 (RFC 8439) with an all-zero nonce, for a key that is used
/// for this one message: ciphertext ‖ tag.
pub fn seal_once(key: Secret<32>, plain: &[u8]) -> Vec<u8> {
    let mut out = plain.to_vec();
    let cipher = ChaCha20Poly1305::new(key.expose().into());
    match cipher.encrypt_inout_detached(&[0; 12].into(), &[], out.as_mut_slice().into()) {
        Ok(tag) => out.extend_from_slice(&tag),
        Err(_) => {
            out.zeroize();
            unreachable!("a message in memory is shorter than the cipher's 256 GiB")
        }
    }
    out
}

/// What [`seal_once`] sealed.
///
/// # Errors
/// [`Forged`] where the key or any byte differs.
pub fn open_once(key: &Secret<32>, sealed: &[u8]) -> Result<SecretBytes, Forged> {
    let (body, tag) = sealed.split_last_chunk::<16>().ok_or(Forged)?;
    let mut plain = Zeroizing::new(body.to_vec());
    ChaCha20Poly1305::new(key.expose().into())
        .decrypt_inout_detached(&[0; 12].into(), &[], plain.as_mut_slice().into(), tag.into())
        .map_err(|_| Forged)?;
    Ok(SecretBytes::from(core::mem::take(&mut *plain)))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    #[test]
    fn the_published_xchacha_message_opens() {
        // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
        let mut key = [0; 32];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = 0x80 + i as u8;
        }
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let mut sealed = HEXLOWER.decode(b"404142434445464748494a4b4c4d4e4f5051525354555657").unwrap();
        sealed.extend(
            HEXLOWER
                .decode(
                    b"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                      731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                      2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                      21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
                )
                .unwrap(),
        );
        let plain = open(&Secret::from(key), &aad, &sealed).unwrap();
        assert!(plain.expose().starts_with(b"Ladies and Gentlemen of the class of '99"));
    }

    #[test]
    fn the_same_message_is_sealed_the_same_and_any_other_is_not() {
        let key = SyntheticKey::new(&Secret::from([7; 32]));
        let sealed = key.seal(b"for", b"message");
        assert_eq!(sealed, key.seal(b"for", b"message"));
        assert_eq!(key.open(b"for", &sealed).unwrap().expose(), b"message");
        assert_eq!(sealed.len(), b"message".len() + OVERHEAD);
        for other in [key.seal(b"for", b"messagf"), key.seal(b"form", b"essage")] {
            assert_ne!(sealed[..NONCE], other[..NONCE]);
            assert_eq!(
                key.open(b"for", &other).is_ok(),
                other[..NONCE] == key.seal(b"for", b"messagf")[..NONCE]
            );
        }
        assert!(SyntheticKey::new(&Secret::from([8; 32])).open(b"for", &sealed).is_err());
    }

    #[test]
    fn parts_are_sealed_as_one_message_and_opened_in_its_place() {
        let key = SyntheticKey::new(&Secret::from([7; 32]));
        let sealed = key.seal(b"for", b"message");
        assert_eq!(sealed, key.seal_parts(b"for", &[b"mess", b"", b"age"]));
        let mut bytes = sealed.clone();
        assert_eq!(key.open_in_place(b"fox", &mut bytes), Err(Forged));
        assert_eq!(bytes, sealed);
        assert_eq!(key.open_in_place(b"for", &mut bytes).unwrap(), b"message");
        assert_eq!(key.open_in_place(b"for", &mut bytes[..39]), Err(Forged));
    }

    #[test]
    fn a_changed_byte_key_or_purpose_does_not_open() {
        let mut rng = UnwrapErr(SysRng);
        let key = Secret::random(&mut rng);
        let sealed = seal(&key, b"purpose", b"secret", &mut rng);
        assert_eq!(open(&key, b"purpose", &sealed).unwrap().expose(), b"secret");
        assert_eq!(open(&key, b"other", &sealed), Err(Forged));
        assert_eq!(open(&Secret::random(&mut rng), b"purpose", &sealed), Err(Forged));
        for i in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[i] ^= 1;
            assert_eq!(open(&key, b"purpose", &changed), Err(Forged), "byte {i}");
            assert_eq!(open(&key, b"purpose", &sealed[..i]), Err(Forged), "cut at {i}");
        }
    }

    #[test]
    fn a_one_time_message_opens_under_its_key_only() {
        let sealed = seal_once(Secret::from([8; 32]), b"artemis");
        assert_eq!(open_once(&Secret::from([8; 32]), &sealed).unwrap().expose(), b"artemis");
        assert_eq!(open_once(&Secret::from([9; 32]), &sealed), Err(Forged));
        assert_eq!(open_once(&Secret::from([8; 32]), &sealed[..15]), Err(Forged));
    }
}
