//! Contents of so many parts that they are listed, also by somebody who wants memory or time to be used
//! up.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::home::{Home, homes, sync};
use super::*;
use crate::files::Ino;
use crate::object::{Kind, ObjectId};
use crate::sync::author::{Author, Gone};
use crate::sync::batch::{Batch, Device, Signed};
use crate::sync::operation::{
    Content, Data, Id, LISTS_MAX, ListList, Operation, Part, PartBytes, PartList, Parts, Target,
};
use crate::sync::{Heard, Known, Merged, Now, merge};

/// Puts lists of parts into a vault, and tells of a file `a` with them.
fn tell(home: &mut Home, size: u64, lists: impl Iterator<Item = Vec<Part>>) -> Signed {
    let put = |list| {
        let content = allod_wire::encode(&PartList(list));
        let ring = home.files.ring();
        let object = ring.newest().seal(Kind::Data, &content, &crate::compress::Uncompressed);
        home.files.put(&object).unwrap();
        object.id
    };
    let lists: Vec<ObjectId> = lists.map(put).collect();
    let data = Data::File { size, parts: Parts::Listed(lists) };
    let (file, content) = (Id([5; 16]), Content { data, modified: at(0) });
    let place = Operation::Place {
        entry: Id([6; 16]),
        parent: Id::TOP,
        name: b"a".to_vec(),
        target: Target::File(file),
        instead: Vec::new(),
    };
    let batch = Batch {
        space: SPACE,
        device: Device::of(&key(9)),
        number: 1,
        before: None,
        seen: Vec::new(),
        lamport: 1,
        time: at(0),
        nonce: [9; 16],
        operations: vec![Operation::Content { file, content, instead: Vec::new() }, place],
    };
    Signed::new(batch, &key(9)).unwrap()
}

fn hear(home: &mut Home, told: &Signed, absent: &BTreeSet<ObjectId>) -> Merged {
    let mut known = Known::read(&mut home.files).unwrap();
    let heard = Heard { batches: core::slice::from_ref(told), absent, vouched: &[] };
    let now = Now { time: at(1), nonce: [1; 16], is_open: &|_| false };
    merge(&mut home.files, &mut known, heard, &home.me, &now).unwrap()
}

/// Lists of single bytes `x`, so many.
fn bytes(count: usize) -> impl Iterator<Item = Vec<Part>> {
    let part = |start| Part { start: start as u64, bytes: PartBytes::Here(vec![b'x']) };
    (0..count).step_by(80_000).map(move |from| (from..count.min(from + 80_000)).map(part).collect())
}

/// Something in a list of lists, which is in an operation.
fn in_lists(home: &mut Home, lists: &[Vec<Part>]) -> Parts {
    let mut put = |content: Vec<u8>| {
        let object = home.files.ring().newest().seal(Kind::Data, &content, &crate::compress::Uncompressed);
        home.files.put(&object).unwrap();
        object.id
    };
    let ids = lists.iter().map(|list| put(allod_wire::encode(&PartList(list.clone())))).collect();
    Parts::Deep(vec![put(allod_wire::encode(&ListList(ids)))])
}

#[test]
fn a_file_of_more_parts_than_lists_in_one_operation_hold_is_synced() {
    let [mut laptop, mut phone, mut tablet] = homes();
    // Holes between single bytes: each is a part.
    const COUNT: u64 = 20_000;
    for number in 0..COUNT {
        laptop.write("sparse", number * 8192, &[number as u8 | 1]);
    }
    let ino = laptop.find("sparse").unwrap();
    laptop.files.flush().unwrap();
    let (data, _) = laptop.files.data(ino).unwrap();
    assert!(matches!(&data, Data::File { parts: Parts::Deep(lists), .. } if lists.len() <= LISTS_MAX));
    sync(&mut laptop, &mut phone);
    // What is synced can be handed on, and changed.
    phone.write("sparse", 5 * 8192, b"!");
    sync(&mut phone, &mut tablet);
    sync(&mut tablet, &mut laptop);
    for home in [&mut laptop, &mut phone, &mut tablet] {
        let ino = home.find("sparse").unwrap();
        for number in (0..COUNT).step_by(97).chain([5, COUNT - 1]) {
            let expected = if number == 5 { b'!' } else { number as u8 | 1 };
            assert_eq!(home.files.read().read(ino, number * 8192, 2).unwrap()[0], expected, "{number}");
        }
    }
}

#[test]
fn lists_that_do_not_go_on_from_each_other_list_nothing_and_none_counts_twice() {
    let size = 10 << 20;
    let [mut laptop, mut phone, _] = homes();
    let told = tell(&mut laptop, size, bytes(85_000));
    assert!(matches!(hear(&mut laptop, &told, &BTreeSet::new()), Merged::Done { .. }));
    assert!(laptop.see()["a"].content[..85_000].iter().all(|byte| *byte == b'x'));
    let one: Vec<Vec<Part>> = bytes(10).collect();
    let sound = in_lists(&mut phone, &one);
    for (parts, is_sound) in [
        (sound, true),
        (in_lists(&mut phone, &[one.clone(), one.clone()].concat()), false),
        (in_lists(&mut phone, &[one, vec![Vec::new()]].concat()), false),
        (in_lists(&mut phone, &[]), false),
    ] {
        let data = Data::File { size: 20, parts };
        let mut count = 0;
        crate::sync::parts::parts(&mut phone.files, &data, &mut |_, parts| {
            count += parts.len();
            Ok(())
        })
        .unwrap();
        assert_eq!(count, if is_sound { 10 } else { 0 });
    }
    // Nor in an operation itself.
    let content = |parts| Content { data: Data::File { size, parts }, modified: at(0) };
    let twice = vec![ObjectId([1; 32]); 2];
    for parts in [Parts::Listed(twice.clone()), Parts::Deep(twice)] {
        let operation =
            Operation::Content { file: Id([5; 16]), content: content(parts), instead: Vec::new() };
        assert!(operation.check().is_err());
    }
}

#[test]
fn no_more_objects_are_asked_for_at_once_than_there_is_room_for() {
    let [mut laptop] = homes();
    let part = |number: u64| {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        Part { start: number, bytes: PartBytes::Object { id: ObjectId(id), from: 0, size: 1 } }
    };
    let numbers: Vec<u64> = (0..150_000).collect();
    let lists = numbers.chunks(15_000).map(|numbers| numbers.iter().map(|number| part(*number)).collect());
    let told = tell(&mut laptop, 150_000, lists);
    let mut absent = BTreeSet::new();
    let mut rounds = 0;
    loop {
        match hear(&mut laptop, &told, &absent) {
            Merged::Missing(ids) => {
                assert!(ids.len() <= 1 << 16);
                let before = absent.len();
                absent.extend(ids.iter().copied());
                assert_eq!(absent.len(), before + ids.len(), "nothing is asked for twice");
            }
            Merged::Done { pending, .. } => {
                assert_eq!((rounds, pending, absent.len()), (3, 1, 150_000));
                return;
            }
        }
        rounds += 1;
    }
}

/// How many names are looked at when all of a file are removed.
fn remove_all(links: u32) -> usize {
    let [mut laptop, mut phone] = homes();
    laptop.write("file", 0, b"x");
    let ino = laptop.find("file").unwrap();
    for number in 0..links {
        let name = number.to_string().into_bytes();
        let link = crate::files::Operation::Link { ino, parent: Ino::ROOT, name, now: at(1) };
        laptop.apply(&link).unwrap();
    }
    sync(&mut laptop, &mut phone);
    for name in (0..links).map(|number| number.to_string()).chain(["file".to_string()]) {
        let (parent, name, directory, open, now) = (Ino::ROOT, name.into_bytes(), false, false, at(2));
        laptop.apply(&crate::files::Operation::Unlink { parent, name, directory, open, now }).unwrap();
    }
    let known = Known::read(&mut laptop.files).unwrap();
    let replica = crate::sync::replica::Replica::new(known.batches());
    let tree = replica.tree();
    let pending = BTreeSet::new();
    let mut author = Author::new(&replica, Device::of(&key(1)), 9, [1; 16], &pending);
    let nodes = || tree.nodes.iter().skip(1);
    let mut gone = Gone::new(nodes().flat_map(|node| &node.members).map(|member| member.entry).collect());
    nodes().for_each(|node| author.remove(&node.members, &mut gone));
    let looked = author.looked;
    assert_eq!(nodes().count(), links as usize + 1);
    sync(&mut laptop, &mut phone);
    assert!(phone.see().is_empty());
    looked
}

#[test]
fn all_names_of_a_file_are_removed_with_work_in_proportion_to_them() {
    assert_eq!(remove_all(300), 301);
    assert_eq!(remove_all(1200), 1201);
}
