//! The snapshots of a mounted vault, as directories that can be read: `.snapshots/NAME` at the
//! top of the mount, which can be gone into and is not listed.
//!
//! `mkdir` in `.snapshots` takes a snapshot, and `rmdir` there lets one go; nothing else can be
//! changed. What is asked of the files of now is passed on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use allod_vault::files::{Ino, Reader, Snapshot};
use allod_vault::{Blocks, Compress, Refusal, VaultError};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, INodeNo, KernelConfig,
    LockOwner, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow,
    WriteFlags,
};

use super::convert::{attributes, errno, type_of};
use super::{Answer, Answers, REMEMBERED, attribute_bytes, empty, entry, now, seek, sought};

/// The directory of snapshots. A file of the vault's own with this name goes before it.
const NAME: &[u8] = b".snapshots";

/// The number of that directory.
const SNAPSHOTS: u64 = 1 << 63;

/// A file's number in a snapshot is below this; above it is the snapshot's.
const SHIFT: u32 = 48;

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Now,
    Snapshots,
    Then(u16, Ino),
}

fn place(ino: INodeNo) -> Place {
    match (ino.0 >> SHIFT) as u16 {
        _ if ino.0 == SNAPSHOTS => Place::Snapshots,
        0 => Place::Now,
        number => Place::Then(number, Ino(ino.0 & ((1 << SHIFT) - 1))),
    }
}

fn number(snapshot: u16, ino: Ino) -> u64 {
    u64::from(snapshot) << SHIFT | ino.0
}

/// A directory's names, as they are shown.
type Listed = Vec<(INodeNo, FileType, Vec<u8>)>;

/// What was seen of the past.
#[derive(Default)]
struct Seen {
    /// The snapshots that were gone into, by their numbers in this mount.
    opened: BTreeMap<u16, Snapshot>,
    /// Their names.
    names: BTreeMap<Vec<u8>, u16>,
    next: u16,
    listed: BTreeMap<u64, Listed>,
    next_listed: u64,
}

/// The files of now, with those of the past behind a name.
pub(super) struct Past<B, C> {
    now: Answers<B, C>,
    seen: Mutex<Seen>,
}

impl<B: Blocks, C: Compress + Clone> Past<B, C> {
    pub(super) fn new(now: Answers<B, C>) -> Self {
        Self { now, seen: Mutex::new(Seen { next: 1, ..Seen::default() }) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Reads a snapshot that was gone into.
    fn read<T>(&self, snapshot: u16, what: impl FnOnce(&mut Reader<'_, B, C>) -> Answer<T>) -> Answer<T> {
        let seen = self.seen();
        let snapshot = seen.opened.get(&snapshot).ok_or(Refusal::NotFound)?;
        what(&mut self.now.inside().files.read_snapshot(snapshot))
    }

    /// The number that a snapshot has in this mount.
    fn go_into(&self, name: &[u8]) -> Answer<u16> {
        let mut seen = self.seen();
        if let Some(number) = seen.names.get(name) {
            return Ok(*number);
        }
        let snapshot = self.now.inside().files.open_snapshot(name)?;
        // A mount of so many snapshots that were taken and let go is mounted again.
        let number = seen.next;
        seen.next = number.checked_add(1).filter(|next| *next < 1 << 15).ok_or(Refusal::TooLarge)?;
        seen.opened.insert(number, snapshot);
        seen.names.insert(name.to_vec(), number);
        Ok(number)
    }

    /// The directory of snapshots belongs to whoever has the top.
    fn directory(&self) -> Answer<FileAttr> {
        let mut found = attributes(Ino::ROOT, &self.now.inside().files.read().inode(Ino::ROOT)?);
        found.ino = INodeNo(SNAPSHOTS);
        found.nlink = 2;
        Ok(found)
    }

    fn attributes(&self, snapshot: u16, ino: Ino) -> Answer<FileAttr> {
        let inode = self.read(snapshot, |reader| reader.inode(ino))?;
        Ok(FileAttr { ino: INodeNo(number(snapshot, ino)), ..attributes(ino, &inode) })
    }

    /// Whether a name at the top is that of the directory of snapshots.
    fn is_snapshots(&self, parent: INodeNo, name: &OsStr) -> bool {
        let is_it = Ino(parent.0) == Ino::ROOT && name.as_bytes() == NAME;
        is_it && self.now.inside().files.read().lookup(Ino::ROOT, NAME).is_err()
    }

    fn find(&self, parent: Place, name: &OsStr) -> Answer<FileAttr> {
        match parent {
            Place::Now => self.directory(),
            Place::Snapshots => self.attributes(self.go_into(name.as_bytes())?, Ino::ROOT),
            Place::Then(snapshot, parent) => {
                let found = self.read(snapshot, |reader| reader.lookup(parent, name.as_bytes()))?;
                self.attributes(snapshot, found.ino)
            }
        }
    }

    fn list(&self, directory: Place) -> Answer<u64> {
        let mut listed: Listed =
            [&b"."[..], b".."].map(|name| (INodeNo(SNAPSHOTS), FileType::Directory, name.to_vec())).to_vec();
        match directory {
            Place::Now => return Err(Refusal::NotFound.into()),
            Place::Snapshots => {
                let all = self.now.inside().files.list_snapshots()?;
                // Their numbers are given when they are gone into.
                let shown = |(name, _)| (INodeNo(SNAPSHOTS), FileType::Directory, name);
                listed.extend(all.into_iter().map(shown));
            }
            Place::Then(snapshot, ino) => {
                let inode = self.read(snapshot, |reader| reader.inode(ino))?;
                if !inode.is_directory() {
                    return Err(Refusal::NotDirectory.into());
                }
                listed[0].0 = INodeNo(number(snapshot, ino));
                let names = self.read(snapshot, |reader| reader.names(ino, None, usize::MAX))?;
                listed.extend(
                    names.into_iter().map(|(name, entry)| {
                        (INodeNo(number(snapshot, entry.ino)), type_of(entry.kind), name)
                    }),
                );
            }
        }
        let mut seen = self.seen();
        seen.next_listed += 1;
        let handle = seen.next_listed;
        seen.listed.insert(handle, listed);
        Ok(handle)
    }

    fn take(&self, name: &OsStr) -> Answer<FileAttr> {
        let name = name.as_bytes();
        // A colon parts a snapshot's name from a path, where both are typed.
        if name.starts_with(b"-") || name.iter().any(|byte| *byte == b':' || byte.is_ascii_control()) {
            return Err(Refusal::BadName.into());
        }
        self.now.shared.settled().files.snapshot(name, now())?;
        self.attributes(self.go_into(name)?, Ino::ROOT)
    }

    fn let_go(&self, name: &OsStr) -> Answer<()> {
        self.now.shared.settled().files.remove_snapshot(name.as_bytes())?;
        // What is open in it can be read until room is made.
        self.seen().names.remove(name.as_bytes());
        Ok(())
    }
}

fn is_now(ino: INodeNo) -> bool {
    place(ino) == Place::Now
}

impl<B: Blocks + Send + 'static, C: Compress + Clone + Send + 'static> Filesystem for Past<B, C> {
    fn init(&mut self, request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.now.init(request, config)
    }

    fn destroy(&mut self) {
        self.now.destroy();
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match place(parent) {
            Place::Now if !self.is_snapshots(parent, name) => self.now.lookup(request, parent, name, reply),
            parent => entry(self.find(parent, name), reply),
        }
    }

    fn getattr(&self, request: &Request, ino: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        let found = match place(ino) {
            Place::Now => return self.now.getattr(request, ino, handle, reply),
            Place::Snapshots => self.directory(),
            Place::Then(snapshot, ino) => self.attributes(snapshot, ino),
        };
        match found {
            Ok(found) => reply.attr(&REMEMBERED, &found),
            Err(why) => reply.error(errno(&why)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        owner: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        changed: Option<SystemTime>,
        handle: Option<FileHandle>,
        made: Option<SystemTime>,
        changed_here: Option<SystemTime>,
        backed_up: Option<SystemTime>,
        flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if !is_now(ino) {
            return reply.error(Errno::EROFS);
        }
        self.now.setattr(
            request,
            ino,
            mode,
            owner,
            group,
            size,
            accessed,
            modified,
            changed,
            handle,
            made,
            changed_here,
            backed_up,
            flags,
            reply,
        );
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        let target = match place(ino) {
            Place::Now => return self.now.readlink(request, ino, reply),
            Place::Snapshots => Err(VaultError::from(Refusal::WrongKind)),
            Place::Then(snapshot, ino) => self.read(snapshot, |reader| reader.target(ino)),
        };
        match target {
            Ok(target) => reply.data(&target),
            Err(why) => reply.error(errno(&why)),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        mask: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        match is_now(parent) {
            true => self.now.mknod(request, parent, name, mode, mask, device, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        mask: u32,
        reply: ReplyEntry,
    ) {
        match place(parent) {
            Place::Now => self.now.mkdir(request, parent, name, mode, mask, reply),
            Place::Snapshots => entry(self.take(name), reply),
            Place::Then(..) => reply.error(Errno::EROFS),
        }
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match is_now(parent) {
            true => self.now.unlink(request, parent, name, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match place(parent) {
            Place::Now if self.is_snapshots(parent, name) => reply.error(Errno::EBUSY),
            Place::Now => self.now.rmdir(request, parent, name, reply),
            Place::Snapshots => empty(self.let_go(name), reply),
            Place::Then(..) => reply.error(Errno::EROFS),
        }
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        match is_now(parent) {
            true => self.now.symlink(request, parent, name, target, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let is_directory = self.is_snapshots(parent, name) || self.is_snapshots(new_parent, new_name);
        match is_now(parent) && is_now(new_parent) && !is_directory {
            true => self.now.rename(request, parent, name, new_parent, new_name, flags, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn link(&self, request: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match is_now(ino) && is_now(parent) {
            true => self.now.link(request, ino, parent, name, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match (place(ino), flags.acc_mode()) {
            (Place::Now, _) => self.now.open(request, ino, flags, reply),
            (_, OpenAccMode::O_RDONLY) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            _ => reply.error(Errno::EROFS),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        mask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        match is_now(parent) {
            true => self.now.create(request, parent, name, mode, mask, flags, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        flags: OpenFlags,
        lock: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let bytes = match place(ino) {
            Place::Now => return self.now.read(request, ino, handle, offset, size, flags, lock, reply),
            Place::Snapshots => Err(VaultError::from(Refusal::IsDirectory)),
            Place::Then(snapshot, ino) => {
                Past::read(self, snapshot, |reader| reader.read(ino, offset, size as usize))
            }
        };
        match bytes {
            Ok(bytes) => reply.data(&bytes),
            Err(why) => reply.error(errno(&why)),
        }
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        bytes: &[u8],
        write: WriteFlags,
        flags: OpenFlags,
        lock: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match is_now(ino) {
            true => self.now.write(request, ino, handle, offset, bytes, write, flags, lock, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn flush(&self, request: &Request, ino: INodeNo, handle: FileHandle, lock: LockOwner, reply: ReplyEmpty) {
        self.now.flush(request, ino, handle, lock, reply);
    }

    fn release(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        flags: OpenFlags,
        lock: Option<LockOwner>,
        flush: bool,
        reply: ReplyEmpty,
    ) {
        match is_now(ino) {
            true => self.now.release(request, ino, handle, flags, lock, flush, reply),
            false => reply.ok(),
        }
    }

    fn fsync(&self, request: &Request, ino: INodeNo, handle: FileHandle, data: bool, reply: ReplyEmpty) {
        self.now.fsync(request, ino, handle, data, reply);
    }

    fn opendir(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match place(ino) {
            Place::Now => self.now.opendir(request, ino, flags, reply),
            directory => match self.list(directory) {
                Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
                Err(why) => reply.error(errno(&why)),
            },
        }
    }

    fn readdir(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        if is_now(ino) {
            return self.now.readdir(request, ino, handle, offset, reply);
        }
        let seen = self.seen();
        let names = seen.listed.get(&handle.0).map_or(&[][..], Vec::as_slice);
        for (place, (ino, kind, name)) in (0_u64..).zip(names).skip(offset as usize) {
            if reply.add(*ino, place + 1, *kind, OsStr::from_bytes(name)) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        if is_now(ino) {
            return self.now.releasedir(request, ino, handle, flags, reply);
        }
        self.seen().listed.remove(&handle.0);
        reply.ok();
    }

    fn fsyncdir(&self, request: &Request, ino: INodeNo, handle: FileHandle, data: bool, reply: ReplyEmpty) {
        self.now.fsyncdir(request, ino, handle, data, reply);
    }

    fn statfs(&self, request: &Request, ino: INodeNo, reply: ReplyStatfs) {
        self.now.statfs(request, ino, reply);
    }

    fn setxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        position: u32,
        reply: ReplyEmpty,
    ) {
        match is_now(ino) {
            true => self.now.setxattr(request, ino, name, value, flags, position, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn getxattr(&self, request: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let value = match place(ino) {
            Place::Now => return self.now.getxattr(request, ino, name, size, reply),
            Place::Snapshots => Err(VaultError::from(Refusal::NotFound)),
            Place::Then(snapshot, ino) => {
                Past::read(self, snapshot, |reader| reader.attribute(ino, name.as_bytes()))
            }
        };
        attribute_bytes(value, size, reply);
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let names = match place(ino) {
            Place::Now => return self.now.listxattr(request, ino, size, reply),
            Place::Snapshots => Ok(Vec::new()),
            Place::Then(snapshot, ino) => Past::read(self, snapshot, |reader| reader.attributes(ino)),
        };
        let names = names.map(|names| names.into_iter().flat_map(|name| [name, vec![0]].concat()).collect());
        attribute_bytes(names, size, reply);
    }

    fn removexattr(&self, request: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match is_now(ino) {
            true => self.now.removexattr(request, ino, name, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        match is_now(ino) {
            true => self.now.fallocate(request, ino, handle, offset, size, mode, reply),
            false => reply.error(Errno::EROFS),
        }
    }

    fn lseek(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let Place::Then(snapshot, ino) = place(ino) else {
            return self.now.lseek(request, ino, handle, offset, whence, reply);
        };
        let place = Past::read(self, snapshot, |reader| Ok(seek(reader, ino, (offset, whence))));
        sought(place.unwrap_or_else(|why| Err(errno(&why))), reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_now_and_of_snapshots_are_told_apart() {
        assert_eq!(place(INodeNo(Ino::ROOT.0)), Place::Now);
        assert_eq!(place(INodeNo(SNAPSHOTS)), Place::Snapshots);
        for (snapshot, ino) in [(1, Ino(1)), ((1 << 15) - 1, Ino((1 << SHIFT) - 1))] {
            assert_eq!(place(INodeNo(number(snapshot, ino))), Place::Then(snapshot, ino));
        }
    }
}
