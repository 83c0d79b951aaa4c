//! From the tree that follows from all operations to a vault's files: only what differs is
//! touched.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::batch::Device;
use super::collect::permissions_of;
use super::here::{Here, Name};
use super::operation::{Content, Data, Id};
use super::parts::{is_whole, objects, parts};
use super::replica::{Replica, Tree};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::{Entry, FileKind, Files, Ino, Time};
use crate::object::ObjectId;

/// The most objects that are asked for before it is looked again which are missing.
pub(super) const MISSING_MAX: usize = 1 << 16;

/// What is to be shown, and what was.
pub(super) struct Target<'a> {
    /// The device that this is.
    pub(super) me: Device,
    /// What follows from what was known at the last sync.
    pub(super) shown: &'a Replica,
    /// The same, with what was done here since.
    pub(super) before: &'a Replica,
    /// The same, with what others did.
    pub(super) after: &'a Replica,
    pub(super) tree: &'a Tree,
    /// Files of which the last content was not here.
    pub(super) pending: &'a BTreeSet<Id>,
}

impl Target<'_> {
    /// The objects that are not here yet, each once, but for those that are nowhere. When those are
    /// here that are named, there may be more: a list of parts has to be read first, and no more
    /// than [`MISSING_MAX`] are named.
    pub(super) fn missing<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
        here: &Here,
        absent: &BTreeSet<ObjectId>,
    ) -> Result<BTreeSet<ObjectId>, VaultError> {
        let there: BTreeSet<Id> =
            here.names.values().filter_map(|entry| here.files.get(&entry.ino).copied()).collect();
        let mut missing = BTreeSet::new();
        for file in self.tree.nodes.iter().filter_map(|node| node.file()) {
            let Some(content) = self.after.content(&file) else { continue };
            // What is shown is here.
            let is_same = self.before.content(&file).is_some_and(|before| before.data == content.data);
            if is_same && there.contains(&file) && !self.pending.contains(&file) {
                continue;
            }
            lacks(files, &content.data, absent, &mut missing)?;
        }
        Ok(missing)
    }

    /// Has the files be what they are to be. Whether anything was to be done, and the files of which
    /// the content is not here.
    pub(super) fn apply<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
        here: &Here,
        now: Time,
        is_open: &dyn Fn(Ino) -> bool,
    ) -> Result<(bool, Vec<Id>), VaultError> {
        let mut pending = Vec::new();
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
                    let files_here = node.members.iter().filter_map(|member| member.file.as_ref());
                    let is_shown = self.after.is_shown(files_here, &self.me);
                    let Some(content) = self.after.content(&file).filter(|_| is_shown) else {
                        places.push(Ino::ROOT);
                        continue;
                    };
                    let kind = content.data.kind();
                    let old = inos.get(&file).copied().filter(|(_, before)| *before == kind);
                    let is_known = !self.pending.contains(&file);
                    let is_same = match old {
                        Some((ino, _)) => is_known && self.is_here(files, &file, content, ino)?,
                        None => false,
                    };
                    let is_first = old.is_none_or(|(ino, _)| !used.contains(&ino));
                    let is_whole = is_same || !is_first || is_whole(files, &content.data)?;
                    if !is_whole {
                        pending.push(file);
                    }
                    let ino = match (inos.get(&file), old, is_whole) {
                        (_, Some((ino, _)), _) => ino,
                        // It stays what it was.
                        (Some((ino, kind)), None, false) => {
                            places.push(*ino);
                            used.insert(*ino);
                            let parent = places.get(node.parent).copied().unwrap_or(Ino::ROOT);
                            names.insert((parent, node.name.clone()), Entry { ino: *ino, kind: *kind });
                            continue;
                        }
                        (None, None, false) => {
                            places.push(Ino::ROOT);
                            continue;
                        }
                        (_, None, true) => files.make_inode(kind, permissions_of(kind), now)?,
                    };
                    used.insert(ino);
                    if is_whole && is_first && !is_same {
                        files.put_data(ino, (&content.data, content.modified), now)?;
                        parts(files, &content.data, &mut |files, parts| files.put_parts(ino, parts))?;
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
        Ok((rename(files, &here.names, &names, now, is_open)? || is_changed, pending))
    }

    /// Whether a file that is here has this content already.
    fn is_here<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
        file: &Id,
        content: &Content,
        ino: Ino,
    ) -> Result<bool, VaultError> {
        if self.before.content(file) != Some(content) {
            return Ok(false);
        }
        // What was done here is here, if it came to nothing else.
        Ok(self.shown.content(file) == Some(content)
            || files.data(ino)? == (content.data.clone(), content.modified))
    }

    /// Gives a file permissions and extended attributes, where others than it has. Whether
    /// anything was to be done.
    fn adorn<B: Blocks, C: Compress>(
        &self,
        files: &mut Files<B, C>,
        ino: Ino,
        was: Option<Id>,
        is: Id,
    ) -> Result<bool, VaultError> {
        let of = |replica: &Replica, id: Id| {
            let attributes = replica.attributes(&id, &self.me).into_iter();
            let attributes: Vec<_> =
                attributes.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            (replica.permissions(&id, &self.me), attributes)
        };
        let after = of(self.after, is);
        if was.is_some_and(|was| of(self.shown, was) == after && of(self.before, was) == after) {
            return Ok(false);
        }
        let (permissions, after) = after;
        let inode = files.read().inode(ino)?;
        let permissions = permissions.unwrap_or(permissions_of(inode.kind));
        let mut is_changed = false;
        if permissions != inode.permissions && inode.kind != FileKind::Symlink {
            files.set_inode(ino, |inode| inode.permissions = permissions)?;
            is_changed = true;
        }
        let has = files.read().attributes(ino)?;
        for name in has.iter().filter(|name| !after.iter().any(|(other, _)| other == *name)) {
            files.put_attribute(ino, name, None)?;
            is_changed = true;
        }
        for (name, value) in &after {
            if !has.contains(name) || files.read().attribute(ino, name)? != *value {
                files.put_attribute(ino, name, Some(value))?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }
}

/// Adds the objects of a content that are not here, as far as there is room.
pub(super) fn lacks<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    data: &Data,
    absent: &BTreeSet<ObjectId>,
    missing: &mut BTreeSet<ObjectId>,
) -> Result<(), VaultError> {
    if missing.len() >= MISSING_MAX {
        return Ok(());
    }
    objects(files, data, &mut |files, id| {
        if missing.len() < MISSING_MAX && !absent.contains(&id) && !files.has(&id)? {
            missing.insert(id);
        }
        Ok(())
    })
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
