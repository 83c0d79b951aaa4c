//! What is deleted, and when: heights that nobody reads any more.
//!
//! A height stays readable
//! - while it is one of the last [`Kept::heights`];
//! - while the newest certificate is of this height or of one before it, since
//!   proofs are made for that one;
//! - while somebody fetches it as a snapshot ([`Store::fetched`]).
//!
//! The latter two count for [`Kept::heights_max`] heights at most, so that neither
//! keys that are not in use nor whoever keeps asking can fill the disk. The newest
//! certificate and the newest checkpoint themselves are never deleted.

use std::sync::PoisonError;

use allod_ledger::jellyfish::Stale;
use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    CERTIFICATES, CHECKPOINTS, ChainError, FINALITY, Kept, NODES, OUTCOMES, OUTCOMES_BY_HEIGHT, PRUNED,
    STALE_NODES, STALE_VALUES, STATE, Store, VALUES, text,
};

/// Snapshots that are fetched at a time. Whoever asks for one more is served as
/// long as its height is readable anyway.
const FETCHED_MAX: usize = 8;

/// Stale entries of each kind that are deleted with one block, beside twice as
/// many as the block made: pruning keeps pace and makes no block slow.
const PRUNED_AT_ONCE: usize = 4096;

impl Default for Kept {
    fn default() -> Self {
        Self { heights: 1_000, heights_max: 16_000, outcomes: 100_000 }
    }
}

/// How many entries a block made stale.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MadeStale {
    pub(super) nodes: usize,
    pub(super) values: usize,
    pub(super) outcomes: usize,
}

impl Store {
    /// Notes that somebody fetches the ledger of this height, which then stays
    /// readable for another [`Kept::heights`] heights.
    pub(in crate::chain) fn fetched(&self, height: u64) -> Result<(), ChainError> {
        let newest = self.height()?.unwrap_or(0);
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if fetched.len() < FETCHED_MAX || fetched.contains_key(&height) {
            fetched.insert(height, newest);
        }
        Ok(())
    }

    /// The lowest height that stays readable when `height` is the last, and those
    /// below `pruned` are gone.
    fn oldest(&self, write: &WriteTransaction, height: u64, pruned: u64) -> Result<u64, ChainError> {
        let mut oldest = height.saturating_sub(self.kept.heights);
        let certified = {
            let certificates = write.open_table(CERTIFICATES).map_err(text)?;
            certificates.last().map_err(text)?.map(|(certified, _)| certified.value())
        };
        // For what is gone already, nothing has to be kept.
        if let Some(certified) = certified.filter(|certified| *certified >= pruned) {
            oldest = oldest.min(certified);
        }
        {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            fetched.retain(|of, asked| *of >= pruned && asked.saturating_add(self.kept.heights) >= height);
            oldest = fetched.keys().next().map_or(oldest, |height| oldest.min(*height));
        }
        let lowest = height.saturating_sub(self.kept.heights_max.max(self.kept.heights));
        Ok(oldest.max(lowest).max(pruned))
    }

    /// Deletes some of what no height that is kept needs.
    pub(super) fn prune(
        &self,
        write: &WriteTransaction,
        height: u64,
        made: MadeStale,
    ) -> Result<(), ChainError> {
        let oldest = {
            let mut state = write.open_table(STATE).map_err(text)?;
            let pruned = state.get(PRUNED).map_err(text)?.map_or(0, |pruned| pruned.value());
            let oldest = self.oldest(write, height, pruned)?;
            state.insert(PRUNED, oldest).map_err(text)?;
            oldest
        };
        {
            let mut stale = write.open_table(STALE_NODES).map_err(text)?;
            let mut nodes = write.open_table(NODES).map_err(text)?;
            // Entries sort by the height since which they are stale.
            let end = oldest.saturating_add(1).to_be_bytes();
            let mut gone = Vec::new();
            for item in stale.range::<&[u8]>(..end.as_slice()).map_err(text)?.take(at_once(made.nodes)) {
                gone.push(item.map_err(text)?.0.value().to_vec());
            }
            for entry in gone {
                if let Some(entry_of) = Stale::from_bytes(&entry) {
                    nodes.remove(entry_of.node.to_bytes().as_slice()).map_err(text)?;
                }
                stale.remove(entry.as_slice()).map_err(text)?;
            }
        }
        {
            let mut stale = write.open_table(STALE_VALUES).map_err(text)?;
            let mut values = write.open_table(VALUES).map_err(text)?;
            let mut gone = Vec::new();
            let end = (oldest.saturating_add(1), [0; 40]);
            for item in stale.range(..end).map_err(text)?.take(at_once(made.values)) {
                gone.push(item.map_err(text)?.0.value());
            }
            for entry in gone {
                values.remove(entry.1).map_err(text)?;
                stale.remove(entry).map_err(text)?;
            }
        }
        forget_below(&mut write.open_table(CHECKPOINTS).map_err(text)?, oldest)?;
        forget_below(&mut write.open_table(CERTIFICATES).map_err(text)?, oldest)?;
        write.open_table(FINALITY).map_err(text)?.retain_in(..oldest, |_, _| false).map_err(text)?;
        self.prune_outcomes(write, height, made.outcomes)
    }

    fn prune_outcomes(&self, write: &WriteTransaction, height: u64, made: usize) -> Result<(), ChainError> {
        let Some(oldest) = height.checked_sub(self.kept.outcomes) else { return Ok(()) };
        let mut outcomes = write.open_table(OUTCOMES).map_err(text)?;
        let mut by_height = write.open_table(OUTCOMES_BY_HEIGHT).map_err(text)?;
        let mut gone = Vec::new();
        for item in by_height.range(..(oldest, [0; 32])).map_err(text)?.take(at_once(made)) {
            gone.push(item.map_err(text)?.0.value());
        }
        for (at, operation) in gone {
            // What was refused at that height may have come again later.
            let known = outcomes.get(operation).map_err(text)?.map(|known| known.value().0);
            if known == Some(at) {
                outcomes.remove(operation).map_err(text)?;
            }
            by_height.remove((at, operation)).map_err(text)?;
        }
        Ok(())
    }
}

fn at_once(made: usize) -> usize {
    PRUNED_AT_ONCE + 2 * made
}

/// Deletes what is below `oldest`, except the newest entry.
fn forget_below(table: &mut Table<'_, u64, &'static [u8]>, oldest: u64) -> Result<(), ChainError> {
    let newest = table.last().map_err(text)?.map(|(height, _)| height.value());
    let end = newest.map_or(oldest, |newest| newest.min(oldest));
    table.retain_in(..end, |_, _| false).map_err(text)?;
    Ok(())
}
