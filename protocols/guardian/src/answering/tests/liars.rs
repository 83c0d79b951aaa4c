//! Guardians that lie to a client, and what the client has against them.

use allod_threshold::answer::Answer;

use super::*;

fn dealt() -> Dealt {
    deal(KEY, 1, 2, &[1, 2, 3])
}

fn question(dealt: &Dealt) -> Question {
    Question::new(b"x", dealt.committee(), &mut Seeded::new(4)).expect("askable")
}

/// Guardian 1's answer with something else in it, signed by its key.
fn with(question: &Question, change: impl FnOnce(&mut Answer)) -> Reply {
    let request = question.requests().next().expect("one").1;
    let mut answer = Shell::holding(&dealt(), 1).answer(request).answer;
    change(&mut answer);
    Reply::Answered(answer.sign(&signing_key(1)).into())
}

#[test]
fn an_answer_that_is_false_proves_itself_to_everybody() {
    let dealt = dealt();
    let lies: [fn(&mut Answer); 5] = [
        // The answer of another key.
        |answer| {
            let other = deal(KEY, 9, 2, &[1, 2, 3]);
            let request = Request { blinded: answer.blinded.clone().into(), ..request(0) };
            answer.partial = Shell::holding(&other, 1).answer(request).answer.partial;
        },
        // A proof of something else.
        |answer| answer.partial[40] ^= 1,
        |answer| answer.partial.truncate(50),
        |answer| answer.partial.clear(),
        // Another's share, with the right answer of that.
        |answer| {
            let request = Request { blinded: answer.blinded.clone().into(), ..request(0) };
            let others = Shell::holding(&super::liars::dealt(), 2).answer(request).answer;
            (answer.index, answer.partial) = (others.index, others.partial);
        },
    ];
    for lie in lies {
        let mut question = question(&dealt);
        let reply = with(&question, lie);
        let Err(Fault::Lied(evidence)) = question.accept(&guardian(1), &reply) else { panic!() };
        assert_eq!(evidence.offender(), guardian(1));
        let Evidence::False(signed) = &evidence else { panic!() };
        // What the ledger looks at.
        assert_eq!(signed.verify(), Ok(()));
        let is_own = signed.answer.index == dealt.share(1).index;
        assert!(!is_own || signed.answer.is_false::<G>(&dealt.public_share(1)) == Ok(true));
        assert_eq!(question.missing().next(), Some(2));
    }
}

#[test]
fn what_is_not_an_answer_to_this_is_no_evidence() {
    let dealt = dealt();
    type Lie = (fn(&mut Answer), Fault);
    let lies: [Lie; 6] = [
        (|answer| answer.position = 0, Fault::NoPlace),
        (|answer| answer.network = [8; 32], Fault::OtherNetwork),
        (|answer| answer.generation = 1, Fault::OtherGeneration { given: 1 }),
        (|answer| answer.key = "oprf/b".into(), Fault::NotAsked),
        (
            |answer| {
                // An answer that it once gave to another.
                *answer = Shell::holding(&super::liars::dealt(), 1).answer(request(3)).answer;
            },
            Fault::OtherElement,
        ),
        (|answer| answer.guardian = signing_key(2).verifying_key(), Fault::NotSigned),
    ];
    for (lie, fault) in lies {
        let mut question = question(&dealt);
        let reply = with(&question, lie);
        assert_eq!(question.accept(&guardian(1), &reply), Err(fault));
        assert_eq!(question.missing().next(), Some(2));
    }
}

#[test]
fn an_answer_that_was_changed_on_its_way_is_not_the_guardians() {
    let dealt = dealt();
    let mut question = question(&dealt);
    let Reply::Answered(signed) = with(&question, |_| {}) else { panic!() };
    let bytes = signed.encode();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        if let Ok(changed) = SignedAnswer::decode(&changed) {
            let accepted = question.accept(&guardian(1), &Reply::Answered(changed.into()));
            assert_eq!(accepted, Err(Fault::NotSigned), "byte {place}");
        }
    }
    assert_eq!(question.accept(&guardian(1), &Reply::Answered(signed)), Ok(()));
}

#[test]
fn nobody_is_blamed_for_what_another_sent_in_its_name() {
    let dealt = dealt();
    let mut question = question(&dealt);
    let request = question.requests().next().expect("one").1;
    let of_two = Shell::holding(&dealt, 2).reply(request);
    assert_eq!(question.accept(&guardian(1), &of_two), Err(Fault::NotSigned));
    assert_eq!(question.accept(&guardian(2), &of_two), Ok(()));
}

#[test]
fn who_holds_no_share_is_not_listened_to() {
    let dealt = dealt();
    let stranger = deal(KEY, 1, 2, &[1, 2, 9]);
    let mut question = question(&dealt);
    let request = question.requests().next().expect("one").1;
    let reply = Shell::holding(&stranger, 9).reply(request);
    assert_eq!(question.accept(&guardian(9), &reply), Err(Fault::NotAsked));
}

#[test]
fn a_refusal_is_told_as_it_is() {
    let mut question = question(&dealt());
    let refused = Reply::Refused(Refusal::TooMany { retry_in_ms: 5 });
    let fault = Fault::Refused(Refusal::TooMany { retry_in_ms: 5 });
    assert_eq!(question.accept(&guardian(1), &refused), Err(fault));
}

#[test]
fn the_honest_are_enough_beside_the_liars() {
    let dealt = deal(KEY, 1, 3, &[1, 2, 3, 4, 5]);
    let mut asked = Question::new(b"x", dealt.committee(), &mut Seeded::new(4)).expect("askable");
    let request = asked.requests().next().expect("one").1;
    for who in [1, 2, 3, 4, 5] {
        let mut answer = Shell::holding(&dealt, who).answer(request.clone()).answer;
        if who == 2 || who == 4 {
            answer.partial[3] ^= 1;
        }
        let reply = Reply::Answered(answer.sign(&signing_key(who)).into());
        let accepted = asked.accept(&guardian(who), &reply);
        assert_eq!(accepted.is_err(), who == 2 || who == 4);
    }
    let key = allod_threshold::oprf::KeyPair::new(dealt.secret.clone()).expect("a key");
    let whole = key.evaluate(allod_threshold::oprf::Mode::Voprf, b"x").expect("a legal input");
    assert_eq!(asked.output(), Some(whole));
}
