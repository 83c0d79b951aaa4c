//! Identities that change: with a device at once, with the root alone only after
//! a time in which every device can object.

use allod_did::{Did, Operation as LogOperation};
use allod_wire::Instant;

use super::*;
use crate::account::{Account, LogEntry, Pending};
use crate::{Action, Rejection};

/// An operation of Ann's root that adds the device `number`, as the next of her
/// log on the ledger.
fn addition(world: &World, number: u64) -> LogOperation {
    let mut log = world.people[ANN].log.clone();
    let mut sequence = 1;
    while let Some(LogEntry(entry)) = world.find::<LogEntry>(&(world.did(ANN), sequence)) {
        log.append(entry).unwrap();
        sequence += 1;
    }
    let at = Instant(100 + u64::from(sequence));
    let key = key(number).verifying_key().into();
    log.add_device(&world.people[ANN].root, key, "new", at).unwrap().clone()
}

fn log(operation: &LogOperation) -> Action {
    Action::Log { operation: operation.clone() }
}

fn complete(did: Did) -> Action {
    Action::Complete { did }
}

fn devices(world: &World) -> usize {
    world.account(ANN).state.devices().len()
}

#[test]
fn with_the_signature_of_a_device_a_change_counts_at_once() {
    let mut world = World::new();
    let operation = addition(&world, 50);
    assert_eq!(world.does(ANN, log(&operation)), Ok(()));
    assert_eq!(devices(&world), 2);
    assert_eq!(world.account(ANN).pending, None);
    let entry: LogEntry = world.get(&(world.did(ANN), 1));
    assert_eq!(entry, LogEntry(operation.clone()), "the log can be read here");
    let genesis: LogEntry = world.get(&(world.did(ANN), 0));
    assert_eq!(genesis.0, world.people[ANN].log.operations()[0]);
    assert!(matches!(world.does(ANN, log(&operation)), Err(Rejection::Log(_))), "once");
}

#[test]
fn a_device_without_the_root_changes_nothing() {
    let mut world = World::new();
    let mut log_of_eve = world.people[EVE].log.clone();
    let key = key(50).verifying_key().into();
    let foreign = log_of_eve.add_device(&world.people[EVE].root, key, "new", Instant(100)).unwrap().clone();
    assert_eq!(world.does(ANN, log(&foreign)), Err(Rejection::NotYours), "of another identity");
    assert_eq!(world.guard(0, log(&addition(&world, 50))), Err(Rejection::NotYours), "by a guardian");
    let unknown = Person::new(70);
    let mut theirs = unknown.log.clone();
    let operation = theirs.add_device(&unknown.root, key, "new", Instant(100)).unwrap().clone();
    assert_eq!(world.does(ANN, log(&operation)), Err(Rejection::NoIdentity));
}

#[test]
fn what_the_root_does_alone_waits_and_counts_when_its_time_has_come() {
    let mut world = World::new();
    let operation = addition(&world, 50);
    assert_eq!(world.happens(log(&operation)), Ok(()));
    let ripe = world.at.plus_ms(world.rules().recovery_ms);
    assert_eq!(world.account(ANN).pending, Some(Pending { operation: operation.clone(), ripe }));
    assert_eq!(devices(&world), 1, "nothing has changed yet");
    assert_eq!(world.find::<LogEntry>(&(world.did(ANN), 1)), None);
    let did = world.did(ANN);
    world.pass(world.rules().recovery_ms - 2 * STEP);
    assert_eq!(world.happens(complete(did)), Err(Rejection::TooEarly { until: ripe }));
    assert_eq!(world.happens(complete(did)), Ok(()));
    assert_eq!(world.at, ripe);
    assert_eq!(devices(&world), 2);
    assert_eq!(world.get::<LogEntry>(&(did, 1)), LogEntry(operation));
    assert_eq!(world.account(ANN).pending, None);
    assert_eq!(world.happens(complete(did)), Err(Rejection::NoRecovery));
    assert_eq!(world.happens(complete(Person::new(70).did())), Err(Rejection::NoIdentity));
}

#[test]
fn what_waits_is_something_that_could_be_done() {
    let mut world = World::new();
    let genesis = world.people[ANN].log.operations()[0].clone();
    assert!(matches!(world.happens(log(&genesis)), Err(Rejection::Log(_))));
    let mut log_of_ann = world.people[ANN].log.clone();
    let root = &world.people[ANN].root;
    log_of_ann.add_device(root, key(50).verifying_key().into(), "new", Instant(100)).unwrap();
    let second =
        log_of_ann.add_device(root, key(51).verifying_key().into(), "new", Instant(101)).unwrap().clone();
    assert!(matches!(world.happens(log(&second)), Err(Rejection::Log(_))), "the first is missing");
    let unknown = Person::new(70);
    let mut theirs = unknown.log.clone();
    let operation = theirs
        .add_device(&unknown.root, key(50).verifying_key().into(), "new", Instant(100))
        .unwrap()
        .clone();
    assert_eq!(world.happens(log(&operation)), Err(Rejection::NoIdentity));
    assert_eq!(world.account(ANN).pending, None);
}

#[test]
fn a_root_that_is_not_the_identitys_makes_nothing_wait() {
    let mut world = World::new();
    // The same content under another root's signature: the form is right.
    let right = addition(&world, 50);
    let mut bytes = right.encode();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    let forged = LogOperation::decode(&bytes).unwrap();
    assert!(matches!(world.happens(log(&forged)), Err(Rejection::Log(_))));
    assert_eq!(world.account(ANN).pending, None);
}

#[test]
fn one_change_waits_at_a_time() {
    let mut world = World::new();
    let (first, second) = (addition(&world, 50), addition(&world, 51));
    assert_eq!(world.happens(log(&first)), Ok(()));
    assert_eq!(world.happens(log(&second)), Err(Rejection::RecoveryUnderWay));
    assert_eq!(world.happens(log(&first)), Err(Rejection::RecoveryUnderWay), "nor does it wait anew");
}

#[test]
fn a_device_objects_and_the_root_alone_is_not_heard_for_a_while() {
    let mut world = World::new();
    let operation = addition(&world, 50);
    let did = world.did(ANN);
    assert_eq!(world.does(ANN, Action::Veto), Err(Rejection::NoRecovery), "to what?");
    world.happens(log(&operation)).unwrap();
    assert_eq!(world.does(BEN, Action::Veto), Err(Rejection::NoRecovery), "only the person's own devices");
    assert_eq!(world.does(ANN, Action::Veto), Ok(()));
    assert_eq!(world.account(ANN).vetoed, Some(world.at));
    assert_eq!(world.happens(log(&operation)), Err(Rejection::RecoveryVetoed));
    world.pass(world.rules().recovery_ms - 2 * STEP);
    assert_eq!(world.happens(complete(did)), Err(Rejection::NoRecovery), "it does not ripen");
    assert_eq!(world.happens(log(&operation)), Ok(()), "it may be tried again later");
    assert_eq!(world.does(ANN, Action::Veto), Ok(()), "and be objected to again");
    assert_eq!(devices(&world), 1);
}

#[test]
fn a_change_with_a_device_undoes_what_waits() {
    let mut world = World::new();
    let (theirs, mine) = (addition(&world, 50), addition(&world, 51));
    let did = world.did(ANN);
    world.happens(log(&theirs)).unwrap();
    assert_eq!(world.does(ANN, log(&mine)), Ok(()));
    assert_eq!(world.account(ANN).pending, None);
    world.pass(2 * world.rules().recovery_ms);
    assert_eq!(world.happens(complete(did)), Err(Rejection::NoRecovery));
    assert!(matches!(world.happens(log(&theirs)), Err(Rejection::Log(_))), "its place is taken");
}

#[test]
fn an_owner_with_a_device_is_faster_than_a_thief_with_the_root() {
    let mut world = World::new();
    let stolen = addition(&world, 50);
    world.happens(log(&stolen)).unwrap();
    // The owner has the root too, and makes the thief's worthless.
    let new_root = allod_did::Root::from_bytes(allod_crypto::Secret::from([9; 32]));
    let mut log_of_ann = world.people[ANN].log.clone();
    let rotation = log_of_ann.rotate_root(&world.people[ANN].root, &new_root, Instant(200)).unwrap().clone();
    assert_eq!(world.does(ANN, log(&rotation)), Ok(()));
    world.pass(3 * world.rules().recovery_ms);
    let did = world.did(ANN);
    assert_eq!(world.happens(complete(did)), Err(Rejection::NoRecovery));
    let mut fork = world.people[ANN].log.clone();
    fork.append(rotation).unwrap();
    let key = key(51).verifying_key().into();
    let attempt = fork.clone().add_device(&world.people[ANN].root, key, "thief", Instant(300)).cloned();
    assert!(attempt.is_err(), "the old root signs nothing that fits");
    let again = fork.add_device(&new_root, key, "laptop", Instant(300)).unwrap().clone();
    assert_eq!(world.happens(log(&again)), Ok(()));
}

#[test]
fn a_device_that_a_recovery_brought_can_act_and_the_old_ones_too() {
    let mut world = World::new();
    let operation = addition(&world, 50);
    let did = world.did(ANN);
    world.happens(log(&operation)).unwrap();
    world.pass(world.rules().recovery_ms);
    world.happens(complete(did)).unwrap();
    let device = key(50);
    let claim = crate::Claim::Device { did, device: device_id(&device), nonce: 1 };
    let pay = world.pay(BEN, 5);
    assert_eq!(world.ask(world.body(claim, pay).sign(&device)), Ok(()));
    assert_eq!(world.does(ANN, world.pay(BEN, 5)), Ok(()));
}

#[test]
fn a_full_log_takes_nothing_more_and_its_account_can_still_be_read() {
    let mut world = World::new();
    let mut log_of_ann = world.people[ANN].log.clone();
    let root = world.people[ANN].root.clone();
    let mut operations = alloc::vec::Vec::new();
    for number in 0..u64::try_from(allod_wire::limits::DID_LOG_MAX).unwrap() - 1 {
        let name = "n".repeat(64);
        let at = Instant(1000 + number);
        let key = key(10_000 + number).verifying_key().into();
        let operation = log_of_ann.add_device(&root, key, &name, at).unwrap().clone();
        operations.push(world.by(ANN, log(&operation)));
    }
    assert!(world.block(&operations).iter().all(Result::is_ok));
    for number in 0..allod_wire::limits::DID_LOG_MAX as u64 - 1 {
        let device = key(10_000 + number);
        let claim = crate::Claim::Device { did: world.did(ANN), device: device_id(&device), nonce: u64::MAX };
        let action = Action::CommitName { commitment: [number as u8; 32] };
        operations[number as usize] = world.body(claim, action).sign(&device);
    }
    assert!(world.block(&operations).iter().all(Result::is_ok), "every device has its numbers");
    let account: Account = world.account(ANN);
    assert_eq!(account.state.devices().len(), allod_wire::limits::DID_LOG_MAX);
    let removed = log_of_ann.remove_device(&root, world.people[ANN].device_id(), Instant(9_000));
    assert!(removed.is_err(), "the log is full");
}
