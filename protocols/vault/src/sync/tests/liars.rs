//! Sessions with a device that lies. It is refused by name, nothing of it is durable, and nothing
//! panics.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::home::{Home, Side, homes, sync};
use super::*;
use crate::object::{Kind, ObjectId, Sealed};
use crate::sync::batch::{Batch, BatchId, Device, Signed};
use crate::sync::log::LogError;
use crate::sync::message::{Head, Message, VERSION};
use crate::sync::operation::{Content, Data, Id, Operation, Part, PartBytes, Parts, Target};
use crate::sync::reconcile::{Answering, Item, MESSAGE_MAX};
use crate::sync::{Role, SyncError};

fn hello(device: Device, heads: Vec<Head>) -> Vec<u8> {
    allod_wire::encode(&Message::Hello { version: VERSION, space: SPACE, device, heads })
}

fn sent(side: &mut Side<'_>) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(bytes) = side.poll().unwrap() {
        messages.push(allod_wire::decode(&bytes).unwrap());
    }
    messages
}

/// A batch of a device that does these.
pub(super) fn batch(by: u8, operations: Vec<Operation>) -> Signed {
    let batch = Batch {
        space: SPACE,
        device: Device::of(&key(by)),
        number: 1,
        before: None,
        seen: Vec::new(),
        lamport: 1,
        time: at(0),
        nonce: [by; 16],
        operations,
    };
    Signed::new(batch, &key(by)).unwrap()
}

/// Answers a side that begins with these batches as if they were all that there is. With what it
/// asks for, or why it stopped.
pub(super) fn feed(home: &mut Home, batches: &[Signed]) -> Result<Vec<Message>, SyncError> {
    let mut side = Side::new(home, Role::Begins);
    sent(&mut side);
    side.handle(&hello(Device::of(&key(9)), Vec::new()))?;
    let items = batches.iter().map(|signed| Item { at: signed.batch().lamport, id: signed.id().0 });
    let mut answering = Answering::new(items.collect(), MESSAGE_MAX).unwrap();
    loop {
        let messages = sent(&mut side);
        match messages.last() {
            Some(Message::Reconcile(asked)) => {
                let answer = answering.handle(asked).unwrap();
                side.handle(&allod_wire::encode(&Message::Reconcile(answer)))?;
            }
            Some(Message::AskBatches(_)) => {
                for signed in batches {
                    side.handle(&allod_wire::encode(&Message::Batch(signed.bytes().to_vec())))?;
                }
                side.handle(&allod_wire::encode(&Message::End))?;
            }
            Some(Message::Turn) => side.handle(&allod_wire::encode(&Message::Turn))?,
            _ => return Ok(messages),
        }
    }
}

#[test]
fn who_claims_that_this_device_did_more_has_to_show_it() {
    let [mut laptop] = homes();
    laptop.write("a", 0, b"1");
    let head = Head { device: Device::of(&key(1)), number: 1 << 40, id: BatchId([3; 32]) };
    let mut side = Side::new(&mut laptop, Role::Answers);
    side.handle(&hello(Device::of(&key(2)), vec![head])).unwrap();
    assert_eq!(side.handle(&allod_wire::encode(&Message::Turn)), Err(SyncError::Unproven));
    assert!(side.session.events().is_empty());
    // Nothing of it is left: the next session goes as always.
    let [_, mut phone] = homes();
    sync(&mut laptop, &mut phone);
    assert_eq!(phone.texts().len(), 1);
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let object = crate::ring::Ring::new(&mut crate::tests::rng());
    let object = object.newest().seal(Kind::Data, b"x", &crate::compress::Uncompressed);
    let unasked = [
        Message::object(object),
        Message::Batch(batch(2, Vec::new()).bytes().to_vec()),
        Message::End,
        Message::Absent,
        Message::Done,
        Message::Reconcile(vec![0x61]),
    ];
    for message in unasked {
        let [mut laptop] = homes();
        let mut side = Side::new(&mut laptop, Role::Begins);
        // Before it said hello, and while something else is due.
        assert_eq!(side.handle(&allod_wire::encode(&message)), Err(SyncError::Message));
        side.handle(&hello(Device::of(&key(2)), Vec::new())).unwrap();
        if !matches!(message, Message::Reconcile(_)) {
            assert_eq!(side.handle(&allod_wire::encode(&message)), Err(SyncError::Message));
        }
    }
}

#[test]
fn a_batch_that_another_changed_or_that_comes_without_the_one_before_is_refused() {
    let [mut laptop] = homes();
    let good = batch(2, vec![Operation::Name { name: "liar".into() }]);
    let mut gap = good.batch().clone();
    (gap.number, gap.before) = (3, Some(BatchId([1; 32])));
    let gap = Signed::new(gap, &key(2)).unwrap();
    assert!(matches!(feed(&mut laptop, &[gap]), Err(SyncError::Log(_))));
    let mut side = Side::new(&mut laptop, Role::Answers);
    side.handle(&hello(Device::of(&key(2)), Vec::new())).unwrap();
    side.handle(&allod_wire::encode(&Message::Offer(vec![good.id()]))).unwrap();
    side.handle(&allod_wire::encode(&Message::Turn)).unwrap();
    let mut bytes = good.bytes().to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let refused = side.handle(&allod_wire::encode(&Message::Batch(bytes)));
    assert!(matches!(refused, Err(SyncError::Batch(_))), "{refused:?}");
}

#[test]
fn a_batch_that_would_use_up_time_is_refused_by_name_and_stops_nobody() {
    let [mut laptop, mut phone] = homes();
    let mut late = batch(9, Vec::new()).batch().clone();
    late.lamport = crate::sync::batch::LAMPORT_MAX - 1;
    let late = Signed::new(late, &key(9)).unwrap();
    let refused = SyncError::Log(LogError::TooLate(late.batch().device));
    assert_eq!(feed(&mut laptop, &[late]), Err(refused));
    laptop.write("a", 0, b"1");
    sync(&mut laptop, &mut phone);
    assert_eq!(laptop.see(), phone.see());
}

#[test]
fn an_object_that_is_another_is_refused_by_its_id() {
    let [mut laptop, phone] = homes();
    let ring = phone.files.ring();
    let asked = ring.newest().seal(Kind::Data, &[7; 9000], &crate::compress::Uncompressed);
    let other = ring.newest().seal(Kind::Data, &[8; 9000], &crate::compress::Uncompressed);
    let part = Part { start: 0, bytes: PartBytes::Object { id: asked.id, from: 0, size: 9000 } };
    let content =
        Content { data: Data::File { size: 9000, parts: Parts::Here(vec![part]) }, modified: at(0) };
    let file = batch(2, Vec::new()).batch().operation_id(0);
    let place = |file| Operation::Place {
        entry: Id([4; 16]),
        parent: Id::TOP,
        name: b"a".to_vec(),
        target: Target::File(file),
        instead: Vec::new(),
    };
    let told = batch(2, vec![Operation::Content { file, content, instead: Vec::new() }, place(file)]);
    let mut side = Side::new(&mut laptop, Role::Answers);
    sent(&mut side);
    side.handle(&hello(Device::of(&key(2)), Vec::new())).unwrap();
    side.handle(&allod_wire::encode(&Message::Offer(vec![told.id()]))).unwrap();
    side.handle(&allod_wire::encode(&Message::Turn)).unwrap();
    side.handle(&allod_wire::encode(&Message::Batch(told.bytes().to_vec()))).unwrap();
    side.handle(&allod_wire::encode(&Message::End)).unwrap();
    assert_eq!(sent(&mut side).last(), Some(&Message::AskObjects(vec![asked.id])));
    let wrong = Message::object(Sealed { id: asked.id, ..other });
    assert_eq!(side.handle(&allod_wire::encode(&wrong)), Err(SyncError::Object(asked.id)));
    assert!(laptop.see().is_empty());
}

#[test]
fn a_content_that_nobody_has_holds_nothing_up_and_comes_when_somebody_brings_it() {
    let [mut laptop, mut phone, mut tablet] = homes();
    laptop.write("here", 0, b"old");
    sync(&mut laptop, &mut phone);
    sync(&mut laptop, &mut tablet);
    let missing = ObjectId([9; 32]);
    let part = Part { start: 0, bytes: PartBytes::Object { id: missing, from: 0, size: 5 } };
    let data = Data::File { size: 5, parts: Parts::Here(vec![part]) };
    let content = Content { data, modified: at(0) };
    let file = Id([5; 16]);
    let place = Operation::Place {
        entry: Id([6; 16]),
        parent: Id::TOP,
        name: b"nowhere".to_vec(),
        target: Target::File(file),
        instead: Vec::new(),
    };
    let told = batch(9, vec![Operation::Content { file, content, instead: Vec::new() }, place]);
    let mut side = Side::new(&mut laptop, Role::Answers);
    sent(&mut side);
    let messages = [
        hello(Device::of(&key(9)), Vec::new()),
        allod_wire::encode(&Message::Offer(vec![told.id()])),
        allod_wire::encode(&Message::Turn),
        allod_wire::encode(&Message::Batch(told.bytes().to_vec())),
        allod_wire::encode(&Message::End),
        allod_wire::encode(&Message::Absent),
        allod_wire::encode(&Message::End),
    ];
    messages.iter().for_each(|message| side.handle(message).unwrap());
    assert_eq!(side.session.summary().files_pending, 1);
    laptop.write("new", 0, b"after");
    let came = super::home::run(&mut laptop, &mut phone, usize::MAX).unwrap().unwrap();
    assert!(came.iter().all(|(summary, _)| summary.files_pending == 1), "{came:?}");
    assert_eq!(phone.texts().len(), 2);
    assert_eq!(laptop.see(), phone.see());
    let known = crate::sync::Known::read(&mut phone.files).unwrap();
    assert!(known.batches().iter().any(|known| known.id() == told.id()));
}

#[test]
fn lists_of_parts_that_are_none_give_an_empty_file() {
    let [mut laptop, phone] = homes();
    let list = phone.files.ring().newest().seal(Kind::Data, b"no list", &crate::compress::Uncompressed);
    laptop.files.put(&list).unwrap();
    let file = Id([5; 16]);
    let data = Data::File { size: 5, parts: Parts::Listed(vec![list.id]) };
    let content = Content { data, modified: at(0) };
    let place = Operation::Place {
        entry: Id([6; 16]),
        parent: Id::TOP,
        name: b"a".to_vec(),
        target: Target::File(file),
        instead: Vec::new(),
    };
    let told = batch(9, vec![Operation::Content { file, content, instead: Vec::new() }, place]);
    feed(&mut laptop, &[told]).unwrap();
    assert_eq!(laptop.see()["a"].content, [0; 5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_at_any_point_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200), choice in 0..6_u8, count in 0..3_usize,
    ) {
        let [mut laptop] = homes();
        let mut side = Side::new(&mut laptop, if choice % 2 == 0 { Role::Begins } else { Role::Answers });
        let _ = sent(&mut side);
        if count > 0 {
            side.handle(&hello(Device::of(&key(2)), Vec::new())).unwrap();
        }
        let message = match choice {
            0 | 1 => bytes,
            2 | 3 => allod_wire::encode(&Message::Reconcile(bytes)),
            4 => allod_wire::encode(&Message::Batch(bytes)),
            _ => allod_wire::encode(&Message::AskBatches(vec![BatchId([1; 32]); count])),
        };
        let _ = side.handle(&message);
        let _ = side.poll();
    }
}
