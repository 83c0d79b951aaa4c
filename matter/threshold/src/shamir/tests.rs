//! Sharing against a small reference model: textbook Lagrange, one division at
//! a time.

use alloc::vec::Vec;

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use proptest::prelude::*;
use proptest::sample::Index as Pick;

use super::*;
use crate::test_rng::system;

type G = Ristretto255;
type Scalar = <G as Group>::Scalar;

/// The value at zero of the polynomial through these points.
fn model_value_at_zero(points: &[(u16, Scalar)]) -> Scalar {
    let mut sum = Scalar::from(0u64);
    for (i, (x, y)) in points.iter().enumerate() {
        let mut term = *y;
        for (j, (other, _)) in points.iter().enumerate() {
            if i != j {
                let difference = Scalar::from(*other) - Scalar::from(*x);
                term = term * Scalar::from(*other) * G::invert(&difference);
            }
        }
        sum += term;
    }
    sum
}

fn secret(bytes: [u8; 32]) -> SecretScalar<G> {
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(&bytes);
    SecretScalar::new(G::scalar_from_wide(&wide))
}

/// Shares in an order and a choice drawn by the test.
fn shuffled(mut shares: Vec<Share<G>>, picks: &[Pick]) -> Vec<Share<G>> {
    picks
        .iter()
        .map_while(|pick| (!shares.is_empty()).then(|| shares.swap_remove(pick.index(shares.len()))))
        .collect()
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_t_shares_give_the_secret_back(
        bytes in any::<[u8; 32]>(),
        (threshold, shares) in (1u16..8).prop_flat_map(|t| (Just(t), t..10)),
        picks in prop::collection::vec(any::<Pick>(), 10),
    ) {
        let secret = secret(bytes);
        let dealt = split(&secret, threshold, shares, &mut system()).expect("in range");
        prop_assert_eq!(dealt.len(), usize::from(shares));
        let dealt = shuffled(dealt, &picks);
        prop_assert_eq!(combine(threshold, &dealt), Ok(secret.clone()));
        let chosen = &dealt[..usize::from(threshold)];
        prop_assert_eq!(combine(threshold, chosen), Ok(secret.clone()));
        let points = chosen.iter().map(|s| (s.index.get(), *s.value.expose())).collect::<Vec<_>>();
        prop_assert_eq!(model_value_at_zero(&points), *secret.expose());

        // In the exponent.
        let base = G::mul_generator(&Scalar::from(7u64));
        let elements = chosen.iter().map(|s| (s.index, s.value.mul(&base))).collect::<Vec<_>>();
        prop_assert_eq!(combine_elements::<G>(threshold, &elements), Ok(secret.mul(&base)));

        // One share less.
        let fewer = &dealt[..usize::from(threshold) - 1];
        prop_assert_eq!(
            combine(threshold, fewer),
            Err(Error::TooFewShares { needed: usize::from(threshold), given: fewer.len() })
        );
        if threshold > 1 {
            prop_assert_ne!(combine(threshold - 1, fewer), Ok(secret));
        }
    }

    #[test]
    fn the_weights_are_those_of_the_model(
        indices in prop::collection::btree_set(1u16.., 1..8).prop_map(Vec::from_iter).prop_shuffle(),
    ) {
        let typed = indices.iter().map(|i| index(*i)).collect::<Vec<_>>();
        let weights = lagrange_at_zero::<G>(&typed).expect("distinct");
        for (i, weight) in weights.iter().enumerate() {
            let unit = indices.iter().enumerate().map(|(j, x)| (*x, Scalar::from(u64::from(i == j))));
            prop_assert_eq!(*weight, model_value_at_zero(&unit.collect::<Vec<_>>()));
        }
    }

    #[test]
    fn a_duplicate_index_is_refused_by_name(
        twin in 1u16..9, threshold in 1u16..9, pick in any::<Pick>(),
    ) {
        let mut dealt = split(&secret([9; 32]), threshold, 9, &mut system()).expect("in range");
        let copy = dealt[usize::from(twin) - 1].clone();
        dealt.insert(pick.index(dealt.len()), copy);
        prop_assert_eq!(combine(threshold, &dealt), Err(Error::DuplicateIndex(index(twin))));
        let indices = dealt.iter().map(|s| s.index).collect::<Vec<_>>();
        prop_assert_eq!(lagrange_at_zero::<G>(&indices), Err(Error::DuplicateIndex(index(twin))));
    }
}

#[test]
fn a_threshold_out_of_range_is_refused() {
    for (threshold, shares) in [(0, 0), (0, 3), (4, 3)] {
        assert_eq!(
            split(&secret([1; 32]), threshold, shares, &mut system()),
            Err(Error::ThresholdOutOfRange { threshold, shares })
        );
    }
    let refused = Error::ThresholdOutOfRange { threshold: 0, shares: 0 };
    assert_eq!(Polynomial::random(&secret([1; 32]), 0, &mut system()).err(), Some(refused));
    assert_eq!(combine::<G>(0, &[]), Err(refused));
}

#[test]
fn index_zero_does_not_exist() {
    assert_eq!(Index::new(0), Err(Error::ZeroIndex));
    assert_eq!(Index::new(u16::MAX).map(Index::get), Ok(u16::MAX));
    assert_eq!(Index::first(3).map(Index::get).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(Index::first(0).count(), 0);
}

#[test]
fn a_share_is_the_value_of_its_polynomial() {
    let polynomial = Polynomial::random(&secret([3; 32]), 3, &mut system()).expect("in range");
    let [a, b, c] = polynomial.coefficients() else { panic!("three coefficients") };
    let share = polynomial.share(index(1000));
    let x = Scalar::from(1000u64);
    assert_eq!(*share.value.expose(), *a.expose() + *b.expose() * x + *c.expose() * x * x);
}
