//! Tests of the pairing.

use super::*;
use crate::group::{Bls12381G2, Bls12381Scalar};

#[test]
fn the_pairing_is_bilinear() {
    let (a, b) = (Bls12381Scalar::from(1_234_567), -Bls12381Scalar::from(7));
    let (p, q) = (Bls12381G1::generator(), Bls12381G2::generator());
    let pair_of = |p: &Bls12381G1Element, q: &Bls12381G2Element| pair(p, &PreparedG2::new(q));
    let both = pair_of(&Bls12381G1::mul(&p, &a), &Bls12381G2::mul(&q, &b));
    assert!(both == pair_of(&Bls12381G1::mul(&p, &(a * b)), &q));
    assert!(both == pair_of(&p, &Bls12381G2::mul(&q, &(a * b))));
    assert!(both != pair_of(&p, &q));
    assert_eq!(both.encode(), pair_of(&Bls12381G1::mul(&p, &(a * b)), &q).encode());
    assert_ne!(both.encode(), pair_of(&p, &q).encode());
}

#[test]
fn a_signature_verifies_under_its_key_only() {
    let secret = Bls12381Scalar::from(0x1234_5678_9abc_def0);
    let hash = hash_to_g1(b"message", b"tag").expect("a short tag");
    let signature = Bls12381G1::mul(&hash, &secret);
    let generator = PreparedG2::new(&Bls12381G2::generator());
    let key = PreparedG2::new(&Bls12381G2::mul_generator(&secret));
    assert!(sum_is_identity(&[(-signature, &generator), (hash, &key)]));
    assert!(!sum_is_identity(&[(signature, &generator), (hash, &key)]));
    assert!(!sum_is_identity(&[(-signature, &generator), (hash + hash, &key)]));
    assert!(!sum_is_identity(&[(-signature, &key), (hash, &generator)]));
    assert!(sum_is_identity(&[]));
}
