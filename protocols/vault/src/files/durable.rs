//! When what was done to files is durable: it is recorded in the journal, or stored with a checkpoint.

use alloc::vec::Vec;

use super::inode::{Ino, Time};
use super::operation::Operation;
use super::reader::bytes_of;
use super::table::Table;
use super::{FRESH_MAX, Files, RING, State};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::journal::RECORD_MAX;

/// Written bytes that are kept in memory before they become objects.
pub(super) const DIRTY_MAX: usize = 32 << 20;

/// Bytes of operations above which a sync is a commit: recording them would cost as much.
const PENDING_MAX: usize = 8 << 20;

/// Bytes that are recorded as one write. Of a larger one, a part may be left after a loss of
/// power, as POSIX allows.
pub(super) const PIECE: usize = RECORD_MAX / 2;

/// Bytes in the journal above which a sync is a commit.
const RECORDED_MAX: u64 = 64 << 20;

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Records a write piece by piece, so that each fits into a record.
    pub(super) fn record_write(&mut self, ino: Ino, offset: u64, bytes: &[u8], now: Time) {
        let mut rest = bytes;
        let mut offset = offset;
        while !self.unrecorded {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            self.record(&Operation::Write { ino, offset, bytes: piece.to_vec(), now });
            offset += piece.len() as u64;
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Makes objects of what was written, where it is much.
    pub(super) fn bound(&mut self) -> Result<(), VaultError> {
        if self.dirty.size() > DIRTY_MAX || self.tree.fresh() > FRESH_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Makes all that was done durable, in one append to the journal where it is little.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn sync(&mut self) -> Result<(), VaultError> {
        self.writable()?;
        if self.unrecorded || self.store.recorded() > RECORDED_MAX {
            return self.commit();
        }
        let mut record = Vec::new();
        for operation in &self.pending {
            if record.len() + operation.len() > RECORD_MAX {
                self.store.record(&record)?;
                record.clear();
            }
            record.extend_from_slice(operation);
        }
        if !record.is_empty() {
            self.store.record(&record)?;
        }
        self.store.sync()?;
        self.pending.clear();
        self.pending_size = 0;
        Ok(())
    }

    /// Makes a checkpoint of all files. Does nothing where nothing was done since the last.
    ///
    /// # Errors
    /// [`VaultError`]. What was durable before still is, and another attempt may be made.
    pub fn commit(&mut self) -> Result<(), VaultError> {
        self.writable()?;
        let is_clean = self.pending.is_empty() && !self.unrecorded && self.store.recorded() == 0;
        if is_clean && self.tree.fresh() == 0 && self.snapshots.fresh() == 0 {
            return Ok(());
        }
        self.flush()?;
        let (sync, backup) = (self.save_table(Table::Sync)?, self.save_table(Table::Backup)?);
        let snapshots = {
            let (mut objects, _, snapshots) = self.parts();
            snapshots.save(&mut objects)?
        };
        let state = State {
            root: self.save_tree()?,
            next: self.next,
            snapshots,
            space: self.space,
            ring: self.store.wrap(RING, self.ring.secrets().expose()),
            sync,
            backup,
            local: self.local.clone(),
        };
        self.store.commit(&bytes_of(&state))?;
        self.pending.clear();
        self.pending_size = 0;
        self.unrecorded = false;
        Ok(())
    }

    /// Commits, and gives back the room that was reserved while the files were in use, but for a
    /// little. For files that nobody uses for a while; whoever does takes it again.
    ///
    /// # Errors
    /// [`VaultError`]. What was durable is.
    pub fn give_back(&mut self) -> Result<(), VaultError> {
        self.commit()?;
        self.store.give_back()
    }

    /// Gives the blocks back. What was not committed or synced is lost.
    pub fn into_blocks(self) -> B {
        self.store.into_blocks()
    }

    pub(super) fn commit_again(&mut self) -> Result<(), VaultError> {
        let state = self.store.state().to_vec();
        self.store.commit(&state)
    }

    pub(super) fn record(&mut self, operation: &Operation) {
        if self.unrecorded {
            return;
        }
        let bytes = bytes_of(operation);
        self.pending_size += bytes.len();
        self.pending.push(bytes);
        if self.pending_size > PENDING_MAX {
            self.pending.clear();
            self.pending_size = 0;
            self.unrecorded = true;
        }
    }

    /// Bytes that may still be stored, about.
    pub fn room(&self) -> u64 {
        self.store.room()
    }
}
