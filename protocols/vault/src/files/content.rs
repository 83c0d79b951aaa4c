//! Contents: writing, cutting off, and making objects of what was written.

use alloc::vec::Vec;

use super::inode::{Extent, FileKind, Ino, Inode, Time, key};
use super::reader::{ContentPart, bytes_of};
use super::{Files, SIZE_MAX};
use crate::blocks::Blocks;
use crate::chunk::{Chunker, Sizes};
use crate::compress::Compress;
use crate::error::{Refusal, VaultError};
use crate::object::{Kind, ObjectId, Sealed};

/// Bytes of a file that is kept in the tree.
const INLINE_MAX: u64 = 2 << 10;

/// Bytes that are read and cut into chunks at a time.
const WINDOW: u64 = 4 << 20;

impl<B: Blocks, C: Compress> Files<B, C> {
    pub(super) fn write(&mut self, ino: Ino, offset: u64, bytes: &[u8], now: Time) -> Result<(), VaultError> {
        let mut inode = self.file(ino)?;
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= SIZE_MAX);
        let end = end.ok_or(Refusal::TooLarge)?;
        inode.size = inode.size.max(end);
        (inode.modified, inode.changed) = (now, now);
        self.set(&key::inode(ino), &inode)?;
        self.dirty.write(ino, offset, bytes);
        self.run_on(ino, offset, bytes.len());
        Ok(())
    }

    pub(super) fn punch(&mut self, ino: Ino, offset: u64, size: u64, now: Time) -> Result<(), VaultError> {
        let mut inode = self.file(ino)?;
        let end = offset.saturating_add(size).min(inode.size);
        if offset < end {
            self.cut_content(ino, offset, end)?;
        }
        (inode.modified, inode.changed) = (now, now);
        self.set(&key::inode(ino), &inode)
    }

    fn file(&mut self, ino: Ino) -> Result<Inode, VaultError> {
        let inode = self.inode(ino)?;
        match inode.kind {
            FileKind::File => Ok(inode),
            FileKind::Directory => Err(Refusal::IsDirectory.into()),
            _ => Err(Refusal::WrongKind.into()),
        }
    }

    /// Makes a part of a file zeros that take no room.
    pub(super) fn cut_content(&mut self, ino: Ino, from: u64, to: u64) -> Result<(), VaultError> {
        self.dirty.cut(ino, from, to);
        self.set_extents(ino, from, to, &[])
    }

    /// Makes objects of all that was written. It takes no memory then, but for nodes.
    ///
    /// # Errors
    /// [`VaultError`]. What is not in objects yet stays in memory.
    pub fn flush(&mut self) -> Result<(), VaultError> {
        for ino in self.dirty.files() {
            let size = self.inode(ino)?.size;
            if size <= INLINE_MAX {
                let bytes = self.read().read(ino, 0, size as usize)?;
                self.set_extents(ino, 0, size, &[(0, Extent::Inline(bytes))])?;
                self.dirty.forget(ino);
                continue;
            }
            for (from, to) in self.dirty.ranges(ino) {
                self.flush_range(ino, from, to, size)?;
            }
        }
        // Nodes are small; that many of them is much.
        if self.tree.fresh() > super::FRESH_MAX / 2 {
            self.save_tree()?;
        }
        Ok(())
    }

    /// Makes objects of one range: chunks where it is long, and one piece where it is not.
    fn flush_range(&mut self, ino: Ino, from: u64, to: u64, size: u64) -> Result<(), VaultError> {
        let mut start = from;
        // What goes on where the file ended is cut as if it had been written at once.
        if let Some((last, extent)) = self.read().extents(ino, from.saturating_sub(1), from)?.pop()
            && last + extent.size() == from
            && extent.size() < Sizes::VAULT.average as u64
            && to == size
        {
            start = last;
        }
        while start < to {
            let window = self.read().read(ino, start, (to - start).min(WINDOW) as usize)?;
            let is_end = start + window.len() as u64 == to;
            let (mut extents, mut rest) = (Vec::new(), &window[..]);
            let mut place = start;
            while !rest.is_empty() && (is_end || rest.len() >= self.chunker.size_max()) {
                let (chunk, behind) = rest.split_at(self.chunker.cut(rest));
                let object = self.ring.newest().seal(Kind::Data, chunk, &self.compress);
                self.store.put(&object)?;
                extents.push((place, Extent::Object { id: object.id, from: 0, size: chunk.len() as u32 }));
                place += chunk.len() as u64;
                rest = behind;
            }
            self.set_extents(ino, start, place, &extents)?;
            self.dirty.cut(ino, start, place);
            start = place;
        }
        Ok(())
    }

    /// Finds where contents are cut, for a shell that cuts many at once.
    pub fn chunker(&self) -> &Chunker {
        &self.chunker
    }

    /// What objects are compressed with.
    pub fn compress(&self) -> &C {
        &self.compress
    }

    /// Whether an object is in the vault. One that is stays while room is [made](Self::begin_collecting)
    /// that was begun before, since whoever asks is about to use it.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn has(&mut self, id: &ObjectId) -> Result<bool, VaultError> {
        match self.store.mark_needed(id) {
            Err(VaultError::Missing(_)) => Ok(false),
            known => known.map(|_| true),
        }
    }

    /// Keeps an object that is about to be a part of a file.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn put(&mut self, object: &Sealed) -> Result<(), VaultError> {
        self.store.put(object).map(|_| ())
    }

    /// An object of the vault, for a shell that opens many at once.
    ///
    /// # Errors
    /// [`VaultError::Missing`]; [`VaultError`].
    pub fn sealed(&mut self, id: &ObjectId) -> Result<Sealed, VaultError> {
        self.store.get(id)
    }

    /// Gives a file the content of these objects, one after the other, each with its size. They
    /// were [put](Self::put) before. It is durable after the next [sync](Self::sync) or
    /// [commit](Self::commit), which are the same then.
    ///
    /// # Errors
    /// [`Refusal::IsDirectory`], [`Refusal::WrongKind`], [`Refusal::TooLarge`];
    /// [`VaultError::Missing`]; [`VaultError`].
    pub fn set_content(&mut self, ino: Ino, parts: &[(ObjectId, u32)], now: Time) -> Result<(), VaultError> {
        let mut start = 0_u64;
        let parts: Vec<ContentPart> = parts
            .iter()
            .map(|(id, size)| {
                let part = ContentPart { start, id: *id, from: 0, size: *size };
                start = start.saturating_add(u64::from(*size));
                part
            })
            .collect();
        self.set_parts(ino, &parts, start, now)
    }

    /// Gives a file these parts of objects as its content, in their order, and a size. What is
    /// between them is zeros, which take no room. They were [put](Self::put) before. It is
    /// durable as with [`Self::set_content`].
    ///
    /// # Errors
    /// [`Refusal::IsDirectory`]; [`Refusal::WrongKind`], also where the parts are in each other's
    /// places or go beyond the size; [`Refusal::TooLarge`]; [`VaultError::Missing`]; [`VaultError`].
    pub fn set_parts(
        &mut self,
        ino: Ino,
        parts: &[ContentPart],
        size: u64,
        now: Time,
    ) -> Result<(), VaultError> {
        self.writable()?;
        let mut inode = self.file(ino)?;
        if size > SIZE_MAX {
            return Err(Refusal::TooLarge.into());
        }
        let mut extents = Vec::with_capacity(parts.len());
        let mut end = 0_u64;
        for part in parts {
            let behind = part.start.checked_add(u64::from(part.size)).filter(|behind| *behind <= size);
            end = match behind {
                Some(behind) if part.start >= end => behind,
                _ => return Err(Refusal::WrongKind.into()),
            };
            self.store.mark_needed(&part.id)?;
            extents.push((part.start, Extent::Object { id: part.id, from: part.from, size: part.size }));
        }
        // Nothing is recorded from here on until the next checkpoint has this.
        self.unrecorded = true;
        self.dirty.forget(ino);
        let old = inode.size.max(size);
        inode.size = size;
        (inode.modified, inode.changed) = (now, now);
        let done = self.set_extents(ino, 0, old, &extents).and_then(|()| self.set(&key::inode(ino), &inode));
        self.halfway |= done.is_err();
        done
    }

    /// Puts extents in the place of what there is between two places.
    pub(super) fn set_extents(
        &mut self,
        ino: Ino,
        from: u64,
        to: u64,
        extents: &[(u64, Extent)],
    ) -> Result<(), VaultError> {
        let before = self.read().extents(ino, from, to)?;
        let (mut objects, tree, _) = self.parts();
        for (start, extent) in before {
            let end = start + extent.size();
            tree.remove(&mut objects, &key::extent(ino, start))?;
            if start < from {
                let lower = extent.part(0, from - start);
                tree.insert(&mut objects, &key::extent(ino, start), bytes_of(&lower))?;
            }
            if end > to {
                let upper = extent.part(to - start, end - to);
                tree.insert(&mut objects, &key::extent(ino, to), bytes_of(&upper))?;
            }
        }
        for (start, extent) in extents {
            tree.insert(&mut objects, &key::extent(ino, *start), bytes_of(extent))?;
        }
        Ok(())
    }
}
