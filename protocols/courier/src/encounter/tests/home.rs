//! Carriers in memory, and the links between two of them.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

use crate::bundle::{Bundle, BundleId, Lifetime, Priority, Seconds, Terms};
use crate::carry::{COPIES, Carried, Limits, Origin, PeerId, Store};
use crate::encounter::{Encounter, EncounterError, Event, Here, Input, Output};
use crate::link::{Cost, Link};
use crate::ratchet::{Tag, Token};

pub(super) const NOW: Instant = Instant(1_800_000_000_000);

pub(super) const LINK: Link = Link { mtu: 1 << 20, is_duplex: true, cost: Cost::Free };
pub(super) const NARROW: Link = Link { mtu: 230, ..LINK };

pub(super) fn token(number: u64) -> Token {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&number.to_le_bytes());
    Token(token)
}

pub(super) fn terms(priority: Priority) -> Terms {
    let created = Seconds::at(NOW);
    Terms { created, sequence: 0, lifetime: Lifetime::MESSAGE, priority, copies: COPIES, custody: false }
}

pub(super) fn bundle(number: u64, size: usize, priority: Priority) -> Bundle {
    let terms = Terms { sequence: number as u16, ..terms(priority) };
    let bytes: Vec<u8> = (0..size).map(|at| (at as u64 * 31 + number) as u8).collect();
    Bundle::new(&[&token(number).tag().0[..], &bytes].concat(), terms).unwrap()
}

/// A device.
pub(super) struct Home {
    pub(super) key: SigningKey,
    pub(super) store: Store,
    /// What is on disk.
    pub(super) bytes: BTreeMap<BundleId, (Bundle, Carried)>,
    pub(super) wants: BTreeSet<Tag>,
    pub(super) cover: Secret<32>,
    pub(super) days: u32,
    pub(super) reach: u32,
    /// What was opened.
    pub(super) opened: Vec<Tag>,
}

impl Home {
    pub(super) fn new(number: u8) -> Self {
        let limits = Limits { bytes: 64 << 20, count: 2000, stranger: 2, friend: 1 };
        Self {
            key: SigningKey::from_seed(&Secret::from([number; 32])),
            store: Store::new(limits),
            bytes: BTreeMap::new(),
            wants: BTreeSet::new(),
            cover: Secret::from([number; 32]),
            days: 1,
            reach: 3,
            opened: Vec::new(),
        }
    }

    pub(super) fn peer(&self) -> PeerId {
        PeerId(self.key.verifying_key().0)
    }

    pub(super) fn write(&mut self, bundle: &Bundle) -> BundleId {
        self.store.take(bundle, Origin::Own, 0, NOW).unwrap();
        let id = bundle.id();
        self.bytes.insert(id, (bundle.clone(), *self.store.get(&id).unwrap()));
        id
    }

    pub(super) fn meets(&self, link: Link) -> Encounter {
        let rng = &mut UnwrapErr(SysRng);
        Encounter::new(Some(&self.key), link, None, self.reach, NOW, rng).unwrap()
    }

    pub(super) fn handle(&mut self, encounter: &mut Encounter, input: Input) -> Result<(), EncounterError> {
        let (wants, days) = (&self.wants, self.days);
        let wants = |tag: &Tag| wants.contains(tag);
        let days = |_: &PeerId| days;
        let here = &mut Here { store: &mut self.store, wants: &wants, cover: &self.cover, days: &days };
        encounter.handle(here, NOW, input)
    }

    pub(super) fn ids(&self) -> BTreeSet<BundleId> {
        self.store.iter().map(|(id, _)| *id).collect()
    }

    /// Does what an encounter wants until it wants nothing. Frames, and what happened.
    pub(super) fn drive(&mut self, encounter: &mut Encounter) -> (Vec<Vec<u8>>, Vec<Event>) {
        let (mut frames, mut events) = (Vec::new(), Vec::new());
        while let Some(output) = encounter.poll() {
            match output {
                Output::Send(frame) => frames.push(frame),
                Output::Load(id) => {
                    let bundle = self.bytes.get(&id).map(|(bundle, _)| bundle.clone());
                    self.handle(encounter, Input::Loaded(id, bundle)).unwrap();
                }
                Output::Keep(bundle, carried) => {
                    let id = bundle.id();
                    self.bytes.insert(id, (bundle, carried));
                    self.handle(encounter, Input::Kept(id)).unwrap();
                }
                Output::Update(id, carried) => drop(self.bytes.get_mut(&id).map(|one| one.1 = carried)),
                Output::Erase(id) => drop(self.bytes.remove(&id)),
                Output::Event(event) => events.push(event),
            }
        }
        for event in &events {
            if let Event::Came(id) = event
                && let Some(whole) = self.whole(id)
            {
                self.open(encounter, &whole);
                let (more, _) = self.drive(encounter);
                frames.extend(more);
            }
        }
        (frames, events)
    }

    /// A message for this device, once all of it is here.
    fn whole(&self, id: &BundleId) -> Option<Bundle> {
        let (first, _) = self.bytes.get(id)?;
        let mut all = crate::bundle::Reassembly::new(first);
        for other in self.store.with_tag(&first.tag) {
            let _ = all.add(&self.bytes.get(other)?.0);
        }
        all.whole()
    }

    fn open(&mut self, encounter: &mut Encounter, whole: &Bundle) {
        let number = (0..5000).find(|number| token(*number).tag() == whole.tag).unwrap();
        let sent = bundle(number, whole.payload.len(), whole.terms.priority);
        assert_eq!(whole.payload, sent.payload, "it is what was written");
        self.opened.push(whole.tag);
        self.wants.remove(&whole.tag);
        for id in self.store.tell(token(number), whole.terms.expires(), NOW) {
            self.bytes.remove(&id);
        }
        self.handle(encounter, Input::Delivered(token(number))).unwrap();
    }
}

/// Two devices that meet.
pub(super) struct Contact {
    pub(super) ends: [Encounter; 2],
    /// Frames on their way to each.
    pub(super) ways: [VecDeque<Vec<u8>>; 2],
    pub(super) events: [Vec<Event>; 2],
    /// All frames that were sent, by whom.
    pub(super) log: Vec<(usize, Vec<u8>)>,
}

impl Contact {
    pub(super) fn new(homes: &mut [Home; 2], link: Link) -> Self {
        let ends = [homes[0].meets(link), homes[1].meets(link)];
        let mut contact = Self { ends, ways: Default::default(), events: Default::default(), log: vec![] };
        contact.drive(homes, 0);
        contact.drive(homes, 1);
        contact
    }

    pub(super) fn drive(&mut self, homes: &mut [Home; 2], at: usize) {
        let (frames, events) = homes[at].drive(&mut self.ends[at]);
        self.events[at].extend(events);
        self.log.extend(frames.iter().map(|frame| (at, frame.clone())));
        self.ways[1 - at].extend(frames);
    }

    /// One frame comes to somebody. Whether there was one.
    pub(super) fn step(&mut self, homes: &mut [Home; 2], at: usize) -> bool {
        let Some(frame) = self.ways[at].pop_front() else { return false };
        homes[at].handle(&mut self.ends[at], Input::Frame(frame)).unwrap();
        self.drive(homes, at);
        if self.ways[at].is_empty() {
            homes[1 - at].handle(&mut self.ends[1 - at], Input::Sent).unwrap();
            self.drive(homes, 1 - at);
        }
        true
    }

    pub(super) fn run(&mut self, homes: &mut [Home; 2]) {
        while self.step(homes, 0) | self.step(homes, 1) {}
    }

    pub(super) fn end(mut self, homes: &mut [Home; 2]) -> [Vec<Event>; 2] {
        for ((home, end), all) in homes.iter_mut().zip(&mut self.ends).zip(&mut self.events) {
            home.handle(end, Input::Over).unwrap();
            all.extend(home.drive(end).1);
        }
        self.events
    }
}

/// Two devices meet and settle all.
pub(super) fn meet(homes: &mut [Home; 2], link: Link) -> [Vec<Event>; 2] {
    let mut contact = Contact::new(homes, link);
    contact.run(homes);
    contact.end(homes)
}

pub(super) fn homes() -> [Home; 2] {
    [Home::new(1), Home::new(2)]
}
