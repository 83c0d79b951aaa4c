//! Proofs of knowledge: what holds, and every lie.

use allod_crypto::group::{Bls12381G1, Bls12381G2, Ristretto255};
use proptest::prelude::*;

use super::*;
use crate::test_groups::in_each_group;
use crate::test_rng::{Fixed, system};

fn pair<G: Group>() -> (SecretScalar<G>, Point<G>) {
    let secret = SecretScalar::<G>::random(&mut system());
    let point = Point::new(secret.mul_generator()).expect("not zero");
    (secret, point)
}

fn a_proof_holds_for_its_key_and_context_alone<G: Group>() {
    let (secret, public) = pair::<G>();
    let (_, other) = pair::<G>();
    let proof = prove(b"claimed by did:allod:one", &secret, &public, &mut system());
    let decoded = Proof::decode(&proof.encode()).expect("it was encoded");
    assert_eq!(decoded, proof);
    assert_eq!(verify(b"claimed by did:allod:one", &public, &decoded), Ok(()));
    let refused = Err(Error::ProofRefused);
    assert_eq!(verify(b"claimed by did:allod:two", &public, &proof), refused);
    assert_eq!(verify(b"", &public, &proof), refused);
    assert_eq!(verify(b"claimed by did:allod:one", &other, &proof), refused);
    // The negative, the double and the key moved by a known difference: a proof
    // is not turned into one for a related key.
    let element = *public.element();
    for related in [-element, element + element, element + G::generator()] {
        let related = Point::new(related).expect("not the identity");
        assert_eq!(verify(b"claimed by did:allod:one", &related, &proof), refused);
    }
    let one = G::Scalar::from(1);
    for lie in [
        Proof { challenge: proof.challenge + one, response: proof.response },
        Proof { challenge: proof.challenge, response: proof.response + one },
        Proof { challenge: proof.response, response: proof.challenge },
        Proof { challenge: -proof.challenge, response: -proof.response },
        Proof { challenge: G::Scalar::default(), response: G::Scalar::default() },
    ] {
        assert_eq!(verify(b"claimed by did:allod:one", &public, &lie), refused);
    }
}

fn knowing_another_logarithm_proves_nothing<G: Group>() {
    let (_, public) = pair::<G>();
    let (wrong, _) = pair::<G>();
    let proof = prove(b"context", &wrong, &public, &mut system());
    assert_eq!(verify(b"context", &public, &proof), Err(Error::ProofRefused));
}

in_each_group!(a_proof_holds_for_its_key_and_context_alone, knowing_another_logarithm_proves_nothing,);

#[test]
fn a_context_does_not_run_into_what_follows_it() {
    // Context and generator joined are the same bytes in both; the length in
    // front tells them apart.
    let (secret, public) = pair::<Ristretto255>();
    let generator = Ristretto255::encode(&Ristretto255::generator());
    let proof = prove(&generator, &secret, &public, &mut system());
    assert_eq!(verify(&generator, &public, &proof), Ok(()));
    assert_eq!(verify(&generator[..31], &public, &proof), Err(Error::ProofRefused));
}

#[test]
fn a_proof_in_one_group_is_none_in_another_with_the_same_scalars() {
    let (secret, public) = pair::<Bls12381G2>();
    let same = SecretScalar::<Bls12381G1>::new(*secret.expose());
    let other = Point::new(same.mul_generator()).expect("not zero");
    let proof = prove(b"context", &secret, &public, &mut system());
    let moved = Proof::<Bls12381G1> { challenge: proof.challenge, response: proof.response };
    assert_eq!(verify(b"context", &other, &moved), Err(Error::ProofRefused));
}

#[test]
fn a_nonce_is_as_long_as_the_order_and_never_kept() {
    // The whole draw goes into the nonce: two draws that differ in the last byte
    // give other proofs, and none is left over or drawn twice.
    let (secret, public) = pair::<Ristretto255>();
    let draw = |last: &str| {
        let mut rng = Fixed::hex([&"11".repeat(63), last]);
        let proof = prove(b"context", &secret, &public, &mut rng);
        assert!(rng.is_used_up());
        assert_eq!(verify(b"context", &public, &proof), Ok(()));
        proof
    };
    assert_ne!(draw("01"), draw("02"));
    assert_eq!(draw("01"), draw("01"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_no_proof(bytes in prop::collection::vec(any::<u8>(), 64)) {
        let (_, public) = pair::<Ristretto255>();
        if let Ok(proof) = Proof::decode(&bytes) {
            prop_assert_eq!(verify(b"context", &public, &proof), Err(Error::ProofRefused));
        }
    }
}
