//! Contents of so many parts that they are listed, by somebody who wants memory to be used up.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::home::{Home, homes};
use super::*;
use crate::object::{Kind, ObjectId};
use crate::sync::batch::{Batch, Device, Signed};
use crate::sync::operation::{
    Content, Data, Id, LISTED_MAX, Operation, Part, PartBytes, PartList, Parts, Target,
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
    let heard = Heard { batches: core::slice::from_ref(told), absent };
    let now = Now { time: at(1), nonce: [1; 16], is_open: &|_| false };
    merge(&mut home.files, &mut known, heard, &home.me, &now).unwrap()
}

/// Lists of single bytes `x`, so many.
fn bytes(count: usize) -> impl Iterator<Item = Vec<Part>> {
    let part = |start| Part { start: start as u64, bytes: PartBytes::Here(vec![b'x']) };
    (0..count).step_by(80_000).map(move |from| (from..count.min(from + 80_000)).map(part).collect())
}

#[test]
fn a_content_of_more_parts_than_there_may_be_lists_nothing() {
    let size = 10 << 20;
    let [mut laptop, mut phone] = homes();
    let told = tell(&mut laptop, size, bytes(85_000));
    assert!(matches!(hear(&mut laptop, &told, &BTreeSet::new()), Merged::Done { .. }));
    assert!(laptop.see()["a"].content[..85_000].iter().all(|byte| *byte == b'x'));
    let told = tell(&mut phone, size, bytes(LISTED_MAX / 65 + 1));
    assert!(matches!(hear(&mut phone, &told, &BTreeSet::new()), Merged::Done { .. }));
    assert!(phone.see()["a"].content.iter().all(|byte| *byte == 0));
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
