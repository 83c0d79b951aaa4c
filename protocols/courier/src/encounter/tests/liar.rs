//! Somebody honest who meets a liar.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;

use super::home::*;
use crate::bundle::{Bundle, BundleId};
use crate::encounter::frame::Joining;
use crate::encounter::message::{Answer, Hello, Message, signed};
use crate::encounter::{Asking, Encounter, EncounterError, Event, Input, Output};
use crate::link::Link;

/// Somebody honest, and what a liar hears of them.
pub(super) struct Honest {
    pub(super) home: Home,
    pub(super) encounter: Encounter,
    pub(super) heard: Joining,
    pub(super) events: Vec<Event>,
    pub(super) hello: Hello,
    pub(super) is_slow: bool,
}

pub(super) fn liar() -> SigningKey {
    SigningKey::from_seed(&Secret::from([66; 32]))
}

pub(super) fn hello(nonce: u8) -> Hello {
    let key = Some(liar().verifying_key().0);
    Hello { nonce: [nonce; 32], mtu: 1 << 20, reach: u32::MAX, no_bulk: false, wants_proof: true, key }
}

impl Honest {
    pub(super) fn new(home: Home, link: Link) -> Self {
        let mut encounter = home.meets(link);
        let mut heard = Joining::default();
        let Some(Output::Send(frame)) = encounter.poll() else { panic!("hello first") };
        let Ok(Some(Message::Hello(hello))) = heard.add(&frame) else { panic!("hello first") };
        Self { home, encounter, heard, events: vec![], hello, is_slow: false }
    }

    pub(super) fn hear(&mut self) -> Vec<Message> {
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

    pub(super) fn frame(&mut self, frame: &[u8]) -> Result<Vec<Message>, EncounterError> {
        self.home.handle(&mut self.encounter, Input::Frame(frame.to_vec()))?;
        Ok(self.hear())
    }

    pub(super) fn say(&mut self, message: Message) -> Result<Vec<Message>, EncounterError> {
        let mut heard = Vec::new();
        for frame in message.frames(1 << 20) {
            heard.extend(self.frame(&frame)?);
        }
        Ok(heard)
    }

    /// The liar says hello, with a proof. Whoever has the greater nonce asks.
    pub(super) fn greet(&mut self, nonce: u8) {
        self.say(Message::Hello(hello(nonce))).unwrap();
        let proof = liar().sign(&signed(&hello(nonce), &self.hello));
        self.say(Message::Proof(proof)).unwrap();
    }

    /// Both know who the other is, and the liar has nothing and says what it lacks.
    pub(super) fn open(home: Home, lacks: &[BundleId]) -> Self {
        Self::open_on(home, lacks, LINK).0
    }

    pub(super) fn open_on(home: Home, lacks: &[BundleId], link: Link) -> (Self, Vec<Message>) {
        let mut honest = Self::new(home, link);
        honest.greet(255);
        let (_, first) = Asking::new(core::iter::empty(), 1 << 20).unwrap();
        honest.say(Message::Reconcile(first)).unwrap();
        let lacks = lacks.iter().map(BundleId::short).collect();
        let heard = honest.say(Message::Lacks(lacks, true)).unwrap();
        (honest, heard)
    }

    pub(super) fn show(&mut self, all: &[Bundle]) -> Vec<Answer> {
        let heard = self.say(shows(all)).unwrap();
        let [Message::Answers(answers)] = &heard[..] else { panic!("{heard:?}") };
        answers.clone()
    }
}

pub(super) fn shows(all: &[Bundle]) -> Message {
    let header = |one: &Bundle| crate::encounter::message::Header {
        id: one.id().short(),
        tag: one.tag,
        terms: one.terms,
        part: one.part,
        size: one.payload.len() as u32,
    };
    Message::Shows(all.iter().map(header).collect())
}

pub(super) fn data(one: &Bundle) -> Message {
    Message::Data { id: one.id().short(), offset: 0, bytes: one.payload.clone() }
}

pub(super) const ASK: Answer = Answer::Ask { from: 0, custody: false };
