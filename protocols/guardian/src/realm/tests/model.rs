//! The realm against a small reference: a counter with three states, which loses
//! nothing in a crash but what was not written.

use proptest::prelude::*;

use super::*;

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    Register(u16),
    Name,
    Guess,
    RightTag,
    WrongTag,
    Delete,
    Write,
    WriteSilently,
    Fail,
    Crash,
}

/// What an account should be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Empty,
    Registered { left: u16, of: u16 },
    Destroyed,
}

impl Model {
    fn of(record: Option<&Record>) -> Self {
        match record {
            None => Self::Empty,
            Some(Record::Destroyed) => Self::Destroyed,
            Some(Record::Registered(registration)) => {
                let of = registration.parts.policy.num_guesses;
                Self::Registered { left: registration.guesses_left(), of }
            }
        }
    }

    /// The state after a request, and the number an evaluation shows.
    fn after(self, step: Step) -> (Self, Option<u16>) {
        match (step, self) {
            (Step::Register(of), _) => (Self::Registered { left: of, of }, None),
            (Step::Delete, _) => (Self::Empty, None),
            (Step::Name | Step::Guess | Step::WrongTag, Self::Registered { left: 0, .. }) => {
                (Self::Destroyed, None)
            }
            (Step::Guess, Self::Registered { left, of }) => {
                (Self::Registered { left: left - 1, of }, Some(of - left + 1))
            }
            (Step::RightTag, Self::Registered { of, .. }) => (Self::Registered { left: of, of }, None),
            (_, same) => (same, None),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1u16..5).prop_map(Step::Register),
        2 => Just(Step::Name),
        8 => Just(Step::Guess),
        1 => Just(Step::RightTag),
        2 => Just(Step::WrongTag),
        1 => Just(Step::Delete),
        8 => Just(Step::Write),
        1 => Just(Step::WriteSilently),
        1 => Just(Step::Fail),
        1 => Just(Step::Crash),
    ]
}

/// The state that requests meet: that of the last write on its way, or else what
/// is durable.
fn newest(queue: &[Model], durable: Model) -> Model {
    queue.last().copied().unwrap_or(durable)
}

fn run(steps: &[Step]) {
    let mut shell = Shell::new(RealmId([1; 16]));
    let mut durable = Model::Empty;
    let mut queue: Vec<Model> = Vec::new();
    let mut expected: BTreeMap<Ticket, Option<u16>> = BTreeMap::new();
    for step in steps {
        let request = match step {
            Step::Register(of) => Request::Register2(parts(*of)),
            Step::Name => Request::Recover1,
            Step::Guess => guess(),
            Step::RightTag => right_tag(),
            Step::WrongTag => wrong_tag(),
            Step::Delete => Request::Delete,
            Step::Write | Step::Fail | Step::WriteSilently | Step::Crash => {
                match step {
                    Step::Write if !queue.is_empty() => {
                        shell.write_one();
                        durable = queue.remove(0);
                    }
                    // Where a later write fails alone, what it would have
                    // changed is gone; where an earlier one does, the later
                    // brings both.
                    Step::Fail if !queue.is_empty() => {
                        shell.fail_one();
                        queue.remove(0);
                    }
                    Step::WriteSilently if !queue.is_empty() => {
                        shell.write_silently();
                        durable = queue.remove(0);
                        shell.crash();
                        queue.clear();
                    }
                    Step::Crash => {
                        shell.crash();
                        queue.clear();
                    }
                    _ => {}
                }
                assert_eq!(Model::of(shell.records.get(&ACCOUNT)), durable);
                continue;
            }
        };
        let before = newest(&queue, durable);
        let (after, evaluation) = before.after(*step);
        let writes = shell.writes.len();
        let ticket = shell.ask(&owner(), request);
        expected.insert(ticket, evaluation);
        if shell.writes.len() > writes {
            queue.push(after);
        }
        assert_eq!(newest(&queue, durable), after, "{step:?}");
        // Whatever was answered until now tells of what is durable.
        for (ticket, answer) in &shell.answers {
            match answer {
                Answer::Response { response: Response::Recover2(Recover2::Ok(answer)), .. } => {
                    assert_eq!(expected[ticket], Some(answer.guess_count));
                }
                Answer::Refused { refusal: Refusal::Unavailable, .. } => {}
                Answer::Response { .. } => assert_eq!(expected[ticket], None),
                other => panic!("{other:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn the_realm_is_its_model_whatever_crashes(steps in proptest::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}

#[test]
fn guesses_between_crashes_are_never_given_back() {
    run(&[Step::Register(2), Step::Write, Step::Guess, Step::WriteSilently, Step::Guess, Step::Write]);
    run(&[Step::Register(1), Step::Write, Step::Guess, Step::Guess, Step::Fail, Step::Write, Step::RightTag]);
}
