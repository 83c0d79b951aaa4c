//! The beacon: randomness that nobody knew before, and that nobody could choose.
//!
//! Round r is the network key's signature on the number r. It can be made as soon
//! as t guardians agree that the round's time has come, and not before; there is
//! one valid signature only, so that whoever makes it has no choice.
//!
//! Of the rounds, one an epoch is told: the first that was not due when the epoch
//! began. So nobody chooses which, and nobody knew it when the epoch began. Who can
//! keep it from being signed or told has one choice: to leave the draws to the
//! word before.

use allod_crypto::hash;
use allod_wire::{Instant, Wire};
use minicbor::{Decode, Encode};

use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::record::Record;
use crate::{NetworkKey, Parameters, Rejection};

/// The newest randomness that the ledger was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Beacon {
    /// Of which round; 0 before the first.
    #[n(0)]
    pub round: u64,
    /// The hash of the round's signature, or the genesis' seed.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub randomness: [u8; 32],
}

impl Record for Beacon {
    type Id = ();
    const KIND: &'static str = "beacon";
}

impl Wire for Beacon {
    const SIZE_MAX: usize = 48;
}

/// The time from which round `round` may be signed.
pub fn due(genesis: Instant, rules: &Parameters, round: u64) -> Instant {
    genesis.plus_ms(round.saturating_mul(rules.beacon_period_ms))
}

/// The first round that is not due before `at`.
pub fn round_at(genesis: Instant, rules: &Parameters, at: Instant) -> u64 {
    at.ms_since(genesis).div_ceil(rules.beacon_period_ms.max(1))
}

/// The first round that nobody can know at `at`: one that is due then can be signed.
pub fn unknown_at(genesis: Instant, rules: &Parameters, at: Instant) -> u64 {
    (at.ms_since(genesis) / rules.beacon_period_ms.max(1)).saturating_add(1)
}

/// [`crate::Action::Beacon`]; `key` is the network's, if it has one.
pub(crate) fn tell<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    key: Option<&NetworkKey>,
    round: u64,
    signature: &[u8],
) -> Result<(), Stop> {
    let known: Beacon = draft.expect(&())?;
    if round <= known.round {
        return Err(Rejection::BeaconKnown.into());
    }
    let key = key.ok_or(Rejection::NoNetworkKey)?;
    if round != context.round {
        return Err(Rejection::OtherRound { expected: context.round }.into());
    }
    if context.at < due(context.genesis, &context.rules, round) {
        let until = due(context.genesis, &context.rules, round);
        return Err(Rejection::TooEarly { until }.into());
    }
    key.verify_beacon(&context.network, round, signature).map_err(|_| Rejection::BadSignature)?;
    let randomness = hash::tagged("allod/ledger/beacon", &[signature]);
    draft.put(&(), &Beacon { round, randomness });
    Ok(())
}
