//! From what changed in a vault's files to operations that tell others.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::author::{Author, Gone};
use super::here::{Here, Name};
use super::operation::{Content, Id, Operation, Target};
use super::replica::{Member, Tree};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::{Changed, Entry, FileKind, Files, Ino, Inode};

/// Who may do what with what nobody said that of.
pub(super) fn permissions_of(kind: FileKind) -> u16 {
    match kind {
        FileKind::Directory => 0o755,
        FileKind::Symlink => 0o777,
        _ => 0o644,
    }
}

/// Something that gets a name.
struct Placed {
    name: Vec<u8>,
    entry: Entry,
    /// Which name it had before, where it is moved.
    before: Option<Name>,
}

/// What changed, sorted.
#[derive(Default)]
struct Changes {
    removed: BTreeMap<Ino, Vec<Name>>,
    added: BTreeMap<Ino, Vec<Name>>,
    /// Files that may have another content.
    edited: BTreeSet<Ino>,
    inodes: BTreeMap<Ino, Inode>,
    attributes: Vec<(Ino, Vec<u8>, Option<Vec<u8>>)>,
    /// Files that took the name of one that is gone: they are that file, with another content.
    replaced: BTreeMap<Ino, Ino>,
}

/// Writes what changed since the last sync, when this tree was shown. Afterwards `here` is what
/// there is now.
pub(super) fn collect<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    here: &mut Here,
    tree: &Tree,
    author: &mut Author<'_>,
) -> Result<(), VaultError> {
    let mut nodes: BTreeMap<Ino, Vec<Name>> = BTreeMap::new();
    for name in here.nodes.keys() {
        let ino = here.names.get(name).map(|entry| entry.ino);
        nodes.entry(ino.unwrap_or(Ino::ROOT)).or_default().push(name.clone());
    }
    let mut changes = sort(files.changed()?, here);
    let mut placed: BTreeMap<Ino, Vec<Placed>> = BTreeMap::new();
    let mut gone: Vec<Name> = Vec::new();
    for (ino, added) in core::mem::take(&mut changes.added) {
        let mut removed = changes.removed.remove(&ino).unwrap_or_default();
        for (directory, name) in added {
            let Some(entry) = here.names.get(&(directory, name.clone())).copied() else { continue };
            let before = removed.pop();
            placed.entry(directory).or_default().push(Placed { name, entry, before });
        }
        gone.extend(removed);
    }
    gone.extend(core::mem::take(&mut changes.removed).into_values().flatten());

    // What is shown as a file: the first counts, and the rest would come up if they stayed.
    let shown = |here: &Here, ino: &Ino| -> Vec<Member> {
        let all = nodes.get(ino).into_iter().flatten().flat_map(|name| here.members(tree, name));
        let mut members: Vec<Member> = Vec::new();
        for member in all {
            if members.first().is_none_or(|first| first.file != member.file) {
                members.push(*member);
            }
        }
        members
    };
    for (ino, before) in &changes.replaced {
        if let Some(file) = here.files.get(before).copied() {
            here.files.insert(*ino, file);
            let content = content(files, *ino)?;
            author.edit(&shown(here, before), content);
            forget_attributes(files, *ino, file, author)?;
        }
    }
    for ino in &changes.edited {
        let Some(file) = here.files.get(ino).copied().filter(|_| nodes.contains_key(ino)) else { continue };
        let content = content(files, *ino)?;
        if author.shown().content(&file) != Some(&content) {
            author.edit(&shown(here, ino), content);
        }
    }
    place(files, here, tree, placed, author)?;
    let entries: BTreeSet<Id> =
        gone.iter().flat_map(|name| here.members(tree, name)).map(|member| member.entry).collect();
    let mut going = Gone::new(entries);
    for name in &gone {
        author.remove(here.members(tree, name), &mut going);
    }
    for (ino, inode) in changes.inodes {
        let Some(of) = here.id(ino) else { continue };
        let before = author.shown().permissions(&of, &author.device()).unwrap_or(permissions_of(inode.kind));
        if inode.permissions != before && inode.kind != FileKind::Symlink {
            author.add(Operation::Permit { of, permissions: inode.permissions });
        }
    }
    for (ino, name, value) in changes.attributes {
        let Some(of) = here.id(ino) else { continue };
        if author.shown().attributes(&of, &author.device()).get(name.as_slice()).copied() != value.as_deref()
        {
            author.add(Operation::Attribute { of, name, value });
        }
    }
    Ok(())
}

/// Sorts what changed, and brings the names up to date.
fn sort(changed: Vec<Changed>, here: &mut Here) -> Changes {
    let mut changes = Changes::default();
    let mut names = Vec::new();
    for change in changed {
        match change {
            Changed::Name { directory, name, was, is } => names.push(((directory, name), was, is)),
            Changed::Content(ino) => {
                changes.edited.insert(ino);
            }
            Changed::Inode { ino, was, is: Some(is) } => {
                let same = |was: Inode| (was.size, was.modified) == (is.size, is.modified);
                if !was.is_some_and(same) && !is.is_directory() {
                    changes.edited.insert(ino);
                }
                if is.links > 0 {
                    changes.inodes.insert(ino, is);
                }
            }
            Changed::Inode { .. } => {}
            Changed::Attribute { ino, name, is } => changes.attributes.push((ino, name, is)),
        }
    }
    for (key, _, is) in &names {
        match is {
            Some(entry) => here.names.insert(key.clone(), *entry),
            None => here.names.remove(key),
        };
    }
    let there: BTreeSet<Ino> = here.names.values().map(|entry| entry.ino).collect();
    let mut taken = BTreeSet::new();
    for (key, was, is) in names {
        if let (Some(was), Some(is)) = (was, is) {
            let is_file = |entry: Entry| entry.kind != FileKind::Directory;
            let is_new = !here.files.contains_key(&is.ino) && !changes.replaced.contains_key(&is.ino);
            let is_gone = here.files.contains_key(&was.ino) && !there.contains(&was.ino);
            if was.ino == is.ino {
                continue;
            }
            let is_mapped = here.nodes.contains_key(&key);
            if is_mapped && is_file(was) && is_file(is) && is_new && is_gone && taken.insert(was.ino) {
                changes.replaced.insert(is.ino, was.ino);
                continue;
            }
        }
        if let Some(was) = was
            && here.nodes.contains_key(&key)
        {
            changes.removed.entry(was.ino).or_default().push(key.clone());
        }
        if let Some(is) = is {
            changes.added.entry(is.ino).or_default().push(key);
        }
    }
    for key in core::mem::take(&mut here.strays) {
        if let Some(entry) = here.names.get(&key) {
            changes.added.entry(entry.ino).or_default().push(key);
        }
    }
    // What has no name any more tells nothing.
    changes.inodes.retain(|ino, _| *ino == Ino::ROOT || there.contains(ino));
    changes.edited.retain(|ino| there.contains(ino));
    changes.attributes.retain(|(ino, ..)| *ino == Ino::ROOT || there.contains(ino));
    changes
}

/// Gives all that is new or was moved its place, directories before what is in them.
fn place<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    here: &mut Here,
    tree: &Tree,
    mut placed: BTreeMap<Ino, Vec<Placed>>,
    author: &mut Author<'_>,
) -> Result<(), VaultError> {
    let known =
        |here: &Here, ino: &Ino| here.directories.get(ino).and_then(|entries| entries.first().copied());
    let mut ready: VecDeque<Ino> =
        placed.keys().copied().filter(|directory| known(here, directory).is_some()).collect();
    while let Some(directory) = ready.pop_front() {
        let Some(parent) = known(here, &directory) else { continue };
        for Placed { name, entry, before } in placed.remove(&directory).into_iter().flatten() {
            if let Some(before) = before {
                author.move_to(here.members(tree, &before), parent, &name);
            } else if entry.kind == FileKind::Directory {
                let id = author.place(parent, &name, Target::Directory);
                here.directories.insert(entry.ino, [id].into());
                ready.push_back(entry.ino);
            } else {
                let file = match here.files.get(&entry.ino) {
                    Some(file) => *file,
                    None => author.make(content(files, entry.ino)?),
                };
                here.files.insert(entry.ino, file);
                author.place(parent, &name, Target::File(file));
            }
        }
    }
    Ok(())
}

fn content<B: Blocks, C: Compress>(files: &mut Files<B, C>, ino: Ino) -> Result<Content, VaultError> {
    let (data, modified) = files.data(ino)?;
    Ok(Content { data, modified })
}

/// What a file had that another took the place of, and the other does not have.
fn forget_attributes<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    ino: Ino,
    file: Id,
    author: &mut Author<'_>,
) -> Result<(), VaultError> {
    let has = files.read().attributes(ino)?;
    let had = author.shown().attributes(&file, &author.device());
    for name in had.keys().filter(|name| !has.iter().any(|other| other == *name)) {
        author.add(Operation::Attribute { of: file, name: name.to_vec(), value: None });
    }
    Ok(())
}
