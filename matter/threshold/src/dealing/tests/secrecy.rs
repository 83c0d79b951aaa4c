//! What fewer shares than needed say: nothing, since every secret fits them.
//!
//! Shown by algebra, not by failing to guess: for any candidate secret there are
//! polynomials that give the very shares in the adversary's hands, and they are as
//! likely as the true ones.

use alloc::vec::Vec;

use allod_crypto::group::{Group, SecretScalar};

use super::outcome::interpolated;
use super::*;
use crate::shamir;

/// The value of a polynomial.
fn value<G: Group>(coefficients: &[G::Scalar], at: u16) -> G::Scalar {
    let x = G::Scalar::from(u64::from(at));
    coefficients.iter().rev().fold(G::Scalar::default(), |sum, c| sum * x + *c)
}

/// One share less than the threshold of the old sharing, one less of the new one,
/// and all that those old holders dealt as dealers: any secret fits.
fn old_and_new_shares_below_both_thresholds_fit_any_secret<G: Group>() {
    const OLD: u16 = 3;
    const NEW: u16 = 4;
    let holders = [1, 2, 3, 4, 5];
    let receivers = [1, 2, 3, 6, 7, 8];
    // The adversary was two of the old holders, and is three of the new ones.
    let bad_holders = [1, 4];
    let bad_receivers = [1, 7, 8];

    let secret = SecretScalar::<G>::random(&mut system());
    let old = shamir::Polynomial::random(&secret, OLD, &mut system()).expect("in range");
    let shares = holders.map(|i| old.share(index(i)));
    let session = session(1, NEW, &receivers);
    let dealings = session.reshare(&shares);
    let public = super::outcome::public(&old, &holders);
    let outcome = Outcome::reshared(&session.terms, &dealings, &public).expect("enough");
    let dealers = outcome.dealers().map(Index::get).collect::<Vec<_>>();
    assert_eq!(dealers, [1, 2, 3]);

    // What it saw: its old shares, what each dealer sent its new receivers, and
    // what its own dealers dealt to everyone.
    let seen_old = bad_holders.map(|i| (i, *shares[usize::from(i) - 1].value.expose()));
    let received = |dealer: u16, receiver: u16| {
        *share(session.open(&dealings[usize::from(dealer) - 1], receiver)).value.expose()
    };

    for _ in 0..8 {
        let candidate = G::random_scalar(&mut system());
        // The one old polynomial through the candidate and the old shares seen.
        let points = [&[(0, candidate)], seen_old.as_slice()].concat();
        let fitting_old = interpolated::<G>(&points);
        assert_eq!(fitting_old.len(), usize::from(OLD));
        assert!(value::<G>(&fitting_old, 0) == candidate);
        for (i, seen) in seen_old {
            assert!(value::<G>(&fitting_old, i) == seen);
        }
        // For each dealer a new polynomial through what it would then have held,
        // and through what the adversary received of it.
        let fitting_new = dealers.iter().map(|dealer| {
            let held = value::<G>(&fitting_old, *dealer);
            let points = bad_receivers.map(|receiver| (receiver, received(*dealer, receiver)));
            let points = [&[(0, held)], points.as_slice()].concat();
            interpolated::<G>(&points)
        });
        let fitting_new = fitting_new.collect::<Vec<_>>();
        for (dealer, polynomial) in dealers.iter().zip(&fitting_new) {
            assert_eq!(polynomial.len(), usize::from(NEW));
            for receiver in bad_receivers {
                assert!(value::<G>(polynomial, receiver) == received(*dealer, receiver));
            }
            if bad_holders.contains(dealer) {
                // The adversary's own dealing is the one it knows.
                for receiver in receivers {
                    assert!(value::<G>(polynomial, receiver) == received(*dealer, receiver));
                }
            }
        }
        // Together they are a passing on of the candidate, with the adversary's
        // new shares as they are.
        let indices = dealers.iter().map(|dealer| index(*dealer)).collect::<Vec<_>>();
        let weights = shamir::lagrange_at_zero::<G>(&indices).expect("distinct");
        let combined = |at: u16| {
            let terms = weights.iter().zip(&fitting_new);
            terms.fold(G::Scalar::default(), |sum, (weight, polynomial)| {
                sum + *weight * value::<G>(polynomial, at)
            })
        };
        assert!(combined(0) == candidate);
        let held = session.shares(&outcome, &dealings);
        for share in held.iter().filter(|share| bad_receivers.contains(&share.index.get())) {
            assert!(combined(share.index.get()) == *share.value.expose());
        }
    }
}

/// One share less than the threshold of a fresh key, and all that the adversary's
/// own dealers dealt: any secret of the honest dealer fits.
fn shares_below_the_threshold_of_a_fresh_key_fit_any_secret<G: Group>() {
    let session = session(2, 3, &[1, 2, 3, 4]);
    let honest = session.fresh::<G>(&[4]).swap_remove(0);
    let seen = [1, 3].map(|receiver| (receiver, *share(session.open(&honest, receiver)).value.expose()));
    for _ in 0..8 {
        let candidate = G::random_scalar(&mut system());
        let fitting = interpolated::<G>(&[&[(0, candidate)], seen.as_slice()].concat());
        assert_eq!(fitting.len(), usize::from(session.terms.threshold()));
        assert!(value::<G>(&fitting, 0) == candidate);
        for (receiver, share) in seen {
            assert!(value::<G>(&fitting, receiver) == share);
        }
    }
}

in_each_group!(
    old_and_new_shares_below_both_thresholds_fit_any_secret,
    shares_below_the_threshold_of_a_fresh_key_fit_any_secret,
);

#[test]
fn equal_shares_of_two_dealings_look_unrelated() {
    // The same share dealt twice to the same receivers: no byte of the encrypted
    // shares, the ephemerals or the rest of the commitments tells that it is.
    let session = session(3, 2, &[1, 2, 3]);
    let share = Share { index: index(1), value: SecretScalar::<Ristretto255>::random(&mut system()) };
    let [one, two] = <[_; 2]>::try_from(session.reshare(&[share.clone(), share])).expect("two");
    assert_eq!(one.commitment.points()[0], two.commitment.points()[0]);
    assert_ne!(one.commitment.points()[1], two.commitment.points()[1]);
    assert_ne!(one.ephemeral, two.ephemeral);
    for (a, b) in one.encrypted.chunks(32).zip(two.encrypted.chunks(32)) {
        assert_ne!(a, b);
    }
}
