//! Locks: the honest transfer to somebody who is offline.
//!
//! Roles: an owner, who sets something aside for one recipient until a time; and
//! the recipient. The owner is online when the lock is made. Later both may be
//! cut off: the recipient checks a proof of the lock, and knows that until it
//! expires nobody else can be given the same. Where the lock asks for a release
//! (32 bytes whose hash it names), the owner hands it over when the deal is
//! struck; without it the recipient cannot claim.
//!
//! A lock of a name ends with the name's own time at the latest: nobody can renew a
//! name that is set aside, so a longer lock would promise what may be somebody else's
//! by then, and who reads its proof could not know.
//!
//! A lock never promises more: a claim counts when the ledger has it, and after
//! the expiry the owner may take the thing back.

use allod_crypto::hash;
use allod_did::Did;
use allod_wire::{Instant, LockId, OperationId, Wire};
use minicbor::{Decode, Encode};

use crate::Rejection;
use crate::asset::check_recipient;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::holding::{Holding, give, take};
use crate::name::NameRecord;
use crate::record::Record;

/// Something set aside.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lock {
    /// What.
    #[n(0)]
    pub what: Holding,
    /// By whom.
    #[n(1)]
    pub owner: Did,
    /// For whom.
    #[n(2)]
    pub recipient: Did,
    /// Until when the recipient may claim it.
    #[n(3)]
    pub expires: Instant,
    /// SHA-256 of the release, where there is one.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub release: Option<[u8; 32]>,
}

impl Record for Lock {
    type Id = LockId;
    const KIND: &'static str = "lock";
}

impl Wire for Lock {
    const SIZE_MAX: usize = 320;
}

/// The id of the lock that the operation `by` makes.
pub fn lock_id(by: &OperationId) -> LockId {
    LockId(hash::tagged("allod/ledger/lock", &[by.as_bytes()]))
}

/// [`crate::Action::Lock`].
pub(crate) fn lock<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    lock: &Lock,
) -> Result<(), Stop> {
    check_expiry(context, lock.expires)?;
    check_recipient(draft, &lock.recipient)?;
    let id = lock_id(&context.operation);
    take(draft, context, &lock.what, lock.owner, id.as_bytes())?;
    check_lasts(draft, &lock.what, lock.expires)?;
    draft.put(&id, lock);
    Ok(())
}

/// [`crate::Action::Claim`].
pub(crate) fn claim<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    recipient: Did,
    id: &LockId,
    release: Option<&[u8; 32]>,
) -> Result<(), Stop> {
    let lock = draft.find::<Lock>(id)?.ok_or(Rejection::NoLock)?;
    if lock.recipient != recipient {
        return Err(Rejection::NotYours.into());
    }
    if context.at > lock.expires {
        return Err(Rejection::LockOver.into());
    }
    if lock.release != release.map(|release| hash::sha256(release)) {
        return Err(Rejection::WrongRelease.into());
    }
    draft.remove::<Lock>(id);
    give(draft, &lock.what, recipient, id.as_bytes())
}

/// [`crate::Action::Unlock`].
pub(crate) fn unlock<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: Did,
    id: &LockId,
) -> Result<(), Stop> {
    let lock = draft.find::<Lock>(id)?.ok_or(Rejection::NoLock)?;
    let over = context.at > lock.expires;
    if author != lock.recipient && author != lock.owner {
        return Err(Rejection::NotYours.into());
    }
    if author != lock.recipient && !over {
        return Err(Rejection::TooEarly { until: lock.expires }.into());
    }
    draft.remove::<Lock>(id);
    give(draft, &lock.what, lock.owner, id.as_bytes())
}

/// A name lasts as long as it is set aside: nobody can renew it meanwhile, and a
/// lock that outlived it would promise what somebody else may hold by then.
///
/// # Errors
/// [`Rejection::OutlivesName`].
pub(crate) fn check_lasts<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    what: &Holding,
    expires: Instant,
) -> Result<(), Stop> {
    let Holding::Name(name) = what else { return Ok(()) };
    let until = draft.expect::<NameRecord>(name)?.until;
    if expires <= until { Ok(()) } else { Err(Rejection::OutlivesName { until }.into()) }
}

/// What is set aside has an end, and not too late a one.
pub(crate) fn check_expiry(context: &Context, expires: Instant) -> Result<(), Rejection> {
    let latest = context.at.plus_ms(context.rules.lock_max_ms);
    if expires > context.at && expires <= latest { Ok(()) } else { Err(Rejection::BadTerm) }
}
