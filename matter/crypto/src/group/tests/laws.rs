//! What every group keeps: the same tests for each of them.

use alloc::vec::Vec;
use core::fmt;

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::super::*;

/// A scalar that a failing test prints.
#[derive(Clone, Copy)]
struct Sample<G: Group>(G::Scalar);

impl<G: Group> fmt::Debug for Sample<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(G::encode_scalar(&self.0).as_ref()))
    }
}

/// A scalar of `G`: long ones, short ones, and those next to zero.
fn scalar<G: Group>() -> impl Strategy<Value = Sample<G>> {
    let long = prop::collection::vec(any::<u8>(), 64)
        .prop_map(|bytes| Sample(G::scalar_from_wide(&<[u8; 64]>::try_from(bytes).expect("64 bytes"))));
    let short = (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| Sample(G::Scalar::from(value >> shift)));
    let above_zero = (0..20_u64).prop_map(|value| Sample(G::Scalar::from(value)));
    let below_zero = (0..20_u64).prop_map(|value| Sample(-G::Scalar::from(value)));
    prop_oneof![4 => long, 2 => short, 1 => above_zero, 1 => below_zero]
}

/// `scalar * element` by nothing but additions, one bit at a time.
fn reference_mul<G: Group>(element: &G::Element, scalar: &G::Scalar) -> G::Element {
    let two = G::Scalar::from(2_u64);
    let mut bits = Vec::new();
    let mut rest = *scalar;
    // The lowest bit is the one by which the rest and its half, rounded down, differ.
    for _ in 0..256 {
        let bit = odd::<G>(&rest);
        bits.push(bit);
        if bit {
            rest = rest - G::Scalar::from(1_u64);
        }
        rest = G::halve(&rest);
        assert!(rest + rest == rest * two);
    }
    bits.iter().rev().fold(G::Element::default(), |sum, bit| {
        let double = sum + sum;
        if *bit { double + *element } else { double }
    })
}

/// Whether the integer that `scalar` stands for is odd.
fn odd<G: Group>(scalar: &G::Scalar) -> bool {
    let bytes = G::encode_scalar(scalar);
    let one = G::encode_scalar(&G::Scalar::from(1_u64));
    let lowest = if one.as_ref()[0] == 1 { bytes.as_ref()[0] } else { bytes.as_ref()[G::SCALAR_LEN - 1] };
    lowest & 1 == 1
}

macro_rules! laws {
    ($module:ident, $group:ident) => {
        mod $module {
            use super::*;

            type G = $group;
            type Scalar = <G as Group>::Scalar;
            type Element = <G as Group>::Element;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(24))]

                #[test]
                fn all_multiplications_agree_with_plain_additions(Sample(a) in scalar::<G>(), Sample(b) in scalar::<G>(), Sample(c) in scalar::<G>()) {
                    let g = G::generator();
                    let p = reference_mul::<G>(&g, &b);
                    prop_assert!(G::mul_generator(&b) == p);
                    prop_assert!(G::mul(&g, &b) == p);
                    let ap = reference_mul::<G>(&p, &a);
                    prop_assert!(G::mul(&p, &a) == ap);
                    prop_assert!(G::multi_mul_vartime(&[a], &[p]) == ap);
                    let q = G::mul(&p, &c);
                    prop_assert!(G::multi_mul_vartime(&[a, b], &[p, q]) == ap + G::mul(&q, &b));
                    prop_assert!(G::multi_mul_vartime(&[a, b, c], &[p]) == ap);
                    prop_assert!(G::multi_mul_vartime(&[a], &[p, q, q]) == ap);
                    prop_assert!(G::mul_add_generator_vartime(&a, &p, &c) == ap + G::mul_generator(&c));
                }

                #[test]
                fn many_terms_are_summed_up(terms in prop::collection::vec((scalar::<G>(), scalar::<G>()), 0..12)) {
                    let scalars = terms.iter().map(|(Sample(scalar), _)| *scalar).collect::<Vec<_>>();
                    let elements = terms.iter().map(|(_, Sample(seed))| G::mul_generator(seed)).collect::<Vec<_>>();
                    let sum = terms.iter().fold(Scalar::default(), |sum, (Sample(scalar), Sample(seed))| sum + *scalar * *seed);
                    prop_assert!(G::multi_mul_vartime(&scalars, &elements) == G::mul_generator(&sum));
                }

                #[test]
                fn elements_form_a_group(Sample(a) in scalar::<G>(), Sample(b) in scalar::<G>(), Sample(c) in scalar::<G>()) {
                    let [p, q, r] = [a, b, c].map(|scalar| G::mul_generator(&scalar));
                    let zero = Element::default();
                    prop_assert!((p + q) + r == p + (q + r));
                    prop_assert!(p + q == q + p);
                    prop_assert!(p + zero == p);
                    prop_assert!(p - p == zero);
                    prop_assert!(p + -p == zero);
                    prop_assert!(p - q == p + -q);
                    let mut sum = p;
                    sum += q;
                    prop_assert!(sum == p + q);
                    prop_assert!(p + q == G::mul_generator(&(a + b)));
                    prop_assert!(p + p == G::mul_generator(&(a + a)));
                }

                #[test]
                fn scalars_form_a_field(Sample(a) in scalar::<G>(), Sample(b) in scalar::<G>(), Sample(c) in scalar::<G>()) {
                    let (zero, one) = (Scalar::default(), Scalar::from(1_u64));
                    prop_assert!((a + b) + c == a + (b + c));
                    prop_assert!((a * b) * c == a * (b * c));
                    prop_assert!(a * (b + c) == a * b + a * c);
                    prop_assert!(a + b == b + a && a * b == b * a);
                    prop_assert!(a + zero == a && a * one == a);
                    prop_assert!(a - b == a + -b && a - a == zero);
                    let mut sum = a;
                    sum += b;
                    prop_assert!(sum == a + b);
                    prop_assert!(G::halve(&a) + G::halve(&a) == a);
                    prop_assert!(a == zero || a * G::invert(&a) == one);
                }

                #[test]
                fn encodings_come_back(Sample(a) in scalar::<G>()) {
                    let p = G::mul_generator(&a);
                    let bytes = G::encode(&p);
                    prop_assert_eq!(bytes.as_ref().len(), G::ELEMENT_LEN);
                    prop_assert!(G::decode_any(bytes.as_ref()) == Ok(p));
                    let bytes = G::encode_scalar(&a);
                    prop_assert_eq!(bytes.as_ref().len(), G::SCALAR_LEN);
                    prop_assert!(G::decode_scalar(bytes.as_ref()) == Ok(a));
                }

                #[test]
                fn any_bytes_are_refused_or_canonical(
                    element in prop::collection::vec(any::<u8>(), G::ELEMENT_LEN),
                    scalar in prop::collection::vec(any::<u8>(), G::SCALAR_LEN),
                ) {
                    if let Ok(decoded) = G::decode_any(&element) {
                        let bytes = G::encode(&decoded);
                        prop_assert_eq!(bytes.as_ref(), element);
                    }
                    if let Ok(decoded) = G::decode_scalar(&scalar) {
                        let bytes = G::encode_scalar(&decoded);
                        prop_assert_eq!(bytes.as_ref(), scalar);
                    }
                }

                #[test]
                fn a_flipped_bit_is_refused_or_gives_another_element(Sample(a) in scalar::<G>(), bit in 0..G::ELEMENT_LEN * 8) {
                    let p = G::mul_generator(&a);
                    let mut bytes = G::encode(&p).as_ref().to_vec();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    if let Ok(decoded) = G::decode_any(&bytes) {
                        prop_assert!(decoded != p);
                        let again = G::encode(&decoded);
                        prop_assert_eq!(again.as_ref(), bytes);
                    }
                }

                #[test]
                fn bytes_of_another_length_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
                    if bytes.len() != G::ELEMENT_LEN {
                        prop_assert!(G::decode_any(&bytes) == Err(DecodeError::Length));
                    }
                    if bytes.len() != G::SCALAR_LEN {
                        prop_assert!(G::decode_scalar(&bytes) == Err(DecodeError::Length));
                    }
                }

                #[test]
                fn halves_encoded_as_doubles_are_the_plain_encodings(scalars in prop::collection::vec(scalar::<G>(), 0..5)) {
                    let halves = scalars.iter().map(|Sample(s)| G::mul_generator(&G::halve(s))).collect::<Vec<_>>();
                    let plain = scalars.iter().map(|Sample(s)| G::encode(&G::mul_generator(s))).collect::<Vec<_>>();
                    prop_assert!(G::encode_doubles(&halves) == plain);
                }

                #[test]
                fn a_batch_inverts_like_one_at_a_time(scalars in prop::collection::vec(prop_oneof![4 => scalar::<G>(), 1 => Just(Sample(Scalar::default()))], 0..6)) {
                    let scalars = scalars.iter().map(|Sample(scalar)| *scalar).collect::<Vec<_>>();
                    let mut batch = scalars.clone();
                    G::invert_batch(&mut batch);
                    for (inverse, scalar) in batch.iter().zip(&scalars) {
                        prop_assert!(*inverse == G::invert(scalar));
                        if *scalar != Scalar::default() {
                            prop_assert!(*inverse * *scalar == Scalar::from(1_u64));
                        }
                    }
                }

                #[test]
                fn wide_bytes_are_read_as_a_little_endian_integer(bytes in prop::collection::vec(any::<u8>(), 64)) {
                    let wide = <[u8; 64]>::try_from(bytes.as_slice()).expect("64 bytes");
                    let base = Scalar::from(256_u64);
                    let plain = bytes
                        .iter()
                        .rev()
                        .fold(Scalar::default(), |sum, byte| sum * base + Scalar::from(u64::from(*byte)));
                    prop_assert!(G::scalar_from_wide(&wide) == plain);
                }
            }

            #[test]
            fn the_identity_is_refused_where_an_element_is_wanted() {
                let identity = G::encode(&Element::default());
                assert!(G::decode_any(identity.as_ref()) == Ok(Element::default()));
                assert!(G::decode(identity.as_ref()) == Err(DecodeError::Identity));
            }

            #[test]
            fn the_order_and_what_lies_above_is_no_scalar() {
                // The largest scalar, plus one by hand, is the order.
                let largest = -Scalar::from(1_u64);
                let mut order = G::encode_scalar(&largest).as_ref().to_vec();
                let big_endian = G::encode_scalar(&Scalar::from(1_u64)).as_ref()[0] == 0;
                let lowest = if big_endian { G::SCALAR_LEN - 1 } else { 0 };
                // Odd, so that nothing carries.
                order[lowest] += 1;
                assert!(G::decode_scalar(&order) == Err(DecodeError::NotCanonical));
                assert!(G::decode_scalar(&[0xff; G::SCALAR_LEN]) == Err(DecodeError::NotCanonical));
                assert!(G::mul_generator(&largest) + G::generator() == Element::default());
            }

            #[test]
            fn a_tag_that_is_empty_or_too_long_is_refused() {
                assert!(G::hash_to_scalar(&[b"message"], &[]) == Err(HashInputError));
                assert!(G::hash_to_group(&[b"message"], &[&[0; 200], &[0; 56]]) == Err(HashInputError));
                assert!(G::hash_to_group(&[b"message"], &[&[0; 200], &[0; 55]]).is_ok());
            }

            #[test]
            fn hashing_depends_on_the_parts_joined() {
                let scalar = G::hash_to_scalar(&[b"message"], &[b"tag"]);
                assert!(G::hash_to_scalar(&[b"mess", b"age"], &[b"t", b"ag"]) == scalar);
                assert!(G::hash_to_scalar(&[b"message"], &[b"gat"]) != scalar);
                let element = G::hash_to_group(&[b"message"], &[b"tag"]);
                assert!(G::hash_to_group(&[b"mess", b"age"], &[b"t", b"ag"]) == element);
                assert!(G::hash_to_group(&[b"massage"], &[b"tag"]) != element);
            }

            #[test]
            fn what_is_wiped_is_zero() {
                let mut scalar = Scalar::from(5_u64);
                let mut element = G::mul_generator(&scalar);
                scalar.zeroize();
                element.zeroize();
                assert!(scalar == Scalar::default());
                assert!(element == Element::default());
            }

            #[test]
            fn a_hashed_element_is_in_the_group() {
                for i in 0..8_u8 {
                    let element = G::hash_to_group(&[&[i]], &[b"tag"]).expect("a short tag");
                    assert!(G::decode(G::encode(&element).as_ref()) == Ok(element));
                }
            }
        }
    };
}

laws!(ristretto255, Ristretto255);
laws!(bls12381_g1, Bls12381G1);
laws!(bls12381_g2, Bls12381G2);
laws!(babyjubjub, BabyJubJub);
