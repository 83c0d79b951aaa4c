//! Tests: carriers that never meet, sync programs, sticks that fail, and liars.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::PeerId;
use allod_courier::ratchet::{Tag, Token};
use allod_wire::Instant;
use tempfile::TempDir;

use super::*;
use crate::parcel::tests::{NOW, bundle, key, token};
use crate::parcel::{Entry, Writer};

/// A device, with what it carries in its order.
struct Device {
    number: u8,
    carried: Vec<Bundle>,
    delivered: Vec<(Token, Instant)>,
    /// Bytes for which it has room.
    room: usize,
}

impl Device {
    fn new(number: u8) -> Self {
        Self { number, carried: Vec::new(), delivered: Vec::new(), room: usize::MAX }
    }

    fn with(number: u8, bundles: impl IntoIterator<Item = Bundle>) -> Self {
        Self { carried: bundles.into_iter().collect(), ..Self::new(number) }
    }

    fn folder(&self, path: &Path) -> Folder {
        Folder::open(path, &key(self.number)).unwrap()
    }

    fn take(&mut self, folder: &mut Folder, now: Instant) -> Taken {
        let ids: BTreeSet<_> = self.carried.iter().map(Bundle::id).collect();
        let gone: BTreeSet<Tag> = self.delivered.iter().map(|(token, _)| token.tag()).collect();
        let (carried, delivered) = (&mut self.carried, &mut self.delivered);
        let mut sink = |arrived| match arrived {
            Arrived::Bundle(_, bundle) if gone.contains(&bundle.tag) => true,
            Arrived::Bundle(_, bundle) => {
                let used: usize = carried.iter().map(|bundle| bundle.payload.len()).sum();
                let has_room = used + bundle.payload.len() <= self.room;
                if has_room {
                    carried.push(bundle);
                }
                has_room
            }
            Arrived::Delivered(_, token, until) => {
                if !delivered.contains(&(token, until)) {
                    delivered.push((token, until));
                }
                true
            }
        };
        let taken = folder.take(&|id| ids.contains(id), &mut sink, now).unwrap();
        let gone: BTreeSet<Tag> = self.delivered.iter().map(|(token, _)| token.tag()).collect();
        self.carried.retain(|bundle| !gone.contains(&bundle.tag));
        taken
    }

    fn give(&self, folder: &mut Folder, now: Instant) -> Given {
        let entry = |bundle: &Bundle| Entry {
            id: bundle.id(),
            size: bundle.payload.len() as u32,
            expires: bundle.terms.expires(),
        };
        let entries: Vec<_> = self.carried.iter().map(entry).collect();
        let bundles: BTreeMap<BundleId, Bundle> =
            self.carried.iter().map(|bundle| (bundle.id(), bundle.clone())).collect();
        folder.give(&entries, &mut |id| bundles.get(id).cloned(), &self.delivered, now).unwrap()
    }

    /// Comes by, as a command that is called anew.
    fn visit(&mut self, path: &Path, now: Instant) -> (Taken, Given) {
        let taken = self.take(&mut self.folder(path), now);
        (taken, self.give(&mut self.folder(path), now))
    }

    fn own(&self, path: &Path) -> PathBuf {
        path.join(ROOT).join(carrier_name(&key(self.number).verifying_key().0))
    }

    /// The names and lengths of its parcels.
    fn parcels(&self, path: &Path) -> Vec<(PathBuf, u64)> {
        let entries = fs::read_dir(self.own(path)).unwrap().map(|entry| entry.unwrap());
        let parcels = entries.filter(|entry| entry.file_name() != NOTES);
        let mut all: Vec<_> = parcels.map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect();
        all.sort();
        all
    }
}

fn later(minutes: u64) -> Instant {
    Instant(NOW.0 + minutes * 60_000)
}

fn stick() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn two_who_are_never_there_at_once_get_what_the_other_left() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, (0..3).map(|number| bundle(number, 1000)));
    let mut b = Device::with(2, (10..12).map(|number| bundle(number, 300)));
    let (taken, given) = a.visit(path, later(0));
    assert_eq!((taken.carriers, given.bundles, given.bytes), (0, 3, 3000));
    let (taken, given) = b.visit(path, later(10));
    assert_eq!((taken.carriers, taken.bundles, taken.bytes), (1, 3, 3000));
    assert_eq!((given.bundles, given.had + given.offered), (2, 3));
    assert_eq!(b.carried.len(), 5);
    let (taken, given) = a.visit(path, later(20));
    assert_eq!((taken.bundles, taken.skipped.len()), (2, 0));
    assert_eq!(given.bundles, 0);
    assert_eq!(a.carried.len(), 5);
    // One was for B, who says so; A drops it, and it vanishes from the stick.
    b.delivered.push((token(0), later(1000)));
    b.carried.retain(|bundle| bundle.tag != token(0).tag());
    b.visit(path, later(30));
    let (taken, _) = a.visit(path, later(40));
    assert_eq!((taken.tokens, a.carried.len()), (1, 4));
    let mut c = Device::new(3);
    c.visit(path, later(50));
    assert_eq!(c.carried.len(), 4);
    assert!(c.carried.iter().all(|bundle| bundle.tag != token(0).tag()));
}

#[test]
fn what_all_have_is_not_given_to_and_fro_and_a_newcomer_gets_it() {
    let stick = stick();
    let path = stick.path();
    let mut devices = [1, 2, 3].map(Device::new);
    devices[0].carried = (0..20).map(|number| bundle(number, 500)).collect();
    for round in 0..3 {
        for device in &mut devices {
            device.visit(path, later(round * 10));
        }
    }
    assert!(devices.iter().all(|device| device.carried.len() == 20));
    let before: Vec<_> = devices.iter().map(|device| device.parcels(path)).collect();
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);
    for round in 4..8 {
        for device in &mut devices {
            let (taken, given) = device.visit(path, later(round * 10));
            assert_eq!((taken.bundles, given.bundles, given.removed), (0, 0, 0));
        }
    }
    assert_eq!(devices.iter().map(|device| device.parcels(path)).collect::<Vec<_>>(), before);
    let mut newcomer = Device::new(4);
    assert_eq!(newcomer.visit(path, later(100)).0.bundles, 20);
    // Once the first one has removed what is its own, others give it to whoever lacks it.
    devices[0].carried.clear();
    devices[0].visit(path, later(110));
    assert!(devices[0].parcels(path).is_empty());
    let mut fifth = Device::new(5);
    assert_eq!(fifth.visit(path, later(120)).0.bundles, 0);
    assert_eq!(devices[1].visit(path, later(130)).1.bundles, 20);
    assert_eq!(fifth.visit(path, later(140)).0.bundles, 20);
}

#[test]
fn what_is_half_copied_is_read_as_far_as_it_is_whole_and_the_rest_later() {
    let (there, here) = (stick(), stick());
    let mut a = Device::with(1, (0..8).map(|number| bundle(number, 400_000)));
    a.visit(there.path(), later(0));
    let (file, length) = a.parcels(there.path()).remove(0);
    let bytes = fs::read(&file).unwrap();
    let copy = a.own(here.path()).join(file.file_name().unwrap());
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    let mut b = Device::new(2);
    let mut folder = b.folder(here.path());
    let mut counts = Vec::new();
    for tenth in 0..=10 {
        fs::write(&copy, &bytes[..length as usize * tenth / 10]).unwrap();
        let taken = b.take(&mut folder, later(tenth as u64));
        let cut = taken.skipped.get(&Skipped::Damaged(Damage::Cut)).copied().unwrap_or(0);
        assert_eq!(cut, usize::from(tenth < 10));
        counts.push(b.carried.len());
    }
    assert!(counts.is_sorted() && counts.contains(&3) && counts[10] == 8, "{counts:?}");
    assert_eq!(b.carried, a.carried);
}

#[test]
fn copies_that_sync_programs_make_are_read_and_not_taken_twice() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, (0..3).map(|number| bundle(number, 1000)));
    a.visit(path, later(0));
    let (file, _) = a.parcels(path).remove(0);
    let own = a.own(path);
    for name in [
        "0000018be7c1a400.sync-conflict-20270115-080000-ABCDEFG.parcel",
        "0000018be7c1a400 (1).PARCEL",
        ".syncthing.0000018be7c1a400.parcel.tmp",
        "~syncthing~0000018be7c1a400.parcel.tmp",
    ] {
        fs::copy(&file, own.join(name)).unwrap();
    }
    // Only the copies are left.
    fs::remove_file(&file).unwrap();
    let mut b = Device::new(2);
    let (taken, _) = b.visit(path, later(1));
    assert_eq!((taken.bundles, taken.skipped.get(&Skipped::Named)), (3, Some(&2)));
    assert_eq!(b.carried, a.carried);
    // A folder whose name has become upper case is the same carrier's.
    fs::rename(&own, own.with_file_name(own.file_name().unwrap().to_str().unwrap().to_uppercase())).unwrap();
    let mut c = Device::new(3);
    assert_eq!(c.visit(path, later(2)).0.bundles, 3);
}

#[test]
fn what_does_not_belong_there_is_refused_by_name() {
    let (stick, elsewhere) = (stick(), stick());
    let path = stick.path();
    let root = path.join(ROOT);
    // A whole parcel outside, to which links lead.
    let mut outside = Device::with(9, [bundle(1, 100)]);
    outside.visit(elsewhere.path(), NOW);
    let (parcel, _) = outside.parcels(elsewhere.path()).remove(0);
    let carrier = |number: u8| root.join(carrier_name(&key(number).verifying_key().0));
    fs::create_dir_all(carrier(5)).unwrap();
    symlink(outside.own(elsewhere.path()), carrier(9)).unwrap();
    let five = |name: &str| carrier(5).join(name);
    symlink(&parcel, five("a.parcel")).unwrap();
    symlink("/dev/zero", five("b.parcel")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, five("c.parcel"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    fs::create_dir(five("d.parcel")).unwrap();
    fs::File::create(five("e.parcel")).unwrap().set_len(5 << 30).unwrap();
    fs::copy(&parcel, five("f.parcel")).unwrap();
    fs::write(five("g.parcel"), "no parcel, though of some length".repeat(10)).unwrap();
    fs::write(five("READ ME.txt"), "x").unwrap();
    fs::write(root.join("a file"), "x").unwrap();
    let mut a = Device::new(1);
    let mut folder = a.folder(path);
    let expected = BTreeMap::from([
        (Skipped::NotAFile, 5),
        (Skipped::TooLarge, 1),
        (Skipped::NotTheirs, 1),
        (Skipped::Damaged(Damage::Foreign), 1),
        (Skipped::Named, 1),
    ]);
    // Twice, since what has not changed is not read again.
    for _ in 0..2 {
        let taken = a.take(&mut folder, NOW);
        assert_eq!((taken.bundles, &taken.skipped), (0, &expected));
    }
    a.carried.push(bundle(3, 100));
    assert_eq!(a.give(&mut folder, NOW).bundles, 1);
    // A carrier's own folder that leads away is not written into.
    let before = fs::read_dir(outside.own(elsewhere.path())).unwrap().count();
    assert!(matches!(Folder::open(path, &key(9)), Err(NarrowError::NotAFolder(_))));
    assert_eq!(fs::read_dir(outside.own(elsewhere.path())).unwrap().count(), before);
    assert!(matches!(Folder::open(&parcel, &key(1)), Err(NarrowError::NotAFolder(_))));
}

#[test]
fn huge_folders_are_looked_at_up_to_a_limit() {
    let stick = stick();
    let root = stick.path().join(ROOT);
    let own = root.join("ab".repeat(16));
    fs::create_dir_all(&own).unwrap();
    (0..4200).for_each(|number| fs::write(own.join(format!("{number}.parcel")), "").unwrap());
    (0..300).for_each(|number| fs::create_dir(root.join(format!("{number:032x}"))).unwrap());
    let taken = Device::new(1).visit(stick.path(), NOW).0;
    assert_eq!(taken.carriers, CARRIERS_MAX);
    assert!(taken.skipped[&Skipped::TooMany] >= 45);
}

#[test]
fn a_carrier_that_says_it_offers_what_it_does_not_keeps_nobody_from_giving_it() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, [bundle(1, 1000)]);
    let wanted = Entry { id: bundle(1, 1000).id(), size: 1000, expires: bundle(1, 1000).terms.expires() };
    let liar = Device::new(2);
    fs::create_dir_all(liar.own(path)).unwrap();
    let mut writer = Writer::create(&liar.own(path).join("1.parcel"), &key(2), NOW).unwrap();
    writer.add(&bundle(2, 10)).unwrap();
    writer.lie(wanted);
    writer.finish().unwrap();
    let (taken, given) = a.visit(path, NOW);
    assert_eq!(taken.bundles, 1);
    assert_eq!(taken.skipped[&Skipped::Damaged(Damage::Untrue)], 1);
    assert_eq!(given.bundles, 1);
}

#[test]
fn what_somebody_has_no_room_for_is_offered_to_them_again() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, (0..4).map(|number| bundle(number, 1000)));
    a.visit(path, later(0));
    let mut b = Device { room: 2000, ..Device::new(2) };
    let mut folder = b.folder(path);
    assert_eq!((b.take(&mut folder, later(1)).left, b.carried.len()), (2, 2));
    b.room = 4000;
    assert_eq!((b.take(&mut folder, later(2)).bundles, b.carried.len()), (2, 4));
}

#[test]
fn a_share_of_the_room_is_filled_in_order_and_not_more() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, (0..100).map(|number| bundle(number, 10_000)));
    let limits = Limits { bytes: 300_000, share: 4 };
    let mut folder = a.folder(path).with_limits(limits);
    let used = |a: &Device| a.parcels(path).iter().map(|(_, length)| length).sum::<u64>();
    let given = a.give(&mut folder, later(0));
    assert_eq!((given.bundles, given.no_room), (29, 71));
    assert!(used(&a) <= limits.bytes, "{}", used(&a));
    // What is more urgent now pushes out what is less.
    a.carried.splice(0..0, (200..210).map(|number| bundle(number, 10_000)));
    let given = a.give(&mut folder, later(1));
    assert_eq!((given.bundles + given.there, given.no_room), (29, 81));
    assert!(used(&a) <= limits.bytes, "{}", used(&a));
    let mut b = Device::new(2);
    b.visit(path, later(2));
    let got: BTreeSet<_> = b.carried.iter().map(Bundle::id).collect();
    assert_eq!(got, a.carried[..29].iter().map(Bundle::id).collect());
    // Nothing at all is wanted.
    a.carried.clear();
    a.give(&mut folder, later(3));
    assert_eq!(used(&a), 0);
}

#[test]
fn parcels_are_made_anew_when_half_of_them_is_wanted_no_more_or_they_are_many() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, (0..10).map(|number| bundle(number, 10_000)));
    let mut folder = a.folder(path);
    a.give(&mut folder, later(0));
    let first = a.parcels(path);
    a.carried.truncate(6);
    assert_eq!(a.give(&mut folder, later(1)).there, 6);
    assert_eq!(a.parcels(path), first);
    a.carried.truncate(4);
    assert_eq!(a.give(&mut folder, later(2)).bundles, 4);
    assert_ne!(a.parcels(path), first);
    for number in 100..120 {
        a.carried.push(bundle(number, 10));
        a.give(&mut folder, later(number));
        assert!(a.parcels(path).len() <= SMALL_MAX + 1);
    }
    let mut b = Device::new(2);
    b.visit(path, later(200));
    assert_eq!(b.carried.len(), 24);
}

/// Parcels of little size that stay apart.
const SMALL_MAX: usize = 16;

#[test]
fn a_stick_that_was_pulled_out_is_put_in_order_the_next_time() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, (0..5).map(|number| bundle(number, 1000)));
    a.visit(path, later(0));
    let (file, length) = a.parcels(path).remove(0);
    let notes = a.own(path).join(NOTES);
    for (minute, end) in [0, 1, 100, 300, length - 1].into_iter().enumerate() {
        // What was written last is not all there, under its name or before it got it.
        let file = a.parcels(path).first().map_or(file.clone(), |(file, _)| file.clone());
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..end as usize]).unwrap();
        let written = fs::read(&notes).unwrap();
        fs::write(&notes, &written[..written.len().min(end as usize)]).unwrap();
        fs::write(file.with_file_name(".0000000000000001.parcel.tmp"), &whole[..end as usize]).unwrap();
        let (_, given) = a.visit(path, later(1 + minute as u64));
        assert_eq!(given.bundles, 5);
        assert_eq!(fs::read_dir(a.own(path)).unwrap().count(), 2);
        let mut b = Device::new(10 + minute as u8);
        b.take(&mut b.folder(path), later(1 + minute as u64));
        assert_eq!(b.carried.len(), 5);
        fs::remove_dir_all(b.own(path)).unwrap();
    }
    // What is no parcel is not one's own to remove.
    fs::write(a.own(path).join("letter.txt"), "x").unwrap();
    a.visit(path, later(10));
    assert!(a.own(path).join("letter.txt").exists());
}

#[test]
fn bundles_that_have_expired_are_neither_given_nor_taken_and_vanish() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, [bundle(1, 1000)]);
    a.visit(path, later(0));
    let after = Instant(bundle(1, 1000).terms.expires().0 + 1);
    let mut b = Device::new(2);
    assert_eq!(b.visit(path, after).0.bundles, 0);
    assert_eq!(a.visit(path, after).1.bundles, 0);
    assert!(a.parcels(path).is_empty());
}

#[test]
fn a_change_of_others_is_seen_and_ones_own_is_not() {
    let stick = stick();
    let path = stick.path();
    let mut a = Device::with(1, [bundle(1, 1000)]);
    let b = Device::with(2, [bundle(2, 1000)]);
    let mut folder = a.folder(path);
    assert!(folder.has_changed().unwrap());
    a.give(&mut folder, later(0));
    assert!(!folder.has_changed().unwrap());
    b.give(&mut b.folder(path), later(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(folder.changed(Duration::from_millis(1))).unwrap();
    assert!(!folder.has_changed().unwrap());
    assert_eq!(a.take(&mut folder, later(2)).bundles, 1);
    // A file that vanished, and one that somebody wrote meanwhile.
    fs::remove_file(&b.parcels(path)[0].0).unwrap();
    assert!(folder.has_changed().unwrap());
    let waiting = async {
        let late = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let c = Device::with(3, [bundle(3, 1000)]);
            c.give(&mut c.folder(path), later(3));
        };
        tokio::join!(folder.changed(Duration::from_millis(2)), late).0
    };
    runtime.block_on(waiting).unwrap();
}

/// A file system in memory, of two megabytes; none where this may not be done.
struct Small(TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = stick();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(folder.path());
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(folder))
    }

    fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0.path()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_stick_that_is_full_or_read_only_is_told() {
    let Some(small) = Small::mount() else { return };
    let path = small.0.path();
    let mut a = Device::with(1, (0..2).map(|number| bundle(number, 100_000)));
    assert_eq!(a.visit(path, later(0)).1.bundles, 2);
    // Other things fill it while it is written.
    let limits = Limits { bytes: 10 << 20, share: 1 };
    fs::write(path.join("film"), vec![0; 1 << 20]).unwrap();
    a.carried.extend((10..30).map(|number| bundle(number, 100_000)));
    let mut folder = a.folder(path).with_limits(limits);
    let given = a.give(&mut folder, later(1));
    assert!(given.no_room > 0 && given.bundles < 20, "{given:?}");
    fs::write(path.join("more"), vec![0; 8 << 20]).unwrap_err();
    a.carried.push(bundle(40, 10));
    let given = a.give(&mut folder, later(2));
    assert!(given.is_full || given.no_room > 0, "{given:?}");
    small.make_read_only();
    let mut b = Device::new(2);
    let (taken, given) = b.visit(path, later(3));
    assert!(taken.bundles >= 2 && taken.is_read_only && given.is_read_only);
    assert_eq!(b.carried.len(), taken.bundles);
}

#[test]
fn a_folder_that_cannot_be_written_is_no_failure() {
    let given = Device::with(1, [bundle(1, 10)]).give(&mut Device::new(1).folder(Path::new("/sys")), NOW);
    assert_eq!(given, Given { is_read_only: true, ..Given::default() });
}

#[test]
fn who_left_something_is_told_by_their_key() {
    let stick = stick();
    Device::with(1, [bundle(1, 10)]).visit(stick.path(), NOW);
    let mut from = Vec::new();
    let mut sink = |arrived| {
        if let Arrived::Bundle(peer, _) = arrived {
            from.push(peer);
        }
        true
    };
    Device::new(2).folder(stick.path()).take(&|_| false, &mut sink, NOW).unwrap();
    assert_eq!(from, [PeerId(key(1).verifying_key().0)]);
}
