//! Every lie about a partial is refused, and the liar named.

use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Group};
use proptest::prelude::*;

use super::*;
use crate::Index;

/// Three guardians with threshold two, a batch of two, and honest answers.
struct Scene {
    guardians: Vec<KeyShare<G>>,
    keys: ShareKeys<G>,
    blinded: Vec<Blinded<G>>,
    partials: Vec<Partial<G>>,
}

fn scene() -> Scene {
    let (guardians, keys) = deal(&KeyPair::random(&mut system()), 2, 3);
    let blinded = [b"one", b"two"]
        .map(|input| blind::<G>(Mode::Voprf, input, &mut system()).expect("a legal input").1)
        .to_vec();
    let partials = guardians
        .iter()
        .map(|guardian| guardian.blind_evaluate(&blinded, &mut system()).expect("a batch"))
        .collect();
    Scene { guardians, keys, blinded, partials }
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

/// Checks that both ways of looking at the second partial, once changed, give
/// this error, and that it names the second guardian.
fn assert_refused(scene: &Scene, lie: &Partial<G>, error: Error) {
    assert_eq!(scene.keys.verify(&scene.blinded, lie), Err(error));
    let given = [scene.partials[0].clone(), lie.clone(), scene.partials[2].clone()];
    assert_eq!(scene.keys.combine(&scene.blinded, &given), Err(error));
    assert_eq!(error.culprit(), Some(lie.index));
}

#[test]
fn a_wrong_element_or_proof_is_refused_and_its_guardian_named() {
    let scene = scene();
    let [first, second, _] = scene.partials.as_slice() else { panic!("three partials") };
    let one = <G as Group>::Scalar::from(1u64);
    let refused = Error::PartialRefused(index(2));
    type Lie = fn(&mut Partial<G>, &Partial<G>);
    let lies: [Lie; 4] = [
        // Another guardian's answer, its proof included or left out.
        |lie, other| (lie.evaluated, lie.proof) = (other.evaluated.clone(), other.proof),
        |lie, other| lie.evaluated = other.evaluated.clone(),
        |lie, other| lie.proof = other.proof,
        // The answers to the two elements exchanged.
        |lie, _| lie.evaluated.swap(0, 1),
    ];
    for change in lies {
        let mut lie = second.clone();
        change(&mut lie, first);
        assert_refused(&scene, &lie, refused);
    }
    for i in 0..2 {
        let mut lie = second.clone();
        let element = *lie.evaluated[i].point().element();
        lie.evaluated[i] = Evaluated::new(element + G::generator()).expect("not the identity");
        assert_refused(&scene, &lie, refused);
    }
    for (c, s) in [(one, -one + one), (-one + one, one)] {
        let mut lie = second.clone();
        lie.proof.challenge += c;
        lie.proof.response += s;
        assert_refused(&scene, &lie, refused);
    }
}

#[test]
fn a_share_other_than_the_committed_one_is_refused() {
    let scene = scene();
    let stranger = crate::shamir::Share {
        index: index(2),
        value: allod_crypto::group::SecretScalar::random(&mut system()),
    };
    let stranger = KeyShare::<G>::new(stranger).expect("not zero");
    let lie = stranger.blind_evaluate(&scene.blinded, &mut system()).expect("a batch");
    assert_refused(&scene, &lie, Error::PartialRefused(index(2)));
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let scene = scene();
    let (_, other) = blind::<G>(Mode::Voprf, b"one", &mut system()).expect("a legal input");
    let asked = [other, scene.blinded[1]];
    let lie = scene.guardians[1].blind_evaluate(&asked, &mut system()).expect("a batch");
    assert_refused(&scene, &lie, Error::PartialRefused(index(2)));
    // The same elements in another order.
    let asked = [scene.blinded[1], scene.blinded[0]];
    let lie = scene.guardians[1].blind_evaluate(&asked, &mut system()).expect("a batch");
    assert_refused(&scene, &lie, Error::PartialRefused(index(2)));
}

#[test]
fn an_answer_of_another_length_is_refused() {
    let scene = scene();
    let lie = scene.guardians[1].blind_evaluate(&scene.blinded[..1], &mut system()).expect("a batch");
    let refused = Error::PartialBatchSize { index: index(2), blinded: 2, evaluated: 1 };
    assert_refused(&scene, &lie, refused);
    let mut lie = scene.partials[1].clone();
    lie.evaluated.clear();
    let refused = Error::PartialBatchSize { index: index(2), blinded: 2, evaluated: 0 };
    assert_refused(&scene, &lie, refused);
}

#[test]
fn a_guardian_under_anothers_index_is_refused() {
    let scene = scene();
    let mut lie = scene.partials[0].clone();
    lie.index = index(2);
    assert_refused(&scene, &lie, Error::PartialRefused(index(2)));
    lie.index = index(4);
    assert_refused(&scene, &lie, Error::UnknownIndex(index(4)));
}

#[test]
fn a_guardian_that_answers_twice_is_refused_by_name() {
    let scene = scene();
    let twice = [scene.partials[2].clone(), scene.partials[2].clone()];
    assert_eq!(scene.keys.combine(&scene.blinded, &twice), Err(Error::DuplicateIndex(index(3))));
    let key = *scene.guardians[0].public_key();
    let twice = [(index(1), key), (index(1), key)];
    assert_eq!(ShareKeys::new(1, twice), Err(Error::DuplicateIndex(index(1))));
}

#[test]
fn malformed_parts_of_a_partial_are_named_with_their_guardian() {
    let scene = scene();
    let honest = scene.partials[1].encode();
    assert_eq!(honest.len(), 2 * 32 + 64);
    for (range, part) in [
        (0..32, Part::EvaluatedElement),
        (32..64, Part::EvaluatedElement),
        (64..96, Part::ProofChallenge),
        (96..128, Part::ProofResponse),
    ] {
        let mut bytes = honest.clone();
        bytes[range.clone()].fill(0xff);
        let reason = DecodeError::NotCanonical;
        let refused = Error::PartialMalformed { index: index(2), part, reason };
        assert_eq!(Partial::<G>::decode(index(2), 2, &bytes), Err(refused));
        assert_eq!(refused.culprit(), Some(index(2)));
        if part == Part::EvaluatedElement {
            bytes[range].fill(0);
            let reason = DecodeError::Identity;
            let refused = Error::PartialMalformed { index: index(2), part, reason };
            assert_eq!(Partial::<G>::decode(index(2), 2, &bytes), Err(refused));
        }
    }
    let reason = DecodeError::Length;
    let refused = Error::PartialMalformed { index: index(2), part: Part::Length, reason };
    for count in [0, 1, 3, usize::MAX] {
        assert_eq!(Partial::<G>::decode(index(2), count, &honest), Err(refused));
    }
    assert_eq!(Partial::<G>::decode(index(2), 2, &honest[1..]), Err(refused));
}

#[test]
fn malformed_questions_and_keys_are_named() {
    for (bytes, reason) in [
        ([0; 32].as_slice(), DecodeError::Identity),
        (&[0xff; 32], DecodeError::NotCanonical),
        (&[0; 31], DecodeError::Length),
    ] {
        let refused = |part| Error::Malformed { part, reason };
        assert_eq!(Blinded::<G>::decode(bytes), Err(refused(Part::BlindedElement)));
        assert_eq!(Evaluated::<G>::decode(bytes), Err(refused(Part::EvaluatedElement)));
        assert_eq!(PublicKey::<G>::decode(bytes), Err(refused(Part::PublicKey)));
    }
    let zero = SecretScalar::<G>::new(Default::default());
    let refused = Error::Malformed { part: Part::PrivateKey, reason: DecodeError::Identity };
    assert_eq!(KeyPair::new(zero).err(), Some(refused));
}

#[test]
fn an_empty_or_uneven_batch_is_refused() {
    let scene = scene();
    let key = KeyPair::<G>::random(&mut system());
    let refused = Error::BatchSize { blinded: 0, evaluated: 0 };
    assert_eq!(key.blind_evaluate(&[], &mut system()).err(), Some(refused));
    let (evaluated, proof) = key.blind_evaluate(&scene.blinded, &mut system()).expect("a batch");
    assert_eq!(key.public_key().verify(&[], &[], &proof), Err(refused));
    let refused = Error::BatchSize { blinded: 2, evaluated: 1 };
    assert_eq!(key.public_key().verify(&scene.blinded, &evaluated[..1], &proof), Err(refused));
    // More than an index of two bytes can count.
    let many = alloc::vec![scene.blinded[0]; 65_536];
    let refused = Error::BatchSize { blinded: 65_536, evaluated: 65_536 };
    assert_eq!(key.blind_evaluate(&many, &mut system()).err(), Some(refused));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..5,
    ) {
        if let Ok(partial) = Partial::<G>::decode(index(1), count, &bytes) {
            prop_assert_eq!(partial.encode(), bytes.clone());
        }
        if let Ok(blinded) = Blinded::<G>::decode(&bytes) {
            prop_assert_eq!(blinded.bytes().as_slice(), &bytes);
        }
        if let Ok(key) = PublicKey::<G>::decode(&bytes) {
            prop_assert_eq!(key.bytes().as_slice(), &bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_partial_with_any_bit_flipped_is_refused(bit in 0usize..8 * 128) {
        let scene = scene();
        let mut bytes = scene.partials[1].encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let verdict = Partial::decode(index(2), 2, &bytes)
            .and_then(|partial| scene.keys.verify(&scene.blinded, &partial));
        prop_assert_eq!(verdict.map_err(|error| error.culprit()), Err(Some(index(2))));
    }
}
