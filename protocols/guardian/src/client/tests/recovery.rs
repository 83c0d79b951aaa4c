//! Right and wrong PINs, guardians that are down, empty, out of guesses, or hold
//! another registration.

use super::*;

#[test]
fn the_right_pin_brings_the_secret_back_and_all_guesses() {
    let kit = kit("1234", configuration(5, 3), 4, 1);
    for key in [None, Some(kit.verifying_key())] {
        let mut network = Network::holding(&kit);
        let run = network.recover(kit.configuration(), key, "1234");
        run.assert_recovered();
        assert!(run.faults.is_empty() && run.accused.is_empty());
        assert_eq!(network.guesses_left(), [Some(4); 5]);
        let RecoverEvent::Recovered(recovered) = &run.events[0] else { panic!() };
        assert_eq!(recovered.version, kit.version());
    }
}

#[test]
fn one_guardian_of_one_is_enough_where_that_was_wanted() {
    let kit = kit("1234", configuration(1, 1), 1, 1);
    Network::holding(&kit).recover(kit.configuration(), None, "1234").assert_recovered();
}

#[test]
fn two_hundred_and_fifty_five_guardians_are_not_too_many() {
    let kit = kit("1234", configuration(255, 128), 2, 1);
    let mut network = Network::holding(&kit);
    network.recover(kit.configuration(), None, "1234").assert_recovered();
    assert!(network.guesses_left().iter().all(|left| *left == Some(2)));
}

#[test]
fn a_wrong_pin_says_so_and_how_many_guesses_are_left_until_the_last() {
    let kit = kit("1234", configuration(3, 2), 3, 1);
    let mut network = Network::holding(&kit);
    for guesses_left in [2, 1, 0] {
        let run = network.recover(kit.configuration(), None, "4321");
        run.assert_failed(&RecoverError::WrongPin { guesses_left });
        assert_eq!(network.guesses_left(), [Some(guesses_left); 3]);
        // An unlock tag that is not known to be right is never shown.
        assert_eq!(run.asked(Phase::Third), 0);
        assert!(run.faults.is_empty(), "a wrong PIN is no guardian's fault");
    }
    let last = RecoverError::WrongPin { guesses_left: 0 }.to_string();
    assert!(last.contains("last guess"), "{last}");
}

#[test]
fn out_of_guesses_is_final_also_for_the_right_pin() {
    let kit = kit("1234", configuration(3, 2), 1, 1);
    let mut network = Network::holding(&kit);
    network.recover(kit.configuration(), None, "4321");
    for _ in 0..3 {
        let run = network.recover(kit.configuration(), None, "1234");
        run.assert_failed(&RecoverError::OutOfGuesses { destroyed: 3, guardians: 3 });
        assert_eq!(run.asked(Phase::Second), 0);
    }
    for shell in &network.shells {
        assert_eq!(shell.records[&ACCOUNT], crate::realm::Record::Destroyed);
    }
}

#[test]
fn the_right_pin_after_wrong_ones_gives_every_guess_back() {
    let kit = kit("1234", configuration(3, 2), 3, 1);
    let mut network = Network::holding(&kit);
    network.recover(kit.configuration(), None, "1111");
    network.recover(kit.configuration(), None, "2222");
    assert_eq!(network.guesses_left(), [Some(1); 3]);
    network.recover(kit.configuration(), None, "1234").assert_recovered();
    assert_eq!(network.guesses_left(), [Some(3); 3]);
}

#[test]
fn any_t_guardians_are_enough_and_fewer_are_too_few() {
    let kit = kit("1234", configuration(5, 3), 9, 1);
    for reachable in 0u32..32 {
        let mut network = Network::holding(&kit);
        for guardian in 0..5 {
            if reachable >> guardian & 1 == 0 {
                network.behaviours[guardian] = down();
            }
        }
        let run = network.recover(kit.configuration(), None, "1234");
        let usable = reachable.count_ones() as usize;
        if usable >= 3 {
            run.assert_recovered();
        } else {
            run.assert_too_few(3, usable);
            // No guess is spent before enough guardians are there.
            assert_eq!(run.asked(Phase::Second), 0);
        }
        for guardian in 0..5 {
            let expected = reachable >> guardian & 1 == 0;
            let named = matches!(run.faults.get(&guardian), Some(Fault::Unreachable(_)));
            assert_eq!(named, expected, "{guardian} of {reachable:05b}");
        }
        assert_eq!(network.guesses_left(), [Some(9); 5]);
    }
}

#[test]
fn guardians_that_hold_nothing_are_named_and_a_majority_of_them_ends_it() {
    let kit = kit("1234", configuration(5, 3), 9, 1);
    for empty in 0..=5 {
        let mut network = Network::empty(5);
        (empty..5).for_each(|guardian| network.store(&kit, guardian));
        let run = network.recover(kit.configuration(), None, "1234");
        if empty <= 2 {
            run.assert_recovered();
        } else {
            run.assert_failed(&RecoverError::NotRegistered);
        }
        assert!((0..empty).all(|guardian| run.faults[&guardian] == Fault::NotRegistered));
        assert_eq!(run.faults.len(), empty);
    }
}

#[test]
fn some_destroyed_shares_do_not_matter_until_the_rest_are_too_few() {
    let kit = kit("1234", configuration(5, 3), 9, 1);
    for destroyed in 0..=5 {
        let mut network = Network::holding(&kit);
        for shell in &mut network.shells[..destroyed] {
            shell.records.insert(ACCOUNT, crate::realm::Record::Destroyed);
        }
        let run = network.recover(kit.configuration(), None, "1234");
        if destroyed <= 2 {
            run.assert_recovered();
        } else {
            run.assert_failed(&RecoverError::OutOfGuesses { destroyed, guardians: 5 });
        }
        assert!((0..destroyed).all(|guardian| run.faults[&guardian] == Fault::NoGuesses));
    }
}

#[test]
fn a_guardian_that_destroys_its_share_between_the_phases_is_named() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let mut network = Network::holding(&kit);
    network.behaviours[1] = Box::new(|shell, phase, request| {
        if phase == Phase::Second {
            shell.records.insert(ACCOUNT, crate::realm::Record::Destroyed);
        }
        Some(outcome(shell.serve(&card(), request)))
    });
    let run = network.recover(kit.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(run.faults, BTreeMap::from([(1, Fault::NoGuesses)]));
}

#[test]
fn guardians_that_hold_another_registration_are_named_and_spend_no_guess() {
    let (old, new) = (kit("1111", configuration(5, 3), 9, 1), kit("1234", configuration(5, 3), 9, 2));
    let mut network = Network::holding(&new);
    network.store(&old, 0);
    network.store(&old, 4);
    let run = network.recover(new.configuration(), None, "1234");
    run.assert_recovered();
    assert_eq!(run.faults, BTreeMap::from([(0, Fault::OtherVersion), (4, Fault::OtherVersion)]));
    assert!(!run.sent.contains(&(0, Phase::Second)) && !run.sent.contains(&(4, Phase::Third)));
}

#[test]
fn an_interrupted_registration_that_left_no_majority_spends_no_guess() {
    let (old, new) = (kit("1111", configuration(5, 3), 9, 1), kit("1234", configuration(5, 3), 9, 2));
    let mut network = Network::holding(&new);
    network.store(&old, 0);
    network.store(&old, 1);
    network.behaviours[2] = down();
    let run = network.recover(new.configuration(), None, "1234");
    run.assert_too_few(3, 2);
    assert_eq!(run.asked(Phase::Second), 0);
}

#[test]
fn a_guardian_refuses_the_token_or_wants_a_newer_program_and_is_named_for_that() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let faults = [
        Fault::NotAuthorized("expired".into()),
        Fault::UpgradeRequired,
        Fault::TooMany { retry_in_ms: 9 },
        Fault::Refused("disk".into()),
    ];
    for fault in faults {
        let mut network = Network::holding(&kit);
        let given = fault.clone();
        network.behaviours[2] = Box::new(move |_, _, _| Some(Err(given.clone())));
        let run = network.recover(kit.configuration(), None, "1234");
        run.assert_recovered();
        assert_eq!(run.accused, [Accused { guardian: 2, fault: fault.clone() }]);
        assert!(!run.accused[0].to_string().is_empty());
        let mut network = Network::holding(&kit);
        for guardian in 1..3 {
            let given = fault.clone();
            network.behaviours[guardian] = Box::new(move |_, _, _| Some(Err(given.clone())));
        }
        let run = network.recover(kit.configuration(), None, "1234");
        run.assert_too_few(2, 1);
        assert_eq!(run.faults, BTreeMap::from([(1, fault.clone()), (2, fault)]));
    }
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let mut rng = Seeded::new(1);
    let now = Instant(5);
    let mut machine = Recover::new(kit.configuration().clone(), Keys::Unknown, Patience::default(), now);
    while machine.poll().is_some() {}
    let version = kit.version();
    let named = || Ok(Response::Recover1(crate::juicebox::Recover1::Ok { version }));
    for (guardian, phase) in
        [(0, Phase::Second), (0, Phase::Third), (3, Phase::First), (usize::MAX, Phase::First)]
    {
        let input = Input::Answer { guardian, phase, outcome: named() };
        assert_eq!(machine.handle(now, &mut rng, input), Ok(()));
    }
    // One guardian that answers many times is still one.
    for _ in 0..3 {
        let input = Input::Answer { guardian: 0, phase: Phase::First, outcome: named() };
        assert_eq!(machine.handle(now, &mut rng, input), Ok(()));
    }
    // A PIN stretched for no registration is of no use.
    machine.handle(now, &mut rng, Input::Stretched(stretched("1234"))).expect("no guardian's fault");
    assert!(machine.poll().is_none());
}
