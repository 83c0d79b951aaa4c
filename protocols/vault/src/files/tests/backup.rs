//! What a backup finds, and a new image from it.

use super::*;
use crate::object::Sealed;

/// Puts everything that is found into packs, by the rows alone, and gives it.
fn pack(vault: &mut Vault, number: u64, finished: u64) -> Vec<Sealed> {
    let found = vault.survey(finished).unwrap().unpacked;
    let sealed = found.iter().map(|id| vault.sealed(id).unwrap()).collect();
    for id in &found {
        vault.table(Table::Backup).insert(&packed_key(id), &number.to_le_bytes()).unwrap();
    }
    vault.commit().unwrap();
    sealed
}

fn filled() -> Vault {
    let mut vault = create(&Disk::new(CAPACITY));
    for number in 0..40 {
        let name = alloc::format!("file {number}");
        let ino = vault.apply(&make(Ino::ROOT, &name, FileKind::File)).unwrap().unwrap();
        vault.apply(&write(ino, 0, &crate::tests::noise(number, 3000 * number as usize))).unwrap();
    }
    vault.table(Table::Sync).insert(b"row", &crate::tests::noise(99, 100_000)).unwrap();
    vault.snapshot(b"before", at(3)).unwrap();
    let first = vault.read().lookup(Ino::ROOT, b"file 9").unwrap();
    vault.apply(&write(first.ino, 10, b"changed")).unwrap();
    vault.commit().unwrap();
    vault
}

#[test]
fn an_image_made_from_what_was_found_has_the_same_files_snapshots_and_sync() {
    let mut vault = filled();
    let objects = pack(&mut vault, 0, 0);
    let roots = Roots::decode(&vault.roots().unwrap().encode()).unwrap();
    let rng = &mut crate::tests::rng();
    let (space, ring) = (vault.space(), vault.ring().clone());
    let disk = Disk::new(CAPACITY);
    let by = (1, 1, at(9));
    let mut copy =
        Files::join(disk.clone(), Uncompressed, &root(), GEOMETRY, (space, ring), by, rng).unwrap();
    // Not before everything is there.
    copy.put(&objects[0]).unwrap();
    assert!(matches!(copy.adopt(&roots), Err(VaultError::Missing(_))));
    assert_eq!(see(&mut copy.read()).len(), 1);
    for object in &objects {
        copy.ring().check(object, &Uncompressed).unwrap();
        copy.put(object).unwrap();
    }
    copy.adopt(&roots).unwrap();
    drop(copy);
    let mut copy = open(&disk);
    assert_eq!(see(&mut copy.read()), see(&mut vault.read()));
    let (one, other) = (copy.open_snapshot(b"before").unwrap(), vault.open_snapshot(b"before").unwrap());
    assert_eq!(see(&mut copy.read_snapshot(&one)), see(&mut vault.read_snapshot(&other)));
    assert_eq!(copy.table(Table::Sync).get(b"row").unwrap(), vault.table(Table::Sync).get(b"row").unwrap());
    // Nobody's backup is known of there.
    assert_eq!(copy.table(Table::Backup).page(&[], 9).unwrap(), []);
    // And another space's roots are refused.
    let disk = Disk::new(CAPACITY);
    let mut other = Files::create(disk, Uncompressed, &root(), GEOMETRY, by, rng).unwrap();
    assert_eq!(other.adopt(&roots), Err(VaultError::OtherKeys));
}

#[test]
fn only_what_is_new_is_found_again() {
    let mut vault = filled();
    let all = pack(&mut vault, 0, 0).len();
    assert_eq!(vault.survey(1).unwrap().unpacked, []);
    let ino = vault.read().lookup(Ino::ROOT, b"file 30").unwrap().ino;
    vault.apply(&write(ino, 0, b"new")).unwrap();
    vault.commit().unwrap();
    let survey = vault.survey(1).unwrap();
    assert!((1..6).contains(&survey.unpacked.len()), "{survey:?}");
    assert!(survey.packed.len() < all, "{survey:?}");
    // The whole walk finds the same to be new.
    let whole = vault.survey(0).unwrap();
    assert_eq!(whole.unpacked, survey.unpacked);
    assert!(whole.packed.is_superset(&survey.packed) && whole.packed.len() > survey.packed.len());
}

#[test]
fn what_a_run_that_stopped_left_below_a_packed_node_is_found() {
    let mut vault = filled();
    let found = vault.survey(0).unwrap().unpacked;
    // The parents were packed, and then the power failed.
    for id in &found[..found.len() / 2] {
        vault.table(Table::Backup).insert(&packed_key(id), &5_u64.to_le_bytes()).unwrap();
    }
    vault.commit().unwrap();
    let mut rest = vault.survey(5).unwrap().unpacked;
    rest.sort_unstable();
    let mut wanted = found[found.len() / 2..].to_vec();
    wanted.sort_unstable();
    assert_eq!(rest, wanted);
}

#[test]
fn what_is_held_stays_however_the_files_change_and_goes_when_it_is_let_go() {
    let mut vault = filled();
    let (found, roots) = (vault.survey(0).unwrap().unpacked, vault.roots().unwrap());
    let hold = vault.take_hold().unwrap();
    assert_eq!(vault.take_hold(), None);
    assert!(vault.hold(&hold, roots));
    for number in 0..40 {
        let name = alloc::format!("file {number}").into();
        let unlink = Operation::Unlink { parent: Ino::ROOT, name, directory: false, open: false, now: at(7) };
        vault.apply(&unlink).unwrap();
    }
    vault.remove_snapshot(b"before").unwrap();
    vault.table(Table::Sync).remove(b"row").unwrap();
    vault.collect(100).unwrap();
    assert!(found.iter().all(|id| vault.has(id).unwrap()));
    // What is in use is not held, but needed.
    vault.let_go(&hold);
    assert!(!vault.hold(&hold, vault.roots().unwrap()));
    vault.collect(100).unwrap();
    assert!(found.iter().filter(|id| vault.has(id).unwrap()).count() * 4 < found.len());
    // An older hold does not end a newer one.
    let newer = vault.take_hold().unwrap();
    vault.let_go(&hold);
    assert_eq!(vault.take_hold(), None);
    vault.let_go(&newer);
}
