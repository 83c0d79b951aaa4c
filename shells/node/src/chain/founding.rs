//! Founding a network: its rules, and its genesis.

use allod_crypto::Secret;
use allod_did::Did;
use allod_ledger::guardian::Terms;
use allod_ledger::shared_key::{KeyName, KeySpec};
use allod_ledger::{Endowment, Founder, Genesis, Parameters};
use allod_threshold::GroupName;
use allod_wire::{GuardianId, Instant};

/// The key of the oblivious function that every network has.
pub const OPRF_KEY: &str = "oprf";
/// The key to which files are sealed for a quorum of guardians.
pub const SEAL_KEY: &str = "seal";

/// Units that an operator begins with beside its guardian's bond.
const SPARE: u64 = 1_000_000;

/// One guardian of a network that is to be founded.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its key.
    pub guardian: GuardianId,
    /// Where it is and what it says of itself.
    pub terms: Terms,
    /// Who answers for it.
    pub operator: Did,
    /// The operation that founds the operator's identity.
    pub identity: allod_did::Operation,
}

/// Rules that suit a network for trying out: everything that takes days
/// elsewhere takes seconds or minutes.
pub fn local_rules() -> Parameters {
    const MINUTE: u64 = 60 * 1000;
    const DAY: u64 = 24 * 60 * MINUTE;
    Parameters {
        epoch_heights: 64,
        committee_max: 64,
        checkpoint_every: 4,
        beacon_period_ms: 3_000,
        phase_ms: 5_000,
        phase_heights: 4,
        reshare_epochs: 16,
        unbond_ms: MINUTE,
        bond_min: 1_000,
        reward_permille: 500,
        name_age_heights: 2,
        name_commit_ms: 60 * MINUTE,
        name_term_max_ms: 5 * 366 * DAY,
        name_grace_ms: 30 * DAY,
        recovery_ms: MINUTE,
        stamp_bits: 16,
        settle_ms: DAY,
        allowance_max: 200,
        allowance_ms: 5_000,
        sponsor_quota: 1_000,
        lock_max_ms: 366 * DAY,
    }
}

/// Rules for a network that is to last: time to notice a thief, to object, and to
/// renew.
pub fn lasting_rules() -> Parameters {
    const MINUTE: u64 = 60 * 1000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    Parameters {
        // With a block each half second when there is little to do, half an hour;
        // half a day between two handings-over of every key.
        epoch_heights: 4_096,
        checkpoint_every: 8,
        phase_ms: MINUTE,
        phase_heights: 16,
        reshare_epochs: 24,
        unbond_ms: 28 * DAY,
        bond_min: 100_000,
        name_age_heights: 4,
        name_commit_ms: DAY,
        recovery_ms: 7 * DAY,
        stamp_bits: 24,
        settle_ms: 7 * DAY,
        allowance_max: 100,
        allowance_ms: MINUTE,
        sponsor_quota: 100,
        ..local_rules()
    }
}

/// [`local_rules`] with all that takes many heights made shorter still: for tests, in
/// which somebody waits for several epochs.
pub fn brisk_rules() -> Parameters {
    Parameters {
        epoch_heights: 16,
        checkpoint_every: 2,
        beacon_period_ms: 1_000,
        phase_ms: 6_000,
        phase_heights: 3,
        reshare_epochs: 0,
        recovery_ms: 30_000,
        ..local_rules()
    }
}

/// The genesis of a network of these guardians, whose keys any `threshold` of
/// them can use.
pub fn genesis(name: &str, at: Instant, rules: Parameters, places: &[Place], threshold: u16) -> Genesis {
    let bond = rules.bond_min.saturating_mul(10);
    let size = u16::try_from(places.len()).unwrap_or(u16::MAX);
    let key = |key: KeyName, group| KeySpec {
        name: key,
        group,
        size,
        threshold,
        per_operator: 0,
        per_jurisdiction: 0,
        apart_from: None,
    };
    let mut keys = vec![key(KeyName::network(), GroupName::Bls12381G2)];
    keys.extend(
        [OPRF_KEY, SEAL_KEY]
            .into_iter()
            .filter_map(|name| KeyName::new(name).ok())
            .map(|name| key(name, GroupName::Ristretto255)),
    );
    Genesis {
        name: name.into(),
        at,
        seed: *Secret::random(&mut crate::entropy()).expose(),
        parameters: rules,
        asset: "unit".into(),
        endowments: places
            .iter()
            .map(|place| Endowment { identity: place.identity.clone(), amount: bond + SPARE })
            .collect(),
        founders: places
            .iter()
            .map(|place| Founder {
                guardian: place.guardian,
                operator: place.operator,
                terms: place.terms.clone(),
                bond,
            })
            .collect(),
        keys,
    }
}
