//! Every reason to refuse.

use super::*;

fn refusal(shell: &mut Shell, request: Request) -> Refusal {
    match shell.reply(request) {
        Reply::Refused(refusal) => refusal,
        Reply::Answered(_) => panic!("answered"),
    }
}

fn dealt() -> Dealt {
    deal(KEY, 1, 2, &[1, 2, 3])
}

#[test]
fn a_key_that_is_not_here_is_unknown() {
    let mut shell = Shell::holding(&dealt(), 1);
    assert_eq!(refusal(&mut shell, Request { key: "oprf/b".into(), ..request(1) }), Refusal::UnknownKey);
    assert_eq!(refusal(&mut shell, Request { key: "".into(), ..request(1) }), Refusal::UnknownKey);
}

#[test]
fn keys_for_other_purposes_are_never_evaluated_under() {
    for name in ["seal", "seal/a", "network", "oprfa", "oprf-a", "a/oprf", ""] {
        assert!(!is_for_evaluating(name), "{name}");
        let dealt = share_out("oprf", 0, &dealt().secret, 2, &[1, 2, 3]);
        let mut shell = Shell::new(1);
        let stored = Stored { generation: 0, index: 1, value: *dealt.share(1).value.encode() };
        let other = Keyholder::new(name, GroupName::Ristretto255, stored.record());
        shell.service.follow(&other).expect("passed over");
        assert_eq!(refusal(&mut shell, Request { key: name.into(), ..request(1) }), Refusal::UnknownKey);
    }
    assert!(is_for_evaluating("oprf") && is_for_evaluating("oprf/a"));
}

#[test]
fn keys_in_other_groups_are_passed_over() {
    let mut shell = Shell::new(1);
    for group in [GroupName::Bls12381G2, GroupName::BabyJubJub] {
        shell.service.follow(&Keyholder::new(KEY, group, Record::default())).expect("passed over");
        assert_eq!(refusal(&mut shell, request(1)), Refusal::UnknownKey);
    }
}

#[test]
fn a_guardian_without_a_share_says_so() {
    let mut shell = Shell::new(1);
    shell.service.follow(&Keyholder::new(KEY, GroupName::Ristretto255, Record::default())).expect("none");
    assert_eq!(refusal(&mut shell, request(1)), Refusal::NoShare);
}

#[test]
fn another_generation_is_refused_and_the_own_one_named() {
    let dealt = share_out(KEY, 4, &dealt().secret, 2, &[1, 2, 3]);
    let mut shell = Shell::holding(&dealt, 1);
    for other in [0, 3, 5] {
        let refused = refusal(&mut shell, Request { generation: Some(other), ..request(1) });
        assert_eq!(refused, Refusal::OtherGeneration { held: 4 });
    }
    for same in [Some(4), None] {
        assert_eq!(shell.answer(Request { generation: same, ..request(1) }).answer.generation, 4);
    }
}

#[test]
fn what_is_no_element_is_refused_and_takes_no_place() {
    let mut shell = Shell::holding(&dealt(), 1);
    for blinded in [&[][..], &[0; 32], &[0xFF; 32], &[1; 31], &[1; 64]] {
        let refused = refusal(&mut shell, Request { blinded: blinded.to_vec().into(), ..request(1) });
        assert_eq!(refused, Refusal::Malformed);
    }
    assert_eq!(shell.answer(request(1)).answer.position, 1);
}

#[test]
fn a_card_may_not_ask() {
    let mut shell = Shell::holding(&dealt(), 1);
    let card = Caller { permit: Permit::Recover, ..caller(1) };
    let ticket = shell.ask_as(card, request(1));
    assert_eq!(shell.replies[&ticket], Reply::Refused(Refusal::NotPermitted));
}

fn limited(overall: u32, account: u32) -> Shell {
    let rate = |burst| Rate { burst, per_second: 1 };
    let mut shell = Shell::new(1);
    let limits = Limits { overall: rate(overall), account: rate(account) };
    shell.service = Answering::new(NETWORK, signing_key(1), limits, Tip::default());
    shell.service.follow(&dealt().keyholder(1)).expect("a share");
    shell
}

#[test]
fn an_account_gets_its_burst_and_then_its_rate() {
    let mut shell = limited(100, 2);
    assert!(matches!(shell.reply(request(1)), Reply::Answered(_)));
    assert!(matches!(shell.reply(request(2)), Reply::Answered(_)));
    assert_eq!(refusal(&mut shell, request(3)), Refusal::TooMany { retry_in_ms: 1000 });
    let other = shell.ask_as(caller(2), request(3));
    shell.persist();
    assert!(matches!(shell.replies[&other], Reply::Answered(_)));
    shell.now = shell.now.plus_ms(1000);
    assert!(matches!(shell.reply(request(3)), Reply::Answered(_)));
}

#[test]
fn everybody_together_gets_no_more_than_the_guardian_allows() {
    let mut shell = limited(3, 2);
    for account in 0..3 {
        let ticket = shell.ask_as(caller(account), request(1));
        shell.persist();
        assert!(matches!(shell.replies[&ticket], Reply::Answered(_)));
    }
    let ticket = shell.ask_as(caller(9), request(1));
    assert_eq!(shell.replies[&ticket], Reply::Refused(Refusal::TooMany { retry_in_ms: 1000 }));
    // Being refused for all cost this account nothing of its own.
    shell.now = shell.now.plus_ms(2000);
    for _ in 0..2 {
        let ticket = shell.ask_as(caller(9), request(1));
        shell.persist();
        assert!(matches!(shell.replies[&ticket], Reply::Answered(_)));
    }
}

#[test]
fn a_card_and_a_halted_service_take_nothing_from_an_allowance() {
    let mut shell = limited(1, 1);
    let card = Caller { permit: Permit::Recover, ..caller(1) };
    shell.ask_as(card, request(1));
    assert!(matches!(shell.reply(request(1)), Reply::Answered(_)));
}
