//! Backups of a vault that others change all the time, and clean up behind themselves.

use std::collections::BTreeMap;

use allod_vault::files::Access;

use super::*;

/// A vault of which somebody else changes something before every step: a file comes, is
/// replaced or goes, all is committed, and what is not needed any more is collected.
struct Restless {
    vault: Vault,
    steps: u64,
    /// The files that there are, each by the seed and the size of its content.
    files: BTreeMap<String, (u64, usize)>,
    /// All states that the vault ever had.
    states: Vec<BTreeMap<String, (u64, usize)>>,
}

impl Restless {
    fn new(vault: Vault) -> Self {
        Self { vault, steps: 0, files: BTreeMap::new(), states: Vec::new() }
    }

    fn put(&mut self, name: &str, size: usize) {
        self.steps += 1;
        if self.files.contains_key(name) {
            remove(&mut self.vault, name);
        }
        put(&mut self.vault, name, self.steps, size);
        self.files.insert(name.to_owned(), (self.steps, size));
    }

    fn change(&mut self) {
        let step = self.steps;
        let small = self.files.iter().filter(|(name, _)| *name != "large");
        let oldest = small.min_by_key(|(_, (seed, _))| *seed).map(|(name, _)| name.clone());
        match oldest {
            // What the survey found first goes while it is on its way.
            Some(name) if step.is_multiple_of(3) => {
                self.steps += 1;
                remove(&mut self.vault, &name);
                self.files.remove(&name);
            }
            Some(name) if step % 3 == 1 => self.put(&name, 120_000),
            _ => self.put(&format!("file {}", step % 5), 90_000),
        }
        self.vault.commit().unwrap();
        self.vault.collect(90).unwrap();
        self.states.push(self.files.clone());
    }

    /// Whether it had just these files at some time.
    fn had(&self, seen: &[(Vec<u8>, Vec<u8>)]) -> bool {
        self.states.iter().any(|state| {
            state.len() == seen.len()
                && state.iter().zip(seen).all(|((name, (seed, size)), (other, content))| {
                    name.as_bytes() == other && content.len() == *size && noise(*seed, *size) == *content
                })
        })
    }
}

impl Access for Restless {
    type Blocks = Memory;
    type Compress = Uncompressed;

    fn with<R>(&mut self, work: impl FnOnce(&mut Vault) -> R) -> R {
        self.change();
        work(&mut self.vault)
    }
}

async fn restored(circle: &Circle) -> Vec<(Vec<u8>, Vec<u8>)> {
    let found = find(&secret(), &circle.addresses).await.unwrap();
    let mut copy = join(&Memory::default(), &found);
    restore(&mut copy, &secret(), &found, &mut |_| ()).await.unwrap();
    see(&mut copy)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_of_a_vault_that_changes_all_the_time_is_a_state_that_it_had() {
    let mut circle = Circle::start(3).await;
    let mut restless = Restless::new(create(&Memory::default()));
    circle.join(&mut restless.vault).await;
    // More than one pack, read in many steps.
    restless.put("large", 18_000_000);
    for number in 0..4 {
        restless.put(&format!("file {number}"), 300_000);
    }
    let first = Backup::new(&mut restless, &secret()).run(How::default(), &mut |_| ()).await.unwrap();
    assert!(first.is_safe && first.packs >= 2, "{first:?}");
    assert!(restless.states.len() > 20, "{}", restless.states.len());
    let back = restored(&circle).await;
    assert!(restless.had(&back));
    // What it was when it was looked at, not what it is now.
    assert_ne!(back, see(&mut restless.vault));

    // What goes, goes from the packs, too, and others take what a peer had.
    restless.files.remove("large");
    remove(&mut restless.vault, "large");
    for round in 0..3 {
        let how = How { compact: round == 1, ..How::default() };
        let report = Backup::new(&mut restless, &secret()).run(how, &mut |_| ()).await.unwrap();
        assert!(report.is_safe, "{report:?}");
        assert!(restless.had(&restored(&circle).await), "round {round}");
    }
    let new = circle.grow(StorageConfig::default()).await;
    let mut backup = Backup::new(&mut restless, &secret());
    backup.add_peer(&new).await.unwrap();
    let gone = circle.addresses[0].clone();
    let report = backup.remove_peer(&gone, &mut |_| ()).await.unwrap();
    assert!(report.is_safe && report.repaired > 0, "{report:?}");
    let audited = backup.verify(Audit::Whole).await.unwrap();
    assert!(audited.iter().all(|peer| peer.bad.is_empty() && peer.faults.0.is_empty()), "{audited:?}");
    drop(backup);
    circle.stop(1).await;
    assert!(restless.had(&restored(&circle).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_backs_up_a_vault_at_a_time_and_one_that_was_dropped_is_over() {
    let circle = Circle::start(2).await;
    let mut vault = filled(&Memory::default());
    circle.join(&mut vault).await;
    let shared = Arc::new(Mutex::new(vault));
    let mut one = Backup::new(Shared(Arc::clone(&shared)), &secret());
    let mut other = Backup::new(Shared(Arc::clone(&shared)), &secret());
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut progress = move |state: Progress| {
        let _ = told.send(state.stored);
        // It stays here, with what it holds.
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    {
        let mut running = Box::pin(one.run(How::default(), &mut progress));
        tokio::select! {
            done = &mut running => panic!("{done:?}"),
            _ = heard.recv() => {}
        }
        let why = other.run(How::default(), &mut |_| ()).await.unwrap_err();
        assert!(matches!(why, RunError::UnderWay), "{why}");
        let why = other.verify(Audit::Every).await.unwrap_err();
        assert!(matches!(why, RunError::UnderWay), "{why}");
        // To look is free.
        assert!(other.status().unwrap().packs > 0);
    }
    drop(one);
    let report = other.run(How::default(), &mut |_| ()).await.unwrap();
    assert!(report.is_safe, "{report:?}");
}

/// A vault that several have.
struct Shared(Arc<Mutex<Vault>>);

impl Access for Shared {
    type Blocks = Memory;
    type Compress = Uncompressed;

    fn with<R>(&mut self, work: impl FnOnce(&mut Vault) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }
}
