//! Packs give their objects back, and tell little by their sizes.

use super::*;
use crate::object::CONTENT_MAX;

#[test]
fn a_pack_gives_back_what_was_put_into_it() {
    for sizes in [&[][..], &[0], &[1, 2, 3], &[100_000; 20], &[CONTENT_MAX, 5]] {
        let (objects, pack) = packed(sizes);
        assert!(pack.len().is_power_of_two() && (PACK_MIN..=PACK_MAX).contains(&pack.len()));
        assert_eq!(unpack(&keys(), 9, &pack).unwrap(), objects);
    }
}

#[test]
fn packs_of_about_the_same_size_have_the_same_size() {
    let size = |sizes: &[usize]| packed(sizes).1.len();
    assert_eq!(size(&[1]), PACK_MIN);
    assert_eq!(size(&[40_000, 20_000]), PACK_MIN);
    assert_eq!(size(&[70_000]), 2 * PACK_MIN);
    assert_eq!(size(&[70_000]), size(&[120_000]));
}

#[test]
fn a_full_pack_takes_no_more_and_has_the_largest_size() {
    let mut packer = Packer::new();
    let mut number = 0;
    while packer.push(object(number, CONTENT_MAX)).is_none() {
        number += 1;
    }
    assert_eq!(number, 15);
    assert!(packer.fits(1000) && !packer.fits(CONTENT_MAX));
    while packer.push(object(number, 3000)).is_none() {
        number += 1;
    }
    let pack = packer.seal(&keys(), 0);
    assert_eq!(pack.len(), PACK_MAX);
    assert_eq!(unpack(&keys(), 0, &pack).unwrap(), packer.objects());
}

#[test]
fn a_pack_of_tiny_objects_is_full_before_the_list_of_them_is_too_large_to_note() {
    let mut packer = Packer::new();
    let mut number = 0;
    while packer.push(Sealed { bytes: alloc::vec![7; 40], ..object(number, 1) }).is_none() {
        number += 1;
    }
    assert_eq!(number, OBJECTS_MAX as u64);
    let list: Vec<_> = packer.objects().iter().map(|object| (object.id, u32::MAX)).collect();
    assert!(allod_wire::encode(&list).len() <= CONTENT_MAX);
    let pack = packer.seal(&keys(), 0);
    assert_eq!(unpack(&keys(), 0, &pack).unwrap().len(), OBJECTS_MAX);
}

#[test]
fn a_pack_under_another_number_or_key_or_changed_anywhere_does_not_open() {
    let (_, pack) = packed(&[1000, 2000]);
    assert_eq!(unpack(&keys(), 8, &pack), Err(BackupError::Pack(8)));
    let other = BackupKeys::new(&Secret::from([6; 32]));
    assert_eq!(unpack(&other, 9, &pack), Err(BackupError::Pack(9)));
    for at in (0..pack.len()).step_by(997) {
        let mut wrong = pack.clone();
        wrong[at] ^= 1;
        assert_eq!(unpack(&keys(), 9, &wrong), Err(BackupError::Pack(9)));
    }
    assert_eq!(unpack(&keys(), 9, &pack[1..]), Err(BackupError::Pack(9)));
    assert_eq!(unpack(&keys(), 9, &[]), Err(BackupError::Pack(9)));
}

#[test]
fn the_same_objects_are_the_same_pack() {
    assert_eq!(packed(&[1000, 2000]).1, packed(&[1000, 2000]).1);
}
