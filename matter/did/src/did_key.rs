//! Keys as `did:key` identifiers: a multicodec key in base58btc
//! (W3C CCG, The did:key Method; multicodec; unsigned varints of multiformats).

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::base58_decode;
use crate::{Error, PublicKey};

const PREFIX: &str = "did:key:";
/// Characters of multibase text that are looked at: room for keys of 1.3 kB.
const MULTIBASE_MAX: usize = 2048;
/// Bytes of an unsigned varint, by its specification.
const VARINT_MAX: usize = 9;

impl PublicKey {
    /// The key's `did:key` identifier.
    pub fn to_did_key(&self) -> String {
        let mut text = String::from(PREFIX);
        text.push_str(&self.to_multibase());
        text
    }

    /// The key that `text` identifies.
    ///
    /// # Errors
    /// [`Error::NotADidKey`] where it is no `did:key`, is over 2 kB, or is a
    /// second text of a key; [`Error::UnknownAlgorithm`]; [`Error::WrongSize`].
    pub fn from_did_key(text: &str) -> Result<Self, Error> {
        let base58 = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('z'));
        let bytes = base58.and_then(base58_decode::<MULTIBASE_MAX>).ok_or(Error::NotADidKey)?;
        let (code, key) = read_varint(&bytes).ok_or(Error::NotADidKey)?;
        Self::from_parts(code, key)
    }

    /// The multicodec key in multibase, `z6Mk…` for Ed25519: what follows
    /// `did:key:`, and a `publicKeyMultibase`.
    pub fn to_multibase(&self) -> String {
        let mut bytes = Vec::new();
        write_varint(self.code(), &mut bytes);
        bytes.extend_from_slice(self.as_bytes());
        let mut text = String::from("z");
        text.push_str(&bs58::encode(&bytes).into_string());
        text
    }
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The varint that `bytes` begin with, in its shortest form only, and the rest.
fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(VARINT_MAX).position(|byte| byte & 0x80 == 0)?;
    let (varint, rest) = bytes.split_at_checked(end + 1)?;
    if end > 0 && varint.last() == Some(&0) {
        return None;
    }
    let value = varint.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7F));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use allod_crypto::sign::{SigningKey, VerifyingKey};
    use allod_crypto::{Secret, exchange};
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{ED25519, X25519};

    fn vectors(name: &str) -> Vec<Value> {
        let all: Value = serde_json::from_str(include_str!("../../../vectors/did-key/vectors.json")).unwrap();
        all[name].as_array().unwrap().clone()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    #[test]
    fn the_published_ed25519_keys_are_read_and_written() {
        let vectors = vectors("ed25519");
        assert_eq!(vectors.len(), 5);
        for vector in &vectors {
            let seed: [u8; 32] =
                HEXLOWER.decode(text(vector, "seed").as_bytes()).unwrap().try_into().unwrap();
            let key = PublicKey::from(SigningKey::from_seed(&Secret::from(seed)).verifying_key());
            assert_eq!(bs58::encode(key.as_bytes()).into_string(), text(vector, "publicKeyBase58"));
            assert_eq!(key.to_did_key(), text(vector, "did"));
            assert_eq!(PublicKey::from_did_key(text(vector, "did")), Ok(key));
        }
    }

    #[test]
    fn the_published_x25519_keys_are_read_and_written() {
        let vectors = vectors("x25519");
        assert!(vectors.len() >= 5);
        for vector in &vectors {
            let key = PublicKey::from_did_key(text(vector, "did")).unwrap();
            assert_eq!(key.code(), X25519);
            assert_eq!(bs58::encode(key.as_bytes()).into_string(), text(vector, "publicKeyBase58"));
            assert_eq!(key.to_did_key(), text(vector, "did"));
        }
    }

    #[test]
    fn the_specifications_first_example_is_an_ed25519_key() {
        let did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let key = PublicKey::from_did_key(did).unwrap();
        assert_eq!(key.code(), ED25519);
        assert_eq!(key.to_did_key(), did);
    }

    #[test]
    fn a_published_key_of_another_algorithm_is_named_as_unknown() {
        let vectors = vectors("other");
        assert!(!vectors.is_empty());
        for vector in &vectors {
            let code = vector["code"].as_u64().unwrap();
            assert_eq!(
                PublicKey::from_did_key(text(vector, "did")),
                Err(Error::UnknownAlgorithm { code, sequence: None })
            );
        }
    }

    #[test]
    fn what_is_no_did_key_is_refused() {
        let good = PublicKey::Ed25519(VerifyingKey([7; 32])).to_did_key();
        let bare = good.strip_prefix("did:key:").unwrap();
        for bad in [
            String::new(),
            "did:key:".into(),
            "did:key:z".into(),
            bare.into(),
            format!("did:web:{bare}"),
            format!("DID:key:{bare}"),
            format!("did:key:u{}", &bare[1..]),
            format!("{good} "),
            format!("{good}#{bare}"),
            format!("did:key:z{}", "1".repeat(3000)),
            good.replace('6', "0"),
        ] {
            assert_eq!(PublicKey::from_did_key(&bad), Err(Error::NotADidKey), "{bad}");
        }
    }

    #[test]
    fn a_key_that_is_cut_or_longer_is_refused() {
        for size in [0, 31, 33] {
            let mut bytes = vec![0xED, 0x01];
            bytes.resize(2 + size, 9);
            let did = format!("did:key:z{}", bs58::encode(bytes).into_string());
            assert_eq!(
                PublicKey::from_did_key(&did),
                Err(Error::WrongSize { code: ED25519, size, sequence: None })
            );
        }
    }

    #[test]
    fn a_longer_varint_of_the_same_code_is_refused() {
        let mut bytes = vec![0xED, 0x81, 0x00];
        bytes.extend([7; 32]);
        let did = format!("did:key:z{}", bs58::encode(bytes).into_string());
        assert_eq!(PublicKey::from_did_key(&did), Err(Error::NotADidKey));
    }

    #[test]
    fn an_agreement_key_verifies_nothing() {
        let key = PublicKey::X25519(exchange::public_key(&Secret::from([1; 32])));
        let signature = SigningKey::from_seed(&Secret::from([1; 32])).sign(b"yes");
        assert!(!key.can_sign());
        assert!(key.verify(b"yes", &crate::Signature::Ed25519(signature)).is_err());
    }

    proptest! {
        #[test]
        fn every_key_comes_back_from_its_text(bytes in any::<[u8; 32]>(), signs in any::<bool>()) {
            let key = if signs { PublicKey::Ed25519(VerifyingKey(bytes)) } else { PublicKey::X25519(bytes) };
            prop_assert_eq!(PublicKey::from_did_key(&key.to_did_key()), Ok(key));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "did:key:z[1-9A-HJ-NP-Za-km-z]{0,60}") {
            if let Ok(key) = PublicKey::from_did_key(&text) {
                prop_assert_eq!(key.to_did_key(), text);
            }
        }
    }
}
