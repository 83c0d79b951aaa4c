//! Letting in, leaving out, and every kind of liar.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, PublicKey, Root};
use allod_wire::Instant;

use super::*;
use crate::ring::{Ring, SpaceId};
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

fn grant(founder: &Person, members: &[&Person]) -> Grant {
    let roster = Roster::found(SPACE, b"photos", &founder.log, &founder.device).unwrap();
    let logs: Vec<Log> = members.iter().map(|person| person.log.clone()).collect();
    Grant { ring: Ring::new(&mut rng()), roster: roster.next(&logs, &founder.device).unwrap() }
}

#[test]
fn a_member_gets_the_keys_and_knows_who_granted_them() {
    let (founder, friend) = (person(1), person(2));
    let grant = grant(&founder, &[&friend]);
    let request = Request::decode(&friend.request().encode()).unwrap();
    let sealed = grant.seal(&request, &founder.device, &mut rng()).unwrap();
    let (opened, by) = Grant::open(&sealed, &friend.device).unwrap();
    assert_eq!(by, founder.did());
    assert!(opened.ring.extends(&grant.ring) && grant.ring.extends(&opened.ring));
    assert_eq!(opened.roster, grant.roster);
    assert_eq!((opened.roster.space(), opened.roster.name()), (SPACE, &b"photos"[..]));
    // A member lets in another device of a member.
    let mut friend = friend;
    let second = device(77);
    friend.log.add_device(&friend.root, public(&second), "second", Instant(2)).unwrap();
    let again = grant.roster.next(core::slice::from_ref(&friend.log), &founder.device).unwrap();
    let grant = Grant { roster: again, ..opened };
    let request = Request::new(&friend.log, &second).unwrap();
    let sealed = grant.seal(&request, &friend.device, &mut rng()).unwrap();
    assert_eq!(Grant::open(&sealed, &second).unwrap().1, friend.did());
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
    let refused = grant.roster.next(&[], &friend.device).unwrap_err();
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
    let first = Roster::found(SPACE, b"photos", &founder.log, &founder.device).unwrap();
    let second = first.next(core::slice::from_ref(&friend.log), &founder.device).unwrap();
    assert!(second.succeeds(&first).unwrap() && !first.succeeds(&second).unwrap());
    assert!(!second.succeeds(&second).unwrap());
    // Two that were signed apart: all take the same one.
    let beside = first.next(core::slice::from_ref(&stranger.log), &founder.device).unwrap();
    assert_ne!(beside.succeeds(&second).unwrap(), second.succeeds(&beside).unwrap());
    let other = Roster::found(SPACE, b"photos", &stranger.log, &stranger.device).unwrap();
    assert_eq!(other.succeeds(&first), Err(ShareError::NotTheFounder(founder.did())));
    let elsewhere = Roster::found(SpaceId([8; 32]), b"photos", &founder.log, &founder.device).unwrap();
    assert_eq!(elsewhere.succeeds(&first), Err(ShareError::OtherSpace));
    assert_eq!(Roster::decode(&second.encode()).unwrap(), second);
    for place in (0..second.encode().len()).step_by(11) {
        let mut changed = second.encode();
        changed[place] ^= 1;
        assert_ne!(Roster::decode(&changed).ok(), Some(second.clone()), "byte {place}");
    }
}

#[test]
fn a_device_that_the_founder_removed_signs_no_roster_any_more() {
    let mut founder = person(1);
    let stolen = device(77);
    founder.log.add_device(&founder.root, public(&stolen), "stolen", Instant(2)).unwrap();
    let before = founder.log.clone();
    let first = Roster::found(SPACE, b"photos", &founder.log, &founder.device).unwrap();
    founder.log.remove_device(&founder.root, public(&stolen).device_id(), Instant(3)).unwrap();
    let second = first.next(core::slice::from_ref(&founder.log), &founder.device).unwrap();
    assert_eq!(second.device(&stolen.verifying_key()), None);
    // The thief signs on with the log of before.
    let thief = person(3);
    let forged = first.next(&[before, thief.log.clone()], &stolen).unwrap();
    let forged = forged.next(core::slice::from_ref(&thief.log), &stolen).unwrap();
    assert_eq!(forged.succeeds(&second), Err(ShareError::NotTheFounder(founder.did())));
    assert_eq!(PublicKey::Ed25519(stolen.verifying_key()), public(&stolen));
}

#[test]
fn a_space_has_only_so_many_members() {
    let founder = person(1);
    let logs: Vec<Log> = (2..2 + MEMBERS_MAX as u8).map(|number| person(number).log).collect();
    let first = Roster::found(SPACE, b"photos", &founder.log, &founder.device).unwrap();
    assert_eq!(first.next(&logs, &founder.device), Err(ShareError::TooLarge));
    assert_eq!(first.next(&logs[1..], &founder.device).unwrap().members().len(), MEMBERS_MAX);
    let name = [b'x'; SPACE_NAME_MAX + 1];
    assert_eq!(Roster::found(SPACE, &name, &founder.log, &founder.device), Err(ShareError::TooLarge));
}
