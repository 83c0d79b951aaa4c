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

mod content;
mod dirty;
mod inode;
mod names;
mod operation;
mod reader;
mod snapshot;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use allod_crypto::{CryptoRng, Secret};
use minicbor::{Decode, Encode};

pub use inode::{Entry, FileKind, Ino, Inode, Time};
pub use operation::{Changes, Existing, Operation};
pub use reader::{ContentPart, Names, Reader};
pub use snapshot::{Snapshot, SnapshotInfo};

use crate::blocks::Blocks;
use crate::chunk::Chunker;
use crate::clean::Cleaned;
use crate::compress::Compress;
use crate::error::{Refusal, VaultError};
use crate::journal::RECORD_MAX;
use crate::object::{Keys, ObjectId};
use crate::store::{Geometry, Store};
use crate::tree::{Tree, walk};
use dirty::Dirty;
use inode::Extent;
use inode::key::{self, What};
use reader::{Objects, Recent, bytes_of, damaged};

/// The most bytes of a name.
pub const NAME_MAX: usize = 255;

/// The most bytes of where a symbolic link leads.
pub const TARGET_MAX: usize = 4095;

/// The most bytes of an extended attribute's value.
pub const ATTRIBUTE_MAX: usize = crate::tree::VALUE_MAX;

/// The largest file, in bytes.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// Written bytes that are kept in memory before they become objects, and bytes of the
/// operations that wrote them.
const DIRTY_MAX: usize = 32 << 20;

/// Changed nodes that are kept in memory before they become objects.
const FRESH_MAX: usize = 1024;

/// Operations above which a sync is a commit: recording them would cost as much.
const PENDING_MAX: usize = 8 << 20;

/// Bytes that are recorded as one write. Of a larger one, a part may be left after a loss of
/// power, as POSIX allows.
const PIECE: usize = RECORD_MAX / 2;

/// Bytes in the journal above which a sync is a commit.
const RECORDED_MAX: u64 = 64 << 20;

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
}

/// The files of a vault.
#[derive(Debug)]
pub struct Files<B, C> {
    store: Store<B>,
    compress: C,
    keys: Keys,
    chunker: Chunker,
    recent: Recent,
    tree: Tree<ObjectId>,
    snapshots: Tree<ObjectId>,
    next: u64,
    dirty: Dirty,
    /// Operations that are neither recorded nor in a checkpoint, encoded.
    pending: Vec<Vec<u8>>,
    pending_size: usize,
    /// Something changed that no operation tells.
    unrecorded: bool,
    /// An operation stopped halfway, so that what is in memory is not to be kept.
    halfway: bool,
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// A vault with nothing in it but the root, which belongs to `owner` and `group`.
    /// `root` is the key that opens it, from which nothing else is derived.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn create(
        blocks: B,
        compress: C,
        root: &Secret<32>,
        geometry: Geometry,
        (owner, group, now): (u32, u32, Time),
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        let state = bytes_of(&State { root: None, next: Ino::ROOT.0 + 1, snapshots: None });
        let store = Store::create(blocks, geometry, root, &state, rng)?;
        let mut files = Self::over(store, compress, root)?;
        let inode = Inode {
            kind: FileKind::Directory,
            permissions: 0o755,
            owner,
            group,
            links: 2,
            size: 0,
            accessed: now,
            modified: now,
            changed: now,
            created: now,
            parent: Ino::ROOT,
        };
        files.set(&key::inode(Ino::ROOT), &inode)?;
        files.commit()?;
        Ok(files)
    }

    /// Opens a vault, and does again what was recorded since the last checkpoint. Files that
    /// have no name any more go, whoever had them open.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(blocks: B, compress: C, root: &Secret<32>) -> Result<Self, VaultError> {
        let mut records = Vec::new();
        let store = Store::open(blocks, root, &mut |record| records.push(record.to_vec()))?;
        let mut files = Self::over(store, compress, root)?;
        for record in &records {
            let mut decoder = minicbor::Decoder::new(record);
            while decoder.position() < record.len() {
                let operation = decoder.decode().map_err(|_| VaultError::Damaged(damaged()))?;
                files.change(&operation)?;
            }
        }
        for ino in files.orphans()? {
            files.apply(&Operation::Forget { ino })?;
        }
        Ok(files)
    }

    fn over(store: Store<B>, compress: C, root: &Secret<32>) -> Result<Self, VaultError> {
        let state: State = minicbor::decode(store.state()).map_err(|_| VaultError::Damaged(damaged()))?;
        let keys = Keys::new(root, 0);
        Ok(Self {
            store,
            compress,
            chunker: keys.chunker(),
            keys,
            recent: Recent::new(),
            tree: Tree::new(state.root),
            snapshots: Tree::new(state.snapshots),
            next: state.next,
            dirty: Dirty::default(),
            pending: Vec::new(),
            pending_size: 0,
            unrecorded: false,
            halfway: false,
        })
    }

    /// Reads the files as they are now.
    pub fn read(&mut self) -> Reader<'_, B, C> {
        let objects = Objects {
            store: &mut self.store,
            keys: &self.keys,
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
            // Recorded piece by piece, so that each fits into a record.
            Operation::Write { ino, offset, bytes, now } if bytes.len() > PIECE => {
                for (number, piece) in (0..).zip(bytes.chunks(PIECE)) {
                    let offset = offset + number * PIECE as u64;
                    self.record(&Operation::Write { ino: *ino, offset, bytes: piece.to_vec(), now: *now });
                }
            }
            _ => self.record(operation),
        }
        // What is written over and over is little, and its operations are not.
        let too_much = self.dirty.size() > DIRTY_MAX || self.pending_size > DIRTY_MAX;
        if too_much || self.tree.fresh() > FRESH_MAX {
            self.flush()?;
            if self.pending_size > PENDING_MAX {
                self.commit()?;
            }
        }
        Ok(made)
    }

    /// Makes all that was done durable, in one append to the journal where it is little.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn sync(&mut self) -> Result<(), VaultError> {
        self.writable()?;
        let too_much = self.pending_size > PENDING_MAX || self.store.recorded() > RECORDED_MAX;
        if self.unrecorded || too_much {
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
        let snapshots = {
            let (mut objects, _, snapshots) = self.parts();
            snapshots.save(&mut objects)?
        };
        let root = self.save_tree()?;
        self.store.commit(&bytes_of(&State { root, next: self.next, snapshots }))?;
        self.pending.clear();
        self.pending_size = 0;
        self.unrecorded = false;
        Ok(())
    }

    /// Makes room: commits, and cleans segments of which at most `percent` of a hundred are
    /// needed by the files and the snapshots.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn collect(&mut self, percent: u32) -> Result<Cleaned, VaultError> {
        self.commit()?;
        self.mark()?;
        let mut all = Cleaned::default();
        loop {
            let cleaned = self.store.clean(percent, 16)?;
            if cleaned.segments == 0 {
                break;
            }
            all.segments += cleaned.segments;
            all.removed += cleaned.removed;
            all.copied += cleaned.copied;
            self.commit_again()?;
        }
        if all.segments > 0 {
            self.commit_again()?;
        }
        Ok(all)
    }

    /// Bytes that may still be stored, about.
    pub fn room(&self) -> u64 {
        self.store.room()
    }

    /// Gives the blocks back. What was not committed or synced is lost.
    pub fn into_blocks(self) -> B {
        self.store.into_blocks()
    }

    fn commit_again(&mut self) -> Result<(), VaultError> {
        let state = self.store.state().to_vec();
        self.store.commit(&state)
    }

    /// Marks all that the files and the snapshots need.
    fn mark(&mut self) -> Result<(), VaultError> {
        let state: State =
            minicbor::decode(self.store.state()).map_err(|_| VaultError::Damaged(damaged()))?;
        self.store.begin_marking();
        let mut roots = Vec::from_iter(state.root);
        for snapshot in self.list_snapshots()? {
            roots.extend(snapshot.1.root());
        }
        let (mut objects, _, _) = self.parts();
        if let Some(catalogue) = &state.snapshots {
            walk(
                &mut objects,
                catalogue,
                &mut |objects, id| objects.store.mark_needed(id),
                &mut |_, _, _| Ok(()),
            )?;
        }
        for root in roots {
            let mut enter = |objects: &mut Objects<'_, B, C>, id: &ObjectId| objects.store.mark_needed(id);
            let mut see = |objects: &mut Objects<'_, B, C>, key: &[u8], value: &[u8]| {
                let Some((_, What::Extent(_))) = key::parse(key) else { return Ok(()) };
                match minicbor::decode(value).map_err(|_| VaultError::Damaged(damaged()))? {
                    Extent::Object { id, .. } => objects.store.mark_needed(&id).map(|_| ()),
                    Extent::Inline(_) => Ok(()),
                }
            };
            walk(&mut objects, &root, &mut enter, &mut see)?;
        }
        Ok(())
    }

    fn record(&mut self, operation: &Operation) {
        let bytes = bytes_of(operation);
        self.pending_size += bytes.len();
        self.pending.push(bytes);
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
            keys: &self.keys,
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
