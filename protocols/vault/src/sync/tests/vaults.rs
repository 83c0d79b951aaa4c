//! Vaults that are synced.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::home::{CAPACITY, homes, homes_of, run, sync};
use super::*;
use crate::files::FileKind;
use crate::sync::{Event, SyncError};
use crate::tests::disk::Disk;
use crate::tests::noise;

fn texts<const N: usize>(texts: [(&str, &str); N]) -> BTreeMap<String, String> {
    texts.into_iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

#[test]
fn what_one_device_has_the_other_has_afterwards_with_all_that_belongs_to_it() {
    let [mut laptop, mut phone] = homes();
    let large = noise(1, 3 << 20);
    laptop.make("photos", FileKind::Directory).unwrap();
    laptop.make("photos/2026", FileKind::Directory).unwrap();
    laptop.write("photos/2026/large", 0, &large);
    laptop.write("small", 0, b"a few bytes");
    laptop.write("sparse", 5 << 20, b"behind a hole");
    laptop.make("empty", FileKind::File).unwrap();
    laptop.make("link", FileKind::Symlink).unwrap();
    laptop.make("pipe", FileKind::Pipe).unwrap();
    laptop.link("small", "photos/other name");
    laptop.permit("small", 0o600);
    laptop.permit("photos", 0o700);
    laptop.attribute("small", "user.a", Some(b"1"));
    laptop.attribute("photos", "user.b", Some(b"2"));
    laptop.permit("", 0o711);
    sync(&mut laptop, &mut phone);
    let seen = laptop.see();
    assert_eq!(seen["photos/2026/large"].content, large);
    assert_eq!(seen["small"].links, 2);
    assert_eq!(phone.see(), seen);
    let hole = phone.find("sparse").unwrap();
    assert_eq!(phone.files.read().next_data(hole, 0).unwrap(), Some((5 << 20, (5 << 20) + 13)));
    // Nothing is left to tell.
    let [(one, _), (other, _)] = sync(&mut phone, &mut laptop);
    assert_eq!((one.batches_received, other.batches_received), (0, 0));
    assert!(one.bytes_sent + other.bytes_sent < 2000, "{one:?} {other:?}");
}

#[test]
fn what_both_did_is_done_on_both() {
    let [mut laptop, mut phone] = homes();
    laptop.make("a", FileKind::Directory).unwrap();
    laptop.write("a/one", 0, b"1");
    laptop.write("two", 0, b"2");
    laptop.write("three", 0, b"3");
    sync(&mut laptop, &mut phone);
    let before = laptop.find("two").unwrap();
    phone.rename("two", "a/two");
    phone.make("b", FileKind::Directory).unwrap();
    phone.rename("a", "b/a");
    phone.put("three", b"3 of phone");
    laptop.write("four", 0, b"4");
    laptop.remove("three");
    laptop.attribute("a/one", "user.x", Some(b"y"));
    sync(&mut phone, &mut laptop);
    assert_eq!(laptop.see(), phone.see());
    let expected = [("b/a/one", "1"), ("b/a/two", "2"), ("four", "4"), ("three", "3 of phone")];
    assert_eq!(laptop.texts(), texts(expected));
    assert_eq!(laptop.find("b/a/two"), Some(before), "a file that moves stays the same");
    assert_eq!(phone.see()["b/a/one"].attributes.len(), 1);
}

#[test]
fn names_can_be_exchanged_while_others_write() {
    let [mut laptop, mut phone] = homes();
    laptop.write("a", 0, b"A");
    laptop.write("b", 0, b"B");
    sync(&mut laptop, &mut phone);
    laptop.rename("a", "c");
    laptop.rename("b", "a");
    laptop.rename("c", "b");
    phone.put("a", b"AA");
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.texts(), texts([("a", "B"), ("b", "AA")]));
    assert_eq!(laptop.see(), phone.see());
}

#[test]
fn an_editor_that_replaces_a_file_by_another_edits_it() {
    let [mut laptop, mut phone] = homes();
    laptop.write("report", 0, b"old");
    sync(&mut laptop, &mut phone);
    laptop.write("report.tmp", 0, b"of laptop");
    assert!(laptop.rename("report.tmp", "report"));
    phone.put("report", b"of phone");
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see(), phone.see());
    let texts = laptop.texts();
    assert_eq!(texts.len(), 2);
    assert!(texts.keys().any(|path| path.starts_with("report (1970-01-12 from ")), "{texts:?}");
}

#[test]
fn a_device_that_was_put_back_is_told_and_gets_back_what_it_did() {
    let [mut laptop, mut phone] = homes();
    laptop.write("a", 0, b"1");
    sync(&mut laptop, &mut phone);
    let old = laptop.disk.image();
    laptop.put("a", b"2");
    sync(&mut laptop, &mut phone);
    laptop.reopen(Disk::of(old, CAPACITY));
    laptop.write("b", 0, b"after it was put back");
    let [(one, events), (_, others)] = sync(&mut laptop, &mut phone);
    assert_eq!(events, [Event::PutBack { number: 2 }]);
    assert_eq!(others.len(), 1);
    assert!(one.is_more);
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.texts(), texts([("a", "2"), ("b", "after it was put back")]));
    assert_eq!(laptop.see(), phone.see());
}

#[test]
fn a_device_whose_state_was_copied_is_named_and_nothing_of_either_copy_is_lost() {
    let [mut laptop, mut phone, mut tablet] = homes();
    laptop.write("a", 0, b"1");
    sync(&mut laptop, &mut phone);
    let [mut copied] = homes();
    copied.reopen(Disk::of(laptop.disk.image(), CAPACITY));
    laptop.put("a", b"of one");
    copied.put("a", b"of the other");
    sync(&mut copied, &mut tablet);
    sync(&mut laptop, &mut phone);
    let [(_, events), (_, others)] = sync(&mut copied, &mut phone);
    let device = crate::sync::batch::Device::of(&key(1));
    assert_eq!(others, [Event::Copied { device, number: 2 }]);
    assert_eq!(events, [Event::Copied { device, number: 2 }]);
    let mut found: Vec<String> = phone.texts().into_values().collect();
    found.sort();
    assert_eq!(found, ["of one", "of the other"]);
    assert_eq!(copied.see(), phone.see());
}

#[test]
fn a_session_that_is_cut_anywhere_is_completed_by_the_next() {
    for messages in 0..60 {
        let [mut laptop, mut phone] = homes();
        laptop.write("a", 0, &noise(1, 700 << 10));
        phone.write("b", 0, &noise(2, 700 << 10));
        let _ = run(&mut laptop, &mut phone, messages).unwrap();
        // What is not durable is lost, too.
        phone.files.sync().unwrap();
        if messages % 2 == 0 {
            let disk = Disk::of(phone.disk.image(), CAPACITY);
            phone.reopen(disk);
        }
        sync(&mut laptop, &mut phone);
        sync(&mut laptop, &mut phone);
        assert_eq!(laptop.see(), phone.see());
        assert_eq!(laptop.see().len(), 2);
    }
}

#[test]
fn objects_that_came_before_a_session_was_cut_do_not_come_again() {
    let whole = {
        let [mut laptop, mut phone] = homes();
        laptop.write("a", 0, &noise(1, 8 << 20));
        let [_, (summary, _)] = sync(&mut laptop, &mut phone);
        summary.objects_received
    };
    let [mut laptop, mut phone] = homes();
    laptop.write("a", 0, &noise(1, 8 << 20));
    assert_eq!(run(&mut laptop, &mut phone, 25).unwrap(), None);
    let [_, (summary, _)] = sync(&mut laptop, &mut phone);
    assert!((1..whole).contains(&summary.objects_received), "{summary:?} of {whole}");
    assert_eq!(laptop.see(), phone.see());
}

#[test]
fn devices_of_other_spaces_tell_each_other_nothing() {
    let [mut laptop] = homes();
    let [mut other] = homes_of(SpaceId([8; 32]));
    laptop.write("a", 0, b"1");
    assert_eq!(run(&mut laptop, &mut other, usize::MAX), Err(SyncError::OtherSpace));
    assert!(other.see().is_empty());
}

#[test]
fn room_is_made_without_losing_what_others_may_ask_for() {
    let [mut laptop, mut phone, mut tablet] = homes();
    laptop.write("a", 0, &noise(1, 2 << 20));
    sync(&mut laptop, &mut phone);
    // One moves what the other edits and removes.
    phone.rename("a", "b");
    laptop.write("a", 1 << 20, &noise(2, 300 << 10));
    sync(&mut laptop, &mut tablet);
    laptop.remove("a");
    sync(&mut laptop, &mut tablet);
    for home in [&mut laptop, &mut tablet, &mut phone] {
        home.files.collect(100).unwrap();
    }
    sync(&mut phone, &mut tablet);
    sync(&mut phone, &mut laptop);
    assert_eq!(phone.see(), laptop.see());
    assert_eq!(phone.see().len(), 1);
    assert_eq!(phone.see()["b"].content[1 << 20..][..300 << 10], noise(2, 300 << 10));
}
