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
mod head;
mod held;
mod inode;
mod keys;
mod local;
mod moment;
mod names;
mod needed;
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

use allod_crypto::{CryptoRng, Secret};
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
use crate::journal::RECORD_MAX;
use crate::object::ObjectId;
use crate::ring::{Ring, SpaceId};
use crate::store::{Geometry, Store};
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

/// Written bytes that are kept in memory before they become objects.
const DIRTY_MAX: usize = 32 << 20;

/// Changed nodes that are kept in memory before they become objects.
const FRESH_MAX: usize = 1024;

/// Bytes of operations above which a sync is a commit: recording them would cost as much.
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
    /// A new space with nothing in it but the top directory, which belongs to `owner` and
    /// `group`. `root` is the key that opens this image, from which nothing else is derived.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn create(
        blocks: B,
        compress: C,
        root: &Secret<32>,
        geometry: Geometry,
        by: (u32, u32, Time),
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        let mut id = SpaceId([0; 32]);
        rng.fill_bytes(&mut id.0);
        let ring = Ring::new(rng);
        Self::join(blocks, compress, root, geometry, (id, ring), by, rng)
    }

    /// Another image of a space that is somewhere else too, with nothing in it yet.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn join(
        blocks: B,
        compress: C,
        root: &Secret<32>,
        geometry: Geometry,
        (space, ring): (SpaceId, Ring),
        (owner, group, now): (u32, u32, Time),
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        let store = Store::create(blocks, geometry, root, &[], rng)?;
        let ring_wrapped = store.wrap(RING, ring.secrets().expose());
        let state = State {
            root: None,
            next: Ino::ROOT.0 + 1,
            snapshots: None,
            space,
            ring: ring_wrapped,
            sync: None,
            backup: None,
            local: None,
        };
        let mut files = Self::over(store, compress, state, ring);
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
        files.unrecorded = true;
        files.commit()?;
        Ok(files)
    }

    /// Opens a vault, and does again what was recorded since the last checkpoint. Files that
    /// have no name any more go, whoever had them open.
    ///
    /// # Errors
    /// [`VaultError::NotHere`], also where it was not made to the end; [`VaultError`].
    pub fn open(blocks: B, compress: C, root: &Secret<32>) -> Result<Self, VaultError> {
        let mut records = Vec::new();
        let store = Store::open(blocks, root, &mut |record| records.push(record.to_vec()))?;
        let (state, ring) = Self::state_and_ring(&store)?;
        let mut files = Self::over(store, compress, state, ring);
        files.replay(&records)?;
        Ok(files)
    }

    fn state_and_ring(store: &Store<B>) -> Result<(State, Ring), VaultError> {
        if store.state().is_empty() {
            return Err(VaultError::NotHere);
        }
        let state = decode_state(store.state())?;
        let ring = store.unwrap(RING, &state.ring).and_then(|secrets| Ring::from_secrets(&secrets).ok());
        Ok((state, ring.ok_or(VaultError::Damaged(damaged()))?))
    }

    /// Does again what was recorded.
    fn replay(&mut self, records: &[Vec<u8>]) -> Result<(), VaultError> {
        for record in records {
            let mut decoder = minicbor::Decoder::new(record);
            while decoder.position() < record.len() {
                let operation = decoder.decode().map_err(|_| VaultError::Damaged(damaged()))?;
                self.change(&operation)?;
            }
        }
        for ino in self.orphans()? {
            self.apply(&Operation::Forget { ino })?;
        }
        Ok(())
    }

    fn over(store: Store<B>, compress: C, state: State, ring: Ring) -> Self {
        Self {
            store,
            compress,
            chunker: ring.newest().chunker(),
            space: state.space,
            ring,
            recent: Recent::new(),
            tree: Tree::new(state.root),
            snapshots: Tree::new(state.snapshots),
            tables: Tables { sync: Tree::new(state.sync), backup: Tree::new(state.backup) },
            local: state.local,
            next: state.next,
            held: Held::default(),
            dirty: Dirty::default(),
            run: Run::default(),
            pending: Vec::new(),
            pending_size: 0,
            unrecorded: false,
            halfway: false,
        }
    }

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

    /// Records a write piece by piece, so that each fits into a record.
    fn record_write(&mut self, ino: Ino, offset: u64, bytes: &[u8], now: Time) {
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
    fn bound(&mut self) -> Result<(), VaultError> {
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

    /// Bytes that may still be stored, about.
    pub fn room(&self) -> u64 {
        self.store.room()
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

    fn commit_again(&mut self) -> Result<(), VaultError> {
        let state = self.store.state().to_vec();
        self.store.commit(&state)
    }

    fn record(&mut self, operation: &Operation) {
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
