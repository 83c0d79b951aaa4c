//! A crash after every single write, and a disk that fails at any of them: the
//! ledger is that of the block before or of the block, as a whole.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use redb::StorageBackend;

use super::*;
use crate::disk_in_tests::{Disk, Unsynced, Watched};

fn opened(content: Vec<u8>) -> Store {
    let backend = Watched { disk: Disk::holding(content), seen: || {} };
    let database = Database::builder().create_with_backend(backend).expect("what a crash leaves opens");
    Store::with(database, FEW, None).expect("what a crash leaves opens")
}

/// Some blocks, each with enough to prune.
fn block(height: u64) -> Changes {
    (0..6)
        .map(|number| {
            let there = !(height + u64::from(number)).is_multiple_of(3);
            (place((height as u16 + number) % 9), there.then(|| vec![height as u8; 40]))
        })
        .collect()
}

#[test]
fn a_crash_leaves_the_block_before_or_the_block() {
    let disk = Disk::default();
    let (tell, left) = mpsc::channel();
    let seen = {
        let disk = disk.clone();
        move || {
            let word = disk.steps().wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for unsynced in [Unsynced::Kept, Unsynced::Lost, Unsynced::Some(word), Unsynced::Some(!word)] {
                let _ = tell.send(disk.after_crash(unsynced));
            }
        }
    };
    let backend = Watched { disk: disk.clone(), seen };
    let database = Database::builder().create_with_backend(backend).unwrap();
    let store = Store::with(database, FEW, None).unwrap();
    let mut model = Model::default();
    store.begin(&model.apply(0, &block(0))).unwrap();
    for height in 1..=12 {
        let changes = model.apply(height, &block(height));
        left.try_iter().for_each(drop);
        apply(&store, height, changes.clone(), Vec::new()).unwrap();
        // Pruning is under way from the sixth on.
        if height != 2 && height < 11 {
            continue;
        }
        let mut seen = BTreeSet::new();
        for content in left.try_iter() {
            let after = opened(content);
            let found = after.height().unwrap().unwrap();
            assert!(found == height || found + 1 == height, "{found}");
            check(&after, &model, (0..9).map(place));
            if found < height {
                apply(&after, height, changes.clone(), Vec::new()).unwrap();
                check(&after, &model, (0..9).map(place));
            }
            seen.insert(found);
        }
        assert_eq!(seen.len(), 2, "a crash can come before and after");
        let settled = opened(disk.after_crash(Unsynced::Lost));
        assert_eq!(settled.height().unwrap(), Some(height), "what was answered is durable");
    }
}

/// A disk that takes so many more steps.
#[derive(Debug)]
struct Failing {
    disk: Watched<fn()>,
    left: Arc<AtomicU64>,
}

impl Failing {
    fn step(&self) -> io::Result<()> {
        let had = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        had.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step()?;
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step()?;
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step()?;
        self.disk.write(offset, data)
    }
}

#[test]
fn a_disk_that_fails_at_any_step_fails_the_block_and_spoils_nothing() {
    let mut failed = 0;
    for steps in 0.. {
        let (disk, left) = (Disk::default(), Arc::new(AtomicU64::new(u64::MAX)));
        let backend = Failing { disk: Watched { disk: disk.clone(), seen: || {} }, left: Arc::clone(&left) };
        let store =
            Store::with(Database::builder().create_with_backend(backend).unwrap(), FEW, None).unwrap();
        let mut model = Model::default();
        store.begin(&model.apply(0, &block(0))).unwrap();
        for height in 1..=7 {
            apply(&store, height, model.apply(height, &block(height)), Vec::new()).unwrap();
        }
        let changes = model.apply(8, &block(8));
        left.store(steps, Ordering::SeqCst);
        let done = apply(&store, 8, changes, Vec::new());
        if done.is_err() {
            failed += 1;
        }
        for unsynced in [Unsynced::Kept, Unsynced::Lost] {
            let after = opened(disk.after_crash(unsynced));
            let found = after.height().unwrap().unwrap();
            assert!(if done.is_ok() { found == 8 } else { found == 7 || found == 8 }, "{found}");
            check(&after, &model, (0..9).map(place));
        }
        if done.is_ok() {
            break;
        }
    }
    assert!(failed > 2, "a block takes several steps");
}
