//! Letting in, leaving out, and every kind of liar.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, Root};
use allod_wire::Instant;

use super::*;
use crate::ring::{Commitment, Ring, SpaceId};
use crate::sync::batch::{BatchId, Device as Writer};
use crate::tests::rng;

mod meeting;

struct Person {
    root: Root,
    log: Log,
    device: SigningKey,
}

fn device(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([number; 32]))
}

fn person(number: u8) -> Person {
    let root = Root::from_bytes(Secret::from([number; 32]));
    let device = device(number + 100);
    let log = Log::create(&root, public(&device), "first", Instant(1)).unwrap();
    Person { root, log, device }
}

impl Person {
    fn did(&self) -> Did {
        self.log.state().did()
    }

    fn request(&self) -> Request {
        Request::new(&self.log, &self.device).unwrap()
    }
}

const SPACE: SpaceId = SpaceId([7; 32]);

fn epochs() -> Vec<Commitment> {
    Ring::from_secrets(&[5; 36].to_vec().into()).unwrap().commitments()
}

fn found(founder: &Person) -> Roster {
    Roster::found(SPACE, b"photos", &founder.log, &epochs(), &founder.device).unwrap()
}

fn next(roster: &Roster, logs: &[&Log], device: &SigningKey) -> Result<Roster, ShareError> {
    let logs: Vec<Log> = logs.iter().map(|log| (*log).clone()).collect();
    roster.next(&logs, &[], &Tips::new(), device)
}

fn grant(founder: &Person, members: &[&Person]) -> Grant {
    let ring = Ring::new(&mut rng());
    let epochs = ring.commitments();
    let roster = Roster::found(SPACE, b"photos", &founder.log, &epochs, &founder.device).unwrap();
    let logs: Vec<&Log> = members.iter().map(|person| &person.log).collect();
    Grant { ring, roster: next(&roster, &logs, &founder.device).unwrap() }
}

#[test]
fn a_member_gets_the_keys_and_knows_who_granted_them() {
    let (founder, friend) = (person(1), person(2));
    let grant = grant(&founder, &[&friend]);
    let request = Request::decode(&friend.request().encode()).unwrap();
    let sealed = grant.seal(&request, &founder.device, &mut rng()).unwrap();
    let (opened, by) = Grant::open(&sealed, &friend.device).unwrap();
    assert_eq!((by.did, by.key), (founder.did(), founder.device.verifying_key()));
    assert!(opened.ring.extends(&grant.ring) && grant.ring.extends(&opened.ring));
    assert_eq!(opened.roster, grant.roster);
    assert_eq!((opened.roster.space(), opened.roster.name()), (SPACE, &b"photos"[..]));
    // A member lets in another device of a member.
    let mut friend = friend;
    let second = device(77);
    friend.log.add_device(&friend.root, public(&second), "second", Instant(2)).unwrap();
    let again = next(&grant.roster, &[&friend.log], &founder.device).unwrap();
    let grant = Grant { roster: again, ..opened };
    let request = Request::new(&friend.log, &second).unwrap();
    let sealed = grant.seal(&request, &friend.device, &mut rng()).unwrap();
    assert_eq!(Grant::open(&sealed, &second).unwrap().1.did, friend.did());
}

#[test]
fn nobody_else_opens_a_grant_and_no_byte_of_it_can_be_changed() {
    let (founder, friend, other) = (person(1), person(2), person(3));
    let grant = grant(&founder, &[&friend, &other]);
    let sealed = grant.seal(&friend.request(), &founder.device, &mut rng()).unwrap();
    assert_eq!(Grant::open(&sealed, &other.device).unwrap_err(), ShareError::NotForThisDevice);
    for place in (0..sealed.len()).step_by(37) {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(Grant::open(&changed, &friend.device).is_err());
        assert!(Grant::open(&sealed[..place], &friend.device).is_err());
    }
}

#[test]
fn who_is_not_a_member_is_given_nothing_and_gives_nothing() {
    let (founder, friend, stranger) = (person(1), person(2), person(3));
    let grant = grant(&founder, &[&friend]);
    let refused = grant.seal(&stranger.request(), &founder.device, &mut rng());
    assert_eq!(refused, Err(ShareError::NotAMember(stranger.did())));
    assert!(!grant.can_be_by(&stranger.device) && grant.can_be_by(&friend.device));
    let sealed = grant.seal(&friend.request(), &stranger.device, &mut rng()).unwrap();
    let refused = Grant::open(&sealed, &friend.device).unwrap_err();
    assert_eq!(refused, ShareError::NotAMember(founder.did()));
    assert!(!grant.roster.is_led_by(&friend.device));
    let refused = next(&grant.roster, &[], &friend.device).unwrap_err();
    assert_eq!(refused, ShareError::NotTheFounder(founder.did()));
}

#[test]
fn a_device_that_was_removed_is_given_nothing_though_it_shows_an_old_log() {
    let (founder, mut friend) = (person(1), person(2));
    let lost = device(77);
    friend.log.add_device(&friend.root, public(&lost), "lost", Instant(2)).unwrap();
    let request = Request::new(&friend.log, &lost).unwrap();
    friend.log.remove_device(&friend.root, public(&lost).device_id(), Instant(3)).unwrap();
    let grant = grant(&founder, &[&friend]);
    let refused = grant.seal(&request, &founder.device, &mut rng());
    assert_eq!(refused, Err(ShareError::NotADevice(friend.did())));
    assert_eq!(Request::new(&friend.log, &lost), Err(ShareError::NotADevice(friend.did())));
}

#[test]
fn a_request_is_signed_by_the_device_that_it_names() {
    let (friend, thief) = (person(2), person(3));
    let request = friend.request().encode();
    for place in (0..request.len()).step_by(13) {
        let mut changed = request.clone();
        changed[place] ^= 1;
        assert_ne!(Request::decode(&changed).ok(), Some(friend.request()), "byte {place}");
    }
    assert_eq!(Request::new(&friend.log, &thief.device), Err(ShareError::NotADevice(friend.did())));
    assert!(friend.request().is_by(&friend.device) && !friend.request().is_by(&thief.device));
}

#[test]
fn the_newest_roster_of_the_founder_counts_and_no_other() {
    let (founder, friend, stranger) = (person(1), person(2), person(3));
    let first = found(&founder);
    let second = next(&first, &[&friend.log], &founder.device).unwrap();
    assert_eq!(second.stands_to(&first), Ok(Standing::Newer));
    assert_eq!(first.stands_to(&second), Ok(Standing::Older));
    assert_eq!(second.stands_to(&second), Ok(Standing::Older));
    let other = found(&stranger);
    assert_eq!(other.stands_to(&first), Err(ShareError::NotTheFounder(founder.did())));
    let elsewhere =
        Roster::found(SpaceId([8; 32]), b"photos", &founder.log, &epochs(), &founder.device).unwrap();
    assert_eq!(elsewhere.stands_to(&first), Err(ShareError::OtherSpace));
    assert_eq!(Roster::decode(&second.encode()).unwrap(), second);
    for place in (0..second.encode().len()).step_by(11) {
        let mut changed = second.encode();
        changed[place] ^= 1;
        assert_ne!(Roster::decode(&changed).ok(), Some(second.clone()), "byte {place}");
    }
}

#[test]
fn a_removal_is_not_undone_by_a_roster_with_a_higher_number() {
    let (founder, friend, mut leaver) = (person(1), person(2), person(3));
    let all = next(&found(&founder), &[&friend.log, &leaver.log], &founder.device).unwrap();
    let removal = next(&all, &[&friend.log], &founder.device).unwrap();
    // Another device of the founder, which has not heard of it, is shown longer and longer logs.
    let mut behind = all;
    for number in 0..5 {
        leaver.log.add_device(&leaver.root, public(&device(60 + number)), "more", Instant(5)).unwrap();
        behind = next(&behind, &[&friend.log, &leaver.log], &founder.device).unwrap();
    }
    assert!(behind.number() > removal.number());
    assert_eq!(behind.stands_to(&removal), Ok(Standing::Older));
    assert_eq!(removal.stands_to(&behind), Ok(Standing::Newer));
    // Who was removed can be let in again, by who knows of the removal.
    let again = next(&removal, &[&friend.log, &leaver.log], &founder.device).unwrap();
    assert_eq!(again.stands_to(&removal), Ok(Standing::Newer));
    assert_eq!(behind.stands_to(&again), Ok(Standing::Older));
}

#[test]
fn of_rosters_that_stand_apart_one_is_made_with_both_s_removals_and_members() {
    let (founder, friend, one, other, new) = (person(1), person(2), person(3), person(4), person(5));
    let all = [&friend.log, &one.log, &other.log];
    let all = next(&found(&founder), &all, &founder.device).unwrap();
    let here = next(&all, &[&friend.log, &other.log, &new.log], &founder.device).unwrap();
    let there = next(&all, &[&friend.log, &one.log], &founder.device).unwrap();
    assert_eq!(here.stands_to(&there), Ok(Standing::Apart));
    assert_eq!(there.stands_to(&here), Ok(Standing::Apart));
    let joined = here.join(&there, &[], &Tips::new(), &founder.device).unwrap();
    for before in [&here, &there, &all] {
        assert_eq!(joined.stands_to(before), Ok(Standing::Newer));
    }
    let dids: Vec<Did> = joined.members().iter().map(|log| log.state().did()).collect();
    assert_eq!(dids, [founder.did(), friend.did(), new.did()]);
    // Two that let somebody in apart from each other lose nobody.
    let here = next(&found(&founder), &[&one.log], &founder.device).unwrap();
    let there = next(&found(&founder), &[&other.log], &founder.device).unwrap();
    assert_eq!(here.stands_to(&there), Ok(Standing::Apart));
    assert!(here.has_same_keys(&there));
    assert_eq!(here.join(&there, &[], &Tips::new(), &founder.device).unwrap().members().len(), 3);
}

/// What somebody has of a device.
fn known(of: &SigningKey, batch: u8) -> Tips {
    [(Writer::of(of), alloc::vec![BatchId([batch; 32])])].into()
}

fn until(roster: &Roster, of: &SigningKey) -> Option<Writes> {
    Writers::of(roster).get(&Writer::of(of)).cloned()
}

#[test]
fn a_roster_says_how_far_those_who_left_are_believed_and_all_removers_are_heard() {
    let (founder, friend, mut leaver) = (person(1), person(2), person(3));
    let second = device(77);
    leaver.log.add_device(&leaver.root, public(&second), "second", Instant(2)).unwrap();
    let all = next(&found(&founder), &[&friend.log, &leaver.log], &founder.device).unwrap();
    assert_eq!(until(&all, &leaver.device), Some(Writes::All));
    assert_eq!(until(&all, &device(99)), None);
    let stay = core::slice::from_ref(&friend.log);
    let here = all.next(stay, &[], &known(&leaver.device, 5), &founder.device).unwrap();
    let there = all.next(stay, &[], &known(&leaver.device, 8), &founder.device).unwrap();
    let ids =
        |numbers: &[u8]| Some(Writes::Until(numbers.iter().map(|number| BatchId([*number; 32])).collect()));
    assert_eq!(until(&here, &leaver.device), ids(&[5]));
    assert_eq!(until(&here, &second), ids(&[]));
    assert_eq!(here.stands_to(&there), Ok(Standing::Apart));
    let joined = here.join(&there, &[], &known(&second, 2), &founder.device).unwrap();
    for before in [&here, &there] {
        assert_eq!(joined.stands_to(before), Ok(Standing::Newer));
    }
    assert_eq!(until(&joined, &leaver.device), ids(&[5, 8]));
    assert_eq!(until(&joined, &second), ids(&[2]));
    assert_eq!(Roster::decode(&joined.encode()).unwrap(), joined);
    // A device that only its person's log gave up, and one that is let in again.
    leaver.log.remove_device(&leaver.root, public(&second).device_id(), Instant(3)).unwrap();
    let again = next(&joined, &[&friend.log, &leaver.log], &founder.device).unwrap();
    assert_eq!(until(&again, &leaver.device), Some(Writes::All));
    assert_eq!(until(&again, &second), ids(&[2]));
    // More ends than are kept: those of the signer stay, and the roster is the newer one.
    let mut roster = here;
    for number in 10..30 {
        let newer = roster.next(&[], &[], &known(&leaver.device, number), &founder.device).unwrap();
        assert_eq!(newer.stands_to(&roster), Ok(Standing::Newer));
        roster = newer;
    }
    let Some(Writes::Until(last)) = until(&roster, &leaver.device) else { panic!("it has ended") };
    assert!(last.len() == 8 && last.contains(&BatchId([29; 32])));
}

#[test]
fn a_roster_of_another_format_is_told_apart() {
    let mut bytes = found(&person(1)).encode();
    assert_eq!(bytes[..2], [0x83, 2]);
    bytes[1] = 1;
    assert_eq!(Roster::decode(&bytes), Err(ShareError::Format(1)));
}

#[test]
fn a_device_that_the_founder_removed_signs_no_roster_any_more() {
    let mut founder = person(1);
    let stolen = device(77);
    founder.log.add_device(&founder.root, public(&stolen), "stolen", Instant(2)).unwrap();
    let before = founder.log.clone();
    let first = found(&founder);
    founder.log.remove_device(&founder.root, public(&stolen).device_id(), Instant(3)).unwrap();
    let second = next(&first, &[&founder.log], &founder.device).unwrap();
    assert_eq!(second.device(&stolen.verifying_key()), None);
    // The thief signs on with the log of before.
    let thief = person(3);
    let forged = next(&first, &[&before, &thief.log], &stolen).unwrap();
    let forged = next(&forged, &[&thief.log], &stolen).unwrap();
    assert_eq!(forged.stands_to(&second), Err(ShareError::NotTheFounder(founder.did())));
}

#[test]
fn a_space_has_only_so_many_members_and_no_log_that_takes_all_room() {
    let founder = person(1);
    let logs: Vec<Log> = (2..2 + MEMBERS_MAX as u8).map(|number| person(number).log).collect();
    let first = found(&founder);
    let refs: Vec<&Log> = logs.iter().collect();
    assert_eq!(next(&first, &refs, &founder.device), Err(ShareError::TooLarge));
    assert_eq!(next(&first, &refs[1..], &founder.device).unwrap().members().len(), MEMBERS_MAX);
    let name = [b'x'; SPACE_NAME_MAX + 1];
    let refused = Roster::found(SPACE, &name, &founder.log, &epochs(), &founder.device);
    assert_eq!(refused, Err(ShareError::TooLarge));
    let mut greedy = person(9);
    let mut number = 0_u16;
    while greedy.log.encode().len() <= LOG_MAX {
        let seed = allod_crypto::hash::tagged("device", &[&number.to_le_bytes()]);
        let key = public(&SigningKey::from_seed(&Secret::from(seed)));
        greedy.log.add_device(&greedy.root, key, &"x".repeat(60), Instant(2)).unwrap();
        number += 1;
    }
    assert_eq!(Request::new(&greedy.log, &greedy.device), Err(ShareError::TooLarge));
    assert_eq!(next(&first, &[&greedy.log], &founder.device), Err(ShareError::TooLarge));
}
