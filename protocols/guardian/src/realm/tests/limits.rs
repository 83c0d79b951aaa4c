//! Too many requests, too many accounts, and what they cost nobody.

use super::*;

fn limited(account: u32, tenant: u32) -> Shell {
    let mut shell = registered(3, 1);
    let rate = |burst| Rate { burst, per_second: 1 };
    shell.realm = Realm::new(RealmId([1; 16]), Limits { tenant: rate(tenant), account: rate(account) });
    shell
}

#[test]
fn too_many_requests_are_refused_with_a_time_and_the_guesses_left_and_spend_none() {
    let mut shell = limited(1, 100);
    shell.serve(&card(), Request::Recover1);
    let answer = shell.serve(&card(), guess());
    let refusal = Refusal::TooMany { retry_in_ms: 1_000 };
    assert_eq!(answer, Answer::Refused { refusal, guesses_left: Some(2) });
    assert_eq!(shell.guesses_left(&ACCOUNT), Some(2));
    shell.now = shell.now.plus_ms(1_000);
    assert!(matches!(shell.response(&card(), guess()), Response::Recover2(Recover2::Ok(_))));
}

#[test]
fn whoever_fetches_descriptors_without_end_keeps_nobody_from_recovering() {
    let mut shell = limited(100, 3);
    for _ in 0..3 {
        assert_eq!(shell.fetch(&Locator([9; 32])), Answer::Descriptor(None));
    }
    let refused = shell.fetch(&Locator([9; 32]));
    assert!(matches!(refused, Answer::Refused { refusal: Refusal::TooMany { .. }, guesses_left: None }));
    assert!(matches!(shell.response(&card(), guess()), Response::Recover2(Recover2::Ok(_))));
}

#[test]
fn a_full_guardian_takes_no_more_accounts_but_serves_those_it_has() {
    let mut shell = registered(3, 1);
    shell.room = false;
    let newcomer = Caller { account: [1; 32], ..owner() };
    let refused = shell.serve(&newcomer, Request::Register2(parts(3)));
    assert_eq!(refused, Answer::Refused { refusal: Refusal::Full, guesses_left: None });
    assert!(matches!(shell.response(&card(), guess()), Response::Recover2(Recover2::Ok(_))));
    // A registration in place of one that is held needs no more room.
    assert_eq!(shell.response(&owner(), Request::Register2(parts(3))), Response::Register2);
    assert_eq!(shell.response(&owner(), Request::Delete), Response::Delete);
}
