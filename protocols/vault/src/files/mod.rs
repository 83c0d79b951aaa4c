//! Files: directories, contents, links and attributes, as POSIX has them, in a tree over
//! objects.
//!
//! An [`Operation`] changes the files at once, in memory. [`Files::sync`] makes it durable by
//! recording it; [`Files::commit`] makes it durable by storing what was written as objects,
//! the tree above them, and a checkpoint. When a vault is opened, what was recorded after
//! the last checkpoint is done again. So after a loss of power there are the files of one
//! moment: no earlier than the last sync, with every operation before it and none after.
//!
//! A write stays in memory until [`Files::flush`], which cuts what came together into
//! chunks, and keeps small pieces as they are. A file of a few bytes has them in the tree.
//!
//! Snapshots are roots of old trees. They take no more than what changed since.

mod access;
mod backup;
mod check;
mod collect;
mod consistent;
mod content;
mod dirty;
mod durable;
mod head;
mod held;
mod inode;
mod keys;
mod local;
mod moment;
mod names;
mod needed;
mod opening;
mod operation;
mod reader;
mod renewed;
mod snapshot;
mod synced;
mod table;
#[cfg(test)]
mod tests;
mod unsealed;

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

pub use access::Access;
pub use backup::{PACKED, Roots, Survey, packed_key};
pub use check::{Finding, Harmed};
pub use collect::{Collecting, Stage};
pub use consistent::Wrong;
pub use head::Head;
pub use held::Hold;
pub use inode::{Entry, FileKind, Ino, Inode, Time};
pub use local::{LOCAL_MAX, LOCAL_NAME_MAX, LocalChange};
pub use moment::{Difference, Moment};
pub use needed::{Needed, SeeNeeded};
pub use operation::{Changes, Existing, Operation};
pub use reader::{ContentPart, Names, Reader};
pub use snapshot::{Snapshot, SnapshotInfo};
pub(crate) use synced::Changed;
pub use table::{Rows, Table};
pub use unsealed::Unsealed;

use crate::blocks::Blocks;
use crate::chunk::Chunker;
use crate::compress::Compress;
use crate::error::{Refusal, VaultError};
use crate::object::ObjectId;
use crate::ring::{Ring, SpaceId};
use crate::store::Store;
use crate::tree::Tree;
use dirty::Dirty;
use held::Held;
use inode::key;
use local::Local;
use reader::{Objects, Recent, bytes_of, damaged};
use unsealed::Run;

/// The most bytes of a name.
pub const NAME_MAX: usize = 255;

/// The most bytes of where a symbolic link leads.
pub const TARGET_MAX: usize = 4095;

/// The most bytes of an extended attribute's value.
pub const ATTRIBUTE_MAX: usize = crate::tree::VALUE_MAX;

/// The largest file, in bytes.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// Changed nodes that are kept in memory before they become objects.
const FRESH_MAX: usize = 1024;

/// What a checkpoint says of the files.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct State {
    /// The tree of files.
    #[n(0)]
    root: Option<ObjectId>,
    /// The number that the next file gets.
    #[n(1)]
    next: u64,
    /// The tree of snapshots.
    #[n(2)]
    snapshots: Option<ObjectId>,
    /// Which space this is.
    #[n(3)]
    space: SpaceId,
    /// The ring's secrets, sealed under the image's key.
    #[cbor(n(4), with = "minicbor::bytes")]
    ring: Vec<u8>,
    /// The tables beside the files.
    #[n(5)]
    sync: Option<ObjectId>,
    #[n(6)]
    backup: Option<ObjectId>,
    /// Records of this image alone.
    #[n(7)]
    local: Option<Local>,
}

/// The tables beside the files.
#[derive(Debug)]
struct Tables {
    sync: Tree<ObjectId>,
    backup: Tree<ObjectId>,
}

const RING: &[u8] = b"allod vault ring";

fn decode_state(bytes: &[u8]) -> Result<State, VaultError> {
    minicbor::decode(bytes).map_err(|_| VaultError::Damaged(damaged()))
}

/// The files of a vault.
#[derive(Debug)]
pub struct Files<B, C> {
    store: Store<B>,
    compress: C,
    space: SpaceId,
    ring: Ring,
    chunker: Chunker,
    recent: Recent,
    tree: Tree<ObjectId>,
    snapshots: Tree<ObjectId>,
    tables: Tables,
    local: Option<Local>,
    next: u64,
    held: Held,
    dirty: Dirty,
    run: Run,
    /// Operations that are neither recorded nor in a checkpoint, encoded; none where there
    /// were so many that the next sync is a commit.
    pending: Vec<Vec<u8>>,
    pending_size: usize,
    /// Something changed that no operation tells.
    unrecorded: bool,
    /// An operation stopped halfway, so that what is in memory is not to be kept.
    halfway: bool,
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Which space this is an image of.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Reads the files as they are now.
    pub fn read(&mut self) -> Reader<'_, B, C> {
        let objects = Objects {
            store: &mut self.store,
            ring: &self.ring,
            compress: &self.compress,
            recent: &mut self.recent,
        };
        Reader { objects, tree: &self.tree, dirty: Some(&self.dirty) }
    }

    /// Does something to the files. With the number of the file that was made. It is durable
    /// after the next [`Self::sync`] or [`Self::commit`].
    ///
    /// # Errors
    /// [`VaultError::Refused`], where nothing was done; [`VaultError`]. Where the store fails
    /// in the middle of it, the vault can only be read from then on, and is as it was before
    /// when it is opened again.
    pub fn apply(&mut self, operation: &Operation) -> Result<Option<Ino>, VaultError> {
        self.writable()?;
        let made = self.change(operation)?;
        match operation {
            Operation::Write { ino, offset, bytes, now } => self.record_write(*ino, *offset, bytes, *now),
            _ => self.record(operation),
        }
        self.bound()?;
        Ok(made)
    }

    /// Writes bytes into a file: [`Operation::Write`], of bytes that are somewhere else.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn write_at(&mut self, ino: Ino, offset: u64, bytes: &[u8], now: Time) -> Result<(), VaultError> {
        self.writable()?;
        let done = self.write(ino, offset, bytes, now);
        self.halfway |= matches!(&done, Err(why) if !matches!(why, VaultError::Refused(_)));
        done?;
        self.record_write(ino, offset, bytes, now);
        self.bound()
    }

    fn writable(&self) -> Result<(), VaultError> {
        if self.halfway { Err(VaultError::ReadOnly) } else { self.store.writable() }
    }

    /// Does something, without recording it.
    fn change(&mut self, operation: &Operation) -> Result<Option<Ino>, VaultError> {
        let done = self.dispatch(operation);
        if let Err(why) = &done
            && !matches!(why, VaultError::Refused(_))
        {
            self.halfway = true;
        }
        done
    }

    fn dispatch(&mut self, operation: &Operation) -> Result<Option<Ino>, VaultError> {
        match operation {
            Operation::Make { .. } => return self.make(operation).map(Some),
            Operation::Link { ino, parent, name, now } => self.link(*ino, *parent, name, *now),
            Operation::Unlink { parent, name, directory, open, now } => {
                self.unlink(*parent, name, *directory, *open, *now)
            }
            Operation::Rename { .. } => self.rename(operation),
            Operation::Set { ino, changes, now } => self.set_changes(*ino, changes, *now),
            Operation::Write { ino, offset, bytes, now } => self.write(*ino, *offset, bytes, *now),
            Operation::Punch { ino, offset, size, now } => self.punch(*ino, *offset, *size, *now),
            Operation::Attribute { ino, name, value, exists, now } => {
                self.set_attribute(*ino, name, value.as_deref(), *exists, *now)
            }
            Operation::Forget { ino } => self.forget(*ino),
        }
        .map(|()| None)
    }

    /// The objects, and the trees that are over them.
    fn parts(&mut self) -> (Objects<'_, B, C>, &mut Tree<ObjectId>, &mut Tree<ObjectId>) {
        let objects = Objects {
            store: &mut self.store,
            ring: &self.ring,
            compress: &self.compress,
            recent: &mut self.recent,
        };
        (objects, &mut self.tree, &mut self.snapshots)
    }

    fn save_tree(&mut self) -> Result<Option<ObjectId>, VaultError> {
        let (mut objects, tree, _) = self.parts();
        tree.save(&mut objects)
    }

    fn set<T: Encode<()>>(&mut self, key: &[u8], value: &T) -> Result<(), VaultError> {
        self.set_bytes(key, bytes_of(value))
    }

    fn set_bytes(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), VaultError> {
        let (mut objects, tree, _) = self.parts();
        tree.insert(&mut objects, key, value).map(|_| ())
    }

    fn remove(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        let (mut objects, tree, _) = self.parts();
        tree.remove(&mut objects, key)
    }

    fn inode(&mut self, ino: Ino) -> Result<Inode, VaultError> {
        self.read().inode(ino)
    }

    /// Changes what there is of a file, at this time.
    fn set_changes(&mut self, ino: Ino, changes: &Changes, now: Time) -> Result<(), VaultError> {
        let mut inode = self.inode(ino)?;
        if let Some(size) = changes.size {
            match inode.kind {
                FileKind::File if size > SIZE_MAX => return Err(Refusal::TooLarge.into()),
                FileKind::File => {}
                FileKind::Directory => return Err(Refusal::IsDirectory.into()),
                _ => return Err(Refusal::WrongKind.into()),
            }
            if size < inode.size {
                self.cut_content(ino, size, inode.size)?;
            }
            inode.size = size;
            inode.modified = now;
        }
        inode.permissions = changes.permissions.map_or(inode.permissions, |new| new & 0o7777);
        inode.owner = changes.owner.unwrap_or(inode.owner);
        inode.group = changes.group.unwrap_or(inode.group);
        inode.accessed = changes.accessed.unwrap_or(inode.accessed);
        inode.modified = changes.modified.unwrap_or(inode.modified);
        inode.changed = now;
        self.set(&key::inode(ino), &inode)
    }

    fn set_attribute(
        &mut self,
        ino: Ino,
        name: &[u8],
        value: Option<&[u8]>,
        exists: Option<bool>,
        now: Time,
    ) -> Result<(), VaultError> {
        if name.is_empty() || name.contains(&0) {
            return Err(Refusal::BadName.into());
        }
        if name.len() > NAME_MAX {
            return Err(Refusal::NameTooLong.into());
        }
        if value.is_some_and(|value| value.len() > ATTRIBUTE_MAX) {
            return Err(Refusal::TooLarge.into());
        }
        let mut inode = self.inode(ino)?;
        let key = key::attribute(ino, name);
        let is_there = match self.read().attribute(ino, name) {
            Ok(_) => true,
            Err(VaultError::Refused(_)) => false,
            Err(why) => return Err(why),
        };
        match (exists.unwrap_or(is_there || value.is_some()), is_there) {
            (true, false) if exists.is_some() || value.is_none() => return Err(Refusal::NotFound.into()),
            (false, true) => return Err(Refusal::Exists.into()),
            (false, false) if value.is_none() => return Err(Refusal::NotFound.into()),
            _ => {}
        }
        match value {
            Some(value) => self.set_bytes(&key, value.to_vec())?,
            None => self.remove(&key).map(|_| ())?,
        }
        inode.changed = now;
        self.set(&key::inode(ino), &inode)
    }
}
