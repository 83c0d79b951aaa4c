//! Looking at all that a vault has, naming the files that a damage harms, and putting good
//! objects in the place of damaged ones.
//!
//! 1. [`Files::check_parts`] looks at the image's own parts. What is damaged there is made
//!    again by [`Files::rebuild`].
//! 2. [`Files::verify`] looks at objects, each by itself, so that a shell may do
//!    it on many cores.
//! 3. [`Files::check_files`] follows all trees, finds what is missing, what damaged objects are
//!    a part of, and whether the files agree with each other.
//!    Where so much is damaged that a vault cannot be opened, it is [opened to be
//!    mended](Files::open_to_mend).
//! 4. [`Files::mend`] puts in what somebody else still has, and [`Files::give_up`] drops what
//!    nobody has, so that the content can be stored again.
//!
//! # Memory
//! About 100 bytes a file, and 32 bytes a node of the trees; where something is damaged, the
//! names of all files beside.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_crypto::Secret;

use super::consistent::{Consistency, Wrong};
use super::inode::key::{self, What};
use super::inode::{Entry, Extent, Ino};
use super::local::OWN_KEY;
use super::reader::Objects;
use super::table::object_of;
use super::{Files, decode_state};
use crate::blocks::Blocks;
use crate::check::Rebuilt;
use crate::compress::Compress;
use crate::error::{Damage, Part, VaultError};
use crate::object::{ObjectId, Sealed};
use crate::ring::Ring;
use crate::store::Store;
use crate::tree::{Survey, survey};

/// Files that are named for one object, at most.
const NAMED_MAX: usize = 64;

/// A file that a damage harms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Harmed {
    /// The snapshot that it is in, or the files as they are now.
    pub snapshot: Option<Vec<u8>>,
    /// Its path from the top, or as much of it as can be read.
    pub path: Vec<u8>,
}

/// What is wrong with the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An object is damaged or missing, and these files need it, as far as they can be named,
    /// at most 64.
    Object(ObjectId, Vec<Harmed>),
    /// The files of now do not agree with each other. That is no damage but a mistake of a
    /// program.
    Files(Ino, Wrong),
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Opens a vault of which the table or the index are damaged, and makes both again. All
    /// objects that are not in the old index are looked at. It is durable afterwards.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn rebuild(blocks: B, compress: C, root: &Secret<32>) -> Result<(Self, Rebuilt), VaultError> {
        let mut records = Vec::new();
        let damaged = Store::open_damaged(blocks, root, &mut |record| records.push(record.to_vec()))?;
        let (state, ring) = Self::state_and_ring(damaged.store())?;
        // What has a key of its own is looked at when it is opened.
        let mut is_good = |object: &Sealed| object.keys == OWN_KEY || ring.check(object, &compress).is_ok();
        let (store, rebuilt) = damaged.rebuild(&mut is_good)?;
        let mut files = Self::over(store, compress, state, ring);
        files.replay(&records)?;
        files.unrecorded = true;
        files.commit()?;
        // So that neither checkpoint needs what was damaged.
        files.commit_again()?;
        Ok((files, rebuilt))
    }

    /// Opens a vault of which the files of now cannot be read: it can only be checked and
    /// mended. What was recorded after the last checkpoint stays recorded, and is done again when
    /// it is opened afterwards.
    ///
    /// # Errors
    /// As [`Self::open`], where the image's own parts are damaged.
    pub fn open_to_mend(blocks: B, compress: C, root: &Secret<32>) -> Result<Self, VaultError> {
        let store = Store::open(blocks, root, &mut |_| {})?;
        let (state, ring) = Self::state_and_ring(&store)?;
        let mut files = Self::over(store, compress, state, ring);
        files.halfway = true;
        Ok(files)
    }

    /// Shows what is damaged of the image's own parts. Commits before, where it can.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn check_parts(&mut self, see: &mut dyn FnMut(Damage)) -> Result<(), VaultError> {
        self.commit_if_writable()?;
        self.store.check_parts(see)
    }

    /// Writes both checkpoints anew, where one of them is damaged.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn renew_checkpoints(&mut self) -> Result<(), VaultError> {
        self.commit()?;
        self.commit_again()?;
        self.commit_again()
    }

    /// At most so many objects of the vault, in the order of their ids, from this one on.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn objects(&mut self, from: &ObjectId, count_max: usize) -> Result<Vec<ObjectId>, VaultError> {
        Ok(self.store.objects(from, count_max)?.into_iter().map(|(id, _)| id).collect())
    }

    /// Whether an object is what its id says. Local records have keys of their own, and are
    /// not looked at here.
    pub fn verify(ring: &Ring, object: &Sealed, compress: &C) -> bool {
        object.keys == OWN_KEY || ring.check(object, compress).is_ok()
    }

    /// Shows what is wrong with the files, the snapshots and the tables. `bad` has the objects
    /// that were found to be damaged. Commits before, where it can.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn check_files(
        &mut self,
        bad: &BTreeSet<ObjectId>,
        see: &mut dyn FnMut(Finding),
    ) -> Result<(), VaultError> {
        self.commit_if_writable()?;
        let state = decode_state(self.store.state())?;
        let mut broken = BTreeSet::new();
        for id in self.local_objects().unwrap_or_default() {
            broken.extend((bad.contains(&id) || !self.store.has(&id)?).then_some(id));
        }
        if self.check_local().is_err() {
            broken.extend(self.local.iter().map(|local| local.list()));
        }
        let mut entered = BTreeSet::new();
        for root in [state.snapshots, state.sync, state.backup].into_iter().flatten() {
            self.find_broken(&root, bad, &mut entered, &mut broken, true);
        }
        if let Some(root) = &state.root {
            let is_whole = self.find_broken(root, bad, &mut entered, &mut broken, false);
            if is_whole {
                self.check_consistency(root, see);
            }
        }
        let snapshots = self.list_snapshots().unwrap_or_default();
        for (_, info) in &snapshots {
            if let Some(root) = info.root() {
                self.find_broken(&root, bad, &mut entered, &mut broken, false);
            }
        }
        if broken.is_empty() {
            return Ok(());
        }
        let mut harmed: BTreeMap<ObjectId, Vec<Harmed>> = broken.iter().map(|id| (*id, Vec::new())).collect();
        let now = state.root.map(|root| (None, root));
        let past = snapshots.iter().filter_map(|(name, info)| Some((Some(name), info.root()?)));
        for (snapshot, root) in now.into_iter().chain(past) {
            self.name_harmed(snapshot, &root, &mut harmed);
        }
        harmed.into_iter().for_each(|(id, files)| see(Finding::Object(id, files)));
        Ok(())
    }

    /// Puts a good object in the place of one that is damaged or missing. Somebody else may
    /// have sealed it who has the keys.
    ///
    /// # Errors
    /// [`VaultError::Damaged`], where it is not good; [`VaultError`].
    pub fn mend(&mut self, object: &Sealed) -> Result<(), VaultError> {
        if self.ring.check(object, &self.compress).is_err() {
            return Err(VaultError::Damaged(Damage { part: Part::Object(object.id), at: 0 }));
        }
        self.recent.nodes.forget(&object.id);
        self.recent.contents.forget(&object.id);
        if self.store.restore_in_place(object)? {
            return Ok(());
        }
        self.writable()?;
        self.unrecorded = true;
        self.store.replace(object)
    }

    /// Forgets an object that is damaged and that nobody else has. What needs it stays
    /// harmed, until the same content is stored again.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn give_up(&mut self, id: &ObjectId) -> Result<(), VaultError> {
        self.writable()?;
        self.unrecorded = true;
        self.store.remove(id)
    }

    fn commit_if_writable(&mut self) -> Result<(), VaultError> {
        if self.writable().is_ok() { self.commit() } else { Ok(()) }
    }

    /// Finds objects that a tree needs and that are not there or not good. Whether all of its
    /// nodes were read.
    fn find_broken(
        &mut self,
        root: &ObjectId,
        bad: &BTreeSet<ObjectId>,
        entered: &mut BTreeSet<ObjectId>,
        broken: &mut BTreeSet<ObjectId>,
        is_table: bool,
    ) -> bool {
        let mut finder = Finder { bad, entered, broken, is_table, whole: true };
        let (mut objects, _, _) = self.parts();
        survey(&mut objects, root, &mut finder);
        finder.whole
    }

    fn check_consistency(&mut self, root: &ObjectId, see: &mut dyn FnMut(Finding)) {
        let mut consistency = Consistency::default();
        let (mut objects, _, _) = self.parts();
        survey(&mut objects, root, &mut consistency);
        consistency.finish(&mut |ino, wrong| see(Finding::Files(ino, wrong)));
    }

    fn name_harmed(
        &mut self,
        snapshot: Option<&Vec<u8>>,
        root: &ObjectId,
        harmed: &mut BTreeMap<ObjectId, Vec<Harmed>>,
    ) {
        let mut namer = Namer { names: BTreeMap::new(), direct: Vec::new(), lost: Vec::new(), harmed };
        let (mut objects, _, _) = self.parts();
        survey(&mut objects, root, &mut namer);
        let Namer { names, direct, lost, .. } = namer;
        let within = lost.iter().flat_map(|(id, from, to)| {
            names.range(*from..=(*to).max(*from)).map(move |(ino, _)| (*id, *ino))
        });
        let all: BTreeSet<(ObjectId, Ino)> = direct.into_iter().chain(within).collect();
        for (id, ino) in all {
            let Some(files) = harmed.get_mut(&id) else { continue };
            if files.len() < NAMED_MAX {
                files.push(Harmed { snapshot: snapshot.cloned(), path: path_of(&names, ino) });
            }
        }
    }
}

/// The path of a file, as far as its directories are known.
fn path_of(names: &BTreeMap<Ino, (Ino, Vec<u8>)>, ino: Ino) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut at = ino;
    // Directories in a circle would be a mistake, and not a reason to go on forever.
    while at != Ino::ROOT && parts.len() < 4096 {
        match names.get(&at) {
            Some((parent, name)) => {
                parts.push(name);
                at = *parent;
            }
            None => {
                parts.push(b"(unknown)");
                break;
            }
        }
    }
    parts.iter().rev().fold(Vec::new(), |path, part| [&path[..], b"/", part].concat())
}

/// Finds what is broken.
struct Finder<'a> {
    bad: &'a BTreeSet<ObjectId>,
    entered: &'a mut BTreeSet<ObjectId>,
    broken: &'a mut BTreeSet<ObjectId>,
    is_table: bool,
    whole: bool,
}

impl<B: Blocks, C: Compress> Survey<Objects<'_, B, C>> for Finder<'_> {
    fn enter(&mut self, _: &mut Objects<'_, B, C>, link: &ObjectId) -> bool {
        self.broken.extend(self.bad.contains(link).then_some(*link));
        self.entered.insert(*link)
    }

    fn see(&mut self, nodes: &mut Objects<'_, B, C>, key: &[u8], value: &[u8]) {
        let id = match self.is_table {
            true => object_of(value),
            false => extent_of(key, value),
        };
        if let Some(id) = id
            && (self.bad.contains(&id) || !nodes.store.has(&id).unwrap_or(false))
        {
            self.broken.insert(id);
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
        self.broken.insert(*link);
        self.whole = false;
    }
}

/// Names the files that need what is broken.
struct Namer<'a> {
    /// Of each file, a directory that it is in, and its name there.
    names: BTreeMap<Ino, (Ino, Vec<u8>)>,
    /// Objects that files need themselves.
    direct: Vec<(ObjectId, Ino)>,
    /// Nodes that cannot be read, and the files from which to which they lead.
    lost: Vec<(ObjectId, Ino, Ino)>,
    harmed: &'a BTreeMap<ObjectId, Vec<Harmed>>,
}

impl<B: Blocks, C: Compress> Survey<Objects<'_, B, C>> for Namer<'_> {
    fn enter(&mut self, _: &mut Objects<'_, B, C>, _: &ObjectId) -> bool {
        true
    }

    fn see(&mut self, _: &mut Objects<'_, B, C>, key: &[u8], value: &[u8]) {
        match key::parse(key) {
            Some((parent, What::Name(name))) => {
                if let Ok(entry) = minicbor::decode::<Entry>(value) {
                    self.names.entry(entry.ino).or_insert((parent, name.to_vec()));
                }
            }
            Some((ino, What::Extent(_))) => {
                let id = extent_of(key, value).filter(|id| self.harmed.contains_key(id));
                self.direct.extend(id.map(|id| (id, ino)));
            }
            _ => {}
        }
    }

    fn lost(
        &mut self,
        _: &mut Objects<'_, B, C>,
        link: &ObjectId,
        from: &[u8],
        to: Option<&[u8]>,
        _: VaultError,
    ) {
        let ino = |key: &[u8]| key::parse(key).map(|(ino, _)| ino);
        let from = ino(from).unwrap_or(Ino(0));
        self.lost.push((*link, from, to.and_then(ino).unwrap_or(Ino(u64::MAX))));
    }
}

/// The object that a part of a file's content is in.
fn extent_of(key: &[u8], value: &[u8]) -> Option<ObjectId> {
    match (key::parse(key)?, minicbor::decode(value)) {
        ((_, What::Extent(_)), Ok(Extent::Object { id, .. })) => Some(id),
        _ => None,
    }
}
