//! Trees that are unusual: what is put into vaults where names are long, are no text, or are very
//! many, and where directories are removed that others use.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::home::{Home, homes, sync};
use super::*;
use crate::files::{FileKind, Ino, Operation};

fn names(home: &mut Home, directory: Ino) -> Vec<Vec<u8>> {
    let names = home.files.read().names(directory, None, usize::MAX).unwrap();
    names.into_iter().map(|(name, _)| name).collect()
}

/// Makes a file of which the name may be no text.
fn make(home: &mut Home, parent: Ino, name: &[u8], content: &[u8]) {
    let (kind, target, now) = (FileKind::File, Vec::new(), at(home.now));
    let name = name.to_vec();
    let make = Operation::Make { parent, name, kind, permissions: 0o644, owner: 1, group: 1, target, now };
    let ino = home.apply(&make).unwrap().unwrap();
    home.apply(&Operation::Write { ino, offset: 0, bytes: content.to_vec(), now }).unwrap();
}

#[test]
fn a_directory_that_was_moved_into_one_that_another_removed_is_there_with_it() {
    let [mut laptop, mut phone] = homes();
    laptop.make("a", FileKind::Directory).unwrap();
    laptop.make("a/deep", FileKind::Directory).unwrap();
    laptop.make("b", FileKind::Directory).unwrap();
    laptop.write("b/file", 0, b"1");
    sync(&mut laptop, &mut phone);
    laptop.rename("b", "a/deep/b");
    phone.remove("a");
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see(), phone.see());
    assert_eq!(laptop.see().into_keys().collect::<Vec<_>>(), ["a", "a/deep", "a/deep/b", "a/deep/b/file"]);
    // Also where the two go into each other, and one of them is removed there.
    laptop.rename("a/deep/b", "b");
    laptop.make("c", FileKind::Directory).unwrap();
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see().into_keys().collect::<Vec<_>>(), ["b", "b/file", "c"]);
    laptop.rename("b", "c/b");
    phone.rename("c", "b/c");
    phone.remove("b/c");
    sync(&mut phone, &mut laptop);
    assert_eq!(laptop.see(), phone.see());
    assert_eq!(laptop.texts().into_values().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn names_that_are_as_long_as_may_be_get_copies_that_are_no_longer() {
    let [mut laptop, mut phone] = homes();
    for (number, letter) in ["x", "\u{e4}", "\u{1f4c4}"].into_iter().enumerate() {
        let mut name = letter.repeat(255 / letter.len());
        name.extend(core::iter::repeat_n('.', 255 - name.len()));
        // With an ending, and with none.
        let other = [&letter.repeat(251 / letter.len()), ".txt"].concat();
        for name in [name, other] {
            laptop.write(&name, 0, &[number as u8, 1]);
            phone.write(&name, 0, &[number as u8, 2]);
        }
    }
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see(), phone.see());
    assert_eq!(laptop.see().len(), 12);
    assert!(laptop.see().keys().all(|name| name.len() <= 255));
    assert_eq!(laptop.see().keys().filter(|name| name.contains(" (1970-01-12 from ")).count(), 6);
    // Copies of copies, too.
    let copy = laptop.see().into_keys().find(|name| name.contains(" (")).unwrap();
    laptop.put(&copy, b"of laptop");
    phone.put(&copy, b"of phone");
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see(), phone.see());
    assert_eq!(laptop.see().len(), 13);
}

#[test]
fn names_that_are_no_text_stay_as_they_are() {
    let [mut laptop, mut phone] = homes();
    let cut: Vec<u8> = [&[0x80; 250][..], b".\xff\xfe"].concat();
    let odd: [&[u8]; 5] = [b"\xff", b"\xc3", b"line\nbreak", b"\x1b[2J", &cut];
    for name in odd {
        make(&mut laptop, Ino::ROOT, name, b"of laptop");
        make(&mut phone, Ino::ROOT, name, b"of phone");
    }
    sync(&mut laptop, &mut phone);
    let seen = names(&mut laptop, Ino::ROOT);
    assert_eq!(seen, names(&mut phone, Ino::ROOT));
    assert_eq!(seen.len(), 10);
    assert!(odd.iter().all(|name| seen.iter().any(|other| other == name)));
    assert!(seen.iter().all(|name| name.len() <= 255));
}

#[test]
fn a_file_gets_more_names_by_sync_than_a_device_may_give_it() {
    let [mut laptop, mut phone] = homes();
    laptop.write("file", 0, b"1");
    sync(&mut laptop, &mut phone);
    for (home, within) in [(&mut laptop, "a"), (&mut phone, "b")] {
        let ino = home.find("file").unwrap();
        let parent = home.make(within, FileKind::Directory).unwrap();
        for number in 0..32_800_u32 {
            let (name, now) = (number.to_string().into_bytes(), at(home.now));
            home.apply(&Operation::Link { ino, parent, name, now }).unwrap();
        }
    }
    sync(&mut laptop, &mut phone);
    for home in [&mut laptop, &mut phone] {
        let (ino, [a, b]) = (home.find("file").unwrap(), ["a", "b"].map(|path| home.find(path).unwrap()));
        let count = 1 + names(home, a).len() + names(home, b).len();
        assert!(count > 65_536, "{count}");
        assert_eq!(home.files.read().inode(ino).unwrap().links as usize, count);
    }
    // All else goes on.
    laptop.put("file", b"2");
    sync(&mut laptop, &mut phone);
    let there = phone.find("file").unwrap();
    assert_eq!(phone.files.read().read(there, 0, 9).unwrap(), b"2");
}
