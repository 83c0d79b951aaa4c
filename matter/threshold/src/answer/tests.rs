//! Answers that are signed, chained and held against who signed them.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::group::{Ristretto255, SecretScalar};

use super::*;
use crate::oprf::{self, KeyShare, Mode};
use crate::shamir::{Share, split};
use crate::test_rng::system;

fn signer(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([number; 32]))
}

fn shares() -> Vec<Share<Ristretto255>> {
    split(&SecretScalar::random(&mut system()), 2, 3, &mut system()).unwrap()
}

/// What the guardian with this share answers to some element.
fn answer(share: &Share<Ristretto255>, position: u64) -> Answer {
    let share = KeyShare::new(share.clone()).unwrap();
    let (_, blinded) = oprf::blind::<Ristretto255>(Mode::Voprf, b"input", &mut system()).unwrap();
    let partial = share.blind_evaluate(&[blinded], &mut system()).unwrap();
    Answer {
        network: [1; 32],
        guardian: signer(1).verifying_key(),
        key: "oprf/pin".into(),
        generation: 3,
        index: share.index(),
        position,
        previous: [2; 32],
        at_ms: 1_790_000_000_000,
        blinded: blinded.bytes().to_vec(),
        partial: partial.encode(),
    }
}

/// The public counterpart of a share.
fn public(share: &Share<Ristretto255>) -> Vec<u8> {
    KeyShare::new(share.clone()).unwrap().public_key().bytes().to_vec()
}

/// The answer with one field or the other changed, each in its own way.
fn changed(answer: &Answer) -> Vec<Answer> {
    let with = |change: fn(&mut Answer)| {
        let mut answer = answer.clone();
        change(&mut answer);
        answer
    };
    Vec::from([
        with(|answer| answer.network[0] ^= 1),
        with(|answer| answer.guardian.0[31] ^= 1),
        with(|answer| answer.key.push('x')),
        with(|answer| answer.key.clear()),
        with(|answer| answer.generation += 1),
        with(|answer| answer.index = Index::new(answer.index.get() + 1).unwrap()),
        with(|answer| answer.position += 1),
        with(|answer| answer.previous[5] ^= 1),
        with(|answer| answer.at_ms += 1),
        with(|answer| answer.blinded[7] ^= 1),
        with(|answer| answer.blinded.push(0)),
        with(|answer| answer.partial[9] ^= 1),
        with(|answer| answer.partial.truncate(answer.partial.len() - 1)),
        // A byte goes from one field to the next.
        with(|answer| {
            let byte = answer.blinded.pop().unwrap();
            answer.partial.insert(0, byte);
        }),
    ])
}

#[test]
fn what_is_signed_comes_back_and_is_verified() {
    let signed = answer(&shares()[0], 7).sign(&signer(1));
    let bytes = signed.encode();
    assert_eq!(SignedAnswer::decode(&bytes), Ok(signed.clone()));
    assert_eq!(signed.verify(), Ok(()));
    let other = signed.answer.clone().sign(&signer(2));
    assert_eq!(other.verify(), Err(BadSignature), "signed by another than it names");
}

#[test]
fn the_signature_covers_every_field() {
    let signed = answer(&shares()[0], 7).sign(&signer(1));
    let mut hashes = BTreeSet::from([signed.answer.hash()]);
    for answer in changed(&signed.answer) {
        assert!(hashes.insert(answer.hash()), "{answer:?}");
        let forged = SignedAnswer { answer, signature: signed.signature };
        assert_eq!(forged.verify(), Err(BadSignature));
    }
}

#[test]
fn no_byte_of_a_signed_answer_can_be_changed_cut_off_or_added() {
    let bytes = answer(&shares()[0], 7).sign(&signer(1)).encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(read) = SignedAnswer::decode(&changed) {
            assert_eq!(read.encode(), changed, "one form for one answer");
            assert_eq!(read.verify(), Err(BadSignature), "byte {at}");
        }
        assert_eq!(SignedAnswer::decode(&bytes[..at]), Err(MALFORMED), "cut at {at}");
    }
    assert_eq!(SignedAnswer::decode(&[&bytes[..], &[0]].concat()), Err(MALFORMED));
}

#[test]
fn names_elements_and_indices_out_of_bounds_are_refused() {
    let right = answer(&shares()[0], 7);
    let read = |answer: Answer| SignedAnswer::decode(&answer.sign(&signer(1)).encode());
    let widest = Answer {
        key: "k".repeat(KEY_NAME_MAX),
        blinded: [1; FIELD_MAX].into(),
        partial: [2; FIELD_MAX].into(),
        ..right.clone()
    };
    let bytes = widest.clone().sign(&signer(1)).encode();
    assert_eq!(bytes.len(), SignedAnswer::SIZE_MAX);
    assert_eq!(SignedAnswer::decode(&bytes).map(|signed| signed.answer), Ok(widest));
    for wrong in [
        Answer { key: "k".repeat(KEY_NAME_MAX + 1), ..right.clone() },
        Answer { blinded: [1; FIELD_MAX + 1].into(), ..right.clone() },
        Answer { partial: [1; FIELD_MAX + 1].into(), ..right.clone() },
        Answer { partial: [1; 1 << 17].into(), ..right.clone() },
    ] {
        assert_eq!(read(wrong), Err(MALFORMED));
    }
    let mut bytes = right.sign(&signer(1)).encode();
    // The name stands behind two keys and its length; the index behind name and
    // generation.
    bytes[66] = 0xFF;
    assert_eq!(SignedAnswer::decode(&bytes), Err(MALFORMED), "not UTF-8");
    bytes[66] = b'o';
    let index = 66 + "oprf/pin".len() + 4;
    bytes[index..index + 2].fill(0);
    assert_eq!(SignedAnswer::decode(&bytes), Err(Error::ZeroIndex));
}

#[test]
fn two_answers_contradict_each_other_when_they_are_at_one_place_and_differ() {
    let first = answer(&shares()[0], 7);
    assert!(!first.contradicts(&first.clone()), "the same answer, sent twice");
    for other in changed(&first) {
        let one_place = other.network == first.network
            && other.guardian == first.guardian
            && other.position == first.position;
        assert_eq!(first.contradicts(&other), one_place, "{other:?}");
        assert_eq!(other.contradicts(&first), one_place);
    }
}

#[test]
fn an_honest_answer_is_not_false_and_any_other_is() {
    let shares = shares();
    let honest = answer(&shares[0], 7);
    let own = public(&shares[0]);
    assert_eq!(honest.is_false::<Ristretto255>(&own), Ok(false));
    assert_eq!(honest.is_false::<Ristretto255>(&public(&shares[1])), Ok(true), "of another's share");
    let elsewhere = answer(&shares[0], 7);
    let shorter = honest.partial[..honest.partial.len() - 1].to_vec();
    let twice = [&honest.partial[..32], &honest.partial].concat();
    for (wrong, what) in [
        (Answer { blinded: elsewhere.blinded.clone(), ..honest.clone() }, "of another element"),
        (Answer { partial: elsewhere.partial, ..honest.clone() }, "to another element"),
        (Answer { blinded: [0xFF; 32].into(), ..honest.clone() }, "to no element"),
        (Answer { blinded: [0; 32].into(), ..honest.clone() }, "to the identity"),
        (Answer { blinded: Vec::new(), ..honest.clone() }, "to nothing"),
        (Answer { partial: Vec::new(), ..honest.clone() }, "with nothing"),
        (Answer { partial: shorter, ..honest.clone() }, "with too little"),
        (Answer { partial: twice, ..honest.clone() }, "with two elements"),
    ] {
        assert_eq!(wrong.is_false::<Ristretto255>(&own), Ok(true), "{what}");
    }
    for at in 0..honest.partial.len() {
        let mut wrong = honest.clone();
        wrong.partial[at] ^= 1;
        assert_eq!(wrong.is_false::<Ristretto255>(&own), Ok(true), "byte {at}");
    }
}

#[test]
fn what_else_an_answer_says_makes_it_not_false() {
    // Time, place in the log and name are not what the share gives.
    let shares = shares();
    let honest = answer(&shares[0], 7);
    let other = Answer {
        key: String::new(),
        generation: 9,
        index: Index::new(77).unwrap(),
        position: 0,
        previous: [0; 32],
        at_ms: 0,
        ..honest
    };
    assert_eq!(other.is_false::<Ristretto255>(&public(&shares[0])), Ok(false));
}

#[test]
fn a_public_share_that_is_none_decides_nothing() {
    let honest = answer(&shares()[0], 7);
    for bytes in [&[0xFF; 32][..], &[0; 32], &[1; 31], &[]] {
        assert!(matches!(honest.is_false::<Ristretto255>(bytes), Err(Error::Malformed { .. })));
    }
}

#[test]
fn answers_are_chained_by_their_hashes() {
    let share = &shares()[0];
    let first = answer(share, 1);
    let second = Answer { previous: first.hash(), ..answer(share, 2) };
    let third = Answer { previous: second.hash(), ..answer(share, 3) };
    let other = Answer { at_ms: first.at_ms + 1, ..first };
    assert_ne!(second.previous, other.hash(), "another first answer leads elsewhere");
    assert_ne!(third.previous, Answer { previous: other.hash(), ..second }.hash());
}
