//! Guardians that answer late, lose answers, or ask to wait: whatever guess they
//! counted is given back.

use super::*;

fn registered() -> (Kit, Network) {
    let kit = kit("1234", configuration(3, 2), 4, 1);
    let network = Network::holding(&kit);
    (kit, network)
}

/// Carries the first `lost` requests of a phase out, and loses the answers.
fn losing(lost: usize, phase: Phase) -> Behaviour {
    let mut left = lost;
    Box::new(move |shell, asked, request| {
        let answer = outcome(shell.serve(&card(), request));
        if asked == phase && left > 0 {
            left -= 1;
            return None;
        }
        Some(answer)
    })
}

#[test]
fn the_secret_is_back_as_soon_as_t_answered_and_a_slow_guardian_is_seen_through() {
    let (kit, mut network) = registered();
    network.delays_ms[1] = 3_000;
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(run.at_ms[0], 0, "nobody waits for the third guardian");
    assert_eq!(network.guesses_left(), [Some(4); 3]);
    assert!(run.faults.is_empty());
}

#[test]
fn a_guardian_that_turned_slow_with_a_spent_guess_gets_it_back() {
    let (kit, mut network) = registered();
    network.behaviours[1] = losing(1, Phase::Second);
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(network.guesses_left(), [Some(4); 3]);
    // Eight seconds of patience for the second phase, then the third.
    assert_eq!(run.at_ms, [0, 8_000]);
}

#[test]
fn a_last_phase_whose_answer_was_lost_is_sent_again() {
    let (kit, mut network) = registered();
    let mut first = true;
    network.behaviours[1] = Box::new(move |shell, phase, request| {
        // The request itself is lost, so the guess is not given back by it.
        if phase == Phase::Third && core::mem::take(&mut first) {
            return None;
        }
        Some(outcome(shell.serve(&card(), request)))
    });
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(run.sent.iter().filter(|sent| **sent == (1, Phase::Third)).count(), 2);
    assert_eq!(network.guesses_left(), [Some(4); 3]);
}

#[test]
fn a_guardian_that_asks_to_wait_before_the_last_phase_is_asked_again() {
    let (kit, mut network) = registered();
    let mut first = true;
    network.behaviours[2] = Box::new(move |shell, phase, request| {
        if phase == Phase::Third && core::mem::take(&mut first) {
            return Some(Err(Fault::TooMany { retry_in_ms: 2_500 }));
        }
        Some(outcome(shell.serve(&card(), request)))
    });
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(network.guesses_left(), [Some(4); 3]);
    assert_eq!(run.at_ms, [0, 2_500]);
}

#[test]
fn a_guardian_that_asks_to_wait_for_ever_does_not_keep_the_client() {
    let (kit, mut network) = registered();
    network.behaviours[2] = Box::new(|shell, phase, request| {
        if phase == Phase::Third {
            return Some(Err(Fault::TooMany { retry_in_ms: u64::MAX }));
        }
        Some(outcome(shell.serve(&card(), request)))
    });
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert!(run.at_ms[1] <= 16_000, "{:?}", run.at_ms);
}

#[test]
fn a_guardian_that_lost_every_last_phase_is_given_up_after_its_tries() {
    let (kit, mut network) = registered();
    network.behaviours[2] = losing(99, Phase::Third);
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(run.faults, BTreeMap::from([(2, Fault::Slow)]));
    assert_eq!(run.sent.iter().filter(|sent| **sent == (2, Phase::Third)).count(), 3);
    assert_eq!(network.guesses_left(), [Some(4); 3], "it did carry them out");
}

#[test]
fn guardians_that_never_answer_end_in_too_few_and_are_named_slow() {
    let (kit, mut network) = registered();
    network.behaviours[0] = Box::new(|_, _, _| None);
    network.behaviours[1] = Box::new(|_, _, _| None);
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_too_few(2, 1);
    assert_eq!(run.at_ms, [8_000, 8_000]);
    assert_eq!(run.faults, BTreeMap::from([(0, Fault::Slow), (1, Fault::Slow)]));
    assert_eq!(network.guesses_left(), [Some(4); 3]);
}

#[test]
fn a_late_answer_is_still_an_answer() {
    let (kit, mut network) = registered();
    // One is down, one answers its first question after its time is over; the
    // third keeps the recovery open that long.
    network.behaviours[0] = down();
    network.delays_ms[1] = 7_999;
    network.delays_ms[2] = 5_000;
    network.recover(kit.configuration(), None, "1234").assert_recovered();
    assert_eq!(network.guesses_left(), [Some(4); 3]);
}

#[test]
fn an_evaluation_that_comes_after_its_time_while_the_last_phase_is_under_way_counts() {
    let (kit, _) = registered();
    let mut network = Network::holding(&kit);
    // Two answer at once; the third's evaluation comes while its own last phase
    // is asked for.
    let mut held: Option<Response> = None;
    network.behaviours[1] = Box::new(move |shell, phase, request| {
        let answer = outcome(shell.serve(&card(), request));
        match phase {
            Phase::Second => {
                held = answer.ok();
                None
            }
            // The wrong answer, late, to the next question.
            Phase::Third => held.take().map(Ok).or(Some(answer)),
            Phase::First => Some(answer),
        }
    });
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(network.guesses_left(), [Some(4); 3]);
    assert_eq!(run.faults, BTreeMap::from([(1, Fault::Lied(Lie::WrongMessage))]));
}

#[test]
fn a_slow_disk_with_a_wrong_pin_settles_before_the_next_try() {
    let (kit, mut network) = registered();
    network.delays_ms[2] = 2_000;
    let run = network.recover(kit.configuration(), None, "4321");
    run.assert_failed(&RecoverError::WrongPin { guesses_left: 3 });
    assert_eq!(run.at_ms[0], 0);
    // The third was not needed to know that the PIN is wrong.
    assert_eq!(network.guesses_left(), [Some(3), Some(3), Some(4)]);
}
