//! How the files of a vault are made and opened.

use alloc::vec::Vec;

use allod_crypto::{CryptoRng, Secret};

use super::dirty::Dirty;
use super::held::Held;
use super::inode::{FileKind, Ino, Inode, Time, key};
use super::operation::Operation;
use super::reader::{Recent, damaged};
use super::unsealed::Run;
use super::{Files, RING, State, Tables, decode_state};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::ring::{Ring, SpaceId};
use crate::store::{Geometry, Store};
use crate::tree::Tree;

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

    pub(super) fn state_and_ring(store: &Store<B>) -> Result<(State, Ring), VaultError> {
        if store.state().is_empty() {
            return Err(VaultError::NotHere);
        }
        let state = decode_state(store.state())?;
        let ring = store.unwrap(RING, &state.ring).and_then(|secrets| Ring::from_secrets(&secrets).ok());
        Ok((state, ring.ok_or(VaultError::Damaged(damaged()))?))
    }

    /// Does again what was recorded.
    pub(super) fn replay(&mut self, records: &[Vec<u8>]) -> Result<(), VaultError> {
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

    pub(super) fn over(store: Store<B>, compress: C, state: State, ring: Ring) -> Self {
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
}
