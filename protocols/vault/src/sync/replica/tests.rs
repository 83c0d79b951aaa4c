//! The rules, one by one.

use alloc::string::String;
use alloc::vec::Vec;

use crate::sync::batch::Device;
use crate::sync::operation::{Id, Operation, Target};
use crate::sync::tests::person::{Person, of};

/// Two devices that know the same files.
fn two(prepare: impl FnOnce(&mut Person)) -> (Person, Person) {
    let mut laptop = Person::new(1, "laptop");
    let mut phone = Person::new(2, "phone");
    laptop.day = 20_778;
    phone.day = 20_779;
    prepare(&mut laptop);
    phone.hear(&laptop);
    laptop.hear(&phone);
    (laptop, phone)
}

/// What both are shown when they have told each other all.
fn join(laptop: &mut Person, phone: &mut Person) -> Vec<String> {
    laptop.hear(phone);
    phone.hear(laptop);
    assert_eq!(laptop.lines(), phone.lines());
    laptop.lines()
}

#[test]
fn an_entry_is_where_its_greatest_place_says() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "x"));
    laptop.rename("a", "of laptop");
    phone.rename("a", "b");
    phone.rename("b", "of phone");
    assert_eq!(join(&mut laptop, &mut phone), ["of phone: x"]);
    laptop.rename("of phone", "at last");
    assert_eq!(join(&mut laptop, &mut phone), ["at last: x"]);
}

#[test]
fn directories_moved_into_each_other_do_not_vanish() {
    let (mut laptop, mut phone) = two(|laptop| {
        laptop.make_directory("a");
        laptop.make_directory("b");
        laptop.make("a/in a", "x");
        laptop.make("b/in b", "y");
    });
    laptop.rename("a", "b/a");
    phone.rename("b", "a/b");
    let seen = join(&mut laptop, &mut phone);
    // The one that was moved last, by the order of devices here, is where it was before.
    let other = ["a/", "a/b/", "a/b/in b: y", "a/in a: x"];
    let one = ["b/", "b/a/", "b/a/in a: x", "b/in b: y"];
    assert!(seen == one || seen == other, "{seen:?}");
}

#[test]
fn a_circle_of_three_directories_is_opened() {
    let (mut laptop, mut phone) =
        two(|laptop| ["a", "b", "c"].into_iter().for_each(|name| laptop.make_directory(name)));
    let mut tablet = Person::new(3, "tablet");
    tablet.hear(&phone);
    laptop.rename("a", "b/a");
    phone.rename("b", "c/b");
    tablet.rename("c", "a/c");
    tablet.hear(&laptop);
    tablet.hear(&phone);
    laptop.hear(&tablet);
    phone.hear(&tablet);
    assert_eq!(laptop.lines(), phone.lines());
    assert_eq!(laptop.lines(), tablet.lines());
    assert_eq!(laptop.lines().len(), 3);
}

#[test]
fn a_removal_takes_only_what_it_has_seen() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
    laptop.remove("a");
    phone.edit("a", "new");
    assert_eq!(join(&mut laptop, &mut phone), ["a: new"]);
    phone.remove("a");
    assert!(join(&mut laptop, &mut phone).is_empty());
}

#[test]
fn who_moves_a_file_keeps_it_from_who_removes_it() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "x"));
    laptop.remove("a");
    phone.rename("a", "b");
    assert_eq!(join(&mut laptop, &mut phone), ["b: x"]);
}

#[test]
fn a_directory_stays_while_anything_living_is_in_it() {
    let (mut laptop, mut phone) = two(|laptop| {
        laptop.make_directory("photos");
        laptop.make_directory("photos/2026");
        laptop.make("photos/2026/old", "x");
    });
    laptop.remove("photos");
    phone.make("photos/2026/new", "y");
    assert_eq!(join(&mut laptop, &mut phone), ["photos/", "photos/2026/", "photos/2026/new: y"]);
    laptop.remove("photos/2026/new");
    assert!(join(&mut laptop, &mut phone).is_empty());
}

#[test]
fn two_edits_become_the_file_and_a_copy_beside_it_that_says_whose_it_is() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("report.txt", "old"));
    phone.edit("report.txt", "of phone");
    laptop.edit("report.txt", "first");
    laptop.edit("report.txt", "of laptop");
    let both = ["report (2026-11-22 from phone).txt: of phone", "report.txt: of laptop"];
    assert_eq!(join(&mut laptop, &mut phone), both);
}

#[test]
fn an_edit_after_both_were_seen_does_not_make_the_copy_vanish() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
    phone.edit("a", "of phone");
    laptop.edit("a", "first");
    laptop.edit("a", "of laptop");
    join(&mut laptop, &mut phone);
    phone.edit("a", "later");
    let both = ["a: later", "a (2026-11-22 from phone): of phone"];
    assert_eq!(join(&mut laptop, &mut phone), both);
}

#[test]
fn a_copy_can_be_edited_moved_and_removed_as_any_file() {
    let conflict = || {
        let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
        phone.edit("a", "of phone");
        laptop.edit("a", "first");
        laptop.edit("a", "of laptop");
        join(&mut laptop, &mut phone);
        (laptop, phone)
    };
    let copy = "a (2026-11-22 from phone)";
    let (mut laptop, mut phone) = conflict();
    laptop.edit(copy, "edited");
    phone.edit("a", "also edited");
    assert_eq!(join(&mut laptop, &mut phone), ["a: also edited", "a (2026-11-22 from phone): edited"]);
    let (mut laptop, mut phone) = conflict();
    laptop.rename(copy, "b");
    phone.edit(copy, "edited");
    assert_eq!(join(&mut laptop, &mut phone), ["a: of laptop", "b: edited"]);
    laptop.remove("a");
    assert_eq!(join(&mut laptop, &mut phone), ["b: edited"]);
    let (mut laptop, mut phone) = conflict();
    laptop.remove(copy);
    assert_eq!(join(&mut laptop, &mut phone), ["a: of laptop"]);
    let (mut laptop, mut phone) = conflict();
    laptop.remove("a");
    assert_eq!(join(&mut laptop, &mut phone), ["a (2026-11-22 from phone): of phone"]);
}

#[test]
fn a_copy_of_a_copy_is_one_too() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
    phone.edit("a", "of phone");
    laptop.edit("a", "first");
    laptop.edit("a", "of laptop");
    join(&mut laptop, &mut phone);
    let copy = "a (2026-11-22 from phone)";
    phone.edit(copy, "copy of phone");
    laptop.edit(copy, "first");
    laptop.edit(copy, "copy of laptop");
    let lines = join(&mut laptop, &mut phone);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with(": copy of phone")));
    assert!(lines.iter().any(|line| line.ends_with(": copy of laptop")));
}

#[test]
fn who_removed_a_content_does_not_get_it_back_as_a_copy() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
    laptop.edit("a", "of laptop");
    phone.remove("a");
    assert_eq!(join(&mut laptop, &mut phone), ["a: of laptop"]);
}

#[test]
fn equal_edits_are_no_conflict_and_are_edited_as_one() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
    laptop.edit("a", "same");
    phone.edit("a", "same");
    assert_eq!(join(&mut laptop, &mut phone), ["a: same"]);
    laptop.edit("a", "other");
    assert_eq!(join(&mut laptop, &mut phone), ["a: other"]);
}

#[test]
fn directories_of_one_name_are_shown_as_one_and_moved_as_one() {
    let (mut laptop, mut phone) = two(|_| ());
    laptop.make_directory("photos");
    laptop.make("photos/a", "x");
    phone.make_directory("photos");
    phone.make("photos/b", "y");
    phone.make("photos/a", "z");
    let lines = join(&mut laptop, &mut phone);
    assert_eq!(lines.len(), 4, "{lines:?}");
    laptop.rename("photos", "pictures");
    let lines = join(&mut laptop, &mut phone);
    assert!(lines.len() == 4 && lines.iter().all(|line| line.starts_with("pictures/")), "{lines:?}");
    phone.remove("pictures");
    assert!(join(&mut laptop, &mut phone).is_empty());
}

#[test]
fn equal_files_of_one_name_are_one_and_stay_one() {
    let (mut laptop, mut phone) = two(|_| ());
    laptop.make("a", "same");
    phone.make("a", "same");
    assert_eq!(join(&mut laptop, &mut phone), ["a: same"]);
    laptop.edit("a", "edited");
    assert_eq!(join(&mut laptop, &mut phone), ["a: edited"]);
    phone.remove("a");
    assert!(join(&mut laptop, &mut phone).is_empty());
}

#[test]
fn other_files_of_one_name_are_told_apart() {
    let (mut laptop, mut phone) = two(|_| ());
    phone.make("a", "of phone");
    laptop.make_directory("b");
    laptop.make("a", "of laptop");
    phone.make("b", "a file");
    let lines = join(&mut laptop, &mut phone);
    let told = |path: &str| lines.iter().any(|line| line.starts_with(path));
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(told("a: ") && told("a (2026-11-2") && told("b/") && told("b (2026-11-22 from phone): a file"));
}

#[test]
fn hard_links_lead_to_one_file_and_die_one_by_one() {
    let (mut laptop, mut phone) = two(|laptop| {
        laptop.make("a", "x");
        laptop.link("a", "b");
    });
    laptop.remove("a");
    phone.edit("b", "y");
    assert_eq!(join(&mut laptop, &mut phone), ["b: y"]);
    phone.remove("b");
    assert!(join(&mut laptop, &mut phone).is_empty());
}

#[test]
fn links_removed_on_two_devices_do_not_take_the_file_that_nobody_removed() {
    let (mut laptop, mut phone) = two(|laptop| {
        laptop.make("a", "x");
        laptop.link("a", "b");
    });
    laptop.remove("a");
    phone.remove("b");
    let lines = join(&mut laptop, &mut phone);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with(": x"));
}

#[test]
fn what_two_copies_of_a_device_did_is_all_there() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "old"));
    let mut copied = laptop.clone();
    laptop.edit("a", "one");
    copied.write(|_, _| ());
    copied.edit("a", "other");
    phone.hear(&laptop);
    phone.hear(&copied);
    laptop.hear(&phone);
    assert_eq!(phone.lines(), laptop.lines());
    assert_eq!(phone.lines().len(), 2, "{:?}", phone.lines());
}

#[test]
fn an_entry_in_what_is_no_directory_is_at_the_top() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "x"));
    laptop.write(|author, tree| {
        let within = tree.nodes[1].entry();
        let file = author.make(of("y"));
        author.place(within, b"b", Target::File(file));
        author.place(Id([9; 16]), b"c", Target::Directory);
    });
    assert_eq!(join(&mut laptop, &mut phone), ["a: x", "b: y", "c/"]);
}

#[test]
fn operations_on_what_is_not_there_show_nothing() {
    let (mut laptop, mut phone) = two(|_| ());
    let nothing = Id([9; 16]);
    laptop.write(|author, _| {
        author.place(Id::TOP, b"no file", Target::File(nothing));
        author.add(Operation::Remove {
            entry: nothing,
            places: [nothing].into(),
            contents: [nothing].into(),
        });
        author.add(Operation::Content { file: nothing, content: of("x"), instead: [nothing].into() });
        author.add(Operation::Permit { of: Id([8; 16]), permissions: 0 });
    });
    assert_eq!(join(&mut laptop, &mut phone), ["no file: x"]);
}

#[test]
fn a_liar_who_names_copies_within_each_other_ends_nowhere() {
    use crate::sync::replica::{copy_entry, copy_file};
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "x"));
    laptop.write(|author, _| {
        // Files whose copies lead to each other, and a directory that is a copy, in itself.
        let one = author.make(of("one"));
        let other = author.make(of("other"));
        let (entry, copy) = (copy_entry(&one, &one), copy_file(&one, &one));
        let place = |entry, parent, target| Operation::Place {
            entry,
            parent,
            name: b"n".to_vec(),
            target,
            instead: Vec::new(),
        };
        author.add(place(entry, Id::TOP, Target::File(other)));
        author.add(place(copy_entry(&other, &other), entry, Target::File(one)));
        author.add(Operation::Content { file: copy, content: of("y"), instead: Vec::new() });
        let deep = copy_entry(&copy, &one);
        author.add(place(deep, deep, Target::Directory));
    });
    join(&mut laptop, &mut phone);
}

#[test]
fn permissions_and_attributes_are_the_last_said_and_go_over_to_copies() {
    let (mut laptop, mut phone) = two(|laptop| laptop.make("a", "x"));
    let file = laptop.replica().tree().nodes[1].file().unwrap();
    laptop.write(|author, _| {
        author.add(Operation::Permit { of: file, permissions: 0o600 });
        let (name, value) = (b"user.a".to_vec(), Some(b"1".to_vec()));
        author.add(Operation::Attribute { of: file, name, value });
    });
    phone.edit("a", "of phone");
    laptop.edit("a", "of laptop");
    join(&mut laptop, &mut phone);
    let replica = phone.replica();
    let files: Vec<Id> = replica.tree().nodes.iter().filter_map(|node| node.file()).collect();
    assert_eq!(files.len(), 2);
    let by = Device([9; 32]);
    for file in files {
        assert_eq!(replica.permissions(&file, &by), Some(0o600));
        assert_eq!(replica.attributes(&file, &by).get(&b"user.a"[..]), Some(&&b"1"[..]));
    }
}
