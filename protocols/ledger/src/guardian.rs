//! The guardians: who they are, what they stand to lose, and who votes.
//!
//! A guardian's life: it joins with a bond; it votes and holds shares from the
//! next epoch on; it leaves, or is evicted when a fault of its is proven. A bond
//! can be taken back only some time after leaving, and never while the guardian
//! still holds shares that count; until then evidence still costs it.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::hash;
use allod_crypto::sign::VerifyingKey;
use allod_did::{Did, PublicKey, Signature};
use allod_wire::limits::ADDRESS_MAX;
use allod_wire::{AssetId, GuardianId, Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::account::Account;
use crate::asset::{check_recipient, first_asset, is_label};
use crate::beacon::Beacon;
use crate::block::Context;
use crate::draft::{Draft, Stop, Values};
use crate::genesis::GUARDIANS_MAX;
use crate::holding::{Units, destroy_units, give_units, take_units};
use crate::record::Record;
use crate::shared_key;
use crate::window::Window;
use crate::{Error, Rejection};

/// Bytes of a label.
const LABEL_MAX: usize = 64;

/// Where a guardian is and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// Where other guardians reach it: host and port.
    #[n(0)]
    pub peers: String,
    /// Where people reach it: a URL.
    #[n(1)]
    pub service: String,
    /// Who runs it, as a label: of one operator only so many are drawn into a
    /// committee. Nobody checks it but those who bond and watch.
    #[n(2)]
    pub operator: String,
    /// Whose law it is under, as a label.
    #[n(3)]
    pub jurisdiction: String,
}

impl Terms {
    /// # Errors
    /// [`Rejection::BadTerms`].
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let good = is_label(&self.peers, ADDRESS_MAX)
            && is_label(&self.service, ADDRESS_MAX)
            && is_label(&self.operator, LABEL_MAX)
            && is_label(&self.jurisdiction, LABEL_MAX);
        if good { Ok(()) } else { Err(Rejection::BadTerms) }
    }
}

/// Where a guardian stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    /// It votes and holds shares, or will from the next epoch on.
    #[n(0)]
    Active,
    /// It left, or is about to at the end of the epoch.
    #[n(1)]
    Left {
        /// When.
        #[n(0)]
        at: Instant,
    },
    /// A fault of its was proven.
    #[n(2)]
    Evicted {
        /// When.
        #[n(0)]
        at: Instant,
        /// For what.
        #[n(1)]
        fault: Fault,
    },
}

/// What a guardian was evicted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Fault {
    /// It signed two votes of which an honest guardian signs one.
    #[n(0)]
    Equivocation,
    /// It signed two answers of which one is wrong, or one that is.
    #[n(1)]
    FalseAnswer,
    /// Its share is known to somebody else.
    #[n(2)]
    ShareKnown,
}

/// A guardian.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Guardian {
    /// Who answers for it, and has the bond back.
    #[n(0)]
    pub operator: Did,
    /// Where it is and what it says of itself.
    #[n(1)]
    pub terms: Terms,
    /// What it stands to lose, in units of the network's first asset.
    #[n(2)]
    pub bond: u64,
    /// Where it stands.
    #[n(3)]
    pub standing: Standing,
    /// Which numbers it has used.
    #[n(4)]
    window: Window,
    /// The epoch in which it last vouched for somebody, and how often.
    #[n(5)]
    sponsored: (u64, u32),
    /// The first round of the beacon that nobody knew when it joined. A guardian's
    /// key could be chosen so that it is drawn by what was known before.
    #[n(6)]
    pub since_round: u64,
}

impl Record for Guardian {
    type Id = GuardianId;
    const KIND: &'static str = "guardian";
}

impl Wire for Guardian {
    const SIZE_MAX: usize = 1024;
}

/// All guardians that are active or hold a bond, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Roster(#[n(0)] pub Vec<GuardianId>);

impl Record for Roster {
    type Id = ();
    const KIND: &'static str = "roster";
}

impl Wire for Roster {
    const SIZE_MAX: usize = 8 + GUARDIANS_MAX * 34;
}

impl Guardian {
    pub(crate) fn new(operator: Did, terms: Terms, bond: u64, since_round: u64) -> Self {
        let (standing, window) = (Standing::Active, Window::default());
        Self { operator, terms, bond, standing, window, sponsored: (0, 0), since_round }
    }

    /// Whether the ledger still takes its word: it has not been evicted, and has
    /// not taken its bond back. Who left still deals for those who come after.
    pub(crate) fn has_a_say(&self) -> bool {
        self.bond > 0 && !matches!(self.standing, Standing::Evicted { .. })
    }

    /// Whether it may act as a guardian.
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }

    /// The number that it should give its next operation.
    pub fn next_nonce(&self) -> u64 {
        self.window.next()
    }

    pub(crate) fn take_nonce(&mut self, nonce: u64) -> bool {
        self.window.take(nonce)
    }

    /// Counts one more identity that it vouched for; tells whether its quota
    /// allows that.
    pub(crate) fn sponsor(&mut self, epoch: u64, quota: u32) -> bool {
        let count = if self.sponsored.0 == epoch { self.sponsored.1 } else { 0 };
        if count >= quota {
            return false;
        }
        self.sponsored = (epoch, count + 1);
        true
    }
}

/// What a guardian signs when it joins under `operator`.
pub fn joining(network: &NetworkId, operator: &Did, terms: &Terms, bond: u64) -> [u8; 32] {
    hash::tagged(
        "allod/ledger/joining",
        &[network.as_bytes(), operator.as_bytes(), &bond.to_be_bytes(), &allod_wire::encode(terms)],
    )
}

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
    let known: Beacon = draft.expect(&())?;
    draft.put(id, &Guardian::new(operator, terms.clone(), bond, known.round.saturating_add(1)));
    Ok(())
}

/// [`crate::Action::Restate`].
pub(crate) fn restate<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    id: &GuardianId,
    terms: &Terms,
) -> Result<(), Stop> {
    terms.check()?;
    let mut guardian = draft.expect::<Guardian>(id)?;
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
    if !guardian.is_active() {
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
    if !guardian.is_active() {
        return Err(Rejection::NotActive.into());
    }
    if active(draft)?.len() < 2 {
        return Err(Rejection::LastGuardian.into());
    }
    guardian.standing = Standing::Left { at: context.at };
    draft.put(id, &guardian);
    shared_key::hand_over_from(draft, id, false)
}

/// [`crate::Action::Unbond`].
pub(crate) fn unbond<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    operator: Did,
    id: &GuardianId,
) -> Result<(), Stop> {
    let mut guardian = owned(draft, operator, id)?;
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

/// Takes the bond of a guardian whose fault was proven and shuts it out. Part of
/// the bond goes to `reporter`, the rest is destroyed: less than all of it, so
/// that nobody gains by reporting themselves.
pub(crate) fn evict<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    id: &GuardianId,
    fault: Fault,
    reporter: Option<Did>,
) -> Result<(), Stop> {
    let mut guardian = draft.find::<Guardian>(id)?.ok_or(Rejection::NoGuardian)?;
    if matches!(guardian.standing, Standing::Evicted { .. }) {
        return Err(Rejection::AlreadyEvicted.into());
    }
    let bond = core::mem::take(&mut guardian.bond);
    guardian.standing = Standing::Evicted { at: context.at, fault };
    draft.put(id, &guardian);
    let mut reward = 0;
    if let Some(reporter) = reporter {
        check_recipient(draft, &reporter)?;
        // In 128 bits nothing overflows, and the quotient is below the bond.
        let share = u128::from(bond) * u128::from(context.rules.reward_permille) / 1000;
        reward = u64::try_from(share).unwrap_or(0).min(bond);
        give_units(draft, &units(&context.network, reward), reporter)?;
    }
    destroy_units(draft, &units(&context.network, bond - reward))?;
    forget(draft, id)?;
    shared_key::hand_over_from(draft, id, true)
}

/// Takes a guardian without a bond off the roster. Its record stays.
fn forget<V: Values + ?Sized>(draft: &mut Draft<'_, V>, id: &GuardianId) -> Result<(), Stop> {
    let mut roster = draft.expect::<Roster>(&())?;
    roster.0.retain(|other| other != id);
    draft.put(&(), &roster);
    Ok(())
}

/// The guardians that are active, in ascending order.
pub(crate) fn active<V: Values + ?Sized>(draft: &Draft<'_, V>) -> Result<Vec<(GuardianId, Guardian)>, Error> {
    let mut active = Vec::new();
    for id in draft.expect::<Roster>(&())?.0 {
        let guardian = draft.expect::<Guardian>(&id)?;
        if guardian.is_active() {
            active.push((id, guardian));
        }
    }
    Ok(active)
}

/// Whether it belongs to the committee that votes now.
fn votes<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    context: &Context,
    id: &GuardianId,
) -> Result<bool, Error> {
    let committee = draft.expect::<crate::committee::Committee>(&context.epoch)?;
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
