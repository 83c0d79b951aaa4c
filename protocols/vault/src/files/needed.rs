//! What is needed: every object that files, snapshots, tables and records lead to. Making
//! room keeps these, and a backup brings them elsewhere.

use alloc::vec::Vec;

use super::inode::Extent;
use super::inode::key::{self, What};
use super::reader::{Objects, damaged};
use super::table::object_of;
use super::{Files, decode_state};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::store::Store;
use crate::tree::walk;

/// What is shown the id of an object that is needed, and says whether to go on below it.
pub type SeeNeeded<'a, B> = dyn FnMut(&mut Store<B>, &ObjectId) -> Result<bool, VaultError> + 'a;

/// Which roots of the last commit are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// All that this image needs, and what is [held](Files::hold).
    Here,
    /// What somebody needs who makes the image anew somewhere else: not the table of backups,
    /// and not the records of this image alone.
    Elsewhere,
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Shows every object that the last commit needs, each tree's nodes before what is below
    /// them. What several roots lead to is shown again, unless `see` says not to go on below a
    /// node that it knows.
    ///
    /// # Errors
    /// [`VaultError`], and what `see` says.
    pub fn needed(&mut self, whose: Needed, see: &mut SeeNeeded<'_, B>) -> Result<(), VaultError> {
        let state = decode_state(self.store.state())?;
        if whose == Needed::Here {
            for id in self.local_objects()? {
                see(&mut self.store, &id)?;
            }
        }
        let now = self.roots()?;
        let mut roots = self.file_roots(&now)?;
        let backup = state.backup.filter(|_| whose == Needed::Here);
        let mut tables = Vec::from([(now.snapshots, false), (now.sync, true), (backup, true)]);
        if let Some(held) = self.held_roots().filter(|_| whose == Needed::Here) {
            roots.extend(self.file_roots(&held)?);
            tables.extend([(held.snapshots, false), (held.sync, true)]);
        }
        let (mut objects, _, _) = self.parts();
        for (root, is_table) in tables {
            let Some(root) = root else { continue };
            let seen = core::cell::RefCell::new(&mut *see);
            let mut enter =
                |objects: &mut Objects<'_, B, C>, id: &ObjectId| seen.borrow_mut()(objects.store, id);
            let mut show = |objects: &mut Objects<'_, B, C>, _: &[u8], value: &[u8]| match object_of(value) {
                Some(id) if is_table => seen.borrow_mut()(objects.store, &id).map(|_| ()),
                _ => Ok(()),
            };
            walk(&mut objects, &root, &mut enter, &mut show)?;
        }
        for root in roots {
            let seen = core::cell::RefCell::new(&mut *see);
            let mut enter =
                |objects: &mut Objects<'_, B, C>, id: &ObjectId| seen.borrow_mut()(objects.store, id);
            let mut show = |objects: &mut Objects<'_, B, C>, key: &[u8], value: &[u8]| {
                let Some((_, What::Extent(_))) = key::parse(key) else { return Ok(()) };
                match minicbor::decode(value).map_err(|_| VaultError::Damaged(damaged()))? {
                    Extent::Object { id, .. } => seen.borrow_mut()(objects.store, &id).map(|_| ()),
                    Extent::Inline(_) => Ok(()),
                }
            };
            walk(&mut objects, &root, &mut enter, &mut show)?;
        }
        Ok(())
    }
}
