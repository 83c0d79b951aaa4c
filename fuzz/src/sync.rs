//! What another device sends while two of one space sync, and what it says that it did.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use allod_crypto::Secret;
use allod_crypto::hash::blake3;
use allod_crypto::sign::SigningKey;
use allod_vault::VaultError;
use allod_vault::files::{FileKind, Files, Ino, Operation as FileOperation};
use allod_vault::object::{Kind, ObjectId};
use allod_vault::share::{Writers, Writes};
use allod_vault::sync::batch::{Batch, Device, Signed};
use allod_vault::sync::log::Log;
use allod_vault::sync::operation::{Data, Id, ListList, Operation, Part, PartBytes, PartList, Parts, Target};
use allod_vault::sync::reconcile::{Answering, Asking, Item, Items, MESSAGE_MIN};
use allod_vault::sync::{Heard, Known, Me, Merged, Now, Role, Session, SyncError, With, merge};
use allod_zstd::PureZstd;
use minicbor::bytes::ByteVec;

use crate::fixture::{made, pieces};
use crate::image::{Home, assert_sound, at, empty, make, root, write};
use crate::memory::Memory;
use crate::share::FIXTURE_SPACE;

/// The key of a device of the space, by its number. The first two have an image.
pub fn fixture_writer(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([20 + number; 32]))
}

/// Has a device do something with what it knows of itself. It does so for the first time in round
/// 0.
fn with<T>(number: u8, round: u8, writers: &Writers, act: impl FnOnce(&With<'_>) -> T) -> T {
    let me = Me { key: fixture_writer(number), name: format!("device {number}") };
    let now = Now { time: at(100 + i64::from(round)), nonce: [number + 10 * round; 16], is_open: &|_| false };
    act(&With { me: &me, now, writers })
}

/// Syncs two images. With what was told to each.
fn sync(homes: &mut [Home; 2], round: u8) -> [Vec<Vec<u8>>; 2] {
    let writers = &Writers::anybody();
    let [first, second] = homes;
    let mut sides = [
        with(0, round, writers, |with| made(Session::new(first, Role::Begins, with))),
        with(1, round, writers, |with| made(Session::new(second, Role::Answers, with))),
    ];
    let mut told = [Vec::new(), Vec::new()];
    loop {
        let mut is_idle = true;
        for from in [0, 1] {
            while let Some(message) = made(sides[from].poll(&mut homes[from])) {
                is_idle = false;
                let (to, number) = (1 - from, 1 - from as u8);
                let side = &mut sides[to];
                made(with(number, round, writers, |with| side.handle(&mut homes[to], with, &message)));
                told[to].push(message);
            }
        }
        if is_idle {
            assert!(sides.iter().all(Session::is_done));
            return told;
        }
    }
}

/// The images of two devices that have synced, and that did more after that.
static IMAGES: LazyLock<[Arc<Vec<u8>>; 2]> = LazyLock::new(|| {
    let ((memory, mut first), (other, mut second)) = (empty(), empty());
    let folder = make(&mut first, Ino::ROOT, b"folder", FileKind::Directory);
    for name in [b"text one", b"noise of"] {
        write(&mut first, folder, name);
    }
    make(&mut first, folder, b"link", FileKind::Symlink);
    write(&mut second, Ino::ROOT, b"text of the second");
    let mut homes = [first, second];
    sync(&mut homes, 0);
    let [mut first, mut second] = homes;
    write(&mut first, Ino::ROOT, b"noise of the first");
    write(&mut second, Ino::ROOT, b"text again");
    let found = made(second.read().lookup(Ino::ROOT, b"folder")).ino;
    let unlink = |parent, name: &[u8]| FileOperation::Unlink {
        parent,
        name: name.to_vec(),
        directory: false,
        open: false,
        now: at(9),
    };
    made(second.apply(&unlink(found, b"text one")));
    made(first.apply(&unlink(folder, b"link")));
    made(first.commit());
    made(second.commit());
    [memory.image(), other.image()]
});

fn home(number: usize) -> Home {
    made(Files::open(Memory::of(Arc::clone(&IMAGES[number])), PureZstd, &root()))
}

/// What is told to the device that begins and to the one that answers, when the two sync.
pub fn fixture_told() -> [Vec<Vec<u8>>; 2] {
    sync(&mut [home(0), home(1)], 1)
}

/// The messages of a session, joined. The first byte says whether the device began, and whose
/// batches it takes.
pub fn sync_session(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let number = kind % 2;
    let role = if number == 0 { Role::Begins } else { Role::Answers };
    let writers = match kind / 2 % 2 {
        0 => Writers::anybody(),
        _ => (0..2).fold(Writers::default(), |writers, number| {
            writers.with(Device::of(&fixture_writer(number)), Writes::All)
        }),
    };
    let mut home = home(number.into());
    with(number, 1, &writers, |with| {
        let mut session = made(Session::new(&mut home, role, with));
        for message in pieces(data) {
            while let Some(message) = made(session.poll(&mut home)) {
                assert!(message.len() <= allod_vault::sync::MESSAGE_MAX);
            }
            if session.is_done() {
                break;
            }
            match session.handle(&mut home, with, message) {
                Ok(()) => {}
                Err(SyncError::Vault(VaultError::Full)) => return,
                Err(SyncError::Vault(why)) => panic!("the device is at fault: {why}"),
                Err(_) => break,
            }
        }
        let _ = (session.events(), session.summary());
    });
    assert_sound(&mut home);
}

/// Operations, contents that are put before, and how they are said: what a member sends who
/// follows the protocol and means ill.
type Said = (u8, Vec<Operation>, Vec<ByteVec>);

/// The most batches that are merged at once.
const SAID_MAX: usize = 16;

/// What devices say that they did, signed as it should be. Ids of small numbers stand for those
/// that there are, which nobody could guess.
pub fn sync_merged(data: &[u8]) {
    let mut home = home(0);
    let mut known = made(Known::read(&mut home));
    let mut log = known.log().clone();
    let mut ids: Vec<Id> = known.batches().iter().flat_map(|signed| all_ids(signed.batch())).collect();
    let (mut objects, mut batches) = (Vec::new(), Vec::new());
    let mut decoder = minicbor::Decoder::new(data);
    while batches.len() < SAID_MAX {
        let Ok((kind, operations, contents)) = decoder.decode::<Said>() else { break };
        let key = fixture_writer(1 + kind % 2);
        let device = Device::of(&key);
        let seen = if kind / 2 % 2 == 0 { log.seen(&device) } else { Vec::new() };
        let mut batch = log.next(FIXTURE_SPACE, device, seen, (at(50), [kind; 16]), operations);
        ids.extend(all_ids(&batch));
        for content in contents {
            let content = with_real_ids(&content, &objects);
            let object = home.ring().newest().seal(Kind::Data, &content, &PureZstd);
            if home.put(&object).is_err() {
                return;
            }
            objects.push(object.id);
        }
        for index in 0..batch.operations.len() {
            let own = batch.operation_id(index);
            name_real_ids(&mut batch.operations[index], own, &ids, &objects);
        }
        // Senseless ones are refused before they come here.
        let Ok(signed) = Signed::new(batch, &key) else { return };
        assert_eq!(Signed::check(signed.bytes(), FIXTURE_SPACE).as_ref(), Ok(&signed));
        if log.take(&signed).is_err() {
            return;
        }
        batches.push(signed);
    }
    let mut absent = BTreeSet::new();
    while let Some(missing) = heard(&mut home, &mut known, &batches, &absent) {
        let before = absent.len();
        absent.extend(missing);
        assert!(absent.len() > before, "what is not there is asked for again");
    }
    assert_sound(&mut home);
    assert!(heard(&mut home, &mut known, &batches, &absent).is_none());
    assert_sound(&mut home);
}

/// Merges batches. With what is missing for that.
fn heard(
    home: &mut Home,
    known: &mut Known,
    batches: &[Signed],
    absent: &BTreeSet<ObjectId>,
) -> Option<Vec<ObjectId>> {
    let heard = Heard { batches, absent, vouched: &[] };
    match with(0, 1, &Writers::anybody(), |with| merge(home, known, heard, with.me, &with.now)) {
        Ok(Merged::Missing(missing)) => Some(missing),
        Ok(Merged::Done { .. }) | Err(SyncError::Vault(VaultError::Full | VaultError::ReadOnly)) => None,
        Err(why) => panic!("what was signed cannot be merged: {why}"),
    }
}

fn all_ids(batch: &Batch) -> Vec<Id> {
    (0..batch.operations.len()).map(|index| batch.operation_id(index)).collect()
}

/// Has an operation name what there is: an id whose last byte alone is set stands for one of
/// `ids`, one whose last byte but one is 1 for that of the operation itself.
fn name_real_ids(operation: &mut Operation, own: Id, ids: &[Id], objects: &[ObjectId]) {
    let real = |id: &mut Id| match id.0 {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, _] => *id = own,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number] if number > 0 => {
            *id = ids.get(usize::from(number - 1) % ids.len().max(1)).copied().unwrap_or(*id);
        }
        _ => {}
    };
    match operation {
        Operation::Place { entry, parent, target, instead, .. } => {
            [entry, parent].into_iter().chain(instead).for_each(real);
            if let Target::File(file) = target {
                real(file);
            }
        }
        Operation::Remove { entry, places, contents } => {
            [entry].into_iter().chain(places).chain(contents).for_each(real);
        }
        Operation::Content { file, content, instead } => {
            [file].into_iter().chain(instead).for_each(real);
            match &mut content.data {
                Data::File { parts: Parts::Here(parts), .. } => real_parts(parts, objects),
                Data::File { parts: Parts::Listed(lists) | Parts::Deep(lists), .. } => {
                    lists.iter_mut().for_each(|id| real_object(id, objects));
                }
                _ => {}
            }
        }
        Operation::Permit { of, .. } | Operation::Attribute { of, .. } => real(of),
        Operation::Name { .. } | Operation::Vouch { .. } => {}
    }
}

fn real_object(id: &mut ObjectId, objects: &[ObjectId]) {
    if let ([.., number], [first, ..]) = (id.0, objects)
        && id.0[..31] == [0; 31]
    {
        *id = *objects.get(usize::from(number)).unwrap_or(first);
    }
}

fn real_parts(parts: &mut [Part], objects: &[ObjectId]) {
    for part in parts {
        if let PartBytes::Object { id, .. } = &mut part.bytes {
            real_object(id, objects);
        }
    }
}

/// The same for a content, which may list parts or objects.
fn with_real_ids(content: &[u8], objects: &[ObjectId]) -> Vec<u8> {
    if let Ok(mut list) = minicbor::decode::<PartList>(content) {
        real_parts(&mut list.0, objects);
        return allod_wire::encode(&list);
    }
    if let Ok(mut list) = minicbor::decode::<ListList>(content) {
        list.0.iter_mut().for_each(|id| real_object(id, objects));
        return allod_wire::encode(&list);
    }
    content.to_vec()
}

/// A signed batch.
pub fn sync_batch(data: &[u8]) {
    if let Ok(signed) = Signed::check(data, FIXTURE_SPACE) {
        assert_eq!(signed.bytes(), data);
        let _ = Log::default().take(&signed);
    }
}

/// A batch, which a device of the space signs: reaches what only a device could get wrong.
pub fn sync_written(data: &[u8]) {
    let Ok(mut batch) = allod_wire::decode::<Batch>(data) else { return };
    assert_eq!(allod_wire::encode(&batch), data);
    let key = fixture_writer(0);
    batch.device = Device::of(&key);
    let space = batch.space;
    if let Ok(signed) = Signed::new(batch, &key) {
        assert_eq!(Signed::check(signed.bytes(), space).as_ref(), Ok(&signed));
        let mut log = Log::default();
        if log.take(&signed).is_ok() {
            assert_eq!(log.head(&signed.batch().device).map(|head| head.0), Some(signed.batch().number));
        }
    }
}

/// Items that two devices reconcile, from this one on.
pub fn fixture_items(from: u64) -> Items {
    (from..from + 200).map(|at| Item { at, id: blake3(&at.to_le_bytes()) }).collect()
}

/// What is asked in a reconciliation, joined.
pub fn reconcile_asked(data: &[u8]) {
    let mut answering = made(Answering::new(fixture_items(0), MESSAGE_MIN));
    for message in pieces(data) {
        match answering.handle(message) {
            Ok(answer) => assert!(answer.len() <= MESSAGE_MIN),
            Err(_) => break,
        }
    }
}

/// What is answered in a reconciliation, joined.
pub fn reconcile_answered(data: &[u8]) {
    let (mut asking, _) = made(Asking::new(fixture_items(0), MESSAGE_MIN));
    for message in pieces(data) {
        match asking.handle(message) {
            Ok(Some(next)) => assert!(next.len() <= MESSAGE_MIN),
            Ok(None) | Err(_) => break,
        }
    }
    let found = asking.differences();
    assert!(found.have.len() <= 200 && found.need.len() <= data.len() / 32);
}
