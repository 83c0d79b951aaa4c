//! Carriers that do not keep to the rules, in each of their ways.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::sign::{Signature, SigningKey};
use allod_wire::Instant;

use super::home::*;
use crate::bundle::{Bundle, BundleId, Lifetime, PAYLOAD_MAX, Priority, Seconds, Terms};
use crate::carry::{Carried, Custody, Origin, Refused};
use crate::encounter::frame::Joining;
use crate::encounter::message::{Answer, Hello, Message, signed};
use crate::encounter::{
    Asking, Declined, Encounter, EncounterError, Event, Faults, Input, Output, ReconcileError,
};
use crate::link::Link;

/// Somebody honest, and what a liar hears of them.
struct Honest {
    home: Home,
    encounter: Encounter,
    heard: Joining,
    events: Vec<Event>,
    hello: Hello,
    is_slow: bool,
}

fn liar() -> SigningKey {
    SigningKey::from_seed(&Secret::from([66; 32]))
}

fn hello(nonce: u8) -> Hello {
    let key = Some(liar().verifying_key().0);
    Hello { nonce: [nonce; 32], mtu: 1 << 20, reach: u32::MAX, no_bulk: false, wants_proof: true, key }
}

impl Honest {
    fn new(home: Home, link: Link) -> Self {
        let mut encounter = home.meets(link);
        let mut heard = Joining::default();
        let Some(Output::Send(frame)) = encounter.poll() else { panic!("hello first") };
        let Ok(Some(Message::Hello(hello))) = heard.add(&frame) else { panic!("hello first") };
        Self { home, encounter, heard, events: vec![], hello, is_slow: false }
    }

    fn hear(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(output) = self.encounter.poll() {
            match output {
                Output::Send(frame) => messages.extend(self.heard.add(&frame).unwrap()),
                Output::Load(id) => {
                    let bundle = self.home.bytes.get(&id).map(|(bundle, _)| bundle.clone());
                    self.home.handle(&mut self.encounter, Input::Loaded(id, bundle)).unwrap();
                }
                Output::Keep(bundle, _) if !self.is_slow => {
                    self.home.handle(&mut self.encounter, Input::Kept(bundle.id())).unwrap();
                }
                Output::Event(event) => self.events.push(event),
                _ => {}
            }
        }
        messages
    }

    fn frame(&mut self, frame: &[u8]) -> Result<Vec<Message>, EncounterError> {
        self.home.handle(&mut self.encounter, Input::Frame(frame.to_vec()))?;
        Ok(self.hear())
    }

    fn say(&mut self, message: Message) -> Result<Vec<Message>, EncounterError> {
        let mut heard = Vec::new();
        for frame in message.frames(1 << 20) {
            heard.extend(self.frame(&frame)?);
        }
        Ok(heard)
    }

    /// The liar says hello, with a proof. Whoever has the greater nonce asks.
    fn greet(&mut self, nonce: u8) {
        self.say(Message::Hello(hello(nonce))).unwrap();
        let proof = liar().sign(&signed(&hello(nonce), &self.hello));
        self.say(Message::Proof(proof)).unwrap();
    }

    /// Both know who the other is, and the liar has nothing and says what it lacks.
    fn open(home: Home, lacks: &[BundleId]) -> Self {
        Self::open_on(home, lacks, LINK).0
    }

    fn open_on(home: Home, lacks: &[BundleId], link: Link) -> (Self, Vec<Message>) {
        let mut honest = Self::new(home, link);
        honest.greet(255);
        let (_, first) = Asking::new(core::iter::empty(), 1 << 20).unwrap();
        honest.say(Message::Reconcile(first)).unwrap();
        let lacks = lacks.iter().map(BundleId::short).collect();
        let heard = honest.say(Message::Lacks(lacks, true)).unwrap();
        (honest, heard)
    }

    fn show(&mut self, all: &[Bundle]) -> Vec<Answer> {
        let heard = self.say(shows(all)).unwrap();
        let [Message::Answers(answers)] = &heard[..] else { panic!("{heard:?}") };
        answers.clone()
    }
}

fn shows(all: &[Bundle]) -> Message {
    let header = |one: &Bundle| crate::encounter::message::Header {
        id: one.id().short(),
        tag: one.tag,
        terms: one.terms,
        part: one.part,
        size: one.payload.len() as u32,
    };
    Message::Shows(all.iter().map(header).collect())
}

fn data(one: &Bundle) -> Message {
    Message::Data { id: one.id().short(), offset: 0, bytes: one.payload.clone() }
}

const ASK: Answer = Answer::Ask { from: 0, custody: false };

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
