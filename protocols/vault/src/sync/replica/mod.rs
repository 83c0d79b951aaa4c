//! The replica: what follows from a set of operations, and from nothing else. Devices that have
//! the same operations have the same files, whatever way the operations took.
//!
//! # Rules
//! - Operations have a total order: by Lamport time, then device, number and place in the batch.
//! - An operation takes away what it names, and nothing else ([`operation`](super::operation)).
//! - An entry is where the greatest of its places is that no other is instead of. Where directories
//!   would be within each other, the one of the circle that was moved last steps back to where
//!   it was before, until there is no circle; what has nowhere left to go goes to the top.
//! - An entry is gone when all its places are taken away. A file that lost all its names
//!   comes back where it was last, if there is a content of it that nobody took away knowingly.
//!   A directory stays while anything living is in it.
//! - Of the contents of one file that nothing replaced, the greatest is the file; every other
//!   one that differs is a *copy* beside it, with a name that says when it was made and where. A
//!   copy is an entry and a file of its own, whose ids follow from the content's.
//! - Directories of one name are shown as one. So are equal files of one name; of others the
//!   greatest has the name, and the rest get names as copies do.
//! - What would give others power over a device is the same operation for all, and shown only
//!   where it was done ([`powers`]).

mod gather;
mod names;
mod places;
mod powers;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::hash::tagged;

use super::batch::Device;
use super::operation::{Content, Id, Target};
use crate::files::Time;

pub use names::{Member, Node, Tree};

/// How far copies of copies lead back to where their files are.
const DEPTH_MAX: usize = 64;

/// Where an operation stands in the total order: its batch's place, and its own in the batch.
type Rank = (u32, u32);

/// Who made a batch, and when.
#[derive(Clone, Debug)]
struct Stamp {
    device: Device,
    number: u64,
    time: Time,
}

/// An entry, with its places in their order.
#[derive(Clone, Debug)]
struct Entry {
    target: Target,
    places: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    rank: Rank,
    id: Id,
    at: At,
    target: Target,
    /// No other place is instead of it, and nobody removed it.
    is_alive: bool,
}

#[derive(Clone, Debug)]
enum At {
    In {
        parent: Id,
        name: Vec<u8>,
    },
    /// Where this file is of which it is a copy.
    Beside(Id),
}

/// A file, with its contents in their order.
#[derive(Clone, Debug, Default)]
struct File {
    versions: Vec<Version>,
    /// The entries that lead to it.
    entries: Vec<Id>,
    /// Of which file it is a copy.
    origin: Option<Id>,
}

#[derive(Clone, Debug)]
struct Version {
    rank: Rank,
    id: Id,
    content: Content,
    /// Another content is instead of it.
    is_replaced: bool,
    /// Somebody removed the file's last name and knew this content; and who.
    removed: Option<Rank>,
    /// It is a file of its own by now: somebody did something to the copy.
    is_own: bool,
}

/// Attributes by name: the value, and which device set it.
type Attributes = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Device)>;

/// What follows from a set of operations.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    stamps: Vec<Stamp>,
    devices: BTreeMap<Device, String>,
    entries: BTreeMap<Id, Entry>,
    files: BTreeMap<Id, File>,
    /// With the device that said so.
    permissions: BTreeMap<Id, (u16, Device)>,
    attributes: BTreeMap<Id, Attributes>,
}

impl Replica {
    /// The places of an entry that are to be named by what replaces or removes them.
    pub fn places(&self, entry: &Id) -> Vec<Id> {
        let places = self.entries.get(entry).into_iter().flat_map(|entry| &entry.places);
        places.filter(|place| place.is_alive).map(|place| place.id).collect()
    }

    /// The contents that a file is shown with, to be named by what replaces or removes them:
    /// one, or several equal ones.
    pub fn contents(&self, file: &Id) -> Vec<Id> {
        let Some(file) = self.files.get(file) else { return Vec::new() };
        let Some(main) = file.main() else { return Vec::new() };
        let same = |version: &&Version| {
            version.id == main.id || (version.is_kept() && version.content.data == main.content.data)
        };
        file.versions.iter().filter(same).map(|version| version.id).collect()
    }

    /// The content that a file is shown with.
    pub fn content(&self, file: &Id) -> Option<&Content> {
        self.files.get(file)?.main().map(|version| &version.content)
    }

    /// The contents of a file that are shown beside it, of which nobody said anything yet: the
    /// entry and the file that each is, and the content with its id.
    pub fn copies(&self, file: &Id) -> impl Iterator<Item = (Id, Id, Id, &Content)> {
        let id = *file;
        let found = self.files.get(file).and_then(|file| Some((file, file.main()?)));
        found.into_iter().flat_map(move |(file, main)| {
            let lost = |version: &&Version| version.is_kept() && version.content.data != main.content.data;
            file.versions.iter().filter(lost).map(move |version| {
                let (entry, copy) = (copy_entry(&id, &version.id), copy_file(&id, &version.id));
                (entry, copy, version.id, &version.content)
            })
        })
    }

    /// The entries of a file that are there.
    pub fn entries(&self, file: &Id) -> impl Iterator<Item = &Id> {
        self.files.get(file).into_iter().flat_map(|file| self.names(file))
    }

    /// What an entry leads to.
    pub fn target(&self, entry: &Id) -> Option<Target> {
        self.entries.get(entry).map(|entry| entry.target)
    }

    /// The contents that nobody is shown, but that come back when somebody is heard of who
    /// moved the file and did not know that it was removed. `is_known` says of a device and
    /// the number of its batch whether everybody has that batch.
    pub fn retained(&self, is_known: impl Fn(&Device, u64) -> bool) -> impl Iterator<Item = &Content> {
        let versions = self.files.values().flat_map(|file| &file.versions);
        versions.filter_map(move |version| {
            let stamp = self.stamps.get(version.removed?.0 as usize)?;
            let may_come_back = !version.is_replaced && !is_known(&stamp.device, stamp.number);
            may_come_back.then_some(&version.content)
        })
    }

    /// A file, and what it is a copy of.
    fn origins(&self, of: &Id) -> impl Iterator<Item = Id> + '_ {
        let next = |id: &Id| self.files.get(id)?.origin;
        core::iter::successors(Some(*of), next).take(DEPTH_MAX)
    }

    fn stamp(&self, rank: Rank) -> Option<&Stamp> {
        self.stamps.get(rank.0 as usize)
    }
}

impl File {
    /// The content that it is shown with. Where all were removed and the file has a name
    /// still, it is the last that nothing replaced.
    fn main(&self) -> Option<&Version> {
        let last = |choose: fn(&Version) -> bool| self.versions.iter().rev().find(|version| choose(version));
        last(Version::is_kept)
            .or_else(|| last(|version| !version.is_replaced && !version.is_own))
            .or_else(|| last(|version| !version.is_own))
            .or_else(|| self.versions.last())
    }

    fn is_kept(&self) -> bool {
        self.versions.iter().any(Version::is_kept)
    }
}

impl Version {
    fn is_kept(&self) -> bool {
        !self.is_replaced && !self.is_own && self.removed.is_none()
    }
}

impl Entry {
    fn is_placed(&self) -> bool {
        self.places.iter().any(|place| place.is_alive)
    }

    /// Its place that counts.
    fn place(&self) -> Option<&Place> {
        self.places.iter().rev().find(|place| place.is_alive).or(self.places.last())
    }
}

/// The file that a content becomes which lost against another of the same file.
pub fn copy_file(file: &Id, content: &Id) -> Id {
    derived("allod 2026 vault sync, file of a copy", file, content)
}

/// The entry of that file.
pub fn copy_entry(file: &Id, content: &Id) -> Id {
    derived("allod 2026 vault sync, entry of a copy", file, content)
}

fn derived(context: &'static str, file: &Id, content: &Id) -> Id {
    let hash = tagged(context, &[&file.0, &content.0]);
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    Id(id)
}
