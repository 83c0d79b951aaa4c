//! Carriers with bags in temporary folders, and links in memory on which frames are cut, changed
//! and said again.

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use allod_courier::bundle::{Bundle, BundleId, Lifetime, Priority, Seconds, Terms};
use allod_courier::carry::{Limits, PeerId};
use allod_courier::link::{Cost, Link};
use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_post::bag::{Bag, Counts, Open};
use allod_post::{Carrier, Contact, Happened, Met, PostError, Signal, meet, now};
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use tempfile::TempDir;
use tokio::sync::{Notify, broadcast, mpsc};

pub const DAY: u64 = 24 * 3600 * 1000;

pub const LINK: Link = Link { mtu: 1 << 20, is_duplex: true, cost: Cost::Free };

pub fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// A folder in memory where there is one: what is durable is not the question of most tests.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub const LARGE: Limits = Limits { bytes: 1 << 30, count: 200_000, stranger: 2, friend: 2 };

/// The bundle with this number, for somebody whose tags begin with `whose`.
pub fn bundle(whose: u8, number: u32, size: usize) -> Bundle {
    let terms = Terms {
        created: Seconds::at(now()),
        sequence: number as u16,
        lifetime: Lifetime::MESSAGE,
        priority: Priority::Normal,
        copies: 4,
        custody: false,
    };
    let [a, b, c, d] = number.to_be_bytes();
    let mut message = vec![whose, a, b, c, d, 0, 0, 0];
    message.extend((0..size).map(|at| (at as u8).wrapping_mul(31) ^ d));
    Bundle::new(&message, terms).unwrap()
}

/// Somebody for whom bundles are whose tags begin with `whose`.
pub fn carrier(folder: &Path, whose: u8, limits: Limits) -> Arc<Carrier> {
    carrier_with(&Secret::random(&mut rng()), folder, whose, limits)
}

pub fn carrier_with(seed: &Secret<32>, folder: &Path, whose: u8, limits: Limits) -> Arc<Carrier> {
    Arc::new(Carrier {
        bag: Arc::new(Mutex::new(Bag::open(folder, limits).unwrap())),
        key: SigningKey::from_seed(seed),
        cover: Secret::from([whose; 32]),
        wants: Box::new(move |tag| tag.0[0] == whose),
        signals: broadcast::channel(1024).0,
    })
}

pub fn key(carrier: &Carrier) -> PeerId {
    PeerId(carrier.key.verifying_key().0)
}

pub fn within<T>(carrier: &Carrier, act: impl FnOnce(&mut Open<'_>) -> T) -> T {
    carrier.bag().with(|bag| Ok::<_, PostError>(act(bag))).unwrap()
}

pub fn leave(carrier: &Carrier, bundle: &Bundle) {
    within(carrier, |bag| bag.put_own(bundle, now()).unwrap());
    let _ = carrier.signals.send(Signal::New(bundle.id()));
}

pub fn ids(carrier: &Carrier) -> BTreeSet<BundleId> {
    within(carrier, |bag| bag.store().iter().map(|(id, _)| *id).collect())
}

pub fn counts(carrier: &Carrier) -> Counts {
    within(carrier, |bag| bag.counts().unwrap())
}

/// They have been met on as many days before today.
pub fn befriend(carrier: &Carrier, other: &PeerId, days: u64) {
    within(carrier, |bag| {
        (1..=days).rev().for_each(|day| bag.met(other, Instant(now().0 - day * DAY)));
    });
}

/// All files of bundles in a bag's folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for below in fs::read_dir(folder.join("bundles")).unwrap() {
        files.extend(fs::read_dir(below.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    files.sort();
    files
}

/// Files of bundles, and bytes of them.
pub fn on_disk(folder: &Path) -> (usize, u64) {
    let files = files(folder);
    (files.len(), files.iter().map(|file| fs::metadata(file).unwrap().len()).sum())
}

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("in time")
}

/// Frames from one to the other: those that are to come instead, or none and the link is cut. The first
/// is told whether it is from the first of the two.
pub type Tamper<'a> = Box<dyn FnMut(bool, Vec<u8>) -> Option<Vec<Vec<u8>>> + Send + 'a>;

pub fn honestly() -> Tamper<'static> {
    Box::new(|_, frame| Some(vec![frame]))
}

/// A contact in memory: its ends, and what carries between them until either ends or all is said.
pub async fn meeting(two: [&Arc<Carrier>; 2], link: Link, mut tamper: Tamper<'_>) -> [Met; 2] {
    let (to_first, first_gets) = mpsc::channel(4096);
    let (to_second, second_gets) = mpsc::channel(4096);
    let (first_says, mut of_first) = mpsc::channel(64);
    let (second_says, mut of_second) = mpsc::channel(64);
    let (settled, all) = (AtomicUsize::new(0), Notify::new());
    let side = |carrier: &Arc<Carrier>, send, receive| {
        let (carrier, settled, all) = (Arc::clone(carrier), &settled, &all);
        async move {
            let mut is_new = true;
            let tell = |happened| {
                if happened == Happened::Settled
                    && std::mem::take(&mut is_new)
                    && settled.fetch_add(1, Ordering::SeqCst) == 1
                {
                    all.notify_one();
                }
            };
            meet(&carrier, Contact { known: None, link, send, receive }, &mut rng(), tell).await.unwrap()
        }
    };
    let between = async {
        loop {
            let (is_first, frame) = tokio::select! {
                frame = of_first.recv() => (true, frame),
                frame = of_second.recv() => (false, frame),
                () = all.notified() => break,
            };
            let Some(frames) = frame.and_then(|frame| tamper(is_first, frame)) else { break };
            let to = if is_first { &to_second } else { &to_first };
            for frame in frames {
                if to.send(frame).await.is_err() {
                    return drop((to_first, to_second, of_first, of_second));
                }
            }
        }
        drop((to_first, to_second, of_first, of_second));
    };
    let [first, second] = two;
    let both = async {
        tokio::join!(side(first, first_says, first_gets), side(second, second_says, second_gets), between)
    };
    let (first, second, ()) = soon(both).await;
    [first, second]
}
