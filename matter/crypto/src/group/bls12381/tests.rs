//! Tests of the groups of BLS12-381 against published vectors and the outside
//! crate.

use alloc::string::String;

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;
use sha2::Digest;

use super::*;

/// The bytes of hexadecimal digits, with or without `0x`.
fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.trim_start_matches("0x").as_bytes()).expect("hex")
}

/// Hashes every message of a file of RFC 9380's vectors and compares the result
/// with the point that `read` makes of its two coordinates.
fn check_hashes<G: Group>(file: &str, read: impl Fn(&str, &str) -> G::Element) {
    let file: Value = serde_json::from_str(file).expect("JSON");
    let dst = file["dst"].as_str().expect("a tag").as_bytes();
    let vectors = file["vectors"].as_array().expect("vectors");
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let text = |value: &Value| String::from(value.as_str().expect("text"));
        let message = text(&vector["msg"]);
        let expected = read(&text(&vector["P"]["x"]), &text(&vector["P"]["y"]));
        let hashed = G::hash_to_group(&[message.as_bytes()], &[dst]).expect("a short tag");
        assert!(hashed == expected, "{message}");
    }
}

#[test]
fn hashing_to_g1_gives_the_points_of_rfc_9380() {
    let file = include_str!("../../../../../vectors/rfc9380/bls12381g1.json");
    check_hashes::<Bls12381G1>(file, |x, y| {
        let bytes = [hex(x), hex(y)].concat();
        G1Affine::from_uncompressed(&bytes.try_into().expect("96 bytes")).expect("a point").into()
    });
}

#[test]
fn hashing_to_g2_gives_the_points_of_rfc_9380() {
    let file = include_str!("../../../../../vectors/rfc9380/bls12381g2.json");
    check_hashes::<Bls12381G2>(file, |x, y| {
        // The file gives the real part first, the encoding the other way round.
        let part = |pair: &str, i: usize| hex(pair.split(',').nth(i).expect("two parts"));
        let bytes = [part(x, 1), part(x, 0), part(y, 1), part(y, 0)].concat();
        G2Affine::from_uncompressed(&bytes.try_into().expect("192 bytes")).expect("a point").into()
    });
}

/// Checks the part `name` of the file on encodings.
fn check_encodings<G: Group>(name: &str) {
    let file: Value =
        serde_json::from_str(include_str!("../../../../../vectors/bls12-381/encodings.json")).expect("JSON");
    let part = &file[name];
    assert_eq!(G::encode(&G::generator()).as_ref(), hex(part["generator"].as_str().expect("hex")));
    let mut hash = Sha256::new();
    let mut multiple = G::Element::default();
    for i in 0..1000_u64 {
        let bytes = G::encode(&multiple);
        assert!(G::decode_any(bytes.as_ref()) == Ok(multiple), "{i}");
        hash.update(bytes);
        multiple += G::generator();
    }
    assert_eq!(hash.finalize().as_slice(), hex(part["multiples_sha256"].as_str().expect("hex")));
    let cases = part["cases"].as_array().expect("cases");
    assert!(cases.len() >= 16);
    for case in cases {
        let bytes = hex(case["bytes"].as_str().expect("hex"));
        let name = case["name"].as_str().expect("a name");
        let decoded = G::decode_any(&bytes);
        if case["valid"].as_bool().expect("a verdict") {
            let element = decoded.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(G::encode(&element).as_ref(), bytes, "{name}");
        } else {
            let length = bytes.len() != G::ELEMENT_LEN;
            let error = if length { DecodeError::Length } else { DecodeError::NotCanonical };
            assert!(decoded == Err(error), "{name}");
        }
    }
}

#[test]
fn encodings_of_g1_are_read_as_others_read_them() {
    check_encodings::<Bls12381G1>("g1");
}

#[test]
fn encodings_of_g2_are_read_as_others_read_them() {
    check_encodings::<Bls12381G2>("g2");
}

#[test]
fn points_outside_the_subgroups_are_refused() {
    let (mut outside_g1, mut outside_g2) = (0, 0);
    for x in 1..40_u8 {
        let mut bytes = [0; 48];
        (bytes[0], bytes[47]) = (0x80, x);
        if bool::from(G1Affine::from_compressed_unchecked(&bytes).is_some()) {
            assert_eq!(Bls12381G1::decode_any(&bytes), Err(DecodeError::NotCanonical));
            outside_g1 += 1;
        }
        let mut bytes = [0; 96];
        (bytes[0], bytes[95]) = (0x80, x);
        if bool::from(G2Affine::from_compressed_unchecked(&bytes).is_some()) {
            assert_eq!(Bls12381G2::decode_any(&bytes), Err(DecodeError::NotCanonical));
            outside_g2 += 1;
        }
    }
    assert!(outside_g1 > 10 && outside_g2 > 10);
}

#[test]
fn scalars_are_big_endian() {
    let mut bytes = [0; 32];
    (bytes[30], bytes[31]) = (1, 2);
    assert_eq!(Bls12381G1::encode_scalar(&Scalar::from(258)), bytes);
    assert_eq!(Bls12381G2::decode_scalar(&bytes), Ok(Scalar::from(258)));
    // The order (draft-irtf-cfrg-pairing-friendly-curves, section 4.2.1).
    let order = hex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    assert_eq!(Bls12381G1::decode_scalar(&order), Err(DecodeError::NotCanonical));
}

#[test]
fn a_scalar_is_hashed_to_as_hash_to_field_says() {
    let mut uniform = [0; 64];
    expand::<Sha256>(&[b"message"], &[b"tag"], &mut uniform[..48]).expect("a short tag");
    // The 48 bytes are a big-endian integer.
    uniform[..48].reverse();
    let expected = Scalar::from_bytes_wide(&uniform);
    assert_eq!(Bls12381G1::hash_to_scalar(&[b"message"], &[b"tag"]), Ok(expected));
    assert_eq!(Bls12381G2::hash_to_scalar(&[b"message"], &[b"tag"]), Ok(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn multiplication_agrees_with_the_outside_crate(a in any::<[u64; 4]>(), b in any::<[u64; 4]>()) {
        let (a, b) = (Scalar::from_raw(a), Scalar::from_raw(b));
        let (p, q) = (G1Projective::generator() * b, G2Projective::generator() * b);
        prop_assert_eq!(Bls12381G1::mul(&p, &a), p * a);
        prop_assert_eq!(Bls12381G1::multi_mul_vartime(&[a, b], &[p, p]), p * (a + b));
        prop_assert_eq!(Bls12381G2::mul(&q, &a), q * a);
        prop_assert_eq!(Bls12381G2::multi_mul_vartime(&[a, b], &[q, q]), q * (a + b));
    }
}
