//! The same blocks make the same ledger, wherever its values are kept.

use alloc::vec::Vec;
use std::collections::HashMap;

use allod_wire::{BlockId, Instant};
use jmt::Sha256Jmt;
use jmt::mock::MockTreeStore;

use super::*;
use crate::account::Account;
use crate::jellyfish::KeyHash;
use crate::record::place;
use crate::{Block, Chain, Error, Values, apply, begin, check};

/// Values in a table without an order.
#[derive(Default)]
struct Table(HashMap<[u8; 32], Vec<u8>>);

impl Values for Table {
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(&place.0).cloned())
    }
}

#[test]
fn the_same_blocks_make_the_same_values_in_any_store() {
    let story = story::tell();
    let mut table = Table::default();
    for (place, value) in begin(&story.world.genesis).unwrap() {
        table.0.insert(place.0, value.unwrap());
    }
    for (height, (at, id, operations)) in (1..).zip(&story.world.blocks) {
        let applied = apply(&table, &Block { height, at: *at, id: *id, operations }).unwrap();
        for (place, value) in applied.changes {
            match value {
                Some(value) => drop(table.0.insert(place.0, value)),
                None => drop(table.0.remove(&place.0)),
            }
        }
        let state = &story.states[height as usize];
        assert_eq!(table.0.len(), state.0.len());
        assert!(state.0.iter().all(|(place, value)| table.0.get(&place.0) == Some(value)));
    }
}

#[test]
fn the_root_is_that_of_the_values_whatever_the_way_to_them() {
    let story = story::tell();
    for height in (0..story.states.len()).step_by(7) {
        let store = MockTreeStore::default();
        let tree = Sha256Jmt::new(&store);
        let values = story.states[height].0.iter();
        let values = values.map(|(place, value)| (jmt::KeyHash(place.0), Some(value.clone())));
        let (root, _) = tree.put_value_set(values, 0).unwrap();
        assert_eq!(root.0, story.world.roots[height].0, "at height {height}");
    }
}

#[test]
fn what_a_guardian_passes_on_is_what_a_block_accepts() {
    let story = story::tell();
    for (height, (_, _, operations)) in story.world.blocks.iter().enumerate() {
        if let Some(first) = operations.first() {
            // Only what had to wait for this very block is refused a moment before.
            if let Err(why) = check(&story.states[height], first).unwrap() {
                assert!(why.may_pass(), "{why}");
            }
        }
    }
}

#[test]
fn blocks_follow_each_other_in_height_and_time() {
    let world = World::new();
    let block = |height, at| Block { height, at: Instant(at), id: BlockId([1; 32]), operations: &[] };
    let before = world.at;
    let try_it = |block: &Block<'_>| apply(&world.values, block).map(|_| ());
    for height in [0, 2, u64::MAX] {
        let refused = Error::WrongHeight { height, expected: 1 };
        assert_eq!(try_it(&block(height, before.0 + 1)), Err(refused));
    }
    for at in [0, before.0 - 1, before.0] {
        let refused = Error::TimeBackwards { at: Instant(at), before };
        assert_eq!(try_it(&block(1, at)), Err(refused));
    }
    assert_eq!(try_it(&block(1, before.0 + 1)), Ok(()));
    assert_eq!(try_it(&block(1, u64::MAX)), Ok(()));
}

#[test]
fn an_empty_block_changes_where_the_ledger_stands_and_nothing_else() {
    let mut world = World::new();
    world.empty(1);
    let before = world.values.clone();
    world.empty(1);
    let changed: Vec<_> =
        world.values.0.iter().filter(|(place, value)| before.0.get(place) != Some(value)).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(*changed[0].0, place::<Chain>(&()));
    let chain: Chain = world.get(&());
    assert_eq!((chain.height, chain.at, chain.genesis), (2, world.at, world.genesis.at));
    let ann: Account = world.account(ANN);
    assert_eq!(ann.founded, world.genesis.at);
}
