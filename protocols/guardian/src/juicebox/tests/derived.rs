//! What a client derives, against values that the SDK's own tests publish
//! (`vectors/juicebox`), and against its formulas written out with the plain
//! hash functions.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::password::Cost;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes, aead, hash};
use allod_wire::{RealmId, RegistrationVersion};
use data_encoding::HEXLOWER;
use serde::Deserialize;

use crate::juicebox::secret::{
    SECRET_MAX, decrypt, encrypt, encrypted_secret_commitment, encryption_key, same, sign_public_key,
    stretch, unlock_key, unlock_key_tag, verify_public_key,
};

#[derive(Deserialize)]
struct Vectors {
    encryption: Encryption,
    padding: Vec<Padding>,
    pin: Pin,
}

#[derive(Deserialize)]
struct Encryption {
    secret: String,
    key: String,
    encrypted: String,
}

#[derive(Deserialize)]
struct Padding {
    secret: String,
    padded: String,
}

#[derive(Deserialize)]
struct Pin {
    pin: String,
    version: String,
    info: String,
    access_key: String,
    encryption_key_seed: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../../../vectors/juicebox/secrets.json")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn fixed<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

#[test]
fn a_secret_encrypts_to_the_published_bytes_and_back() {
    let Encryption { secret, key, encrypted } = vectors().encryption;
    let (secret, key) = (SecretBytes::from(hex(&secret)), Secret::from(fixed(&key)));
    assert_eq!(encrypt(&secret, key.clone()).unwrap(), fixed(&encrypted));
    assert_eq!(decrypt(&fixed(&encrypted), &key), Some(secret));
}

#[test]
fn a_secret_is_padded_as_published() {
    for Padding { secret, padded } in vectors().padding {
        let key = Secret::from([9; 32]);
        let encrypted = encrypt(&SecretBytes::from(hex(&secret)), key.clone()).unwrap();
        assert_eq!(aead::open_once(&key, &encrypted).unwrap().expose(), hex(&padded));
        assert_eq!(decrypt(&encrypted, &key).unwrap().expose(), hex(&secret));
    }
}

#[test]
fn a_pin_is_stretched_to_the_published_keys() {
    let Pin { pin, version, info, access_key, encryption_key_seed } = vectors().pin;
    let stretched = stretch(
        &SecretBytes::from(hex(&pin)),
        &RegistrationVersion(fixed(&version)),
        &hex(&info),
        Cost::JUICEBOX_STANDARD_2019,
    )
    .unwrap();
    assert_eq!(stretched.access_key.expose(), &fixed::<32>(&access_key));
    assert_eq!(stretched.encryption_key_seed.expose(), &fixed::<32>(&encryption_key_seed));
}

#[test]
fn another_version_info_or_pin_stretches_to_other_keys() {
    let of = |pin: &[u8], version, info: &[u8]| {
        let cost = Cost::JUICEBOX_FAST_INSECURE;
        stretch(&SecretBytes::from(pin.to_vec()), &RegistrationVersion([version; 16]), info, cost).unwrap()
    };
    let all = [of(b"1", 1, b"a"), of(b"2", 1, b"a"), of(b"1", 2, b"a"), of(b"1", 1, b"b"), of(b"1", 1, b"")];
    for (i, one) in all.iter().enumerate() {
        assert!(all.iter().skip(i + 1).all(|other| other.access_key != one.access_key), "{i}");
    }
}

#[test]
fn a_secret_one_byte_too_long_is_not_encrypted() {
    let longest = SecretBytes::from(vec![1; SECRET_MAX]);
    assert!(encrypt(&longest, Secret::from([1; 32])).is_some());
    for length in [SECRET_MAX + 1, 255, 256, 1_000] {
        assert!(encrypt(&SecretBytes::from(vec![1; length]), Secret::from([1; 32])).is_none(), "{length}");
    }
}

#[test]
fn a_padded_secret_that_claims_more_than_it_has_is_refused() {
    let key = Secret::from([3; 32]);
    let mut padded = [7; 129];
    padded[0] = 129;
    let encrypted = aead::seal_once(key.clone(), &padded).try_into().unwrap();
    assert!(decrypt(&encrypted, &key).is_none());
}

#[test]
fn a_changed_encrypted_secret_or_another_key_opens_nothing() {
    let key = Secret::from([3; 32]);
    let mut encrypted = encrypt(&SecretBytes::from(vec![1; 20]), key.clone()).unwrap();
    assert!(decrypt(&encrypted, &Secret::from([4; 32])).is_none());
    for at in 0..encrypted.len() {
        encrypted[at] ^= 1;
        assert!(decrypt(&encrypted, &key).is_none(), "byte {at}");
        encrypted[at] ^= 1;
    }
}

#[test]
fn the_unlock_key_is_the_second_half_of_the_outputs_hash_and_the_commitment_the_first() {
    let output = Secret::from([6; 64]);
    let digest = hash::sha512(&[6; 64]);
    let (key, commitment) = unlock_key(&output);
    assert_eq!(commitment, digest[..32]);
    assert_eq!(key.expose()[..], digest[32..]);
}

#[test]
fn tags_and_commitments_follow_the_sdks_formulas() {
    let (key, realm) = (Secret::from([1; 32]), RealmId([2; 16]));
    let mac = |parts: &[&[u8]]| {
        let mut message = Vec::new();
        for part in parts {
            message.extend((part.len() as u32).to_be_bytes());
            message.extend(*part);
        }
        message
    };
    let tag = mac(&[b"Unlock Key Tag", &[2; 16]]);
    assert_eq!(*unlock_key_tag(&key, &realm).expose(), hash::blake2s_keyed_16(&key, &[&tag]));

    let commitment = mac(&[b"Encrypted User Secret Commitment", &[2; 16], &[3; 32], &[4; 145]]);
    assert_eq!(
        encrypted_secret_commitment(&key, &realm, &Secret::from([3; 32]), &[4; 145]),
        hash::blake2s_keyed_16(&key, &[&commitment])
    );

    let message = mac(&[b"User Secret Encryption Key", &[5; 32]]);
    assert_eq!(encryption_key(&key, &Secret::from([5; 32])), hash::blake2s_keyed_32(&key, &[&message]));
}

#[test]
fn a_public_keys_signature_is_on_the_lengths_the_realm_and_the_key() {
    let signer = SigningKey::from_seed(&Secret::from([1; 32]));
    let signed = sign_public_key(&signer, &RealmId([2; 16]), [3; 32]);
    let message = [&[0, 16][..], &[2; 16], &[0, 32], &[3; 32]].concat();
    assert_eq!(signed.signature, signer.sign(&message).0);
    assert_eq!(signed.verifying_key, signer.verifying_key().0);
    assert!(verify_public_key(&signed, &RealmId([2; 16])).is_ok());
    assert!(verify_public_key(&signed, &RealmId([9; 16])).is_err());
}

#[test]
fn values_of_another_length_are_not_the_same() {
    assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"abc", b"ab"));
}
