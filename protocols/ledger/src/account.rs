//! Identities on the ledger: their logs, their devices' numbers, what they may
//! still do, and changes that a root made alone.
//!
//! Whoever has a person's root but none of their devices (the person after a
//! recovery; or guardians that colluded and guessed a PIN) can change the log
//! only after `recovery_ms`, visibly, and any device of the person can object
//! meanwhile. A device's signature beside the root's makes a change count at
//! once, so an owner who is attacked is always faster than the attacker.

use alloc::vec::Vec;

use allod_crypto::hash;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_did::{DeviceId, Did, Operation, State};
use allod_wire::limits::DID_OPERATION_MAX;
use allod_wire::{GuardianId, Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::context::{Author, Context};
use crate::draft::{Draft, Stop, Values};
use crate::guardian::Guardian;
use crate::record::Record;
use crate::window::Window;
use crate::{Parameters, Rejection};

/// Devices whose numbers an account keeps; a log has at most so many operations.
const DEVICES_MAX: usize = allod_wire::limits::DID_LOG_MAX;

/// An identity.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// What its log adds up to.
    #[n(0)]
    pub state: State,
    /// Which numbers its devices have used.
    #[n(1)]
    windows: Vec<Numbers>,
    /// How many operations it may still do.
    #[n(2)]
    allowance: Allowance,
    /// The guardian that vouched for it.
    #[n(3)]
    pub sponsor: Option<GuardianId>,
    /// When it came to the ledger.
    #[n(4)]
    pub founded: Instant,
    /// What its root alone wants to change, and did not yet.
    #[n(5)]
    pub pending: Option<Pending>,
    /// When a device last objected.
    #[n(6)]
    pub vetoed: Option<Instant>,
}

/// A change that waits for objections.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Pending {
    /// The change.
    #[n(0)]
    pub operation: Operation,
    /// When it can be put into effect.
    #[n(1)]
    pub ripe: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Numbers {
    #[n(0)]
    device: DeviceId,
    #[n(1)]
    window: Window,
}

/// Operations left, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Allowance {
    #[n(0)]
    left: u32,
    #[n(1)]
    at: Instant,
}

impl Record for Account {
    type Id = Did;
    const KIND: &'static str = "identity";
}

impl Wire for Account {
    const SIZE_MAX: usize = State::SIZE_MAX + DEVICES_MAX * 64 + DID_OPERATION_MAX + 256;
}

/// One operation of an identity's log, so that anybody can read the log here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct LogEntry(#[n(0)] pub Operation);

impl Record for LogEntry {
    type Id = (Did, u32);
    const KIND: &'static str = "identity's operation";
}

impl Wire for LogEntry {
    const SIZE_MAX: usize = DID_OPERATION_MAX;
}

/// A guardian's word that it knows of an identity, so that no work is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sponsorship {
    /// The guardian.
    #[n(0)]
    pub guardian: GuardianId,
    /// In which consensus epoch its quota pays.
    #[n(1)]
    pub epoch: u64,
    /// Its signature on [`sponsoring`], 64 bytes.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

impl Wire for Sponsorship {
    const SIZE_MAX: usize = 128;
}

impl Sponsorship {
    /// Vouches for `did` with a guardian's key.
    pub fn sign(key: &SigningKey, network: &NetworkId, did: &Did, epoch: u64) -> Self {
        let message = sponsoring(network, did, epoch);
        Self { guardian: GuardianId(key.verifying_key().0), epoch, signature: key.sign(&message).0 }
    }
}

/// What a guardian signs when it vouches for an identity.
pub fn sponsoring(network: &NetworkId, did: &Did, epoch: u64) -> [u8; 32] {
    hash::tagged("allod/ledger/sponsorship", &[network.as_bytes(), did.as_bytes(), &epoch.to_be_bytes()])
}

impl Account {
    /// The account of an identity that was just founded.
    pub(crate) fn new(state: State, sponsor: Option<GuardianId>, now: Instant, rules: &Parameters) -> Self {
        let allowance = Allowance { left: rules.allowance_max, at: now };
        Self { state, windows: Vec::new(), allowance, sponsor, founded: now, pending: None, vetoed: None }
    }

    /// The number that `device` should give its next operation.
    pub fn next_nonce(&self, device: &DeviceId) -> u64 {
        let window = self.windows.iter().find(|numbers| numbers.device == *device);
        window.map_or_else(Window::default, |numbers| numbers.window).next()
    }

    /// Whether `device` can use this number now: it belongs to the identity, and the
    /// number was not used and is not too old to tell.
    pub fn can_use(&self, device: &DeviceId, nonce: u64) -> bool {
        let window = self.windows.iter().find(|numbers| numbers.device == *device);
        let window = window.map_or_else(Window::default, |numbers| numbers.window);
        self.state.device(device).is_some() && window.is_free(nonce)
    }

    /// Whether the identity is new and nobody vouched for it.
    pub fn is_new(&self, now: Instant, rules: &Parameters) -> bool {
        self.sponsor.is_none() && now.ms_since(self.founded) < rules.settle_ms
    }

    /// Operations that it may do at `now` without work.
    pub fn allowed(&self, now: Instant, rules: &Parameters) -> u32 {
        let earned = now.ms_since(self.allowance.at) / rules.allowance_ms.max(1);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.allowance.left.saturating_add(earned).min(rules.allowance_max)
    }

    /// Pays for one operation; tells whether it could.
    pub(crate) fn pay(&mut self, now: Instant, rules: &Parameters) -> bool {
        let allowed = self.allowed(now, rules);
        // What was earned in part is kept, so that asking often costs nothing.
        let period = rules.allowance_ms.max(1);
        let at = if allowed == rules.allowance_max {
            now
        } else {
            now.plus_ms(0).0.checked_sub(now.ms_since(self.allowance.at) % period).map_or(now, Instant)
        };
        self.allowance = Allowance { left: allowed.saturating_sub(1), at };
        allowed > 0
    }

    /// Uses a device's number; tells whether it was free.
    pub(crate) fn take_nonce(&mut self, device: &DeviceId, nonce: u64) -> bool {
        if let Some(numbers) = self.windows.iter_mut().find(|numbers| numbers.device == *device) {
            return numbers.window.take(nonce);
        }
        let mut window = Window::default();
        let taken = window.take(nonce);
        self.windows.push(Numbers { device: *device, window });
        taken
    }

    /// Takes in the next operation of the log and forgets devices that are gone:
    /// a removed device never comes back.
    fn grow(&mut self, operation: &Operation) -> Result<(), Rejection> {
        self.state.apply(operation).map_err(Rejection::Log)?;
        self.pending = None;
        let state = &self.state;
        self.windows.retain(|numbers| state.device(&numbers.device).is_some());
        Ok(())
    }
}

/// [`crate::Action::Found`].
pub(crate) fn found<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    genesis: &Operation,
    sponsorship: Option<&Sponsorship>,
    stamped: bool,
) -> Result<(), Stop> {
    let state = State::found(genesis).map_err(Rejection::Log)?;
    let did = state.did();
    if draft.find::<Account>(&did)?.is_some() {
        return Err(Rejection::IdentityPresent.into());
    }
    let sponsor = match sponsorship {
        Some(sponsorship) => Some(sponsor(draft, context, &did, sponsorship)?),
        None if stamped => None,
        None => return Err(Rejection::StampNeeded { bits: context.rules.stamp_bits }.into()),
    };
    draft.put(&did, &Account::new(state, sponsor, context.at, &context.rules));
    draft.put(&(did, 0), &LogEntry(genesis.clone()));
    Ok(())
}

fn sponsor<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    did: &Did,
    sponsorship: &Sponsorship,
) -> Result<GuardianId, Stop> {
    if sponsorship.epoch != context.epoch {
        return Err(Rejection::SponsorshipOver.into());
    }
    let id = sponsorship.guardian;
    let mut guardian = draft.find::<Guardian>(&id)?.ok_or(Rejection::NoGuardian)?;
    let message = sponsoring(&context.network, did, sponsorship.epoch);
    VerifyingKey(*id.as_bytes())
        .verify(&message, &Signature(sponsorship.signature))
        .map_err(|_| Rejection::BadSignature)?;
    if !guardian.is_active() {
        return Err(Rejection::NotActive.into());
    }
    if !guardian.sponsor(context.epoch, context.rules.sponsor_quota) {
        return Err(Rejection::QuotaUsedUp.into());
    }
    draft.put(&id, &guardian);
    Ok(id)
}

/// [`crate::Action::Log`].
pub(crate) fn log<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: Author,
    operation: &Operation,
) -> Result<(), Stop> {
    let did = operation.did();
    let mut account = draft.find::<Account>(&did)?.ok_or(Rejection::NoIdentity)?;
    match author {
        Author::Person(person) if person == did => {
            account.grow(operation)?;
            draft.put(&(did, operation.sequence()), &LogEntry(operation.clone()));
        }
        Author::Nobody => {
            if account.pending.is_some() {
                return Err(Rejection::RecoveryUnderWay.into());
            }
            if account.vetoed.is_some_and(|at| context.at.ms_since(at) < context.rules.recovery_ms) {
                return Err(Rejection::RecoveryVetoed.into());
            }
            // It must be one that could be put into effect.
            account.state.clone().apply(operation).map_err(Rejection::Log)?;
            let ripe = context.at.plus_ms(context.rules.recovery_ms);
            account.pending = Some(Pending { operation: operation.clone(), ripe });
        }
        Author::Person(_) | Author::Guardian(_) => return Err(Rejection::NotYours.into()),
    }
    draft.put(&did, &account);
    Ok(())
}

/// [`crate::Action::Veto`].
pub(crate) fn veto<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    did: Did,
) -> Result<(), Stop> {
    let mut account = draft.expect::<Account>(&did)?;
    if account.pending.take().is_none() {
        return Err(Rejection::NoRecovery.into());
    }
    account.vetoed = Some(context.at);
    draft.put(&did, &account);
    Ok(())
}

/// [`crate::Action::Complete`].
pub(crate) fn complete<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    did: Did,
) -> Result<(), Stop> {
    let mut account = draft.find::<Account>(&did)?.ok_or(Rejection::NoIdentity)?;
    let pending = account.pending.take().ok_or(Rejection::NoRecovery)?;
    if context.at < pending.ripe {
        return Err(Rejection::TooEarly { until: pending.ripe }.into());
    }
    account.grow(&pending.operation)?;
    draft.put(&(did, pending.operation.sequence()), &LogEntry(pending.operation));
    draft.put(&did, &account);
    Ok(())
}
