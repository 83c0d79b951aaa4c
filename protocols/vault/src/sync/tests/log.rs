//! Batches and the log of them: who may say what, and what is told from it.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::sync::batch::{BATCH_MAX, Batch, BatchError, Device, Seen, Signed};
use crate::sync::log::{Log, LogError, Taken};
use crate::sync::operation::{Content, Data, Id, Operation, Part, PartBytes, Parts, Target};

/// The next batch of a device, as far as this log knows.
fn next(log: &Log, by: u8, nonce: u8) -> Signed {
    let device = Device::of(&key(by));
    let operations = vec![Operation::Name { name: "laptop".into() }];
    let batch = log.next(SPACE, device, log.seen(&device), (at(1), [nonce; 16]), operations);
    Signed::new(batch, &key(by)).unwrap()
}

fn changed(signed: &Signed, by: u8, change: impl FnOnce(&mut Batch)) -> Result<Signed, BatchError> {
    let mut batch = signed.batch().clone();
    change(&mut batch);
    Signed::new(batch, &key(by))
}

#[test]
fn a_batch_comes_back_as_it_was_signed() {
    let signed = next(&Log::default(), 1, 0);
    assert_eq!(Signed::check(signed.bytes(), SPACE), Ok(signed.clone()));
    assert_eq!(Signed::trust(signed.bytes()), Ok(signed));
}

#[test]
fn a_batch_of_which_a_byte_was_changed_is_refused() {
    let signed = next(&Log::default(), 1, 0);
    for place in 0..signed.bytes().len() {
        let mut bytes = signed.bytes().to_vec();
        bytes[place] ^= 1;
        assert!(Signed::check(&bytes, SPACE).is_err(), "byte {place}");
        assert!(Signed::check(&bytes[..place], SPACE).is_err());
    }
    assert_eq!(Signed::check(&vec![0; BATCH_MAX + 1], SPACE), Err(BatchError::Malformed));
}

#[test]
fn a_batch_of_another_space_is_refused_by_name() {
    let signed = next(&Log::default(), 1, 0);
    let refused = BatchError::OtherSpace(signed.batch().device);
    assert_eq!(Signed::check(signed.bytes(), SpaceId([8; 32])), Err(refused));
}

#[test]
fn nobody_signs_for_another_device() {
    let signed = next(&Log::default(), 1, 0);
    let refused = changed(&signed, 2, |_| ());
    assert_eq!(refused, Err(BatchError::Senseless(Device::of(&key(1)))));
}

#[test]
fn batches_that_say_what_none_can_are_refused() {
    let signed = next(&Log::default(), 1, 0);
    let senseless: [fn(&mut Batch); 7] = [
        |batch| batch.number = 0,
        |batch| batch.number = 2,
        |batch| batch.lamport = 0,
        |batch| batch.lamport = u64::MAX,
        |batch| batch.time.nanoseconds = 1_000_000_000,
        |batch| batch.seen = vec![Seen { device: batch.device, number: 1 }],
        |batch| batch.seen = vec![Seen { device: Device([9; 32]), number: 1 }; 2],
    ];
    for change in senseless {
        assert_eq!(changed(&signed, 1, change), Err(BatchError::Senseless(signed.batch().device)));
    }
}

#[test]
fn operations_that_nobody_can_have_done_are_refused() {
    let place = |entry, name: &[u8]| Operation::Place {
        entry,
        parent: Id::TOP,
        name: name.to_vec(),
        target: Target::Directory,
        instead: Vec::new(),
    };
    let content = |size, parts| Operation::Content {
        file: Id([1; 16]),
        content: Content { data: Data::File { size, parts }, modified: at(0) },
        instead: Vec::new(),
    };
    let part = |start, bytes: &[u8]| Part { start, bytes: PartBytes::Here(bytes.to_vec()) };
    let object = |from, size| Part {
        start: 0,
        bytes: PartBytes::Object { id: crate::object::ObjectId([0; 32]), from, size },
    };
    assert_eq!(place(Id([1; 16]), b"name").check(), Ok(()));
    assert_eq!(content(9, Parts::Here(vec![part(0, b"abc"), part(5, b"abcd")])).check(), Ok(()));
    assert_eq!(content(9, Parts::Here(vec![object(1 << 19, 9)])).check(), Ok(()));
    let senseless = [
        place(Id::TOP, b"name"),
        place(Id([1; 16]), b""),
        place(Id([1; 16]), b".."),
        place(Id([1; 16]), b"a/b"),
        place(Id([1; 16]), b"a\0b"),
        place(Id([1; 16]), &[b'a'; 256]),
        content(u64::MAX, Parts::Here(Vec::new())),
        content(3, Parts::Here(vec![part(0, b"abcd")])),
        content(9, Parts::Here(vec![part(0, b"abc"), part(2, b"abc")])),
        content(9, Parts::Here(vec![part(0, b"")])),
        content(9, Parts::Here(vec![part(u64::MAX, b"a")])),
        content(9, Parts::Here(vec![object(u32::MAX, 9)])),
        content(9, Parts::Here(vec![object(1 << 20, 9)])),
        content(9, Parts::Listed(Vec::new())),
        Operation::Name { name: "a/b".into() },
        Operation::Permit { of: Id::TOP, permissions: 0o10000 },
        Operation::Attribute { of: Id::TOP, name: Vec::new(), value: None },
        Operation::Attribute { of: Id::TOP, name: b"a".to_vec(), value: Some(vec![0; 8193]) },
    ];
    for operation in senseless {
        assert!(operation.check().is_err(), "{operation:?}");
    }
}

#[test]
fn batches_are_taken_in_their_chain_and_once() {
    let mut log = Log::default();
    let first = next(&log, 1, 0);
    assert_eq!(log.take(&first), Ok(Taken::New));
    assert_eq!(log.take(&first), Ok(Taken::Known));
    let second = next(&log, 1, 0);
    let mut later = log.clone();
    later.take(&second).unwrap();
    let third = next(&later, 1, 0);
    let device = third.batch().device;
    assert_eq!(log.take(&third), Err(LogError::Gap { device, number: 3 }));
    assert_eq!(log.take(&second), Ok(Taken::New));
    assert_eq!(log.take(&third), Ok(Taken::New));
    assert_eq!(log.head(&device).map(|(number, _)| number), Some(3));
}

#[test]
fn a_batch_comes_after_all_that_it_had_seen_and_is_dated_after_it() {
    let mut log = Log::default();
    let seen = next(&log, 1, 0);
    log.take(&seen).unwrap();
    let sees = next(&log, 2, 0);
    let (device, of) = (sees.batch().device, seen.batch().device);
    assert_eq!(Log::default().take(&sees), Err(LogError::Unseen { device, of, number: 1 }));
    let untimely = changed(&sees, 2, |batch| batch.lamport = 1).unwrap();
    assert_eq!(log.take(&untimely), Err(LogError::Untimely(device)));
    assert_eq!(log.take(&sees), Ok(Taken::New));
}

#[test]
fn a_batch_dated_long_after_all_that_it_had_seen_is_refused_and_time_cannot_be_used_up() {
    use crate::sync::batch::LAMPORT_MAX;
    let mut log = Log::default();
    log.take(&next(&log, 1, 0)).unwrap();
    let honest = next(&log, 2, 0);
    let refused = Err(LogError::TooLate(honest.batch().device));
    for lamport in [honest.batch().lamport + 1, LAMPORT_MAX - 1] {
        let late = changed(&honest, 2, |batch| batch.lamport = lamport).unwrap();
        assert_eq!(log.take(&late), refused);
    }
    // Neither does it help to say that one had seen less.
    let alone = changed(&honest, 2, |batch| batch.seen.clear()).unwrap();
    assert_eq!(log.take(&alone), refused);
    // Who climbs in many batches gets as far as there are batches, and all others go on.
    for nonce in 0..100 {
        log.take(&next(&log, 2, nonce)).unwrap();
    }
    assert_eq!(next(&log, 1, 1).batch().lamport, 102);
    assert_eq!(log.take(&next(&log, 1, 1)), Ok(Taken::New));
}

#[test]
fn a_device_that_was_long_apart_is_dated_by_what_it_had_and_taken_by_all() {
    let (mut busy, mut apart) = (Log::default(), Log::default());
    let first = next(&apart, 1, 0);
    busy.take(&first).unwrap();
    apart.take(&first).unwrap();
    let others: Vec<Signed> = (0..50)
        .map(|nonce| {
            let signed = next(&busy, 2, nonce);
            busy.take(&signed).unwrap();
            signed
        })
        .collect();
    let own = next(&apart, 1, 1);
    assert_eq!(own.batch().lamport, 2);
    apart.take(&own).unwrap();
    assert_eq!(busy.take(&own), Ok(Taken::New));
    others.iter().for_each(|signed| assert_eq!(apart.take(signed), Ok(Taken::New)));
    assert_eq!(next(&apart, 1, 2).batch().lamport, next(&busy, 1, 2).batch().lamport);
}

#[test]
fn after_two_copies_of_a_device_of_which_the_shorter_was_dated_later_all_is_dated_after_both() {
    let mut both = Log::default();
    both.take(&next(&both, 1, 0)).unwrap();
    let (mut short, mut long) = (both.clone(), both.clone());
    let mut told = Vec::new();
    for nonce in 0..20 {
        let signed = next(&short, 2, nonce);
        short.take(&signed).unwrap();
        told.push(signed);
    }
    told.push(next(&short, 1, 30));
    for nonce in 40..44 {
        let signed = next(&long, 1, nonce);
        long.take(&signed).unwrap();
        told.push(signed);
    }
    let latest = told.iter().map(|signed| signed.batch().lamport).max().unwrap();
    told.sort_by_key(|signed| signed.batch().lamport);
    for signed in &told {
        both.take(signed).unwrap();
    }
    for by in [1, 3] {
        let signed = next(&both, by, 50);
        assert_eq!(signed.batch().lamport, latest + 1);
        assert_eq!(both.clone().take(&signed), Ok(Taken::New));
    }
}

#[test]
fn two_copies_of_one_device_are_told_and_both_are_kept() {
    let mut log = Log::default();
    log.take(&next(&log, 1, 0)).unwrap();
    let (one, other) = (next(&log, 1, 1), next(&log, 1, 2));
    assert_ne!(one.batch().operation_id(0), other.batch().operation_id(0));
    assert_eq!(log.take(&one), Ok(Taken::New));
    assert_eq!(log.take(&other), Ok(Taken::Copied));
    // What goes on from either is taken.
    for signed in [&one, &other] {
        let after = changed(&next(&log, 1, 3), 1, |batch| batch.before = Some(signed.id())).unwrap();
        assert!(log.clone().take(&after).is_ok());
    }
}

#[test]
fn a_device_that_was_put_back_learns_its_own_head_from_others() {
    let (mut here, mut there) = (Log::default(), Log::default());
    let first = next(&here, 1, 0);
    here.take(&first).unwrap();
    there.take(&first).unwrap();
    let put_back = here.clone();
    let second = next(&here, 1, 0);
    here.take(&second).unwrap();
    there.take(&second).unwrap();
    let mut here = put_back;
    let device = first.batch().device;
    assert_eq!(there.head(&device).map(|(number, _)| number), Some(2));
    assert_eq!(here.take(&second), Ok(Taken::New));
    assert_eq!(here.head(&device), there.head(&device));
}

proptest! {
    #[test]
    fn bytes_of_anybody_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        assert!(Signed::check(&bytes, SPACE).is_err());
        let _ = allod_wire::decode::<Batch>(&bytes);
    }
}
