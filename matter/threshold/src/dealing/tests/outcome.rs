//! What comes of honest dealings, against a small reference model: plain Shamir
//! sharing of the sum of the dealers' secrets.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_crypto::group::{Group, SecretScalar};
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestCaseResult;

use super::*;
use crate::{PublicShares, shamir};

type Scalars<G> = Vec<<G as Group>::Scalar>;

/// The polynomial of the whole key as the model has it.
struct Model<G: Group> {
    coefficients: Scalars<G>,
}

impl<G: Group> Model<G> {
    fn value(&self, at: u16) -> G::Scalar {
        let x = G::Scalar::from(u64::from(at));
        self.coefficients.iter().rev().fold(G::Scalar::default(), |sum, c| sum * x + *c)
    }

    /// The sum of these polynomials, each times its weight.
    fn sum(parts: &[(G::Scalar, Scalars<G>)]) -> Self {
        let degree = parts[0].1.len();
        let coefficient =
            |k: usize| parts.iter().fold(G::Scalar::default(), |sum, (weight, part)| sum + *weight * part[k]);
        Self { coefficients: (0..degree).map(coefficient).collect() }
    }
}

/// The polynomial that a dealer dealt, from all its opened shares.
fn dealt<G: Group>(session: &Session, dealing: &Dealing<G>) -> Scalars<G> {
    let points =
        session.terms.receivers().iter().map(|(receiver, _)| {
            (receiver.get(), *share(session.open(dealing, receiver.get())).value.expose())
        });
    let points = points.take(session.terms.threshold().into()).collect::<Vec<_>>();
    interpolated::<G>(&points)
}

/// The coefficients of the polynomial through these points: textbook Lagrange,
/// one product at a time.
pub(super) fn interpolated<G: Group>(points: &[(u16, G::Scalar)]) -> Scalars<G> {
    let scalar = |x: u16| G::Scalar::from(u64::from(x));
    let mut sum = alloc::vec![G::Scalar::default(); points.len()];
    for (x, y) in points {
        let mut basis = alloc::vec![G::Scalar::from(1)];
        let mut scale = *y;
        for (other, _) in points.iter().filter(|(other, _)| other != x) {
            scale = scale * G::invert(&(scalar(*x) - scalar(*other)));
            let mut product = alloc::vec![G::Scalar::default(); basis.len() + 1];
            for (k, coefficient) in basis.iter().enumerate() {
                product[k] = product[k] - *coefficient * scalar(*other);
                product[k + 1] += *coefficient;
            }
            basis = product;
        }
        for (sum, coefficient) in sum.iter_mut().zip(&basis) {
            *sum += *coefficient * scale;
        }
    }
    sum
}

/// Checks an outcome and the shares that belong to it against the model.
fn agrees<G: Group>(
    model: &Model<G>,
    session: &Session,
    outcome: &Outcome<G>,
    dealings: &[Dealing<G>],
) -> TestCaseResult {
    let public = outcome.public();
    prop_assert!(*public.public_key().element() == G::mul_generator(&model.value(0)));
    prop_assert_eq!(public.threshold(), session.terms.threshold());
    let shares = session.shares(outcome, dealings);
    let receivers = session.terms.receivers().iter().map(|(index, _)| *index).collect::<Vec<_>>();
    prop_assert_eq!(shares.iter().map(|share| share.index).collect::<Vec<_>>(), receivers.clone());
    prop_assert_eq!(public.iter().map(|(index, _)| index).collect::<Vec<_>>(), receivers);
    for share in &shares {
        let value = model.value(share.index.get());
        prop_assert!(*share.value.expose() == value);
        let point = public.get(share.index).expect("a receiver");
        prop_assert!(*point.element() == G::mul_generator(&value));
    }
    let threshold = usize::from(public.threshold());
    for chosen in shares.windows(threshold) {
        let key = shamir::combine(public.threshold(), chosen).expect("enough");
        prop_assert!(*key.expose() == model.value(0));
    }
    Ok(())
}

/// A threshold and that many receivers or more, at any indices.
fn committee() -> impl Strategy<Value = (u16, Vec<u16>)> {
    let indices = prop::collection::btree_set(prop_oneof![9 => 1u16..40, 1 => 1u16..], 1..6);
    indices.prop_flat_map(|indices: BTreeSet<u16>| {
        let receivers = Vec::from_iter(indices);
        (1..=receivers.len() as u16, Just(receivers))
    })
}

fn cases<G: Group>() -> ProptestConfig {
    // Longer elements are slower.
    ProptestConfig::with_cases(if G::ELEMENT_LEN > 32 { 4 } else { 16 })
}

fn a_fresh_key_is_the_shared_sum<G: Group>() {
    let dealers = prop::collection::btree_set(1u16.., 1..5).prop_map(Vec::from_iter).prop_shuffle();
    proptest!(cases::<G>(), |((threshold, receivers) in committee(), dealers in dealers)| {
        let session = session(1, threshold, &receivers);
        let dealings = session.fresh::<G>(&dealers);
        let outcome = Outcome::fresh(&session.terms, &dealings, dealers.len() as u16).expect("enough");
        let parts = dealings.iter().map(|dealing| (G::Scalar::from(1), dealt(&session, dealing)));
        agrees(&Model::sum(&parts.collect::<Vec<_>>()), &session, &outcome, &dealings)?;
        let in_order = BTreeSet::from_iter(dealers.into_iter().map(index));
        prop_assert!(outcome.dealers().eq(in_order));
    });
}

fn a_key_passed_on_is_the_same_in_shares_that_fit_no_others<G: Group>() {
    let old = committee();
    proptest!(cases::<G>(), |((old_t, holders) in old, (new_t, receivers) in committee(), order in any::<u64>())| {
        // A key of random coefficients, held by the old committee.
        let polynomial = polynomial::<G>(old_t);
        let shares = holders.iter().map(|i| polynomial.share(index(*i))).collect::<Vec<_>>();
        let commitment = Commitment::new(&polynomial).expect("no zero coefficient");
        let old = public(&polynomial, &holders);

        let session = session(2, new_t, &receivers);
        let mut dealings = session.reshare(&shares);
        for dealing in &dealings {
            let constant = Point::new(commitment.public_share_key(dealing.dealer())).expect("not zero");
            prop_assert_eq!(dealing.verify(&session.terms, Some(&constant)), Ok(()));
        }
        let turn = order as usize % dealings.len();
        dealings.rotate_left(turn);
        let outcome = Outcome::reshared(&session.terms, &dealings, &old).expect("enough");
        prop_assert!(outcome.dealers().eq(holders.iter().take(old_t.into()).map(|i| index(*i))));
        let by_dealer =
            dealings.iter().map(|dealing| (dealing.dealer(), dealing)).collect::<BTreeMap<_, _>>();
        let chosen = outcome.dealers().collect::<Vec<_>>();
        let weights = shamir::lagrange_at_zero::<G>(&chosen).expect("distinct");
        let parts = chosen.iter().zip(weights).map(|(dealer, weight)| (weight, dealt(&session, by_dealer[dealer])));
        let model = Model::<G>::sum(&parts.collect::<Vec<_>>());
        prop_assert!(model.value(0) == *polynomial.coefficients()[0].expose());
        agrees(&model, &session, &outcome, &dealings)?;

        // An old share among the new ones gives another key.
        if old_t > 1 && new_t > 1 {
            let mut mixed = session.shares(&outcome, &dealings);
            mixed[0] = Share { index: mixed[0].index, value: polynomial.share(mixed[0].index).value };
            let key = shamir::combine(new_t, &mixed).expect("enough");
            prop_assert!(key.mul_generator() != *commitment.public_key().element());
        }
    });
}

fn a_key_survives_passing_on_many_times_and_to_other_thresholds<G: Group>() {
    let first = session(3, 2, &[1, 2, 3]);
    let mut dealings = first.fresh::<G>(&[1, 2, 3]);
    let mut outcome = Outcome::fresh(&first.terms, &dealings, 3).expect("enough");
    let public_key = *outcome.public().public_key();
    let mut shares = first.shares(&outcome, &dealings);
    let secret = shamir::combine(2, &shares).expect("enough");
    for (name, threshold, receivers) in
        [(4, 3, &[1u16, 2, 3, 4, 5][..]), (5, 4, &[4, 5, 6, 7]), (6, 1, &[9]), (7, 2, &[1, 2])]
    {
        let session = session(name, threshold, receivers);
        dealings = session.reshare(&shares);
        for dealing in &dealings {
            let constant = outcome.public().get(dealing.dealer()).expect("a holder");
            assert_eq!(dealing.verify(&session.terms, Some(constant)), Ok(()));
        }
        outcome = Outcome::reshared(&session.terms, &dealings, outcome.public()).expect("enough");
        assert_eq!(*outcome.public().public_key(), public_key);
        shares = session.shares(&outcome, &dealings);
        assert_eq!(shamir::combine(threshold, &shares), Ok(secret.clone()));
    }
}

in_each_group!(
    a_fresh_key_is_the_shared_sum,
    a_key_passed_on_is_the_same_in_shares_that_fit_no_others,
    a_key_survives_passing_on_many_times_and_to_other_thresholds,
);

type R = Ristretto255;

fn polynomial<G: Group>(threshold: u16) -> shamir::Polynomial<G> {
    let secret = SecretScalar::random(&mut system());
    shamir::Polynomial::random(&secret, threshold, &mut system()).expect("in range")
}

/// The public part of a key that these holders share.
pub(super) fn public<G: Group>(polynomial: &shamir::Polynomial<G>, holders: &[u16]) -> PublicShares<G> {
    let commitment = Commitment::new(polynomial).expect("no zero coefficient");
    let shares = holders
        .iter()
        .map(|i| (index(*i), Point::new(commitment.public_share_key(index(*i))).expect("not zero")));
    PublicShares::new(commitment.threshold(), *commitment.public_key(), shares).expect("in range")
}

#[test]
fn a_public_part_that_does_not_belong_together_passes_nothing_on() {
    let polynomial = polynomial::<R>(2);
    let old = public(&polynomial, &[1, 2, 3]);
    let other = public(&self::polynomial(2), &[1, 2]);
    let shares = old.iter().map(|(index, share)| (index, *share));
    let mixed = PublicShares::new(2, *other.public_key(), shares).expect("in range");
    let session = session(13, 2, &[1, 2, 3]);
    let dealings = session.reshare(&[1, 2, 3].map(|i| polynomial.share(index(i))));
    assert!(Outcome::reshared(&session.terms, &dealings, &old).is_ok());
    assert_eq!(Outcome::reshared(&session.terms, &dealings, &mixed), Err(Error::PublicKeyChanged));
}

#[test]
fn too_few_dealings_make_no_key() {
    let session = session(8, 2, &[1, 2, 3]);
    let dealings = session.fresh::<R>(&[1, 2]);
    let few = |needed, given| Err(Error::TooFewDealings { needed, given });
    assert_eq!(Outcome::fresh(&session.terms, &dealings, 3), few(3, 2));
    assert_eq!(Outcome::<R>::fresh(&session.terms, &[], 0), few(1, 0));
    let old = public(&polynomial(3), &[1, 2, 3]);
    assert_eq!(Outcome::reshared(&session.terms, &dealings, &old), few(3, 2));
}

#[test]
fn a_dealer_counts_once() {
    let session = session(9, 2, &[1, 2, 3]);
    let mut dealings = session.fresh::<R>(&[1, 2]);
    dealings.push(dealings[0].clone());
    assert_eq!(Outcome::fresh(&session.terms, &dealings, 2), Err(Error::DuplicateIndex(index(1))));
    let old = public(&polynomial(2), &[1, 2, 3]);
    let refused = Outcome::reshared(&session.terms, &dealings, &old);
    assert_eq!(refused, Err(Error::DuplicateIndex(index(1))));
}

#[test]
fn dealings_of_other_terms_are_not_counted() {
    let one = session(10, 2, &[1, 2, 3]);
    let other = session(10, 3, &[1, 2, 3]);
    let dealings = one.fresh::<R>(&[1, 2]);
    let refused = Error::DealingThreshold { dealer: index(1), expected: 3, given: 2 };
    assert_eq!(Outcome::fresh(&other.terms, &dealings, 2), Err(refused));
}

#[test]
fn a_missing_or_foreign_share_is_named() {
    let session = session(11, 2, &[1, 2, 3]);
    let dealings = session.fresh::<R>(&[4, 5]);
    let outcome = Outcome::fresh(&session.terms, &dealings, 2).expect("enough");
    let opened = dealings.iter().map(|d| (d.dealer(), share(session.open(d, 1)).value)).collect::<Vec<_>>();
    let combine = |receiver, opened: &[(Index, SecretScalar<R>)]| {
        outcome.combine(index(receiver), opened.iter().map(|(dealer, share)| (*dealer, share))).err()
    };
    assert_eq!(combine(1, &opened), None);
    assert_eq!(combine(1, &opened[..1]), Some(Error::MissingShare(index(5))));
    assert_eq!(combine(2, &opened), Some(Error::ShareRefused(index(2))));
    assert_eq!(combine(4, &opened), Some(Error::UnknownIndex(index(4))));
    let mut swapped = opened.clone();
    swapped[0].1 = opened[1].1.clone();
    assert_eq!(combine(1, &swapped), Some(Error::ShareRefused(index(1))));
    // A share of a dealer that does not count changes nothing.
    let mut more = opened;
    more.push((index(9), SecretScalar::random(&mut system())));
    assert_eq!(combine(1, &more), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_key_passed_on_does_not_depend_on_who_passes_it(
        chosen in subsequence(alloc::vec![0usize, 1, 2, 3, 4], 3..=5),
    ) {
        let polynomial = polynomial::<R>(3);
        let shares = chosen.iter().map(|i| polynomial.share(index(*i as u16 + 1))).collect::<Vec<_>>();
        let holders = chosen.iter().map(|i| *i as u16 + 1).collect::<Vec<_>>();
        let session = session(12, 2, &[7, 8, 9]);
        let dealings = session.reshare(&shares);
        let outcome = Outcome::reshared(&session.terms, &dealings, &public(&polynomial, &holders)).expect("enough");
        let new = session.shares(&outcome, &dealings);
        prop_assert_eq!(shamir::combine(2, &new[1..]), Ok(polynomial.coefficients()[0].clone()));
    }
}
