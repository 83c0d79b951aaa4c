//! What a refused operation may leave behind: a used number and a smaller
//! allowance, and nothing else.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::World;
use crate::account::Account;
use crate::guardian::Guardian;
use crate::jellyfish::KeyHash;
use crate::record::place;
use crate::{Changes, Claim, Operation};

impl World {
    /// Both changes are of one block, the second without what was refused.
    pub(super) fn assert_refused_left_nothing(
        &self,
        operations: &[Vec<u8>],
        with: &Changes,
        without: &Changes,
    ) {
        let claims = operations
            .iter()
            .filter_map(|bytes| allod_wire::decode::<Operation>(bytes).ok())
            .map(|operation| operation.body.claim);
        let mut people = BTreeMap::new();
        let mut guardians = BTreeMap::new();
        for claim in claims {
            match claim {
                Claim::Device { did, .. } => drop(people.insert(place::<Account>(&did), did)),
                Claim::Guardian { guardian, .. } => {
                    guardians.insert(place::<Guardian>(&guardian), guardian);
                }
                Claim::Itself => {}
            }
        }
        let places: BTreeSet<&KeyHash> = with.keys().chain(without.keys()).collect();
        for place in places {
            let value = |changes: &Changes| {
                changes.get(place).cloned().unwrap_or_else(|| self.values.0.get(place).cloned())
            };
            let (with, without) = (value(with), value(without));
            if with == without {
                continue;
            }
            let (with, without) = (with.unwrap(), without.unwrap());
            if people.contains_key(place) {
                let [with, without] =
                    [with, without].map(|bytes| allod_wire::decode::<Account>(&bytes).unwrap());
                let public = |account: &Account| {
                    let Account { state, sponsor, founded, pending, vetoed, .. } = account;
                    (state.clone(), *sponsor, *founded, pending.clone(), *vetoed)
                };
                assert_eq!(public(&with), public(&without), "a refused operation changed its author");
            } else {
                assert!(guardians.contains_key(place), "a refused operation changed something");
                let [with, without] =
                    [with, without].map(|bytes| allod_wire::decode::<Guardian>(&bytes).unwrap());
                let public = |guardian: &Guardian| {
                    let Guardian { operator, terms, bond, standing, .. } = guardian;
                    (*operator, terms.clone(), *bond, *standing)
                };
                assert_eq!(public(&with), public(&without), "a refused operation changed its author");
            }
        }
    }
}
