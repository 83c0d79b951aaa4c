//! Tests of the pairing against published values and beacons.

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::*;
use crate::group::{Bls12381G2, Bls12381Scalar};
use crate::hash::sha256;

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().expect("text").as_bytes()).expect("hex")
}

fn pair_of(p: &Bls12381G1Element, q: &Bls12381G2Element) -> Gt {
    pair(p, &PreparedG2::new(q))
}

#[test]
fn the_pairing_of_the_generators_has_its_published_encoding() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/bls12-381/pairing.json")).expect("JSON");
    let q = Bls12381G2::generator();
    let times = |scalar: &Bls12381Scalar| pair_of(&Bls12381G1::mul_generator(scalar), &q).encode();
    assert_eq!(times(&Bls12381Scalar::from(1)).as_slice(), hex(&file["generators"]));
    assert_eq!(times(&Bls12381Scalar::from(5)).as_slice(), hex(&file["five_times_generators"]));
    // The draft's pairing, cubed, is the one in use.
    let third = Bls12381G1::invert(&Bls12381Scalar::from(3));
    let draft = file["draft"].as_array().expect("a list");
    assert_eq!(times(&third).as_slice(), draft.iter().rev().flat_map(hex).collect::<Vec<_>>());
}

#[test]
fn the_pairing_is_bilinear() {
    let (a, b) = (Bls12381Scalar::from(1_234_567), -Bls12381Scalar::from(7));
    let (p, q) = (Bls12381G1::generator(), Bls12381G2::generator());
    let both = pair_of(&Bls12381G1::mul(&p, &a), &Bls12381G2::mul(&q, &b));
    for same in [
        pair_of(&Bls12381G1::mul(&p, &(a * b)), &q),
        pair_of(&p, &Bls12381G2::mul(&q, &(a * b))),
        pair_of(&Bls12381G1::mul(&p, &b), &Bls12381G2::mul(&q, &a)),
    ] {
        assert_eq!(both, same);
        assert_eq!(both.encode(), same.encode());
    }
    assert_ne!(both, pair_of(&p, &q));
    assert_ne!(both.encode(), pair_of(&p, &q).encode());
}

#[test]
fn the_pairing_with_an_identity_is_one() {
    let one = pair_of(&Bls12381G1Element::default(), &Bls12381G2::generator());
    assert_eq!(one, pair_of(&Bls12381G1::generator(), &Bls12381G2Element::default()));
    let bytes = one.encode();
    assert_eq!(bytes[575], 1);
    assert!(bytes[..575].iter().all(|byte| *byte == 0));
}

#[test]
fn a_value_is_never_printed_and_can_be_wiped() {
    let mut value = pair_of(&Bls12381G1::generator(), &Bls12381G2::generator());
    assert_eq!(alloc::format!("{value:?}"), "Gt(..)");
    value.zeroize();
    assert_eq!(value, pair_of(&Bls12381G1Element::default(), &Bls12381G2::generator()));
}

#[test]
fn the_beacons_of_drand_verify_under_their_keys_only() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/drand/beacons.json")).expect("JSON");
    let dst = file["dst"].as_str().expect("a tag").as_bytes();
    let generator = PreparedG2::new(&Bls12381G2::generator());
    let chains = file["chains"].as_array().expect("chains");
    let key =
        |chain: &Value| PreparedG2::new(&Bls12381G2::decode(&hex(&chain["public_key"])).expect("a key"));
    let keys = chains.iter().map(key).collect::<Vec<_>>();
    let mut verified = 0;
    for (i, chain) in chains.iter().enumerate() {
        for beacon in chain["beacons"].as_array().expect("beacons") {
            let round = beacon["round"].as_u64().expect("a number");
            let bytes = hex(&beacon["signature"]);
            let signature = Bls12381G1::decode(&bytes).expect("a point");
            let check = |round: u64, key: &PreparedG2| {
                let hash = hash_to_g1(&sha256(&round.to_be_bytes()), dst).expect("a short tag");
                sum_is_identity(&[(-signature, &generator), (hash, key)])
            };
            assert!(check(round, &keys[i]), "round {round}");
            assert!(!check(round + 1, &keys[i]));
            assert!(!check(round, &keys[1 - i]));
            if beacon["randomness"].is_string() {
                assert_eq!(sha256(&bytes).as_slice(), hex(&beacon["randomness"]));
            }
            verified += 1;
        }
    }
    assert_eq!(verified, 6);
}

#[test]
fn a_sum_of_pairings_is_the_identity_only_if_every_term_is_right() {
    let secret = Bls12381Scalar::from(0x1234_5678_9abc_def0);
    let hash = hash_to_g1(b"message", b"tag").expect("a short tag");
    let signature = Bls12381G1::mul(&hash, &secret);
    let generator = PreparedG2::new(&Bls12381G2::generator());
    let key = PreparedG2::new(&Bls12381G2::mul_generator(&secret));
    assert!(sum_is_identity(&[(-signature, &generator), (hash, &key)]));
    assert!(!sum_is_identity(&[(signature, &generator), (hash, &key)]));
    assert!(!sum_is_identity(&[(-signature, &generator), (hash + hash, &key)]));
    assert!(!sum_is_identity(&[(-signature, &key), (hash, &generator)]));
    assert!(!sum_is_identity(&[(-signature, &generator)]));
    // Identities among the terms add nothing.
    assert!(sum_is_identity(&[]));
    assert!(sum_is_identity(&[(Bls12381G1Element::default(), &key), (-signature, &generator), (hash, &key)]));
    assert!(!sum_is_identity(&[(Bls12381G1Element::default(), &key), (hash, &key)]));
}
