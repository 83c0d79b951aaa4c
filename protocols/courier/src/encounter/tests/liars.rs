//! Liars about who they are, and about what they have.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::sign::{Signature, SigningKey};
use allod_wire::Instant;

use super::home::*;
use super::liar::*;
use crate::bundle::{Bundle, Priority, Terms};
use crate::carry::{Carried, Origin};
use crate::encounter::message::{Hello, Message, signed};
use crate::encounter::{Asking, Declined, EncounterError, Event, Faults, Input, ReconcileError};

#[test]
fn whoever_has_not_the_key_is_named() {
    let mut honest = Honest::new(Home::new(1), LINK);
    honest.say(Message::Hello(hello(1))).unwrap();
    let other = SigningKey::from_seed(&Secret::from([67; 32]));
    let proof = other.sign(&signed(&hello(1), &honest.hello));
    assert_eq!(honest.say(Message::Proof(proof)), Err(EncounterError::Proof));
    // A proof of another contact.
    let mut honest = Honest::new(Home::new(1), LINK);
    honest.say(Message::Hello(hello(1))).unwrap();
    let old = liar().sign(&signed(&hello(1), &Hello { nonce: [3; 32], ..honest.hello.clone() }));
    assert_eq!(honest.say(Message::Proof(old)), Err(EncounterError::Proof));
    assert_eq!(honest.say(Message::Idle), Err(EncounterError::Over));
    // What this side said, and this side's key.
    let mut honest = Honest::new(Home::new(1), LINK);
    let own = honest.hello.clone();
    assert_eq!(honest.say(Message::Hello(own.clone())), Err(EncounterError::Echo));
    let mut honest = Honest::new(Home::new(1), LINK);
    assert_eq!(honest.say(Message::Hello(Hello { key: own.key, ..hello(1) })), Err(EncounterError::Echo));
}

#[test]
fn whoever_shows_no_key_is_a_stranger_whom_nothing_is_counted_for() {
    let mut honest = Honest::new(Home::new(1), LINK);
    honest.say(Message::Hello(Hello { key: None, ..hello(255) })).unwrap();
    assert_eq!(honest.events, [Event::Met { peer: Origin::Unknown, reach: u32::MAX }]);
}

#[test]
fn hellos_without_end_are_refused() {
    let mut honest = Honest::new(Home::new(1), LINK);
    honest.greet(255);
    assert_eq!(honest.say(Message::Hello(hello(255))), Err(EncounterError::OutOfTurn));
    let mut honest = Honest::new(Home::new(1), LINK);
    let piece = [&[1 | 0x80][..], &[0; 1000]].concat();
    let frames = (0..1000).take_while(|_| honest.frame(&piece).is_ok()).count();
    assert!(frames < 66, "{frames}");
    let mut honest = Honest::new(Home::new(1), LINK);
    assert_eq!(honest.frame(&[1, 9]), Err(EncounterError::Version(9)));
}

#[test]
fn a_reconciliation_without_end_is_given_up() {
    // A fingerprint of everything that nothing has, in answer to whatever is asked.
    let never = [&[0x61, 0, 0, 1][..], &[7; 16]].concat();
    for nonce in [0, 255] {
        let mut home = Home::new(1);
        (0..500).for_each(|number| {
            home.write(&bundle(number, 10, Priority::Normal));
        });
        let mut honest = Honest::new(home, LINK);
        honest.greet(nonce);
        let rounds = (0..10_000).map(|_| honest.say(Message::Reconcile(never.clone())));
        let end = rounds.enumerate().find_map(|(round, said)| Some((round, said.err()?)));
        let (rounds, error) = end.unwrap();
        assert_eq!(error, EncounterError::Reconcile(ReconcileError::Endless));
        assert!(rounds < 1500, "{rounds}");
    }
}

#[test]
fn headers_without_end_are_refused() {
    let mut honest = Honest::open(Home::new(1), &[]);
    // Nothing of it is wanted: it has no copies.
    let many: Vec<_> = (0..256)
        .map(|number| {
            let one = bundle(number, 10, Priority::Normal);
            Bundle { terms: Terms { copies: 0, ..one.terms }, ..one }
        })
        .filter(|one| !crate::carry::is_cover(&honest.home.cover, &one.id()))
        .collect();
    let rounds = (0..1000).take_while(|_| honest.say(shows(&many)).is_ok()).count();
    assert_eq!(rounds, (1 << 16) / many.len());
    assert_eq!(honest.say(shows(&many)), Err(EncounterError::Over));
}

#[test]
fn whoever_lies_about_what_it_lacks_is_counted() {
    let mut home = Home::new(1);
    (0..2000).for_each(|number| {
        home.write(&bundle(number, 10, Priority::Normal));
    });
    let mut honest = Honest::new(home, LINK);
    honest.greet(255);
    let (_, first) = Asking::new(core::iter::empty(), 1 << 20).unwrap();
    honest.say(Message::Reconcile(first)).unwrap();
    let made_up: Vec<_> = (0..257_u64).map(u64::to_be_bytes).collect();
    let said = honest.say(Message::Lacks(made_up, false));
    assert_eq!(said, Err(EncounterError::Faults(Faults { unknown: 257, ..Faults::default() })));
    // More than there are, and answers to nothing.
    let mut honest = Honest::new(Home::new(1), LINK);
    honest.greet(255);
    let (_, first) = Asking::new(core::iter::empty(), 1 << 20).unwrap();
    honest.say(Message::Reconcile(first)).unwrap();
    assert_eq!(honest.say(Message::Lacks(vec![[1; 8]], true)), Err(EncounterError::TooMany));
    for said in [
        Message::Answers(vec![ASK]),
        Message::Kept([1; 8], true),
        Message::Declined([1; 8], Declined::Corrupt),
    ] {
        assert_eq!(Honest::open(Home::new(1), &[]).say(said), Err(EncounterError::OutOfTurn));
    }
    assert_eq!(Honest::open(Home::new(1), &[]).say(Message::Gone([1; 8])), Err(EncounterError::NotAsked));
}

#[test]
fn whoever_is_silent_is_given_up_and_whoever_owes_nothing_is_not() {
    let mut honest = Honest::new(Home::new(1), LINK);
    let deadline = honest.encounter.deadline().unwrap();
    assert_eq!(deadline, Instant(NOW.0 + 60_000));
    let Honest { home, encounter, .. } = &mut honest;
    let (wants, days) = (|_: &_| false, |_: &_| 1);
    let here = &mut crate::encounter::Here {
        store: &mut home.store,
        wants: &wants,
        cover: &home.cover,
        days: &days,
    };
    assert_eq!(encounter.handle(here, Instant(deadline.0 - 1), Input::Tick), Ok(()));
    assert_eq!(encounter.handle(here, deadline, Input::Tick), Err(EncounterError::Silent));
    let mut honest = Honest::open(Home::new(1), &[]);
    assert_eq!(honest.encounter.deadline(), None);
    honest.show(&[bundle(1, 100, Priority::Normal)]);
    assert!(honest.encounter.deadline().is_some());
}

#[test]
fn garbage_is_refused_and_never_panics() {
    let mut seed = 7_u64;
    for _ in 0..2000 {
        let mut honest = Honest::open(Home::new(1), &[]);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bytes: Vec<u8> = (0..seed % 90).map(|at| (seed >> (at % 56)) as u8 ^ at as u8).collect();
        let _ = honest.frame(&bytes);
        let framed = [&[(seed >> 33) as u8 % 13][..], &bytes].concat();
        let _ = honest.frame(&framed);
        assert!(honest.home.store.size() == (0, 0));
    }
    assert_eq!(Carried::decode(&[0x40; 40]), None);
    assert!(Message::Proof(Signature([0; 64])).frames(230).len() == 1);
}
