//! What a client has in the end, against an implementation of RFC 9497 that knows
//! nothing of shares.

use proptest::prelude::*;
use voprf::{Ristretto255 as Theirs, VoprfServer};

use super::*;

/// The RFC's output under a whole key.
fn whole(key: &SecretScalar<G>, input: &[u8]) -> Vec<u8> {
    let server = VoprfServer::<Theirs>::new_with_key(key.encode().as_ref()).expect("a key");
    server.evaluate(input).expect("a legal input").to_vec()
}

fn sum(a: &SecretScalar<G>, b: &SecretScalar<G>) -> SecretScalar<G> {
    SecretScalar::new(*a.expose() + *b.expose())
}

/// Has these holders answer, one after the other.
fn answer(question: &mut Question, dealt: &Dealt, holders: &[u8]) {
    let asked = question.requests().find(|(committee, _)| committee.key() == dealt.name);
    let request = asked.expect("asked").1;
    for who in holders {
        let reply = Shell::holding(dealt, *who).reply(request.clone());
        assert_eq!(question.accept(&guardian(*who), &reply), Ok(()));
    }
}

#[test]
fn the_output_is_that_of_the_whole_key_whoever_answers() {
    let dealt = deal(KEY, 1, 3, &[1, 2, 3, 4, 5]);
    for (input, holders) in [
        (&b"an input"[..], &[1, 2, 3][..]),
        (b"", &[5, 3, 1]),
        (&[0xAA; 300], &[2, 4, 5]),
        (b"more than needed", &[5, 4, 3, 2, 1]),
    ] {
        let mut question = Question::new(input, dealt.committee(), &mut Seeded::new(4)).expect("askable");
        answer(&mut question, &dealt, holders);
        assert_eq!(question.missing().collect::<Vec<_>>(), [0]);
        assert_eq!(question.output().expect("enough").expose()[..], whole(&dealt.secret, input)[..]);
    }
}

#[test]
fn the_output_of_two_keys_is_that_of_their_sum() {
    let a = deal(KEY, 1, 2, &[1, 2, 3]);
    let b = deal("oprf/b", 2, 3, &[4, 5, 6, 7]);
    let both = sum(&a.secret, &b.secret);
    let ask = |first: &Dealt, second: &Dealt| {
        let (first, second) = (first.committee(), second.committee());
        Question::of_sum(b"an input", first, second, &mut Seeded::new(4)).expect("askable")
    };
    for mut question in [ask(&a, &b), ask(&b, &a)] {
        answer(&mut question, &b, &[7, 5, 4]);
        assert_eq!(question.output(), None, "one key alone gives nothing");
        answer(&mut question, &a, &[2, 3]);
        assert_eq!(question.output().expect("enough").expose()[..], whole(&both, b"an input")[..]);
    }
    // It is neither key's own output.
    assert_ne!(whole(&both, b"an input"), whole(&a.secret, b"an input"));
    assert_ne!(whole(&both, b"an input"), whole(&b.secret, b"an input"));
}

#[test]
fn the_output_outlives_the_handing_on_of_either_key() {
    let a = deal(KEY, 1, 2, &[1, 2, 3]);
    let b = deal("oprf/b", 2, 2, &[4, 5, 6]);
    let later = share_out("oprf/b", 7, &b.secret, 3, &[8, 9, 5, 10]);
    let (first, second) = (a.committee(), later.committee());
    let mut question = Question::of_sum(b"x", first, second, &mut Seeded::new(4)).expect("askable");
    answer(&mut question, &a, &[1, 3]);
    answer(&mut question, &later, &[8, 10, 5]);
    assert_eq!(question.output().expect("enough").expose()[..], whole(&sum(&a.secret, &b.secret), b"x")[..]);
}

#[test]
fn fewer_answers_than_the_threshold_give_nothing() {
    let dealt = deal(KEY, 1, 3, &[1, 2, 3, 4, 5]);
    let mut question = Question::new(b"x", dealt.committee(), &mut Seeded::new(4)).expect("askable");
    assert_eq!((question.output(), question.missing().collect::<Vec<_>>()), (None, vec![3]));
    answer(&mut question, &dealt, &[1, 4]);
    // The same guardian once more is not another one.
    answer(&mut question, &dealt, &[4]);
    assert_eq!((question.output(), question.missing().collect::<Vec<_>>()), (None, vec![1]));
}

#[test]
fn two_committees_see_two_unrelated_elements() {
    let a = deal(KEY, 1, 2, &[1, 2, 3]);
    let b = deal("oprf/b", 2, 2, &[4, 5, 6]);
    let question =
        Question::of_sum(b"x", a.committee(), b.committee(), &mut Seeded::new(4)).expect("askable");
    let elements = question.requests().map(|(_, request)| request.blinded).collect::<Vec<_>>();
    assert_ne!(elements[0], elements[1]);
    // The same input, asked again, is another element too.
    let again = Question::new(b"x", a.committee(), &mut Seeded::new(5)).expect("askable");
    assert!(again.requests().all(|(_, request)| !elements.contains(&request.blinded)));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let a = deal(KEY, 1, 2, &[1, 2, 3]);
    let mut rng = Seeded::new(4);
    let long = Question::new(&vec![0; 70_000], a.committee(), &mut rng);
    assert!(matches!(long, Err(NotAskable::Input(allod_threshold::Error::InputTooLong))));
    let same = Question::of_sum(b"x", a.committee(), a.committee(), &mut rng);
    assert_eq!(same.err(), Some(NotAskable::NotTwoKeys));
    let b = deal("oprf/b", 2, 1, &[4]);
    let member = Member { index: 1, guardian: guardian(4), public_share: b.public_share(4) };
    let elsewhere =
        Committee::new(NetworkId([8; 32]), "oprf/b", 0, 1, &b.public_key(), [member]).expect("a committee");
    let two = Question::of_sum(b"x", a.committee(), elsewhere, &mut rng);
    assert_eq!(two.err(), Some(NotAskable::NotTwoKeys));
}

#[test]
fn a_committee_that_cannot_be_is_refused() {
    let dealt = deal(KEY, 1, 2, &[1, 2, 3]);
    let member = |index, who| Member { index, guardian: guardian(who), public_share: dealt.public_share(1) };
    let make = |threshold, key: &[u8], members: Vec<Member>| {
        Committee::new(NETWORK, KEY, 0, threshold, key, members).map(drop)
    };
    let key = dealt.public_key();
    assert_eq!(make(1, &key, vec![member(1, 1), member(2, 2)]), Ok(()));
    assert!(make(3, &key, vec![member(1, 1), member(2, 2)]).is_err());
    assert!(make(0, &key, vec![member(1, 1)]).is_err());
    assert!(make(1, &key, vec![member(1, 1), member(1, 2)]).is_err());
    assert!(make(1, &key, vec![member(1, 1), member(2, 1)]).is_err());
    assert!(make(1, &key, vec![member(0, 1)]).is_err());
    assert!(make(1, &[0; 32], vec![member(1, 1)]).is_err());
    let no_point = Member { public_share: vec![0xFF; 32], ..member(1, 1) };
    assert!(make(1, &key, vec![no_point]).is_err());
}

#[test]
fn a_question_shows_neither_input_nor_blind() {
    let dealt = deal(KEY, 1, 2, &[1, 2, 3]);
    let question = Question::new(b"my PIN", dealt.committee(), &mut Seeded::new(4)).expect("askable");
    let shown = alloc::format!("{question:?}");
    assert!(shown.contains("SecretBytes(..)") && shown.contains("SecretScalar(..)"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_input_under_any_keys_is_the_function_of_the_sum(
        input in proptest::collection::vec(any::<u8>(), 0..80),
        seed in any::<u64>(),
        threshold in 1u16..4,
    ) {
        let a = deal(KEY, seed, threshold, &[1, 2, 3]);
        let b = deal("oprf", seed.wrapping_add(1), 2, &[4, 5]);
        let mut rng = Seeded::new(seed ^ 9);
        let mut question = Question::of_sum(&input, a.committee(), b.committee(), &mut rng).expect("askable");
        answer(&mut question, &a, &[3, 2, 1]);
        answer(&mut question, &b, &[4, 5]);
        let output = question.output().expect("enough");
        prop_assert_eq!(&output.expose()[..], &whole(&sum(&a.secret, &b.secret), &input)[..]);
    }
}
