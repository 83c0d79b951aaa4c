//! Who may keep a descriptor where, and which.

use super::*;

fn numbered(sequence: u64) -> SealedDescriptor {
    SealedDescriptor { sequence, sealed: Vec::from([sequence as u8; 4]) }
}

fn locator() -> Locator {
    owner().locator.expect("self-authenticating")
}

fn keep(shell: &mut Shell, caller: &Caller, descriptor: SealedDescriptor) -> Answer {
    let ticket = shell.describe(caller, descriptor);
    shell.write_all();
    shell.answers.remove(&ticket).expect("an answer")
}

fn refused_with(refusal: Refusal) -> Answer {
    Answer::Refused { refusal, guesses_left: None }
}

/// A guardian where owner, thief and an operator's user are registered.
fn empty() -> Shell {
    let mut shell = Shell::new(RealmId([1; 16]));
    for caller in [owner(), thief()] {
        shell.records.insert(caller.account, Record::Destroyed);
    }
    shell
}

/// His account has the card's recover-only key, and so its locator.
fn thief() -> Caller {
    Caller { account: [0x66; 32], ..owner() }
}

#[test]
fn a_descriptor_is_kept_and_found_at_its_locator_alone() {
    let mut shell = empty();
    assert_eq!(keep(&mut shell, &owner(), numbered(1)), Answer::Described);
    assert_eq!(shell.fetch(&locator()), Answer::Descriptor(Some(numbered(1))));
    assert_eq!(shell.fetch(&Locator([0; 32])), Answer::Descriptor(None));
}

#[test]
fn only_a_newer_descriptor_replaces_the_one_that_is_kept() {
    let mut shell = empty();
    keep(&mut shell, &owner(), numbered(5));
    for stale in [0, 4, 5] {
        let answer = keep(&mut shell, &owner(), numbered(stale));
        assert_eq!(answer, refused_with(Refusal::Stale { stored: 5 }));
    }
    assert_eq!(keep(&mut shell, &owner(), numbered(6)), Answer::Described);
    assert_eq!(shell.fetch(&locator()), Answer::Descriptor(Some(numbered(6))));
}

#[test]
fn a_descriptor_that_is_on_its_way_to_the_disk_counts_as_kept() {
    let mut shell = empty();
    shell.describe(&owner(), numbered(5));
    let stale = shell.describe(&owner(), numbered(5));
    assert!(shell.answers.is_empty(), "it tells of what is not durable yet");
    shell.write_all();
    assert_eq!(shell.answers.remove(&stale), Some(refused_with(Refusal::Stale { stored: 5 })));
}

#[test]
fn a_descriptor_that_could_not_be_written_leaves_the_old_one() {
    let mut shell = empty();
    keep(&mut shell, &owner(), numbered(1));
    let ticket = shell.describe(&owner(), numbered(2));
    shell.fail_one();
    assert_eq!(shell.answers.remove(&ticket), Some(refused_with(Refusal::Unavailable)));
    assert_eq!(keep(&mut shell, &owner(), numbered(2)), Answer::Described);
}

#[test]
fn the_card_replaces_no_descriptor() {
    let mut shell = empty();
    assert_eq!(keep(&mut shell, &card(), numbered(1)), refused_with(Refusal::NotPermitted));
}

#[test]
fn a_thief_of_the_card_with_an_owner_key_of_his_own_replaces_no_descriptor() {
    let mut shell = empty();
    keep(&mut shell, &owner(), numbered(1));
    assert_eq!(keep(&mut shell, &thief(), numbered(u64::MAX)), refused_with(Refusal::NotPermitted));
    assert_eq!(shell.fetch(&locator()), Answer::Descriptor(Some(numbered(1))));

    let mut shell = empty();
    shell.describe(&owner(), numbered(1));
    let ticket = shell.describe(&thief(), numbered(2));
    shell.write_all();
    assert_eq!(shell.answers.remove(&ticket), Some(refused_with(Refusal::NotPermitted)));
}

#[test]
fn a_tenant_without_descriptors_keeps_none() {
    let mut shell = empty();
    let tenant = Caller { locator: None, ..owner() };
    assert_eq!(keep(&mut shell, &tenant, numbered(1)), refused_with(Refusal::NotPermitted));
}

#[test]
fn a_descriptor_that_is_too_long_is_refused() {
    let mut shell = empty();
    let of = |size| SealedDescriptor { sequence: 1, sealed: alloc::vec![0; size] };
    let answer = keep(&mut shell, &owner(), of(allod_wire::limits::DESCRIPTOR_MAX + 1));
    assert!(matches!(answer, Answer::Refused { refusal: Refusal::BadRequest(_), .. }));
    assert_eq!(keep(&mut shell, &owner(), of(allod_wire::limits::DESCRIPTOR_MAX)), Answer::Described);
}

#[test]
fn an_account_without_a_registration_takes_no_room_for_a_descriptor() {
    let mut shell = empty();
    let newcomer = Caller { locator: Some(Locator([2; 32])), account: [2; 32], ..owner() };
    assert_eq!(keep(&mut shell, &newcomer, numbered(1)), refused_with(Refusal::NotRegistered));
}

#[test]
fn a_descriptor_goes_with_its_account() {
    let mut shell = empty();
    keep(&mut shell, &owner(), numbered(1));
    shell.ask(&thief(), Request::Delete);
    shell.write_all();
    assert_eq!(shell.fetch(&locator()), Answer::Descriptor(Some(numbered(1))), "it is not the thief's");
    shell.ask(&owner(), Request::Delete);
    let late = shell.describe(&owner(), numbered(2));
    shell.write_all();
    assert_eq!(shell.fetch(&locator()), Answer::Descriptor(None));
    assert_eq!(shell.answers.remove(&late), Some(refused_with(Refusal::NotRegistered)));
}
