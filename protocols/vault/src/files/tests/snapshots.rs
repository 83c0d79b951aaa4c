//! Snapshots show the files of their moment, whatever comes later.

use super::*;

#[test]
fn a_snapshot_shows_the_files_of_its_moment_until_it_is_removed() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    let mut moments = Vec::new();
    for number in 0..5_u8 {
        let content = crate::tests::noise(u64::from(number), 3_000_000);
        files.apply(&write(ino, 0, &content)).unwrap();
        files.apply(&make(Ino::ROOT, &alloc::format!("d{number}"), FileKind::Directory)).unwrap();
        let seen = see(&mut files.read());
        files.snapshot(&[b'a' + number], at(i64::from(number))).unwrap();
        moments.push(seen);
    }
    assert_eq!(files.snapshot(b"a", at(9)), Err(Refusal::Exists.into()));
    assert_eq!(files.snapshot(b"a/b", at(9)), Err(Refusal::BadName.into()));
    files
        .apply(&Operation::Unlink {
            parent: Ino::ROOT,
            name: b"f".to_vec(),
            directory: false,
            open: false,
            now: at(9),
        })
        .unwrap();
    files.collect(95).unwrap();
    let mut files = open(&disk);
    let listed = files.list_snapshots().unwrap();
    assert!(listed.iter().map(|(_, info)| info.made).eq((0..5).map(at)));
    for ((name, _), moment) in listed.iter().zip(&moments) {
        let snapshot = files.open_snapshot(name).unwrap();
        assert_eq!(see(&mut files.read_snapshot(&snapshot)), *moment);
    }
    let before = files.room();
    for (name, _) in &listed[..4] {
        files.remove_snapshot(name).unwrap();
    }
    let cleaned = files.collect(95).unwrap();
    assert!(cleaned.removed > 4 && files.room() > before, "{cleaned:?}");
    assert_eq!(files.remove_snapshot(b"a"), Err(Refusal::NotFound.into()));
    let snapshot = files.open_snapshot(b"e").unwrap();
    assert_eq!(see(&mut files.read_snapshot(&snapshot)), moments[4]);
}

#[test]
fn a_snapshot_of_unchanged_files_takes_almost_no_room() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 0, &crate::tests::noise(1, 5_000_000))).unwrap();
    files.commit().unwrap();
    let before = disk.image().len();
    for number in 0..20 {
        files.snapshot(&[b'a' + number], at(1)).unwrap();
    }
    // A block or two of metadata each.
    assert!(disk.image().len() - before < 100, "{} {before}", disk.image().len());
}

#[test]
fn all_files_are_again_as_they_were() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 0, &crate::tests::noise(1, 100_000))).unwrap();
    files.snapshot(b"before", at(1)).unwrap();
    let info = files.list_snapshots().unwrap()[0].1;
    let moment = see(&mut files.read());
    assert_eq!(files.is_as_in(&info), Ok(true));
    let late = files.apply(&make(Ino::ROOT, "g", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 5, b"other")).unwrap();
    assert_eq!(files.is_as_in(&info), Ok(false));
    let snapshot = files.open_snapshot(b"before").unwrap();
    files.revert(snapshot).unwrap();
    assert_eq!(files.is_as_in(&info), Ok(true));
    assert_eq!(see(&mut files.read()), moment);
    let mut files = open(&disk);
    assert_eq!(see(&mut files.read()), moment);
    // No number is given to another file.
    assert!(files.apply(&make(Ino::ROOT, "h", FileKind::File)).unwrap().unwrap() > late);
}
