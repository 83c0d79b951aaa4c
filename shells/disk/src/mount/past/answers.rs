//! What the kernel asks of a mount, of now or of a snapshot, and what it is answered.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use allod_vault::{Blocks, Compress, Refusal, VaultError};
use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, KernelConfig, LockOwner, OpenAccMode,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::{Past, Place, is_now, place};
use crate::mount::convert::errno;
use crate::mount::reply::{attribute_bytes, attributes, data, empty, entry, seek, sought};

impl<B: Blocks + Send + 'static, C: Compress + Clone + Send + 'static> Filesystem for Past<B, C> {
    fn init(&mut self, request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.now.init(request, config)
    }

    fn destroy(&mut self) {
        self.now.destroy();
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let _answering = self.kernel.answering();
        match place(parent) {
            Place::Now if !self.is_snapshots(parent, name) => self.now.lookup(request, parent, name, reply),
            parent => entry(self.find(parent, name), reply),
        }
    }

    fn getattr(&self, request: &Request, ino: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        let _answering = self.kernel.answering();
        let found = match place(ino) {
            Place::Now => return self.now.getattr(request, ino, handle, reply),
            Place::Snapshots => self.directory(),
            Place::Then(snapshot, ino) => self.attributes(snapshot, ino),
        };
        attributes(found, reply);
    }

    fn setattr(
        &self,
        by: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        born: Option<SystemTime>,
        here: Option<SystemTime>,
        kept: Option<SystemTime>,
        flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let _answering = self.kernel.answering();
        if !is_now(ino) {
            return reply.error(Errno::EROFS);
        }
        self.now
            .setattr(by, ino, mode, uid, gid, size, atime, mtime, ctime, fh, born, here, kept, flags, reply);
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        let _answering = self.kernel.answering();
        let target = match place(ino) {
            Place::Now => return self.now.readlink(request, ino, reply),
            Place::Snapshots => Err(VaultError::from(Refusal::WrongKind)),
            Place::Then(snapshot, ino) => self.read(snapshot, |reader| reader.target(ino)),
        };
        data(target, reply);
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
        let _answering = self.kernel.answering();
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
        let _answering = self.kernel.answering();
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
        let _answering = self.kernel.answering();
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
        let _answering = self.kernel.answering();
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
        let _answering = self.kernel.answering();
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
        let _answering = self.kernel.answering();
        let bytes = match place(ino) {
            Place::Now => return self.now.read(request, ino, handle, offset, size, flags, lock, reply),
            Place::Snapshots => Err(VaultError::from(Refusal::IsDirectory)),
            Place::Then(snapshot, ino) => {
                Past::read(self, snapshot, |reader| reader.read(ino, offset, size as usize))
            }
        };
        data(bytes, reply);
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
        let _answering = self.kernel.answering();
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
