//! Tests: one bag in several hands, crashes, and disks that fail.

use std::fs;
use std::path::Path;
use std::process::Command;

use allod_courier::bundle::BundleId;
use allod_courier::carry::{Origin, PeerId};
use allod_courier::ratchet::Token;
use allod_post::bag::{Bag, Open};
use allod_post::{PostError, now};
use allod_wire::Instant;

use super::world::*;

const SOMEBODY: Origin = Origin::Peer(PeerId([3; 32]));

fn open(folder: &Path) -> Bag {
    Bag::open(folder, LARGE).unwrap()
}

fn act<T>(bag: &mut Bag, act: impl FnOnce(&mut Open<'_>) -> T) -> T {
    bag.with(|bag| Ok::<_, PostError>(act(bag))).unwrap()
}

fn all(bag: &mut Bag) -> Vec<BundleId> {
    act(bag, |bag| bag.store().iter().map(|(id, _)| *id).collect())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)
        } else {
            assert!(fs::copy(entry.path(), to).is_ok())
        }
    }
}

#[test]
fn what_one_process_does_another_sees() {
    let folder = folder();
    let (mut one, mut other) = (open(folder.path()), open(folder.path()));
    let (first, second) = (bundle(1, 1, 100), bundle(1, 2, 100));
    act(&mut one, |bag| bag.put_own(&first, now()).unwrap());
    assert!(other.is_behind().unwrap());
    assert_eq!(all(&mut other), [first.id()]);
    assert!(!other.is_behind().unwrap());
    act(&mut other, |bag| {
        bag.put(&second, SOMEBODY, false, now()).unwrap();
        bag.store().set_copies(&first.id(), 2);
        bag.update(&first.id()).unwrap();
        bag.met(&PeerId([3; 32]), now());
    });
    act(&mut one, |bag| {
        assert_eq!(bag.store().get(&first.id()).unwrap().terms.copies, 2);
        assert_eq!(bag.store().get(&second.id()).unwrap().origin, SOMEBODY);
        assert_eq!(bag.peers().count(), 1);
        bag.tell(Token([4; 16]), Instant(now().0 + DAY), now()).unwrap();
        bag.erase(&[first.id()]).unwrap();
    });
    assert_eq!(all(&mut other), [second.id()]);
    assert!(act(&mut other, |bag| bag.store().was_delivered(&Token([4; 16]).tag())));
    assert_eq!(on_disk(folder.path()).0, 1);
}

#[test]
fn several_at_once_lose_nothing() {
    let folder = folder();
    std::thread::scope(|scope| {
        for who in 0..4_u32 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut bag = open(folder);
                for number in 0..50 {
                    let new = bundle(1, who * 1000 + number, 60);
                    act(&mut bag, |bag| bag.put(&new, SOMEBODY, false, now()).unwrap());
                    // Each erases every fifth of its own, and counts what it is refused.
                    if number % 5 == 0 {
                        act(&mut bag, |bag| bag.erase(&[new.id()]).unwrap());
                    } else {
                        let again = bag.with(|bag| bag.put(&new, SOMEBODY, false, now()));
                        assert!(matches!(again, Err(PostError::Refused(_))));
                    }
                }
            });
        }
    });
    let mut bag = open(folder.path());
    assert_eq!(all(&mut bag).len(), 160);
    assert_eq!(act(&mut bag, |bag| bag.counts().unwrap()).known, 160);
    assert_eq!(on_disk(folder.path()).0, 160);
}

#[test]
fn a_file_that_is_cut_anywhere_or_has_any_bit_turned_is_dropped_or_harmless() {
    let first = folder();
    let (mut bag, one, other) = (open(first.path()), bundle(1, 1, 40), bundle(1, 2, 40));
    act(&mut bag, |bag| {
        bag.put(&one, SOMEBODY, false, now()).unwrap();
        bag.put(&other, SOMEBODY, false, now()).unwrap();
    });
    let name =
        |folder: &Path| files(folder).into_iter().find(|path| path.ends_with(data(&one.id()))).unwrap();
    let whole = fs::read(name(first.path())).unwrap();
    let cuts = (0..whole.len()).map(|at| whole[..at].to_vec());
    let turns = (0..whole.len()).map(|at| {
        let mut turned = whole.clone();
        turned[at] ^= 1 << (at % 8);
        turned
    });
    for harmed in cuts.chain(turns) {
        let second = folder();
        copy(first.path(), second.path());
        fs::write(name(second.path()), &harmed).unwrap();
        let mut bag = open(second.path());
        let there = all(&mut bag);
        assert!(there.contains(&other.id()), "the others stay");
        let copies = act(&mut bag, |bag| bag.store().get(&one.id()).map(|carried| carried.terms.copies));
        assert!(copies.is_none_or(|copies| copies == 4 || copies == 0));
        match act(&mut bag, |bag| bag.load(&one.id()).unwrap()) {
            Some(read) => assert_eq!(read.id(), one.id()),
            None => {
                assert!(!all(&mut bag).contains(&one.id()));
                assert_eq!(on_disk(second.path()).0, 1, "and its file is gone");
            }
        }
        // It can come again.
        let again = bag.with(|bag| bag.put(&one, SOMEBODY, false, now()));
        assert!(matches!(again, Ok(()) | Err(PostError::Refused(allod_courier::carry::Refused::Known))));
        assert_eq!(act(&mut bag, |bag| bag.load(&one.id()).unwrap()).unwrap().payload, one.payload);
    }
}

fn data(id: &BundleId) -> String {
    id.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_a_crash_left_half_written_goes_and_counts_for_nothing() {
    let folder = folder();
    let one = bundle(1, 1, 100);
    act(&mut open(folder.path()), |bag| bag.put_own(&one, now()).unwrap());
    let path = files(folder.path()).remove(0);
    fs::write(path.with_file_name(format!("{}.new", "ab".repeat(32))), vec![7; 5000]).unwrap();
    for name in ["peers.new", "delivered.new"] {
        fs::write(folder.path().join(name), [7; 50]).unwrap();
    }
    let mut bag = open(folder.path());
    assert_eq!(all(&mut bag), [one.id()]);
    assert_eq!(files(folder.path()), [path]);
    act(&mut bag, |bag| bag.met(&PeerId([1; 32]), now()));
    assert_eq!(act(&mut open(folder.path()), |bag| bag.peers().count()), 1);
}

#[test]
fn tokens_peers_and_counts_that_the_disk_has_harmed_are_passed_over() {
    let first = folder();
    let mut bag = open(first.path());
    act(&mut bag, |bag| {
        for number in 0..3 {
            bag.tell(Token([number; 16]), Instant(now().0 + DAY), now()).unwrap();
            bag.met(&PeerId([number; 32]), now());
        }
        bag.refuse(allod_courier::bundle::BundleError::Foreign);
    });
    for name in ["delivered", "peers", "refused"] {
        let whole = fs::read(first.path().join(name)).unwrap();
        for at in 0..whole.len() {
            for is_cut in [false, true] {
                let mut harmed = whole.clone();
                harmed[at] ^= 0x10;
                harmed.truncate(if is_cut { at } else { whole.len() });
                let second = folder();
                copy(first.path(), second.path());
                fs::write(second.path().join(name), harmed).unwrap();
                let mut bag = open(second.path());
                let (tokens, peers, counts) = act(&mut bag, |bag| {
                    let tokens: Vec<_> = bag.store().delivered().collect();
                    let peers: Vec<_> = bag.peers().collect();
                    (tokens, peers, bag.counts().unwrap())
                });
                assert!(tokens.iter().all(|(token, until)| token.0[0] < 3 && until.0 <= now().0 + DAY));
                assert!(peers.iter().all(|(peer, days, last)| peer.0[0] < 3 && *days == 1 && *last <= now()));
                assert!(counts.foreign <= 1 && counts.known == 0);
                let lost = 3 - tokens.len() + 3 - peers.len() + 1 - counts.foreign as usize;
                assert!(if is_cut { lost > 0 } else { lost == 1 });
            }
        }
    }
}

/// A disk of one megabyte, where this process may mount one.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_is_full_refuses_what_is_new_and_loses_nothing() {
    let Some(small) = Small::mount() else { return };
    let folder = small.0.path();
    let mut bag = open(folder);
    let (mut kept, mut is_full) = (Vec::new(), false);
    for number in 0..40 {
        let new = bundle(1, number, 50_000);
        match bag.with(|bag| bag.put(&new, SOMEBODY, false, now())) {
            Ok(()) => kept.push(new.id()),
            Err(PostError::File { .. }) => is_full = true,
            Err(why) => panic!("{why}"),
        }
    }
    kept.sort();
    assert!(is_full && kept.len() > 10);
    assert_eq!(all(&mut bag), kept);
    assert_eq!(all(&mut open(folder)), kept);
    assert_eq!(on_disk(folder).0, kept.len());
    // There is room again.
    act(&mut bag, |bag| bag.erase(&kept[..3]).unwrap());
    let new = bundle(1, 100, 50_000);
    act(&mut bag, |bag| bag.put_own(&new, now()).unwrap());
    assert!(all(&mut open(folder)).contains(&new.id()));
}

#[tokio::test]
async fn a_contact_with_a_full_disk_keeps_what_there_is_room_for_and_goes_on() {
    let Some(small) = Small::mount() else { return };
    let other = folder();
    let [a, b] = [carrier(small.0.path(), 1, LARGE), carrier(other.path(), 2, LARGE)];
    for number in 0..40 {
        leave(&b, &bundle(1, number, 50_000));
    }
    leave(&a, &bundle(2, 50, 100));
    let [met, theirs] = meeting([&a, &b], LINK, honestly()).await;
    assert!(met.came > 10 && met.came < 40, "{met:?}");
    assert_eq!((met.fault, theirs.came, theirs.gave), (None, 1, met.came));
    assert_eq!(ids(&a).len() as u64, met.came + 1);
    assert_eq!(on_disk(small.0.path()).0 as u64, met.came + 1);
}
