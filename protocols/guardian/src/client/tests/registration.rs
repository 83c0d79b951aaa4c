//! Registration: all reachable, some away, some lost halfway.

use super::*;
use crate::realm::tests::owner;

/// Runs a registration; a guardian answers a phase, fails it, or never does.
fn register(
    network: &mut Network,
    kit: &Kit,
    guardians: &[usize],
    needed: usize,
    mut answers: impl FnMut(usize, Phase) -> Option<Result<(), Fault>>,
) -> (RegisterEvent, Register, Vec<(usize, Phase)>) {
    let mut machine = Register::new(kit.clone(), guardians, needed, Patience::default(), network.now);
    let (mut sent, mut events, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1_000 {
        while let Some(output) = machine.poll() {
            match output {
                Output::Send { guardian, phase, request } => {
                    sent.push((guardian, phase));
                    if let Some(answer) = answers(guardian, phase) {
                        let served = |()| outcome(network.shells[guardian].serve(&owner(), request));
                        let outcome = answer.and_then(served);
                        inputs.push(Input::Answer { guardian, phase, outcome });
                    }
                }
                Output::Compute(_) => panic!("nothing to stretch"),
                Output::Event(event) => events.push(event),
            }
        }
        if let Some(input) = inputs.pop() {
            let _ = machine.handle(network.now, input);
        } else if let Some(deadline) = machine.deadline() {
            network.now = deadline;
            machine.handle(network.now, Input::Time).expect("time is no guardian");
        } else {
            break;
        }
    }
    assert_eq!(events.len(), 1, "{events:?}");
    (events.remove(0), machine, sent)
}

fn all(_: usize, _: Phase) -> Option<Result<(), Fault>> {
    Some(Ok(()))
}

#[test]
fn a_registration_at_every_guardian_can_be_recovered() {
    let kit = kit("1234", configuration(5, 3), 9, 1);
    let mut network = Network::empty(5);
    let (event, machine, _) = register(&mut network, &kit, &[0, 1, 2, 3, 4], 3, all);
    assert_eq!(event, RegisterEvent::Registered { stored: 5 });
    assert_eq!(machine.stored().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(machine.faults().count(), 0);
    network.recover(kit.configuration(), Some(kit.verifying_key()), "1234").assert_recovered();
}

#[test]
fn too_few_guardians_change_nothing_at_those_that_are_there() {
    let kit = kit("1234", configuration(5, 3), 9, 1);
    let mut network = Network::empty(5);
    let (event, machine, sent) =
        register(&mut network, &kit, &[0, 1, 2, 3, 4], 3, |guardian, _| match guardian {
            0 | 1 => Some(Ok(())),
            2 => Some(Err(Fault::Unreachable("down".into()))),
            _ => None,
        });
    let error = RegisterError::TooFewReachable { needed: 3, reached: 2 };
    assert_eq!(event, RegisterEvent::Failed(error));
    assert!(sent.iter().all(|(_, phase)| *phase == Phase::First));
    assert!(network.shells.iter().all(|shell| shell.records.is_empty()));
    let faults: Vec<(usize, Fault)> = machine.faults().map(|(i, fault)| (i, fault.clone())).collect();
    assert_eq!(faults, [(2, Fault::Unreachable("down".into())), (3, Fault::Slow), (4, Fault::Slow)]);
}

#[test]
fn enough_guardians_are_enough_and_the_rest_are_given_their_part_later() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let mut network = Network::empty(3);
    let away = |guardian, _| if guardian == 2 { None } else { Some(Ok(())) };
    let (event, machine, _) = register(&mut network, &kit, &[0, 1, 2], 2, away);
    assert_eq!(event, RegisterEvent::Registered { stored: 2 });
    assert_eq!(machine.stored().collect::<Vec<_>>(), [0, 1]);
    let (event, ..) = register(&mut network, &kit, &[2], 1, all);
    assert_eq!(event, RegisterEvent::Registered { stored: 1 });
    network.behaviours[0] = down();
    network.recover(kit.configuration(), None, "1234").assert_recovered();
}

#[test]
fn a_registration_lost_halfway_is_completed_from_the_same_kit() {
    let kit = kit("1234", configuration(3, 2), 9, 1);
    let mut network = Network::empty(3);
    let lost = |guardian, phase| match (guardian, phase) {
        (0, _) | (_, Phase::First) => Some(Ok(())),
        _ => Some(Err(Fault::Unreachable("lost".into()))),
    };
    let (event, ..) = register(&mut network, &kit, &[0, 1, 2], 2, lost);
    assert_eq!(event, RegisterEvent::Failed(RegisterError::Interrupted { needed: 2, stored: 1 }));
    let (event, ..) = register(&mut network, &kit, &[0, 1, 2], 2, all);
    assert_eq!(event, RegisterEvent::Registered { stored: 3 });
    network.recover(kit.configuration(), None, "1234").assert_recovered();
}

#[test]
fn a_guardian_that_answers_another_question_is_named() {
    let kit = kit("1234", configuration(1, 1), 9, 1);
    let mut machine = Register::new(kit, &[0], 1, Patience::default(), Instant(5));
    let outcome = Ok(Response::Delete);
    let accused = machine.handle(Instant(5), Input::Answer { guardian: 0, phase: Phase::First, outcome });
    assert_eq!(accused, Err(Accused { guardian: 0, fault: Fault::Lied(Lie::WrongMessage) }));
}

#[test]
fn wanting_none_or_naming_guardians_that_do_not_exist_still_ends() {
    let kit = kit("1234", configuration(1, 1), 9, 1);
    let mut network = Network::empty(1);
    let nobody = |_, _| Some(Err(Fault::Slow));
    let (event, ..) = register(&mut network, &kit, &[0], 0, nobody);
    assert_eq!(event, RegisterEvent::Registered { stored: 0 });
    let (event, ..) = register(&mut network, &kit, &[7], 1, all);
    let error = RegisterError::TooFewReachable { needed: 1, reached: 0 };
    assert_eq!(event, RegisterEvent::Failed(error));
}
