//! A ledger that comes in parts: whole, or not there at all.

use allod_ledger::jellyfish::{Path, RestoreError};

use super::*;

/// Values and the way from the last of them.
type Part = (Vec<(KeyHash, Vec<u8>)>, Path);

/// A store of so many values at height 3, and its parts of `size` values.
fn served(values: u16, size: usize) -> (Store, Vec<Part>) {
    let store = in_memory(FEW);
    store.begin(&(0..values).map(|number| (place(number), Some(vec![1; 50]))).collect()).unwrap();
    for height in 1..=3 {
        let changes = (0..9).map(|number| (place(number * 5), Some(vec![height as u8; 60]))).collect();
        apply(&store, height, changes, Vec::new()).unwrap();
    }
    let ledger = store.at(3).unwrap();
    let mut keys = Vec::new();
    ledger
        .leaves(None, |leaf| {
            keys.push(leaf.key);
            Ok(true)
        })
        .unwrap();
    let parts = keys
        .chunks(size)
        .map(|keys| {
            let values = keys.iter().map(|key| (*key, ledger.value(key).unwrap().unwrap())).collect();
            (values, ledger.prove(keys.last().unwrap()).unwrap())
        })
        .collect();
    (store, parts)
}

/// A part's values, by place.
type Listed = Vec<(KeyHash, Vec<u8>)>;

#[test]
fn a_restored_ledger_goes_on_like_the_one_that_it_came_from() {
    let (store, parts) = served(300, 47);
    let folder = tempfile::tempdir().unwrap();
    let mut restoring = Restoring::begin(folder.path(), &certificate(&store, 3)).unwrap();
    for (number, (values, path)) in parts.iter().enumerate() {
        assert!(matches!(restoring.ledger(), Err(ChainError::NotKept { .. })));
        let complete = restoring.add(values, path).unwrap().unwrap();
        assert_eq!(complete, number + 1 == parts.len());
        assert_eq!(restoring.last(), values.last().map(|(key, _)| key));
    }
    restoring.install(b"finality").unwrap();
    let restored = Store::open(folder.path(), FEW).unwrap();
    assert_eq!(restored.height().unwrap(), Some(3));
    assert_eq!(restored.finality(3).unwrap().as_deref(), Some(&b"finality"[..]));
    assert_eq!(restored.certificate(0..=u64::MAX).unwrap(), Some(certificate(&store, 3)));
    assert_eq!(restored.unsigned().unwrap(), None);
    assert!(matches!(restored.at(2), Err(ChainError::NotKept { height: 2 })));
    for height in 4..=20 {
        let changes: Changes = (0..9_u16)
            .map(|number| (place(number * 7), (number != 2).then(|| vec![height as u8; 9])))
            .filter(|(key, value)| store.newest().unwrap().value(key).unwrap() != *value)
            .collect();
        for one in [&store, &restored] {
            apply(one, height, changes.clone(), Vec::new()).unwrap();
            if height == 12 {
                one.certify(&certificate(one, height)).unwrap();
            }
        }
        let (ours, theirs) = (restored.newest().unwrap(), store.newest().unwrap());
        assert_eq!(ours.root().unwrap(), theirs.root().unwrap());
        for key in (0..300).map(place) {
            assert_eq!(ours.value(&key).unwrap(), theirs.value(&key).unwrap());
            assert_eq!(ours.prove(&key).unwrap(), theirs.prove(&key).unwrap());
        }
    }
    assert_eq!(written(&restored).len(), written(&store).len(), "both prune alike");
    assert_eq!(restored.finality(3).unwrap(), None, "it is of no use any more");
}

#[test]
fn a_ledger_that_was_there_stays_until_the_new_one_is_complete() {
    let (store, parts) = served(100, 30);
    let folder = tempfile::tempdir().unwrap();
    let old = Store::open(folder.path(), FEW).unwrap();
    old.begin(&Changes::from([(place(1), Some(vec![8]))])).unwrap();
    assert!(Restoring::begin(folder.path(), &certificate(&store, 3)).is_err(), "the store is in use");
    drop(old);
    let mut restoring = Restoring::begin(folder.path(), &certificate(&store, 3)).unwrap();
    for (values, path) in &parts[..2] {
        assert!(!restoring.add(values, path).unwrap().unwrap());
    }
    assert!(restoring.install(b"").is_err(), "it is not complete");
    let old = Store::open(folder.path(), FEW).unwrap();
    assert_eq!(old.newest().unwrap().value(&place(1)).unwrap(), Some(vec![8]));
    assert!(!folder.path().join("ledger.restoring").exists(), "what is half-done is thrown away");
    drop(old);
    let mut restoring = Restoring::begin(folder.path(), &certificate(&store, 3)).unwrap();
    assert_eq!(restoring.last(), None, "it begins anew");
    for (values, path) in &parts {
        restoring.add(values, path).unwrap().unwrap();
    }
    restoring.install(b"").unwrap();
    assert_eq!(Store::open(folder.path(), FEW).unwrap().height().unwrap(), Some(3));
}

#[test]
fn a_part_with_any_lie_is_refused_and_the_right_one_taken_after_it() {
    let (store, parts) = served(120, 25);
    let folder = tempfile::tempdir().unwrap();
    let mut restoring = Restoring::begin(folder.path(), &certificate(&store, 3)).unwrap();
    for (number, (values, path)) in parts.iter().enumerate() {
        let mut lies: Vec<Part> = Vec::new();
        let lie = |change: fn(&mut Listed)| {
            let mut values = values.clone();
            change(&mut values);
            (values, path.clone())
        };
        lies.push(lie(|values| values[3].1.push(0)));
        lies.push(lie(|values| drop(values.remove(3))));
        lies.push(lie(|values| values.last_mut().unwrap().1[0] ^= 1));
        lies.push(lie(|values| drop(values.pop())));
        lies.push(lie(|values| values[2].0.0[31] ^= 1));
        lies.push(lie(|values| values.swap(0, 1)));
        lies.push(lie(|values| values.clear()));
        if let Some((other, path)) = parts.get(number + 1) {
            lies.push((other.clone(), path.clone()));
        }
        for (values, path) in &lies {
            let refused: Result<bool, RestoreError> = restoring.add(values, path).unwrap();
            assert!(refused.is_err());
        }
        restoring.add(values, path).unwrap().unwrap();
    }
    assert_eq!(restoring.ledger().unwrap().root().unwrap(), store.at(3).unwrap().root().unwrap());
}
