//! The generic proof: what holds, every lie, and any bytes.

use allod_crypto::group::{DecodeError, Ristretto255};
use proptest::prelude::*;

use super::*;
use crate::test_rng::system;

type G = Ristretto255;

fn point() -> Point<G> {
    Point::new(SecretScalar::<G>::random(&mut system()).mul_generator()).expect("not the identity")
}

struct Statement {
    key: SecretScalar<G>,
    public: Point<G>,
    base: Point<G>,
    result: Point<G>,
}

fn statement() -> Statement {
    let key = SecretScalar::<G>::random(&mut system());
    let base = point();
    Statement {
        public: Point::new(key.mul_generator()).expect("not the identity"),
        result: Point::new(key.mul(base.element())).expect("not the identity"),
        key,
        base,
    }
}

#[test]
fn a_proof_holds_for_its_statement_and_domain_alone() {
    let s = statement();
    let proof = prove(b"domain", &s.key, &s.public, &s.base, &s.result, &mut system());
    assert_eq!(verify(b"domain", &s.public, &s.base, &s.result, &proof), Ok(()));
    let other = point();
    for (domain, public, base, result) in [
        (b"domaim", s.public, s.base, s.result),
        (b"domain", other, s.base, s.result),
        (b"domain", s.public, other, s.result),
        (b"domain", s.public, s.base, other),
        (b"domain", s.result, s.base, s.public),
    ] {
        assert_eq!(verify(domain, &public, &base, &result, &proof), Err(Error::ProofRefused));
    }
    let one = <G as Group>::Scalar::from(1u64);
    for lie in [
        Proof { challenge: proof.challenge + one, response: proof.response },
        Proof { challenge: proof.challenge, response: proof.response + one },
        Proof { challenge: proof.response, response: proof.challenge },
    ] {
        assert_eq!(verify(b"domain", &s.public, &s.base, &s.result, &lie), Err(Error::ProofRefused));
    }
}

#[test]
fn a_false_statement_cannot_be_proven_with_the_wrong_key() {
    let s = statement();
    let wrong = SecretScalar::<G>::random(&mut system());
    let proof = prove(b"", &wrong, &s.public, &s.base, &s.result, &mut system());
    assert_eq!(verify(b"", &s.public, &s.base, &s.result, &proof), Err(Error::ProofRefused));
}

#[test]
fn two_proofs_of_one_statement_differ() {
    let s = statement();
    let prove = || prove(b"", &s.key, &s.public, &s.base, &s.result, &mut system());
    assert_ne!(prove(), prove());
}

#[test]
fn a_malformed_proof_names_its_scalar() {
    let malformed = |part, reason| Err(Error::Malformed { part, reason });
    let mut bytes = [0xff; 64];
    assert_eq!(Proof::<G>::decode(&bytes), malformed(Part::ProofChallenge, DecodeError::NotCanonical));
    bytes[..32].fill(0);
    assert_eq!(Proof::<G>::decode(&bytes), malformed(Part::ProofResponse, DecodeError::NotCanonical));
    assert_eq!(Proof::<G>::decode(&bytes[..31]), malformed(Part::ProofChallenge, DecodeError::Length));
    assert_eq!(Proof::<G>::decode(&bytes[..63]), malformed(Part::ProofResponse, DecodeError::Length));
    assert_eq!(Proof::<G>::decode(&[0; 65]), malformed(Part::ProofResponse, DecodeError::Length));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(proof) = Proof::<G>::decode(&bytes) {
            prop_assert_eq!(proof.encode(), bytes);
        }
    }
}
