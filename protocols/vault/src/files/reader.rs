//! Reading files: those of now, or those of a snapshot.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use minicbor::{Decode, Encode};

use super::dirty::Dirty;
use super::inode::key::{self, What};
use super::inode::{Entry, Extent, Ino, Inode};
use crate::blocks::Blocks;
use crate::cache::Cache;
use crate::compress::Compress;
use crate::error::{Damage, Part, Refusal, VaultError};
use crate::log::{decode, encode};
use crate::object::{Kind, ObjectId};
use crate::ring::Ring;
use crate::store::Store;
use crate::tree::{Node, Nodes, Tree};

/// A page of a directory: names, and what has them.
pub type Names = Vec<(Vec<u8>, Entry)>;

/// A part of a file's content that is in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentPart {
    /// Where in the file it begins.
    pub start: u64,
    /// The object that has it.
    pub id: ObjectId,
    /// From where in the object.
    pub from: u32,
    /// How many bytes.
    pub size: u32,
}

/// What was read of objects lately.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) nodes: Cache<ObjectId, Node<ObjectId>>,
    pub(super) contents: Cache<ObjectId, Vec<u8>>,
}

/// Nodes of 24 KiB, about: 48 MiB at most.
const NODES: usize = 2048;

/// Contents of at most 1 MiB.
const CONTENTS: usize = 16;

impl Recent {
    pub(super) fn new() -> Self {
        Self { nodes: Cache::new(NODES), contents: Cache::new(CONTENTS) }
    }
}

/// Objects of one space in a store.
pub(super) struct Objects<'a, B, C> {
    pub(super) store: &'a mut Store<B>,
    pub(super) ring: &'a Ring,
    pub(super) compress: &'a C,
    pub(super) recent: &'a mut Recent,
}

impl<B: Blocks, C: Compress> Objects<'_, B, C> {
    /// The content of an object.
    pub(super) fn content(&mut self, id: &ObjectId) -> Result<Arc<Vec<u8>>, VaultError> {
        if let Some(content) = self.recent.contents.get(id) {
            return Ok(content);
        }
        let content = Arc::new(self.fetch(id)?);
        self.recent.contents.put(*id, Arc::clone(&content));
        Ok(content)
    }

    pub(super) fn fetch(&mut self, id: &ObjectId) -> Result<Vec<u8>, VaultError> {
        let object = self.store.get(id)?;
        match self.ring.open_owned(object, self.compress) {
            Ok(content) => Ok(content),
            Err(_) => Err(VaultError::Damaged(self.store.damage(id)?)),
        }
    }
}

impl<B: Blocks, C: Compress> Nodes for Objects<'_, B, C> {
    type Link = ObjectId;

    fn load(&mut self, link: &ObjectId) -> Result<Arc<Node<ObjectId>>, VaultError> {
        if let Some(node) = self.recent.nodes.get(link) {
            return Ok(node);
        }
        let content = self.fetch(link)?;
        let damage = Damage { part: Part::Object(*link), at: 0 };
        let node = Arc::new(Node::decode(&content).map_err(|_| VaultError::Damaged(damage))?);
        self.recent.nodes.put(*link, Arc::clone(&node));
        Ok(node)
    }

    fn save(&mut self, node: Node<ObjectId>) -> Result<ObjectId, VaultError> {
        let object = self.ring.newest().seal(Kind::Node, &node.encode(), self.compress);
        self.store.put(&object)?;
        self.recent.nodes.put(object.id, Arc::new(node));
        Ok(object.id)
    }

    // Other trees may have the same node; what nobody has is found when room is made.
    fn release(&mut self, _: &ObjectId) {}
}

/// Reads the files of one tree.
pub struct Reader<'a, B, C> {
    pub(super) objects: Objects<'a, B, C>,
    pub(super) tree: &'a Tree<ObjectId>,
    pub(super) dirty: Option<&'a Dirty>,
}

impl<B: Blocks, C: Compress> Reader<'_, B, C> {
    /// A file, apart from its names and its content.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`VaultError`].
    pub fn inode(&mut self, ino: Ino) -> Result<Inode, VaultError> {
        self.value(&key::inode(ino))?.ok_or(Refusal::NotFound.into())
    }

    /// What has a name in a directory.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::NotDirectory`]; [`VaultError`].
    pub fn lookup(&mut self, directory: Ino, name: &[u8]) -> Result<Entry, VaultError> {
        match self.value(&key::name(directory, name))? {
            Some(entry) => Ok(entry),
            None if self.inode(directory)?.is_directory() => Err(Refusal::NotFound.into()),
            None => Err(Refusal::NotDirectory.into()),
        }
    }

    /// At most so many names of a directory, in the order of their bytes: those after
    /// `after`, or from the first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn names(
        &mut self,
        directory: Ino,
        after: Option<&[u8]>,
        count_max: usize,
    ) -> Result<Names, VaultError> {
        let mut start = key::name(directory, after.unwrap_or_default());
        if after.is_some() {
            start.push(0);
        }
        let mut names = Vec::new();
        self.range(&start, |ino, what, value| match what {
            What::Name(name) if ino == directory && names.len() < count_max => {
                names.push((name.to_vec(), decode(value, damaged())?));
                Ok(ControlFlow::Continue(()))
            }
            _ => Ok(ControlFlow::Break(())),
        })?;
        Ok(names)
    }

    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// [`Refusal::WrongKind`]; [`VaultError`].
    pub fn target(&mut self, ino: Ino) -> Result<Vec<u8>, VaultError> {
        let target = self.tree.get(&mut self.objects, &key::target(ino))?;
        target.ok_or(Refusal::WrongKind.into())
    }

    /// The value of an extended attribute.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`VaultError`].
    pub fn attribute(&mut self, ino: Ino, name: &[u8]) -> Result<Vec<u8>, VaultError> {
        let value = self.tree.get(&mut self.objects, &key::attribute(ino, name))?;
        value.ok_or(Refusal::NotFound.into())
    }

    /// The names of all extended attributes.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn attributes(&mut self, file: Ino) -> Result<Vec<Vec<u8>>, VaultError> {
        let mut names = Vec::new();
        self.range(&key::attribute(file, &[]), |ino, what, _| match what {
            What::Attribute(name) if ino == file => {
                names.push(name.to_vec());
                Ok(ControlFlow::Continue(()))
            }
            _ => Ok(ControlFlow::Break(())),
        })?;
        Ok(names)
    }

    /// Bytes of a file's content: at most `size`, fewer where it ends.
    ///
    /// # Errors
    /// [`Refusal::IsDirectory`], [`Refusal::WrongKind`]; [`VaultError`].
    pub fn read(&mut self, ino: Ino, offset: u64, size: usize) -> Result<Vec<u8>, VaultError> {
        let inode = self.inode(ino)?;
        match inode.kind {
            super::FileKind::File => {}
            super::FileKind::Directory => return Err(Refusal::IsDirectory.into()),
            _ => return Err(Refusal::WrongKind.into()),
        }
        let end = inode.size.min(offset.saturating_add(size as u64));
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(offset)).unwrap_or_default()];
        if bytes.is_empty() {
            return Ok(bytes);
        }
        for (start, extent) in self.extents(ino, offset, end)? {
            let (from, to) = (start.max(offset), (start + extent.size()).min(end));
            // So what is damaged can be written over.
            if self.dirty.is_some_and(|dirty| dirty.covers(ino, from, to)) {
                continue;
            }
            let into = &mut bytes[(from - offset) as usize..(to - offset) as usize];
            match extent.part(from - start, to - from) {
                Extent::Inline(part) => into.copy_from_slice(&part),
                Extent::Object { id, from, size } => {
                    let content = self.objects.content(&id)?;
                    let part = content.get(from as usize..from as usize + size as usize);
                    let damage = Damage { part: Part::Object(id), at: 0 };
                    into.copy_from_slice(part.ok_or(VaultError::Damaged(damage))?);
                }
            }
        }
        if let Some(dirty) = self.dirty {
            dirty.read(ino, offset, &mut bytes);
        }
        Ok(bytes)
    }

    /// An object's content, where it was read lately.
    pub fn recent(&mut self, id: &ObjectId) -> Option<Arc<Vec<u8>>> {
        self.objects.recent.contents.get(id)
    }

    /// Keeps a content that a shell opened, for those who read it next.
    pub fn remember(&mut self, id: ObjectId, content: Arc<Vec<u8>>) {
        self.objects.recent.contents.put(id, content);
    }

    /// The start of the next part of a file's content at or after `offset` that may be other
    /// than zeros, and its end; nothing where only zeros follow.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn next_data(&mut self, ino: Ino, offset: u64) -> Result<Option<(u64, u64)>, VaultError> {
        let size = self.inode(ino)?.size;
        let mut found: Option<(u64, u64)> = None;
        let mut see = |start: u64, end: u64| match found {
            _ if end <= offset => {}
            Some((first, last)) if start <= last && end >= first => {
                found = Some((first.min(start), last.max(end)));
            }
            Some((first, _)) if end < first => found = Some((start, end)),
            Some(_) => {}
            None => found = Some((start, end)),
        };
        for (start, extent) in self.extents(ino, offset, size)? {
            see(start, start + extent.size());
        }
        for (start, end) in self.dirty.into_iter().flat_map(|dirty| dirty.ranges(ino)) {
            see(start, end);
        }
        Ok(found.map(|(start, end)| (start.max(offset), end.min(size))).filter(|(start, end)| start < end))
    }

    /// The parts of a file's content that are in objects, in their order, for a shell that
    /// opens many objects at once. Nothing where a part of it is not in an object: then it is
    /// [read](Self::read).
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn parts(&mut self, ino: Ino) -> Result<Option<Vec<ContentPart>>, VaultError> {
        let size = self.inode(ino)?.size;
        self.parts_between(ino, 0, size)
    }

    /// The same, of those parts that have bytes between two places of a file.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn parts_between(
        &mut self,
        ino: Ino,
        from: u64,
        to: u64,
    ) -> Result<Option<Vec<ContentPart>>, VaultError> {
        if self.dirty.is_some_and(|dirty| dirty.has_between(ino, from, to)) {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for (start, extent) in self.extents(ino, from, to)? {
            let Extent::Object { id, from, size } = extent else { return Ok(None) };
            parts.push(ContentPart { start, id, from, size });
        }
        Ok(Some(parts))
    }

    /// The extents that have bytes between `from` and `to`, by where they start.
    pub(super) fn extents(
        &mut self,
        file: Ino,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, Extent)>, VaultError> {
        let mut extents: Vec<(u64, Extent)> = Vec::new();
        // No extent is longer than an object, so that the first one starts not far before.
        let first = from.saturating_sub(crate::object::CONTENT_MAX as u64);
        self.range(&key::extent(file, first), |ino, what, value| match what {
            What::Extent(start) if ino == file && start < to => {
                let extent: Extent = decode(value, damaged())?;
                if start + extent.size() > from {
                    extents.push((start, extent));
                }
                Ok(ControlFlow::Continue(()))
            }
            _ => Ok(ControlFlow::Break(())),
        })?;
        Ok(extents)
    }

    /// So many extents of a file at most, which begin here or behind.
    pub(super) fn extents_from(
        &mut self,
        file: Ino,
        from: u64,
        count_max: usize,
    ) -> Result<Vec<(u64, Extent)>, VaultError> {
        let mut extents: Vec<(u64, Extent)> = Vec::new();
        self.range(&key::extent(file, from), |ino, what, value| match what {
            What::Extent(start) if ino == file && extents.len() < count_max => {
                extents.push((start, decode(value, damaged())?));
                Ok(ControlFlow::Continue(()))
            }
            _ => Ok(ControlFlow::Break(())),
        })?;
        Ok(extents)
    }

    /// The value of a key.
    pub(super) fn value<T: for<'b> Decode<'b, ()>>(&mut self, key: &[u8]) -> Result<Option<T>, VaultError> {
        let value = self.tree.get(&mut self.objects, key)?;
        value.map(|value| decode(&value, damaged())).transpose()
    }

    /// What there is from a key on, until told to stop.
    pub(super) fn range(
        &mut self,
        from: &[u8],
        mut see: impl FnMut(Ino, What<'_>, &[u8]) -> Result<ControlFlow<()>, VaultError>,
    ) -> Result<(), VaultError> {
        let mut result = Ok(());
        let mut show = |key: &[u8], value: &[u8]| {
            let next = match key::parse(key) {
                Some((ino, what)) => see(ino, what, value),
                None => Err(VaultError::Damaged(damaged())),
            };
            next.unwrap_or_else(|why| {
                result = Err(why);
                ControlFlow::Break(())
            })
        };
        self.tree.range(&mut self.objects, from, &mut show)?;
        result
    }
}

/// A value in the tree was none. It was authentic, so it is this program that is wrong, or
/// another.
pub(super) fn damaged() -> Damage {
    Damage { part: Part::Tree, at: 0 }
}

/// The bytes of a value.
pub(super) fn bytes_of<T: Encode<()>>(value: &T) -> Vec<u8> {
    encode(value)
}
