//! Stores that fail, or hold what they should not: the block is not applied, and
//! nothing of it is.

use alloc::vec::Vec;
use core::cell::Cell;

use super::*;
use crate::account::Account;
use crate::guardian::Roster;
use crate::jellyfish::KeyHash;
use crate::record::{Record, place};
use crate::{Block, Chain, Error, Parameters, Values, apply, check};

/// Answers so many times, and then fails.
struct Failing<'a> {
    values: &'a Memory,
    left: Cell<usize>,
    asked: Cell<usize>,
}

impl<'a> Failing<'a> {
    fn after(values: &'a Memory, left: usize) -> Self {
        Self { values, left: Cell::new(left), asked: Cell::new(0) }
    }
}

impl Values for Failing<'_> {
    fn value(&self, place: &KeyHash) -> Result<Option<Vec<u8>>, Error> {
        self.asked.set(self.asked.get() + 1);
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                self.values.value(place)
            }
            None => Err(Error::Unavailable),
        }
    }
}

#[test]
fn a_store_that_fails_at_any_moment_stops_the_block() {
    let story = story::tell();
    for (height, (at, id, operations)) in (1..).zip(&story.world.blocks) {
        let before = &story.states[height as usize - 1];
        let block = Block { height, at: *at, id: *id, operations };
        let whole = Failing::after(before, usize::MAX);
        let applied = apply(&whole, &block).unwrap();
        let reads = whole.asked.get();
        assert!(reads > 0);
        for left in (0..reads).step_by(1 + reads / 40) {
            let failed = apply(&Failing::after(before, left), &block).map(|applied| applied.outcomes);
            assert_eq!(failed, Err(Error::Unavailable), "after {left} of {reads} answers at height {height}");
        }
        let again = apply(&Failing::after(before, reads), &block).unwrap();
        assert_eq!((again.changes, again.outcomes), (applied.changes, applied.outcomes));
        if let Some(operation) = operations.first() {
            let whole = Failing::after(before, usize::MAX);
            let judged = check(&whole, operation).unwrap();
            for left in 0..whole.asked.get() {
                assert_eq!(check(&Failing::after(before, left), operation), Err(Error::Unavailable));
            }
            assert_eq!(check(&Failing::after(before, whole.asked.get()), operation), Ok(judged));
        }
    }
}

/// What becomes of a block of one operation over values that were tampered with.
fn over<R: Record>(id: &R::Id, value: Option<&[u8]>) -> Result<(), Error> {
    let world = World::new();
    let mut values = world.values.clone();
    match value {
        Some(value) => drop(values.0.insert(place::<R>(id), value.to_vec())),
        None => drop(values.0.remove(&place::<R>(id))),
    }
    let pay = allod_wire::encode(&world.by(ANN, world.pay(BEN, 1)));
    let operations = [pay];
    let (height, at, id) = (1, world.at.plus_ms(1), world.next_id());
    apply(&values, &Block { height, at, id, operations: &operations }).map(|applied| {
        assert!(applied.outcomes[0].result.is_ok());
    })
}

#[test]
fn a_ledger_that_lacks_a_record_or_has_a_strange_one_goes_no_further() {
    let ann = World::new().did(ANN);
    let strange = [0xFF; 7];
    assert_eq!(over::<Chain>(&(), None), Err(Error::NoRecord { kind: Chain::KIND }));
    assert_eq!(over::<Parameters>(&(), None), Err(Error::NoRecord { kind: Parameters::KIND }));
    assert!(matches!(over::<Chain>(&(), Some(&strange)), Err(Error::BadRecord { kind: "chain", .. })));
    assert!(matches!(over::<Account>(&ann, Some(&strange)), Err(Error::BadRecord { kind: "identity", .. })));
    let long = [0; 1 << 20];
    assert!(matches!(over::<Account>(&ann, Some(&long)), Err(Error::BadRecord { kind: "identity", .. })));
    assert_eq!(over::<Roster>(&(), Some(&strange)), Ok(()), "nobody looked at it");
}
