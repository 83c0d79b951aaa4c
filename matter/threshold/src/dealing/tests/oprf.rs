//! Oblivious functions and threshold decryption under keys that came of dealings,
//! before and after they were passed on.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::group::Ristretto255;

use super::*;
use crate::PublicShares;
use crate::oprf::{self, KeyShare, Mode, ShareKeys};
use crate::quorum::{self, DecryptionShare};

type G = Ristretto255;

/// The output for `input`, from the guardians that hold these shares.
fn evaluate(public: &PublicShares<G>, shares: &[Share<G>], input: &[u8]) -> Secret<64> {
    let keys = ShareKeys::from_public_shares(public).expect("in range");
    let (blind, blinded) = oprf::blind::<G>(Mode::Voprf, input, &mut system()).expect("a legal input");
    let partials = shares.iter().map(|share| {
        let key = KeyShare::new(share.clone()).expect("not zero");
        key.blind_evaluate(&[blinded], &mut system()).expect("a batch")
    });
    let evaluated = keys.combine(&[blinded], &partials.collect::<Vec<_>>()).expect("they hold");
    oprf::finalize(input, &blind, &evaluated[0]).expect("a legal input")
}

#[test]
fn an_output_is_the_same_before_and_after_passing_on() {
    let old = session(1, 3, &[1, 2, 3, 4]);
    let dealings = old.fresh::<G>(&[1, 2, 3, 4]);
    let outcome = Outcome::fresh(&old.terms, &dealings, 3).expect("enough");
    let shares = old.shares(&outcome, &dealings);
    let before = evaluate(outcome.public(), &shares[1..], b"1234");
    assert_eq!(before, evaluate(outcome.public(), &shares[..3], b"1234"));
    let key = ShareKeys::from_public_shares(outcome.public()).and_then(|keys| keys.public_key());
    assert_eq!(key.expect("not zero").point(), outcome.public().public_key());

    let new = session(2, 2, &[3, 4, 5]);
    let dealings = new.reshare(&shares);
    let passed = Outcome::reshared(&new.terms, &dealings, outcome.public()).expect("enough");
    let new_shares = new.shares(&passed, &dealings);
    assert_eq!(before, evaluate(passed.public(), &new_shares[..2], b"1234"));
    assert_eq!(before, evaluate(passed.public(), &new_shares[1..], b"1234"));
    assert_ne!(before, evaluate(passed.public(), &new_shares[1..], b"1235"));

    // What was encrypted before is opened after.
    let (payload, label) = (Secret::from([7; 32]), b"for the heirs");
    let ciphertext = quorum::encrypt(outcome.public().public_key(), label, &payload, &mut system());
    let partials = new_shares[1..].iter().map(|share| {
        let share = DecryptionShare::new(share.clone()).expect("not zero");
        share.decrypt(passed.public().public_key(), label, &ciphertext, &mut system()).expect("it holds")
    });
    let partials = partials.collect::<Vec<_>>();
    assert_eq!(quorum::combine(passed.public(), label, &ciphertext, &partials), Ok(payload));
}
