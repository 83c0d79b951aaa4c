//! What an auditor finds in a log.

use allod_threshold::answer::Answer;
use proptest::prelude::*;

use super::*;

fn dealt() -> Dealt {
    deal(KEY, 1, 2, &[1, 2, 3])
}

/// Guardian 1's log with so many entries.
pub(super) fn log(entries: u64) -> Vec<SignedAnswer> {
    let mut shell = Shell::holding(&dealt(), 1);
    for seed in 0..entries {
        shell.now = shell.now.plus_ms(10);
        shell.reply(request(seed));
    }
    shell.disk
}

pub(super) fn audit() -> Audit {
    Audit::new(NETWORK, guardian(1), Tip::default())
}

pub(super) fn read<'a>(audit: &mut Audit, log: impl IntoIterator<Item = &'a SignedAnswer>) {
    let dealt = dealt();
    for entry in log {
        audit.read(&entry.encode(), dealt.held_by(1));
    }
}

pub(super) fn findings(audit: &mut Audit) -> Vec<Finding> {
    core::iter::from_fn(|| audit.poll()).collect()
}

/// An entry with something else in it, signed by guardian 1.
fn with(entry: &SignedAnswer, change: impl FnOnce(&mut Answer)) -> SignedAnswer {
    let mut answer = entry.answer.clone();
    change(&mut answer);
    answer.sign(&signing_key(1))
}

/// What is found in a log of five whose third entry is another one.
fn with_third(change: impl FnOnce(&mut Answer)) -> Vec<Finding> {
    let mut log = log(5);
    log[2] = with(&log[2], change);
    let mut audit = audit();
    read(&mut audit, &log);
    audit.end();
    findings(&mut audit)
}

#[test]
fn an_honest_log_gives_no_finding_in_whichever_pieces_it_is_read() {
    let log = log(9);
    for size in 1..=9 {
        let mut tip = Tip::default();
        for piece in log.chunks(size) {
            let mut audit = Audit::new(NETWORK, guardian(1), tip);
            read(&mut audit, piece);
            audit.end();
            assert_eq!(findings(&mut audit), []);
            tip = audit.tip();
        }
        assert_eq!(tip, Tip::of(&log[8]));
    }
}

/// The log as if it went on to that place with nothing worth reading in between.
fn far_along(log: &[SignedAnswer], first: u64) -> Vec<SignedAnswer> {
    let mut previous = [7; 32];
    let places = first..;
    let again = log.iter().zip(places).map(|(entry, position)| {
        let entry = with(entry, |answer| (answer.position, answer.previous) = (position, previous));
        previous = entry.answer.hash();
        entry
    });
    again.collect()
}

fn audit_rest(first: &SignedAnswer, before: Option<&SignedAnswer>) -> Audit {
    Audit::of_rest(NETWORK, guardian(1), first, before).unwrap()
}

#[test]
fn a_log_whose_beginning_was_deleted_is_checked_from_its_first_entry_on() {
    let rest = far_along(&log(5), LOG_KEPT - 2);
    // Of LOG_KEPT + 2 entries two were deleted, which is as many as may be.
    let mut audit = audit_rest(&rest[0], None);
    read(&mut audit, &rest);
    assert_eq!((findings(&mut audit), audit.tip()), (Vec::new(), Tip::of(&rest[4])));
    let mut changed = rest.clone();
    changed[2] = with(&rest[2], |answer| answer.at_ms += 1);
    let mut audit = audit_rest(&rest[0], None);
    read(&mut audit, &changed);
    assert_eq!(findings(&mut audit), [Finding::NotChained { position: LOG_KEPT + 1 }]);
    // Who kept what was deleted cannot look for it any more; what is there is looked for.
    let mut audit = audit_rest(&rest[1], None);
    assert_eq!(audit.expect(rest[0].clone(), dealt().held_by(1)), Err(ReceiptError::Late));
    assert_eq!(audit.expect(rest[3].clone(), dealt().held_by(1)), Ok(()));
    read(&mut audit, [&rest[1], &rest[2], &rest[4]]);
    let missing = Finding::Missing { receipt: rest[3].clone() };
    assert!(findings(&mut audit).contains(&missing));
}

#[test]
fn a_receipt_of_the_entry_before_joins_what_is_left_of_a_log() {
    let rest = far_along(&log(5), 100);
    let mut audit = audit_rest(&rest[1], Some(&rest[0]));
    read(&mut audit, &rest[1..]);
    assert_eq!(findings(&mut audit), []);
    // It was given another answer there than the one that the log goes on from.
    let other = with(&rest[0], |answer| answer.at_ms += 1);
    let mut audit = audit_rest(&rest[1], Some(&other));
    read(&mut audit, &rest[1..]);
    assert!(findings(&mut audit).contains(&Finding::NotChained { position: 101 }));
    for (first, before) in
        [(&rest[2], Some(&rest[0])), (&rest[0], Some(&rest[1])), (&rest[0], Some(&rest[0]))]
    {
        assert!(Audit::of_rest(NETWORK, guardian(1), first, before).is_err());
    }
    assert!(Audit::of_rest(NETWORK, guardian(2), &rest[0], None).is_err());
}

#[test]
fn who_deletes_more_of_a_log_than_may_be_deleted_is_found() {
    for (kept, begins) in [(LOG_KEPT, 2), (LOG_KEPT - 1, 3)] {
        let last = far_along(&log(1), LOG_KEPT + 1).remove(0);
        let first = far_along(&log(1), begins).remove(0);
        let mut audit = audit_rest(&first, None);
        read(&mut audit, [&first]);
        // Everything in between is left out here, which is found too.
        read(&mut audit, [&last]);
        audit.end();
        let too_much = Finding::DeletedTooMuch { first: begins, last: LOG_KEPT + 1 };
        assert_eq!(findings(&mut audit).contains(&too_much), kept < LOG_KEPT, "{kept} kept");
    }
    let mut whole = audit();
    read(&mut whole, &log(3));
    whole.end();
    assert_eq!(findings(&mut whole), [], "a short log of which nothing was deleted");
}

#[test]
fn an_entry_that_was_rewritten_breaks_the_chain_behind_it() {
    // A true answer to another element.
    let other = Shell::holding(&dealt(), 1).answer(request(77)).answer;
    let found = with_third(|answer| (answer.blinded, answer.partial) = (other.blinded, other.partial));
    assert_eq!(found, [Finding::NotChained { position: 4 }]);
    let found = with_third(|answer| answer.previous = [1; 32]);
    assert_eq!(found, [Finding::NotChained { position: 3 }, Finding::NotChained { position: 4 }]);
}

#[test]
fn an_entry_that_goes_back_in_time_is_found() {
    let found = with_third(|answer| answer.at_ms = 7);
    assert_eq!(found, [Finding::TimeBackwards { position: 3 }, Finding::NotChained { position: 4 }]);
}

#[test]
fn a_false_entry_proves_itself() {
    for lie in [
        (|answer| answer.partial[5] ^= 1) as fn(&mut Answer),
        |answer| answer.partial.clear(),
        |answer| answer.blinded[5] ^= 1,
        |answer| answer.index = allod_threshold::Index::new(2).expect("an index"),
    ] {
        let found = with_third(lie);
        assert_eq!(found.len(), 2);
        let Finding::Lied(Evidence::False(signed)) = &found[0] else { panic!() };
        assert_eq!((signed.answer.position, signed.verify()), (3, Ok(())));
        assert_eq!(found[1], Finding::NotChained { position: 4 });
    }
}

#[test]
fn an_answer_for_a_share_that_it_never_held_is_found() {
    let found = with_third(|answer| answer.generation = 5);
    let not_held = Finding::NotHeld { position: 3, key: KEY.into(), generation: 5 };
    assert_eq!(found, [not_held, Finding::NotChained { position: 4 }]);
    let found = with_third(|answer| answer.key = "oprf/b".into());
    let not_held = Finding::NotHeld { position: 3, key: "oprf/b".into(), generation: 0 };
    assert_eq!(found[0], not_held);
}

#[test]
fn entries_left_out_swapped_and_repeated_are_found() {
    let log = log(5);
    let order = |places: &[usize]| {
        let mut audit = audit();
        read(&mut audit, places.iter().map(|place| &log[*place]));
        findings(&mut audit)
    };
    let out = |expected, found| Finding::OutOfOrder { expected, found };
    assert_eq!(order(&[0, 1, 3, 4]), [out(3, 4)]);
    assert_eq!(order(&[0, 2, 1, 3, 4]), [out(2, 3), out(4, 2)]);
    assert_eq!(order(&[0, 1, 1, 2]), [out(3, 2)]);
    assert_eq!(order(&[1, 2]), [out(1, 2)]);
}

#[test]
fn two_entries_at_one_place_prove_a_fork() {
    let log = log(2);
    let twin = with(&log[1], |answer| answer.at_ms += 1);
    let mut audit = audit();
    read(&mut audit, [&log[0], &log[1], &twin]);
    let fork = Evidence::Fork(log[1].clone().into(), twin.into());
    let out = Finding::OutOfOrder { expected: 3, found: 2 };
    assert_eq!(findings(&mut audit), [Finding::Lied(fork), out]);
}

#[test]
fn what_is_not_signed_by_the_guardian_for_this_network_stands_for_nothing() {
    let log = log(4);
    let mut forged = log[1].clone();
    forged.signature.0[7] ^= 1;
    let elsewhere = with(&log[1], |answer| answer.network = [8; 32]);
    let nowhere = with(&log[1], |answer| answer.position = 0);
    let other = Shell::holding(&dealt(), 2).answer(request(1));
    for stranger in [forged, elsewhere, nowhere, other] {
        let mut audit = audit();
        read(&mut audit, [&log[0], &stranger, &log[2], &log[3]]);
        let expected =
            [Finding::NotTheGuardians { position: 2 }, Finding::OutOfOrder { expected: 2, found: 3 }];
        assert_eq!(findings(&mut audit), expected);
    }
    let mut audit = audit();
    audit.read(b"no answer", dealt().held_by(1));
    assert_eq!(findings(&mut audit), [Finding::Malformed { position: 1 }]);
}

#[test]
fn every_finding_has_a_sentence_of_its_own() {
    use alloc::string::ToString;
    let entry = log(1).remove(0);
    let mut sentences: Vec<_> = [
        Finding::Malformed { position: 1 },
        Finding::NotTheGuardians { position: 1 },
        Finding::OutOfOrder { expected: 1, found: 2 },
        Finding::NotChained { position: 1 },
        Finding::TimeBackwards { position: 1 },
        Finding::NotHeld { position: 1, key: KEY.into(), generation: 0 },
        Finding::Missing { receipt: entry.clone() },
        Finding::Lied(Evidence::False(entry.clone().into())),
        Finding::Lied(Evidence::Fork(entry.clone().into(), entry.into())),
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), 9);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_bit_of_a_log_is_changed_unnoticed(entry in 0usize..4, place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let log = log(4);
        let mut audit = audit();
        let dealt = dealt();
        for (number, honest) in log.iter().enumerate() {
            let mut bytes = honest.encode();
            if number == entry {
                bytes[place.index(honest.encode().len())] ^= 1 << bit;
            }
            audit.read(&bytes, dealt.held_by(1));
        }
        prop_assert!(audit.poll().is_some());
    }
}
