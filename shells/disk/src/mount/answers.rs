//! What the kernel asks of the files of now, and what it is answered.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use allod_vault::files::{Changes, Existing, FileKind, Ino, NAME_MAX, Operation};
use allod_vault::{Blocks, Compress};
use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, KernelConfig, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyLseek,
    ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::convert::{errno, kind_of_mode, time};
use super::reply::{attribute_bytes, attribute_set, attributes, data, empty, entry, seek, sought};
use super::{Answers, GENERATION, REMEMBERED, now};

/// Bytes of one write, at most.
const WRITE_MAX: u32 = 1 << 20;

impl<B: Blocks + Send + 'static, C: Compress + Clone + Send + 'static> Filesystem for Answers<B, C> {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // The kernel says what it takes at most, where that is less.
        if let Err(most) = config.set_max_write(WRITE_MAX) {
            let _ = config.set_max_write(most);
        }
        Ok(())
    }

    fn destroy(&mut self) {
        // Whoever unmounts is told by `Mounted::end`, which commits again if this fails.
        let _ = self.inside().files.commit();
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.inside().lookup(parent, name), reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        attributes(self.inside().attributes(Ino(ino.0)), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        owner: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let moment = |moment: TimeOrNow| match moment {
            TimeOrNow::SpecificTime(moment) => time(moment),
            TimeOrNow::Now => now(),
        };
        let changes = Changes {
            permissions: mode.map(|mode| (mode & 0o7777) as u16),
            owner,
            group,
            size,
            accessed: accessed.map(moment),
            modified: modified.map(moment),
        };
        attributes(self.inside().set(Ino(ino.0), changes), reply);
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        data(self.inside().files.read().target(Ino(ino.0)), reply);
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        match kind_of_mode(mode, device) {
            Some(kind) => {
                entry(self.inside().make(request, (parent, name), (kind, mode), &[]), reply);
            }
            None => reply.error(Errno::EINVAL),
        }
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let made = self.inside().make(request, (parent, name), (FileKind::Directory, mode), &[]);
        entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.inside().unlink(parent, name, false), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.inside().unlink(parent, name, true), reply);
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let target = target.as_os_str().as_bytes();
        let made = self.inside().make(request, (parent, name), (FileKind::Symlink, 0o777), target);
        entry(made, reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let existing = match flags {
            RenameFlags::RENAME_EXCHANGE => Existing::Exchange,
            RenameFlags::RENAME_NOREPLACE => Existing::Keep,
            flags if flags.is_empty() => Existing::Replace,
            _ => return reply.error(Errno::EINVAL),
        };
        empty(self.inside().rename((parent, name), (new_parent, new_name), existing), reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (ino, parent) = (Ino(ino.0), Ino(parent.0));
        let mut inside = self.inside();
        let link = Operation::Link { ino, parent, name: name.as_bytes().to_vec(), now: now() };
        let linked = inside.files.apply(&link).and_then(|_| inside.attributes(ino));
        entry(linked, reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.inside().opened(Ino(ino.0));
        // Nobody else changes a content, so what the kernel has of it stays good.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mut inside = self.inside();
        match inside.make(request, (parent, name), (FileKind::File, mode), &[]) {
            Ok(attributes) => {
                inside.opened(Ino(attributes.ino.0));
                let flags = FopenFlags::FOPEN_KEEP_CACHE;
                reply.created(&REMEMBERED, &attributes, GENERATION, FileHandle(0), flags);
            }
            Err(why) => reply.error(errno(&why)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut reply = Some(reply);
        let give = |bytes: &[u8]| {
            if let Some(reply) = reply.take() {
                reply.data(bytes);
            }
        };
        let read = self.shared.read((Ino(ino.0), offset, size as usize), give);
        if let (Err(why), Some(reply)) = (read, reply) {
            reply.error(errno(&why));
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut inside = self.inside();
        match inside.files.write_at(Ino(ino.0), offset, bytes, now()) {
            Ok(()) => reply.written(bytes.len() as u32),
            Err(why) => reply.error(errno(&why)),
        }
        self.shared.written(inside);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        empty(self.inside().closed(Ino(ino.0)), reply);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(reply);
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let handle = self.inside().open_directory(Ino(ino.0));
        // Nobody else changes a directory, and the kernel knows what it has changed itself.
        reply.opened(FileHandle(handle), FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let mut inside = self.inside();
        let is_begun = inside.listed.get(&handle.0).is_some_and(|names| !names.is_empty());
        if offset == 0 || !is_begun {
            match inside.list(Ino(ino.0)) {
                Ok(names) => drop(inside.listed.insert(handle.0, names)),
                Err(why) => return reply.error(errno(&why)),
            }
        }
        let names = inside.listed.get(&handle.0).map_or(&[][..], Vec::as_slice);
        for (place, (ino, kind, name)) in (0_u64..).zip(names).skip(offset as usize) {
            if reply.add(*ino, place + 1, *kind, OsStr::from_bytes(name)) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, ino: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        let mut inside = self.inside();
        inside.listed.remove(&handle.0);
        empty(inside.closed(Ino(ino.0)), reply);
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = self.inside().files.room() / 4096;
        reply.statfs(free, free, free, u64::MAX / 2, u64::MAX / 2, 4096, NAME_MAX as u32, 4096);
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _: u32,
        reply: ReplyEmpty,
    ) {
        const CREATE: i32 = 1;
        const REPLACE: i32 = 2;
        let exists = match flags {
            CREATE => Some(false),
            REPLACE => Some(true),
            _ => None,
        };
        let (ino, name) = (Ino(ino.0), name.as_bytes().to_vec());
        let set = Operation::Attribute { ino, name, value: Some(value.to_vec()), exists, now: now() };
        attribute_set(self.inside().files.apply(&set).map(|_| ()), reply);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let value = self.inside().files.read().attribute(Ino(ino.0), name.as_bytes());
        attribute_bytes(value, size, reply);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let names = self.inside().files.read().attributes(Ino(ino.0));
        let names = names.map(|names| names.into_iter().flat_map(|name| [name, vec![0]].concat()).collect());
        attribute_bytes(names, size, reply);
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (ino, name) = (Ino(ino.0), name.as_bytes().to_vec());
        let remove = Operation::Attribute { ino, name, value: None, exists: None, now: now() };
        attribute_set(self.inside().files.apply(&remove).map(|_| ()), reply);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        // Keeping the size, punching a hole and making zeros are known.
        if mode & !0x13 != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        empty(self.inside().allocate(Ino(ino.0), offset, size, mode), reply);
    }

    fn lseek(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        sought(seek(&mut self.inside().files.read(), Ino(ino.0), (offset, whence)), reply);
    }
}
