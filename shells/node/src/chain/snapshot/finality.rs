//! Checking the votes by which a snapshot's block is final, against the committee
//! that the snapshot itself names.

use std::collections::BTreeSet;

use allod_ledger::committee::Committee;
use allod_ledger::{Checkpoint, Parameters};
use allod_wire::GuardianId;

use crate::chain::store::At;
use crate::chain::{ChainError, ordering};

/// What is wrong with the votes, if anything is. `ledger` is the restored one.
///
/// # Errors
/// [`ChainError::Store`].
pub(super) fn fault(
    ledger: &At,
    checkpoint: &Checkpoint,
    votes: &ordering::Certificate,
) -> Result<Option<&'static str>, ChainError> {
    let rules: Parameters = ledger.expect(&())?;
    let epoch = checkpoint.height / rules.epoch_heights.max(1);
    if votes.block.0 != checkpoint.block.0 {
        return Ok(Some("the votes are on another block"));
    }
    if votes.epoch != epoch {
        return Ok(Some("the votes are of another epoch"));
    }
    let committee: Committee = ledger.expect(&epoch)?;
    let members: BTreeSet<GuardianId> = committee.members.iter().map(|seat| seat.guardian).collect();
    let needed = members.len() - members.len().saturating_sub(1) / 3;
    let voters: BTreeSet<GuardianId> = votes.votes.iter().map(|vote| GuardianId(vote.key.0)).collect();
    if voters.len() != votes.votes.len() || !voters.is_subset(&members) || voters.len() < needed {
        return Ok(Some("the votes are not those of two thirds of the committee"));
    }
    let said = votes.statement().signed_bytes(checkpoint.network.as_bytes());
    // By the same rule as the engine, or an honest peer could be made to look like a liar.
    if votes.votes.iter().any(|vote| vote.key.verify_zip215(&said, &vote.signature).is_err()) {
        return Ok(Some("a vote's signature is wrong"));
    }
    Ok(None)
}
