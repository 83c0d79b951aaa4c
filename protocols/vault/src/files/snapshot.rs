//! Snapshots: the files of one moment, under a name.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use minicbor::{Decode, Encode};

use super::inode::Time;
use super::reader::{Objects, Reader, bytes_of, damaged};
use super::{Files, NAME_MAX};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::{Refusal, VaultError};
use crate::object::ObjectId;
use crate::tree::Tree;

/// What is known of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SnapshotInfo {
    #[n(0)]
    root: Option<ObjectId>,
    /// When it was made.
    #[n(1)]
    pub made: Time,
}

impl SnapshotInfo {
    /// The root of its tree.
    pub(super) fn root(&self) -> Option<ObjectId> {
        self.root
    }
}

/// A snapshot that is read.
#[derive(Debug)]
pub struct Snapshot {
    tree: Tree<ObjectId>,
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Keeps the files as they are now under a name that no snapshot has. It is durable
    /// afterwards, as all files are.
    ///
    /// # Errors
    /// [`Refusal::Exists`], [`Refusal::BadName`], [`Refusal::NameTooLong`]; [`VaultError`].
    pub fn snapshot(&mut self, name: &[u8], now: Time) -> Result<(), VaultError> {
        self.writable()?;
        if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
            return Err(Refusal::BadName.into());
        }
        if name.len() > NAME_MAX {
            return Err(Refusal::NameTooLong.into());
        }
        if self.snapshot_info(name)?.is_some() {
            return Err(Refusal::Exists.into());
        }
        self.flush()?;
        let root = self.save_tree()?;
        let (mut objects, _, snapshots) = self.parts();
        snapshots.insert(&mut objects, name, bytes_of(&SnapshotInfo { root, made: now }))?;
        self.unrecorded = true;
        self.commit()
    }

    /// Whether the files are now as they are in a snapshot. Where they were changed and changed
    /// back, they may count as others.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn is_as_in(&mut self, info: &SnapshotInfo) -> Result<bool, VaultError> {
        self.writable()?;
        self.flush()?;
        Ok(self.save_tree()? == info.root)
    }

    /// Makes all files again what they are in a snapshot, and commits. What they were before is
    /// gone, where no snapshot has it; nobody may have a file open.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn revert(&mut self, snapshot: Snapshot) -> Result<(), VaultError> {
        self.commit()?;
        self.tree = snapshot.tree;
        self.unrecorded = true;
        self.commit()
    }

    /// Removes a snapshot. Its room is made free by [`Self::collect`].
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`VaultError`].
    pub fn remove_snapshot(&mut self, name: &[u8]) -> Result<(), VaultError> {
        self.writable()?;
        let (mut objects, _, snapshots) = self.parts();
        if snapshots.remove(&mut objects, name)?.is_none() {
            return Err(Refusal::NotFound.into());
        }
        self.unrecorded = true;
        self.commit()
    }

    /// All snapshots, in the order of their names.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn list_snapshots(&mut self) -> Result<Vec<(Vec<u8>, SnapshotInfo)>, VaultError> {
        let mut found = Vec::new();
        let mut result = Ok(());
        let (mut objects, _, snapshots) = self.parts();
        snapshots.range(&mut objects, &[], &mut |name, value| match minicbor::decode(value) {
            Ok(info) => {
                found.push((name.to_vec(), info));
                ControlFlow::Continue(())
            }
            Err(_) => {
                result = Err(VaultError::Damaged(damaged()));
                ControlFlow::Break(())
            }
        })?;
        result.map(|()| found)
    }

    /// A snapshot, to be [read](Self::read_snapshot).
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`VaultError`].
    pub fn open_snapshot(&mut self, name: &[u8]) -> Result<Snapshot, VaultError> {
        let info = self.snapshot_info(name)?.ok_or(Refusal::NotFound)?;
        Ok(Snapshot { tree: Tree::new(info.root) })
    }

    /// Reads the files of a snapshot.
    pub fn read_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> Reader<'a, B, C> {
        let objects = Objects {
            store: &mut self.store,
            ring: &self.ring,
            compress: &self.compress,
            recent: &mut self.recent,
        };
        Reader { objects, tree: &snapshot.tree, dirty: None }
    }

    fn snapshot_info(&mut self, name: &[u8]) -> Result<Option<SnapshotInfo>, VaultError> {
        let (mut objects, _, snapshots) = self.parts();
        let value = snapshots.get(&mut objects, name)?;
        value.map(|value| minicbor::decode(&value)).transpose().map_err(|_| VaultError::Damaged(damaged()))
    }
}
