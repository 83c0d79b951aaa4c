//! Nothing leaves before it is durable, and nothing is signed twice.

use super::*;

fn dealt() -> Dealt {
    deal(KEY, 1, 2, &[1, 2, 3])
}

#[test]
fn an_answer_leaves_when_its_entry_is_durable_and_not_before() {
    let mut shell = Shell::holding(&dealt(), 1);
    let ticket = shell.ask(request(1));
    assert!(shell.replies.is_empty());
    assert_eq!(shell.service.tip(), Tip::default());
    shell.persist();
    let Some(Reply::Answered(answer)) = shell.replies.remove(&ticket) else { panic!() };
    assert_eq!(shell.disk, [*answer]);
    assert_eq!(shell.service.tip(), shell.stored_tip());
}

#[test]
fn what_is_asked_while_a_write_is_under_way_is_written_together_by_the_next() {
    let mut shell = Shell::holding(&dealt(), 1);
    let first = shell.ask(request(1));
    let others = [shell.ask(request(2)), shell.ask(request(3)), shell.ask(request(4))];
    assert_eq!(shell.write.as_ref().map(|(_, entries)| entries.len()), Some(1));
    shell.persist();
    assert!(shell.replies.contains_key(&first));
    assert_eq!(shell.write.as_ref().map(|(_, entries)| entries.len()), Some(3));
    assert!(others.iter().all(|ticket| !shell.replies.contains_key(ticket)));
    shell.persist();
    assert!(others.iter().all(|ticket| matches!(shell.replies[ticket], Reply::Answered(_))));
    assert_eq!(shell.disk.len(), 4);
    assert_chain(&shell.disk);
}

#[test]
fn what_is_handed_in_together_is_written_together() {
    let mut shell = Shell::holding(&dealt(), 1);
    let asked = |ticket| Asked { ticket, caller: caller(1), request: request(ticket) };
    for tickets in [100..103, 103..105] {
        let ask = Input::Ask(tickets.map(asked).collect());
        shell.service.handle(shell.now, &mut shell.rng, ask);
    }
    let ticket = shell.ask(Request { key: "oprf/other".into(), ..request(2) });
    assert_eq!(shell.replies.remove(&ticket), Some(Reply::Refused(Refusal::UnknownKey)));
    assert_eq!(shell.write.as_ref().map(|(_, entries)| entries.len()), Some(5));
    assert!(shell.replies.is_empty());
    shell.persist();
    assert_eq!(shell.replies.len(), 5);
    assert_chain(&shell.disk);
}

#[test]
fn of_what_is_asked_together_each_is_answered_or_refused_by_itself() {
    let (dealt, another) = (dealt(), deal("oprf/b", 2, 2, &[1, 2, 3]));
    let mut shell = Shell::holding(&dealt, 1);
    shell.service.follow(&another.keyholder(1)).expect("a share");
    let other = Request { key: "oprf/b".into(), ..request(1) };
    let wrong = Request { key: "oprf/other".into(), ..request(2) };
    let garbage = Request { blinded: vec![0xff; 32].into(), ..request(3) };
    let card = Caller { permit: Permit::Recover, ..caller(1) };
    let asked = [
        (caller(1), request(0)),
        (caller(1), wrong),
        (caller(2), other.clone()),
        (caller(1), garbage),
        (card, request(4)),
        (caller(1), request(0)),
    ];
    let asked = (0..).zip(asked).map(|(ticket, (caller, request))| Asked { ticket, caller, request });
    shell.input(Input::Ask(asked.collect()));
    for (ticket, why) in [(1, Refusal::UnknownKey), (3, Refusal::Malformed), (4, Refusal::NotPermitted)] {
        assert_eq!(shell.replies.remove(&ticket), Some(Reply::Refused(why)));
    }
    shell.persist();
    assert_eq!(shell.replies.keys().copied().collect::<Vec<_>>(), [0, 2, 5]);
    for (ticket, asked, dealt) in [(0, request(0), &dealt), (2, other, &another), (5, request(0), &dealt)] {
        let Reply::Answered(signed) = &shell.replies[&ticket] else { panic!("answered") };
        assert_eq!(signed.answer.blinded, asked.blinded.to_vec());
        assert!(signed.verify().is_ok());
        assert_eq!(signed.answer.is_false::<Ristretto255>(&dealt.public_share(1)), Ok(false));
    }
    assert_eq!(shell.disk.len(), 3);
    assert_chain(&shell.disk);
}

#[test]
fn a_refusal_waits_for_no_write() {
    let mut shell = Shell::holding(&dealt(), 1);
    shell.ask(request(1));
    let ticket = shell.ask(Request { key: "oprf/other".into(), ..request(2) });
    assert_eq!(shell.replies[&ticket], Reply::Refused(Refusal::UnknownKey));
}

#[test]
fn a_failed_write_refuses_everything_that_was_signed_and_everything_after() {
    let mut shell = Shell::holding(&dealt(), 1);
    shell.reply(request(1));
    let under_way = shell.ask(request(2));
    let gathered = shell.ask(request(3));
    shell.fail(0);
    let after = shell.ask(request(4));
    for ticket in [under_way, gathered, after] {
        assert_eq!(shell.replies[&ticket], Reply::Refused(Refusal::Unavailable));
    }
    assert!(shell.write.is_none());
    assert_eq!(shell.events, [Event::Halted { position: 1 }]);
}

#[test]
fn the_service_goes_on_from_what_the_disk_has_of_a_failed_write() {
    for stored in 0..=3 {
        let mut shell = Shell::holding(&dealt(), 1);
        shell.reply(request(1));
        shell.ask(request(2));
        shell.persist();
        shell.ask(request(3));
        let gathered = [shell.ask(request(4)), shell.ask(request(5)), shell.ask(request(6))];
        shell.persist();
        shell.fail(stored);
        assert!(gathered.iter().all(|ticket| shell.replies[ticket] == Reply::Refused(Refusal::Unavailable)));
        let tip = shell.stored_tip();
        assert_eq!(tip.position, 3 + stored as u64);
        shell.input(Input::Resume(tip));
        assert_eq!(shell.events.last(), Some(&Event::Resumed { position: tip.position }));
        let answer = shell.answer(request(7));
        assert_eq!(answer.answer.position, tip.position + 1);
        assert_chain(&shell.disk);
    }
}

#[test]
fn the_service_does_not_go_on_where_the_store_is_not_its_own() {
    let mut shell = Shell::holding(&dealt(), 1);
    for seed in 0..3 {
        shell.reply(request(seed));
    }
    shell.ask(request(7));
    let gathered = shell.ask(request(8));
    let never_written = {
        // The entry that was gathered behind the failed write was never stored.
        let mut other = Shell::holding(&dealt(), 1);
        (0..5).map(|seed| other.answer(request(seed))).next_back().expect("five")
    };
    shell.fail(1);
    assert_eq!(shell.replies[&gathered], Reply::Refused(Refusal::Unavailable));
    let right = shell.stored_tip();
    let older = Tip::of(&shell.disk[1]);
    for tip in [
        Tip::default(),
        older,
        Tip::of(&never_written),
        Tip { position: right.position + 1, ..right },
        Tip { head: [1; 32], ..right },
        Tip { at: right.at.plus_ms(1), ..right },
    ] {
        shell.input(Input::Resume(tip));
        assert_eq!(shell.events.last(), Some(&Event::LogDiffers { known: 3, found: tip.position }));
        assert_eq!(shell.reply(request(9)), Reply::Refused(Refusal::Unavailable));
    }
    shell.input(Input::Resume(right));
    assert_eq!(shell.answer(request(9)).answer.position, 5);
    assert_chain(&shell.disk);
}

#[test]
fn a_service_that_is_not_halted_takes_no_other_tip() {
    let mut shell = Shell::holding(&dealt(), 1);
    shell.reply(request(1));
    shell.input(Input::Resume(Tip::default()));
    assert_eq!(shell.answer(request(2)).answer.position, 2);
    assert_eq!(shell.events, []);
}

#[test]
fn a_crash_with_an_entry_on_disk_that_was_never_sent_is_of_no_consequence() {
    let dealt = dealt();
    let mut shell = Shell::holding(&dealt, 1);
    shell.reply(request(1));
    shell.ask(request(2));
    shell.store(1);
    shell.restart(&dealt, 1);
    assert_eq!(shell.answer(request(3)).answer.position, 3);
    assert_chain(&shell.disk);
}

#[test]
fn a_crash_before_the_write_leaves_no_gap() {
    let dealt = dealt();
    let mut shell = Shell::holding(&dealt, 1);
    shell.reply(request(1));
    shell.ask(request(2));
    shell.restart(&dealt, 1);
    assert_eq!(shell.answer(request(3)).answer.position, 2);
    assert_chain(&shell.disk);
}

#[test]
fn the_log_does_not_go_back_when_the_clock_does() {
    let mut shell = Shell::holding(&dealt(), 1);
    let first = shell.answer(request(1)).answer.at_ms;
    shell.now = Instant(5);
    assert_eq!(shell.answer(request(2)).answer.at_ms, first);
    let dealt = dealt();
    shell.restart(&dealt, 1);
    assert_eq!(shell.answer(request(3)).answer.at_ms, first);
    shell.now = Instant(first + 7);
    assert_eq!(shell.answer(request(4)).answer.at_ms, first + 7);
}

#[test]
fn words_about_writes_that_nobody_waits_for_change_nothing() {
    let mut shell = Shell::holding(&dealt(), 1);
    shell.ask(request(1));
    for input in [Input::Persisted(99), Input::PersistFailed(99)] {
        shell.input(input);
    }
    assert!(shell.replies.is_empty() && shell.events.is_empty());
    shell.persist();
    assert_eq!(shell.replies.len(), 1);
}

#[test]
fn a_disk_that_is_far_behind_makes_new_requests_come_back_later() {
    let mut shell = Shell::holding(&dealt(), 1);
    for _ in 0..=GATHERED_MAX {
        shell.ask(request(1));
    }
    let ticket = shell.ask(request(1));
    assert_eq!(shell.replies[&ticket], Reply::Refused(Refusal::TooMany { retry_in_ms: BEHIND_MS }));
    shell.persist();
    shell.persist();
    assert_eq!(shell.disk.len(), GATHERED_MAX + 1);
    assert!(matches!(shell.reply(request(1)), Reply::Answered(_)));
}
