//! Evidence: what shows to everybody that a guardian lied, and what that costs.

mod vote;

use alloc::boxed::Box;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_did::Did;
use allod_threshold::GroupName;
use allod_threshold::answer::SignedAnswer;
use allod_wire::GuardianId;
use minicbor::{Decode, Encode};

pub use vote::{Conflict, SignedVote, Vote, namespace};

use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::guardian::{Fault, Guardian, Standing};
use crate::membership::evict;
use crate::shared_key::{KeyName, SharedKey, Sharing, knows_share, share_context};

/// What shows that a guardian lied.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Evidence {
    /// It signed two votes of which an honest guardian signs one.
    #[n(0)]
    Votes(#[n(0)] Box<Conflict>),
    /// It signed two answers for one place in its log.
    #[n(1)]
    Fork {
        /// A [`SignedAnswer`].
        #[cbor(n(0), with = "minicbor::bytes")]
        first: Vec<u8>,
        /// The other.
        #[cbor(n(1), with = "minicbor::bytes")]
        second: Vec<u8>,
    },
    /// It signed an answer that its share does not give.
    #[n(2)]
    FalseAnswer {
        /// A [`SignedAnswer`].
        #[cbor(n(0), with = "minicbor::bytes")]
        answer: Vec<u8>,
    },
}

/// [`crate::Action::Accuse`].
pub(crate) fn accuse<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    evidence: &Evidence,
) -> Result<(), Stop> {
    let (offender, fault) = match evidence {
        Evidence::Votes(conflict) => {
            conflict.check(&context.network)?;
            (conflict.offender, Fault::Equivocation)
        }
        Evidence::Fork { first, second } => {
            let (first, second) = (signed(first)?, signed(second)?);
            if first.answer.network != *context.network.as_bytes()
                || !first.answer.contradicts(&second.answer)
            {
                return Err(Rejection::NoContradiction.into());
            }
            (GuardianId(first.answer.guardian.0), Fault::FalseAnswer)
        }
        Evidence::FalseAnswer { answer } => {
            let answer = signed(answer)?.answer;
            let offender = GuardianId(answer.guardian.0);
            let name = KeyName::new(&answer.key)?;
            let key: SharedKey = draft.find(&name)?.ok_or(Rejection::NoKey)?;
            let sharing: Sharing = draft.find(&(name, answer.generation))?.ok_or(Rejection::NoKey)?;
            let holder = sharing.holder(&offender).ok_or(Rejection::NotMember)?;
            if answer.network != *context.network.as_bytes() || key.spec.group != GroupName::Ristretto255 {
                return Err(Rejection::NoContradiction.into());
            }
            // With an index that is not the guardian's own, it answers for somebody
            // else's share, which is as false.
            let is_own = answer.index.get() == holder.index;
            let is_false =
                answer.is_false::<Ristretto255>(&holder.public_share).map_err(Rejection::Dealing)?;
            if is_own && !is_false {
                return Err(Rejection::NoContradiction.into());
            }
            (offender, Fault::FalseAnswer)
        }
    };
    evict(draft, context, &offender, fault, None)
}

fn signed(bytes: &[u8]) -> Result<SignedAnswer, Rejection> {
    let signed = SignedAnswer::decode(bytes).map_err(Rejection::Dealing)?;
    signed.verify().map_err(|_| Rejection::BadSignature)?;
    Ok(signed)
}

/// [`crate::Action::ClaimBounty`]: whoever shows that they know a guardian's
/// share has part of its bond. The share itself is not told, and the proof names
/// the claimant, so that nobody who sees it can claim in their place.
///
/// Only of the sharing in force, and only once until the key was handed on: t
/// shares give all others too, those of honest guardians among them, and for good.
/// Who has t must not be paid for every guardian that ever held the key.
pub(crate) fn claim_bounty<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    key: &KeyName,
    generation: u32,
    guardian: &GuardianId,
    claimant: Did,
    proof: &[u8],
) -> Result<(), Stop> {
    let shared: SharedKey = draft.find(key)?.ok_or(Rejection::NoKey)?;
    let sharing: Sharing = draft.find(&(key.clone(), generation))?.ok_or(Rejection::NoKey)?;
    if shared.generation != Some(generation) {
        return Err(Rejection::OldShare.into());
    }
    let holder = sharing.holder(guardian).ok_or(Rejection::NotMember)?;
    for other in &sharing.holders {
        let record: Guardian = draft.expect(&other.guardian)?;
        if matches!(record.standing, Standing::Evicted { fault: Fault::ShareKnown, .. }) {
            return Err(Rejection::ShareClaimed.into());
        }
    }
    let bound_to = share_context(&context.network, key, generation, guardian, &claimant);
    knows_share(shared.spec.group, &holder.public_share, &bound_to, proof)?;
    evict(draft, context, guardian, Fault::ShareKnown, Some(claimant))
}
