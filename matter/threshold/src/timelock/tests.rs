//! Encryption that a signature opens: published ciphertexts, and every lie.

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::test_rng::system;

const VECTORS: &str = include_str!("../../../../vectors/timelock/ciphertexts.json");

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().expect("a string").as_bytes()).expect("hex")
}

/// A key, and the signature on an identity under it.
fn signed(identity: &Message) -> (PublicKey, Signature) {
    let secret = SecretScalar::<Bls12381G2>::random(&mut system());
    let element = Bls12381G1::mul(identity.point().element(), secret.expose());
    let key = PublicKey::new(Point::new(secret.mul_generator()).expect("not zero"));
    (key, Signature::decode(&Bls12381G1::encode(&element)).expect("not the identity"))
}

fn identity() -> Message {
    Message::tagged("Allod test", &[b"round 7"])
}

fn payload(len: usize) -> SecretBytes {
    SecretBytes::from((0..len).map(|i| i as u8).collect::<Vec<_>>())
}

#[test]
fn ciphertexts_of_other_implementations_open() {
    let vectors = serde_json::from_str::<Value>(VECTORS).expect("JSON");
    let mut opened = 0;
    for vector in vectors["fastnet"].as_array().expect("a list") {
        let signature = Signature::decode(&hex(&vector["signature"])).expect("a signature");
        let bytes = hex(&vector["ciphertext"]);
        let ciphertext = Ciphertext::decode(&bytes).expect("a ciphertext");
        assert_eq!(ciphertext.encode(), bytes);
        let payload = decrypt(&signature, &ciphertext).expect("it opens");
        assert_eq!(payload.expose(), hex(&vector["payload"]));
        opened += 1;
    }
    assert_eq!(opened, 1);
}

#[test]
fn a_file_locked_with_drands_tool_opens_with_quicknets_signature() {
    let vectors = serde_json::from_str::<Value>(VECTORS).expect("JSON");
    let vector = &vectors["quicknet"];
    let key = PublicKey::decode(&hex(&vector["public_key"])).expect("a key");
    let round = vector["round"].as_u64().expect("a number");
    let identity = Message::plain(&hash::sha256(&round.to_be_bytes()));
    let signature = Signature::decode(&hex(&vector["signature"])).expect("a signature");
    assert_eq!(key.verify(&identity, &signature), Ok(()));
    let ciphertext = Ciphertext::decode(&hex(&vector["ciphertext"])).expect("a ciphertext");
    let file_key = decrypt(&signature, &ciphertext).expect("it opens");
    assert_eq!(file_key.expose().len(), 16);
    // The file's key authenticates the file's header (age-encryption.org/v1):
    // HMAC-SHA-256 under HKDF-SHA-256 of the key, without salt, for "header".
    let extracted = hash::hmac_sha256(&[], file_key.expose());
    let mac_key = hash::hmac_sha256(&extracted, b"header\x01");
    let header = vector["age_header"].as_str().expect("a string");
    assert_eq!(hash::hmac_sha256(&mac_key, header.as_bytes()).to_vec(), hex(&vector["age_mac"]));

    // And what is locked here opens with that signature.
    let ours = encrypt(&key, &identity, &payload(16), &mut system()).expect("a legal length");
    assert_eq!(ours.encode().len(), ciphertext.encode().len());
    assert_eq!(decrypt(&signature, &ours), Ok(payload(16)));
}

#[test]
fn the_signature_on_the_identity_opens_and_no_other() {
    let identity = identity();
    let (key, signature) = signed(&identity);
    for len in [PAYLOAD_MIN, 24, PAYLOAD_MAX] {
        let ciphertext = encrypt(&key, &identity, &payload(len), &mut system()).expect("a legal length");
        let bytes = ciphertext.encode();
        assert_eq!(bytes.len(), 96 + 2 * len);
        assert_eq!(Ciphertext::decode(&bytes), Ok(ciphertext.clone()));
        assert_eq!(decrypt(&signature, &ciphertext), Ok(payload(len)));

        let refused = Err(Error::CiphertextRefused);
        let (other_key, other_signer) = signed(&identity);
        assert_eq!(decrypt(&other_signer, &ciphertext), refused);
        let other_round = Message::tagged("Allod test", &[b"round 8"]);
        let element = *signature.point().element() + *other_round.point().element();
        let other = Signature::decode(&Bls12381G1::encode(&element)).expect("not the identity");
        assert_eq!(decrypt(&other, &ciphertext), refused);
        let for_other_key = encrypt(&other_key, &identity, &payload(len), &mut system()).expect("legal");
        assert_eq!(decrypt(&signature, &for_other_key), refused);
        let for_other_round = encrypt(&key, &other_round, &payload(len), &mut system()).expect("legal");
        assert_eq!(decrypt(&signature, &for_other_round), refused);
    }
}

#[test]
fn a_ciphertext_changed_in_any_part_is_refused() {
    let identity = identity();
    let (key, signature) = signed(&identity);
    let ciphertext = encrypt(&key, &identity, &payload(16), &mut system()).expect("a legal length");
    let refused = Err(Error::CiphertextRefused);
    for at in 0..16 {
        let mut lie = ciphertext.clone();
        lie.masked_seed[at] ^= 1;
        assert_eq!(decrypt(&signature, &lie), refused);
        let mut lie = ciphertext.clone();
        lie.masked_payload[at] ^= 1;
        assert_eq!(decrypt(&signature, &lie), refused);
    }
    let mut lie = ciphertext.clone();
    let moved = *lie.ephemeral.element() + Bls12381G2::generator();
    lie.ephemeral = Point::new(moved).expect("not the identity");
    assert_eq!(decrypt(&signature, &lie), refused);
    // Parts of another ciphertext for the same identity and payload.
    let other = encrypt(&key, &identity, &payload(16), &mut system()).expect("a legal length");
    let lies = [
        Ciphertext { ephemeral: other.ephemeral, ..ciphertext.clone() },
        Ciphertext { masked_seed: other.masked_seed.clone(), ..ciphertext.clone() },
        Ciphertext { masked_payload: other.masked_payload.clone(), ..ciphertext },
    ];
    for lie in lies {
        assert_eq!(decrypt(&signature, &lie), refused);
    }
}

#[test]
fn the_same_payload_twice_looks_unrelated() {
    let identity = identity();
    let (key, _) = signed(&identity);
    let [one, two] =
        [(); 2].map(|()| encrypt(&key, &identity, &payload(32), &mut system()).expect("a legal length"));
    assert_ne!(one.ephemeral, two.ephemeral);
    assert_ne!(one.masked_seed, two.masked_seed);
    assert_ne!(one.masked_payload, two.masked_payload);
}

#[test]
fn a_payload_too_short_or_too_long_is_refused() {
    let identity = identity();
    let (key, _) = signed(&identity);
    for given in [0, 1, 15, 33, 64] {
        let refused = Error::PayloadLength { given, least: 16, most: 32 };
        let locked = encrypt(&key, &identity, &payload(given), &mut system());
        assert_eq!(locked, Err(refused));
    }
}

#[test]
fn a_bad_part_of_a_ciphertext_is_named() {
    let identity = identity();
    let (key, _) = signed(&identity);
    let bytes = encrypt(&key, &identity, &payload(16), &mut system()).expect("a legal length").encode();
    let length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
    for len in (0..170).filter(|len| *len < 128 || *len > 160 || len % 2 == 1) {
        let mut bytes = bytes.clone();
        bytes.resize(len, 0);
        assert_eq!(Ciphertext::decode(&bytes), Err(length), "{len}");
    }
    let mut identity = bytes.clone();
    identity[..96].fill(0);
    identity[0] = 0xc0;
    let refused = Error::Malformed { part: Part::Ephemeral, reason: DecodeError::Identity };
    assert_eq!(Ciphertext::decode(&identity), Err(refused));
    identity[0] = 0x80;
    let refused = Error::Malformed { part: Part::Ephemeral, reason: DecodeError::NotCanonical };
    assert_eq!(Ciphertext::decode(&identity), Err(refused));
}

#[test]
fn the_exponent_depends_on_seed_and_payload_and_rejects_what_is_no_scalar() {
    let one = exponent(&[1; 16], &[2; 16]);
    assert_ne!(one, exponent(&[2; 16], &[2; 16]));
    assert_ne!(one, exponent(&[1; 16], &[1; 16]));
    // One first hash in ten is not below the order; among these there are some,
    // and each still gives a scalar.
    for seed in 0..64 {
        assert!(!exponent(&[seed; 16], &[0; 16]).is_zero());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_masks_are_refused(masks in prop::collection::vec(any::<u8>(), 32..=64)) {
        let identity = identity();
        let (key, signature) = signed(&identity);
        let ciphertext = encrypt(&key, &identity, &payload(16), &mut system()).expect("a legal length");
        let bytes = [ciphertext.ephemeral.bytes().as_slice(), &masks].concat();
        match Ciphertext::decode(&bytes) {
            Ok(lie) => {
                prop_assert_eq!(lie.encode(), bytes);
                prop_assert_eq!(decrypt(&signature, &lie), Err(Error::CiphertextRefused));
            }
            Err(_) => prop_assert_eq!(masks.len() % 2, 1),
        }
    }
}
