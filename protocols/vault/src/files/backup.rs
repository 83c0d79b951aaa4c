//! What a backup needs of the files: which objects are in no pack yet, what all of them
//! belong to, and putting that into a new image.
//!
//! In the table of backups, [`PACKED`] and an object's id lead to the number of the pack that
//! has it (8 bytes, little endian). All other rows are the business of who makes backups.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::needed::Needed;
use super::reader::{Objects, Recent, bytes_of, damaged};
use super::{Files, Ino, decode_state};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::ring::SpaceId;
use crate::tree::Tree;

/// The first byte of the rows that say which pack an object is in.
pub const PACKED: u8 = 1;

/// The key of the row that says which pack an object is in.
pub fn packed_key(id: &ObjectId) -> [u8; 33] {
    let mut key = [PACKED; 33];
    key[1..].copy_from_slice(&id.0);
    key
}

/// What there is to be backed up.
#[derive(Debug, Default)]
pub struct Survey {
    /// Needed objects that are in no pack.
    pub unpacked: Vec<ObjectId>,
    /// Needed objects that were seen and are in a pack. Those that are below a node of a
    /// finished pack are not seen.
    pub packed: BTreeSet<ObjectId>,
}

/// What all objects belong to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Roots {
    #[n(0)]
    space: SpaceId,
    #[n(1)]
    pub(super) root: Option<ObjectId>,
    #[n(2)]
    pub(super) next: u64,
    #[n(3)]
    pub(super) snapshots: Option<ObjectId>,
    #[n(4)]
    pub(super) sync: Option<ObjectId>,
}

impl Roots {
    /// Which space it is.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Their bytes.
    pub fn encode(&self) -> Vec<u8> {
        bytes_of(self)
    }

    /// What [`Self::encode`] gave. Nothing for other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }
}

impl<B: Blocks, C: Compress + Clone> Files<B, C> {
    /// Finds what is in no pack, of what the last commit needs elsewhere. Nothing below a node
    /// is looked at that is in a pack with a number under `finished`: who put it there put all
    /// below it into packs before.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn survey(&mut self, finished: u64) -> Result<Survey, VaultError> {
        let state = decode_state(self.store.state())?;
        let table = Tree::new(state.backup);
        let (ring, compress, mut recent) = (self.ring.clone(), self.compress.clone(), Recent::new());
        let mut survey = Survey::default();
        let mut seen = BTreeSet::new();
        self.needed(Needed::Elsewhere, &mut |store, id| {
            if !seen.insert(*id) {
                return Ok(false);
            }
            let mut objects = Objects { store, ring: &ring, compress: &compress, recent: &mut recent };
            let row = table.get(&mut objects, &packed_key(id))?;
            // A row is kept as it is, behind one byte.
            let pack = row.as_deref().map(|row| row.get(1..).and_then(|pack| pack.try_into().ok()));
            match pack {
                None => {
                    survey.unpacked.push(*id);
                    Ok(true)
                }
                Some(Some(pack)) => {
                    survey.packed.insert(*id);
                    Ok(u64::from_le_bytes(pack) >= finished)
                }
                Some(None) => Err(VaultError::Damaged(damaged())),
            }
        })?;
        Ok(survey)
    }
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// What the objects of the last commit belong to.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn roots(&self) -> Result<Roots, VaultError> {
        let state = decode_state(self.store.state())?;
        Ok(Roots {
            space: self.space,
            root: state.root,
            next: state.next,
            snapshots: state.snapshots,
            sync: state.sync,
        })
    }

    /// Takes the roots of another image of this space for its own, once all that they lead to
    /// was [put](Self::put) here, and commits. What files there were before are gone.
    ///
    /// # Errors
    /// [`VaultError::OtherKeys`] for another space; [`VaultError::Missing`] where something is
    /// not here, and nothing changed; [`VaultError`].
    pub fn adopt(&mut self, roots: &Roots) -> Result<(), VaultError> {
        self.commit()?;
        if roots.space != self.space {
            return Err(VaultError::OtherKeys);
        }
        let before = self.roots()?;
        self.set_roots(roots);
        let done = self.commit().and_then(|()| {
            let mut seen = BTreeSet::new();
            self.needed(Needed::Elsewhere, &mut |store, id| {
                if !seen.insert(*id) {
                    return Ok(false);
                }
                if store.has(id)? { Ok(true) } else { Err(VaultError::Missing(*id)) }
            })
        });
        if let Err(why) = done {
            self.set_roots(&before);
            self.commit()?;
            return Err(why);
        }
        Ok(())
    }

    fn set_roots(&mut self, roots: &Roots) {
        self.tree = Tree::new(roots.root);
        self.snapshots = Tree::new(roots.snapshots);
        self.tables.sync = Tree::new(roots.sync);
        self.next = roots.next.max(Ino::ROOT.0 + 1);
        self.unrecorded = true;
    }
}
