//! The power fails, at every write of a random usage: with all that was written before,
//! with any part of what was not synced, and with its blocks in any order.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::disk::{Disk, Event, Image, apply};
use super::{SMALL, object, rng, root};
use crate::object::ObjectId;
use crate::store::Store;

const CAPACITY: u64 = 64 * (128 << 10);

#[derive(Clone, Debug)]
enum Step {
    /// Puts an object of this size.
    Put(usize),
    /// Records something of this size.
    Record(usize),
    Sync,
    Commit,
    /// Needs no object before the one of this place, and cleans.
    Clean(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..40_000_usize).prop_map(Step::Put),
        3 => (1..30_000_usize).prop_map(Step::Record),
        2 => Just(Step::Sync),
        2 => Just(Step::Commit),
        1 => (0..30_usize).prop_map(Step::Clean),
    ];
    prop::collection::vec(step, 1..60)
}

/// What was promised once so many events had happened.
#[derive(Clone, Debug)]
struct Promise {
    events: usize,
    /// Of the last checkpoint.
    generation: u64,
    /// Records that are durable.
    records: usize,
}

/// What a checkpoint holds, by its generation.
#[derive(Clone, Debug)]
struct Held {
    /// The first object that is needed, and the one behind the last.
    objects: (usize, usize),
    /// Records that it takes account of.
    records: usize,
}

/// Everything that happened, and what had been promised when.
struct History {
    events: Vec<Event>,
    ids: Vec<ObjectId>,
    sizes: Vec<usize>,
    records: Vec<Vec<u8>>,
    promises: Vec<Promise>,
    held: Vec<Held>,
}

fn run(steps: &[Step]) -> History {
    let disk = Disk::new(CAPACITY);
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    let nothing = Held { objects: (0, 0), records: 0 };
    let mut history = History {
        events: Vec::new(),
        ids: Vec::new(),
        sizes: Vec::new(),
        records: Vec::new(),
        promises: Vec::new(),
        held: alloc::vec![nothing; 3],
    };
    let promise = |history: &mut History, generation: u64, records: usize| {
        let events = disk.0.borrow().events.len();
        history.promises.push(Promise { events, generation, records });
    };
    promise(&mut history, 2, 0);
    let (mut first, mut committed) = (0, 2_u64);
    for step in steps {
        match step {
            Step::Put(size) => {
                let object = object(history.ids.len() as u64, *size);
                store.put(&object).unwrap();
                history.ids.push(object.id);
                history.sizes.push(*size);
            }
            Step::Record(size) => {
                let number = history.records.len() as u64;
                let content = super::noise(number, *size);
                store.record(&content).unwrap();
                history.records.push(content);
            }
            Step::Sync => {
                store.sync().unwrap();
                let records = history.records.len();
                promise(&mut history, committed, records);
            }
            Step::Commit | Step::Clean(_) => {
                if let Step::Clean(needed) = step {
                    first = first.max((*needed).min(history.ids.len()));
                    store.begin_marking();
                    for id in &history.ids[first..] {
                        store.mark_needed(id).unwrap();
                    }
                    store.clean(70, 4).unwrap();
                }
                committed += 1;
                store.commit(&committed.to_le_bytes()).unwrap();
                let records = history.records.len();
                history.held.push(Held { objects: (first, history.ids.len()), records });
                promise(&mut history, committed, records);
            }
        }
    }
    history.events = disk.0.borrow().events.clone();
    history
}

/// Opens what is left, and compares it with what was promised after so many events, where
/// so many of the newest checkpoints are lost.
fn check(history: &History, image: &Image, events: usize, lost: u64) {
    let disk = Disk::of(image.clone(), CAPACITY);
    let promise = history.promises.iter().rev().find(|promise| promise.events <= events).unwrap();
    let mut shown = Vec::new();
    let mut see = |record: &[u8]| shown.push(record.to_vec());
    let mut store = Store::open(disk, &root(), &mut see).unwrap();
    let generation = store.generation();
    assert!(generation + lost >= promise.generation, "{generation} {promise:?}");
    let held = &history.held[generation as usize];
    if generation > 2 {
        assert_eq!(store.state(), generation.to_le_bytes());
    }
    for place in held.objects.0..held.objects.1 {
        let kept = store.get(&history.ids[place]).unwrap();
        assert_eq!(kept, object(place as u64, history.sizes[place]));
    }
    let records = held.records + shown.len();
    assert!(records >= promise.records, "{records} {promise:?}");
    assert_eq!(shown, history.records[held.records..records]);

    // It goes on from there, and keeps what comes then.
    let later = object(1 << 40, 100);
    store.put(&later).unwrap();
    store.record(b"later").unwrap();
    store.commit(b"later").unwrap();
    store.record(b"latest").unwrap();
    store.sync().unwrap();
    let mut shown = Vec::new();
    let mut store =
        Store::open(store.into_blocks(), &root(), &mut |record| shown.push(record.to_vec())).unwrap();
    assert_eq!(store.get(&later.id).unwrap(), later);
    assert_eq!((store.state(), shown), (&b"later"[..], alloc::vec![b"latest".to_vec()]));
}

/// Fails at every event, in three ways.
fn fail_everywhere(steps: &[Step], mut choice: u64) -> usize {
    let history = run(steps);
    let begun = history.promises[0].events;
    let (mut durable, mut pending) = (Image::new(), Vec::new());
    let mut failures = 0;
    for (number, event) in history.events.iter().enumerate() {
        if number >= begun {
            // All that was written; a part of it; and single blocks of it.
            let mut all = durable.clone();
            pending.iter().flatten().for_each(|block| apply(&mut all, block));
            check(&history, &all, number, 0);
            let mut flip = || {
                choice =
                    choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                choice >> 63 == 0
            };
            let (mut some, mut torn) = (durable.clone(), durable.clone());
            for write in &pending {
                let whole = flip();
                for block in write {
                    if whole {
                        apply(&mut some, block);
                    }
                    if flip() {
                        apply(&mut torn, block);
                    }
                }
            }
            check(&history, &some, number, 0);
            check(&history, &torn, number, 0);
            failures += 3;
            // The newest checkpoint is harmed long after: the one before has everything.
            if let (Event::Sync, Some(promise)) =
                (event, history.promises.iter().find(|promise| promise.events == number + 1))
            {
                all.remove(&(promise.generation % 2 * 8 + 3));
                check(&history, &all, number + 1, 1);
            }
        }
        match event {
            Event::Write(blocks) => pending.push(blocks.clone()),
            Event::Sync => pending.drain(..).flatten().for_each(|block| apply(&mut durable, &block)),
        }
    }
    failures
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_power_fails_at_every_write_and_nothing_that_was_promised_is_lost(
        steps in steps(),
        choice: u64,
    ) {
        fail_everywhere(&steps, choice);
    }
}

#[test]
fn a_long_usage_survives_some_thousand_failures() {
    let mut steps = Vec::new();
    for number in 0..480_usize {
        steps.push(match number % 8 {
            0 | 3 | 5 => Step::Put(1 + number * 331 % 40_000),
            1 => Step::Record(1 + number * 97 % 20_000),
            2 => Step::Sync,
            4 | 6 => Step::Record(100),
            _ if number % 24 == 7 => Step::Clean(number / 4),
            _ => Step::Commit,
        });
    }
    let failures = fail_everywhere(&steps, 7);
    assert!(failures > 2_000, "{failures}");
}
