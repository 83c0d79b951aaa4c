//! Files that would give others power over a device.

use alloc::vec::Vec;

use super::home::{CAPACITY, homes, sync};
use crate::files::FileKind;
use crate::tests::disk::Disk;

const NULL: FileKind = FileKind::Characters(259);

#[test]
fn programs_that_run_as_their_owner_arrive_as_programs_and_stay_such_where_they_were_made() {
    let [mut laptop, mut phone] = homes();
    laptop.write("tool", 0, b"program");
    laptop.permit("tool", 0o6755);
    laptop.attribute("tool", "security.capability", Some(b"all"));
    laptop.attribute("tool", "user.a", Some(b"1"));
    laptop.make("d", FileKind::Directory).unwrap();
    laptop.permit("d", 0o3775);
    sync(&mut laptop, &mut phone);
    let there = &phone.see()["tool"];
    assert_eq!((there.permissions, there.attributes.len()), (0o755, 1));
    assert_eq!(phone.see()["d"].permissions, 0o2775);
    // What the phone does with them leaves the rest as it is at the laptop.
    phone.attribute("tool", "user.a", Some(b"2"));
    phone.rename("tool", "d/tool");
    sync(&mut phone, &mut laptop);
    let here = &laptop.see()["d/tool"];
    assert_eq!((here.permissions, here.attributes.len()), (0o6755, 2));
    assert_eq!(laptop.see()["d"].permissions, 0o3775);
    // Also if it is put back and gets all again.
    let disk = Disk::of(laptop.disk.image(), CAPACITY);
    laptop.reopen(disk);
    sync(&mut phone, &mut laptop);
    assert_eq!(laptop.see()["d/tool"].permissions, 0o6755);
}

#[test]
fn who_changes_a_program_that_runs_as_somebody_else_ends_that() {
    let [mut laptop, mut phone] = homes();
    laptop.write("tool", 0, b"program");
    laptop.permit("tool", 0o4755);
    laptop.attribute("tool", "security.capability", Some(b"all"));
    sync(&mut laptop, &mut phone);
    phone.put("tool", b"other program");
    sync(&mut phone, &mut laptop);
    let here = &laptop.see()["tool"];
    assert_eq!(here.content, b"other program");
    assert_eq!((here.permissions, here.attributes.len()), (0o755, 0));
    // Nor does it come back by what the laptop does next.
    laptop.rename("tool", "t");
    sync(&mut laptop, &mut phone);
    assert_eq!((laptop.see()["t"].permissions, phone.see()["t"].permissions), (0o755, 0o755));
}

#[test]
fn nodes_of_devices_are_where_they_were_made_and_nowhere_else_and_are_not_lost() {
    let [mut laptop, mut phone, mut tablet] = homes();
    laptop.make("d", FileKind::Directory).unwrap();
    laptop.make("d/null", NULL).unwrap();
    laptop.make("d/pipe", FileKind::Pipe).unwrap();
    sync(&mut laptop, &mut phone);
    let names = |home: &mut super::home::Home| home.see().into_keys().collect::<Vec<_>>();
    assert_eq!(names(&mut phone), ["d", "d/pipe"]);
    // Others move the directory, take the name, and remove the directory as they see it.
    phone.rename("d", "e");
    phone.write("e/null", 0, b"text");
    sync(&mut phone, &mut tablet);
    sync(&mut tablet, &mut laptop);
    let here = names(&mut laptop);
    assert_eq!(here.len(), 4, "{here:?}");
    assert_eq!(laptop.see()["e/null"].content, b"text");
    assert_eq!(laptop.see().values().filter(|seen| seen.kind == NULL).count(), 1);
    sync(&mut laptop, &mut phone);
    phone.remove("e");
    sync(&mut phone, &mut laptop);
    assert_eq!(laptop.see().values().filter(|seen| seen.kind == NULL).count(), 1);
    assert_eq!(laptop.see().len(), 2);
    assert_eq!(names(&mut phone), ["e"]);
    // Whoever made it removes it, and with it the directory.
    laptop.remove("e");
    sync(&mut laptop, &mut phone);
    assert!(names(&mut phone).is_empty() && names(&mut laptop).is_empty());
}

#[test]
fn a_file_that_others_make_a_device_of_is_none_here_whatever_is_done_beside_it() {
    let [mut laptop, mut phone] = homes();
    laptop.write("a", 0, b"1");
    sync(&mut laptop, &mut phone);
    // An editor's way, and at the same time an edit.
    phone.make("b", NULL).unwrap();
    phone.rename("b", "a");
    laptop.put("a", b"2");
    sync(&mut phone, &mut laptop);
    assert_eq!(laptop.texts().into_values().collect::<Vec<_>>(), ["2"]);
    // What is beside it goes, and the device is not told again as the laptop's.
    let path = laptop.texts().into_keys().next().unwrap();
    laptop.remove(&path);
    sync(&mut laptop, &mut phone);
    sync(&mut phone, &mut laptop);
    assert!(laptop.see().is_empty());
    assert_eq!(phone.see().into_values().map(|seen| seen.kind).collect::<Vec<_>>(), [NULL]);
}

#[test]
fn equal_nodes_of_two_devices_stay_at_both() {
    let [mut laptop, mut phone] = homes();
    laptop.make("null", NULL).unwrap();
    phone.make("null", NULL).unwrap();
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see()["null"].kind, NULL);
    assert_eq!(phone.see()["null"].kind, NULL);
    assert_eq!((laptop.see().len(), phone.see().len()), (1, 1));
}
