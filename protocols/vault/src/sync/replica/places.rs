//! From entries to directories: where each entry is, and which are there at all.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{At, DEPTH_MAX, File, Place, Rank, Replica};
use crate::sync::operation::{Id, Target};

/// A directory's places, the ones that count most first, and which of them holds.
struct Steps {
    places: Vec<(Rank, Id)>,
    at: usize,
}

/// Where every directory is.
pub(super) struct Directories(BTreeMap<Id, Steps>);

/// Where an entry is: the directory, the name there, and whether the name is that of the file
/// of which it is a copy.
pub(super) struct Position<'a> {
    pub(super) parent: Id,
    pub(super) name: &'a [u8],
    pub(super) is_copy: bool,
}

impl Directories {
    /// The directory that a directory is in.
    fn parent(&self, id: &Id) -> Id {
        let parent = self.0.get(id).and_then(|steps| steps.places.get(steps.at)).map(|(_, parent)| *parent);
        parent.filter(|parent| self.0.contains_key(parent)).unwrap_or(Id::TOP)
    }

    /// Has directories that are within each other step back.
    fn untangle(&mut self) {
        let mut changed: Vec<Id> = self.0.keys().copied().collect();
        while !changed.is_empty() {
            let circles = self.circles(&changed);
            changed.clear();
            for circle in circles {
                let rank = |id: &Id| {
                    let steps = self.0.get(id)?;
                    steps.places.get(steps.at).map(|(rank, _)| *rank)
                };
                let Some(last) = circle.into_iter().max_by_key(rank) else { continue };
                if let Some(steps) = self.0.get_mut(&last) {
                    steps.at += 1;
                    changed.push(last);
                }
            }
        }
    }

    /// The circles that one comes into from these.
    fn circles(&self, from: &[Id]) -> Vec<Vec<Id>> {
        let mut circles = Vec::new();
        let mut walks: BTreeMap<Id, usize> = BTreeMap::new();
        for (walk, start) in from.iter().enumerate() {
            let (mut path, mut at) = (Vec::new(), *start);
            while at != Id::TOP && !walks.contains_key(&at) {
                walks.insert(at, walk);
                path.push(at);
                at = self.parent(&at);
            }
            if walks.get(&at) == Some(&walk)
                && let Some(first) = path.iter().position(|id| *id == at)
            {
                circles.push(path.split_off(first));
            }
        }
        circles
    }
}

impl Replica {
    /// Where every directory is, in no circle.
    pub(super) fn directories(&self) -> Directories {
        let mut all = BTreeMap::new();
        for (id, entry) in self.entries.iter().filter(|(_, entry)| entry.target == Target::Directory) {
            let places = |is_alive: bool| {
                entry.places.iter().rev().filter(move |place| place.is_alive == is_alive).filter_map(
                    |place| match &place.at {
                        At::In { parent, .. } => Some((place.rank, *parent)),
                        At::Beside(_) => None,
                    },
                )
            };
            all.insert(*id, Steps { places: places(true).chain(places(false)).collect(), at: 0 });
        }
        let mut directories = Directories(all);
        directories.untangle();
        directories
    }

    /// The entries that are there.
    pub(super) fn living(&self, directories: &Directories) -> BTreeSet<Id> {
        let mut living = BTreeSet::new();
        for file in self.files.values() {
            living.extend(self.names(file));
        }
        let mut above: Vec<Id> = living.iter().map(|id| self.position(id, directories).parent).collect();
        above.extend(directories.0.keys().filter(|id| self.is_placed(id)));
        for mut at in above {
            while at != Id::TOP && living.insert(at) {
                at = directories.parent(&at);
            }
        }
        living
    }

    /// The entries of a file that are there.
    pub(super) fn names<'a>(&'a self, file: &'a File) -> impl Iterator<Item = &'a Id> {
        let placed = file.entries.iter().filter(|id| self.is_placed(id));
        // Or it comes back: nobody took it away knowing what is in it.
        let is_back = file.is_kept() && !file.entries.iter().any(|id| self.is_placed(id));
        placed.chain(is_back.then(|| file.entries.iter().max_by_key(|id| self.rank(id))).flatten())
    }

    fn is_placed(&self, id: &Id) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.is_placed())
    }

    /// Where an entry is.
    pub(super) fn position<'a>(&'a self, id: &Id, directories: &Directories) -> Position<'a> {
        let mut position = Position { parent: Id::TOP, name: b"copy", is_copy: false };
        let mut id = *id;
        for _ in 0..DEPTH_MAX {
            match self.entries.get(&id).and_then(|entry| entry.place()).map(|place| &place.at) {
                Some(At::In { parent, name }) => {
                    position.name = name;
                    position.parent = match self.target(&id) {
                        Some(Target::Directory) => directories.parent(&id),
                        _ if directories.0.contains_key(parent) => *parent,
                        _ => Id::TOP,
                    };
                    return position;
                }
                Some(At::Beside(file)) => {
                    position.is_copy = true;
                    match self.home(file) {
                        Some(home) => id = home,
                        None => return position,
                    }
                }
                None => return position,
            }
        }
        position
    }

    /// The entry of a file that its copies are beside.
    fn home(&self, file: &Id) -> Option<Id> {
        let file = self.files.get(file)?;
        self.names(file).next().or_else(|| file.entries.iter().max_by_key(|id| self.rank(id))).copied()
    }

    /// The rank of the place of an entry.
    pub(super) fn rank(&self, id: &Id) -> Rank {
        let place = self.entries.get(id).and_then(|entry| entry.place());
        place.map(|place: &Place| place.rank).unwrap_or_default()
    }
}
