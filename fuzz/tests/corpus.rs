//! Replays every committed input through its target, on stable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use allod_fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_committed_input_goes_through_its_target() {
    for (name, run) in TARGETS {
        let folder = folder("corpus").join(name);
        let mut inputs = 0;
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|_| panic!("{name} has no corpus: add seeds to it"));
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus of {name} is empty: add seeds to it");
    }
}

#[test]
fn targets_files_and_corpora_are_the_same() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
}

#[test]
fn no_target_panics_on_what_is_nearly_nothing() {
    for (_, run) in TARGETS {
        run(&[]);
        for byte in 0..=255 {
            run(&[byte]);
            run(&[byte; 33]);
        }
    }
}
