//! The table of backups, written anew where it is damaged: what is in it is known elsewhere, too.

use alloc::collections::BTreeSet;

use super::reader::Objects;
use super::table::object_of;
use super::{Files, decode_state};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::tree::{Survey, Tree, survey};

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Empties the table of backups and commits. What is damaged of it is forgotten, so that rows
    /// that are equal to the old ones can be stored again; `bad` has objects of which that is known.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn empty_backups(&mut self, bad: &BTreeSet<ObjectId>) -> Result<(), VaultError> {
        self.writable()?;
        let mut unreadable = Unreadable { bad, found: BTreeSet::new() };
        if let Some(root) = decode_state(self.store.state())?.backup {
            let (mut objects, _, _) = self.parts();
            survey(&mut objects, &root, &mut unreadable);
        }
        for id in &unreadable.found {
            self.recent.nodes.forget(id);
            self.recent.contents.forget(id);
            self.store.remove(id)?;
        }
        self.tables.backup = Tree::new(None);
        self.unrecorded = true;
        self.commit()
    }
}

/// Finds nodes and values that cannot be read.
struct Unreadable<'a> {
    bad: &'a BTreeSet<ObjectId>,
    found: BTreeSet<ObjectId>,
}

impl<B: Blocks, C: Compress> Survey<Objects<'_, B, C>> for Unreadable<'_> {
    fn enter(&mut self, _: &mut Objects<'_, B, C>, link: &ObjectId) -> bool {
        self.found.extend(self.bad.contains(link).then_some(*link));
        true
    }

    fn see(&mut self, nodes: &mut Objects<'_, B, C>, _: &[u8], value: &[u8]) {
        if let Some(id) = object_of(value)
            && (self.bad.contains(&id) || nodes.fetch(&id).is_err())
        {
            self.found.insert(id);
        }
    }

    fn lost(
        &mut self,
        _: &mut Objects<'_, B, C>,
        link: &ObjectId,
        _: &[u8],
        _: Option<&[u8]>,
        _: VaultError,
    ) {
        self.found.insert(*link);
    }
}
