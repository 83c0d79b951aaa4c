//! Figures: sizes of paths, and times. They are printed by
//! `cargo test --release -p allod-ledger figures -- --ignored --nocapture`.

use std::time::Instant;
use std::{eprintln, format};

use allod_wire::encode;

use super::*;

/// A tree of this many leaves, grown by a hundred thousand a version.
fn grown(leaves: u32) -> (Store, Version, Root) {
    let mut store = Store::default();
    let (mut version, mut root, mut parent) = (0, Root::EMPTY, None);
    for first in (0..leaves).step_by(100_000) {
        let numbers = first..leaves.min(first + 100_000);
        version += 1;
        root = store.update(
            parent,
            version,
            &numbers.map(|number| (leaf(number).key, Some(leaf(number).value_hash))).collect(),
        );
        store.prune(version);
        parent = Some(version);
    }
    (store, version, root)
}

/// Mean and largest of some numbers.
fn spread(numbers: impl Iterator<Item = usize>) -> std::string::String {
    let (mut count, mut sum, mut most) = (0, 0, 0);
    for number in numbers {
        (count, sum, most) = (count + 1, sum + number, most.max(number));
    }
    format!("{} on average, {most} at most", sum / count)
}

#[test]
#[ignore = "prints figures; takes a minute"]
fn sizes_and_times() {
    for leaves in [1_000, 100_000, 1_000_000] {
        let began = Instant::now();
        let (mut store, version, root) = grown(leaves);
        eprintln!("{leaves} leaves, built in {} ms", began.elapsed().as_millis());
        let bytes: usize =
            store.nodes.iter().map(|(key, node)| key.to_bytes().len() + encode(node).len()).sum();
        eprintln!("  stored: {} nodes, {} bytes a leaf", store.nodes.len(), bytes / leaves as usize);

        let present: Vec<u32> = (0..1_000).map(|place| place * (leaves / 1_000)).collect();
        let began = Instant::now();
        let paths: Vec<Path> =
            present.iter().map(|number| prove(&store, version, &leaf(*number).key).unwrap()).collect();
        eprintln!("  prove: {} µs", began.elapsed().as_micros() / 1_000);
        eprintln!("  inclusion: {} bytes", spread(paths.iter().map(|path| encode(path).len())));
        let began = Instant::now();
        for (number, path) in present.iter().zip(&paths) {
            assert_eq!(path.verify_inclusion(&root, &leaf(*number).key, &value(*number)), Ok(()));
        }
        eprintln!("  verify: {} µs", began.elapsed().as_micros() / 1_000);
        let absent = (0..1_000).map(|place| prove(&store, version, &leaf(leaves + place).key).unwrap());
        eprintln!("  exclusion: {} bytes", spread(absent.map(|path| encode(&path).len())));

        let changes: Changes =
            present.iter().map(|number| (leaf(*number).key, Some(ValueHash([1; 32])))).collect();
        let began = Instant::now();
        let made = update(&store, Some(version), version + 1, &changes).unwrap();
        eprintln!(
            "  update of 1000 keys: {} ms, {} nodes written",
            began.elapsed().as_micros() as f64 / 1_000.0,
            made.nodes.len()
        );
        store.update(Some(version), version + 1, &changes);
        let began = Instant::now();
        let count = leaves_of(&store, version + 1);
        eprintln!("  {count} leaves read in order: {} ms", began.elapsed().as_millis());
        assert_eq!(count, leaves as usize);
    }
}

fn leaves_of(store: &Store, version: Version) -> usize {
    leaves(store, version, None).unwrap().filter(Result::is_ok).count()
}
