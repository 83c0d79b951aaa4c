//! Tests: what is written is read, and what was cut, changed or made up is not.

use std::fs;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::symlink;
use std::path::Path;

use allod_courier::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};
use allod_courier::carry::{COPIES, PeerId};
use allod_courier::ratchet::Token;
use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;
use proptest::prelude::*;

use super::*;
use crate::narrow_error::NarrowError;

pub(crate) const NOW: Instant = Instant(1_800_000_000_000);

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([number; 32]))
}

pub(crate) fn token(number: u64) -> Token {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&number.to_le_bytes());
    Token(token)
}

/// A bundle of so many bytes of payload, no two of which are alike.
pub(crate) fn bundle(number: u64, size: usize) -> Bundle {
    let terms = Terms {
        created: Seconds::at(NOW),
        sequence: 0,
        lifetime: Lifetime::MESSAGE,
        priority: Priority::Normal,
        copies: COPIES,
        custody: false,
    };
    let payload: Vec<u8> = (0..size).map(|place| (place as u64 * 31 + number * 7) as u8).collect();
    Bundle::new(&[&token(number).tag().0[..], &payload].concat(), terms).unwrap()
}

fn write(path: &Path, bundles: &[Bundle]) -> Head {
    let mut writer = Writer::create(path, &key(1), NOW).unwrap();
    writer.delivered(token(1), NOW).unwrap();
    bundles.iter().for_each(|bundle| writer.add(bundle).unwrap());
    let size = writer.size();
    let head = writer.finish().unwrap();
    assert!(head.length <= size);
    head
}

/// All that is read, and how it ended.
fn read_all(bytes: impl Read) -> (Vec<Record>, Result<(), Damage>) {
    let damage = |why| match why {
        NarrowError::Damaged(damage) => damage,
        why => panic!("{why}"),
    };
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(why) => return (Vec::new(), Err(damage(why))),
    };
    let mut all = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(record)) => all.push(record),
            Ok(None) => return (all, Ok(())),
            Err(why) => return (all, Err(damage(why))),
        }
    }
}

fn bundles_of(records: &[Record]) -> Vec<Bundle> {
    let bundle = |record: &Record| match record {
        Record::Bundle(bundle) => Some(bundle.clone()),
        _ => None,
    };
    records.iter().filter_map(bundle).collect()
}

/// A parcel of three blocks of bundles.
fn example() -> (Vec<Bundle>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parcel");
    let bundles: Vec<_> = (0..6).map(|number| bundle(number, 500_000)).collect();
    write(&path, &bundles);
    (bundles, fs::read(&path).unwrap())
}

#[test]
fn a_parcel_says_how_much_it_holds_and_then_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parcel");
    let bundles: Vec<_> = (0..5000).map(|number| bundle(number, number as usize % 700 + 1)).collect();
    let written = write(&path, &bundles);
    let mut reader = Reader::open(&path).unwrap();
    let head = *reader.head();
    assert_eq!(head, written);
    assert_eq!((head.carrier, head.made), (PeerId(key(1).verifying_key().0), NOW));
    assert_eq!((head.bundles, head.tokens), (5000, 1));
    assert_eq!(head.length, fs::metadata(&path).unwrap().len());
    let (records, end) = read_all(fs::File::open(&path).unwrap());
    assert_eq!(end, Ok(()));
    assert_eq!(records[0], Record::Delivered(token(1), NOW));
    assert_eq!(bundles_of(&records), bundles);
    // The index alone.
    reader.skip_to_index().unwrap();
    for bundle in &bundles {
        let size = bundle.payload.len() as u32;
        let entry = Entry { id: bundle.id(), size, expires: bundle.terms.expires() };
        assert_eq!(reader.read().unwrap(), Some(Record::Holds(entry)));
    }
    assert_eq!(reader.read().unwrap(), None);
    // Nothing else is left behind.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn of_a_parcel_that_is_cut_what_is_whole_is_read() {
    let (bundles, bytes) = example();
    let mut counts = Vec::new();
    for end in (0..bytes.len()).step_by(bytes.len() / 40) {
        let (records, why) = read_all(&bytes[..end]);
        assert_eq!(why, Err(Damage::Cut), "{end}");
        let read = bundles_of(&records);
        assert_eq!(read, bundles[..read.len()]);
        counts.push(read.len());
    }
    assert!(counts.is_sorted() && counts.contains(&3) && counts.last() == Some(&6), "{counts:?}");
}

#[test]
fn no_changed_byte_is_read() {
    let (bundles, bytes) = example();
    // Each byte of the head and of a block's front, and some of all others.
    for place in (0..HEAD + FRONT).chain((0..bytes.len()).step_by(70_001)) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x40;
        let (records, why) = read_all(&changed[..]);
        assert!(why.is_err(), "byte {place}");
        let read = bundles_of(&records);
        assert_eq!(read, bundles[..read.len()]);
    }
}

#[test]
fn blocks_of_other_parcels_and_other_places_are_refused() {
    let (_, bytes) = example();
    let front = |place: usize| u32::from_le_bytes(bytes[place + 1..place + FRONT].try_into().unwrap());
    let first = HEAD + FRONT + front(HEAD) as usize + SIGNATURE;
    let second = first + FRONT + front(first) as usize + SIGNATURE;
    let swapped = [&bytes[..HEAD], &bytes[first..second], &bytes[HEAD..first], &bytes[second..]].concat();
    assert_eq!(read_all(&swapped[..]), (Vec::new(), Err(Damage::Altered)));
    // Left out.
    let without = [&bytes[..HEAD], &bytes[first..]].concat();
    assert_eq!(read_all(&without[..]), (Vec::new(), Err(Damage::Altered)));
    // Of the same carrier, made later.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.parcel");
    let mut other = Writer::create(&path, &key(1), Instant(NOW.0 + 1)).unwrap();
    other.delivered(token(1), NOW).unwrap();
    other.finish().unwrap();
    let mixed = [&fs::read(&path).unwrap()[..HEAD], &bytes[HEAD..]].concat();
    assert_eq!(read_all(&mixed[..]), (Vec::new(), Err(Damage::Altered)));
}

/// Signs a head again, as a carrier that lies would.
fn sign(bytes: &mut [u8], change: impl Fn(&mut Head)) {
    let mut head = Head::decode(bytes[..HEAD].try_into().unwrap()).unwrap();
    change(&mut head);
    let signature = key(1).sign(&head.to_sign());
    bytes[..HEAD].copy_from_slice(&[&head.signed()[..], &signature.0].concat());
}

#[test]
fn a_carrier_that_says_something_untrue_is_found_out() {
    let (bundles, bytes) = example();
    type Lie = fn(&mut Head);
    let lies: [(Lie, Damage); 7] = [
        (|head| head.bundles -= 1, Damage::Untrue),
        (|head| head.bundles += 1, Damage::Untrue),
        (|head| head.bytes -= 1, Damage::Untrue),
        (|head| head.tokens = 0, Damage::Untrue),
        (|head| head.hash = [0; 32], Damage::Untrue),
        (|head| head.bundles = u32::MAX, Damage::Untrue),
        (|head| head.blocks = u32::MAX, Damage::Cut),
    ];
    for (number, (lie, damage)) in lies.into_iter().enumerate() {
        let mut bytes = bytes.clone();
        sign(&mut bytes, lie);
        let (records, why) = read_all(&bytes[..]);
        assert_eq!(why, Err(damage), "lie {number}");
        assert!(bundles_of(&records).len() <= bundles.len());
    }
    // An index that is nowhere.
    let mut bytes = bytes;
    sign(&mut bytes, |head| head.index = (u32::MAX, u64::MAX / 2));
    let mut reader = Reader::new(Cursor::new(&bytes)).unwrap();
    reader.skip_to_index().unwrap();
    assert!(matches!(reader.read(), Err(NarrowError::Damaged(Damage::Cut))));
}

#[test]
fn huge_sizes_and_endless_streams_take_no_memory() {
    let (_, bytes) = example();
    let huge = [&bytes[..HEAD], &[Kind::Bundles as u8, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
    assert_eq!(read_all(huge.chain(io::repeat(1))), (Vec::new(), Err(Damage::Altered)));
    assert_eq!(read_all(io::repeat(0)), (Vec::new(), Err(Damage::Foreign)));
    // What follows a parcel is not looked at.
    let (records, why) = read_all(bytes.chain(io::repeat(7)));
    assert_eq!((bundles_of(&records).len(), why), (6, Ok(())));
}

#[test]
fn what_is_no_bundle_is_refused_and_the_rest_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parcel");
    let mut writer = Writer::create(&path, &key(1), NOW).unwrap();
    writer.put(Kind::Bundles, &[&3_u32.to_le_bytes(), b"abc"]).unwrap();
    (writer.head.bundles, writer.head.bytes) = (1, 3);
    writer.add(&bundle(1, 10)).unwrap();
    writer.finish().unwrap();
    let (records, why) = read_all(fs::File::open(&path).unwrap());
    assert_eq!(why, Ok(()));
    assert!(matches!(records[0], Record::Refused(_)));
    assert_eq!(bundles_of(&records), [bundle(1, 10)]);
}

#[test]
fn a_parcel_that_is_not_finished_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parcel");
    write(&path, &[bundle(1, 10)]);
    let before = fs::read(&path).unwrap();
    let mut writer = Writer::create(&path, &key(1), NOW).unwrap();
    (0..3).for_each(|number| writer.add(&bundle(number, 1 << 20)).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read(&path).unwrap(), before);
    write(&path, &[bundle(2, 10)]);
    assert_ne!(fs::read(&path).unwrap(), before);
}

#[test]
fn devices_pipes_and_folders_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let link = folder.path().join("link");
    symlink("/dev/zero", &link).unwrap();
    for place in [Path::new("/dev/zero"), folder.path(), &pipe, &link] {
        assert!(matches!(Reader::open(place), Err(NarrowError::NotAFile(_))), "{}", place.display());
    }
    let missing = Reader::open(&folder.path().join("none"));
    assert!(matches!(missing, Err(NarrowError::Io { .. })));
}

#[test]
fn tokens_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.parcel");
    let mut writer = Writer::create(&path, &key(1), NOW).unwrap();
    (0..TOKENS_MAX).for_each(|number| writer.delivered(token(number.into()), NOW).unwrap());
    assert!(matches!(writer.delivered(token(0), NOW), Err(NarrowError::Full)));
    writer.finish().unwrap();
    let (records, why) = read_all(fs::File::open(&path).unwrap());
    assert_eq!((records.len(), why), (TOKENS_MAX as usize, Ok(())));
}

proptest! {
    #[test]
    fn nothing_that_is_read_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        place in 0_usize..3_000_000,
        size in 0_usize..100,
    ) {
        static EXAMPLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| example().1);
        let (_, why) = read_all(&bytes[..]);
        prop_assert!(why.is_err());
        let mut changed = EXAMPLE.clone();
        let place = place.min(changed.len());
        changed.splice(place..(place + size).min(EXAMPLE.len()), bytes);
        let _ = read_all(&changed[..]);
    }
}
