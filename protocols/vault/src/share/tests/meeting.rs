//! Devices meet, and have the same ring and roster afterwards, or are refused.

use allod_crypto::Secret;

use super::*;
use crate::compress::Uncompressed;
use crate::files::{Files, Time};
use crate::store::Geometry;
use crate::tests::disk::Disk;

type Vault = Files<Disk, Uncompressed>;

const SIZE: u64 = 64 * (2 << 20);

fn space_of(founder: &Person) -> Vault {
    let root = Secret::from([1; 32]);
    let geometry = Geometry { segment_size: 2 << 20 };
    let disk = Disk::new(SIZE);
    let mut files =
        Files::create(disk, Uncompressed, &root, geometry, (0, 0, Time::default()), &mut rng()).unwrap();
    files.set_members(&founder.log, &[], b"photos", &founder.device, &mut rng()).unwrap();
    files
}

fn joined(grant: &Grant) -> Vault {
    let root = Secret::from([2; 32]);
    let geometry = Geometry { segment_size: 2 << 20 };
    let space = (grant.roster.space(), grant.ring.clone());
    let disk = Disk::new(SIZE);
    let mut files =
        Files::join(disk, Uncompressed, &root, geometry, space, (0, 0, Time::default()), &mut rng()).unwrap();
    files.join_roster(&grant.roster).unwrap();
    files
}

/// One side's hello, answered by the other.
fn greet(from: &mut Vault, who: &Person, to: &mut Vault, by: &Person) -> Result<bool, RosterError> {
    let hello = Hello::new(from, &who.log, &who.device)?.encode();
    let hello = Hello::decode(&hello, &who.device.verifying_key())?;
    match answer(to, &hello, &by.device, &mut rng())? {
        Some(grant) => accept(from, &grant, &by.device.verifying_key(), &who.device, &mut rng()),
        None => Ok(false),
    }
}

fn join(who: &Person, to: &mut Vault, by: &Person) -> Result<Vault, RosterError> {
    let hello = Hello::to_join(None, &who.log, &who.device)?.encode();
    let hello = Hello::decode(&hello, &who.device.verifying_key())?;
    let grant = answer(to, &hello, &by.device, &mut rng())?.expect("who joins lacks all");
    let (grant, from) = Grant::open(&grant, &who.device)?;
    assert_eq!((from.did, from.key), (by.did(), by.device.verifying_key()));
    Ok(joined(&grant))
}

fn same(one: &mut Vault, other: &mut Vault) -> bool {
    one.ring().extends(other.ring())
        && other.ring().extends(one.ring())
        && one.roster().unwrap() == other.roster().unwrap()
}

#[test]
fn a_second_device_of_a_person_joins_when_the_log_has_it() {
    let mut person = person(1);
    let mut files = space_of(&person);
    let second = device(77);
    let mut there = Person { log: person.log.clone(), device: second.clone(), root: person.root.clone() };
    assert!(matches!(join(&there, &mut files, &person), Err(RosterError::Share(ShareError::NotADevice(_)))));
    person.log.add_device(&person.root, public(&second), "second", Instant(2)).unwrap();
    there.log = person.log.clone();
    // Not by a log that it brings itself, but by one that a device has that is known.
    assert!(join(&there, &mut files, &person).is_err());
    let newer = core::slice::from_ref(&person.log);
    assert_eq!(files.renew_members(newer, &person.device, &mut rng()).unwrap(), Changed::Yes);
    let mut other = join(&there, &mut files, &person).unwrap();
    assert!(same(&mut files, &mut other));
    assert!(!greet(&mut other, &there, &mut files, &person).unwrap());
    // Once it is lost and removed, it reads nothing that comes after, and is not talked to.
    person.log.remove_device(&person.root, public(&second).device_id(), Instant(3)).unwrap();
    let changed =
        files.renew_members(core::slice::from_ref(&person.log), &person.device, &mut rng()).unwrap();
    assert_eq!(changed, Changed::Epoch);
    let refused = greet(&mut other, &there, &mut files, &person).unwrap_err();
    assert_eq!(refused, RosterError::Share(ShareError::NotADevice(person.did())));
    assert!(!other.ring().extends(files.ring()));
}

#[test]
fn members_who_stay_get_the_new_epoch_from_each_other_and_who_left_does_not() {
    let (founder, friend, leaver) = (person(1), person(2), person(3));
    let mut files = space_of(&founder);
    let logs = [friend.log.clone(), leaver.log.clone()];
    let changed = files.set_members(&founder.log, &logs, b"", &founder.device, &mut rng()).unwrap();
    assert_eq!(changed, Changed::Yes);
    assert_eq!(files.roster().unwrap().unwrap().name(), b"photos");
    let mut of_friend = join(&friend, &mut files, &founder).unwrap();
    let mut of_leaver = join(&leaver, &mut of_friend, &friend).unwrap();
    assert!(same(&mut of_leaver, &mut files));
    let changed = files.set_members(&founder.log, &logs[..1], b"", &founder.device, &mut rng()).unwrap();
    assert_eq!(changed, Changed::Epoch);
    // The friend did not hear of it yet, and has nothing new to give either.
    assert!(!greet(&mut of_leaver, &leaver, &mut of_friend, &friend).unwrap());
    assert!(greet(&mut of_friend, &friend, &mut files, &founder).unwrap());
    assert!(same(&mut of_friend, &mut files));
    let refused = RosterError::Share(ShareError::NotAMember(leaver.did()));
    assert_eq!(greet(&mut of_leaver, &leaver, &mut of_friend, &friend).unwrap_err(), refused);
    assert!(!of_leaver.ring().extends(files.ring()));
    // Nor does anybody take keys from them, on a link of theirs or of another.
    let request = Request::new(&friend.log, &friend.device).unwrap();
    let roster = of_leaver.roster().unwrap().unwrap();
    let grant = Grant { ring: of_leaver.ring().clone(), roster };
    let grant = grant.seal(&request, &leaver.device, &mut rng()).unwrap();
    let key = leaver.device.verifying_key();
    let taken = accept(&mut of_friend, &grant, &key, &friend.device, &mut rng());
    assert_eq!(taken.unwrap_err(), refused);
    let key = founder.device.verifying_key();
    let taken = accept(&mut of_friend, &grant, &key, &friend.device, &mut rng());
    assert_eq!(taken.unwrap_err(), RosterError::Share(ShareError::Signature(leaver.did())));
    assert!(same(&mut of_friend, &mut files));
}

#[test]
fn epochs_that_the_founder_did_not_sign_are_taken_from_nobody() {
    let (founder, friend, liar) = (person(1), person(2), person(3));
    let mut files = space_of(&founder);
    let logs = [friend.log.clone(), liar.log.clone()];
    files.set_members(&founder.log, &logs, b"", &founder.device, &mut rng()).unwrap();
    let mut of_friend = join(&friend, &mut files, &founder).unwrap();
    let mut of_liar = join(&liar, &mut files, &founder).unwrap();
    let genuine = of_liar.ring().secrets();
    for secrets in [
        // An epoch that would be the newest forever.
        [genuine.expose(), &[0xFF; 4], &[7; 32]].concat(),
        // The right secret with another count.
        [&[9, 0, 0, 0][..], &genuine.expose()[4..]].concat(),
    ] {
        let ring = Ring::from_secrets(&secrets.into()).unwrap();
        let before = of_friend.ring().commitments();
        let grant = Grant { ring, roster: of_liar.roster().unwrap().unwrap() };
        let request = Request::new(&friend.log, &friend.device).unwrap();
        let grant = grant.seal(&request, &liar.device, &mut rng()).unwrap();
        let _ = accept(&mut of_friend, &grant, &liar.device.verifying_key(), &friend.device, &mut rng());
        assert_eq!(of_friend.ring().commitments(), before);
    }
    // So a removal still shuts out.
    files.set_members(&founder.log, &logs[..1], b"", &founder.device, &mut rng()).unwrap();
    assert!(greet(&mut of_friend, &friend, &mut files, &founder).unwrap());
    assert!(same(&mut of_friend, &mut files));
    assert!(of_liar.ring().get(of_friend.ring().newest().number()).is_none());
}

#[test]
fn two_devices_of_the_founder_that_removed_somebody_apart_shut_out_both() {
    let (mut founder, one, other) = (person(1), person(3), person(4));
    let second = device(77);
    founder.log.add_device(&founder.root, public(&second), "second", Instant(2)).unwrap();
    let there = Person { log: founder.log.clone(), device: second, root: founder.root.clone() };
    let mut files = space_of(&founder);
    let logs = [one.log.clone(), other.log.clone()];
    files.set_members(&founder.log, &logs, b"", &founder.device, &mut rng()).unwrap();
    let mut beside = join(&there, &mut files, &founder).unwrap();
    files.set_members(&founder.log, &logs[..1], b"", &founder.device, &mut rng()).unwrap();
    beside.set_members(&there.log, &logs[1..], b"", &there.device, &mut rng()).unwrap();
    beside.set_members(&there.log, &[], b"", &there.device, &mut rng()).unwrap();
    let (of_one, of_other) = (files.ring().clone(), beside.ring().clone());
    assert!(greet(&mut files, &founder, &mut beside, &there).unwrap());
    assert!(greet(&mut beside, &there, &mut files, &founder).unwrap());
    assert!(same(&mut files, &mut beside));
    let newest = files.ring().newest().number();
    assert!(of_one.get(newest).is_none() && of_other.get(newest).is_none());
    assert_eq!(files.roster().unwrap().unwrap().members().len(), 1);
}

#[test]
fn devices_that_the_remover_never_heard_of_have_ended_too() {
    let (mut founder, friend, mut leaver) = (person(1), person(2), person(3));
    let second = device(77);
    founder.log.add_device(&founder.root, public(&second), "second", Instant(2)).unwrap();
    let there = Person { log: founder.log.clone(), device: second, root: founder.root.clone() };
    let mut files = space_of(&founder);
    let logs = [friend.log.clone(), leaver.log.clone()];
    files.set_members(&founder.log, &logs, b"", &founder.device, &mut rng()).unwrap();
    let mut beside = join(&there, &mut files, &founder).unwrap();
    // Another device of the leaver, which only the founder's second device let in.
    let more = device(60);
    leaver.log.add_device(&leaver.root, public(&more), "more", Instant(5)).unwrap();
    let newer = core::slice::from_ref(&leaver.log);
    assert_eq!(beside.renew_members(newer, &there.device, &mut rng()).unwrap(), Changed::Yes);
    files.set_members(&founder.log, &logs[..1], b"", &founder.device, &mut rng()).unwrap();
    assert_eq!(until(&files.roster().unwrap().unwrap(), &more), None);
    assert!(greet(&mut beside, &there, &mut files, &founder).unwrap());
    assert!(greet(&mut files, &founder, &mut beside, &there).unwrap());
    assert!(same(&mut files, &mut beside));
    let roster = files.roster().unwrap().unwrap();
    assert_eq!(roster.members().len(), 2);
    for key in [&more, &leaver.device] {
        assert_eq!(until(&roster, key), Some(Writes::Until(Vec::new())));
    }
}

#[test]
fn nobody_founds_a_space_that_is_somebody_else_s() {
    let (owner, stranger) = (person(1), person(3));
    let root = Secret::from([1; 32]);
    let geometry = Geometry { segment_size: 2 << 20 };
    let by = (0, 0, Time::default());
    let disk = Disk::new(SIZE);
    let mut files = Files::create(disk, Uncompressed, &root, geometry, by, &mut rng()).unwrap();
    let ring = Ring::new(&mut rng());
    let epochs = ring.commitments();
    let roster = Roster::found(files.space(), b"x", &stranger.log, &epochs, &stranger.device).unwrap();
    let roster = next(&roster, &[&owner.log], &stranger.device).unwrap();
    let request = Request::new(&owner.log, &owner.device).unwrap();
    let grant = Grant { ring, roster }.seal(&request, &stranger.device, &mut rng()).unwrap();
    let key = stranger.device.verifying_key();
    assert!(accept(&mut files, &grant, &key, &owner.device, &mut rng()).is_err());
    assert_eq!(files.roster().unwrap(), None);
}

#[test]
fn a_roster_does_no_harm_to_what_sync_and_backup_keep_beside_it() {
    let (founder, friend) = (person(1), person(2));
    let mut files = space_of(&founder);
    files.table(crate::files::Table::Sync).insert(b"x1", b"something").unwrap();
    files.settle().unwrap();
    files.commit().unwrap();
    let logs = [friend.log.clone()];
    files.set_members(&founder.log, &logs, b"", &founder.device, &mut rng()).unwrap();
    assert!(files.changed().is_ok());
    files.collect(90).unwrap();
    files.survey(1).unwrap();
    assert_eq!(files.roster().unwrap().unwrap().members().len(), 2);
}

#[test]
fn a_hello_counts_only_on_a_link_that_proved_its_key_and_for_its_space() {
    let (founder, friend, thief) = (person(1), person(2), person(3));
    let mut files = space_of(&founder);
    let hello = Hello::to_join(None, &friend.log, &friend.device).unwrap().encode();
    let refused = Hello::decode(&hello, &thief.device.verifying_key()).unwrap_err();
    assert_eq!(refused, ShareError::Signature(friend.did()));
    for place in (0..hello.len()).step_by(29) {
        let mut changed = hello.clone();
        changed[place] ^= 1;
        let _ = Hello::decode(&changed, &friend.device.verifying_key());
        assert!(Hello::decode(&hello[..place], &friend.device.verifying_key()).is_err());
    }
    let elsewhere = Hello::to_join(Some(SpaceId([9; 32])), &founder.log, &founder.device).unwrap();
    let refused = answer(&mut files, &elsewhere, &founder.device, &mut rng()).unwrap_err();
    assert_eq!(refused, RosterError::Share(ShareError::OtherSpace));
    let mut other = space_of(&friend);
    let roster = other.roster().unwrap().unwrap();
    assert_eq!(files.join_roster(&roster).unwrap_err(), RosterError::Share(ShareError::OtherSpace));
}
