//! What is measured of a chain, for Prometheus.

use allod_wire::Instant;

use super::Standing;
use super::ordering::Role;
use crate::exposition::{Kind, Page};

/// Puts a chain's figures on a page, by a clock that says `now`.
pub(crate) fn put(page: &mut Page, standing: &Standing, ready: bool, now: Instant) {
    let Standing { height, at, epoch, certified, keys, ordering, .. } = standing;
    let mut gauge = |name: &str, help: &str, value: u64| {
        page.put(&format!("allod_chain_{name}"), help, Kind::Gauge, value);
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    gauge("ready", "Whether the chain does its part, as readiness says", ready.into());
    gauge("height", "The last height in this guardian's ledger", *height);
    gauge("final_height", "The highest height known to be final", ordering.height_final);
    gauge("epoch", "The epoch that the height is in", *epoch);
    gauge("view", "The last view of the current epoch that this guardian saw end", ordering.view);
    gauge("voters", "Voters of the epoch, this guardian included if it is one", count(ordering.voters));
    gauge("voters_heard", "Other voters heard in the last seconds", count(ordering.voters_heard));
    gauge("peers", "Guardians heard in the last seconds, voters or not", count(ordering.peers));
    gauge("pool_operations", "Operations that wait to be ordered", count(ordering.pool_operations));
    gauge("pool_bytes", "Bytes of the operations that wait", count(ordering.pool_bytes));
    if let Some(certified) = certified {
        gauge("certificate_height", "The height of the newest certificate", *certified);
    }
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    page.put(
        "allod_chain_last_block_timestamp_seconds",
        "The time of the last block, in seconds since 1970",
        Kind::Gauge,
        seconds(at.0),
    );
    page.put(
        "allod_chain_last_block_age_seconds",
        "Seconds since the time of the last block, by this guardian's clock",
        Kind::Gauge,
        seconds(standing.block_age_ms(now)),
    );
    let roles = [(Role::Voter, "votes"), (Role::Observer, "observes")];
    page.put_each(
        "allod_chain_role",
        "What this guardian does in the epoch: 1 for one, 0 for the other",
        Kind::Gauge,
        roles.map(|(role, name)| (format!("role=\"{name}\""), u64::from(role == ordering.role))),
    );
    // Names of keys are letters, digits, "-", "/" and ".".
    let held = keys.iter().filter_map(|(key, held)| Some((format!("key=\"{key}\""), (*held)?)));
    page.put_each(
        "allod_chain_key_generation",
        "The generation of the share that this guardian holds, for each key it holds one of",
        Kind::Gauge,
        held,
    );
}
