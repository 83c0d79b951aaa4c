//! Tests of the groups: the laws that all keep, and what is peculiar to each.

mod laws;

use alloc::format;

use data_encoding::HEXLOWER;

use super::*;

type G = Ristretto255;

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
fn a_secret_scalar_is_never_printed_and_can_be_wiped() {
    let mut secret = SecretScalar::<G>::new(Ristretto255Scalar::from(5u64));
    assert_eq!(format!("{secret:?}"), "SecretScalar(..)");
    assert!(!secret.is_zero());
    assert_eq!(secret.mul_generator(), G::mul(&G::generator(), &Ristretto255Scalar::from(5u64)));
    secret.zeroize();
    assert!(secret.is_zero());
}
