//! Threshold decryption: what opens, and every lie.

use alloc::vec::Vec;

use allod_crypto::group::{BabyJubJub, Bls12381G1, Ristretto255};
use proptest::prelude::*;

use super::*;
use crate::shamir::{self, Share};
use crate::test_groups::in_each_group;
use crate::test_rng::system;
use crate::{Index, PublicShares};

const LABEL: &[u8] = b"for did:allod:heir";

/// Guardians with shares of a key, and a ciphertext for them.
struct Scene<G: Group> {
    guardians: Vec<DecryptionShare<G>>,
    keys: PublicShares<G>,
    payload: Secret<32>,
    ciphertext: Ciphertext<G>,
}

fn scene<G: Group>(threshold: u16, shares: u16) -> Scene<G> {
    let secret = SecretScalar::<G>::random(&mut system());
    let shares = shamir::split(&secret, threshold, shares, &mut system()).expect("in range");
    let public = |share: &Share<G>| (share.index, Point::new(share.value.mul_generator()).expect("not zero"));
    let public_key = Point::new(secret.mul_generator()).expect("not zero");
    let keys = PublicShares::new(threshold, public_key, shares.iter().map(public)).expect("in range");
    let guardians = shares.into_iter().map(|share| DecryptionShare::new(share).expect("not zero")).collect();
    let payload = Secret::random(&mut system());
    let ciphertext = encrypt(&public_key, LABEL, &payload, &mut system());
    Scene { guardians, keys, payload, ciphertext }
}

impl<G: Group> Scene<G> {
    fn answers(&self) -> Vec<PartialDecryption<G>> {
        let answer = |guardian: &DecryptionShare<G>| {
            guardian
                .decrypt(self.keys.public_key(), LABEL, &self.ciphertext, &mut system())
                .expect("it holds")
        };
        self.guardians.iter().map(answer).collect()
    }

    /// What guardian, public check and combination say of a changed ciphertext.
    fn assert_refused(&self, label: &[u8], lie: &Ciphertext<G>) {
        let refused = Error::CiphertextRefused;
        let key = self.keys.public_key();
        assert_eq!(lie.verify(key, label), Err(refused));
        assert_eq!(self.guardians[0].decrypt(key, label, lie, &mut system()), Err(refused));
        assert_eq!(combine(&self.keys, label, lie, &self.answers()), Err(refused));
    }
}

fn index(value: u16) -> Index {
    Index::new(value).expect("not zero")
}

fn any_t_answers_open_a_ciphertext<G: Group>() {
    let scene = scene::<G>(2, 4);
    let bytes = scene.ciphertext.encode();
    assert_eq!(bytes.len(), Ciphertext::<G>::LEN);
    assert_eq!(Ciphertext::decode(&bytes), Ok(scene.ciphertext.clone()));
    assert_eq!(scene.ciphertext.verify(scene.keys.public_key(), LABEL), Ok(()));
    let answers = scene.answers();
    for answer in &answers {
        let bytes = answer.encode();
        assert_eq!(bytes.len(), PartialDecryption::<G>::LEN);
        assert_eq!(PartialDecryption::decode(&bytes).as_ref(), Ok(answer));
    }
    for chosen in [&answers[..2], &answers[1..3], &answers[2..], &answers[..]] {
        let opened = combine(&scene.keys, LABEL, &scene.ciphertext, chosen);
        assert_eq!(opened, Ok(scene.payload.clone()));
    }
    let few = combine(&scene.keys, LABEL, &scene.ciphertext, &answers[..1]);
    assert_eq!(few, Err(Error::TooFewShares { needed: 2, given: 1 }));
    let twice = combine(&scene.keys, LABEL, &scene.ciphertext, &[answers[0].clone(), answers[0].clone()]);
    assert_eq!(twice, Err(Error::DuplicateIndex(index(1))));
}

fn a_ciphertext_changed_in_any_field_is_refused<G: Group>() {
    let scene = scene::<G>(2, 3);
    let one = G::Scalar::from(1);
    let moved = |point: &Point<G>| Point::new(*point.element() + G::generator()).expect("not the identity");
    type Lie<'a, G> = &'a dyn Fn(&mut Ciphertext<G>);
    let lies: [Lie<G>; 6] = [
        &|lie| lie.masked[31] ^= 1,
        &|lie| lie.ephemeral = moved(&lie.ephemeral),
        &|lie| lie.second = moved(&lie.second),
        &|lie| (lie.ephemeral, lie.second) = (lie.second, lie.ephemeral),
        &|lie| lie.proof.challenge += one,
        &|lie| lie.proof.response += one,
    ];
    for change in lies {
        let mut lie = scene.ciphertext.clone();
        change(&mut lie);
        scene.assert_refused(LABEL, &lie);
    }
    scene.assert_refused(b"for did:allod:thief", &scene.ciphertext);
    scene.assert_refused(b"", &scene.ciphertext);
}

fn a_ciphertext_for_another_key_is_refused<G: Group>() {
    let (scene, other) = (scene::<G>(2, 3), scene::<G>(2, 3));
    scene.assert_refused(LABEL, &other.ciphertext);
}

in_each_group!(
    any_t_answers_open_a_ciphertext,
    a_ciphertext_changed_in_any_field_is_refused,
    a_ciphertext_for_another_key_is_refused,
);

type G = Ristretto255;

#[test]
fn a_multiple_of_anothers_ciphertext_cannot_be_made() {
    // The attack that the second generator is for: from (u, v) anyone makes
    // (a * u, a * v), has it decrypted, and divides. Without r there is no proof
    // for it, neither the victim's nor one made with a.
    let scene = scene::<G>(2, 3);
    let victim = &scene.ciphertext;
    let a = SecretScalar::<G>::random(&mut system());
    let times = |point: &Point<G>| Point::new(a.mul(point.element())).expect("not the identity");
    let mut thief = victim.clone();
    thief.ephemeral = times(&victim.ephemeral);
    thief.second = times(&victim.second);
    let base = second_generator(scene.keys.public_key());
    let domain = domain(scene.keys.public_key(), b"for the thief", &thief.masked);
    let own = chaum_pedersen::prove(&domain, &a, &thief.ephemeral, &base, &thief.second, &mut system());
    for proof in [victim.proof, own] {
        thief.proof = proof;
        scene.assert_refused(b"for the thief", &thief);
    }
}

#[test]
fn a_wrong_answer_is_refused_and_its_guardian_named() {
    let scene = scene::<G>(2, 3);
    let answers = scene.answers();
    let one = <G as Group>::Scalar::from(1u64);
    let bytes = answers[1].encode();
    type Lie<'a> = &'a dyn Fn(&mut Vec<u8>);
    let lies: [Lie; 4] = [
        // Another guardian's element, with either proof.
        &|lie| lie[2..34].copy_from_slice(&answers[0].encode()[2..34]),
        &|lie| lie[2..].copy_from_slice(&answers[0].encode()[2..]),
        &|lie| lie[34..66].copy_from_slice(&G::encode_scalar(&one)),
        &|lie| lie[66..].copy_from_slice(&G::encode_scalar(&one)),
    ];
    let refused = Error::PartialRefused(index(2));
    for change in lies {
        let mut lie = bytes.clone();
        change(&mut lie);
        let lie = PartialDecryption::decode(&lie).expect("well formed");
        assert_eq!(lie.verify(&scene.keys, LABEL, &scene.ciphertext), Err(refused));
        let given = [answers[0].clone(), lie, answers[2].clone()];
        assert_eq!(combine(&scene.keys, LABEL, &scene.ciphertext, &given), Err(refused));
    }
    assert_eq!(refused.culprit(), Some(index(2)));
    let mut stranger = bytes;
    stranger[1] = 9;
    let stranger = PartialDecryption::decode(&stranger).expect("well formed");
    let unknown = Err(Error::UnknownIndex(index(9)));
    assert_eq!(stranger.verify(&scene.keys, LABEL, &scene.ciphertext), unknown);
}

#[test]
fn an_answer_is_for_its_ciphertext_and_label_alone() {
    let scene = scene::<G>(2, 3);
    let answers = scene.answers();
    let key = scene.keys.public_key();
    let other = encrypt(key, LABEL, &scene.payload, &mut system());
    let refused = Err(Error::PartialRefused(index(1)));
    assert_eq!(answers[0].verify(&scene.keys, LABEL, &other), refused);
    assert_eq!(answers[0].verify(&scene.keys, b"for another", &scene.ciphertext), refused);
    assert_eq!(combine(&scene.keys, LABEL, &other, &answers), Err(Error::PartialRefused(index(1))));
}

#[test]
fn a_bad_part_is_named() {
    use allod_crypto::group::DecodeError;

    let scene = scene::<G>(2, 3);
    let ciphertext = scene.ciphertext.encode();
    let decode = |at: usize, value: &[u8]| {
        let mut bytes = ciphertext.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        Ciphertext::<G>::decode(&bytes).err()
    };
    let malformed = |part, reason| Some(Error::Malformed { part, reason });
    assert_eq!(decode(32, &[0; 32]), malformed(Part::Ephemeral, DecodeError::Identity));
    assert_eq!(decode(64, &[0xff; 32]), malformed(Part::SecondEphemeral, DecodeError::NotCanonical));
    assert_eq!(decode(96, &[0xff; 32]), malformed(Part::ProofChallenge, DecodeError::NotCanonical));
    assert_eq!(decode(128, &[0xff; 32]), malformed(Part::ProofResponse, DecodeError::NotCanonical));
    let answer = scene.answers()[0].encode();
    let decode = |at: usize, value: &[u8]| {
        let mut bytes = answer.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        PartialDecryption::<G>::decode(&bytes).err()
    };
    let malformed = |part, reason| Some(Error::PartialMalformed { index: index(1), part, reason });
    assert_eq!(decode(0, &[0, 0]), Some(Error::ZeroIndex));
    assert_eq!(decode(2, &[0; 32]), malformed(Part::SharedElement, DecodeError::Identity));
    assert_eq!(decode(34, &[0xff; 32]), malformed(Part::ProofChallenge, DecodeError::NotCanonical));
    assert_eq!(decode(66, &[0xff; 32]), malformed(Part::ProofResponse, DecodeError::NotCanonical));
    let length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
    for len in 0..200 {
        let mut bytes = ciphertext.clone();
        bytes.resize(len, 0);
        if len != ciphertext.len() {
            assert_eq!(Ciphertext::<G>::decode(&bytes), Err(length));
        }
        let mut bytes = answer.clone();
        bytes.resize(len, 0);
        if len != answer.len() {
            assert_eq!(PartialDecryption::<G>::decode(&bytes), Err(length));
        }
    }
}

#[test]
fn the_same_key_encrypted_twice_looks_unrelated() {
    let scene = scene::<G>(1, 1);
    let again = encrypt(scene.keys.public_key(), LABEL, &scene.payload, &mut system());
    assert_ne!(again.masked, scene.ciphertext.masked);
    assert_ne!(again.ephemeral, scene.ciphertext.ephemeral);
    assert_ne!(&again.masked, scene.payload.expose());
}

#[test]
fn a_share_of_zero_decrypts_nothing() {
    let zero = Share::<G> { index: index(1), value: SecretScalar::new(Default::default()) };
    assert!(DecryptionShare::new(zero).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_decode_to_themselves_or_to_an_error(bytes in prop::collection::vec(any::<u8>(), 160..=160)) {
        if let Ok(ciphertext) = Ciphertext::<G>::decode(&bytes) {
            prop_assert_eq!(ciphertext.encode(), bytes.clone());
        }
        let partial = &bytes[..PartialDecryption::<BabyJubJub>::LEN];
        if let Ok(decoded) = PartialDecryption::<BabyJubJub>::decode(partial) {
            prop_assert_eq!(decoded.encode(), partial);
        }
        prop_assert!(Ciphertext::<Bls12381G1>::decode(&bytes).is_err());
    }
}
