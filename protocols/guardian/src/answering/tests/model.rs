//! The service against what may never happen, whatever fails and in whichever order.

use proptest::prelude::*;

use super::*;

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u64),
    Persist,
    /// The write fails after so many entries.
    Fail(usize),
    /// The store is opened again.
    Resume,
    /// The process stops after so many entries were written.
    Crash(usize),
    Clock(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u64..20).prop_map(Step::Ask),
        4 => Just(Step::Persist),
        1 => (0usize..4).prop_map(Step::Fail),
        2 => Just(Step::Resume),
        1 => (0usize..4).prop_map(Step::Crash),
        1 => (0u64..2_000_000).prop_map(Step::Clock),
    ]
}

fn run(steps: &[Step]) {
    let dealt = deal(KEY, 1, 2, &[1, 2, 3]);
    let mut shell = Shell::holding(&dealt, 1);
    let mut sent = Vec::new();
    for step in steps {
        match *step {
            Step::Ask(seed) => drop(shell.ask(request(seed))),
            Step::Persist if shell.write.is_some() => shell.persist(),
            Step::Fail(stored) if shell.write.is_some() => shell.fail(stored),
            Step::Resume => shell.input(Input::Resume(shell.stored_tip())),
            Step::Crash(stored) => {
                if shell.write.is_some() {
                    shell.store(stored);
                }
                shell.restart(&dealt, 1);
            }
            Step::Clock(now) => shell.now = Instant(now),
            Step::Persist | Step::Fail(_) => {}
        }
        sent.extend(core::mem::take(&mut shell.replies).into_values().filter_map(|reply| match reply {
            Reply::Answered(answer) => Some(*answer),
            Reply::Refused(refusal) => {
                assert_eq!(refusal, Refusal::Unavailable);
                None
            }
        }));
    }
    // What clients have is in the log, and the log is one chain.
    assert_chain(&shell.disk);
    for answer in &sent {
        let place = usize::try_from(answer.answer.position).expect("small") - 1;
        assert_eq!(shell.disk.get(place), Some(answer));
    }
    // An auditor with every receipt finds nothing.
    let mut audit = super::audits::audit();
    for answer in sent {
        assert_eq!(audit.expect(answer, dealt.held_by(1)), Ok(()));
    }
    for entry in &shell.disk {
        audit.read(&entry.encode(), dealt.held_by(1));
    }
    audit.end();
    assert_eq!(audit.poll(), None);
    assert!(!shell.events.iter().any(|event| matches!(event, Event::LogDiffers { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nobody_is_ever_given_two_answers_for_one_place(steps in proptest::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}

#[test]
fn a_write_that_failed_in_part_before_a_crash_leaves_one_chain() {
    let ask = Step::Ask(1);
    run(&[ask, ask, ask, Step::Persist, Step::Fail(1), Step::Crash(0), ask, Step::Persist]);
    run(&[
        ask,
        ask,
        ask,
        Step::Persist,
        Step::Fail(1),
        ask,
        Step::Resume,
        ask,
        Step::Crash(9),
        ask,
        Step::Persist,
    ]);
}
