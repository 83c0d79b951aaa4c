//! What POSIX says, case by case.

use super::*;
use crate::files::durable::DIRTY_MAX;

fn refused(files: &mut Vault, operation: &Operation) -> Refusal {
    match files.apply(operation) {
        Err(VaultError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn unlink(parent: Ino, name: &str, directory: bool, open: bool) -> Operation {
    Operation::Unlink { parent, name: name.into(), directory, open, now: at(3) }
}

fn rename(from: Ino, name: &str, to: Ino, new_name: &str, existing: Existing) -> Operation {
    Operation::Rename {
        from,
        name: name.into(),
        to,
        new_name: new_name.into(),
        existing,
        open: false,
        now: at(4),
    }
}

#[test]
fn names_that_nothing_can_have_are_refused() {
    let mut files = create(&Disk::new(CAPACITY));
    let mut with = |name: &str| refused(&mut files, &make(Ino::ROOT, name, FileKind::File));
    for name in ["", ".", "..", "a/b", "a\0"] {
        assert_eq!(with(name), Refusal::BadName, "{name:?}");
    }
    assert_eq!(with(&"x".repeat(256)), Refusal::NameTooLong);
    files.apply(&make(Ino::ROOT, &"x".repeat(255), FileKind::File)).unwrap();
}

#[test]
fn only_an_empty_directory_is_removed_and_only_as_one() {
    let mut files = create(&Disk::new(CAPACITY));
    let directory = files.apply(&make(Ino::ROOT, "d", FileKind::Directory)).unwrap().unwrap();
    files.apply(&make(directory, "f", FileKind::File)).unwrap();
    assert_eq!(refused(&mut files, &unlink(Ino::ROOT, "d", true, false)), Refusal::NotEmpty);
    assert_eq!(refused(&mut files, &unlink(Ino::ROOT, "d", false, false)), Refusal::IsDirectory);
    assert_eq!(refused(&mut files, &unlink(directory, "f", true, false)), Refusal::NotDirectory);
    files.apply(&unlink(directory, "f", false, false)).unwrap();
    files.apply(&unlink(Ino::ROOT, "d", true, false)).unwrap();
    assert_eq!(files.read().inode(directory), Err(Refusal::NotFound.into()));
}

#[test]
fn a_directory_is_never_moved_into_itself() {
    let mut files = create(&Disk::new(CAPACITY));
    let a = files.apply(&make(Ino::ROOT, "a", FileKind::Directory)).unwrap().unwrap();
    let b = files.apply(&make(a, "b", FileKind::Directory)).unwrap().unwrap();
    for existing in [Existing::Replace, Existing::Keep] {
        let into_itself = rename(Ino::ROOT, "a", b, "c", existing);
        assert_eq!(refused(&mut files, &into_itself), Refusal::WithinItself);
    }
    let exchange = rename(a, "b", Ino::ROOT, "a", Existing::Exchange);
    assert_eq!(refused(&mut files, &exchange), Refusal::WithinItself);
    assert_eq!(files.read().inode(a).unwrap().links, 3);
}

#[test]
fn a_file_that_is_open_keeps_its_content_until_it_is_closed() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 0, b"content")).unwrap();
    files.apply(&unlink(Ino::ROOT, "f", false, true)).unwrap();
    assert_eq!(files.read().read(ino, 0, 100).unwrap(), b"content");
    assert_eq!(files.read().inode(ino).unwrap().links, 0);
    files.apply(&write(ino, 7, b", more")).unwrap();
    // It can be given a name again.
    let link = Operation::Link { ino, parent: Ino::ROOT, name: b"g".to_vec(), now: at(5) };
    files.apply(&link).unwrap();
    files.apply(&Operation::Forget { ino }).unwrap();
    assert_eq!(files.read().read(ino, 0, 100).unwrap(), b"content, more");
    files.apply(&unlink(Ino::ROOT, "g", false, true)).unwrap();
    files.sync().unwrap();
    // Nobody has it open any more when the vault is opened again.
    assert_eq!(open(&disk).read().inode(ino), Err(Refusal::NotFound.into()));
    files.apply(&Operation::Forget { ino }).unwrap();
    assert_eq!(files.read().inode(ino), Err(Refusal::NotFound.into()));
}

#[test]
fn holes_are_zeros_and_are_found() {
    let mut files = create(&Disk::new(CAPACITY));
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 1_000_000, b"here")).unwrap();
    files.apply(&write(ino, 3_000_000, b"and there")).unwrap();
    for _ in 0..2 {
        assert_eq!(files.read().next_data(ino, 0).unwrap(), Some((1_000_000, 1_000_004)));
        assert_eq!(files.read().next_data(ino, 1_000_002).unwrap(), Some((1_000_002, 1_000_004)));
        assert_eq!(files.read().next_data(ino, 1_000_004).unwrap(), Some((3_000_000, 3_000_009)));
        assert_eq!(files.read().next_data(ino, 3_000_009).unwrap(), None);
        assert_eq!(files.read().read(ino, 999_998, 6).unwrap(), b"\0\0here");
        files.flush().unwrap();
    }
    let punch = Operation::Punch { ino, offset: 1_000_001, size: 2_500_000, now: at(9) };
    files.apply(&punch).unwrap();
    assert_eq!(files.read().next_data(ino, 0).unwrap(), Some((1_000_000, 1_000_001)));
    assert_eq!(files.read().inode(ino).unwrap().size, 3_000_009);
    assert_eq!(files.read().next_data(ino, 1_000_001).unwrap(), None);
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    let mut files = create(&Disk::new(CAPACITY));
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    let resize = |size| {
        let changes = Changes { size: Some(size), ..Changes::default() };
        Operation::Set { ino, changes, now: at(3) }
    };
    for size in [100, 10_000, 700_000] {
        files.apply(&write(ino, 0, &alloc::vec![7; size])).unwrap();
        files.flush().unwrap();
        files.apply(&resize(10)).unwrap();
        files.apply(&resize(size as u64)).unwrap();
        let content = files.read().read(ino, 0, size).unwrap();
        assert!(content[..10].iter().all(|byte| *byte == 7) && content[10..].iter().all(|byte| *byte == 0));
    }
    assert_eq!(refused(&mut files, &resize(u64::MAX)), Refusal::TooLarge);
    assert_eq!(refused(&mut files, &write(ino, u64::MAX - 2, b"abcd")), Refusal::TooLarge);
}

#[test]
fn attributes_are_made_and_replaced_as_asked() {
    let mut files = create(&Disk::new(CAPACITY));
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    let set = |value: Option<&[u8]>, exists| Operation::Attribute {
        ino,
        name: b"user.a".to_vec(),
        value: value.map(<[u8]>::to_vec),
        exists,
        now: at(3),
    };
    assert_eq!(refused(&mut files, &set(Some(b"1"), Some(true))), Refusal::NotFound);
    assert_eq!(refused(&mut files, &set(None, None)), Refusal::NotFound);
    files.apply(&set(Some(b"1"), Some(false))).unwrap();
    assert_eq!(refused(&mut files, &set(Some(b"2"), Some(false))), Refusal::Exists);
    files.apply(&set(Some(b"2"), Some(true))).unwrap();
    assert_eq!(files.read().attribute(ino, b"user.a").unwrap(), b"2");
    assert_eq!(refused(&mut files, &set(Some(&[0; ATTRIBUTE_MAX + 1]), None)), Refusal::TooLarge);
    files.apply(&set(Some(&[0; ATTRIBUTE_MAX]), None)).unwrap();
    files.apply(&set(None, None)).unwrap();
    assert_eq!(files.read().attributes(ino).unwrap(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_removed_directory_takes_nothing_any_more() {
    let mut files = create(&Disk::new(CAPACITY));
    let directory = files.apply(&make(Ino::ROOT, "d", FileKind::Directory)).unwrap().unwrap();
    files.apply(&unlink(Ino::ROOT, "d", true, true)).unwrap();
    assert_eq!(refused(&mut files, &make(directory, "f", FileKind::File)), Refusal::NotFound);
}

#[test]
fn a_file_that_grows_piece_by_piece_has_the_chunks_of_one_that_was_written_at_once() {
    let content = crate::tests::noise(1, 3_000_000);
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let once = files.apply(&make(Ino::ROOT, "once", FileKind::File)).unwrap().unwrap();
    files.apply(&write(once, 0, &content)).unwrap();
    files.commit().unwrap();
    let grown = files.apply(&make(Ino::ROOT, "grown", FileKind::File)).unwrap().unwrap();
    for (number, piece) in content.chunks(700_000).enumerate() {
        files.apply(&write(grown, number as u64 * 700_000, piece)).unwrap();
        files.flush().unwrap();
    }
    files.commit().unwrap();
    assert_eq!(files.read().read(grown, 0, content.len()).unwrap(), content);
    let of = |parts: Option<Vec<ContentPart>>| parts.unwrap().into_iter().map(|part| (part.id, part.size));
    let at_once: BTreeMap<_, _> = of(files.read().parts(once).unwrap()).collect();
    let parts = of(files.read().parts(grown).unwrap());
    let shared: u32 = parts.filter(|(id, _)| at_once.contains_key(id)).map(|(_, size)| size).sum();
    assert!(shared > 1_500_000, "{shared}");
}

#[test]
fn a_content_of_objects_replaces_what_was_written_and_is_durable_when_synced() {
    let disk = Disk::new(CAPACITY);
    let mut files = create(&disk);
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    files.apply(&write(ino, 0, &[7; 3000])).unwrap();
    files.sync().unwrap();
    files.apply(&write(ino, 100_000, b"more")).unwrap();
    let contents = [crate::tests::noise(1, 50_000), crate::tests::noise(2, 1)];
    let mut parts = Vec::new();
    for content in &contents {
        let object = files.ring().newest().seal(crate::object::Kind::Data, content, &Uncompressed);
        assert_eq!(
            files.set_content(ino, &[(object.id, 1)], at(3)),
            Err(VaultError::Missing(object.id)),
            "it has to be there"
        );
        files.put(&object).unwrap();
        parts.push((object.id, content.len() as u32));
    }
    files.set_content(ino, &parts, at(3)).unwrap();
    files.apply(&write(ino, 1, b"x")).unwrap();
    let mut expected = contents.concat();
    expected[1] = b'x';
    assert_eq!(files.read().read(ino, 0, 200_000).unwrap(), expected);
    assert_eq!(files.read().parts(ino).unwrap(), None);
    files.sync().unwrap();
    let mut files = open(&disk);
    assert_eq!(files.read().read(ino, 0, 200_000).unwrap(), expected);
    let parts = files.read().parts(ino).unwrap().unwrap();
    assert_eq!(parts.iter().map(|part| u64::from(part.size)).sum::<u64>(), 50_001);
}

#[test]
fn what_is_written_over_and_over_does_not_fill_the_memory() {
    let mut files = create(&Disk::new(CAPACITY));
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    let bytes = alloc::vec![7; 1 << 20];
    for _ in 0..100 {
        files.apply(&write(ino, 0, &bytes)).unwrap();
        assert!(files.pending_size <= DIRTY_MAX + (2 << 20), "{}", files.pending_size);
    }
}
