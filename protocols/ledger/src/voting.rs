//! What guardians decide by vote, and what is kept of votes that are open.
//!
//! Roles: the active guardians, each with one vote of each [kind](Kind).
//!
//! Flow: a guardian votes for something, told by its hash. As soon as more than two
//! thirds of the guardians that are active at that moment want the same, it is
//! decided, and nothing is kept of it. Another vote of the same kind takes the place
//! of the one before; who leaves or is evicted takes its votes along. So no more
//! proposals of a kind are open than there are guardians, whatever one of them does.
//!
//! What it never does: count the vote of somebody who is not active, count one twice,
//! or decide without a vote that was just cast.

use alloc::vec::Vec;

use allod_wire::{GuardianId, Wire};
use minicbor::{Decode, Encode};

use crate::draft::{Draft, Stop, Values};
use crate::guardian::{GUARDIANS_MAX, active};
use crate::record::Record;
use crate::{Error, Rejection};

/// What is voted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A shared key.
    Key,
    /// A candidate's admission.
    Admission,
}

/// Guardians who want the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Proposal {
    /// Who, all of them active.
    #[n(0)]
    pub approved: Vec<GuardianId>,
}

impl Record for Proposal {
    /// The hash of what is proposed.
    type Id = [u8; 32];
    const KIND: &'static str = "proposal";
}

impl Wire for Proposal {
    const SIZE_MAX: usize = 8 + GUARDIANS_MAX * 34;
}

/// What a guardian's open votes are for: the hashes of what is proposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Ballot {
    /// Which shared key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: Option<[u8; 32]>,
    /// Whose admission.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub admission: Option<[u8; 32]>,
}

impl Record for Ballot {
    type Id = GuardianId;
    const KIND: &'static str = "ballot";
}

impl Wire for Ballot {
    const SIZE_MAX: usize = 80;
}

impl Ballot {
    fn of(&mut self, kind: Kind) -> &mut Option<[u8; 32]> {
        match kind {
            Kind::Key => &mut self.key,
            Kind::Admission => &mut self.admission,
        }
    }

    fn write<V: Values + ?Sized>(&self, draft: &mut Draft<'_, V>, guardian: &GuardianId) {
        if *self == Self::default() {
            draft.remove::<Self>(guardian);
        } else {
            draft.put(guardian, self);
        }
    }
}

/// Votes for what `id` is the hash of. Tells whether that is decided now. To vote
/// again for the same is of use only where others are gone since, so that the votes
/// there are suffice.
///
/// # Errors
/// [`Rejection::NotActive`]; [`Rejection::NothingNew`] for the vote that is cast
/// already and decides nothing.
pub(crate) fn vote<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    author: &GuardianId,
    kind: Kind,
    id: &[u8; 32],
) -> Result<bool, Stop> {
    let active = active(draft)?;
    if active.binary_search_by_key(author, |(id, _)| *id).is_err() {
        return Err(Rejection::NotActive.into());
    }
    let mut ballot: Ballot = draft.find(author)?.unwrap_or_default();
    let former = ballot.of(kind).replace(*id);
    let is_new = former != Some(*id);
    if let Some(former) = former.filter(|_| is_new) {
        take_back(draft, author, &former)?;
    }
    let mut proposal: Proposal = draft.find(id)?.unwrap_or_default();
    if is_new {
        proposal.approved.push(*author);
        draft.put(id, &proposal);
        ballot.write(draft, author);
    }
    if proposal.approved.len() * 3 > active.len() * 2 {
        end(draft, kind, id)?;
        return Ok(true);
    }
    if is_new { Ok(false) } else { Err(Rejection::NothingNew.into()) }
}

/// Forgets a proposal, and whose votes it had.
pub(crate) fn end<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    kind: Kind,
    id: &[u8; 32],
) -> Result<(), Error> {
    let Some(proposal) = draft.find::<Proposal>(id)? else { return Ok(()) };
    for guardian in proposal.approved {
        let mut ballot: Ballot = draft.find(&guardian)?.unwrap_or_default();
        *ballot.of(kind) = None;
        ballot.write(draft, &guardian);
    }
    draft.remove::<Proposal>(id);
    Ok(())
}

/// Takes all votes of a guardian back that is active no more.
pub(crate) fn withdraw<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    guardian: &GuardianId,
) -> Result<(), Error> {
    let Some(ballot) = draft.find::<Ballot>(guardian)? else { return Ok(()) };
    for id in [ballot.key, ballot.admission].into_iter().flatten() {
        take_back(draft, guardian, &id)?;
    }
    draft.remove::<Ballot>(guardian);
    Ok(())
}

/// Takes a vote out of a proposal, which ends with its last one.
fn take_back<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    guardian: &GuardianId,
    id: &[u8; 32],
) -> Result<(), Error> {
    let mut proposal: Proposal = draft.find(id)?.unwrap_or_default();
    proposal.approved.retain(|other| other != guardian);
    if proposal.approved.is_empty() {
        draft.remove::<Proposal>(id);
    } else {
        draft.put(id, &proposal);
    }
    Ok(())
}
