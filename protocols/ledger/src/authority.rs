//! Who asks, and whether they may ask at all: the signature, the number that is
//! used once, and what stands in for a fee.

use allod_crypto::sign::VerifyingKey;
use allod_did::{DeviceId, PublicKey};

use crate::account::Account;
use crate::context::{Author, Context};
use crate::draft::{Draft, Stop, Values};
use crate::guardian::Guardian;
use crate::operation::{Claim, Operation, Stamp};
use crate::{Chain, Rejection};

/// Who asks, if they may ask at all, and whether they showed work. The signature
/// is not looked at where it was checked before.
pub(crate) fn authorise<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    chain: &Chain,
    operation: &Operation,
    is_checked: bool,
) -> Result<(Author, bool), Stop> {
    let body = &operation.body;
    if body.network != context.network {
        return Err(Rejection::OtherNetwork(body.network).into());
    }
    if context.at > body.until {
        return Err(Rejection::Over.into());
    }
    let stamped = check_stamp(context, chain, operation)?;
    let signed_by = |key: &PublicKey| {
        let signature = operation.signature.as_ref().ok_or(Rejection::BadSignature)?;
        if is_checked {
            return Ok(());
        }
        let signed = body.signed_message(operation.stamp.as_ref());
        key.verify(&signed, signature).map_err(|_| Rejection::BadSignature)
    };
    match &body.claim {
        Claim::Device { did, device, nonce } => {
            let mut account: Account = draft.find(did)?.ok_or(Rejection::NoIdentity)?;
            signed_by(account.state.device(device).ok_or(Rejection::NoDevice)?.key())?;
            spend(context, &mut account, device, *nonce, stamped)?;
            draft.put(did, &account);
            Ok((Author::Person(*did), stamped))
        }
        Claim::Guardian { guardian, nonce } => {
            let mut record: Guardian = draft.find(guardian)?.ok_or(Rejection::NoGuardian)?;
            if !record.has_a_say() {
                return Err(Rejection::NotActive.into());
            }
            signed_by(&VerifyingKey(*guardian.as_bytes()).into())?;
            if !record.take_nonce(*nonce) {
                return Err(Rejection::NonceUsed.into());
            }
            draft.put(guardian, &record);
            Ok((Author::Guardian(*guardian), stamped))
        }
        Claim::Itself if operation.signature.is_none() => Ok((Author::Nobody, stamped)),
        Claim::Itself => Err(Rejection::WrongAuthor.into()),
    }
}

/// Uses a device's number, and pays with work where the identity is new, with
/// its allowance otherwise.
fn spend(
    context: &Context,
    account: &mut Account,
    device: &DeviceId,
    nonce: u64,
    stamped: bool,
) -> Result<(), Rejection> {
    if !account.take_nonce(device, nonce) {
        return Err(Rejection::NonceUsed);
    }
    if stamped {
        return Ok(());
    }
    if account.is_new(context.at, &context.rules) {
        return Err(Rejection::StampNeeded { bits: context.rules.stamp_bits });
    }
    if account.pay(context.at, &context.rules) { Ok(()) } else { Err(Rejection::AllowanceUsedUp) }
}

fn check_stamp(context: &Context, chain: &Chain, operation: &Operation) -> Result<bool, Rejection> {
    let Some(stamp) = &operation.stamp else {
        return Ok(false);
    };
    let mark = if stamp.epoch == context.epoch {
        chain.mark
    } else if stamp.epoch.checked_add(1) == Some(context.epoch) {
        chain.mark_before
    } else {
        return Err(Rejection::BadStamp);
    };
    let work = stamp.work(&mark, &operation.body.message());
    let enough = Stamp::zero_bits(&work) >= u32::from(context.rules.stamp_bits);
    if enough { Ok(true) } else { Err(Rejection::BadStamp) }
}
