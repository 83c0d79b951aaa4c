//! Names: making files, and giving, moving and taking their names.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::inode::key::{self, What};
use super::inode::{Entry, FileKind, Ino, Inode, Time};
use super::operation::{Existing, Operation};
use super::{Files, NAME_MAX, TARGET_MAX};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::{Refusal, VaultError};

/// The most names of one file.
const LINKS_MAX: u32 = 65_000;

impl<B: Blocks, C: Compress> Files<B, C> {
    pub(super) fn make(&mut self, operation: &Operation) -> Result<Ino, VaultError> {
        let Operation::Make { parent, name, kind, permissions, owner, group, target, now } = operation else {
            unreachable!("only this is handed here")
        };
        let mut directory = self.free_name(*parent, name)?;
        match kind {
            FileKind::Symlink if target.is_empty() => return Err(Refusal::NotFound.into()),
            FileKind::Symlink if target.len() > TARGET_MAX => return Err(Refusal::NameTooLong.into()),
            _ => {}
        }
        if *kind == FileKind::Directory {
            directory.links = more(directory.links)?;
        }
        let ino = Ino(self.next);
        self.next += 1;
        let inode = Inode {
            kind: *kind,
            permissions: permissions & 0o7777,
            owner: *owner,
            group: *group,
            links: if *kind == FileKind::Directory { 2 } else { 1 },
            size: target.len() as u64,
            accessed: *now,
            modified: *now,
            changed: *now,
            created: *now,
            parent: *parent,
        };
        self.set(&key::inode(ino), &inode)?;
        if *kind == FileKind::Symlink {
            self.set_bytes(&key::target(ino), target.clone())?;
        }
        self.set(&key::name(*parent, name), &Entry { ino, kind: *kind })?;
        self.touched(*parent, directory, *now)?;
        Ok(ino)
    }

    pub(super) fn link(&mut self, ino: Ino, parent: Ino, name: &[u8], now: Time) -> Result<(), VaultError> {
        let mut inode = self.inode(ino)?;
        if inode.is_directory() {
            return Err(Refusal::IsDirectory.into());
        }
        let directory = self.free_name(parent, name)?;
        inode.links = more(inode.links)?;
        if inode.links == 1 {
            self.remove(&key::orphan(ino))?;
        }
        inode.changed = now;
        self.set(&key::inode(ino), &inode)?;
        self.set(&key::name(parent, name), &Entry { ino, kind: inode.kind })?;
        self.touched(parent, directory, now)
    }

    pub(super) fn unlink(
        &mut self,
        parent: Ino,
        name: &[u8],
        directory: bool,
        open: bool,
        now: Time,
    ) -> Result<(), VaultError> {
        let entry = self.read().lookup(parent, name)?;
        match (entry.kind == FileKind::Directory, directory) {
            (true, false) => return Err(Refusal::IsDirectory.into()),
            (false, true) => return Err(Refusal::NotDirectory.into()),
            (true, true) if !self.is_empty(entry.ino)? => return Err(Refusal::NotEmpty.into()),
            _ => {}
        }
        let mut within = self.inode(parent)?;
        self.remove(&key::name(parent, name))?;
        if directory {
            within.links = within.links.saturating_sub(1);
        }
        self.touched(parent, within, now)?;
        self.lose_name(entry, open, now)
    }

    pub(super) fn rename(&mut self, operation: &Operation) -> Result<(), VaultError> {
        let Operation::Rename { from, name, to, new_name, existing, open, now } = operation else {
            unreachable!("only this is handed here")
        };
        let moved = self.read().lookup(*from, name)?;
        check_name(new_name)?;
        let replaced = match self.read().lookup(*to, new_name) {
            Ok(entry) => Some(entry),
            Err(VaultError::Refused(Refusal::NotFound)) => None,
            Err(why) => return Err(why),
        };
        match (existing, replaced) {
            (Existing::Keep, Some(_)) => return Err(Refusal::Exists.into()),
            (Existing::Exchange, None) => return Err(Refusal::NotFound.into()),
            // Two names of one file: that is how it stays.
            (_, Some(other)) if other.ino == moved.ino => return Ok(()),
            _ => {}
        }
        let exchanged = (*existing == Existing::Exchange).then_some(replaced).flatten();
        if moved.kind == FileKind::Directory && self.is_within(*to, moved.ino)? {
            return Err(Refusal::WithinItself.into());
        }
        if exchanged.is_some_and(|other| other.kind == FileKind::Directory)
            && let Some(other) = exchanged
            && self.is_within(*from, other.ino)?
        {
            return Err(Refusal::WithinItself.into());
        }
        if exchanged.is_none()
            && let Some(other) = replaced
        {
            match (moved.kind == FileKind::Directory, other.kind == FileKind::Directory) {
                (true, false) => return Err(Refusal::NotDirectory.into()),
                (false, true) => return Err(Refusal::IsDirectory.into()),
                (true, true) if !self.is_empty(other.ino)? => return Err(Refusal::NotEmpty.into()),
                _ => {}
            }
        }
        // A directory takes the name that it has in its parent along.
        let is_directory = |entry: Entry| i64::from(entry.kind == FileKind::Directory);
        let leaves = is_directory(moved) - exchanged.map_or(0, is_directory);
        let goes = if exchanged.is_some() { 0 } else { replaced.map_or(0, is_directory) };
        let changes =
            if from == to { [(*from, -goes), (*to, 0)] } else { [(*from, -leaves), (*to, leaves - goes)] };
        let mut parents = Vec::new();
        for (directory, change) in changes {
            let mut inode = self.inode(directory)?;
            let links = i64::from(inode.links) + change;
            inode.links =
                u32::try_from(links).ok().filter(|links| *links <= LINKS_MAX).ok_or(Refusal::TooManyLinks)?;
            parents.push((directory, inode));
        }

        match exchanged {
            Some(other) => self.set(&key::name(*from, name), &other)?,
            None => self.remove(&key::name(*from, name)).map(|_| ())?,
        }
        self.set(&key::name(*to, new_name), &moved)?;
        if from == to {
            parents.truncate(1);
        }
        for (directory, inode) in parents {
            self.touched(directory, inode, *now)?;
        }
        self.moved(moved.ino, *to, *now)?;
        match (exchanged, replaced) {
            (Some(other), _) => self.moved(other.ino, *from, *now),
            (None, Some(other)) => self.lose_name(other, *open, *now),
            (None, None) => Ok(()),
        }
    }

    /// A file that was open without a name goes.
    pub(super) fn forget(&mut self, ino: Ino) -> Result<(), VaultError> {
        if self.read().value::<()>(&key::orphan(ino))?.is_some() {
            self.remove(&key::orphan(ino))?;
            self.erase(ino)?;
        }
        Ok(())
    }

    /// The files that have no name and wait until they are not open any more.
    pub(super) fn orphans(&mut self) -> Result<Vec<Ino>, VaultError> {
        let mut found = Vec::new();
        self.read().range(&key::orphan(Ino(0)), |_, what, _| match what {
            What::Orphan(ino) => {
                found.push(ino);
                Ok(ControlFlow::Continue(()))
            }
            _ => Ok(ControlFlow::Break(())),
        })?;
        Ok(found)
    }

    /// The directory, where it is one and nothing in it has this name.
    fn free_name(&mut self, parent: Ino, name: &[u8]) -> Result<Inode, VaultError> {
        check_name(name)?;
        match self.read().lookup(parent, name) {
            Ok(_) => Err(Refusal::Exists.into()),
            Err(VaultError::Refused(Refusal::NotFound)) => {
                let directory = self.inode(parent)?;
                // One that was removed while somebody is in it takes nothing any more.
                if directory.links == 0 { Err(Refusal::NotFound.into()) } else { Ok(directory) }
            }
            Err(why) => Err(why),
        }
    }

    /// A directory's content changed.
    fn touched(&mut self, ino: Ino, mut inode: Inode, now: Time) -> Result<(), VaultError> {
        (inode.modified, inode.changed) = (now, now);
        self.set(&key::inode(ino), &inode)
    }

    /// A file got a name in this directory in the place of another.
    fn moved(&mut self, ino: Ino, to: Ino, now: Time) -> Result<(), VaultError> {
        let mut inode = self.inode(ino)?;
        if inode.is_directory() {
            inode.parent = to;
        }
        inode.changed = now;
        self.set(&key::inode(ino), &inode)
    }

    /// A file lost one of its names.
    fn lose_name(&mut self, entry: Entry, open: bool, now: Time) -> Result<(), VaultError> {
        let mut inode = self.inode(entry.ino)?;
        inode.links = if inode.is_directory() { 0 } else { inode.links.saturating_sub(1) };
        if inode.links == 0 && !open {
            return self.erase(entry.ino);
        }
        inode.changed = now;
        self.set(&key::inode(entry.ino), &inode)?;
        if inode.links == 0 {
            self.set(&key::orphan(entry.ino), &())?;
        }
        Ok(())
    }

    /// Removes all that there is of a file.
    pub(super) fn erase(&mut self, ino: Ino) -> Result<(), VaultError> {
        self.dirty.forget(ino);
        let end = key::end(ino);
        loop {
            let mut keys = Vec::new();
            let (mut objects, tree, _) = self.parts();
            tree.range(&mut objects, &key::inode(ino), &mut |key, _| {
                if key >= end.as_slice() || keys.len() >= 1024 {
                    return ControlFlow::Break(());
                }
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            })?;
            if keys.is_empty() {
                return Ok(());
            }
            for key in keys {
                tree.remove(&mut objects, &key)?;
            }
        }
    }

    fn is_empty(&mut self, directory: Ino) -> Result<bool, VaultError> {
        Ok(self.read().names(directory, None, 1)?.is_empty())
    }

    /// Whether a directory is this one, or somewhere in it.
    fn is_within(&mut self, directory: Ino, ancestor: Ino) -> Result<bool, VaultError> {
        let mut place = directory;
        loop {
            if place == ancestor {
                return Ok(true);
            }
            if place == Ino::ROOT {
                return Ok(false);
            }
            let inode = self.inode(place)?;
            if !inode.is_directory() {
                return Err(Refusal::NotDirectory.into());
            }
            place = inode.parent;
        }
    }
}

fn more(links: u32) -> Result<u32, VaultError> {
    if links >= LINKS_MAX { Err(Refusal::TooManyLinks.into()) } else { Ok(links + 1) }
}

/// A name that a file may have.
fn check_name(name: &[u8]) -> Result<(), VaultError> {
    if name.len() > NAME_MAX {
        return Err(Refusal::NameTooLong.into());
    }
    if name.is_empty() || name == b"." || name == b".." || name.iter().any(|byte| *byte == b'/' || *byte == 0)
    {
        return Err(Refusal::BadName.into());
    }
    Ok(())
}
