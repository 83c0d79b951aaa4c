//! What comes from another carrier while a link lasts.

use allod_courier::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};
use allod_courier::carry::{Limits, Origin, PeerId, Store};
use allod_courier::encounter::{Encounter, Event, Here, Input, Output};
use allod_courier::link::{Cost, Link};
use allod_courier::ratchet::{Tag, Token};
use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;

use crate::courier::FIXTURE_TODAY;
use crate::fixture::{made, pieces};
use crate::guardian::stream;

/// The limits of the carrier that is fuzzed.
const LIMITS: Limits = Limits { bytes: 100_000, count: 40, stranger: 4, friend: 2 };

/// What a carrier of the fixture has: some bundles of its own, of which the other one has some, too.
fn fixture_bundles(of: u8) -> Vec<Bundle> {
    let bundle = |number: u8| {
        let terms = Terms {
            created: Seconds::at(FIXTURE_TODAY),
            sequence: number.into(),
            lifetime: Lifetime::MESSAGE,
            priority: made(Priority::from_code(number % 3).ok_or("no priority")),
            copies: 64,
            custody: number.is_multiple_of(2),
        };
        let token = Token([number; 16]);
        made(Bundle::new(&[&token.tag().0[..], &[number; 200]].concat(), terms))
    };
    (3 * of..3 * of + 6).map(bundle).collect()
}

/// A carrier's key, and the link on which the two meet.
fn fixture_carrier(number: u8) -> (SigningKey, Link) {
    let link = Link { mtu: 1000, is_duplex: true, cost: Cost::Free };
    (SigningKey::from_seed(&Secret::from([number; 32])), link)
}

/// A carrier that knows whom it meets, and its disk.
pub struct FixtureCarrier {
    store: Store,
    bundles: Vec<Bundle>,
    encounter: Encounter,
}

impl FixtureCarrier {
    /// The first or the second one.
    pub fn new(number: u8) -> Self {
        let bundles = fixture_bundles(number);
        let mut store = Store::new(LIMITS);
        for bundle in &bundles {
            made(store.take(bundle, Origin::Own, 0, FIXTURE_TODAY));
        }
        let (key, link) = fixture_carrier(number);
        let known = Some(PeerId(fixture_carrier(1 - number).0.verifying_key().0));
        let encounter = Encounter::new(Some(&key), link, known, 3, FIXTURE_TODAY, &mut stream_of(number));
        Self { store, bundles, encounter: made(encounter) }
    }

    fn handle(&mut self, input: Input) -> bool {
        let (wants, days) = (|tag: &Tag| tag.0[0].is_multiple_of(2), |_: &PeerId| 2);
        let cover = Secret::from([7; 32]);
        let here = &mut Here { store: &mut self.store, wants: &wants, cover: &cover, days: &days };
        self.encounter.handle(here, FIXTURE_TODAY, input).is_ok()
    }

    /// Takes a frame, and does what follows. The frames that go out, or nothing if the contact is over.
    pub fn frame(&mut self, frame: &[u8]) -> Option<Vec<Vec<u8>>> {
        if !self.handle(Input::Frame(frame.to_vec())) {
            return None;
        }
        let frames = self.outputs();
        self.handle(Input::Sent);
        Some(frames)
    }

    /// The frames that go out.
    pub fn outputs(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(output) = self.encounter.poll() {
            match output {
                Output::Send(frame) => {
                    assert!(frame.len() <= 1000);
                    frames.push(frame);
                }
                Output::Load(id) => {
                    let bundle = self.bundles.iter().find(|bundle| bundle.id() == id).cloned();
                    self.handle(Input::Loaded(id, bundle));
                }
                Output::Keep(bundle, carried) => {
                    assert_eq!(self.store.get(&bundle.id()), Some(&carried));
                    let id = bundle.id();
                    self.bundles.push(bundle);
                    self.handle(Input::Kept(id));
                }
                Output::Event(Event::Delivered(token)) => assert!(self.store.was_delivered(&token.tag())),
                Output::Update(..) | Output::Erase(_) | Output::Event(_) => {}
            }
        }
        frames
    }
}

/// Each carrier draws another nonce, and the second asks.
fn stream_of(number: u8) -> impl rand_core::CryptoRng {
    let mut rng = stream();
    (0..number).for_each(|_| {
        rand_core::Rng::fill_bytes(&mut rng, &mut [0; 32]);
    });
    rng
}

/// Frames from a carrier that was met.
pub fn encounter(data: &[u8]) {
    for number in 0..2 {
        let mut carrier = FixtureCarrier::new(number);
        carrier.outputs();
        let went_on = pieces(data).all(|piece| carrier.frame(piece).is_some());
        if went_on {
            carrier.handle(Input::Over);
            carrier.outputs();
        }
        let (count, bytes) = carrier.store.size();
        assert!(count <= LIMITS.count + 256 && bytes <= LIMITS.bytes + (4 << 20));
    }
}
