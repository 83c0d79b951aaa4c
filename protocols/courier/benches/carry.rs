//! A thousand people with radios of short reach, who carry each other's messages: what arrives,
//! when, and with how many transmissions, beside epidemic routing (Vahdat and Becker, 2000)
//! under the same limits of storage and of time in contact.
//!
//! Two models of where people are, both from the field's literature and made anew from a fixed
//! seed at each run:
//!
//! - *days*: people sleep at home, work at an office, take the same bus, and meet at a few places in the
//!   evening, after the working day movement model (Ekman, Keränen, Karvo, Ott, MobilityModels
//!   2008). People of one place meet a few of the others in each step.
//! - *waypoints*: people walk from one random place to the next on a plain (random waypoint:
//!   Johnson and Maltz, 1996), and meet whom they come near.
//!
//! What routing needs to know is decided by the crate that people run. Epidemic routing here gives all that the
//! other lacks, in the same order, and drops what was delivered in the same way.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../shells/node/benches/figure/mod.rs"]
mod figure;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use allod_courier::bundle::{Bundle, BundleId, Lifetime, Priority, Seconds, Terms};
use allod_courier::carry::{COPIES, Giving, Limits, Origin, PeerId, Store, giving, is_cover};
use allod_courier::ratchet::{Tag, Token};
use allod_crypto::Secret;
use allod_wire::Instant;
use figure::Figure;

const PEOPLE: usize = 1000;

/// Bundles that somebody carries at most.
const CARRIED: usize = 500;

/// Bundles that go one way in one step of a contact.
const IN_CONTACT: usize = 25;

/// Messages that are written each hour, in the first days.
const HOURLY: usize = 40;

const STEP_MS: u64 = 5 * 60 * 1000;
const STEPS_A_DAY: usize = 288;
const DAYS_WRITTEN: usize = 3;
const DAYS: usize = 6;
const BEGIN: Instant = Instant(1_800_000_000_000);

/// xorshift64* (Vigna 2016), from a fixed seed: each run sees the same people.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }
}

/// Who meets whom, in each step.
type Meetings = Vec<Vec<(u16, u16)>>;

/// The working day movement model, by places instead of streets.
fn days(random: &mut Random) -> Meetings {
    const HOMES: usize = 400;
    const OFFICES: usize = 50;
    const BUSES: usize = 20;
    const SPOTS: usize = 30;
    struct Person {
        home: usize,
        office: usize,
        bus: usize,
        spots: [usize; 3],
        wakes: usize,
    }
    let people: Vec<Person> = (0..PEOPLE)
        .map(|_| Person {
            home: random.below(HOMES),
            office: random.below(OFFICES),
            bus: random.below(BUSES),
            spots: [random.below(SPOTS), random.below(SPOTS), random.below(SPOTS)],
            wakes: 72 + random.below(36),
        })
        .collect();
    let mut all = Vec::new();
    for day in 0..DAYS {
        let evenings: Vec<Option<usize>> = people
            .iter()
            .map(|person| (random.below(2) == 0).then(|| person.spots[random.below(3)]))
            .collect();
        for step in 0..STEPS_A_DAY {
            let mut at: BTreeMap<(u8, usize), Vec<u16>> = BTreeMap::new();
            for (number, person) in people.iter().enumerate() {
                let is_weekend = day % 7 >= 5;
                let since = step.saturating_sub(person.wakes);
                let place = match (step < person.wakes || is_weekend, since, evenings[number]) {
                    (false, 0..6, _) => (1, person.bus),
                    (false, 6..102, _) => (2, person.office),
                    (false, 102..108, _) => (1, person.bus),
                    (_, 108..144, Some(spot)) => (3, spot),
                    _ => (0, person.home),
                };
                at.entry(place).or_default().push(number as u16);
            }
            let mut meetings = Vec::new();
            for mut group in at.into_values() {
                // Not everybody of a place is near everybody.
                for last in (1..group.len()).rev() {
                    group.swap(last, random.below(last + 1));
                }
                meetings.extend(group.windows(2).map(|pair| (pair[0], pair[1])));
            }
            all.push(meetings);
        }
    }
    all
}

/// Random waypoint on a square of 3 km; people walk at 0.5 to 1.5 m/s and meet within 60 m.
fn waypoints(random: &mut Random) -> Meetings {
    const SIDE: f64 = 3000.0;
    const NEAR: f64 = 60.0;
    let somewhere =
        |random: &mut Random| [0, 1].map(|_| random.below(1 << 20) as f64 / f64::from(1 << 20) * SIDE);
    let mut people: Vec<([f64; 2], [f64; 2], f64)> =
        (0..PEOPLE).map(|_| (somewhere(random), somewhere(random), 1.0)).collect();
    let mut all = Vec::new();
    for _ in 0..DAYS * STEPS_A_DAY {
        let mut cells: BTreeMap<(i64, i64), Vec<u16>> = BTreeMap::new();
        for (number, (at, to, speed)) in people.iter_mut().enumerate() {
            let way = [to[0] - at[0], to[1] - at[1]];
            let (left, goes) = (way[0].hypot(way[1]), *speed * STEP_MS as f64 / 1000.0);
            if left <= goes {
                (*at, *to, *speed) = (*to, somewhere(random), 0.5 + random.below(1000) as f64 / 1000.0);
            } else {
                *at = [at[0] + way[0] / left * goes, at[1] + way[1] / left * goes];
            }
            cells.entry(((at[0] / NEAR) as i64, (at[1] / NEAR) as i64)).or_default().push(number as u16);
        }
        let mut meetings = BTreeSet::new();
        for ((x, y), here) in &cells {
            let near = (-1..2).flat_map(|dx| (-1..2).map(move |dy| (x + dx, y + dy)));
            for other in near.filter_map(|cell| cells.get(&cell)).flatten() {
                for one in here.iter().filter(|one| *one < other) {
                    let [a, b] = [one, other].map(|person| people[usize::from(*person)].0);
                    if (a[0] - b[0]).hypot(a[1] - b[1]) <= NEAR {
                        meetings.insert((*one, *other));
                    }
                }
            }
        }
        all.push(meetings.into_iter().collect());
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Routing {
    Ours,
    Epidemic,
}

struct Person {
    store: Store,
    /// What is expected: tags of messages that are under way to this person, with their tokens.
    expected: BTreeMap<Tag, Token>,
    /// Whom they met in each of the last two days.
    met: [BTreeSet<u16>; 2],
    cover: Secret<32>,
    /// Which messages they carry, and which they know to be delivered.
    has: Bits,
    knows: Bits,
}

/// A set of messages by their numbers, so that what two people have can be compared at once.
#[derive(Clone)]
struct Bits(Vec<u64>);

impl Bits {
    fn new() -> Self {
        Self(vec![0; (DAYS_WRITTEN * 24 * HOURLY).div_ceil(64)])
    }

    fn set(&mut self, number: usize, is: bool) {
        let bit = 1 << (number % 64);
        let word = &mut self.0[number / 64];
        *word = if is { *word | bit } else { *word & !bit };
    }

    /// What is here and in none of the others.
    fn but_not(&self, others: &[&Self]) -> Vec<usize> {
        let mut found = Vec::new();
        for (at, word) in self.0.iter().enumerate() {
            let mut rest = others.iter().fold(*word, |rest, other| rest & !other.0[at]);
            while rest != 0 {
                found.push(at * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
        found
    }
}

struct Message {
    bundle: Bundle,
    id: BundleId,
    token: Token,
    written: Instant,
}

impl Person {
    fn reach(&self) -> u32 {
        self.met.iter().map(BTreeSet::len).sum::<usize>() as u32
    }

    /// Takes a bundle, if the store does.
    fn take(&mut self, number: usize, copy: &Bundle, origin: Origin, all: &Messages, now: Instant) -> bool {
        let Ok(took) = self.store.take(copy, origin, 1, now) else { return false };
        took.dropped.iter().for_each(|id| self.has.set(all.numbers[id], false));
        self.has.set(number, true);
        true
    }

    /// Hears that a message was delivered.
    fn deliver(&mut self, number: usize, message: &Message, now: Instant) {
        self.store.tell(message.token, message.bundle.terms.expires(), now);
        self.knows.set(number, true);
        self.has.set(number, false);
    }
}

/// All that was written, in its order, which is that in which it expires.
#[derive(Default)]
struct Messages {
    all: Vec<Message>,
    numbers: HashMap<BundleId, usize>,
}

#[derive(Default)]
struct Outcome {
    written: usize,
    delays: Vec<f64>,
    transmissions: u64,
}

impl Outcome {
    fn delivered(&self) -> f64 {
        self.delays.len() as f64 / self.written as f64
    }

    /// In hours.
    fn median_delay(&self) -> f64 {
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        delays[delays.len() / 2]
    }
}

fn simulate(meetings: &Meetings, routing: Routing) -> Outcome {
    let random = &mut Random(0x0A11_0D00_2026);
    let limits = Limits { bytes: 1 << 40, count: CARRIED, stranger: 1, friend: 1 };
    let mut person = |_| Person {
        store: Store::new(limits),
        expected: BTreeMap::new(),
        met: Default::default(),
        cover: Secret::from(core::array::from_fn(|_| random.next() as u8)),
        has: Bits::new(),
        knows: Bits::new(),
    };
    let mut people: Vec<Person> = (0..PEOPLE).map(&mut person).collect();
    let mut messages = Messages::default();
    let mut outcome = Outcome::default();
    for (step, met) in meetings.iter().enumerate() {
        let now = Instant(BEGIN.0 + step as u64 * STEP_MS);
        if step % STEPS_A_DAY == 0 {
            for person in &mut people {
                person.met.swap(0, 1);
                person.met[1].clear();
            }
        }
        if step % 12 == 0 && step < DAYS_WRITTEN * STEPS_A_DAY {
            for _ in 0..HOURLY {
                let (from, to) = (random.below(PEOPLE), random.below(PEOPLE));
                let token = [random.next(), random.next()].map(u64::to_le_bytes).concat();
                let token = Token(token.try_into().unwrap());
                let terms = Terms {
                    created: Seconds::at(now),
                    sequence: 0,
                    lifetime: Lifetime::at_least(3 * 86_400),
                    priority: Priority::Normal,
                    copies: COPIES,
                    custody: false,
                };
                let bundle = Bundle::new(&[&token.tag().0[..], &[0; 32]].concat(), terms).unwrap();
                let (number, id) = (outcome.written, bundle.id());
                outcome.written += 1;
                people[to].expected.insert(token.tag(), token);
                messages.numbers.insert(id, number);
                assert!(
                    people[from].take(number, &bundle, Origin::Own, &messages, now),
                    "there is room for one's own"
                );
                messages.all.push(Message { bundle, id, token, written: now });
            }
        }
        for (one, other) in met {
            people[usize::from(*one)].met[1].insert(*other);
            people[usize::from(*other)].met[1].insert(*one);
            for (from, to) in [(*one, *other), (*other, *one)] {
                let [giver, taker] = people.get_disjoint_mut([from, to].map(usize::from)).unwrap();
                let origin = Origin::Peer(PeerId([(from % 256) as u8; 32]));
                give(giver, taker, (routing, origin, now), &messages, &mut outcome);
            }
        }
        if step % 12 == 0 {
            for person in &mut people {
                for id in person.store.expire(now) {
                    person.has.set(messages.numbers[&id], false);
                }
            }
        }
    }
    outcome
}

/// One way of a contact.
fn give(
    giver: &mut Person,
    taker: &mut Person,
    (routing, origin, now): (Routing, Origin, Instant),
    messages: &Messages,
    outcome: &mut Outcome,
) {
    for number in giver.knows.but_not(&[&taker.knows]) {
        taker.deliver(number, &messages.all[number], now);
    }
    let (here, there) = (giver.reach(), taker.reach());
    let mut left = IN_CONTACT;
    // All have the same priority and lifetime: what was written first expires first.
    for number in giver.has.but_not(&[&taker.has, &taker.knows]) {
        if left == 0 {
            return;
        }
        let message = &messages.all[number];
        let Some(carried) = giver.store.get(&message.id).copied() else { continue };
        if taker.expected.remove(&carried.tag).is_some() {
            outcome.delays.push((now.0 - message.written.0) as f64 / 3_600_000.0);
            outcome.transmissions += 1;
            left -= 1;
            taker.deliver(number, message, now);
            giver.deliver(number, message, now);
            continue;
        }
        let given = match routing {
            Routing::Epidemic => Some((COPIES, COPIES)),
            Routing::Ours => match giving(&carried.terms, carried.size as usize, here, there) {
                Giving::Copies(given, kept) => Some((given, kept)),
                Giving::Nothing => is_cover(&taker.cover, &message.id).then_some((0, carried.terms.copies)),
            },
        };
        let Some((given, kept)) = given else { continue };
        let copy = Bundle { terms: Terms { copies: given, ..carried.terms }, ..message.bundle.clone() };
        if taker.take(number, &copy, origin, messages, now) {
            outcome.transmissions += 1;
            left -= 1;
            if kept != carried.terms.copies {
                giver.store.set_copies(&message.id, kept);
            }
        }
    }
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let random = &mut Random(0x0A11_0D00);
    for (name, meetings) in [("days", days(random)), ("waypoints", waypoints(random))] {
        let count: usize = meetings.iter().map(Vec::len).sum();
        eprintln!("{name}: {count} meetings of {PEOPLE} people in {DAYS} days");
        let [ours, epidemic] = [Routing::Ours, Routing::Epidemic].map(|routing| simulate(&meetings, routing));
        let figure = |what: &str, value: f64, unit, aim, peer: f64| {
            Figure {
                name: &format!("{name}: {what}, beside epidemic routing"),
                value,
                unit,
                aim,
                peer: Some(peer),
            }
            .print(json);
        };
        figure(
            "messages delivered",
            ours.delivered() * 100.0,
            "%",
            Some(">= 0.95x"),
            epidemic.delivered() * 100.0,
        );
        let transmissions = [&ours, &epidemic].map(|outcome| outcome.transmissions as f64);
        figure("transmissions of bundles", transmissions[0], "", Some("<= 0.25x"), transmissions[1]);
        figure("median delay", ours.median_delay(), "h", None, epidemic.median_delay());
    }
}
