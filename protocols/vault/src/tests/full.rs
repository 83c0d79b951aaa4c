//! The disk is full, at any point: that is said, what is there can be read and removed,
//! and nothing is lost.

use alloc::vec::Vec;

use super::disk::Disk;
use super::{SMALL, object, rng, root};
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::store::{Geometry, Store};

const SEGMENT: u64 = 128 << 10;

fn size_of(number: u64) -> usize {
    1 + (number as usize * 7919) % 60_000
}

fn get_all(store: &mut Store<Disk>, numbers: &[(u64, ObjectId)]) {
    for (number, id) in numbers {
        assert_eq!(store.get(id), Ok(object(*number, size_of(*number))));
    }
}

/// Fills a store, then makes room, over and over.
fn fill_and_clean(disk: &Disk) {
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    let mut kept: Vec<(u64, ObjectId)> = Vec::new();
    let mut next = 0;
    for round in 0..6_u64 {
        let begun = next;
        let why = loop {
            let object = object(next, size_of(next));
            match store.put(&object) {
                Ok(_) => kept.push((next, object.id)),
                Err(why) => break why,
            }
            next += 1;
            if next.is_multiple_of(7) {
                store.commit(&round.to_le_bytes()).unwrap();
            }
        };
        assert_eq!(why, VaultError::Full);
        assert!(next > begun, "there was room again in round {round}");
        // What was put is kept, and what has to be recorded finds room.
        store.record(b"remove some").unwrap();
        store.sync().unwrap();
        store.commit(b"full").unwrap();
        get_all(&mut store, &kept);
        store = Store::open(disk.clone(), &root(), &mut |_| {}).unwrap();
        get_all(&mut store, &kept);

        kept.retain(|(number, _)| number % 3 == 0 && *number >= begun);
        store.begin_marking();
        for (_, id) in &kept {
            store.mark_needed(id).unwrap();
        }
        while store.clean(90, 2).unwrap().segments > 0 {
            store.commit(b"cleaned").unwrap();
            store.commit(b"cleaned").unwrap();
        }
        store.commit(b"cleaned").unwrap();
        get_all(&mut store, &kept);
    }
}

#[test]
fn a_store_that_is_full_says_so_and_can_be_emptied() {
    fill_and_clean(&Disk::new(32 * SEGMENT));
}

#[test]
fn a_disk_that_is_full_before_the_store_says_so_and_can_be_emptied() {
    let disk = Disk::new(1000 * SEGMENT);
    disk.0.borrow_mut().room = 20 * SEGMENT;
    fill_and_clean(&disk);
}

#[test]
fn a_disk_that_fails_at_any_write_keeps_what_was_promised() {
    for writes in 0..60 {
        let disk = Disk::new(64 * SEGMENT);
        let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
        let (mut promised, mut generation) = (0, store.generation());
        disk.0.borrow_mut().writes_left = Some(writes);
        let mut failed = None;
        for number in 0..100_u64 {
            let done = store.put(&object(number, size_of(number))).and_then(|_| {
                if number % 5 == 4 { store.commit(&number.to_le_bytes()).map(|()| true) } else { Ok(false) }
            });
            match done {
                Ok(true) => (promised, generation) = (number + 1, store.generation()),
                Ok(false) => {}
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        assert!(matches!(failed, Some(VaultError::Blocks(_))), "{failed:?}");
        // What is there can be read, before and after it is opened again.
        let all: Vec<_> = (0..promised).map(|number| (number, object(number, size_of(number)).id)).collect();
        get_all(&mut store, &all);
        disk.0.borrow_mut().writes_left = None;
        let mut store = Store::open(disk, &root(), &mut |_| {}).unwrap();
        assert!(store.generation() >= generation);
        get_all(&mut store, &all);
    }
}

#[test]
fn a_sync_that_failed_ends_the_writing() {
    let disk = Disk::new(64 * SEGMENT);
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    store.record(b"something").unwrap();
    disk.0.borrow_mut().writes_left = Some(0);
    assert!(matches!(store.sync(), Err(VaultError::Blocks(_))));
    disk.0.borrow_mut().writes_left = None;
    assert_eq!(store.sync(), Err(VaultError::ReadOnly));
    assert_eq!(store.record(b"more"), Err(VaultError::ReadOnly));
    assert_eq!(store.put(&object(1, 10)), Err(VaultError::ReadOnly));
    assert_eq!(store.commit(b""), Err(VaultError::ReadOnly));
}

#[test]
fn a_store_that_nobody_uses_gives_room_back_and_can_be_emptied_on_a_disk_that_others_filled() {
    // Segments that are larger than what stays reserved.
    const LARGE: Geometry = Geometry { segment_size: 2 << 20 };
    let capacity = 100 * u64::from(LARGE.segment_size);
    let disk = Disk::new(capacity);
    let mut store = Store::create(disk.clone(), LARGE, &root(), b"", &mut rng()).unwrap();
    let mut kept = Vec::new();
    let mut stored = 0;
    for number in 0..200 {
        let object = object(number, size_of(number));
        stored += object.bytes.len() as u64;
        store.put(&object).unwrap();
        kept.push((number, object.id));
    }
    store.commit(b"").unwrap();
    let used = || capacity - disk.0.borrow().room;
    assert!(used() > stored + 5 * u64::from(LARGE.segment_size), "{} {stored}", used());
    store.give_back().unwrap();
    assert!(used() < stored + u64::from(LARGE.segment_size), "{} {stored}", used());

    // Others take all the rest.
    let theirs = core::mem::take(&mut disk.0.borrow_mut().room);
    let mut store = Store::open(disk.clone(), &root(), &mut |_| {}).unwrap();
    get_all(&mut store, &kept);
    let why = (200..400).find_map(|number| store.put(&object(number, size_of(number) | 1)).err());
    assert_eq!(why, Some(VaultError::Full));
    for _ in 0..20 {
        store.record(b"remove some").unwrap();
        store.sync().unwrap();
    }
    // Nothing is needed any more.
    store.begin_marking();
    while store.clean(100, 1).unwrap_or_default().segments > 0 {
        store.commit(b"cleaned").unwrap();
        store.commit(b"cleaned").unwrap();
    }
    store.commit(b"cleaned").unwrap();
    assert!(disk.0.borrow().room >= u64::from(LARGE.segment_size), "{}", disk.0.borrow().room);
    store.give_back().unwrap();

    // They remove it: all is as before, also where it was not opened again.
    disk.0.borrow_mut().room += theirs;
    for number in 400..600 {
        store.put(&object(number, size_of(number))).unwrap();
    }
    store.commit(b"again").unwrap();
    let mut store = Store::open(disk, &root(), &mut |_| {}).unwrap();
    get_all(
        &mut store,
        &(400..600).map(|number| (number, object(number, size_of(number)).id)).collect::<Vec<_>>(),
    );
}
