//! How guardians come and go.
//!
//! A guardian's life: it joins with a bond and is a candidate; the guardians admit
//! it, and it votes and holds shares from the next epoch on; it leaves, or is evicted
//! when a fault of its is proven. A bond can be taken back only some time after
//! leaving, and never while the guardian still holds shares that count; until then
//! evidence still costs it. The guardians of the genesis are active from the first.
//!
//! Why a bond alone makes nobody a guardian: a guardian that is silent commits no
//! fault that could be proven, so its bond is never lost. Whoever joined with enough
//! keys that never run would halt the ledger for good, for the price of bonds that
//! they keep: of four honest guardians and two such keys five have to vote for a
//! block, and four do; and a ledger that is halted can evict nobody. So it takes more
//! than two thirds of the guardians to let another in ([`crate::Action::Admit`]), as
//! many as could halt or rewrite the ledger anyway. Until then a candidate has no
//! vote, no share, and no place in any draw; all it has is a place on the roster, of
//! which there are so many ([`GUARDIANS_MAX`]), each for the least bond.

use allod_crypto::hash;
use allod_crypto::sign::VerifyingKey;
use allod_did::{Did, PublicKey, Signature};
use allod_wire::{AssetId, GuardianId, NetworkId};

use crate::account::Account;
use crate::asset::{check_recipient, first_asset};
use crate::committee::Committee;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::guardian::{Fault, GUARDIANS_MAX, Guardian, Roster, Standing, Terms, active, joining};
use crate::holding::{Units, destroy_units, give_units, take_units};
use crate::voting::{self, Kind};
use crate::{Error, Rejection, beacon, shared_key};

/// [`crate::Action::Join`].
pub(crate) fn join<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    operator: Did,
    id: &GuardianId,
    terms: &Terms,
    bond: u64,
    consent: &Signature,
) -> Result<(), Stop> {
    terms.check()?;
    if bond < context.rules.bond_min {
        return Err(Rejection::BondTooSmall { needed: context.rules.bond_min }.into());
    }
    PublicKey::from(VerifyingKey(*id.as_bytes()))
        .verify(&joining(&context.network, &operator, terms, bond), consent)
        .map_err(|_| Rejection::BadSignature)?;
    let mut roster = draft.expect::<Roster>(&())?;
    let Err(place) = roster.0.binary_search(id) else {
        return Err(Rejection::GuardianPresent.into());
    };
    // A guardian that was evicted does not come back under the same key.
    if draft.find::<Guardian>(id)?.is_some() {
        return Err(Rejection::GuardianPresent.into());
    }
    if roster.0.len() >= GUARDIANS_MAX {
        return Err(Rejection::RosterFull.into());
    }
    take_units(draft, &units(&context.network, bond), operator)?;
    roster.0.insert(place, *id);
    draft.put(&(), &roster);
    let unknown = beacon::unknown_at(context.genesis, &context.rules, context.at);
    draft.put(id, &Guardian::candidate(operator, terms.clone(), bond, unknown));
    Ok(())
}

/// [`crate::Action::Admit`].
pub(crate) fn admit<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: &GuardianId,
    id: &GuardianId,
) -> Result<(), Stop> {
    let mut guardian = draft.find::<Guardian>(id)?.ok_or(Rejection::NoGuardian)?;
    if !guardian.is_candidate() {
        return Err(Rejection::NoCandidate.into());
    }
    if voting::vote(draft, author, Kind::Admission, &admission(id))? {
        guardian.standing = Standing::Active;
        guardian.since_round = beacon::unknown_at(context.genesis, &context.rules, context.at);
        draft.put(id, &guardian);
    }
    Ok(())
}

/// What guardians vote for who vote to admit `candidate`.
pub(crate) fn admission(candidate: &GuardianId) -> [u8; 32] {
    hash::tagged("allod/ledger/admission", &[candidate.as_bytes()])
}

/// [`crate::Action::Restate`].
pub(crate) fn restate<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    id: &GuardianId,
    terms: &Terms,
) -> Result<(), Stop> {
    terms.check()?;
    let mut guardian = draft.expect::<Guardian>(id)?;
    if !guardian.restate(context.epoch) {
        return Err(Rejection::RestatedTooOften.into());
    }
    guardian.terms = terms.clone();
    draft.put(id, &guardian);
    Ok(())
}

/// [`crate::Action::Bond`].
pub(crate) fn bond<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    operator: Did,
    id: &GuardianId,
    amount: u64,
) -> Result<(), Stop> {
    let mut guardian = owned(draft, operator, id)?;
    if !guardian.is_active() && !guardian.is_candidate() {
        return Err(Rejection::NotActive.into());
    }
    take_units(draft, &units(&context.network, amount), operator)?;
    guardian.bond = guardian.bond.checked_add(amount).ok_or(Rejection::SupplyExceeded)?;
    draft.put(id, &guardian);
    Ok(())
}

/// [`crate::Action::Leave`].
pub(crate) fn leave<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    operator: Did,
    id: &GuardianId,
) -> Result<(), Stop> {
    let mut guardian = owned(draft, operator, id)?;
    if !guardian.is_active() && !guardian.is_candidate() {
        return Err(Rejection::NotActive.into());
    }
    if guardian.is_active() && active(draft)?.len() < 2 {
        return Err(Rejection::LastGuardian.into());
    }
    guardian.standing = Standing::Left { at: context.at };
    draft.put(id, &guardian);
    end_votes(draft, id)?;
    shared_key::hand_over_from(draft, context, id, false)
}

/// [`crate::Action::Unbond`].
pub(crate) fn unbond<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    operator: Did,
    id: &GuardianId,
) -> Result<(), Stop> {
    let mut guardian = owned(draft, operator, id)?;
    if guardian.is_active() || guardian.is_candidate() {
        return Err(Rejection::NotLeft.into());
    }
    let Standing::Left { at } = guardian.standing else {
        return Err(Rejection::NotActive.into());
    };
    if guardian.bond == 0 {
        return Err(Rejection::NoAmount.into());
    }
    let until = at.plus_ms(context.rules.unbond_ms);
    if context.at < until {
        return Err(Rejection::TooEarly { until }.into());
    }
    if shared_key::holds_shares(draft, id)? || votes(draft, context, id)? {
        return Err(Rejection::StillNeeded.into());
    }
    let bond = core::mem::take(&mut guardian.bond);
    check_recipient(draft, &operator)?;
    give_units(draft, &units(&context.network, bond), operator)?;
    draft.put(id, &guardian);
    forget(draft, id)
}

/// Takes the bond of a guardian whose fault was proven and shuts it out. All of it
/// is destroyed but for what goes to `claimant`, who knew its share: less than all,
/// so that nobody gains by claiming their own.
pub(crate) fn evict<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    id: &GuardianId,
    fault: Fault,
    claimant: Option<Did>,
) -> Result<(), Stop> {
    let mut guardian = draft.find::<Guardian>(id)?.ok_or(Rejection::NoGuardian)?;
    if matches!(guardian.standing, Standing::Evicted { .. }) {
        return Err(Rejection::AlreadyEvicted.into());
    }
    let bond = core::mem::take(&mut guardian.bond);
    guardian.standing = Standing::Evicted { at: context.at, fault };
    draft.put(id, &guardian);
    let mut reward = 0;
    if let Some(claimant) = claimant {
        check_recipient(draft, &claimant)?;
        // In 128 bits nothing overflows, and the quotient is below the bond.
        let share = u128::from(bond) * u128::from(context.rules.reward_permille) / 1000;
        reward = u64::try_from(share).unwrap_or(0).min(bond);
        give_units(draft, &units(&context.network, reward), claimant)?;
    }
    destroy_units(draft, &units(&context.network, bond - reward))?;
    forget(draft, id)?;
    end_votes(draft, id)?;
    shared_key::hand_over_from(draft, context, id, true)
}

/// Forgets the votes of a guardian that is gone, and those for its admission.
fn end_votes<V: Values + ?Sized>(draft: &mut Draft<'_, V>, id: &GuardianId) -> Result<(), Error> {
    voting::withdraw(draft, id)?;
    voting::end(draft, Kind::Admission, &admission(id))
}

/// Takes a guardian without a bond off the roster. Its record stays.
fn forget<V: Values + ?Sized>(draft: &mut Draft<'_, V>, id: &GuardianId) -> Result<(), Stop> {
    let mut roster = draft.expect::<Roster>(&())?;
    roster.0.retain(|other| other != id);
    draft.put(&(), &roster);
    Ok(())
}

/// Whether it belongs to the committee that votes now.
fn votes<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    context: &Context,
    id: &GuardianId,
) -> Result<bool, Error> {
    let committee = draft.expect::<Committee>(&context.epoch)?;
    Ok(committee.members.iter().any(|member| member.guardian == *id))
}

fn owned<V: Values + ?Sized>(draft: &Draft<'_, V>, operator: Did, id: &GuardianId) -> Result<Guardian, Stop> {
    let guardian = draft.find::<Guardian>(id)?.ok_or(Rejection::NoGuardian)?;
    if guardian.operator != operator {
        return Err(Rejection::NotYours.into());
    }
    // The operator's account was there when the guardian joined and stays.
    draft.expect::<Account>(&operator)?;
    Ok(guardian)
}

/// Bonds are put up in the network's first asset.
fn units(network: &NetworkId, amount: u64) -> Units {
    let asset: AssetId = first_asset(network);
    Units { asset, amount }
}
