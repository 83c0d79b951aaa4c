//! Keys: epochs, other roots, and records that can die.

use allod_crypto::SecretBytes;

use super::*;
use crate::files::{LOCAL_MAX, LOCAL_NAME_MAX};
use crate::tests::rng;

fn content(files: &mut Vault, name: &str) -> Vec<u8> {
    let entry = files.read().lookup(Ino::ROOT, name.as_bytes()).unwrap();
    files.read().read(entry.ino, 0, 1 << 20).unwrap()
}

fn put(files: &mut Vault, name: &str, bytes: &[u8]) {
    let ino = files.apply(&make(Ino::ROOT, name, FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 0, bytes)).unwrap();
}

#[test]
fn files_of_all_epochs_are_read_and_the_newest_seals() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    put(&mut files, "old", &[1; 50_000]);
    files.commit().unwrap();
    let shut_out = files.ring().clone();
    files.begin_epoch(&mut rng()).unwrap();
    put(&mut files, "new", &[2; 50_000]);
    files.commit().unwrap();
    let mut files = open(&disk);
    assert_eq!(files.ring().epochs(), 2);
    assert_eq!(content(&mut files, "old"), [1; 50_000]);
    assert_eq!(content(&mut files, "new"), [2; 50_000]);
    let ino = files.read().lookup(Ino::ROOT, b"new").unwrap().ino;
    for part in files.read().parts(ino).unwrap().unwrap() {
        let sealed = files.sealed(&part.id).unwrap();
        assert_eq!(sealed.keys, files.ring().newest().number());
        assert!(shut_out.open(&sealed, &Uncompressed).is_err());
        assert!(files.ring().check(&sealed, &Uncompressed).is_ok());
    }
    assert_eq!(files.set_ring(shut_out), Err(VaultError::OtherKeys));
}

#[test]
fn another_image_of_a_space_has_the_same_ids() {
    let mut one = create(&Disk::new(CAPACITY));
    let space = (one.space(), one.ring().clone());
    let by = (1, 1, at(0));
    let disk = Disk::new(CAPACITY);
    let other_root = Secret::from([9; 32]);
    let mut other =
        Files::join(disk.clone(), Uncompressed, &other_root, GEOMETRY, space, by, &mut rng()).unwrap();
    for files in [&mut one, &mut other] {
        put(files, "same", &[3; 50_000]);
        files.commit().unwrap();
    }
    let ino = one.read().lookup(Ino::ROOT, b"same").unwrap().ino;
    let id = one.read().parts(ino).unwrap().unwrap()[0].id;
    assert_eq!(one.sealed(&id).unwrap(), other.sealed(&id).unwrap());
    assert_eq!(one.space(), other.space());
}

#[test]
fn another_root_opens_the_same_data_and_the_old_one_nothing() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    put(&mut files, "kept", &[4; 50_000]);
    let other = Secret::from([9; 32]);
    files.rekey(&other, &mut rng()).unwrap();
    assert_eq!(Files::open(disk.clone(), Uncompressed, &root()).unwrap_err(), VaultError::NotHere);
    let mut files = Files::open(disk, Uncompressed, &other).unwrap();
    assert_eq!(content(&mut files, "kept"), [4; 50_000]);
}

#[test]
fn a_record_of_this_image_comes_back_and_is_no_file() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    put(&mut files, "a file", b"beside");
    files.set_local(&[(b"one", Some(b"1")), (b"two", Some(&[2; LOCAL_MAX]))], &mut rng()).unwrap();
    files.set_local(&[(b"one", Some(b"11")), (b"none", None)], &mut rng()).unwrap();
    let mut files = open(&disk);
    let value = |files: &mut Vault, name: &[u8]| {
        files.local(name).unwrap().map(|value: SecretBytes| value.expose().to_vec())
    };
    assert_eq!(value(&mut files, b"one").unwrap(), b"11");
    assert_eq!(value(&mut files, b"two").unwrap(), [2; LOCAL_MAX]);
    assert_eq!(value(&mut files, b"none"), None);
    // They stay when room is made, and nobody elsewhere gets them.
    files.collect(100).unwrap();
    files.collect(100).unwrap();
    assert_eq!(value(&mut files, b"one").unwrap(), b"11");
    files.set_local(&[(b"one", None), (b"two", None)], &mut rng()).unwrap();
    let mut files = open(&disk);
    assert_eq!(value(&mut files, b"one"), None);
    assert_eq!(content(&mut files, "a file"), b"beside");
    let too_large = files.set_local(&[(b"x", Some(&[0; LOCAL_MAX + 1]))], &mut rng());
    assert_eq!(too_large, Err(VaultError::TooLarge { size_max: LOCAL_MAX }));
    let too_long = files.set_local(&[(&[b'x'; LOCAL_NAME_MAX + 1], None)], &mut rng());
    assert_eq!(too_long, Err(VaultError::TooLarge { size_max: LOCAL_NAME_MAX }));
}

#[test]
fn an_erased_record_cannot_be_read_from_the_image_with_all_keys_of_later() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    files.set_local(&[(b"ratchet", Some(b"the key of yesterday"))], &mut rng()).unwrap();
    let yesterday = files.local.clone();
    files.set_local(&[(b"ratchet", Some(b"the key of today"))], &mut rng()).unwrap();
    // What opens the record of yesterday was in the checkpoints, and is in none any more:
    // whichever of the two a thief opens, with all keys, leads to today's.
    for place in 0..2 {
        let mut image = disk.image();
        image.remove(&(place * 8)).unwrap();
        let mut files = open(&Disk::of(image, CAPACITY));
        assert_ne!(files.local, yesterday);
        assert_eq!(files.local(b"ratchet").unwrap().unwrap().expose(), b"the key of today");
    }
}

#[test]
fn tables_are_committed_with_the_files_and_are_in_no_snapshot() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let large = alloc::vec![5; 300_000];
    files.table(Table::Sync).insert(b"a", b"1").unwrap();
    files.table(Table::Sync).insert(b"b", &large).unwrap();
    files.table(Table::Backup).insert(b"a", b"2").unwrap();
    assert_eq!(open(&disk).table(Table::Sync).get(b"a").unwrap(), None);
    files.commit().unwrap();
    files.table(Table::Sync).insert(b"c", b"lost").unwrap();
    let mut files = open(&disk);
    files.collect(100).unwrap();
    files.collect(100).unwrap();
    let page = files.table(Table::Sync).page(b"", 10).unwrap();
    assert_eq!(page, [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), large)]);
    assert_eq!(files.table(Table::Backup).get(b"a").unwrap().unwrap(), b"2");
    assert!(files.table(Table::Sync).remove(b"b").unwrap());
    assert!(!files.table(Table::Sync).remove(b"b").unwrap());
    files.sync().unwrap();
    assert_eq!(open(&disk).table(Table::Sync).page(b"", 10).unwrap().len(), 1);
}

#[test]
fn an_image_that_was_put_back_does_not_know_the_head_that_it_told() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let first = files.head_to_tell().unwrap();
    files.head_was_told(&first).unwrap();
    let before = disk.image();
    put(&mut files, "more", &[1; 5000]);
    let second = files.head_to_tell().unwrap();
    assert!(second.number > first.number && second.hash != first.hash);
    // Whether telling it came about is not known yet: both are known.
    let mut files = open(&disk);
    assert!(files.knows_head(&first).unwrap() && files.knows_head(&second).unwrap());
    files.head_was_told(&second).unwrap();
    assert!(!files.knows_head(&first).unwrap());
    let mut put_back = open(&Disk::of(before, CAPACITY));
    assert!(put_back.knows_head(&first).unwrap() && !put_back.knows_head(&second).unwrap());
    assert_eq!(put_back.image_tag(), files.image_tag());
    assert_ne!(create(&Disk::new(CAPACITY)).image_tag(), files.image_tag());
}
