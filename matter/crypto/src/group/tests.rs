//! Tests of the group algebra and its encodings.

use alloc::format;
use alloc::vec::Vec;

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

type G = Ristretto255;

fn scalar() -> impl Strategy<Value = Ristretto255Scalar> {
    (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(low, high)| {
        let mut wide = [0; 64];
        wide[..32].copy_from_slice(&low);
        wide[32..].copy_from_slice(&high);
        G::scalar_from_wide(&wide)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn public_multiplications_agree_with_the_constant_time_ones(a in scalar(), b in scalar(), c in scalar()) {
        let p = G::mul_generator(&b);
        prop_assert_eq!(G::mul(&G::generator(), &b), p);
        prop_assert_eq!(G::multi_mul_vartime(&[a], &[p]), G::mul(&p, &a));
        let q = G::mul(&p, &c);
        prop_assert_eq!(G::multi_mul_vartime(&[a, b], &[p, q]), G::mul(&p, &a) + G::mul(&q, &b));
        prop_assert_eq!(G::multi_mul_vartime(&[a, b, c], &[p]), G::mul(&p, &a));
        prop_assert_eq!(G::mul_add_generator_vartime(&a, &p, &c), G::mul(&p, &a) + G::mul_generator(&c));
    }

    #[test]
    fn encodings_come_back(a in scalar()) {
        let p = G::mul_generator(&a);
        prop_assert_eq!(G::decode_any(G::encode(&p).as_ref()), Ok(p));
        prop_assert_eq!(G::decode_scalar(G::encode_scalar(&a).as_ref()), Ok(a));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in any::<[u8; 32]>()) {
        if let Ok(element) = G::decode_any(&bytes) {
            prop_assert_eq!(G::encode(&element), bytes);
        }
        if let Ok(scalar) = G::decode_scalar(&bytes) {
            prop_assert_eq!(G::encode_scalar(&scalar), bytes);
        }
    }

    #[test]
    fn bytes_of_another_length_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if bytes.len() != 32 {
            prop_assert_eq!(G::decode_any(&bytes), Err(DecodeError::Length));
            prop_assert_eq!(G::decode_scalar(&bytes), Err(DecodeError::Length));
        }
    }

    #[test]
    fn halves_encoded_as_doubles_are_the_plain_encodings(scalars in prop::collection::vec(scalar(), 0..5)) {
        let halves = scalars.iter().map(|s| G::mul_generator(&G::halve(s))).collect::<Vec<_>>();
        let plain = scalars.iter().map(|s| G::encode(&G::mul_generator(s))).collect::<Vec<_>>();
        prop_assert_eq!(G::encode_doubles(&halves), plain);
    }

    #[test]
    fn a_batch_inverts_like_one_at_a_time(scalars in prop::collection::vec(prop_oneof![4 => scalar(), 1 => Just(Ristretto255Scalar::default())], 0..6)) {
        let mut batch = scalars.clone();
        G::invert_batch(&mut batch);
        for (inverse, scalar) in batch.iter().zip(&scalars) {
            prop_assert_eq!(*inverse, G::invert(scalar));
            if *scalar != Ristretto255Scalar::default() {
                prop_assert_eq!(*inverse * *scalar, Ristretto255Scalar::from(1u64));
            }
        }
    }
}

#[test]
fn the_identity_is_refused_where_an_element_is_wanted() {
    let identity = G::encode(&Ristretto255Element::default());
    assert_eq!(G::decode_any(identity.as_ref()), Ok(Ristretto255Element::default()));
    assert_eq!(G::decode(identity.as_ref()), Err(DecodeError::Identity));
}

#[test]
fn the_bad_encodings_of_rfc_9496_are_refused() {
    // RFC 9496, appendix A.2: one of each kind.
    for bad in [
        // Non-canonical field elements.
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // A negative field element.
        "0100000000000000000000000000000000000000000000000000000000000000",
        // A non-square x^2.
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        // A negative x * y.
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        // s = -1, which would give y = 0.
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let bytes = HEXLOWER.decode(bad.as_bytes()).expect("hex");
        assert_eq!(G::decode_any(&bytes), Err(DecodeError::NotCanonical), "{bad}");
    }
}

#[test]
fn a_scalar_not_below_the_order_is_refused() {
    // The order of the group, and the order less one (RFC 9496, section 4).
    let mut order =
        HEXLOWER.decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").expect("hex");
    assert_eq!(G::decode_scalar(&order), Err(DecodeError::NotCanonical));
    order[0] -= 1;
    assert_eq!(G::decode_scalar(&order), Ok(-Ristretto255Scalar::from(1u64)));
}

#[test]
fn a_tag_that_is_empty_or_too_long_is_refused() {
    assert_eq!(G::hash_to_scalar(&[b"message"], &[]), Err(HashInputError));
    assert_eq!(G::hash_to_group(&[b"message"], &[&[0; 200], &[0; 56]]), Err(HashInputError));
    assert!(G::hash_to_group(&[b"message"], &[&[0; 200], &[0; 55]]).is_ok());
}

#[test]
fn hashing_depends_on_the_parts_joined() {
    let whole = G::hash_to_scalar(&[b"message"], &[b"tag"]);
    assert_eq!(G::hash_to_scalar(&[b"mess", b"age"], &[b"t", b"ag"]), whole);
    assert_ne!(G::hash_to_scalar(&[b"message"], &[b"gat"]), whole);
}

#[test]
fn a_secret_scalar_is_never_printed_and_can_be_wiped() {
    let mut secret = SecretScalar::<G>::new(Ristretto255Scalar::from(5u64));
    assert_eq!(format!("{secret:?}"), "SecretScalar(..)");
    assert!(!secret.is_zero());
    assert_eq!(secret.mul_generator(), G::mul(&G::generator(), &Ristretto255Scalar::from(5u64)));
    secret.zeroize();
    assert!(secret.is_zero());
}
