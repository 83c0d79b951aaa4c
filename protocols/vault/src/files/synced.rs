//! What sync does to files from within: it finds what changed since the last time, reads
//! contents as lists of parts, and puts names and contents where they are to be.
//!
//! Nothing here is recorded. What is done becomes durable as one with the next commit, or not
//! at all.

use alloc::vec::Vec;

use allod_wire::Wire;

use super::inode::key::{self, What};
use super::inode::{Entry, Extent, FileKind, Ino, Inode, Time};
use super::reader::{Objects, Reader, bytes_of, damaged};
use super::table::Table;
use super::{Files, SIZE_MAX};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::{Refusal, VaultError};
use crate::log::decode;
use crate::object::{CONTENT_MAX, Kind, ObjectId};
use crate::sync::operation::{Data, LISTS_MAX, ListList, PARTS_MAX, Part, PartBytes, PartList, Parts};
use crate::tree::{Tree, differences};

/// The row of the table of sync with the root of the files as they were at the last sync.
const BASE: &[u8] = b"r";

/// Bytes of parts that are kept in an operation itself.
const HERE_MAX: usize = 4 << 10;

/// Bytes of parts that one object lists, about.
const LIST_SIZE: usize = CONTENT_MAX / if cfg!(test) { 64 } else { 2 };

/// Parts that are read at once.
const PAGE: usize = 1024;

/// What changed of the files.
#[derive(Clone, Debug)]
pub(crate) enum Changed {
    /// A name in a directory leads elsewhere, or is new, or is gone.
    Name { directory: Ino, name: Vec<u8>, was: Option<Entry>, is: Option<Entry> },
    /// A file's content, or where a link leads.
    Content(Ino),
    /// What there is of a file beside that; nothing of one that is new or gone.
    Inode { ino: Ino, was: Option<Inode>, is: Option<Inode> },
    /// An extended attribute, and what it is now.
    Attribute { ino: Ino, name: Vec<u8>, is: Option<Vec<u8>> },
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// The root of the files as they were at the last sync.
    pub(super) fn base(&mut self) -> Result<Option<ObjectId>, VaultError> {
        match self.table(Table::Sync).get(BASE)? {
            Some(root) => Ok(Some(decode(&root, damaged())?)),
            None => Ok(None),
        }
    }

    /// What changed since the last sync, in the order of files' numbers.
    pub(crate) fn changed(&mut self) -> Result<Vec<Changed>, VaultError> {
        self.flush()?;
        let (old, new) = (self.base()?, self.save_tree()?);
        let mut found = Vec::new();
        let (mut objects, ..) = self.parts();
        differences(&mut objects, old.as_ref(), new.as_ref(), &mut |key, was, is| {
            let (ino, what) = key::parse(key).ok_or(VaultError::Damaged(damaged()))?;
            match what {
                What::Name(name) => found.push(Changed::Name {
                    directory: ino,
                    name: name.to_vec(),
                    was: was.map(|value| decode(value, damaged())).transpose()?,
                    is: is.map(|value| decode(value, damaged())).transpose()?,
                }),
                What::Extent(_) | What::Target => found.push(Changed::Content(ino)),
                What::Inode => found.push(Changed::Inode {
                    ino,
                    was: was.map(|value| decode(value, damaged())).transpose()?,
                    is: is.map(|value| decode(value, damaged())).transpose()?,
                }),
                What::Attribute(name) => {
                    found.push(Changed::Attribute { ino, name: name.to_vec(), is: is.map(<[u8]>::to_vec) })
                }
                What::Orphan(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Has all files as they are now be those of the last sync, and makes that durable.
    pub(crate) fn settle(&mut self) -> Result<(), VaultError> {
        self.flush()?;
        if let Some(root) = self.save_tree()? {
            self.table(Table::Sync).insert(BASE, &bytes_of(&root))?;
        }
        self.unrecorded = true;
        self.commit()
    }

    /// Every name of the files as they were at the last sync, with what has it, directories
    /// before what is in them.
    pub(crate) fn names_at_base(&mut self, see: &mut dyn FnMut(Ino, &[u8], Entry)) -> Result<(), VaultError> {
        let Some(root) = self.base()? else { return Ok(()) };
        let tree = Tree::new(Some(root));
        let objects = Objects {
            store: &mut self.store,
            ring: &self.ring,
            compress: &self.compress,
            recent: &mut self.recent,
        };
        let mut reader = Reader { objects, tree: &tree, dirty: None };
        let mut rest = Vec::from([Ino::ROOT]);
        while let Some(directory) = rest.pop() {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let names = reader.names(directory, after.as_deref(), 1024)?;
                let Some((last, _)) = names.last() else { break };
                after = Some(last.clone());
                for (name, entry) in names {
                    see(directory, &name, entry);
                    if entry.kind == FileKind::Directory {
                        rest.push(entry.ino);
                    }
                }
            }
        }
        Ok(())
    }

    /// What a file has in it, as an operation says it. Lists of parts are put into the vault.
    pub(crate) fn data(&mut self, ino: Ino) -> Result<(Data, Time), VaultError> {
        let inode = self.inode(ino)?;
        let data = match inode.kind {
            FileKind::File => Data::File { size: inode.size, parts: self.parts_of(ino, inode.size)? },
            FileKind::Symlink => Data::Symlink(self.read().target(ino)?),
            FileKind::Pipe => Data::Pipe,
            FileKind::Socket => Data::Socket,
            FileKind::Characters(number) => Data::Characters(number),
            FileKind::Blocks(number) => Data::Blocks(number),
            FileKind::Directory => return Err(Refusal::IsDirectory.into()),
        };
        Ok((data, inode.modified))
    }

    fn parts_of(&mut self, ino: Ino, size: u64) -> Result<Parts, VaultError> {
        let (mut lists, mut list, mut filled) = (Vec::new(), Vec::new(), 0);
        let mut from = 0;
        loop {
            let extents = self.read().extents_from(ino, from, PAGE)?;
            let Some((last, _)) = extents.last() else { break };
            from = last + 1;
            // Nothing is beyond the end.
            for (start, extent) in extents.into_iter().filter(|(start, _)| *start < size) {
                let bytes = match extent.part(0, extent.size().min(size - start)) {
                    Extent::Object { id, from, size } => PartBytes::Object { id, from, size },
                    Extent::Inline(bytes) => PartBytes::Here(bytes),
                };
                filled += match &bytes {
                    PartBytes::Object { .. } => 64,
                    PartBytes::Here(bytes) => 16 + bytes.len(),
                };
                list.push(Part { start, bytes });
                if filled > LIST_SIZE {
                    lists.push(self.put_list(&PartList(core::mem::take(&mut list)))?);
                    filled = 0;
                }
            }
        }
        if lists.is_empty() && list.len() <= PARTS_MAX && filled <= HERE_MAX {
            return Ok(Parts::Here(list));
        }
        if !list.is_empty() {
            lists.push(self.put_list(&PartList(list))?);
        }
        if lists.len() <= LISTS_MAX {
            return Ok(Parts::Listed(lists));
        }
        let deep: Result<Vec<ObjectId>, _> =
            lists.chunks(LIST_SIZE / 40).map(|lists| self.put_list(&ListList(lists.to_vec()))).collect();
        // No image has room for as many parts.
        deep.and_then(|deep| {
            if deep.len() <= LISTS_MAX { Ok(Parts::Deep(deep)) } else { Err(Refusal::TooLarge.into()) }
        })
    }

    fn put_list(&mut self, list: &impl Wire) -> Result<ObjectId, VaultError> {
        let object = self.ring.newest().seal(Kind::Data, &allod_wire::encode(list), &self.compress);
        self.store.put(&object)?;
        Ok(object.id)
    }

    /// The content of an object that is not in the cache of contents.
    pub(crate) fn object_content(&mut self, id: &ObjectId) -> Result<Vec<u8>, VaultError> {
        let (mut objects, ..) = self.parts();
        objects.fetch(id)
    }

    /// Makes objects durable that were [put](Self::put), whatever they will be a part of.
    pub(crate) fn keep_objects(&mut self) -> Result<(), VaultError> {
        self.unrecorded = true;
        self.commit()
    }

    /// From here on something is done that is not recorded. Where it fails, the vault is as it
    /// was at the last commit when it is opened again, and can only be read until then.
    pub(crate) fn rewrite<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        self.writable()?;
        self.unrecorded = true;
        let done = act(self);
        self.halfway |= done.is_err();
        done
    }

    /// Makes a file that has no name yet.
    pub(crate) fn make_inode(
        &mut self,
        kind: FileKind,
        permissions: u16,
        now: Time,
    ) -> Result<Ino, VaultError> {
        let top = self.inode(Ino::ROOT)?;
        let ino = Ino(self.next);
        self.next += 1;
        let inode = Inode {
            kind,
            permissions,
            owner: top.owner,
            group: top.group,
            links: if kind == FileKind::Directory { 2 } else { 0 },
            size: 0,
            accessed: now,
            modified: now,
            changed: now,
            created: now,
            parent: Ino::ROOT,
        };
        self.set(&key::inode(ino), &inode)?;
        Ok(ino)
    }

    /// Has a name lead somewhere, or nowhere.
    pub(crate) fn set_name(
        &mut self,
        directory: Ino,
        name: &[u8],
        to: Option<Entry>,
    ) -> Result<(), VaultError> {
        match to {
            Some(entry) => self.set(&key::name(directory, name), &entry),
            None => self.remove(&key::name(directory, name)).map(|_| ()),
        }
    }

    /// Changes what there is of a file.
    pub(crate) fn set_inode(&mut self, ino: Ino, change: impl FnOnce(&mut Inode)) -> Result<(), VaultError> {
        let before = self.inode(ino)?;
        let mut inode = before;
        change(&mut inode);
        if inode == before { Ok(()) } else { self.set(&key::inode(ino), &inode) }
    }

    /// A file lost all its names; somebody may have it open.
    pub(crate) fn drop_inode(&mut self, ino: Ino, open: bool) -> Result<(), VaultError> {
        if !open {
            return self.erase(ino);
        }
        self.set_inode(ino, |inode| inode.links = 0)?;
        self.set(&key::orphan(ino), &())
    }

    /// Sets or removes an extended attribute.
    pub(crate) fn put_attribute(
        &mut self,
        ino: Ino,
        name: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), VaultError> {
        match value {
            Some(value) => self.set_bytes(&key::attribute(ino, name), value.to_vec()),
            None => self.remove(&key::attribute(ino, name)).map(|_| ()),
        }
    }

    /// Gives a file a content, of which all objects are here. That of a file of bytes are zeros, until it is given
    /// [parts](Self::put_parts).
    pub(crate) fn put_data(
        &mut self,
        ino: Ino,
        (data, modified): (&Data, Time),
        now: Time,
    ) -> Result<(), VaultError> {
        let mut inode = self.inode(ino)?;
        match data {
            Data::File { size, .. } => {
                if *size > SIZE_MAX {
                    return Err(Refusal::TooLarge.into());
                }
                self.dirty.forget(ino);
                loop {
                    let extents = self.read().extents_from(ino, 0, PAGE)?;
                    if extents.is_empty() {
                        break;
                    }
                    for (start, _) in extents {
                        self.remove(&key::extent(ino, start))?;
                    }
                }
                inode.size = *size;
            }
            Data::Symlink(target) => {
                self.set_bytes(&key::target(ino), target.clone())?;
                inode.size = target.len() as u64;
            }
            Data::Pipe | Data::Socket | Data::Characters(_) | Data::Blocks(_) => {}
        }
        (inode.modified, inode.changed) = (modified, now);
        self.set(&key::inode(ino), &inode)
    }

    /// Puts parts into a file where nothing is.
    pub(crate) fn put_parts(&mut self, ino: Ino, parts: &[Part]) -> Result<(), VaultError> {
        parts.iter().try_for_each(|part| {
            let extent = match &part.bytes {
                PartBytes::Object { id, from, size } => Extent::Object { id: *id, from: *from, size: *size },
                PartBytes::Here(bytes) => Extent::Inline(bytes.clone()),
            };
            self.set(&key::extent(ino, part.start), &extent)
        })
    }
}

impl Data {
    /// What kind of file has it.
    pub(crate) fn kind(&self) -> FileKind {
        match self {
            Self::File { .. } => FileKind::File,
            Self::Symlink(_) => FileKind::Symlink,
            Self::Pipe => FileKind::Pipe,
            Self::Socket => FileKind::Socket,
            Self::Characters(number) => FileKind::Characters(*number),
            Self::Blocks(number) => FileKind::Blocks(*number),
        }
    }
}
