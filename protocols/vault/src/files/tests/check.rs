//! Damage is found, the files that it harms are named, and what others have is put back.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::rc::Rc;

use super::*;
use crate::files::{Finding, Harmed, Wrong};
use crate::object::{ObjectId, Sealed};
use crate::tests::disk::Image;
use crate::tests::noise;

const BLOCK: u64 = 4096;

/// Directories, files with several objects, links and a snapshot.
fn image() -> (Image, BTreeMap<String, Seen>) {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    for number in 0..20_u64 {
        let directory = format!("directory {number}");
        let within = files.apply(&make(Ino::ROOT, &directory, FileKind::Directory)).unwrap().unwrap();
        for (name, size) in [("small", 100), ("middle", 9_000), ("large", 70_000 * (number as usize % 4))] {
            let ino = files.apply(&make(within, name, FileKind::File)).unwrap().unwrap();
            files.apply(&write(ino, 0, &noise(number * 10 + size as u64, size))).unwrap();
        }
        files.apply(&make(within, "link", FileKind::Symlink)).unwrap();
        if number == 10 {
            files.snapshot(b"then", at(5)).unwrap();
        }
    }
    files.commit().unwrap();
    let seen = see(&mut files.read());
    (disk.image(), seen)
}

fn all_objects(files: &mut Vault) -> Vec<Sealed> {
    let ids = files.objects(&ObjectId([0; 32]), 10_000).unwrap();
    ids.iter().map(|id| files.sealed(id).unwrap()).collect()
}

fn bad_ones(files: &mut Vault) -> BTreeSet<ObjectId> {
    let ring = files.ring().clone();
    let all = all_objects(files).into_iter();
    all.filter(|object| !Vault::verify(&ring, object, &Uncompressed)).map(|object| object.id).collect()
}

fn findings(files: &mut Vault) -> Vec<Finding> {
    let bad = bad_ones(files);
    let mut findings = Vec::new();
    files.check_files(&bad, &mut |finding| findings.push(finding)).unwrap();
    findings
}

fn harm(image: &mut Image, at: u64) {
    let mut bytes = image[&(at / BLOCK)].to_vec();
    bytes[(at % BLOCK) as usize] ^= 0x10;
    image.insert(at / BLOCK, Rc::from(bytes));
}

fn place_of(files: &mut Vault, id: &ObjectId) -> u64 {
    files.store.damage(id).unwrap().at
}

#[test]
fn a_vault_in_order_has_nothing_wrong() {
    let (image, _) = image();
    let mut files = open(&Disk::of(image, CAPACITY));
    files.set_local(&[(b"a record", Some(b"of here"))], &mut crate::tests::rng()).unwrap();
    assert_eq!(findings(&mut files), []);
    files.check_parts(&mut |damage| panic!("{damage:?}")).unwrap();
}

#[test]
fn every_object_that_is_harmed_is_named_with_its_files_and_comes_back_from_somebody_else() {
    let (image, seen) = image();
    let good = all_objects(&mut open(&Disk::of(image.clone(), CAPACITY)));
    let (mut named, mut in_the_past, mut unopened) = (0, 0, 0);
    for object in &good {
        let mut harmed = image.clone();
        let at = place_of(&mut open(&Disk::of(image.clone(), CAPACITY)), &object.id);
        harm(&mut harmed, at + 30);
        let disk = Disk::of(harmed, CAPACITY);
        let opened = Files::open(disk.clone(), Uncompressed, &root());
        let mut files = match opened {
            Ok(files) => files,
            Err(VaultError::Damaged(_)) => {
                unopened += 1;
                Files::open_to_mend(disk.clone(), Uncompressed, &root()).unwrap()
            }
            Err(why) => panic!("{why:?}"),
        };
        for finding in findings(&mut files) {
            let Finding::Object(id, paths) = finding else { panic!("{finding:?}") };
            assert_eq!(id, object.id);
            for Harmed { snapshot, path } in paths {
                in_the_past += usize::from(snapshot.is_some());
                let path = String::from_utf8(path).unwrap();
                assert!(seen.contains_key(&path) || path.contains("(unknown)"), "{path}");
                named += 1;
            }
        }
        files.mend(object).unwrap();
        let mut files = open(&disk);
        assert_eq!(findings(&mut files), []);
        assert_eq!(see(&mut files.read()), seen);
        // A wrong one is not taken.
        let wrong = Sealed { bytes: alloc::vec![1; 100], ..object.clone() };
        assert!(files.mend(&wrong).is_err());
    }
    assert!(named > 40 && in_the_past > 10 && unopened > 0, "{named} {in_the_past} {unopened}");
}

#[test]
fn an_object_that_nobody_has_is_given_up_and_comes_back_with_the_same_content() {
    let (image, _) = image();
    let mut files = open(&Disk::of(image.clone(), CAPACITY));
    let directory = files.read().lookup(Ino::ROOT, b"directory 3").unwrap().ino;
    let ino = files.read().lookup(directory, b"middle").unwrap().ino;
    let id = files.read().parts(ino).unwrap().unwrap()[0].id;
    let at = place_of(&mut files, &id);
    let mut harmed = image;
    harm(&mut harmed, at + 30);
    let mut files = open(&Disk::of(harmed, CAPACITY));
    let named = Harmed { snapshot: None, path: b"/directory 3/middle".to_vec() };
    let then = Harmed { snapshot: Some(b"then".to_vec()), ..named.clone() };
    let found = findings(&mut files);
    assert_eq!(found, [Finding::Object(id, alloc::vec![named, then])]);
    files.give_up(&id).unwrap();
    // Still missing, and named.
    assert_eq!(findings(&mut files), found);
    files.apply(&write(ino, 0, &noise(30 + 9_000, 9_000))).unwrap();
    files.commit().unwrap();
    assert_eq!(findings(&mut files), []);
}

#[test]
fn a_vault_of_which_the_index_is_lost_is_made_again_with_what_was_synced() {
    let (image, _) = image();
    let disk = Disk::of(image, CAPACITY);
    let mut files = open(&disk);
    let ino = files.apply(&make(Ino::ROOT, "synced", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 0, b"after the checkpoint")).unwrap();
    files.sync().unwrap();
    let seen = see(&mut files.read());
    let mut places = Vec::new();
    let mut harmed = disk.image();
    for (segment, _) in files.store.log.table.segments() {
        for entry in files.store.log.readable(segment).0 {
            if !matches!(entry.content, crate::log::Content::Object(..)) {
                places.push(files.store.log.at(segment, entry.offset));
            }
        }
    }
    places.into_iter().for_each(|at| harm(&mut harmed, at + 10));
    for block in 0..CAPACITY / BLOCK {
        harmed.entry(block).or_insert_with(|| Rc::from(alloc::vec![0; BLOCK as usize]));
    }
    let disk = Disk::of(harmed, CAPACITY);
    assert!(Files::open(disk.clone(), Uncompressed, &root()).is_err());
    let (mut files, rebuilt) = Files::rebuild(disk.clone(), Uncompressed, &root()).unwrap();
    assert!(rebuilt.known == 0 && rebuilt.found > 30, "{rebuilt:?}");
    assert_eq!(see(&mut files.read()), seen);
    assert_eq!(findings(&mut files), []);
    let mut files = open(&disk);
    files.check_parts(&mut |damage| panic!("{damage:?}")).unwrap();
    assert_eq!(see(&mut files.read()), seen);
}

#[test]
fn files_that_do_not_agree_are_shown() {
    let (image, _) = image();
    let mut files = open(&Disk::of(image, CAPACITY));
    let directory = files.read().lookup(Ino::ROOT, b"directory 3").unwrap().ino;
    let ino = files.read().lookup(directory, b"middle").unwrap().ino;
    let mut inode = files.inode(ino).unwrap();
    inode.links = 7;
    files.set(&key::inode(ino), &inode).unwrap();
    let other = files.read().lookup(directory, b"small").unwrap().ino;
    files.remove(&key::name(directory, b"small")).unwrap();
    files.unrecorded = true;
    let expected = [
        Finding::Files(other, Wrong::Links { said: 1, found: 0 }),
        Finding::Files(ino, Wrong::Links { said: 7, found: 1 }),
    ];
    assert_eq!(findings(&mut files), expected);
}
