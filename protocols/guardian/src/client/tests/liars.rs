//! Every kind of liar: named, harmless while few enough, and a clear error
//! otherwise.

use allod_threshold::juicebox::{BlindedInput, PrivateKey, blind_evaluate};

use super::*;
use crate::juicebox::{Recover1, Recover2, Recover2Answer, Recover3, Recover3Answer, secret};

/// Changes an evaluation.
fn evaluation(change: impl Fn(&mut Recover2Answer) + 'static) -> impl Fn(Response) -> Response + Clone
where
{
    let change = alloc::rc::Rc::new(change);
    move |response| match response {
        Response::Recover2(Recover2::Ok(mut answer)) => {
            change(&mut answer);
            Response::Recover2(Recover2::Ok(answer))
        }
        other => other,
    }
}

/// Answers its last phase otherwise.
fn last_phase(
    change: impl Fn(Box<Recover3Answer>) -> Recover3 + Clone + 'static,
) -> impl Fn(Response) -> Response + Clone {
    move |response| match response {
        Response::Recover3(Recover3::Ok(answer)) => Response::Recover3(change(answer)),
        other => other,
    }
}

/// Runs a recovery where the last `liars` of five guardians (three needed) lie.
fn with_liars(liars: usize, key: bool, lie: &(impl Fn(Response) -> Response + Clone + 'static)) -> Run {
    let kit = kit("1234", configuration(5, 3), 9, 1);
    let mut network = Network::holding(&kit);
    for guardian in 5 - liars..5 {
        network.behaviours[guardian] = lying(lie.clone());
    }
    network.recover(kit.configuration(), key.then(|| kit.verifying_key()), "1234")
}

/// Two liars are named and harmless; three are named, and the error says that
/// too few were of use.
fn assert_named(expected: Lie, usable: usize, lie: impl Fn(Response) -> Response + Clone + 'static) {
    for key in [true, false] {
        for liars in 1..=2 {
            let run = with_liars(liars, key, &lie);
            run.assert_recovered();
            let named = (5 - liars..5).map(|guardian| (guardian, Fault::Lied(expected))).collect();
            assert_eq!(run.faults, named);
        }
        let run = with_liars(3, key, &lie);
        run.assert_too_few(3, usable);
        assert!((2..5).all(|guardian| run.faults[&guardian] == Fault::Lied(expected)), "{run:?}");
        assert!((2..5).all(|guardian| { run.accused.iter().any(|accused| accused.guardian == guardian) }));
    }
}

#[test]
fn a_guardian_that_answers_no_message_at_all_is_named() {
    assert!(Response::decode(b"garbage").is_err());
    for liars in 1..=3 {
        let kit = kit("1234", configuration(5, 3), 9, 1);
        let mut network = Network::holding(&kit);
        for guardian in 0..liars {
            network.behaviours[guardian] = Box::new(|_, _, _| Some(Err(Fault::Lied(Lie::Garbage))));
        }
        let run = network.recover(kit.configuration(), None, "1234");
        if liars <= 2 {
            run.assert_recovered();
        } else {
            run.assert_too_few(3, 2);
        }
        assert!((0..liars).all(|guardian| run.faults[&guardian] == Fault::Lied(Lie::Garbage)));
    }
}

#[test]
fn a_guardian_that_answers_another_question_is_named() {
    assert_named(Lie::WrongMessage, 2, |_| Response::Register1);
    assert_named(Lie::WrongMessage, 2, |response| match response {
        Response::Recover2(_) => Response::Recover1(Recover1::NotRegistered),
        other => other,
    });
    assert_named(Lie::WrongMessage, 2, |response| match response {
        Response::Recover3(_) => Response::Delete,
        other => other,
    });
}

#[test]
fn a_guardian_whose_key_was_not_signed_for_it_is_named() {
    assert_named(Lie::KeySignature, 2, evaluation(|answer| answer.oprf_signed_public_key.signature[0] ^= 1));
}

#[test]
fn a_guardian_that_swaps_its_public_key_is_named() {
    assert_named(
        Lie::KeySignature,
        2,
        evaluation(|answer| {
            let other = PrivateKey::random(&mut Seeded::new(5)).public_key();
            answer.oprf_signed_public_key.public_key = other.to_bytes();
        }),
    );
}

#[test]
fn a_guardian_that_shows_no_group_element_is_named() {
    assert_named(Lie::NotAnElement, 2, evaluation(|answer| answer.oprf_blinded_result = [0xFF; 32]));
    // The identity would make the output independent of the PIN.
    assert_named(Lie::NotAnElement, 2, evaluation(|answer| answer.oprf_blinded_result = [0; 32]));
}

#[test]
fn a_guardian_whose_proof_is_wrong_is_named() {
    assert_named(Lie::BadProof, 2, evaluation(|answer| answer.oprf_proof.beta_z[0] ^= 1));
    assert_named(Lie::BadProof, 2, evaluation(|answer| answer.oprf_proof.c[0] ^= 1));
    assert_named(Lie::BadProof, 2, evaluation(|answer| answer.oprf_proof.c = [0xFF; 32]));
}

#[test]
fn a_guardian_that_evaluates_with_another_key_is_named() {
    // Its proof is a good one, for a key that is not its share.
    for liars in 1..=3 {
        let kit = kit("1234", configuration(5, 3), 9, 1);
        let mut network = Network::holding(&kit);
        for guardian in 0..liars {
            network.behaviours[guardian] = Box::new(|shell, _, request| {
                let blinded = match &request {
                    Request::Recover2(guess) => BlindedInput::from_bytes(&guess.oprf_blinded_input).ok(),
                    _ => None,
                };
                let mut answer = outcome(shell.serve(&card(), request));
                if let (Some(blinded), Ok(Response::Recover2(Recover2::Ok(answer)))) = (blinded, &mut answer)
                {
                    let mut rng = Seeded::new(6);
                    let key = PrivateKey::random(&mut rng);
                    let (output, proof) = blind_evaluate(&key, &key.public_key(), &blinded, &mut rng);
                    answer.oprf_blinded_result = output.to_bytes();
                    answer.oprf_proof = crate::juicebox::Proof { c: proof.c(), beta_z: proof.beta_z() };
                }
                Some(answer)
            });
        }
        let run = network.recover(kit.configuration(), None, "1234");
        if liars <= 2 {
            run.assert_recovered();
        } else {
            run.assert_too_few(3, 2);
        }
        assert!((0..liars).all(|guardian| run.faults[&guardian] == Fault::Lied(Lie::BadProof)));
        // What it spent is seen through nonetheless.
        if liars <= 2 {
            assert_eq!(network.guesses_left(), [Some(9); 5]);
        }
    }
}

#[test]
fn a_guardian_that_answers_for_another_account_is_named() {
    // It holds, under the same version, what belongs to another person: its own
    // key, well signed for its own realm, with good proofs.
    let mine = kit("1234", configuration(5, 3), 9, 1);
    for known in [true, false] {
        for liars in 1..=3usize {
            let mut network = Network::holding(&mine);
            for guardian in 0..liars {
                let other = kit("9999", configuration(5, 3), 9, 2);
                let Some(Request::Register2(mut parts)) = other.request(guardian) else { panic!() };
                parts.version = mine.version();
                network.shells[guardian].response(&owner(), Request::Register2(parts));
            }
            let key = known.then(|| mine.verifying_key());
            let run = network.recover(mine.configuration(), key, "1234");
            let named = (0..liars)
                .filter(|guardian| run.faults.get(guardian) == Some(&Fault::Lied(Lie::OtherAccount)));
            match (known, liars) {
                (_, 1 | 2) => {
                    run.assert_recovered();
                    assert_eq!(named.count(), liars);
                }
                (true, _) => {
                    run.assert_too_few(3, 2);
                    assert_eq!(named.count(), liars);
                }
                // Without a key to know them by, a majority of liars is believed,
                // and the PIN is not that of their account.
                (false, _) => run.assert_failed(&RecoverError::WrongPin { guesses_left: 8 }),
            }
        }
    }
}

#[test]
fn a_guardian_that_shows_a_commitment_of_its_own_is_named_and_cannot_make_the_pin_look_wrong() {
    let lie = evaluation(|answer| answer.unlock_key_commitment[0] ^= 1);
    for liars in 1..=4 {
        let run = with_liars(liars, true, &lie);
        // One true commitment tells that the PIN was right; the shares are good.
        run.assert_recovered();
        let answered: Vec<usize> = run.faults.keys().copied().collect();
        assert!(run.faults.values().all(|fault| *fault == Fault::Lied(Lie::OtherCommitment)), "{run:?}");
        assert!(answered.iter().all(|guardian| *guardian >= 5 - liars), "{answered:?}");
    }
}

#[test]
fn a_guardian_whose_count_of_guesses_cannot_be_is_named() {
    assert_named(Lie::GuessCount, 2, evaluation(|answer| answer.guess_count = 0));
    assert_named(Lie::GuessCount, 2, evaluation(|answer| answer.guess_count = answer.num_guesses + 1));
    assert_named(Lie::GuessCount, 2, evaluation(|answer| answer.num_guesses = 0));
}

#[test]
fn guardians_that_exaggerate_the_guesses_left_are_not_believed() {
    let kit = kit("1234", configuration(5, 3), 3, 1);
    let mut network = Network::holding(&kit);
    for guardian in 0..2 {
        network.behaviours[guardian] = lying(evaluation(|answer| answer.num_guesses = u16::MAX));
    }
    let run = network.recover(kit.configuration(), None, "4321");
    run.assert_failed(&RecoverError::WrongPin { guesses_left: 2 });
}

#[test]
fn a_guardian_that_refuses_the_right_tag_is_named() {
    let refuse = |_| Recover3::BadUnlockKeyTag { guesses_remaining: 3 };
    assert_named(Lie::RefusedRightTag, 2, last_phase(refuse));
}

#[test]
fn a_guardian_that_shows_another_share_is_named() {
    assert_named(
        Lie::BadShare,
        2,
        last_phase(|mut answer| {
            answer.encryption_key_scalar_share.expose_mut()[0] ^= 1;
            Recover3::Ok(answer)
        }),
    );
    assert_named(
        Lie::BadShare,
        2,
        last_phase(|mut answer| {
            answer.encrypted_secret[7] ^= 1;
            Recover3::Ok(answer)
        }),
    );
    assert_named(
        Lie::BadShare,
        2,
        last_phase(|mut answer| {
            answer.encrypted_secret_commitment[15] ^= 1;
            Recover3::Ok(answer)
        }),
    );
}

#[test]
fn a_guardian_that_takes_back_what_it_said_is_named() {
    assert_named(Lie::Contradiction, 2, |response| match response {
        Response::Recover2(_) => Response::Recover2(Recover2::NotRegistered),
        other => other,
    });
    assert_named(Lie::Contradiction, 2, last_phase(|_| Recover3::NotRegistered));
}

#[test]
fn a_guardian_that_got_another_registration_meanwhile_is_behind_and_no_liar() {
    // Another device of the same person may register at any moment.
    let second = |response| match response {
        Response::Recover2(_) => Response::Recover2(Recover2::VersionMismatch),
        other => other,
    };
    let run = with_liars(2, true, &second);
    run.assert_recovered();
    assert!(run.faults.values().all(|fault| *fault == Fault::OtherVersion), "{run:?}");
    let third = last_phase(|_| Recover3::VersionMismatch);
    let run = with_liars(2, true, &third);
    run.assert_recovered();
    assert!(run.faults.values().all(|fault| *fault == Fault::OtherVersion), "{run:?}");
}

#[test]
fn guardians_that_say_their_guesses_ran_out_are_believed_only_in_numbers_that_matter() {
    let lie = |response| match response {
        Response::Recover1(_) => Response::Recover1(Recover1::NoGuesses),
        other => other,
    };
    with_liars(2, true, &lie).assert_recovered();
    with_liars(3, true, &lie).assert_failed(&RecoverError::OutOfGuesses { destroyed: 3, guardians: 5 });
}

#[test]
fn a_guardian_that_shows_its_share_of_an_older_dealing_is_named() {
    // After a redeal the old share is still a committed one: the same unlock
    // key, the same guardian, the same encrypted secret.
    let old = kit("1234", configuration(5, 3), 9, 1);
    let new = old.redeal(old.configuration().clone(), &mut Seeded::new(4)).expect("dealt");
    for liars in 1..=3 {
        let mut network = Network::holding(&new);
        for guardian in 0..liars {
            let Some(Request::Register2(parts)) = old.request(guardian) else { panic!() };
            let answer = Recover3Answer {
                encryption_key_scalar_share: parts.encryption_key_scalar_share.clone(),
                encrypted_secret: parts.encrypted_secret,
                encrypted_secret_commitment: parts.encrypted_secret_commitment,
            };
            network.behaviours[guardian] = lying(last_phase(move |_| Recover3::Ok(Box::new(answer.clone()))));
        }
        let run = network.recover(new.configuration(), Some(new.verifying_key()), "1234");
        // Whoever brings t shares of one dealing together opens the secret, so
        // three liars of five only give away what they want to hide.
        run.assert_recovered();
        assert_eq!(run.faults.len(), if liars == 3 { 2 } else { liars }, "{run:?}");
        assert!(run.faults.values().all(|fault| *fault == Fault::Lied(Lie::BadShare)));
    }
    // Two old shares and two new ones fit nowhere.
    let mut network = Network::holding(&new);
    for guardian in 0..2 {
        let Some(Request::Register2(parts)) = old.request(guardian) else { panic!() };
        let answer = Recover3Answer {
            encryption_key_scalar_share: parts.encryption_key_scalar_share.clone(),
            encrypted_secret: parts.encrypted_secret,
            encrypted_secret_commitment: parts.encrypted_secret_commitment,
        };
        network.behaviours[guardian] = lying(last_phase(move |_| Recover3::Ok(Box::new(answer.clone()))));
    }
    network.behaviours[2] = Box::new(|shell, phase, request| match phase {
        Phase::Third => Some(Err(Fault::Unreachable("gone".into()))),
        _ => Some(outcome(shell.serve(&card(), request))),
    });
    let run = network.recover(new.configuration(), None, "1234");
    run.assert_failed(&RecoverError::Corrupt);
}

#[test]
fn a_commitment_made_up_by_liars_never_makes_a_wrong_pin_look_right() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let mut network = Network::holding(&kit);
    for behaviour in &mut network.behaviours {
        *behaviour = lying(evaluation(|answer| {
            // All they can know: what was registered, and what they evaluated.
            answer.unlock_key_commitment = answer.oprf_blinded_result;
        }));
    }
    let run = network.recover(kit.configuration(), None, "4321");
    run.assert_failed(&RecoverError::WrongPin { guesses_left: 8 });
    let (_, commitment) = secret::unlock_key(&allod_crypto::Secret::from([0; 64]));
    assert_ne!(commitment, [0; 32]);
}
