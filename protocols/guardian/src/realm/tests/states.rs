//! Each request in each state: not registered, registered, exhausted, destroyed.

use super::*;

fn empty() -> Shell {
    Shell::new(RealmId([1; 16]))
}

fn destroyed() -> Shell {
    let mut shell = empty();
    shell.records.insert(ACCOUNT, Record::Destroyed);
    shell
}

/// A refusal in Juicebox's words, with the guesses left beside it.
fn told(response: Response, guesses_left: Option<u16>) -> Answer {
    Answer::Response { response, guesses_left }
}

#[test]
fn a_guardian_that_is_there_says_so_in_every_state() {
    for mut shell in [empty(), registered(3, 1), registered(3, 3), destroyed()] {
        let before = shell.records.clone();
        assert_eq!(shell.serve(&owner(), Request::Register1), told(Response::Register1, None));
        assert_eq!(shell.records, before);
    }
}

#[test]
fn a_registration_replaces_every_state_and_begins_with_all_guesses() {
    for mut shell in [empty(), registered(3, 1), registered(3, 3), destroyed()] {
        let ticket = shell.ask(&owner(), Request::Register2(parts(5)));
        // Another share than before: the old one's seal must go.
        assert!(matches!(shell.writes.as_slice(), [(_, Change::Put { fresh: true, .. })]));
        shell.write_all();
        assert_eq!(shell.answers.remove(&ticket), Some(told(Response::Register2, None)));
        assert_eq!(shell.guesses_left(&ACCOUNT), Some(5));
        assert_eq!(shell.events, [Event::Registered]);
    }
}

#[test]
fn nobody_who_is_not_registered_gets_anything() {
    let answer = |request| empty().serve(&card(), request);
    assert_eq!(answer(Request::Recover1), told(Response::Recover1(Recover1::NotRegistered), None));
    assert_eq!(answer(guess()), told(Response::Recover2(Recover2::NotRegistered), None));
    assert_eq!(answer(right_tag()), told(Response::Recover3(Recover3::NotRegistered), None));
}

#[test]
fn a_registration_is_named_while_guesses_are_left() {
    let answer = registered(3, 2).serve(&card(), Request::Recover1);
    assert_eq!(answer, told(Response::Recover1(Recover1::Ok { version: parts(3).version }), None));
}

#[test]
fn a_guess_is_spent_and_counted_in_its_answer() {
    let mut shell = registered(3, 1);
    let Response::Recover2(Recover2::Ok(answer)) = shell.response(&card(), guess()) else { panic!() };
    assert_eq!((answer.num_guesses, answer.guess_count), (3, 2));
    assert_eq!(answer.unlock_key_commitment, parts(3).unlock_key_commitment);
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(1));
    assert_eq!(shell.events, [Event::GuessSpent { guesses_left: 1 }]);
}

#[test]
fn a_guess_keeps_the_share_under_its_old_seal() {
    let mut shell = registered(3, 1);
    shell.ask(&card(), guess());
    assert!(matches!(shell.writes.as_slice(), [(_, Change::Put { fresh: false, .. })]));
}

#[test]
fn the_last_guess_can_still_be_right() {
    let mut shell = registered(3, 2);
    assert!(matches!(shell.response(&card(), guess()), Response::Recover2(Recover2::Ok(_))));
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(0));
    assert!(matches!(shell.response(&card(), right_tag()), Response::Recover3(Recover3::Ok(_))));
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(3));
}

#[test]
fn the_right_tag_opens_the_share_and_gives_all_guesses_back() {
    let mut shell = registered(3, 1);
    let Response::Recover3(Recover3::Ok(answer)) = shell.response(&card(), right_tag()) else { panic!() };
    assert_eq!(answer.encryption_key_scalar_share, parts(3).encryption_key_scalar_share);
    assert_eq!(answer.encrypted_secret, parts(3).encrypted_secret);
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(3));
    assert_eq!(shell.events, [Event::Recovered]);
}

#[test]
fn a_wrong_tag_opens_nothing_and_gives_nothing_back() {
    let mut shell = registered(3, 1);
    let before = shell.records.clone();
    let expected = Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining: 2 });
    assert_eq!(shell.serve(&card(), wrong_tag()), told(expected, Some(2)));
    assert_eq!(shell.records, before);
}

#[test]
fn another_registration_is_refused_without_spending_a_guess() {
    let mut shell = registered(3, 1);
    let before = shell.records.clone();
    let second = shell.serve(&card(), other_version(guess()));
    assert_eq!(second, told(Response::Recover2(Recover2::VersionMismatch), Some(2)));
    let third = shell.serve(&card(), other_version(right_tag()));
    assert_eq!(third, told(Response::Recover3(Recover3::VersionMismatch), Some(2)));
    assert_eq!(shell.records, before);
}

#[test]
fn whatever_comes_after_the_last_guess_but_the_right_tag_destroys_the_share() {
    for (request, expected) in [
        (Request::Recover1, Response::Recover1(Recover1::NoGuesses)),
        (guess(), Response::Recover2(Recover2::NoGuesses)),
        (wrong_tag(), Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining: 0 })),
    ] {
        let mut shell = registered(3, 3);
        assert_eq!(shell.serve(&card(), request), told(expected, Some(0)));
        assert_eq!(shell.records[&ACCOUNT], Record::Destroyed);
        assert_eq!(shell.events, [Event::Destroyed]);
    }
}

#[test]
fn a_destroyed_share_stays_destroyed_also_for_the_right_tag() {
    for (request, expected) in [
        (Request::Recover1, Response::Recover1(Recover1::NoGuesses)),
        (guess(), Response::Recover2(Recover2::NoGuesses)),
        (other_version(guess()), Response::Recover2(Recover2::NoGuesses)),
        (right_tag(), Response::Recover3(Recover3::NoGuesses)),
    ] {
        let mut shell = destroyed();
        assert_eq!(shell.serve(&card(), request), told(expected, Some(0)));
        assert_eq!(shell.records[&ACCOUNT], Record::Destroyed);
        assert_eq!(shell.events, []);
    }
}

#[test]
fn a_deleted_account_is_forgotten_whatever_it_held() {
    for mut shell in [empty(), registered(3, 1), registered(3, 3), destroyed()] {
        let held = !shell.records.is_empty();
        assert_eq!(shell.response(&owner(), Request::Delete), Response::Delete);
        assert!(shell.records.is_empty());
        assert_eq!(shell.events.contains(&Event::Deleted), held);
        let after = shell.response(&card(), Request::Recover1);
        assert_eq!(after, Response::Recover1(Recover1::NotRegistered));
    }
}

#[test]
fn the_card_may_guess_but_neither_register_nor_delete() {
    for request in [Request::Register1, Request::Register2(parts(3)), Request::Delete] {
        for (mut shell, left) in [(empty(), None), (registered(3, 1), Some(2)), (destroyed(), Some(0))] {
            let before = shell.records.clone();
            let refusal = Answer::Refused { refusal: Refusal::NotPermitted, guesses_left: left };
            assert_eq!(shell.serve(&card(), request.clone()), refusal, "{}", request.name());
            assert_eq!(shell.records, before);
        }
    }
}

#[test]
fn one_account_never_touches_another() {
    let mut shell = registered(3, 1);
    let before = shell.records.clone();
    let stranger = Caller { account: [0xBB; 32], ..owner() };
    for request in [Request::Recover1, guess(), right_tag(), Request::Delete] {
        shell.serve(&stranger, request);
    }
    assert_eq!(shell.records, before);
}

#[test]
fn a_guess_that_is_no_group_element_is_refused_and_not_spent() {
    let bad = |oprf_blinded_input| {
        Request::Recover2(Recover2Request { version: parts(3).version, oprf_blinded_input })
    };
    // The identity, bytes that are not canonical, and a negative element.
    for input in [[0; 32], [0xFF; 32], core::array::from_fn(|i| u8::from(i == 0))] {
        let mut shell = registered(3, 1);
        let answer = shell.serve(&card(), bad(input));
        assert!(
            matches!(
                answer,
                Answer::Refused { refusal: Refusal::BadRequest(why), guesses_left: Some(2) }
                    if why.contains("oprf_blinded_input")
            ),
            "{answer:?}"
        );
        assert_eq!(shell.guesses_left(&ACCOUNT), Some(2));
    }
}

#[test]
fn the_largest_number_of_guesses_is_counted_to_its_end() {
    let mut shell = registered(u16::MAX, u16::MAX - 1);
    assert!(matches!(shell.response(&card(), guess()), Response::Recover2(Recover2::Ok(_))));
    assert_eq!(shell.response(&card(), guess()), Response::Recover2(Recover2::NoGuesses));
    assert_eq!(shell.records[&ACCOUNT], Record::Destroyed);
}
