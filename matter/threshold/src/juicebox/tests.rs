//! The published vectors, the same through shares, and every kind of liar.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::DecodeError;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::test_rng::{Fixed, system};

const VECTORS: &str = include_str!("../../../../vectors/juicebox-oprf/test_vectors.json");

/// The fields of each vector's inputs and outputs.
fn vectors() -> Vec<(Value, Value)> {
    let vectors = serde_json::from_str::<Vec<Value>>(VECTORS).expect("JSON");
    assert_eq!(vectors.len(), 10);
    vectors.into_iter().map(|v| (v["inputs"].clone(), v["outputs"].clone())).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect("a string")
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[test]
fn the_published_vectors_come_out() {
    for (inputs, outputs) in vectors() {
        let mut rng = Fixed::hex(
            ["private_key_seed", "blinding_factor_seed", "beta_t_seed"].map(|seed| text(&inputs, seed)),
        );
        let input = HEXLOWER.decode(text(&inputs, "input").as_bytes()).expect("hex");
        let key = PrivateKey::random(&mut rng);
        let public = key.public_key();
        let (blinding, blinded) = start(&input, &mut rng);
        let (answer, proof) = blind_evaluate(&key, &public, &blinded, &mut rng);
        assert!(rng.is_used_up());
        assert_eq!(verify(&public, &blinded, &answer, &proof), Ok(()));

        assert_eq!(hex(&*key.expose_bytes()), text(&outputs, "private_key"));
        assert_eq!(hex(&public.to_bytes()), text(&outputs, "public_key"));
        assert_eq!(hex(&*blinding.0.encode()), text(&outputs, "blinding_factor"));
        assert_eq!(hex(&blinded.to_bytes()), text(&outputs, "blinded_input"));
        assert_eq!(hex(&answer.to_bytes()), text(&outputs, "blinded_output"));
        assert_eq!(hex(&proof.c()), text(&outputs, "proof_c"));
        assert_eq!(hex(&proof.beta_z()), text(&outputs, "proof_beta_z"));
        assert_eq!(hex(finalize(&input, &blinding, &answer).expose()), text(&outputs, "output"));
        assert_eq!(hex(evaluate_unblinded(&key, &input).expose()), text(&outputs, "output"));
    }
}

#[test]
fn the_published_outputs_come_out_of_any_t_realms() {
    for (i, (inputs, outputs)) in vectors().into_iter().enumerate() {
        let (threshold, shares) = [(1, 1), (2, 3), (3, 5), (4, 4), (2, 7)][i % 5];
        let input = HEXLOWER.decode(text(&inputs, "input").as_bytes()).expect("hex");
        let key = PrivateKey::random(&mut Fixed::hex([text(&inputs, "private_key_seed")]));
        let dealt = key.split(threshold, shares, &mut system()).expect("in range");
        let (blinding, blinded) = start(&input, &mut Fixed::hex([text(&inputs, "blinding_factor_seed")]));
        let answers = dealt
            .iter()
            .map(|(index, share)| {
                let public = share.public_key();
                let (answer, proof) = blind_evaluate(share, &public, &blinded, &mut system());
                assert_eq!(verify(&public, &blinded, &answer, &proof), Ok(()));
                (*index, answer)
            })
            .collect::<Vec<_>>();
        for window in answers.windows(usize::from(threshold)) {
            let combined = combine(window).expect("distinct");
            assert_eq!(hex(&combined.to_bytes()), text(&outputs, "blinded_output"));
            assert_eq!(hex(finalize(&input, &blinding, &combined).expose()), text(&outputs, "output"));
        }
    }
}

#[test]
fn every_lie_about_an_answer_is_refused() {
    let rng = &mut system();
    let (key, other_key) = (PrivateKey::random(rng), PrivateKey::random(rng));
    let (public, other_public) = (key.public_key(), other_key.public_key());
    let (_, blinded) = start(b"1234", rng);
    let (_, other_blinded) = start(b"1234", rng);
    let (answer, proof) = blind_evaluate(&key, &public, &blinded, rng);
    let (other_answer, other_proof) = blind_evaluate(&other_key, &other_public, &blinded, rng);
    let mixed = Proof { c: proof.c, beta_z: other_proof.beta_z };
    for (public, blinded, answer, proof) in [
        (&other_public, &blinded, &answer, &proof),
        (&public, &other_blinded, &answer, &proof),
        (&public, &blinded, &other_answer, &proof),
        (&public, &blinded, &answer, &other_proof),
        (&public, &blinded, &other_answer, &other_proof),
        (&public, &blinded, &answer, &mixed),
    ] {
        assert_eq!(verify(public, blinded, answer, proof), Err(Error::ProofRefused));
    }
    // A proof made for the key of another public key.
    let (answer, proof) = blind_evaluate(&other_key, &public, &blinded, rng);
    assert_eq!(verify(&public, &blinded, &answer, &proof), Err(Error::ProofRefused));
}

#[test]
fn the_identity_and_zero_are_refused_in_every_place() {
    let malformed = |part, reason| Error::Malformed { part, reason };
    let identity = |part| malformed(part, DecodeError::Identity);
    assert_eq!(BlindedInput::from_bytes(&[0; 32]), Err(identity(Part::BlindedElement)));
    assert_eq!(BlindedOutput::from_bytes(&[0; 32]), Err(identity(Part::EvaluatedElement)));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(identity(Part::PublicKey)));
    assert_eq!(PrivateKey::from_bytes(&[0; 32]), Err(malformed(Part::PrivateKey, DecodeError::Zero)));
}

#[test]
fn encodings_that_are_not_canonical_are_refused_by_name() {
    let refused = |part| Error::Malformed { part, reason: DecodeError::NotCanonical };
    let bad = [0xff; 32];
    assert_eq!(BlindedInput::from_bytes(&bad), Err(refused(Part::BlindedElement)));
    assert_eq!(BlindedOutput::from_bytes(&bad), Err(refused(Part::EvaluatedElement)));
    assert_eq!(PublicKey::from_bytes(&bad), Err(refused(Part::PublicKey)));
    assert_eq!(PrivateKey::from_bytes(&bad), Err(refused(Part::PrivateKey)));
    assert_eq!(Proof::from_bytes(&bad, &[0; 32]), Err(refused(Part::ProofChallenge)));
    assert_eq!(Proof::from_bytes(&[0; 32], &bad), Err(refused(Part::ProofResponse)));
}

#[test]
fn a_realm_that_answers_twice_is_refused_by_name() {
    let rng = &mut system();
    let key = PrivateKey::random(rng);
    let (_, blinded) = start(b"1234", rng);
    let dealt = key.split(2, 3, rng).expect("in range");
    let (index, share) = dealt.first().expect("three shares");
    let (answer, _) = blind_evaluate(share, &share.public_key(), &blinded, rng);
    assert_eq!(combine(&[(*index, answer), (*index, answer)]), Err(Error::DuplicateIndex(*index)));
    assert_eq!(combine(&[]), Err(Error::TooFewShares { needed: 1, given: 0 }));
    let many = alloc::vec![(*index, answer); 70_000];
    assert_eq!(combine(&many), Err(Error::DuplicateIndex(*index)));
}

#[test]
fn a_scalar_comes_back_from_t_shares_of_it() {
    let rng = &mut system();
    for scalar in [SecretScalar::random(rng), SecretScalar::new(Scalar::default())] {
        let shares = split_scalar(&scalar, 3, 5, rng).expect("in range");
        assert_eq!(recover_scalar(&shares[1..4]), Ok(scalar.clone()));
        assert_eq!(recover_scalar(&shares), Ok(scalar.clone()));
        assert_ne!(recover_scalar(&shares[..2]), Ok(scalar));
    }
    assert_eq!(recover_scalar(&[]), Err(Error::TooFewShares { needed: 1, given: 0 }));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(a in any::<[u8; 32]>(), b in any::<[u8; 32]>()) {
        for bytes in [
            BlindedInput::from_bytes(&a).map(|x| x.to_bytes()),
            BlindedOutput::from_bytes(&a).map(|x| x.to_bytes()),
            PublicKey::from_bytes(&a).map(|x| x.to_bytes()),
            PrivateKey::from_bytes(&a).map(|x| *x.expose_bytes()),
        ].into_iter().flatten() {
            prop_assert_eq!(bytes, a);
        }
        if let Ok(proof) = Proof::from_bytes(&a, &b) {
            prop_assert_eq!((proof.c(), proof.beta_z()), (a, b));
        }
    }
}
