//! From operations to entries and files: which place and which content is alive.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::{At, Entry, File, Place, Rank, Replica, Stamp, Version, copy_entry, copy_file};
use crate::sync::batch::{Batch, Signed};
use crate::sync::operation::{Id, Operation, Target};

/// What operations say, by what they say it of.
#[derive(Default)]
struct Said {
    places: BTreeMap<Id, Vec<Place>>,
    /// Places of an entry that another is instead of, or that were removed.
    gone: BTreeSet<(Id, Id)>,
    contents: BTreeMap<Id, Vec<Version>>,
    /// Contents of a file that another is instead of.
    replaced: BTreeSet<(Id, Id)>,
    /// Contents that were removed with an entry, and by what.
    removed: BTreeMap<Id, BTreeMap<Id, Rank>>,
}

impl Replica {
    /// What follows from these batches. Each counts once, and in no order but their own.
    pub fn new<'a>(batches: impl IntoIterator<Item = &'a Signed>) -> Self {
        let mut sorted: Vec<&Signed> = batches.into_iter().collect();
        sorted.sort_by_key(|signed| {
            let Batch { lamport, device, number, .. } = signed.batch();
            (*lamport, *device, *number, signed.id())
        });
        sorted.dedup_by_key(|signed| signed.id());
        let mut replica = Self::default();
        let mut said = Said::default();
        for signed in sorted {
            replica.hear(signed.batch(), &mut said);
        }
        replica.settle(said);
        replica
    }

    fn hear(&mut self, batch: &Batch, said: &mut Said) {
        let number = self.stamps.len() as u32;
        self.stamps.push(Stamp { device: batch.device, number: batch.number, time: batch.time });
        for (index, operation) in batch.operations.iter().enumerate() {
            let (rank, id) = ((number, index as u32), batch.operation_id(index));
            match operation {
                Operation::Name { name } => {
                    self.devices.entry(batch.device).or_insert_with(|| name.clone());
                }
                Operation::Place { entry, parent, name, target, instead } => {
                    let at = At::In { parent: *parent, name: name.clone() };
                    let place = Place { rank, id, at, target: *target, is_alive: true };
                    said.places.entry(*entry).or_default().push(place);
                    said.gone.extend(instead.iter().map(|other| (*entry, *other)));
                }
                Operation::Remove { entry, places, contents } => {
                    said.gone.extend(places.iter().map(|place| (*entry, *place)));
                    let removed = said.removed.entry(*entry).or_default();
                    removed.extend(contents.iter().map(|content| (*content, rank)));
                }
                Operation::Content { file, content, instead } => {
                    let content = content.clone();
                    said.contents.entry(*file).or_default().push(Version::new(rank, id, content));
                    said.replaced.extend(instead.iter().map(|other| (*file, *other)));
                }
                // It is about batches, not about files.
                Operation::Vouch { .. } => {}
                Operation::Permit { of, permissions } => {
                    self.permissions.insert(*of, (*permissions, batch.device));
                }
                Operation::Attribute { of, name, value } => {
                    let said = (value.clone(), batch.device);
                    self.attributes.entry(*of).or_default().insert(name.clone(), said);
                }
            }
        }
    }

    /// Finds out what is alive.
    fn settle(&mut self, mut said: Said) {
        // Copies that somebody did something to are files of their own.
        let edited: BTreeSet<Id> = said.contents.keys().copied().collect();
        let mut rest: VecDeque<Id> = edited.iter().copied().collect();
        let mut origins = BTreeMap::new();
        let mut is_seen = BTreeSet::new();
        while let Some(file) = rest.pop_front() {
            let mut own = Vec::new();
            for version in said.contents.get_mut(&file).into_iter().flatten() {
                // What somebody did something to was a file of its own before that.
                if !is_seen.insert((file, version.id)) {
                    continue;
                }
                let (entry, copy) = (copy_entry(&file, &version.id), copy_file(&file, &version.id));
                let is_moved = said.places.contains_key(&entry) || said.removed.contains_key(&entry);
                if is_moved || edited.contains(&copy) {
                    version.is_own = true;
                    own.push((entry, copy, version.copied()));
                }
            }
            for (entry, copy, version) in own {
                let place = Place::beside(file, copy, &version);
                let places = said.places.entry(entry).or_default();
                let at = places.partition_point(|other| other.rank < place.rank);
                places.insert(at, place);
                let versions = said.contents.entry(copy).or_default();
                let at = versions.partition_point(|other| other.rank < version.rank);
                versions.insert(at, version);
                origins.insert(copy, file);
                rest.push_back(copy);
            }
        }
        let Said { places, gone, contents, replaced, removed } = said;
        self.files.extend(contents.into_iter().map(|(id, versions)| {
            (id, File { versions, entries: Vec::new(), origin: origins.get(&id).copied() })
        }));
        for (id, mut places) in places {
            for place in &mut places {
                place.is_alive = !gone.contains(&(id, place.id));
            }
            let Some(target) = places.last().map(|place| place.target) else { continue };
            if let Target::File(file) = target
                && let Some(file) = self.files.get_mut(&file)
            {
                file.entries.push(id);
                let gone = removed.get(&id);
                for version in &mut file.versions {
                    let by = gone.and_then(|gone| gone.get(&version.id).copied());
                    version.removed = version.removed.max(by);
                }
            }
            self.entries.insert(id, Entry { target, places });
        }
        for (id, file) in &mut self.files {
            for version in &mut file.versions {
                version.is_replaced = replaced.contains(&(*id, version.id));
            }
        }
        self.add_copies();
    }

    /// Contents that nothing replaced and that are not what their file is shown with.
    fn add_copies(&mut self) {
        let mut copies = Vec::new();
        for (id, file) in &self.files {
            let Some(main) = file.main().filter(|_| !file.entries.is_empty()) else { continue };
            let lost = file.versions.iter();
            let lost = lost.filter(|version| version.is_kept() && version.content.data != main.content.data);
            copies.extend(lost.map(|version| (*id, version.copied())));
        }
        for (file, version) in copies {
            let (entry, copy) = (copy_entry(&file, &version.id), copy_file(&file, &version.id));
            let place = Place::beside(file, copy, &version);
            self.entries.insert(entry, Entry { target: place.target, places: [place].into() });
            self.files.insert(
                copy,
                File { versions: [version].into(), entries: [entry].into(), origin: Some(file) },
            );
        }
    }
}

impl Place {
    /// Where a content is shown that lost against another of its file.
    fn beside(file: Id, copy: Id, version: &Version) -> Self {
        Self {
            rank: version.rank,
            id: version.id,
            at: At::Beside(file),
            target: Target::File(copy),
            is_alive: true,
        }
    }
}

impl Version {
    fn new(rank: Rank, id: Id, content: crate::sync::operation::Content) -> Self {
        Self { rank, id, content, is_replaced: false, removed: None, is_own: false }
    }

    /// The same, as the first content of a copy.
    fn copied(&self) -> Self {
        Self::new(self.rank, self.id, self.content.clone())
    }
}
