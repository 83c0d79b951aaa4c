//! Never more than ⌊n·L/t⌋ guesses, whoever is reachable and whatever crashes,
//! and afterwards nothing, not even for the right PIN.

use proptest::prelude::*;

use allod_threshold::juicebox::start;

use super::*;
use crate::juicebox::{Recover2, Recover2Request};

/// What happens to one guardian in one attempt.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Not reached.
    Away,
    /// Asked, written and answered.
    Answers,
    /// The power goes before the write.
    CrashesBefore,
    /// The power goes between the write and the answer.
    CrashesAfter,
    /// The disk is full.
    CannotWrite,
    /// Asked twice at once for the same blinded input.
    AskedTwice,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Away),
        6 => Just(Fate::Answers),
        1 => Just(Fate::CrashesBefore),
        1 => Just(Fate::CrashesAfter),
        1 => Just(Fate::CannotWrite),
        1 => Just(Fate::AskedTwice),
    ]
}

/// Guardians, threshold (more than half) and guesses.
fn sizes() -> impl Strategy<Value = (u8, u8, u16)> {
    (1u8..=5).prop_flat_map(|n| (Just(n), (n / 2 + 1)..=n, 1u16..=4))
}

/// Whether the guardian evaluated this input, as far as anybody outside saw.
fn evaluated(shell: &mut Shell, kit: &Kit, seed: u64, fate: Fate) -> bool {
    let (_, blinded) = start(b"a wrong PIN", &mut Seeded::new(seed));
    let guess = || {
        let oprf_blinded_input = blinded.to_bytes();
        Request::Recover2(Recover2Request { version: kit.version(), oprf_blinded_input })
    };
    let mut tickets = Vec::new();
    match fate {
        Fate::Away => {}
        Fate::Answers => {
            tickets.push(shell.ask(&card(), guess()));
            shell.write_all();
        }
        Fate::CrashesBefore => {
            shell.ask(&card(), guess());
            shell.crash();
        }
        Fate::CrashesAfter => {
            shell.ask(&card(), guess());
            if !shell.writes.is_empty() {
                shell.write_silently();
            }
            shell.crash();
        }
        Fate::CannotWrite => {
            tickets.push(shell.ask(&card(), guess()));
            while !shell.writes.is_empty() {
                shell.fail_one();
            }
        }
        Fate::AskedTwice => {
            tickets.push(shell.ask(&card(), guess()));
            tickets.push(shell.ask(&card(), guess()));
            shell.write_all();
        }
    }
    tickets.iter().any(|ticket| {
        let answer = shell.answers.remove(ticket);
        matches!(answer, Some(Answer::Response { response: Response::Recover2(Recover2::Ok(_)), .. }))
    })
}

/// Tries PINs until every guardian's guesses are gone; how many PINs got t
/// evaluations.
fn attack(
    (n, t, guesses): (u8, u8, u16),
    mut fate: impl FnMut(u64, usize, &Network) -> Fate,
    attempts: u64,
) -> (u64, Network, Kit) {
    let kit = kit("1234", configuration(n, t), guesses, 1);
    let mut network = Network::holding(&kit);
    let mut tried = 0;
    for attempt in 0..attempts {
        let fates: Vec<Fate> = (0..n.into()).map(|guardian| fate(attempt, guardian, &network)).collect();
        let evaluations = fates
            .into_iter()
            .enumerate()
            .filter(|(guardian, fate)| evaluated(&mut network.shells[*guardian], &kit, attempt, *fate))
            .count();
        tried += u64::from(evaluations >= t.into());
    }
    (tried, network, kit)
}

fn bound((n, t, guesses): (u8, u8, u16)) -> u64 {
    u64::from(n) * u64::from(guesses) / u64::from(t)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_schedule_of_crashes_gives_more_than_the_guesses_there_are(
        sizes in sizes(),
        fates in proptest::collection::vec(proptest::collection::vec(fate(), 5), 1..24),
    ) {
        let attempts = fates.len() as u64;
        let (tried, mut network, kit) =
            attack(sizes, |attempt, guardian, _| fates[attempt as usize][guardian], attempts);
        prop_assert!(tried <= bound(sizes), "{tried} of {}", bound(sizes));

        // Then until nothing is left anywhere: final, also for the right PIN.
        for attempt in 0..u64::from(sizes.2) + 1 {
            for shell in &mut network.shells {
                evaluated(shell, &kit, 1_000 + attempt, Fate::Answers);
            }
        }
        let run = network.recover(kit.configuration(), None, "1234");
        let guardians = usize::from(sizes.0);
        run.assert_failed(&RecoverError::OutOfGuesses { destroyed: guardians, guardians });
    }

    #[test]
    fn the_machine_itself_gets_no_more_than_the_guesses_there_are(
        sizes in sizes(),
        reachable in proptest::collection::vec(any::<u8>(), 20),
    ) {
        let (n, t, guesses) = sizes;
        let kit = kit("1234", configuration(n, t), guesses, 1);
        let mut network = Network::holding(&kit);
        let mut wrong = 0;
        for reachable in reachable {
            for guardian in 0..usize::from(n) {
                network.behaviours[guardian] =
                    if reachable >> guardian & 1 == 1 { honest() } else { down() };
            }
            let run = network.recover(kit.configuration(), None, "4321");
            prop_assert!(run.secret().is_none());
            wrong += u64::from(matches!(run.error(), Some(RecoverError::WrongPin { .. })));
        }
        prop_assert!(wrong <= bound(sizes));
    }
}

#[test]
fn the_cleverest_choice_of_guardians_reaches_the_bound_and_does_not_pass_it() {
    for sizes in [(3, 2, 2), (3, 2, 3), (5, 3, 3), (4, 3, 3), (5, 4, 2), (1, 1, 4), (2, 2, 3)] {
        let (n, t, _) = sizes;
        let most_left = |_, guardian: usize, network: &Network| {
            let left = network.guesses_left();
            let better = (0..usize::from(n))
                .filter(|other| {
                    (left[*other], core::cmp::Reverse(*other))
                        > (left[guardian], core::cmp::Reverse(guardian))
                })
                .count();
            if better < t.into() { Fate::Answers } else { Fate::Away }
        };
        let (tried, mut network, kit) = attack(sizes, most_left, 2 * bound(sizes) + 2);
        assert_eq!(tried, bound(sizes), "{sizes:?}");
        network
            .recover(kit.configuration(), None, "1234")
            .error()
            .filter(|error| matches!(error, RecoverError::OutOfGuesses { .. }))
            .expect("final");
    }
}
