//! The functions of RFC 9497: the published vectors with a whole key and with a
//! key in shares, unmodified clients of another implementation, and liars.

mod interop;
mod liars;
mod vectors;

use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use data_encoding::HEXLOWER;

use super::*;
use crate::Index;
use crate::feldman::Commitment;
use crate::shamir::split;
use crate::test_rng::{Fixed, system};

type G = Ristretto255;

/// Thresholds and numbers of shares that the tests go through.
const DEALINGS: [(u16, u16); 5] = [(1, 1), (1, 3), (2, 3), (3, 5), (4, 4)];

/// Shares of `key`, and what a client knows of them.
fn deal(key: &KeyPair<G>, threshold: u16, shares: u16) -> (Vec<KeyShare<G>>, ShareKeys<G>) {
    let guardians = split(key.secret(), threshold, shares, &mut system())
        .expect("in range")
        .into_iter()
        .map(|share| KeyShare::new(share).expect("not zero"))
        .collect::<Vec<_>>();
    let keys = guardians.iter().map(|guardian| (guardian.index(), *guardian.public_key()));
    let keys = ShareKeys::new(threshold, keys).expect("in range");
    (guardians, keys)
}

/// Every choice of `count` of these.
fn choices<T: Clone>(all: &[T], count: usize) -> Vec<Vec<T>> {
    match all {
        _ if count == 0 => Vec::from([Vec::new()]),
        [] => Vec::new(),
        [first, rest @ ..] => {
            let with_first = choices(rest, count - 1).into_iter().map(|mut choice| {
                choice.push(first.clone());
                choice
            });
            with_first.chain(choices(rest, count)).collect()
        }
    }
}

#[test]
fn an_input_too_long_is_refused() {
    let long = alloc::vec![0; 65_536];
    let key = KeyPair::<G>::random(&mut system());
    assert_eq!(key.evaluate(Mode::Oprf, &long).err(), Some(Error::InputTooLong));
    assert_eq!(blind::<G>(Mode::Oprf, &long, &mut system()).err(), Some(Error::InputTooLong));
    let seed = Secret::from([1; 32]);
    assert_eq!(KeyPair::<G>::derive(Mode::Oprf, &seed, &long).err(), Some(Error::InputTooLong));
    assert!(key.evaluate(Mode::Oprf, &long[1..]).is_ok());
}

#[test]
fn the_two_modes_give_different_outputs() {
    let key = KeyPair::<G>::random(&mut system());
    assert_ne!(key.evaluate(Mode::Oprf, b"x"), key.evaluate(Mode::Voprf, b"x"));
}

#[test]
fn elements_evaluated_together_with_a_proof_each_are_as_if_each_were_alone() {
    let key = KeyPair::<G>::random(&mut system());
    let blinded: Vec<_> = (0..5_u8)
        .map(|input| blind::<G>(Mode::Voprf, &[input], &mut system()).expect("a legal input").1)
        .collect();
    // A nonce of 64 bytes for each.
    let random = HEXLOWER.encode(&(0..5 * 64_u32).map(|at| (at * 7 % 251) as u8).collect::<Vec<_>>());
    let mut rng = Fixed::hex([random.as_str()]);
    let alone: Vec<_> = blinded
        .iter()
        .map(|blinded| key.blind_evaluate(core::slice::from_ref(blinded), &mut rng).expect("one element"))
        .collect();
    assert_eq!(key.blind_evaluate_each(&blinded, &mut Fixed::hex([random.as_str()])), alone);
    for (blinded, (evaluated, proof)) in blinded.iter().zip(&alone) {
        let verified = key.public_key().verify(core::slice::from_ref(blinded), evaluated, proof);
        assert_eq!(verified, Ok(()));
    }
    assert!(key.blind_evaluate_each(&[], &mut rng).is_empty());
}

#[test]
fn a_commitment_gives_the_keys_of_its_shares() {
    let key = KeyPair::<G>::random(&mut system());
    let polynomial = crate::shamir::Polynomial::random(key.secret(), 3, &mut system()).expect("in range");
    let commitment = Commitment::new(&polynomial).expect("no zero coefficient");
    let keys = ShareKeys::from_commitment(&commitment, 5).expect("in range");
    assert_eq!(keys.threshold(), 3);
    assert_eq!(keys.public_key().as_ref(), Ok(key.public_key()));
    for index in Index::first(5) {
        let guardian = KeyShare::<G>::new(polynomial.share(index)).expect("not zero");
        assert_eq!(keys.get(index), Ok(guardian.public_key()));
    }
    assert_eq!(
        ShareKeys::from_commitment(&commitment, 2),
        Err(Error::ThresholdOutOfRange { threshold: 3, shares: 2 })
    );
}

#[test]
fn a_blind_can_be_kept_and_is_never_zero() {
    let key = KeyPair::<G>::random(&mut system());
    let (first, blinded) = blind::<G>(Mode::Voprf, b"x", &mut system()).expect("a legal input");
    let kept = SecretScalar::decode(first.scalar().encode().as_ref()).expect("canonical");
    let kept = Blind::new(kept).expect("not zero");
    let evaluated = key.blind_evaluate_unproved(&blinded);
    assert_eq!(finalize(b"x", &kept, &evaluated), key.evaluate(Mode::Voprf, b"x"));
    let zero = SecretScalar::<G>::new(Default::default());
    assert_eq!(Blind::new(zero).err(), Some(Error::InputInvalid));
}
