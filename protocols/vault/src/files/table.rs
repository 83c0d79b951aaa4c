//! Tables beside the files: what a program has to keep together with them, and is no file.
//! They are committed with the files, and no snapshot has them.
//!
//! A value that is too large for a tree's node is kept as an object.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::reader::{Objects, damaged};
use super::{FRESH_MAX, Files};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::{CONTENT_MAX, Kind, ObjectId};
use crate::tree::Tree;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What devices told each other about the files.
    Sync,
    /// Which object was given to whom.
    Backup,
}

/// Bytes of a value that is kept in the tree.
const INLINE_MAX: usize = 4 << 10;

const INLINE: u8 = 0;
const OBJECT: u8 = 1;

/// A table of a vault.
#[derive(Debug)]
pub struct Rows<'a, B, C> {
    files: &'a mut Files<B, C>,
    table: Table,
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// A table.
    pub fn table(&mut self, table: Table) -> Rows<'_, B, C> {
        Rows { files: self, table }
    }

    /// Stores what changed of a table, and gives its root.
    pub(super) fn save_table(&mut self, table: Table) -> Result<Option<ObjectId>, VaultError> {
        let (mut objects, tree) = self.rows(table);
        tree.save(&mut objects)
    }

    fn rows(&mut self, table: Table) -> (Objects<'_, B, C>, &mut Tree<ObjectId>) {
        let objects = Objects {
            store: &mut self.store,
            ring: &self.ring,
            compress: &self.compress,
            recent: &mut self.recent,
        };
        let tree = match table {
            Table::Sync => &mut self.tables.sync,
            Table::Backup => &mut self.tables.backup,
        };
        (objects, tree)
    }
}

impl<B: Blocks, C: Compress> Rows<'_, B, C> {
    /// The value of a key.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        let (mut objects, tree) = self.files.rows(self.table);
        let value = tree.get(&mut objects, key)?;
        value.map(|value| unfold(&mut objects, &value)).transpose()
    }

    /// Sets the value of a key, of at most [`CONTENT_MAX`] bytes. It is durable after the next
    /// commit, or sync.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`]; [`VaultError`].
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), VaultError> {
        self.files.writable()?;
        if value.len() > CONTENT_MAX {
            return Err(VaultError::TooLarge { size_max: CONTENT_MAX });
        }
        let (mut objects, tree) = self.files.rows(self.table);
        let value = match value.len() {
            0..=INLINE_MAX => [&[INLINE], value].concat(),
            _ => {
                let object = objects.ring.newest().seal(Kind::Data, value, objects.compress);
                objects.store.put(&object)?;
                [&[OBJECT], &object.id.0[..]].concat()
            }
        };
        tree.insert(&mut objects, key, value)?;
        self.changed()
    }

    /// Has an object that is in the vault be the value of a key, so that it stays.
    ///
    /// # Errors
    /// [`VaultError`].
    pub(crate) fn keep(&mut self, key: &[u8], object: &ObjectId) -> Result<(), VaultError> {
        self.files.writable()?;
        let (mut objects, tree) = self.files.rows(self.table);
        tree.insert(&mut objects, key, [&[OBJECT], &object.0[..]].concat())?;
        self.changed()
    }

    /// Removes a key. Whether it was there.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn remove(&mut self, key: &[u8]) -> Result<bool, VaultError> {
        self.files.writable()?;
        let (mut objects, tree) = self.files.rows(self.table);
        let was_there = tree.remove(&mut objects, key)?.is_some();
        if was_there {
            self.changed()?;
        }
        Ok(was_there)
    }

    /// At most so many keys with their values, in the order of their bytes, from this one on.
    ///
    /// # Errors
    /// [`VaultError`].
    #[expect(clippy::type_complexity, reason = "keys and their values")]
    pub fn page(&mut self, from: &[u8], count_max: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, VaultError> {
        let (mut objects, tree) = self.files.rows(self.table);
        let mut found = Vec::new();
        tree.range(&mut objects, from, &mut |key, value| {
            if found.len() == count_max {
                return ControlFlow::Break(());
            }
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
        for (_, value) in &mut found {
            *value = unfold(&mut objects, value)?;
        }
        Ok(found)
    }

    /// The same, without the values.
    pub(crate) fn keys(&mut self, from: &[u8], count_max: usize) -> Result<Vec<Vec<u8>>, VaultError> {
        let (mut objects, tree) = self.files.rows(self.table);
        let mut found = Vec::new();
        tree.range(&mut objects, from, &mut |key, _| {
            if found.len() == count_max {
                return ControlFlow::Break(());
            }
            found.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn changed(&mut self) -> Result<(), VaultError> {
        self.files.unrecorded = true;
        let (mut objects, tree) = self.files.rows(self.table);
        if tree.fresh() > FRESH_MAX {
            tree.save(&mut objects)?;
        }
        Ok(())
    }
}

/// The object that a value of a table is in, if it is in one.
pub(super) fn object_of(value: &[u8]) -> Option<ObjectId> {
    match value.split_first() {
        Some((&OBJECT, id)) => id.try_into().map(ObjectId).ok(),
        _ => None,
    }
}

fn unfold<B: Blocks, C: Compress>(
    objects: &mut Objects<'_, B, C>,
    value: &[u8],
) -> Result<Vec<u8>, VaultError> {
    match (value.split_first(), object_of(value)) {
        (_, Some(id)) => objects.fetch(&id),
        (Some((&INLINE, value)), _) => Ok(value.to_vec()),
        _ => Err(VaultError::Damaged(damaged())),
    }
}
