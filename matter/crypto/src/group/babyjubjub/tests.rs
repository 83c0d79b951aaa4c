//! Tests of Baby Jubjub against published vectors, and against the arithmetic that
//! circuits are proven with.

use alloc::vec::Vec;

use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, Field, PrimeField};
use crypto_bigint::U256;
use proptest::prelude::*;
use serde_json::Value;
use taceo_ark_babyjubjub as ark;

use super::super::multiply::{self, Point};
use super::field::{self, Fe};
use super::*;

/// The vectors' file.
fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../../vectors/baby-jubjub/points.json")).expect("JSON")
}

/// The 32 bytes, little endian, of a number in base 10.
fn number(value: &Value) -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    for digit in value.as_str().expect("a number").bytes() {
        let mut carry = u16::from(digit - b'0');
        for byte in &mut bytes {
            carry += u16::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(carry, 0);
    }
    bytes
}

fn coordinate(value: &Value) -> Fe {
    field::decode(&number(value)).expect("below q")
}

fn point(value: &Value) -> BabyJubJubElement {
    BabyJubJubElement::from_affine(coordinate(&value[0]), coordinate(&value[1]))
}

/// An integer of up to 256 bits as a scalar.
fn scalar(value: &Value) -> BabyJubJubScalar {
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(&number(value));
    BabyJubJub::scalar_from_wide(&wide)
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

#[test]
fn the_generator_is_the_base_point_of_erc_2494() {
    let vectors = vectors();
    let base = BabyJubJub::generator();
    assert_eq!(base, point(&vectors["base"]));
    assert_eq!(base.coordinates(), (number(&vectors["base"][0]), number(&vectors["base"][1])));
    assert!(base.is_on_curve());
    assert_eq!(point(&vectors["full_generator"]).double().double().double(), base);
    assert_eq!(number(&vectors["order"]), scalar::order());
    assert_eq!(BabyJubJub::decode_scalar(&scalar::order()), Err(DecodeError::NotCanonical));
}

#[test]
fn published_sums_come_out() {
    for vector in list(&vectors()["sums"]) {
        assert_eq!(point(&vector["a"]) + point(&vector["b"]), point(&vector["sum"]));
    }
}

#[test]
fn published_multiples_come_out() {
    for vector in list(&vectors()["multiples"]) {
        let (p, s) = (point(&vector["point"]), scalar(&vector["scalar"]));
        assert_eq!(BabyJubJub::mul(&p, &s), point(&vector["product"]));
        assert_eq!(BabyJubJub::multi_mul_vartime(&[s], &[p]), point(&vector["product"]));
    }
}

#[test]
fn published_packed_points_come_out_and_are_read() {
    for vector in list(&vectors()["packed"]) {
        let bytes =
            data_encoding::HEXLOWER.decode(vector["bytes"].as_str().expect("hex").as_bytes()).expect("hex");
        assert_eq!(BabyJubJub::encode(&point(&vector["point"])).as_slice(), bytes);
        assert_eq!(BabyJubJub::decode(&bytes), Ok(point(&vector["point"])));
    }
}

#[test]
fn the_map_to_the_curve_gives_its_published_value() {
    for vector in list(&vectors()["mapped"]) {
        let mapped = hash::map_to_curve(&coordinate(&vector["u"]));
        assert_eq!(mapped.double().double().double(), point(&vector["times_8"]));
    }
}

#[test]
fn every_field_element_is_mapped_to_a_point_of_the_curve() {
    for i in 0..64 {
        let u = Fe::new(&U256::from_u64(i));
        let mapped = hash::map_to_curve(&u);
        assert!(mapped.is_on_curve());
        assert_eq!(hash::map_to_curve(&-u), mapped);
    }
    assert_eq!(hash::map_to_curve(&Fe::ZERO), BabyJubJubElement::default());
}

#[test]
fn points_outside_the_subgroup_are_refused() {
    // Every point of order eight's group, added to one of the subgroup.
    let full = point(&vectors()["full_generator"]);
    let torsion = multiply::multi_mul_vartime(core::iter::once((scalar::order(), full)));
    let mut off = torsion;
    for _ in 1..8 {
        assert!(off.is_on_curve());
        for p in [off, off + BabyJubJub::generator()] {
            assert_eq!(BabyJubJub::decode_any(&p.encode()), Err(DecodeError::NotCanonical));
        }
        off += torsion;
    }
    assert_eq!(off, BabyJubJubElement::default());
    assert_eq!(BabyJubJub::decode_any(&full.encode()), Err(DecodeError::NotCanonical));
}

#[test]
fn another_encoding_of_the_same_point_is_refused() {
    // The identity with the sign that zero cannot have.
    let mut bytes = BabyJubJub::encode(&BabyJubJubElement::default());
    bytes[31] |= 0x80;
    assert_eq!(BabyJubJub::decode_any(&bytes), Err(DecodeError::NotCanonical));
    // The identity with q + 1 instead of 1 as its y.
    let mut bytes = field::encode(&-Fe::ONE);
    bytes[0] += 2;
    assert_eq!(BabyJubJub::decode_any(&bytes), Err(DecodeError::NotCanonical));
    // A y of 255 bits.
    let mut bytes = BabyJubJub::encode(&BabyJubJub::generator());
    bytes[31] |= 0x40;
    assert_eq!(BabyJubJub::decode_any(&bytes), Err(DecodeError::NotCanonical));
}

#[test]
fn a_scalar_is_never_printed() {
    assert_eq!(alloc::format!("{:?}", BabyJubJubScalar::from(5)), "BabyJubJubScalar(..)");
}

/// The affine coordinates of arkworks' point, as ours are given.
fn coordinates(point: ark::EdwardsProjective) -> ([u8; 32], [u8; 32]) {
    let affine = point.into_affine();
    let bytes = |value: ark::Fq| value.into_bigint().to_bytes_le().try_into().expect("32 bytes");
    (bytes(affine.x), bytes(affine.y))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn points_and_scalars_agree_with_arkworks(a in any::<[u8; 32]>(), b in any::<[u8; 32]>()) {
        let ours = [a, b].map(|bytes| {
            let mut wide = [0; 64];
            wide[32..].copy_from_slice(&bytes);
            BabyJubJub::scalar_from_wide(&wide)
        });
        let theirs = [a, b].map(|bytes| {
            ark::Fr::from_le_bytes_mod_order(&bytes) * ark::Fr::from(2_u64).pow([256])
        });
        let bytes = |scalar: ark::Fr| <[u8; 32]>::try_from(scalar.into_bigint().to_bytes_le()).expect("32 bytes");
        prop_assert_eq!(BabyJubJub::encode_scalar(&ours[0]), bytes(theirs[0]));
        prop_assert_eq!(BabyJubJub::encode_scalar(&(ours[0] * ours[1])), bytes(theirs[0] * theirs[1]));
        prop_assert_eq!(BabyJubJub::encode_scalar(&(ours[0] - ours[1])), bytes(theirs[0] - theirs[1]));
        if let Some(inverse) = theirs[0].inverse() {
            prop_assert_eq!(BabyJubJub::encode_scalar(&BabyJubJub::invert(&ours[0])), bytes(inverse));
        }
        let [p, q] = ours.map(|scalar| BabyJubJub::mul_generator(&scalar));
        let [r, s] = theirs.map(|scalar| ark::EdwardsProjective::generator() * scalar);
        prop_assert_eq!(p.coordinates(), coordinates(r));
        prop_assert_eq!((p + q).coordinates(), coordinates(r + s));
        prop_assert_eq!((p - q).coordinates(), coordinates(r - s));
        prop_assert_eq!(p.double().coordinates(), coordinates(r + r));
        prop_assert_eq!(BabyJubJub::mul(&q, &ours[0]).coordinates(), coordinates(s * theirs[0]));
    }
}
