//! The ledger on disk against a small model of it: every value that was ever
//! written, by height.

mod crashes;
mod pruning;
mod restoring;

use std::collections::{BTreeMap, BTreeSet};

use allod_ledger::jellyfish::{ValueHash, update};
use allod_ledger::{Certificate, Values};
use allod_wire::NetworkId;

use super::*;

/// Little is kept, so that tests are short.
const FEW: Kept = Kept { heights: 5, heights_max: 20, outcomes: 7 };

const CHAIN: Chain = Chain {
    network: NetworkId([7; 32]),
    genesis: Instant(0),
    height: 0,
    at: Instant(0),
    mark: BlockId([0; 32]),
    mark_before: BlockId([0; 32]),
    round: 1,
};

fn in_memory(kept: Kept) -> Store {
    let backend = redb::backends::InMemoryBackend::new();
    Store::with(Database::builder().create_with_backend(backend).unwrap(), kept, None).unwrap()
}

fn place(number: u16) -> KeyHash {
    KeyHash::of(&number.to_be_bytes())
}

/// A block that does this and nothing else.
fn apply(store: &Store, height: u64, changes: Changes, outcomes: Vec<Outcome>) -> Result<(), ChainError> {
    let applied = Applied { changes, outcomes };
    let block = Applying {
        chain: &CHAIN,
        height,
        at: Instant(height),
        id: BlockId([1; 32]),
        applied: &applied,
        is_checkpoint: height.is_multiple_of(4),
    };
    store.apply(&block).map(drop)
}

/// A certificate of this height, signed by nobody.
fn certificate(store: &Store, height: u64) -> Certificate {
    let checkpoint = Checkpoint {
        network: CHAIN.network,
        height,
        at: Instant(height),
        block: BlockId([1; 32]),
        root: store.at(height).unwrap().root().unwrap().0,
    };
    Certificate { checkpoint, signature: [0; 48] }
}

/// What every height was.
#[derive(Clone, Debug, Default)]
struct Model {
    heights: BTreeMap<u64, BTreeMap<KeyHash, Vec<u8>>>,
    /// The heights at which a place was written, and whether a value was.
    writes: BTreeMap<KeyHash, BTreeMap<u64, bool>>,
}

impl Model {
    /// Notes a block, and leaves out of it what changes nothing.
    fn apply(&mut self, height: u64, changes: &Changes) -> Changes {
        let before = self.heights.values().next_back().cloned().unwrap_or_default();
        let mut now = before.clone();
        let mut real = Changes::new();
        for (place, value) in changes {
            if before.get(place) == value.as_ref() {
                continue;
            }
            match value {
                Some(value) => drop(now.insert(*place, value.clone())),
                None => drop(now.remove(place)),
            }
            self.writes.entry(*place).or_default().insert(height, value.is_some());
            real.insert(*place, value.clone());
        }
        self.heights.insert(height, now);
        real
    }

    fn root(&self, height: u64) -> Root {
        let hashes =
            self.heights[&height].iter().map(|(place, value)| (*place, Some(ValueHash::of(value)))).collect();
        update(&BTreeMap::new(), None, 0, &hashes).unwrap().root
    }

    /// The written values that are of use at `oldest` or later.
    fn needed(&self, oldest: u64) -> BTreeSet<ValueKey> {
        let mut needed = BTreeSet::new();
        for (place, writes) in &self.writes {
            for (height, there) in writes {
                let next = writes.range(height + 1..).next().map(|(next, _)| *next);
                let seen = next.is_none_or(|next| next > oldest);
                if seen && (*there || *height > oldest) {
                    needed.insert(value_key(place, *height));
                }
            }
        }
        needed
    }
}

/// Everything that is readable is right, and provable.
fn check(store: &Store, model: &Model, places: impl Iterator<Item = KeyHash> + Clone) {
    let newest = store.height().unwrap().unwrap();
    for (height, values) in model.heights.range(..=newest) {
        let ledger = match store.at(*height) {
            Ok(ledger) => ledger,
            Err(ChainError::NotKept { .. }) => {
                assert!(height + FEW.heights < newest, "height {height} is not kept at {newest}");
                continue;
            }
            Err(why) => panic!("{why}"),
        };
        let root = model.root(*height);
        assert_eq!(ledger.root().unwrap(), root);
        for place in places.clone() {
            let value = ledger.value(&place).unwrap();
            assert_eq!(value.as_ref(), values.get(&place), "{place} at {height} of {newest}");
            let path = ledger.prove(&place).unwrap();
            match value {
                Some(value) => path.verify_inclusion(&root, &place, &value).unwrap(),
                None => path.verify_exclusion(&root, &place).unwrap(),
            }
        }
        let mut leaves = Vec::new();
        ledger
            .leaves(None, |leaf| {
                leaves.push(leaf.key);
                Ok(true)
            })
            .unwrap();
        assert!(leaves.iter().eq(values.keys()));
    }
    assert!(matches!(store.at(newest + 1), Err(ChainError::NotKept { .. })));
}

/// The values that are on the disk.
fn written(store: &Store) -> BTreeSet<ValueKey> {
    let read = store.database.begin_read().unwrap();
    let values = read.open_table(VALUES).unwrap();
    values.iter().unwrap().map(|item| item.unwrap().0.value()).collect()
}

fn pruned(store: &Store) -> u64 {
    let read = store.database.begin_read().unwrap();
    let state = read.open_table(STATE).unwrap();
    state.get(PRUNED).unwrap().map_or(0, |pruned| pruned.value())
}
