//! Making room in steps, between which the files are used and changed.
//!
//! First all that is needed at one moment is marked, from the roots of that moment; what is put, or
//! asked for, meanwhile is marked by itself. Then segments of which little is needed are emptied, one
//! a step, and every so many are given back by a commit. It can end after any step: nothing is lost,
//! and what was not done is done by the next.

use alloc::vec::Vec;

use super::inode::Extent;
use super::inode::key::{self, What};
use super::reader::damaged;
use super::table::object_of;
use super::{Files, decode_state};
use crate::blocks::Blocks;
use crate::clean::Cleaned;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::object::ObjectId;
use crate::tree::{Child, Node, Nodes};

/// Nodes that are gone through in one step.
const NODES: usize = 8;

/// Segments that are emptied before what they had is given back.
const TOGETHER: u32 = 16;

/// What a node's leaves lead to.
#[derive(Clone, Copy, Debug)]
enum Below {
    Nothing,
    /// Rows of a table, of which some keep an object.
    Rows,
    Files,
}

/// Where making room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is found out what is needed; so many objects are.
    Marking {
        /// Objects.
        needed: u64,
    },
    /// What is needed is put together.
    Cleaning {
        /// Segments that are done.
        done: u32,
        /// All that are to be done.
        all: u32,
    },
    /// Nothing is left to do.
    Done,
    /// Somebody else began to make room, so that this cannot go on.
    Overtaken,
}

/// Making room, under way.
#[derive(Debug)]
pub struct Collecting {
    run: u64,
    percent: u32,
    stage: Stage,
    rest: Vec<(ObjectId, Below)>,
    /// Segments that were emptied since the last commit.
    emptied: u32,
    cleaned: Cleaned,
}

impl Collecting {
    /// Where it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What it did so far.
    pub fn cleaned(&self) -> Cleaned {
        self.cleaned
    }

    /// Whether there is more to do.
    pub fn goes_on(&self) -> bool {
        !matches!(self.stage, Stage::Done | Stage::Overtaken)
    }
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Makes room: commits, and cleans segments of which at most `percent` of a hundred are
    /// needed by the files and the snapshots.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn collect(&mut self, percent: u32) -> Result<Cleaned, VaultError> {
        let mut collecting = self.begin_collecting(percent)?;
        while collecting.goes_on() {
            self.collect_step(&mut collecting)?;
        }
        Ok(collecting.cleaned)
    }

    /// Begins to make room, as [`Self::collect`] does: commits, and nothing else yet. One that was
    /// begun before is overtaken.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn begin_collecting(&mut self, percent: u32) -> Result<Collecting, VaultError> {
        self.commit()?;
        let run = self.store.begin_marking();
        for id in self.local_objects()? {
            self.store.mark_needed(&id)?;
        }
        let state = decode_state(self.store.state())?;
        let mut rest = Vec::from_iter(state.root.map(|root| (root, Below::Files)));
        rest.extend(state.snapshots.map(|root| (root, Below::Nothing)));
        rest.extend([state.sync, state.backup].into_iter().flatten().map(|root| (root, Below::Rows)));
        rest.extend(self.base()?.map(|root| (root, Below::Files)));
        for (_, info) in self.list_snapshots()? {
            rest.extend(info.root().map(|root| (root, Below::Files)));
        }
        if let Some(held) = self.held_roots() {
            rest.extend(self.file_roots(&held)?.into_iter().map(|root| (root, Below::Files)));
            rest.extend(held.snapshots.map(|root| (root, Below::Nothing)));
            rest.extend(held.sync.map(|root| (root, Below::Rows)));
        }
        let stage = Stage::Marking { needed: 0 };
        Ok(Collecting { run, percent, stage, rest, emptied: 0, cleaned: Cleaned::default() })
    }

    /// Does a little of it.
    ///
    /// # Errors
    /// [`VaultError`]. Nothing is lost; it may not go on.
    pub fn collect_step(&mut self, collecting: &mut Collecting) -> Result<(), VaultError> {
        if self.store.marking() != Some(collecting.run) {
            collecting.stage = Stage::Overtaken;
            return Ok(());
        }
        match collecting.stage {
            Stage::Marking { mut needed } => {
                for _ in 0..NODES {
                    let Some((id, below)) = collecting.rest.pop() else {
                        let all = self.store.to_clean(collecting.percent);
                        collecting.stage = Stage::Cleaning { done: 0, all };
                        return Ok(());
                    };
                    needed += self.mark_node(&id, below, &mut collecting.rest)?;
                }
                collecting.stage = Stage::Marking { needed };
            }
            Stage::Cleaning { done, all } => {
                let cleaned = self.store.clean(collecting.percent, 1)?;
                collecting.cleaned.segments += cleaned.segments;
                collecting.cleaned.removed += cleaned.removed;
                collecting.cleaned.copied += cleaned.copied;
                collecting.emptied += cleaned.segments;
                let is_over = cleaned.segments == 0;
                if collecting.emptied >= TOGETHER || (is_over && collecting.emptied > 0) {
                    self.commit_anyway()?;
                    collecting.emptied = 0;
                }
                let done = done + cleaned.segments;
                collecting.stage = Stage::Cleaning { done, all: all.max(done) };
                if is_over {
                    // A segment is free two commits after it was emptied.
                    if collecting.cleaned.segments > 0 {
                        self.commit_anyway()?;
                    }
                    collecting.stage = Stage::Done;
                }
            }
            Stage::Done | Stage::Overtaken => {}
        }
        Ok(())
    }

    /// Makes a checkpoint, also where nothing was done to the files since the last.
    fn commit_anyway(&mut self) -> Result<(), VaultError> {
        let generation = self.store.generation();
        self.commit()?;
        if self.store.generation() == generation { self.commit_again() } else { Ok(()) }
    }

    /// Marks a node and the objects that its leaves name, and has what is below it be marked later. How
    /// many were not marked before.
    fn mark_node(
        &mut self,
        id: &ObjectId,
        below: Below,
        rest: &mut Vec<(ObjectId, Below)>,
    ) -> Result<u64, VaultError> {
        if !self.store.mark_needed(id)? {
            return Ok(0);
        }
        let mut count = 1;
        let (mut objects, ..) = self.parts();
        match &*objects.load(id)? {
            Node::Branch(children) => {
                rest.extend(children.iter().filter_map(|(_, child)| match child {
                    Child::Saved(link) => Some((*link, below)),
                    Child::Fresh(_) => None,
                }));
            }
            Node::Leaf(entries) => {
                for (key, value) in entries {
                    let leads_to = match below {
                        Below::Nothing => None,
                        Below::Rows => object_of(value),
                        Below::Files => extent(key, value)?,
                    };
                    if let Some(id) = leads_to {
                        count += u64::from(self.store.mark_needed(&id)?);
                    }
                }
            }
        }
        Ok(count)
    }
}

/// The object that a part of a file is in.
fn extent(key: &[u8], value: &[u8]) -> Result<Option<ObjectId>, VaultError> {
    let Some((_, What::Extent(_))) = key::parse(key) else { return Ok(None) };
    match minicbor::decode(value).map_err(|_| VaultError::Damaged(damaged()))? {
        Extent::Object { id, .. } => Ok(Some(id)),
        Extent::Inline(_) => Ok(None),
    }
}
