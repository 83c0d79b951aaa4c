//! A crash or a power cut after every single write: the store that is opened
//! afterwards has the old state or the new, never a share that was destroyed,
//! and never a count that went down.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;

use super::*;
use crate::disk_in_tests::{Disk, Unsynced, Watched};
use crate::record_keys::watch;

/// What a crash left: the database, the file of keys.
type Left = (Vec<u8>, Vec<u8>);

/// A store on two disks that are copied, as crashes would leave them, after
/// every step.
struct Bench {
    store: Option<Store>,
    database: Disk,
    keys: Disk,
    left: mpsc::Receiver<Left>,
    folder: tempfile::TempDir,
}

/// Every way in which a crash treats what was not synced, for the two files.
fn crashes(step: u64) -> Vec<(Unsynced, Unsynced)> {
    // Which writes survive is spelled by words that differ from step to step.
    let word = |salt: u64| Unsynced::Some((step + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    vec![
        (Unsynced::Kept, Unsynced::Kept),
        (Unsynced::Lost, Unsynced::Lost),
        (Unsynced::Kept, Unsynced::Lost),
        (Unsynced::Lost, Unsynced::Kept),
        (word(1), word(2)),
        (word(3), word(4)),
    ]
}

impl Bench {
    /// A store that is made on empty disks.
    fn new() -> Self {
        let (database, keys) = (Disk::default(), Disk::default());
        let (tell, left) = mpsc::channel();
        let folder = tempfile::tempdir().unwrap();
        let copy = {
            let (database, keys) = (database.clone(), keys.clone());
            move || {
                for (of_database, of_keys) in crashes(database.steps() + keys.steps()) {
                    // Whoever stopped looking needs no more copies.
                    let _ = tell.send((database.after_crash(of_database), keys.after_crash(of_keys)));
                }
            }
        };
        watch::set(Some(Box::new({
            let (keys, copy) = (keys.clone(), copy.clone());
            move |seen| {
                match seen {
                    Some((offset, bytes)) => keys.write_at(offset, bytes),
                    None => keys.synced(),
                }
                copy();
            }
        })));
        let backend = Watched { disk: database.clone(), seen: copy };
        let made = Database::builder().create_with_backend(backend).unwrap();
        let lock = files::private_file(&folder.path().join("lock")).unwrap();
        let store = Some(Store::with(made, folder.path(), lock).unwrap());
        Self { store, database, keys, left, folder }
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    /// Applies, and hands `check` the store that each crash on the way leaves.
    fn apply(&mut self, changes: Vec<Change>, check: impl Fn(&mut Store)) {
        self.left.try_iter().for_each(drop);
        apply(self.store(), changes);
        let mut seen = 0;
        let left: Vec<Left> = self.left.try_iter().collect();
        for left in left {
            check(&mut opened(left));
            seen += 1;
        }
        assert!(seen >= 12, "a change takes several steps");
    }

    /// Everything that a crash right now may leave.
    fn now(&self) -> Vec<Left> {
        crashes(0)
            .into_iter()
            .map(|(database, keys)| (self.database.after_crash(database), self.keys.after_crash(keys)))
            .collect()
    }

    /// A change that was answered stays, whatever happens next.
    fn settled(&self, check: impl Fn(&mut Store)) {
        for left in self.now() {
            check(&mut opened(left));
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        watch::set(None);
        self.store = None;
        assert!(self.folder.path().exists());
    }
}

/// Opens what a crash left. Writes on the way are nobody's.
fn opened((database, keys): Left) -> Store {
    thread_local! {
        static FOLDER: Rc<RefCell<tempfile::TempDir>> = Rc::new(RefCell::new(tempfile::tempdir().unwrap()));
    }
    let folder = FOLDER.with(Rc::clone);
    let folder = folder.borrow();
    fs::write(folder.path().join("record-keys"), keys).unwrap();
    let backend = Watched { disk: Disk::holding(database), seen: || {} };
    let database = Database::builder().create_with_backend(backend).expect("what a crash leaves opens");
    // Another thread has no watcher.
    let path = folder.path().to_owned();
    let lock = files::private_file(&path.join("lock")).unwrap();
    std::thread::spawn(move || Store::with(database, &path, lock).expect("what a crash leaves opens"))
        .join()
        .unwrap()
}

#[test]
fn a_registration_is_there_as_a_whole_or_not_at_all() {
    let mut bench = Bench::new();
    let (anna, bert) = (registration(0), registration(0));
    bench.apply(vec![put(BERT, &bert, true)], |_| {});
    bench.apply(vec![put(ANNA, &anna, true)], |store| {
        let found = store.record(&ANNA).unwrap();
        assert!(found.is_none() || found == held(&anna), "{found:?}");
        assert_eq!(store.accounts(), if found.is_none() { 1 } else { 2 });
        assert_eq!(store.record(&BERT).unwrap(), held(&bert));
    });
    bench.settled(|store| assert_eq!(store.record(&ANNA).unwrap(), held(&anna)));
}

#[test]
fn a_guess_that_may_have_been_answered_stays_spent() {
    let mut bench = Bench::new();
    let anna = registration(0);
    bench.apply(vec![put(ANNA, &anna, true)], |_| {});
    for spent in 1..=4 {
        bench.apply(vec![put(ANNA, &guessed(&anna, spent), false)], |store| {
            let found = store.record(&ANNA).unwrap();
            let (old, new) = (held(&guessed(&anna, spent - 1)), held(&guessed(&anna, spent)));
            assert!(found == old || found == new, "{found:?}");
        });
        bench.settled(|store| assert_eq!(store.record(&ANNA).unwrap(), held(&guessed(&anna, spent))));
    }
}

#[test]
fn a_new_registration_replaces_the_old_one_in_one_step() {
    let mut bench = Bench::new();
    let (old, new) = (registration(5), registration(0));
    bench.apply(vec![put(ANNA, &old, true)], |_| {});
    let key = key_of(bench.store(), &ANNA);
    bench.apply(vec![put(ANNA, &new, true)], |store| {
        let found = store.record(&ANNA).unwrap();
        assert!(found == held(&old) || found == held(&new), "{found:?}");
    });
    bench.settled(|store| assert_eq!(store.record(&ANNA).unwrap(), held(&new)));
    for (_, keys) in bench.now() {
        assert!(!keys.windows(32).any(|window| window == key.expose()));
    }
}

#[test]
fn a_destroyed_share_never_comes_back() {
    for (change, gone) in [
        (Change::Destroy { account: ANNA }, Some(Record::Destroyed)),
        (Change::Remove { account: ANNA, locator: None }, None),
    ] {
        let mut bench = Bench::new();
        let (anna, bert) = (registration(8), registration(0));
        bench.apply(vec![put(ANNA, &anna, true), put(BERT, &bert, true)], |_| {});
        let key = key_of(bench.store(), &ANNA);
        bench.apply(vec![change], |store| {
            let found = store.record(&ANNA).unwrap();
            let possible = [held(&anna), Some(Record::Destroyed), gone.clone()];
            assert!(possible.contains(&found), "{found:?}");
            assert_eq!(store.record(&BERT).unwrap(), held(&bert));
        });
        bench.settled(|store| assert_eq!(store.record(&ANNA).unwrap(), gone));
        for (database, keys) in bench.now() {
            for file in [&database, &keys] {
                assert!(!file.windows(32).any(|window| window == key.expose()));
            }
        }
    }
}

#[test]
fn once_a_share_is_seen_destroyed_no_later_crash_shows_it_again() {
    let mut bench = Bench::new();
    let anna = registration(8);
    bench.apply(vec![put(ANNA, &anna, true)], |_| {});
    bench.left.try_iter().for_each(drop);
    apply(bench.store(), [Change::Destroy { account: ANNA }]);
    let left: Vec<Left> = bench.left.try_iter().collect();
    let mut seen_destroyed = false;
    // The process alone dies: what was once on its way stays.
    for left in left.into_iter().step_by(crashes(0).len()) {
        let destroyed = opened(left).record(&ANNA).unwrap() == Some(Record::Destroyed);
        assert!(destroyed || !seen_destroyed);
        seen_destroyed = destroyed;
    }
    assert!(seen_destroyed);
}

#[test]
fn what_is_committed_together_appears_together() {
    let mut bench = Bench::new();
    let (anna, bert) = (registration(0), registration(3));
    bench.apply(vec![put(BERT, &bert, true)], |_| {});
    let descriptor = SealedDescriptor { sequence: 2, sealed: vec![9; 5_000] };
    let changes = vec![
        put(ANNA, &anna, true),
        put(BERT, &guessed(&bert, 4), false),
        Change::Describe { account: ANNA, locator: Locator([1; 32]), descriptor },
    ];
    bench.apply(changes, |store| {
        let new = store.record(&ANNA).unwrap().is_some();
        assert_eq!(store.record(&BERT).unwrap(), held(&guessed(&bert, if new { 4 } else { 3 })));
        assert_eq!(store.descriptor(&Locator([1; 32])).unwrap().is_some(), new);
    });
}

#[test]
fn a_store_that_crashed_goes_on() {
    let mut bench = Bench::new();
    let (old, new) = (registration(0), registration(0));
    bench.apply(vec![put(ANNA, &old, true)], |_| {});
    bench.apply(vec![put(ANNA, &new, true), put(BERT, &old, true)], |store| {
        apply(store, [put(CARL, &old, true), put(ANNA, &guessed(&new, 1), true)]);
        assert_eq!(store.record(&CARL).unwrap(), held(&old));
        assert_eq!(store.record(&ANNA).unwrap(), held(&guessed(&new, 1)));
    });
}
