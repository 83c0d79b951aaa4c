//! What stays, what goes, and that nothing else does.

use allod_ledger::Rejection;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

/// Blocks over a few places, each of which is often written, taken away and
/// written again.
fn blocks() -> impl Strategy<Value = Vec<Changes>> {
    let value =
        prop_oneof![3 => prop::array::uniform2(any::<u8>()).prop_map(|v| Some(v.to_vec())), 2 => Just(None)];
    vec(btree_map((0..24_u16).prop_map(place), value, 0..8), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_height_that_is_kept_is_as_it_was_and_nothing_else_is_on_the_disk(blocks in blocks()) {
        let store = in_memory(FEW);
        let mut model = Model::default();
        for (height, changes) in (0..).zip(blocks) {
            let changes = model.apply(height, &changes);
            match height {
                0 => drop(store.begin(&changes).unwrap()),
                _ => apply(&store, height, changes, Vec::new()).unwrap(),
            }
            check(&store, &model, (0..24).map(place));
            prop_assert_eq!(pruned(&store), height.saturating_sub(FEW.heights));
            // What was taken away with the first block of all was never there.
            prop_assert_eq!(written(&store), model.needed(pruned(&store)));
        }
    }
}

/// A store of so many heights, with one place that changes and one that does not.
fn grown(kept: Kept, heights: u64) -> (Store, Model) {
    let (store, mut model) = (in_memory(kept), Model::default());
    store.begin(&model.apply(0, &Changes::from([(place(1), Some(vec![9]))]))).unwrap();
    go_on(&store, &mut model, heights);
    (store, model)
}

fn go_on(store: &Store, model: &mut Model, heights: u64) {
    let next = store.height().unwrap().unwrap() + 1;
    for height in next..next + heights {
        let changes = Changes::from([(place(0), Some(height.to_be_bytes().to_vec()))]);
        apply(store, height, model.apply(height, &changes), Vec::new()).unwrap();
    }
}

#[test]
fn the_newest_certificate_stays_however_long_nothing_is_signed() {
    let (store, mut model) = grown(FEW, 8);
    store.certify(&certificate(&store, 8)).unwrap();
    go_on(&store, &mut model, FEW.heights_max);
    let known = store.certificate(0..=u64::MAX).unwrap().unwrap();
    assert_eq!(known.checkpoint.height, 8);
    assert_eq!(store.at(8).unwrap().root().unwrap().0, known.checkpoint.root, "it can still be proven with");
    check(&store, &model, (0..2).map(place));
    // But not for ever: the disk is finite.
    go_on(&store, &mut model, 1);
    assert!(matches!(store.at(8), Err(ChainError::NotKept { height: 8 })));
    assert_eq!(store.certificate(0..=u64::MAX).unwrap(), Some(known));
    assert_eq!(store.unsigned().unwrap().unwrap().height, 28);
    // A newer one takes its place.
    store.certify(&certificate(&store, 28)).unwrap();
    go_on(&store, &mut model, 1);
    assert_eq!(store.certificate(0..=20).unwrap(), None);
    assert_eq!(store.certificate(0..=u64::MAX).unwrap().unwrap().checkpoint.height, 28);
}

#[test]
fn checkpoints_of_heights_that_are_not_kept_go_and_the_newest_stays() {
    let (store, _) = grown(FEW, 30);
    assert_eq!(store.checkpoint(24).unwrap(), None);
    assert_eq!(store.checkpoint(28).unwrap().unwrap().height, 28);
    assert_eq!(store.unsigned().unwrap().unwrap().height, 28);
}

#[test]
fn a_height_that_is_fetched_stays_readable_while_somebody_asks() {
    let (store, mut model) = grown(FEW, 10);
    store.fetched(8).unwrap();
    go_on(&store, &mut model, FEW.heights);
    store.fetched(8).unwrap();
    go_on(&store, &mut model, FEW.heights);
    assert_eq!(pruned(&store), 8);
    check(&store, &model, (0..2).map(place));
    // Nobody asked for as many heights as are kept.
    go_on(&store, &mut model, 1);
    assert!(matches!(store.at(8), Err(ChainError::NotKept { .. })));
    // What is gone stays gone.
    store.fetched(8).unwrap();
    go_on(&store, &mut model, 1);
    assert_eq!(pruned(&store), store.height().unwrap().unwrap() - FEW.heights);
}

#[test]
fn whoever_keeps_asking_cannot_keep_a_height_for_ever() {
    let (store, mut model) = grown(FEW, 10);
    for _ in 0..2 * FEW.heights_max {
        store.fetched(8).unwrap();
        for height in 100..200 {
            store.fetched(height).unwrap();
        }
        go_on(&store, &mut model, 1);
        assert!(pruned(&store) + FEW.heights_max >= store.height().unwrap().unwrap());
    }
    assert!(store.at(8).is_err());
}

#[test]
fn an_operation_that_was_refused_twice_is_remembered_since_the_second_time() {
    let store = in_memory(FEW);
    store.begin(&Changes::new()).unwrap();
    let refused = || Outcome { operation: OperationId([5; 32]), result: Err(Rejection::Over) };
    for height in 1..=20 {
        let outcomes = if matches!(height, 1 | 6) { vec![refused()] } else { Vec::new() };
        apply(&store, height, Changes::new(), outcomes).unwrap();
        let known = store.settled(&OperationId([5; 32])).unwrap().map(|settled| settled.height);
        let expected = match height {
            0..6 => Some(1),
            6..=13 => Some(6),
            _ => None,
        };
        assert_eq!(known, expected, "at {height}");
    }
}

#[test]
fn a_block_that_is_not_the_next_one_is_refused() {
    let (store, _) = grown(FEW, 3);
    for height in [0, 3, 5, u64::MAX] {
        assert!(matches!(apply(&store, height, Changes::new(), Vec::new()), Err(ChainError::Store(_))));
    }
    apply(&store, 4, Changes::new(), Vec::new()).unwrap();
}

#[test]
fn a_ledger_that_does_not_grow_does_not_take_more_and_more_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), FEW).unwrap();
    store.begin(&(0..200).map(|number| (place(number), Some(vec![1; 300]))).collect()).unwrap();
    let size = || std::fs::metadata(folder.path().join(FILE)).unwrap().len();
    let mut after_a_while = 0;
    for height in 1..=400_u64 {
        let changes = (0..20)
            .map(|number| (place((number * 7 + height as u16 * 20) % 200), Some(vec![height as u8; 300])))
            .collect();
        apply(&store, height, changes, Vec::new()).unwrap();
        if height == 150 {
            after_a_while = size();
        }
    }
    assert!(size() <= after_a_while, "{} is more than {after_a_while}", size());
}
