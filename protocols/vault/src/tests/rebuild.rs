//! The index and the table are harmed, and made again from what segments list.

use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::damage::{CAPACITY, OBJECTS, image, size_of};
use super::disk::{Disk, Image};
use super::{keys, noise, object, root};
use crate::check::Rebuilt;
use crate::compress::Uncompressed;
use crate::error::{Damage, Part};
use crate::log::{Content, SegmentState, Spot};
use crate::object::{ObjectId, Sealed};
use crate::store::Store;

const BLOCK: u64 = 4096;

/// Changes one byte.
fn harm(image: &mut Image, at: u64) {
    let mut bytes = image[&(at / BLOCK)].to_vec();
    bytes[(at % BLOCK) as usize] ^= 0x10;
    image.insert(at / BLOCK, Rc::from(bytes));
}

fn harmed(image: &Image, at: u64) -> Image {
    let mut image = image.clone();
    harm(&mut image, at);
    image
}

fn is_good(object: &Sealed) -> bool {
    keys().check(object, &Uncompressed).is_ok()
}

/// The store, made again, and what was done for it.
fn rebuilt(image: Image) -> (Store<Disk>, Rebuilt) {
    let damaged = Store::open_damaged(Disk::of(image, CAPACITY), &root(), &mut |_| {}).unwrap();
    let (mut store, done) = damaged.rebuild(&mut is_good).unwrap();
    // Twice, so that both checkpoints are new.
    store.commit(b"kept").unwrap();
    store.commit(b"kept").unwrap();
    (store, done)
}

/// The objects that are not as they were put.
fn lost(store: &mut Store<Disk>) -> BTreeSet<ObjectId> {
    let all = (0..OBJECTS).map(|number| object(number, size_of(number)));
    all.filter(|good| store.get(&good.id).ok().as_ref() != Some(good)).map(|good| good.id).collect()
}

fn damages(store: &mut Store<Disk>) -> Vec<Damage> {
    let mut damages = Vec::new();
    store.check_parts(&mut |damage| damages.push(damage)).unwrap();
    damages
}

/// Where index nodes are, or pages of the table.
fn places_of(image: &Image, is_it: impl Fn(&Content) -> bool) -> Vec<u64> {
    let store = Store::open(Disk::of(image.clone(), CAPACITY), &root(), &mut |_| {}).unwrap();
    let mut places = Vec::new();
    for (segment, state) in store.log.table.segments() {
        if matches!(state, SegmentState::Log(_)) {
            let listed = store.log.listed(segment).unwrap();
            let those = listed.iter().filter(|entry| is_it(&entry.content));
            places.extend(
                those.map(|entry| store.log.place(Spot { segment, offset: entry.offset, size: entry.size })),
            );
        }
    }
    places
}

#[test]
fn after_one_block_was_harmed_only_what_lay_in_it_is_lost() {
    let image = image();
    let mut before = Store::open(Disk::of(image.clone(), CAPACITY), &root(), &mut |_| {}).unwrap();
    assert_eq!(damages(&mut before), []);
    let mut named = 0;
    for block in image.keys().copied().filter(|block| *block >= 16) {
        let (mut store, _) = rebuilt(harmed(&image, block * BLOCK + 1500));
        assert_eq!(damages(&mut store), [], "block {block}");
        for id in lost(&mut store) {
            let place = before.index.get(&mut before.log, &id).unwrap().unwrap();
            let (from, size) = (before.log.place(place.spot), u64::from(place.spot.size));
            assert!((from / BLOCK..=(from + size - 1) / BLOCK).contains(&block), "block {block}");
            named += 1;
        }
        // What was made again is a store like any other.
        store.put(&keys().seal(crate::object::Kind::Data, &noise(999, 5000), &Uncompressed)).unwrap();
        store.commit(b"kept").unwrap();
    }
    assert!(named > 50, "{named}");
}

#[test]
fn every_damage_of_the_image_s_own_parts_is_shown() {
    let image = image();
    let index = places_of(&image, |content| matches!(content, Content::Index(_)));
    for (part, places) in [(Part::Checkpoint, alloc::vec![0, 8 * BLOCK]), (Part::Index, index)] {
        let mut shown = 0;
        for place in places {
            let disk = Disk::of(harmed(&image, place), CAPACITY);
            let mut store = Store::open_damaged(disk, &root(), &mut |_| {}).unwrap().store;
            shown += damages(&mut store).iter().filter(|damage| damage.part == part).count();
        }
        assert!(shown > 0, "{part:?}");
    }
}

#[test]
fn without_any_index_and_table_all_objects_are_found_again() {
    let mut image = image();
    for place in places_of(&image, |content| !matches!(content, Content::Object(..))) {
        harm(&mut image, place);
    }
    // Where nothing was written a file has zeros.
    for block in 0..CAPACITY / BLOCK {
        image.entry(block).or_insert_with(|| Rc::from(alloc::vec![0; 4096]));
    }
    assert!(Store::open(Disk::of(image.clone(), CAPACITY), &root(), &mut |_| {}).is_err());
    let (mut store, done) = rebuilt(image);
    assert_eq!((done.known, done.found), (0, OBJECTS));
    assert_eq!(damages(&mut store), []);
    assert_eq!(lost(&mut store), BTreeSet::new());
}
