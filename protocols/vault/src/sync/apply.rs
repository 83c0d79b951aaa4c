//! From the tree that follows from all operations to a vault's files: only what differs is
//! touched.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::collect::permissions_of;
use super::here::{Here, Name};
use super::operation::{Data, Id, Part, PartBytes, PartList, Parts, check_parts};
use super::replica::{Replica, Tree};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::{Entry, FileKind, Files, Ino, Time};
use crate::object::ObjectId;

/// What is to be shown, and what was.
pub(super) struct Target<'a> {
    pub(super) before: &'a Replica,
    pub(super) after: &'a Replica,
    pub(super) tree: &'a Tree,
}

/// The parts of a content's bytes; nothing where a list of them is not here. A list that is none
/// lists nothing: whoever made it sees that too.
pub(super) fn parts<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
) -> Result<Option<Vec<Part>>, VaultError> {
    let (size, lists) = match data {
        Data::File { parts: Parts::Here(parts), .. } => return Ok(Some(parts.clone())),
        Data::File { size, parts: Parts::Listed(lists) } => (*size, lists),
        _ => return Ok(Some(Vec::new())),
    };
    let (mut all, mut end) = (Vec::new(), 0);
    for id in lists {
        if !files.has(id)? {
            return Ok(None);
        }
        let content = files.object_content(id)?;
        let Ok(PartList(list)) = allod_wire::decode(&content) else { return Ok(Some(Vec::new())) };
        match check_parts(&list, end, size) {
            Ok(next) => end = next,
            Err(_) => return Ok(Some(Vec::new())),
        }
        all.extend(list);
    }
    Ok(Some(all))
}

/// The objects of a content: those that list its parts, and where these are here, those of
/// the parts.
pub(super) fn objects<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
) -> Result<Vec<ObjectId>, VaultError> {
    let mut ids = match data {
        Data::File { parts: Parts::Listed(lists), .. } => lists.clone(),
        _ => Vec::new(),
    };
    let parts = parts(files, data)?;
    ids.extend(parts.into_iter().flatten().filter_map(|part| match part.bytes {
        PartBytes::Object { id, .. } => Some(id),
        PartBytes::Here(_) => None,
    }));
    Ok(ids)
}

impl Target<'_> {
    /// The objects that are not here yet, each once. When those are here that are named, there
    /// may be more: a list of parts has to be read first.
    pub(super) fn missing<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
    ) -> Result<Vec<ObjectId>, VaultError> {
        let mut missing = BTreeSet::new();
        for file in self.tree.nodes.iter().filter_map(|node| node.file()) {
            let Some(content) = self.after.content(&file) else { continue };
            // What was shown is here.
            if self.before.content(&file).is_some_and(|before| before.data == content.data) {
                continue;
            }
            for id in objects(files, &content.data)? {
                if !missing.contains(&id) && !files.has(&id)? {
                    missing.insert(id);
                }
            }
        }
        Ok(missing.into_iter().collect())
    }

    /// Has the files be what they are to be. Whether anything was to be done.
    pub(super) fn apply<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
        here: &Here,
        now: Time,
        is_open: &dyn Fn(Ino) -> bool,
    ) -> Result<bool, VaultError> {
        let there: BTreeSet<Ino> = here.names.values().map(|entry| entry.ino).collect();
        let mut directories: BTreeMap<Id, Ino> = BTreeMap::new();
        for (ino, entries) in
            here.directories.iter().filter(|(ino, _)| **ino == Ino::ROOT || there.contains(ino))
        {
            directories.extend(entries.iter().map(|entry| (*entry, *ino)));
        }
        let mut inos: BTreeMap<Id, (Ino, FileKind)> = BTreeMap::new();
        for entry in here.names.values() {
            if let Some(file) = here.files.get(&entry.ino) {
                inos.insert(*file, (entry.ino, entry.kind));
            }
        }
        let mut is_changed = false;
        let mut used = BTreeSet::new();
        let mut places: Vec<Ino> = Vec::with_capacity(self.tree.nodes.len());
        let mut names: BTreeMap<Name, Entry> = BTreeMap::new();
        for (number, node) in self.tree.nodes.iter().enumerate() {
            let entry = match node.file() {
                None => {
                    let mut old = node.members.iter().filter_map(|member| directories.get(&member.entry));
                    let old = old.find(|ino| !used.contains(*ino)).copied();
                    let ino = match old {
                        Some(ino) => ino,
                        None => {
                            files.make_inode(FileKind::Directory, permissions_of(FileKind::Directory), now)?
                        }
                    };
                    is_changed |=
                        self.adorn(files, ino, here.id(ino).filter(|_| old.is_some()), node.entry())?;
                    used.insert(ino);
                    Entry { ino, kind: FileKind::Directory }
                }
                Some(file) => {
                    let Some(content) = self.after.content(&file) else {
                        places.push(Ino::ROOT);
                        continue;
                    };
                    let kind = content.data.kind();
                    let old = inos.get(&file).copied().filter(|(_, before)| *before == kind);
                    let ino = match old {
                        Some((ino, _)) => ino,
                        None => files.make_inode(kind, permissions_of(kind), now)?,
                    };
                    let is_first = used.insert(ino);
                    let is_same = old.is_some() && self.before.content(&file) == Some(content);
                    if is_first && !is_same {
                        let parts = parts(files, &content.data)?.unwrap_or_default();
                        files.put_data(ino, (&content.data, content.modified), &parts, now)?;
                        is_changed = true;
                    }
                    if is_first {
                        is_changed |= self.adorn(files, ino, old.map(|_| file), file)?;
                    }
                    inos.insert(file, (ino, kind));
                    Entry { ino, kind }
                }
            };
            let parent = places.get(node.parent).copied().unwrap_or(Ino::ROOT);
            places.push(entry.ino);
            if number > 0 {
                names.insert((parent, node.name.clone()), entry);
            }
        }
        Ok(rename(files, &here.names, &names, now, is_open)? || is_changed)
    }

    /// Gives a file permissions and extended attributes, where others than it has.
    fn adorn<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
        ino: Ino,
        was: Option<Id>,
        is: Id,
    ) -> Result<bool, VaultError> {
        let before = was.map(|was| (self.before.permissions(&was), self.before.attributes(&was)));
        let after = (self.after.permissions(&is), self.after.attributes(&is));
        let (permissions, attributes) = match before {
            Some(before) if before == after => return Ok(false),
            Some((permissions, attributes)) => (permissions, attributes),
            None => Default::default(),
        };
        if let Some(new) = after.0.filter(|new| permissions != Some(*new)) {
            files.set_inode(ino, |inode| inode.permissions = new)?;
        }
        for (name, value) in &after.1 {
            if attributes.get(name) != Some(value) {
                files.put_attribute(ino, name, Some(value))?;
            }
        }
        for name in attributes.keys().filter(|name| !after.1.contains_key(*name)) {
            files.put_attribute(ino, name, None)?;
        }
        Ok(was.is_some())
    }
}

/// Has these be the names, in the place of those that there are.
fn rename<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    before: &BTreeMap<Name, Entry>,
    after: &BTreeMap<Name, Entry>,
    now: Time,
    is_open: &dyn Fn(Ino) -> bool,
) -> Result<bool, VaultError> {
    let mut touched: BTreeSet<Ino> = BTreeSet::new();
    let mut within: BTreeSet<Ino> = BTreeSet::new();
    for (name, entry) in before {
        match after.get(name) {
            Some(other) if other == entry => continue,
            Some(_) => {}
            None => files.set_name(name.0, &name.1, None)?,
        }
        touched.insert(entry.ino);
        within.insert(name.0);
    }
    for (name, entry) in after.iter().filter(|(name, entry)| before.get(*name) != Some(entry)) {
        files.set_name(name.0, &name.1, Some(*entry))?;
        touched.insert(entry.ino);
        within.insert(name.0);
    }
    if touched.is_empty() {
        return Ok(false);
    }
    let mut links: BTreeMap<Ino, u32> = BTreeMap::new();
    let mut parents: BTreeMap<Ino, Ino> = BTreeMap::from([(Ino::ROOT, Ino::ROOT)]);
    for ((directory, _), entry) in after {
        match entry.kind {
            FileKind::Directory => {
                *links.entry(*directory).or_default() += 1;
                parents.insert(entry.ino, *directory);
            }
            _ => *links.entry(entry.ino).or_default() += 1,
        }
    }
    for ino in touched.union(&within) {
        let count = links.get(ino).copied().unwrap_or_default();
        match parents.get(ino) {
            Some(parent) => files.set_inode(*ino, |inode| {
                inode.links = count.saturating_add(2);
                inode.parent = *parent;
                if within.contains(ino) {
                    (inode.modified, inode.changed) = (now, now);
                }
            })?,
            None if count > 0 => files.set_inode(*ino, |inode| {
                inode.links = count;
                inode.changed = now;
            })?,
            None => files.drop_inode(*ino, is_open(*ino))?,
        }
    }
    Ok(true)
}
