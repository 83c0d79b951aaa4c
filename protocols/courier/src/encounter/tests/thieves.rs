//! Liars about bundles: what they bring, what they take, and what they were told was delivered.

use alloc::vec;
use alloc::vec::Vec;

use allod_wire::Instant;

use super::home::*;
use super::liar::*;
use crate::bundle::{Bundle, Lifetime, PAYLOAD_MAX, Priority, Seconds, Terms};
use crate::carry::{Custody, Origin, Refused};
use crate::encounter::message::{Answer, Message};
use crate::encounter::{Declined, EncounterError, Event, Faults};

#[test]
fn bytes_that_nobody_asked_for_are_refused() {
    let one = bundle(1, 500, Priority::Normal);
    let mut honest = Honest::open(Home::new(1), &[]);
    assert_eq!(honest.say(data(&one)), Err(EncounterError::NotAsked));
    let part = |offset, bytes: &[u8]| Message::Data { id: one.id().short(), offset, bytes: bytes.to_vec() };
    // At another place, more than was said, none at all, and twice.
    for (said, error) in [
        (part(1, &one.payload[1..]), EncounterError::NotAsked),
        (part(0, &[0; 501]), EncounterError::NotAsked),
        (part(0, &[]), EncounterError::Malformed),
    ] {
        let mut honest = Honest::open(Home::new(1), &[]);
        assert_eq!(honest.show(core::slice::from_ref(&one)), [ASK]);
        assert_eq!(honest.say(said), Err(error));
        assert_eq!(honest.home.store.size(), (0, 0));
    }
    let mut honest = Honest::open(Home::new(1), &[]);
    honest.show(core::slice::from_ref(&one));
    assert_eq!(honest.say(data(&one)), Ok(vec![Message::Kept(one.id().short(), false)]));
    assert_eq!(honest.say(data(&one)), Err(EncounterError::NotAsked));
    // Two at once.
    let two = bundle(2, 500, Priority::Normal);
    let mut honest = Honest::open(Home::new(1), &[]);
    honest.show(&[one.clone(), two.clone()]);
    honest.say(part(0, &one.payload[..100])).unwrap();
    assert_eq!(honest.say(data(&two)), Err(EncounterError::NotAsked));
}

#[test]
fn what_is_too_large_is_refused() {
    let mut honest = Honest::open_on(Home::new(1), &[], NARROW).0;
    assert_eq!(honest.frame(&[7; 231]), Err(EncounterError::FrameTooLong { size_max: 230 }));
    let mut honest = Honest::open(Home::new(1), &[]);
    let Message::Shows(mut headers) = shows(&[bundle(1, 10, Priority::Normal)]) else { panic!() };
    headers[0].size = PAYLOAD_MAX as u32 + 1;
    headers[0].part.total = headers[0].size;
    assert_eq!(honest.say(Message::Shows(headers)), Err(EncounterError::Malformed));
    let mut honest = Honest::open(Home::new(1), &[]);
    let many: Vec<_> = (0..257).map(|number| bundle(number, 10, Priority::Normal)).collect();
    assert_eq!(honest.say(shows(&many)), Err(EncounterError::TooMany));
}

#[test]
fn what_has_expired_or_is_of_tomorrow_is_not_asked_for_and_counted() {
    let mut honest = Honest::open(Home::new(1), &[]);
    let at = |created: u64, number| {
        let one = bundle(number, 10, Priority::Urgent);
        let terms =
            Terms { created: Seconds::at(Instant(created)), lifetime: Lifetime::at_least(60), ..one.terms };
        Bundle { terms, ..one }
    };
    let all = [at(NOW.0 - 86_400_000, 1), at(NOW.0 + 2 * 86_400_000, 2)];
    assert_eq!(honest.show(&all), [Answer::No, Answer::No]);
    let counts = honest.home.store.counts();
    assert_eq!((counts.expired, counts.ahead), (1, 1));
    assert_eq!(honest.encounter.faults(), Faults { out_of_time: 2, ..Faults::default() });
}

#[test]
fn what_was_corrupted_or_is_for_somebody_else_is_declined_and_too_much_of_it_ends_the_contact() {
    let mut home = Home::new(1);
    home.wants.insert(token(1).tag());
    let mut honest = Honest::open(home, &[]);
    let one = bundle(2, 100, Priority::Normal);
    let short = one.id().short();
    // It is shown as what is expected here, and is something else.
    let Message::Shows(mut headers) = shows(core::slice::from_ref(&one)) else { panic!() };
    headers[0].tag = token(1).tag();
    assert_eq!(honest.say(Message::Shows(headers)), Ok(vec![Message::Answers(vec![ASK])]));
    assert_eq!(honest.say(data(&one)), Ok(vec![Message::Declined(short, Declined::Corrupt)]));
    let mut rounds = 1;
    let end = loop {
        rounds += 1;
        honest.show(core::slice::from_ref(&one));
        let mut payload = one.payload.clone();
        payload[5] ^= 1;
        match honest.say(Message::Data { id: short, offset: 0, bytes: payload }) {
            Ok(said) => assert_eq!(said, [Message::Declined(short, Declined::Corrupt)]),
            Err(error) => break error,
        }
    };
    assert_eq!(end, EncounterError::Faults(Faults { corrupt: 257, ..Faults::default() }));
    assert_eq!(rounds, 257);
    assert_eq!(honest.home.store.size(), (0, 0));
    assert!(honest.events.iter().all(|event| matches!(event, Event::Met { .. })));
}

#[test]
fn what_is_shown_again_is_not_asked_for_again() {
    let mut home = Home::new(1);
    let one = bundle(1, 100, Priority::Normal);
    home.write(&one);
    let mut honest = Honest::open(home, &[]);
    assert_eq!(honest.show(&[one.clone(), one.clone()]), [Answer::No, Answer::No]);
    let two = bundle(2, 100, Priority::Normal);
    assert_eq!(honest.show(&[two.clone(), two]), [ASK, Answer::No]);
    // What was delivered is answered with its token, and not taken back.
    honest.home.store.tell(token(1), one.terms.expires(), NOW);
    assert_eq!(honest.show(&[one]), [Answer::Delivered(token(1))]);
}

#[test]
fn tokens_that_are_made_up_are_counted_and_not_remembered() {
    let mut home = Home::new(1);
    let id = home.write(&bundle(1, 100, Priority::Normal));
    let mut honest = Honest::open(home, &[]);
    let ends = (1000..).find_map(|number| honest.say(Message::Token(token(number))).err());
    assert_eq!(ends, Some(EncounterError::Faults(Faults { made_up: 257, ..Faults::default() })));
    assert_eq!(honest.home.store.delivered().count(), 0);
    assert!(honest.home.store.get(&id).is_some());
    // One for another bundle than it is shown for.
    let (mut honest, heard) = Honest::open_on(honest.home, &[id], LINK);
    assert!(matches!(&heard[..], [Message::Shows(_)]), "{heard:?}");
    let answer = Message::Answers(vec![Answer::Delivered(token(2))]);
    assert_eq!(honest.say(answer), Err(EncounterError::OtherToken));
    assert!(honest.home.store.get(&id).is_some());
}

#[test]
fn whoever_takes_copies_and_custody_gets_no_more_than_a_part_and_frees_nobody() {
    let mut home = Home::new(1);
    let one = bundle(1, 100, Priority::Normal);
    let one = Bundle { terms: Terms { custody: true, ..one.terms }, ..one };
    let id = home.write(&one);
    // It says that it has met four thousand million others.
    let (mut honest, _) = Honest::open_on(home, &[id], LINK);
    let heard = honest.say(Message::Answers(vec![Answer::Ask { from: 0, custody: true }])).unwrap();
    assert!(matches!(&heard[..], [Message::Data { .. }]));
    honest.say(Message::Kept(id.short(), true)).unwrap();
    let carried = *honest.home.store.get(&id).unwrap();
    assert_eq!((carried.custody, carried.terms.copies), (Custody::Held, 16));
    assert_eq!(honest.say(Message::Kept(id.short(), true)), Err(EncounterError::OutOfTurn));
}

#[test]
fn whoever_does_not_wait_until_things_are_durable_is_refused() {
    let mut honest = Honest::open(Home::new(1), &[]);
    honest.is_slow = true;
    let all: Vec<_> = (0..20).map(|number| bundle(number, 100, Priority::Normal)).collect();
    honest.show(&all);
    let came = all.iter().take_while(|one| honest.say(data(one)) == Ok(vec![])).count();
    assert_eq!(came, 9);
}

#[test]
fn what_strangers_bring_beyond_their_share_is_declined_by_name() {
    let mut home = Home::new(1);
    home.store =
        crate::carry::Store::new(crate::carry::Limits { bytes: 10_000, count: 100, stranger: 10, friend: 2 });
    let mut honest = Honest::open(home, &[]);
    let all = [bundle(1, 1001, Priority::Urgent), bundle(2, 900, Priority::Normal)];
    assert_eq!(honest.show(&all), [Answer::No, ASK]);
    assert_eq!(honest.home.store.counts().over_quota, 1);
    // Another brought as much meanwhile.
    honest.home.days = 9;
    let small = bundle(3, 10, Priority::Urgent);
    honest.home.store.take(&small, Origin::Own, 0, NOW).unwrap();
    honest.home.store.take(&bundle(4, 9000, Priority::Normal), Origin::Own, 0, NOW).unwrap();
    honest.home.store.take(&bundle(5, 980, Priority::Normal), Origin::Own, 0, NOW).unwrap();
    let short = all[1].id().short();
    let why = Declined::Refused(Refused::NoRoom);
    assert_eq!(honest.say(data(&all[1])), Ok(vec![Message::Declined(short, why)]));
}

#[test]
fn whoever_carries_a_message_cannot_tell_its_recipient_from_a_cover() {
    // A bundle whose id makes it a cover of the one who asks.
    let one = |number| {
        let one = bundle(number, 213, Priority::Normal);
        Bundle { terms: Terms { copies: 1, ..one.terms }, ..one }
    };
    let cover = Home::new(1).cover;
    let number = (0..).find(|number| crate::carry::is_cover(&cover, &one(*number).id())).unwrap();
    let cover = one(number);
    let said = [true, false].map(|is_wanted| {
        let mut home = Home::new(1);
        if is_wanted {
            home.wants.insert(cover.tag);
        }
        let mut honest = Honest::open(home, &[]);
        let answers = honest.show(core::slice::from_ref(&cover));
        (answers, honest.say(data(&cover)).unwrap())
    });
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], (vec![ASK], vec![Message::Kept(cover.id().short(), false)]));
}
