//! Keys that are handed on while somebody asks.

use super::*;

fn dealt() -> Dealt {
    deal(KEY, 1, 2, &[1, 2, 3])
}

fn empty() -> Keyholder {
    Keyholder::new(KEY, GroupName::Ristretto255, Record::default())
}

#[test]
fn a_share_that_was_forgotten_is_used_no_more() {
    let mut shell = Shell::holding(&dealt(), 1);
    shell.answer(request(1));
    shell.service.follow(&empty()).expect("none");
    assert_eq!(shell.reply(request(1)), Reply::Refused(Refusal::NoShare));
}

#[test]
fn the_next_generation_takes_the_place_of_the_one_before() {
    let first = dealt();
    let second = share_out(KEY, 1, &first.secret, 3, &[3, 2, 1, 4]);
    let mut shell = Shell::holding(&first, 1);
    assert_eq!(shell.answer(request(1)).answer.index.get(), 1);
    shell.service.follow(&second.keyholder(1)).expect("a share");
    let answer = shell.answer(request(1)).answer;
    assert_eq!((answer.generation, answer.index.get()), (1, 3));
    assert_eq!(answer.is_false::<G>(&second.public_share(1)), Ok(false));
    assert_eq!(answer.is_false::<G>(&first.public_share(1)), Ok(true));
}

#[test]
fn an_answer_on_its_way_is_still_of_the_generation_that_was_in_force() {
    let first = dealt();
    let mut shell = Shell::holding(&first, 1);
    let under_way = shell.ask(request(1));
    let gathered = shell.ask(request(2));
    shell.service.follow(&empty()).expect("none");
    shell.persist();
    shell.persist();
    for ticket in [under_way, gathered] {
        let Reply::Answered(answer) = &shell.replies[&ticket] else { panic!() };
        assert_eq!(answer.answer.is_false::<G>(&first.public_share(1)), Ok(false));
    }
}

#[test]
fn keys_are_answered_for_apart_and_in_one_log() {
    let (a, b) = (dealt(), deal("oprf/b", 2, 2, &[4, 1]));
    let mut shell = Shell::holding(&a, 1);
    shell.service.follow(&b.keyholder(1)).expect("a share");
    let first = shell.answer(request(1)).answer;
    let second = shell.answer(Request { key: "oprf/b".into(), ..request(1) }).answer;
    assert_eq!((first.position, second.position), (1, 2));
    assert_eq!(second.is_false::<G>(&b.public_share(1)), Ok(false));
    assert_eq!(second.index.get(), 2);
    shell.service.forget(KEY);
    assert_eq!(shell.reply(request(1)), Reply::Refused(Refusal::UnknownKey));
    assert_eq!(shell.answer(Request { key: "oprf/b".into(), ..request(1) }).answer.position, 3);
}

#[test]
fn a_record_of_another_group_leaves_no_share_behind() {
    let mut shell = Shell::holding(&dealt(), 1);
    // No scalar of ristretto255.
    let stored = Stored { generation: 1, index: 1, value: [0xFF; 32] };
    let damaged = Keyholder::new(KEY, GroupName::Ristretto255, stored.record());
    assert!(shell.service.follow(&damaged).is_err());
    assert_eq!(shell.reply(request(1)), Reply::Refused(Refusal::NoShare));
}

#[test]
fn the_service_shows_no_secret() {
    let dealt = dealt();
    let shown = alloc::format!("{:?}", Shell::holding(&dealt, 1).service);
    assert!(shown.contains("SecretScalar(..)"));
}
