//! What is held: objects that stay although the files may not need them any more, so that who
//! found them can read them to the end while the files change.

use alloc::vec::Vec;
use core::mem;

use super::{Files, Roots};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::tree::Tree;

/// The hold of some files. Whoever has it keeps backups of them; one does at a time.
#[derive(Debug, PartialEq, Eq)]
pub struct Hold(u64);

/// Who has the hold, and what is held.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// How often it was taken.
    count: u64,
    is_taken: bool,
    roots: Option<Roots>,
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Takes the hold, until it is [let go](Self::let_go) or the vault is closed. Nothing where
    /// somebody has it.
    pub fn take_hold(&mut self) -> Option<Hold> {
        if self.held.is_taken {
            return None;
        }
        self.held = Held { count: self.held.count + 1, is_taken: true, roots: None };
        Some(Hold(self.held.count))
    }

    /// Has [`Self::collect`] keep all that these roots of now lead to, in the place of what was
    /// held before. Whether the hold is still this one.
    pub fn hold(&mut self, hold: &Hold, roots: Roots) -> bool {
        let is_it = self.held.is_taken && self.held.count == hold.0;
        if is_it {
            self.held.roots = Some(roots);
        }
        is_it
    }

    /// Gives the hold back. What was held goes with the next [`Self::collect`], where nothing
    /// else needs it.
    pub fn let_go(&mut self, hold: &Hold) {
        if self.held.count == hold.0 {
            (self.held.is_taken, self.held.roots) = (false, None);
        }
    }

    /// What is held.
    pub(super) fn held_roots(&self) -> Option<Roots> {
        self.held.roots.clone()
    }

    /// The roots of all trees of files that these roots lead to.
    pub(super) fn file_roots(&mut self, roots: &Roots) -> Result<Vec<ObjectId>, VaultError> {
        // Snapshots and the table of sync are read as they were then.
        let snapshots = mem::replace(&mut self.snapshots, Tree::new(roots.snapshots));
        let sync = mem::replace(&mut self.tables.sync, Tree::new(roots.sync));
        let found = self.list_snapshots().and_then(|snapshots| Ok((snapshots, self.base()?)));
        (self.snapshots, self.tables.sync) = (snapshots, sync);
        let (snapshots, base) = found?;
        let mut all = Vec::from_iter(roots.root);
        all.extend(snapshots.iter().filter_map(|(_, info)| info.root()));
        all.extend(base);
        Ok(all)
    }
}
