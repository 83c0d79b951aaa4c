//! Bytes are changed, and blocks exchanged, anywhere in an image: what is damaged is named,
//! and nothing is ever given that was not put.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::disk::{Disk, Image};
use super::{SMALL, keys, object, rng, root};
use crate::compress::Uncompressed;
use crate::error::{Part, VaultError};
use crate::store::Store;

pub(super) const CAPACITY: u64 = 40 * (128 << 10);
pub(super) const OBJECTS: u64 = 60;

pub(super) fn size_of(number: u64) -> usize {
    1 + (number as usize * 7919) % 20_000
}

/// A store with some objects and records, and its image.
pub(super) fn image() -> Image {
    let disk = Disk::new(CAPACITY);
    let mut store = Store::create(disk.clone(), SMALL, &root(), b"", &mut rng()).unwrap();
    for number in 0..OBJECTS {
        store.put(&object(number, size_of(number))).unwrap();
        if number % 20 == 19 {
            store.commit(b"kept").unwrap();
        }
    }
    for number in 0..4 {
        store.record(&[number; 5000]).unwrap();
    }
    store.sync().unwrap();
    disk.image()
}

/// What of this image is lost. All else is as it was put.
fn lost(image: Image) -> Result<usize, VaultError> {
    let mut records = Vec::new();
    let disk = Disk::of(image, CAPACITY);
    let mut store = Store::open(disk, &root(), &mut |record| records.push(record.to_vec()))?;
    let whole: Vec<Vec<u8>> = (0..4).map(|number| alloc::vec![number; 5000]).collect();
    assert_eq!(records, whole[..records.len()]);
    let mut lost = 4 - records.len();
    for number in 0..OBJECTS {
        let good = object(number, size_of(number));
        match store.get(&good.id) {
            Ok(found) => match keys().open(&good.id, &found.bytes, &Uncompressed) {
                Ok(content) => assert_eq!(content, super::noise(number, size_of(number))),
                Err(_) => {
                    assert_eq!(store.damage(&good.id).unwrap().part, Part::Object(good.id));
                    lost += 1;
                    // A good one can be put in its place.
                    store.replace(&good).unwrap();
                    assert_eq!(store.get(&good.id), Ok(good));
                }
            },
            Err(VaultError::Damaged(damage)) => {
                assert_eq!(damage.part, Part::Index);
                lost += 1;
            }
            // Of the checkpoint before the last, which has fewer objects.
            Err(VaultError::Missing(_)) if store.generation() < 5 => {}
            Err(why) => return Err(why),
        }
    }
    Ok(lost)
}

#[test]
fn a_changed_byte_anywhere_is_detected_or_is_not_needed() {
    let image = image();
    assert_eq!(lost(image.clone()), Ok(0));
    let (mut harmed, mut unharmed) = (0, 0);
    for (block, bytes) in &image {
        for place in [1, 1500, 4095] {
            let mut changed = bytes.to_vec();
            changed[place] ^= 0x10;
            let mut image = image.clone();
            image.insert(*block, Rc::from(changed));
            match lost(image) {
                Ok(0) => unharmed += 1,
                Ok(_) => harmed += 1,
                Err(VaultError::Damaged(damage)) => {
                    assert_eq!(damage.part, Part::Table);
                    assert_eq!(damage.at / 4096, *block);
                    harmed += 1;
                }
                Err(why) => panic!("{why:?}"),
            }
        }
    }
    // Summaries, the other checkpoint, and nodes that were replaced are not needed.
    assert!(harmed > 3 * unharmed, "{harmed} {unharmed}");
}

#[test]
fn exchanged_blocks_are_detected() {
    let image = image();
    let blocks: Vec<u64> = image.keys().copied().collect();
    for (number, one) in blocks.iter().enumerate() {
        let other = blocks[(number + 7) % blocks.len()];
        let mut exchanged = image.clone();
        exchanged.insert(*one, Rc::clone(&image[&other]));
        exchanged.insert(other, Rc::clone(&image[one]));
        match lost(exchanged) {
            Ok(_) | Err(VaultError::Damaged(_)) => {}
            // Both checkpoints were harmed.
            Err(VaultError::NotHere) if *one < 8 && (8..16).contains(&other) => {}
            Err(why) => panic!("{why:?}"),
        }
    }
}

#[test]
fn both_checkpoints_lost_is_said() {
    let mut image = image();
    for block in 0..16 {
        image.remove(&block);
    }
    assert_eq!(lost(image), Err(VaultError::NotHere));
}
