//! Nothing leaves before it is durable.

use super::*;

#[test]
fn a_guess_is_not_answered_until_it_is_durable() {
    let mut shell = registered(3, 0);
    let ticket = shell.ask(&card(), guess());
    assert!(shell.answers.is_empty() && shell.events.is_empty());
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(3), "not written yet");
    shell.write_one();
    assert!(matches!(
        shell.answers.remove(&ticket),
        Some(Answer::Response { response: Response::Recover2(Recover2::Ok(_)), .. })
    ));
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(2));
}

#[test]
fn every_change_waits_for_its_write() {
    for request in [Request::Register2(parts(3)), right_tag(), Request::Delete] {
        let mut shell = registered(3, 1);
        shell.ask(&owner(), request.clone());
        assert_eq!((shell.answers.len(), shell.writes.len()), (0, 1), "{}", request.name());
        shell.write_one();
        assert_eq!(shell.answers.len(), 1);
    }
    let mut shell = registered(3, 3);
    shell.ask(&card(), Request::Recover1);
    assert!(shell.answers.is_empty(), "the share is destroyed before it is said to be");
}

#[test]
fn a_guess_that_could_not_be_written_is_unavailable_and_tells_what_is_left() {
    for (request, left) in [(guess(), 2), (right_tag(), 2), (Request::Register2(parts(9)), 2)] {
        let mut shell = registered(3, 1);
        let ticket = shell.ask(&owner(), request);
        shell.fail_one();
        let refused = Answer::Refused { refusal: Refusal::Unavailable, guesses_left: Some(left) };
        assert_eq!(shell.answers.remove(&ticket), Some(refused));
        assert_eq!(shell.events, []);
        assert_eq!(shell.guesses_left(&ACCOUNT), Some(2));
    }
}

#[test]
fn an_answer_that_changes_nothing_waits_for_the_write_that_it_tells_of() {
    let mut shell = registered(3, 0);
    shell.ask(&card(), guess());
    let tag = shell.ask(&card(), wrong_tag());
    let names = shell.ask(&card(), Request::Recover1);
    assert!(shell.answers.is_empty());
    shell.write_one();
    let remaining = Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining: 2 });
    let told = Answer::Response { response: remaining, guesses_left: Some(2) };
    assert_eq!(shell.answers.remove(&tag), Some(told));
    assert!(shell.answers.contains_key(&names));
}

#[test]
fn guesses_at_once_are_all_counted_though_the_disk_still_shows_the_old_count() {
    let mut shell = registered(3, 0);
    let tickets: Vec<Ticket> = (0..5).map(|_| shell.ask(&card(), guess())).collect();
    assert!(shell.answers.is_empty());
    shell.write_all();
    let evaluated = tickets
        .iter()
        .filter(|ticket| {
            let answer = &shell.answers[*ticket];
            matches!(answer, Answer::Response { response: Response::Recover2(Recover2::Ok(_)), .. })
        })
        .count();
    assert_eq!(evaluated, 3);
    assert_eq!(shell.records[&ACCOUNT], Record::Destroyed);
}

#[test]
fn the_first_of_two_guesses_fails_and_the_second_still_counts_for_both() {
    let mut shell = registered(3, 0);
    let first = shell.ask(&card(), guess());
    let second = shell.ask(&card(), guess());
    shell.fail_one();
    assert!(matches!(shell.answers[&first], Answer::Refused { refusal: Refusal::Unavailable, .. }));
    assert!(!shell.answers.contains_key(&second));
    shell.write_one();
    let Answer::Response { response: Response::Recover2(Recover2::Ok(answer)), .. } = &shell.answers[&second]
    else {
        panic!()
    };
    assert_eq!(answer.guess_count, 2);
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(1));
}

#[test]
fn a_guess_upon_a_registration_that_could_not_be_written_still_renews_the_seal() {
    let mut shell = registered(3, 2);
    shell.ask(&owner(), Request::Register2(parts(9)));
    shell.ask(&card(), guess());
    shell.fail_one();
    // The second write is the first that brings the new share.
    assert!(matches!(shell.writes.as_slice(), [(_, Change::Put { fresh: true, .. })]));
}

#[test]
fn a_registration_upon_a_deletion_on_its_way_is_a_fresh_one() {
    let mut shell = registered(3, 2);
    shell.ask(&owner(), Request::Delete);
    let guess = shell.ask(&card(), guess());
    shell.ask(&owner(), Request::Register2(parts(4)));
    shell.write_all();
    let not_registered = Response::Recover2(Recover2::NotRegistered);
    let told = Answer::Response { response: not_registered, guesses_left: None };
    assert_eq!(shell.answers.remove(&guess), Some(told));
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(4));
}

#[test]
fn a_crash_before_the_write_costs_nothing_and_after_it_the_guess() {
    let mut shell = registered(3, 0);
    shell.ask(&card(), guess());
    shell.crash();
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(3));
    shell.ask(&card(), guess());
    shell.write_silently();
    shell.crash();
    assert!(shell.answers.is_empty());
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(2));
}

#[test]
fn one_accounts_write_keeps_no_other_account_waiting() {
    let mut shell = registered(3, 0);
    shell.ask(&card(), guess());
    let other = Caller { account: [1; 32], ..card() };
    let ticket = shell.ask(&other, Request::Recover1);
    assert!(shell.answers.contains_key(&ticket));
}

#[test]
fn a_write_that_nobody_waits_for_is_of_no_consequence() {
    let mut shell = registered(3, 0);
    for input in [Input::Persisted(99), Input::PersistFailed(99)] {
        shell.realm.handle(shell.now, &mut shell.rng, input);
        assert!(shell.realm.poll().is_none());
    }
    assert_eq!(shell.realm.deadline(), None);
}
