//! Random histories, honest and not, against a small model of the rules.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{at, id, key, root};
use crate::{Device, Error, Kind, Log};

/// What somebody tries.
#[derive(Clone, Copy, Debug)]
enum Try {
    Add(u8),
    Remove(u8),
    /// To a root, with that of another as proof of possession.
    Rotate(u8, u8),
}

/// One attempt: what, signed by which root, and at what time after the start.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    what: Try,
    signer: Option<u8>,
    secs: u64,
}

/// The rules once more, with numbers for keys and no cryptography.
struct Model {
    root: u8,
    retired: BTreeSet<u8>,
    active: Vec<u8>,
    removed: BTreeSet<u8>,
    operations: u32,
    secs: u64,
}

impl Model {
    fn attempt(&mut self, Attempt { what, signer, secs }: Attempt) -> Result<(), Error> {
        let sequence = self.operations;
        if secs < self.secs {
            return Err(Error::TimeBackwards { sequence });
        }
        if signer.unwrap_or(self.root) != self.root {
            return Err(Error::BadSignature { sequence });
        }
        match what {
            Try::Add(n) if self.active.contains(&n) => return Err(Error::DevicePresent { sequence }),
            Try::Add(n) if self.removed.contains(&n) => return Err(Error::DeviceRemoved { sequence }),
            Try::Add(n) => self.active.push(n),
            Try::Remove(n) if self.removed.contains(&n) => return Err(Error::DeviceRemoved { sequence }),
            Try::Remove(n) if !self.active.contains(&n) => return Err(Error::DeviceAbsent { sequence }),
            Try::Remove(n) => {
                self.active.retain(|active| *active != n);
                self.removed.insert(n);
            }
            Try::Rotate(n, proof) if n != proof => return Err(Error::BadPossession { sequence }),
            Try::Rotate(n, _) if n == self.root || self.retired.contains(&n) => {
                return Err(Error::KeyReused { sequence });
            }
            Try::Rotate(n, _) => {
                self.retired.insert(self.root);
                self.root = n;
            }
        }
        self.operations += 1;
        self.secs = secs;
        Ok(())
    }
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let what = prop_oneof![
        4 => (0u8..6).prop_map(Try::Add),
        3 => (0u8..6).prop_map(Try::Remove),
        2 => (0u8..6).prop_map(|n| Try::Rotate(n, n)),
        1 => (0u8..6, 0u8..6).prop_map(|(n, proof)| Try::Rotate(n, proof)),
    ];
    // Mostly the current root signs, sometimes whoever.
    let signer = prop_oneof![5 => Just(None), 1 => (0u8..6).prop_map(Some)];
    // Mostly a little later than the attempt before, sometimes earlier.
    let step = prop_oneof![6 => 0i64..20, 1 => -30i64..0];
    proptest::collection::vec((what, signer, step), 0..24).prop_map(|attempts| {
        let mut secs = 1_000i64;
        let attempt = |(what, signer, step)| {
            secs += step;
            Attempt { what, signer, secs: secs as u64 }
        };
        attempts.into_iter().map(attempt).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_log_keeps_the_models_rules(attempts in attempts()) {
        let mut log = Log::create(&root(0), key(0), "device", at(1_000)).unwrap();
        let mut model = Model {
            root: 0,
            retired: BTreeSet::new(),
            active: [0].into(),
            removed: BTreeSet::new(),
            operations: 1,
            secs: 1_000,
        };
        for attempt in attempts {
            let before = log.clone();
            let now = at(attempt.secs);
            let signer = root(attempt.signer.unwrap_or(model.root));
            let content = |kind| before.state().next(kind, now);
            let operation = match attempt.what {
                Try::Add(n) => {
                    let device = Device::new(key(n), "device", now).unwrap();
                    content(Kind::AddDevice { device }).sign(&signer, None)
                }
                Try::Remove(n) => content(Kind::RemoveDevice { id: id(n) }).sign(&signer, None),
                Try::Rotate(n, proof) => {
                    let kind = Kind::RotateRoot { root: root(n).public_key() };
                    content(kind).sign(&signer, Some(&root(proof)))
                }
            };
            let expected = model.attempt(attempt);
            prop_assert_eq!(log.append(operation), expected);
            if expected.is_err() {
                prop_assert_eq!(&log, &before);
            } else {
                prop_assert!(log.extends(&before) && !before.extends(&log));
            }
        }
        let state = log.state();
        prop_assert!(log.is_root_of(&root(model.root)));
        prop_assert_eq!(state.retired_roots().len(), model.retired.len());
        let active: Vec<_> = model.active.iter().map(|n| id(*n)).collect();
        prop_assert_eq!(state.devices().iter().map(Device::id).collect::<Vec<_>>(), active);
        let removed: BTreeSet<_> = model.removed.iter().map(|n| id(*n)).collect();
        prop_assert_eq!(state.removed().iter().copied().collect::<BTreeSet<_>>(), removed);
        prop_assert_eq!(log.operations().len(), model.operations as usize);
        prop_assert_eq!(state.at(), at(model.secs));
        prop_assert_eq!(&Log::decode(&log.encode()), &Ok(log.clone()));
    }
}
