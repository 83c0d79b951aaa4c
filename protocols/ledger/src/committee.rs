//! Who votes in an epoch, and how committees are drawn.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::hash;
use allod_wire::{GuardianId, Wire};
use minicbor::{Decode, Encode};

use crate::beacon::Beacon;
use crate::context::Context;
use crate::draft::{Draft, Values};
use crate::guardian::{Guardian, Terms, active};
use crate::record::Record;
use crate::{Error, Parameters};

/// Epochs whose committees are remembered.
pub const COMMITTEES_KEPT: u64 = 64;

/// Guardians that may vote in one epoch: every message of the ordering has room for
/// the votes of so many, and refuses more. Written down here because the ledger says
/// who is seated: a committee that the ordering refuses would stop every guardian
/// for good.
pub const MEMBERS_MAX: usize = 64;

/// Guardians that may follow an epoch without a vote, for the same reason.
pub const OBSERVERS_MAX: usize = 64;

/// A place in a committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seat {
    /// Who.
    #[n(0)]
    pub guardian: GuardianId,
    /// Where other guardians reach it: host and port.
    #[n(1)]
    pub peers: String,
}

/// The guardians that vote in an epoch, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Committee {
    /// Who votes.
    #[n(0)]
    pub members: Vec<Seat>,
    /// Active guardians that do not, and follow: all of them, or as many as there
    /// are places.
    #[n(1)]
    pub observers: Vec<Seat>,
}

impl Record for Committee {
    type Id = u64;
    const KIND: &'static str = "committee";
}

impl Wire for Committee {
    const SIZE_MAX: usize = 64 + (MEMBERS_MAX + OBSERVERS_MAX) * 320;
}

/// Somebody who can be drawn.
pub(crate) type Candidate<'a> = (&'a GuardianId, &'a Guardian);

/// How many with one label a committee may have; 0 for any number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) per_operator: u16,
    pub(crate) per_jurisdiction: u16,
}

/// Draws at most `size` of the candidates, by the order of a hash that nobody
/// knew before `seed` was known, and passes over those whose operator or
/// jurisdiction has its places already. Ascending.
///
/// Who joined when the seed was known may have tried keys until the hash suited
/// them: they have the places that nobody else takes.
pub(crate) fn draw(
    seed: &Beacon,
    purpose: &[u8],
    candidates: &[Candidate<'_>],
    size: usize,
    limits: Limits,
) -> Vec<GuardianId> {
    let mut order: Vec<((bool, [u8; 32]), &Candidate<'_>)> = candidates
        .iter()
        .map(|candidate| {
            let (id, guardian) = candidate;
            let place = hash::tagged("allod/ledger/draw", &[&seed.randomness, id.as_bytes(), purpose]);
            ((guardian.since_round > seed.round, place), candidate)
        })
        .collect();
    order.sort_unstable_by_key(|(place, _)| *place);
    let mut drawn: Vec<&Candidate<'_>> = Vec::new();
    for (_, candidate) in order {
        if drawn.len() >= size {
            break;
        }
        let terms = &candidate.1.terms;
        let same = |label: fn(&Terms) -> &str, limit: u16| {
            let count = drawn.iter().filter(|(_, other)| label(&other.terms) == label(terms)).count();
            limit == 0 || count < usize::from(limit)
        };
        if same(|terms| &terms.operator, limits.per_operator)
            && same(|terms| &terms.jurisdiction, limits.per_jurisdiction)
        {
            drawn.push(candidate);
        }
    }
    let mut drawn: Vec<GuardianId> = drawn.into_iter().map(|(id, _)| **id).collect();
    drawn.sort_unstable();
    drawn
}

/// Writes down who votes in `epoch`: all active guardians, or as many of them as
/// there are places; and who follows: the others, or as many as there are places.
/// Both are drawn. Whoever is in neither waits for another epoch. Without an active
/// guardian the committee before goes on, so that the ledger never stops by its own
/// hand.
pub(crate) fn seat<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    rules: &Parameters,
    epoch: u64,
) -> Result<(), Error> {
    let guardians = active(draft)?;
    if guardians.is_empty() {
        let before: Committee = draft.expect(&epoch.saturating_sub(1))?;
        draft.put(&epoch, &before);
        return Ok(());
    }
    let seed = seed(draft)?;
    let drawn = |role: &[u8], among: &[Candidate<'_>], size| {
        draw(&seed, &[role, &epoch.to_be_bytes()].concat(), among, size, Limits::default())
    };
    let all: Vec<Candidate<'_>> = guardians.iter().map(|(id, guardian)| (id, guardian)).collect();
    let members = drawn(b"committee", &all, usize::from(rules.committee_max).min(MEMBERS_MAX));
    let others: Vec<Candidate<'_>> =
        all.iter().copied().filter(|(id, _)| members.binary_search(id).is_err()).collect();
    let observers = drawn(b"observers", &others, OBSERVERS_MAX);
    let seats = |among: &[Candidate<'_>], drawn: &[GuardianId]| {
        let seat =
            |(id, guardian): &Candidate<'_>| Seat { guardian: **id, peers: guardian.terms.peers.clone() };
        among.iter().filter(|(id, _)| drawn.binary_search(id).is_ok()).map(seat).collect()
    };
    let committee = Committee { members: seats(&all, &members), observers: seats(&others, &observers) };
    draft.put(&epoch, &committee);
    if let Some(old) = epoch.checked_sub(COMMITTEES_KEPT) {
        draft.remove::<Committee>(&old);
    }
    Ok(())
}

/// Randomness for draws: the newest that the beacon said, or that of the genesis.
pub(crate) fn seed<V: Values + ?Sized>(draft: &Draft<'_, V>) -> Result<Beacon, Error> {
    draft.expect(&())
}

/// Whether `context`'s block is the last of its epoch.
pub(crate) fn ends_epoch(context: &Context) -> bool {
    (context.height + 1).is_multiple_of(context.rules.epoch_heights)
}
