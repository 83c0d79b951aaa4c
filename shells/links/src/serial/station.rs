//! A station: what it sends when, and what it makes of what it hears.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use allod_courier::bundle::compact::FRAGMENT_HEADER;
use allod_courier::bundle::{Bundle, BundleId, Priority, Reassembly, WholeId, fragments};
use allod_courier::carry::COVER;
use allod_courier::ratchet::Tag;
use allod_crypto::Secret;
use allod_crypto::hash::blake3_keyed;
use allod_wire::Instant;

use super::airtime::{Airtime, Radio};
use super::frame::{Beacon, CHECK, CONTENT_MAX, Content, NAMES_MAX, Name, name};

/// How often a bundle is sent at most.
pub const ATTEMPTS: u8 = 8;

/// The most bytes of a bundle's payload that is sent or put together: what people write.
pub const BUNDLE_MAX: usize = 16 << 10;

/// The most bundles that are offered at a time.
const ITEMS_MAX: usize = 1024;
/// The most bundles that are put together at a time, and for how long, in milliseconds.
const PARTS_MAX: usize = 32;
const PARTS_MS: u64 = 12 * 3600 * 1000;
/// The most names of bundles that came that are kept, and of those that are asked for.
const HEARD_MAX: usize = 256;
const ASKED_MAX: usize = 256;
/// How often a bundle is asked for.
const ASKS: u8 = 6;
/// The shortest time between regular beacons, in milliseconds.
const BEACON_MS: u64 = 600_000;

/// What a station wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To send this frame now.
    Send(Vec<u8>),
    /// A bundle came, whole.
    Arrived(Bundle),
}

/// A bundle that is offered.
#[derive(Debug)]
struct Item {
    bundle: Bundle,
    /// It is only sent when somebody asks for it.
    on_request: bool,
    attempts: u8,
    /// Not before this.
    next: Instant,
    /// Somebody has shown that they have it.
    is_had: bool,
    /// Somebody asks for it.
    is_asked: bool,
}

impl Item {
    fn is_open(&self) -> bool {
        self.attempts < ATTEMPTS && (self.is_asked || !(self.on_request || self.is_had))
    }

    fn order(&self) -> (std::cmp::Reverse<Priority>, Instant) {
        (std::cmp::Reverse(self.bundle.terms.priority), self.bundle.terms.expires())
    }
}

/// A station on a radio. Whoever runs it takes outputs until there are none, after each call and
/// when its deadline has come.
pub struct Station {
    radio: Radio,
    airtime: Airtime,
    secret: Secret<32>,
    draws: u64,
    items: BTreeMap<Name, Item>,
    expected: BTreeSet<Name>,
    asked: BTreeMap<Name, u8>,
    heard: VecDeque<(Name, BundleId)>,
    parts: BTreeMap<WholeId, (Reassembly, Instant)>,
    /// What is being sent.
    current: Option<Name>,
    frames: VecDeque<Vec<u8>>,
    /// What others have not been told yet.
    news: Vec<Name>,
    turn: usize,
    beacon_regular: Instant,
    beacon_soon: Option<Instant>,
    quiet_until: Instant,
    outputs: VecDeque<Output>,
}

impl Station {
    /// A station with this radio. From `secret`, which is kept, it follows for which bundles of
    /// others it asks.
    pub fn new(radio: Radio, secret: Secret<32>, now: Instant) -> Self {
        let mut station = Self {
            radio,
            airtime: Airtime::new(radio, now),
            secret,
            draws: now.0,
            items: BTreeMap::new(),
            expected: BTreeSet::new(),
            asked: BTreeMap::new(),
            heard: VecDeque::new(),
            parts: BTreeMap::new(),
            current: None,
            frames: VecDeque::new(),
            news: Vec::new(),
            turn: 0,
            beacon_regular: now,
            beacon_soon: None,
            quiet_until: now,
            outputs: VecDeque::new(),
        };
        station.beacon_regular = Instant(now.0 + station.draw(BEACON_MS));
        station
    }

    /// Sends a whole bundle, or gives it to whoever asks. Whether it is taken: none is that is a
    /// fragment, larger than [`BUNDLE_MAX`], or expired, nor when there are too many.
    pub fn offer(&mut self, bundle: Bundle, on_request: bool, now: Instant) -> bool {
        let is_fit = bundle.is_whole() && bundle.payload.len() <= BUNDLE_MAX && bundle.terms.expires() >= now;
        let name = name(&bundle.tag);
        if !is_fit || (self.items.len() >= ITEMS_MAX && !self.items.contains_key(&name)) {
            return false;
        }
        if on_request {
            self.tell(name, now);
        }
        let (next, attempts, is_had, is_asked) = (now, 0, false, false);
        self.items.entry(name).or_insert(Item { bundle, on_request, attempts, next, is_had, is_asked });
        true
    }

    /// Sends what has this tag no more.
    pub fn withdraw(&mut self, tag: &Tag) {
        let name = name(tag);
        self.items.remove(&name);
        self.stop(&name);
    }

    /// Asks for bundles with these tags, and for no others but covers.
    pub fn expect(&mut self, tags: &[Tag]) {
        self.expected = tags.iter().map(name).collect();
    }

    /// Microseconds in which it has sent.
    pub fn airtime_us(&self) -> u64 {
        self.airtime.used_us
    }

    /// Bundles of which some fragments have come.
    #[cfg(test)]
    pub(super) fn parts_held(&self) -> usize {
        self.parts.len()
    }

    /// A frame came. What is none, or has a wrong check, is ignored.
    pub fn receive(&mut self, frame: &[u8], now: Instant) {
        let Some(content) = Content::decode(frame) else { return };
        // Others who heard it do not all answer at once.
        let pause = self.draw(self.radio.airtime_us(CONTENT_MAX) / 1000);
        self.quiet_until = self.quiet_until.max(Instant(now.0.saturating_add(pause)));
        match content {
            Content::Bundle(bundle) => self.receive_bundle(bundle, now),
            Content::Beacon(beacon) => self.receive_beacon(&beacon, now),
        }
    }

    fn receive_bundle(&mut self, bundle: Bundle, now: Instant) {
        if bundle.terms.expires() < now {
            return;
        }
        // Whoever sends it has it.
        self.is_had(&name(&bundle.tag));
        if bundle.is_whole() {
            return self.arrived(bundle, now);
        }
        if bundle.part.total as usize > BUNDLE_MAX {
            return;
        }
        let whole = bundle.whole_id();
        let is_new = match self.parts.get_mut(&whole) {
            Some((parts, at)) => {
                *at = now;
                parts.add(&bundle).unwrap_or(false)
            }
            None => {
                self.make_room(now);
                self.parts.insert(whole, (Reassembly::new(&bundle), now));
                true
            }
        };
        let Some((parts, _)) = self.parts.get(&whole) else { return };
        if is_new {
            // More than one where somebody lied: which one opens is known to whom it is for.
            let wholes: Vec<Bundle> = parts.whole().collect();
            wholes.into_iter().for_each(|bundle| self.arrived(bundle, now));
        } else if parts.missing() == 0 {
            // Whoever sends it again has not heard that it is here.
            self.tell(name(&bundle.tag), now);
        }
    }

    /// Room for fragments of another bundle.
    fn make_room(&mut self, now: Instant) {
        self.parts.retain(|_, (_, at)| now.0 < at.0.saturating_add(PARTS_MS));
        if self.parts.len() >= PARTS_MAX {
            // What nothing has come of for longest.
            let oldest = self.parts.iter().min_by_key(|(_, (_, at))| *at).map(|(whole, _)| *whole);
            oldest.into_iter().for_each(|whole| drop(self.parts.remove(&whole)));
        }
    }

    fn arrived(&mut self, bundle: Bundle, now: Instant) {
        let (name, id) = (name(&bundle.tag), bundle.id());
        self.asked.remove(&name);
        if self.heard.contains(&(name, id)) {
            // Whoever sends it again has not heard that it is here.
            return self.tell(name, now);
        }
        let is_own = self.items.get(&name).is_some_and(|item| item.bundle.id() == id);
        if self.heard.len() >= HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back((name, id));
        self.tell(name, now);
        if !is_own {
            self.outputs.push_back(Output::Arrived(bundle));
        }
    }

    fn receive_beacon(&mut self, beacon: &Beacon, now: Instant) {
        for name in &beacon.has {
            self.is_had(name);
            let is_here = self.items.contains_key(name) || self.heard.iter().any(|(other, _)| other == name);
            let is_wanted = self.expected.contains(name) || self.is_cover(name);
            if !is_here && is_wanted && !self.asked.contains_key(name) {
                if self.asked.len() >= ASKED_MAX {
                    self.asked.pop_first();
                }
                self.asked.insert(*name, 0);
                self.soon(now);
            }
        }
        for name in &beacon.asks {
            if let Some(item) = self.items.get_mut(name) {
                item.is_asked = true;
            }
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if now < self.quiet_until {
            return None;
        }
        if self.beacon_at() <= now {
            return self.send_beacon(now);
        }
        if self.frames.is_empty() {
            self.begin(now);
        }
        let frame = self.frames.front()?;
        if !self.airtime.take(frame.len(), now) {
            return None;
        }
        let frame = self.frames.pop_front()?;
        if self.frames.is_empty() {
            self.ended(now);
        }
        Some(Output::Send(frame))
    }

    /// When [`Self::poll`] has something, if nothing comes before.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(now);
        }
        let items = self.items.values().filter(|item| item.is_open()).map(|item| item.next);
        let next = if self.frames.is_empty() { items.min() } else { Some(now) };
        let next = next.map_or(self.beacon_at(), |next| next.min(self.beacon_at()));
        let ready = self.airtime.ready(CONTENT_MAX + CHECK, now);
        let at = next.max(self.quiet_until).max(ready);
        (at < Instant(u64::MAX)).then_some(at)
    }

    /// Takes the most urgent bundle that is due to be sent.
    fn begin(&mut self, now: Instant) {
        self.items.retain(|_, item| item.bundle.terms.expires() >= now);
        let due = self.items.iter().filter(|(_, item)| item.is_open() && item.next <= now);
        let Some((name, item)) = due.min_by_key(|(_, item)| item.order()) else { return };
        let all = if item.bundle.to_compact().len() <= CONTENT_MAX {
            Some(vec![item.bundle.clone()])
        } else {
            fragments(item.bundle.clone(), CONTENT_MAX - FRAGMENT_HEADER)
        };
        let name = *name;
        self.frames = all.into_iter().flatten().map(|part| Content::Bundle(part).encode()).collect();
        self.current = Some(name);
        if let Some(item) = self.items.get_mut(&name) {
            item.attempts += 1;
            item.is_asked = false;
        }
    }

    /// All of a bundle was sent.
    fn ended(&mut self, now: Instant) {
        let Some(name) = self.current.take() else { return };
        let Some(attempts) = self.items.get(&name).map(|item| item.attempts) else { return };
        // Others need time to say that they have it.
        let wait = (5 * self.radio.pace_ms(CONTENT_MAX)) << attempts.saturating_sub(1).min(ATTEMPTS);
        let next = Instant(now.0.saturating_add(wait + self.draw(wait / 4)));
        if let Some(item) = self.items.get_mut(&name) {
            item.next = next;
        }
    }

    /// Somebody has what has this name.
    fn is_had(&mut self, name: &Name) {
        if let Some(item) = self.items.get_mut(name) {
            item.is_had = true;
            if !item.is_asked {
                self.stop(name);
            }
        }
    }

    /// Sends no more of it.
    fn stop(&mut self, name: &Name) {
        if self.current.as_ref() == Some(name) {
            self.current = None;
            self.frames.clear();
        }
    }

    fn is_cover(&self, name: &Name) -> bool {
        blake3_keyed(&self.secret, &[name])[0].is_multiple_of(COVER)
    }

    /// Others are to be told soon that this is here.
    fn tell(&mut self, name: Name, now: Instant) {
        if self.news.len() < NAMES_MAX && !self.news.contains(&name) {
            self.news.push(name);
        }
        self.soon(now);
    }

    fn soon(&mut self, now: Instant) {
        if self.beacon_soon.is_none() {
            // Late enough to say several things at once.
            let frame = self.radio.pace_ms(CONTENT_MAX / 4);
            let wait = frame + self.draw(frame);
            self.beacon_soon = Some(Instant(now.0.saturating_add(wait)));
        }
    }

    fn beacon_at(&self) -> Instant {
        self.beacon_soon.map_or(self.beacon_regular, |soon| soon.min(self.beacon_regular))
    }

    fn send_beacon(&mut self, now: Instant) -> Option<Output> {
        let is_regular = self.beacon_regular <= now;
        let mut asks: Vec<Name> =
            self.asked.iter().filter(|(_, count)| **count < ASKS).map(|(name, _)| *name).collect();
        asks.truncate(NAMES_MAX / 2);
        let mut has = self.news.clone();
        if is_regular {
            let all: BTreeSet<Name> =
                self.heard.iter().map(|(name, _)| *name).chain(self.items.keys().copied()).collect();
            // Those that had no place the last time come first.
            let turned = all.iter().cycle().skip(self.turn % all.len().max(1)).take(all.len());
            has.extend(turned.filter(|name| !self.news.contains(name)));
        }
        has.truncate(NAMES_MAX - asks.len());
        let is_empty = has.is_empty() && asks.is_empty();
        let frame = Content::Beacon(Beacon { has: has.clone(), asks: asks.clone() }).encode();
        if !is_empty && !self.airtime.take(frame.len(), now) {
            return None;
        }
        if is_regular {
            self.turn = self.turn.wrapping_add(has.len());
            // A tenth of the airtime at most.
            let every = BEACON_MS.max(10 * self.radio.pace_ms(CONTENT_MAX));
            self.beacon_regular = Instant(now.0.saturating_add(every + self.draw(every / 4)));
        }
        self.beacon_soon = None;
        self.news.retain(|name| !has.contains(name));
        for name in &asks {
            self.asked.entry(*name).and_modify(|count| *count += 1);
        }
        if !self.news.is_empty() {
            self.soon(now);
        }
        // Who has nothing to say is silent.
        if is_empty { None } else { Some(Output::Send(frame)) }
    }

    /// A number below this, which others cannot tell beforehand, so that two stations do not
    /// always send at once.
    fn draw(&mut self, below: u64) -> u64 {
        self.draws = self.draws.wrapping_add(1);
        let hash = blake3_keyed(&self.secret, &[&self.draws.to_le_bytes()]);
        let [a, b, c, d, ..] = hash;
        u64::from(u32::from_le_bytes([a, b, c, d])) % below.max(1)
    }
}
