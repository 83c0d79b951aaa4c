//! A store is a map from ids to objects, whenever it is opened again.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::Secret;

use super::disk::Disk;
use super::{SMALL, noise, object, rng, root};
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::store::{Geometry, Store};

fn open(disk: &Disk) -> Store<Disk> {
    Store::open(disk.clone(), &root(), &mut |_| {}).unwrap()
}

#[test]
fn what_was_put_is_there_at_once_and_after_it_is_opened_again() {
    let disk = Disk::new(256 * (128 << 10));
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"first", &mut rng()).unwrap();
    assert_eq!(store.state(), b"first");
    let mut map = BTreeMap::new();
    for number in 0..600 {
        let object = object(number, (number as usize * 577) % 30_000);
        assert_eq!(store.put(&object), Ok(true));
        assert_eq!(store.put(&object), Ok(false), "the same is kept once");
        assert_eq!(store.get(&object.id).as_ref(), Ok(&object));
        map.insert(object.id, object);
        if number % 100 == 99 {
            store.commit(&number.to_le_bytes()).unwrap();
            store = open(&disk);
            assert_eq!(store.state(), number.to_le_bytes());
        }
    }
    for (id, object) in &map {
        assert_eq!(store.get(id).as_ref(), Ok(object));
    }
    let listed = store.objects(&ObjectId([0; 32]), 1000).unwrap();
    assert!(listed.iter().map(|(id, kind)| (id, kind)).eq(map.iter().map(|(id, object)| (id, &object.kind))));
    let half = store.objects(&listed[300].0, 100).unwrap();
    assert_eq!(half, listed[300..400]);
    assert_eq!(store.get(&ObjectId([7; 32])), Err(VaultError::Missing(ObjectId([7; 32]))));
}

#[test]
fn what_was_not_committed_is_gone_but_for_what_was_recorded() {
    let disk = Disk::new(64 * (128 << 10));
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    store.record(b"before").unwrap();
    store.commit(b"one").unwrap();
    store.put(&object(1, 1000)).unwrap();
    // More than a segment, so that the journal goes on in others.
    let records: Vec<Vec<u8>> = (0..30).map(|number| super::noise(number, 9_000)).collect();
    for record in &records {
        store.record(record).unwrap();
    }
    store.sync().unwrap();
    assert!(store.recorded() > 30 * 9_000);
    let mut shown = Vec::new();
    let mut store = Store::open(disk.clone(), &root(), &mut |record| shown.push(record.to_vec())).unwrap();
    assert_eq!(shown, records);
    assert!(!store.has(&object(1, 1000).id).unwrap());
    assert!(store.recorded() > 30 * 9_000);
    // Opened once more without a commit, it is the same again.
    store.record(b"one more").unwrap();
    store.sync().unwrap();
    let mut again = Vec::new();
    let mut store = Store::open(disk.clone(), &root(), &mut |record| again.push(record.to_vec())).unwrap();
    assert_eq!(again.split_last(), Some((&b"one more".to_vec(), &records[..])));
    store.commit(b"two").unwrap();
    assert_eq!(store.recorded(), 0);
    let mut nothing = Vec::<Vec<u8>>::new();
    Store::open(disk, &root(), &mut |record| nothing.push(record.to_vec())).unwrap();
    assert_eq!(nothing, Vec::<Vec<u8>>::new());
}

#[test]
fn what_is_not_needed_makes_room_while_the_rest_stays() {
    let disk = Disk::new(24 * (128 << 10));
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    let mut removed = 0;
    // Five times what there is room for.
    for round in 0..60_u64 {
        let numbers = round * 20..round * 20 + 20;
        for number in numbers.clone() {
            store.put(&object(number, 12_000)).unwrap();
        }
        store.commit(&round.to_le_bytes()).unwrap();
        store.begin_marking();
        // A few old ones stay forever.
        let old = (0..round).map(|round| round * 20);
        let needed: Vec<u64> = old.chain(numbers).collect();
        for number in &needed {
            assert!(store.mark_needed(&object(*number, 12_000).id).unwrap());
        }
        // What is put while it is marked is needed, too.
        let meanwhile = object(1 << 32 | round, 500);
        store.put(&meanwhile).unwrap();
        loop {
            let cleaned = store.clean(60, 3).unwrap();
            removed += cleaned.removed;
            store.commit(&round.to_le_bytes()).unwrap();
            if cleaned.segments == 0 {
                break;
            }
        }
        store.commit(&round.to_le_bytes()).unwrap();
        store = open(&disk);
        for number in needed {
            assert_eq!(store.get(&object(number, 12_000).id), Ok(object(number, 12_000)), "{round}");
        }
        assert_eq!(store.get(&meanwhile.id), Ok(meanwhile));
    }
    assert!(removed > 900, "{removed}");
}

#[test]
fn only_the_root_opens_a_store_and_another_can_take_its_place() {
    let disk = Disk::new(64 * (128 << 10));
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    store.put(&object(1, 1000)).unwrap();
    let other = Secret::from([9; 32]);
    let opened = |root: &Secret<32>| Store::open(disk.clone(), root, &mut |_| {});
    assert_eq!(opened(&other).unwrap_err(), VaultError::NotHere);
    store.rekey(&other, b"kept", &mut rng()).unwrap();
    assert_eq!(opened(&root()).unwrap_err(), VaultError::NotHere);
    let mut store = opened(&other).unwrap();
    assert_eq!(store.state(), b"kept");
    assert_eq!(store.get(&object(1, 1000).id), Ok(object(1, 1000)));
}

#[test]
fn a_place_that_is_too_small_is_refused() {
    let create = |capacity, segment_size| {
        let geometry = Geometry { segment_size };
        Store::create(Disk::new(capacity), geometry, &root(), b"", &mut rng()).map(|_| ()).unwrap_err()
    };
    assert_eq!(create(7 * (128 << 10), 128 << 10), VaultError::TooSmall { size_min: 8 * (128 << 10) });
    assert!(matches!(create(1 << 30, 64 << 10), VaultError::TooSmall { .. }));
    assert!(matches!(create(1 << 30, 3 << 20), VaultError::TooSmall { .. }));
}

#[test]
fn an_image_looks_like_random_bytes() {
    let disk = Disk::new(64 * (128 << 10));
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    for number in 0..40 {
        let object = super::keys().seal(crate::object::Kind::Data, &vec![number; 9000], &crate::Uncompressed);
        store.put(&object).unwrap();
        store.record(&vec![0; 9000]).unwrap();
    }
    store.commit(b"").unwrap();
    for (block, bytes) in disk.image() {
        let mut counts = [0_u32; 256];
        bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        // Sixteen of each are expected.
        assert!(counts.iter().all(|count| *count < 48), "block {block}");
    }
}

#[test]
fn a_record_that_no_segment_has_room_for_is_refused() {
    let disk = Disk::new(64 * u64::from(SMALL.segment_size));
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    let size_max = SMALL.segment_size as usize - 2 * crate::BLOCK;
    let refused = Err(VaultError::TooLarge { size_max });
    assert_eq!(store.record(&noise(1, SMALL.segment_size as usize)), refused);
    let record = noise(2, size_max - 4096);
    store.record(&record).unwrap();
    store.record(b"another").unwrap();
    store.sync().unwrap();
    let mut seen = Vec::new();
    Store::open(disk, &root(), &mut |record| seen.push(record.to_vec())).unwrap();
    assert_eq!(seen, [record, b"another".to_vec()]);
}
