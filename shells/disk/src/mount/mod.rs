//! A vault as a part of the system's tree of files (FUSE).
//!
//! The kernel asks, and several threads answer from the vault; others seal what was written and
//! open what is read next. Every few seconds what was written is committed. `fsync` is the vault's sync. When the mount ends, in
//! whatever way but a crash, everything is committed; after a crash there is what was synced,
//! or later.
//!
//! Reading a file does not change when it was last read.

mod beside;
mod convert;
mod end;
mod past;
mod session;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime};

use allod_vault::files::{Changes, Existing, FileKind, Files, Ino, NAME_MAX, Operation, Reader, Time};
use allod_vault::{Blocks, Compress, Refusal, VaultError};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow,
    WriteFlags,
};

use beside::{Beside, Shared};
use convert::{attributes, errno, kind_of_mode, time, type_of};
pub use end::unmount;
pub use session::{MountError, Mounted, Users};

/// How long the kernel may remember what it was told. Nobody else changes the vault.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Bytes of one write, at most.
const WRITE_MAX: u32 = 1 << 20;

/// The only life that a file's number has.
const GENERATION: Generation = Generation(0);

/// What is mounted, between requests.
struct Inside<B, C> {
    files: Files<B, C>,
    /// How often each file is open.
    open: BTreeMap<Ino, u64>,
    /// Open directories, each as it was when its listing last began; empty before that.
    listed: HashMap<u64, Listed>,
    next: u64,
    beside: Beside,
}

/// A vault's files, as the kernel asks for them.
struct Answers<B, C> {
    shared: Arc<Shared<B, C>>,
}

/// A directory's names, as they are shown.
type Listed = Vec<(INodeNo, FileType, Vec<u8>)>;

type Answer<T> = Result<T, VaultError>;

fn now() -> Time {
    time(SystemTime::now())
}

impl<B: Blocks, C: Compress> Inside<B, C> {
    fn attributes(&mut self, ino: Ino) -> Answer<FileAttr> {
        Ok(attributes(ino, &self.files.read().inode(ino)?))
    }

    fn lookup(&mut self, parent: INodeNo, name: &OsStr) -> Answer<FileAttr> {
        if name.len() > NAME_MAX {
            return Err(Refusal::NameTooLong.into());
        }
        let entry = self.files.read().lookup(Ino(parent.0), name.as_bytes())?;
        self.attributes(entry.ino)
    }

    fn make(
        &mut self,
        request: &Request,
        (parent, name): (INodeNo, &OsStr),
        (kind, mode): (FileKind, u32),
        target: &[u8],
    ) -> Answer<FileAttr> {
        let parent = Ino(parent.0);
        let (mut permissions, mut group) = ((mode & 0o7777) as u16, request.gid());
        // In a directory with this bit, everything gets its group.
        let directory = self.files.read().inode(parent)?;
        if directory.permissions & 0o2000 != 0 {
            group = directory.group;
            if kind == FileKind::Directory {
                permissions |= 0o2000;
            }
        }
        let (name, target) = (name.as_bytes().to_vec(), target.to_vec());
        let owner = request.uid();
        let make = Operation::Make { parent, name, kind, permissions, owner, group, target, now: now() };
        match self.files.apply(&make)? {
            Some(ino) => self.attributes(ino),
            None => unreachable!("what makes a file says which"),
        }
    }

    fn is_open(&self, ino: Ino) -> bool {
        self.open.contains_key(&ino)
    }

    fn opened(&mut self, ino: Ino) {
        *self.open.entry(ino).or_default() += 1;
    }

    fn closed(&mut self, ino: Ino) -> Answer<()> {
        match self.open.get_mut(&ino) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.open.remove(&ino);
                self.beside.closed(ino);
                if self.files.read().inode(ino).is_ok_and(|inode| inode.links == 0) {
                    self.files.apply(&Operation::Forget { ino })?;
                }
            }
        }
        Ok(())
    }

    fn unlink(&mut self, parent: INodeNo, name: &OsStr, directory: bool) -> Answer<()> {
        let (parent, name) = (Ino(parent.0), name.as_bytes().to_vec());
        let open = match self.files.read().lookup(parent, &name) {
            Ok(entry) => self.is_open(entry.ino),
            Err(_) => false,
        };
        self.files.apply(&Operation::Unlink { parent, name, directory, open, now: now() }).map(|_| ())
    }

    fn rename(
        &mut self,
        (from, name): (INodeNo, &OsStr),
        (to, new_name): (INodeNo, &OsStr),
        existing: Existing,
    ) -> Answer<()> {
        let (from, to) = (Ino(from.0), Ino(to.0));
        let (name, new_name) = (name.as_bytes().to_vec(), new_name.as_bytes().to_vec());
        let open = match self.files.read().lookup(to, &new_name) {
            Ok(entry) => self.is_open(entry.ino),
            Err(_) => false,
        };
        let rename = Operation::Rename { from, name, to, new_name, existing, open, now: now() };
        self.files.apply(&rename).map(|_| ())
    }

    /// Opens a directory. Its names are looked up when the kernel asks for them, which it does
    /// only where it does not have them still.
    fn open_directory(&mut self, directory: Ino) -> u64 {
        self.next += 1;
        self.listed.insert(self.next, Listed::new());
        self.opened(directory);
        self.next
    }

    fn list(&mut self, directory: Ino) -> Answer<Listed> {
        let inode = self.files.read().inode(directory)?;
        if !inode.is_directory() {
            return Err(Refusal::NotDirectory.into());
        }
        let mut names = vec![
            (INodeNo(directory.0), FileType::Directory, b".".to_vec()),
            (INodeNo(inode.parent.0), FileType::Directory, b"..".to_vec()),
        ];
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.files.read().names(directory, after.as_deref(), 1024)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let shown = |(name, entry): (Vec<u8>, allod_vault::files::Entry)| {
                (INodeNo(entry.ino.0), type_of(entry.kind), name)
            };
            names.extend(page.into_iter().map(shown));
        }
        Ok(names)
    }

    fn set(&mut self, ino: Ino, changes: Changes) -> Answer<FileAttr> {
        if changes != Changes::default() {
            self.files.apply(&Operation::Set { ino, changes, now: now() })?;
        }
        self.attributes(ino)
    }

    /// Takes room, which a vault does not do before something is written; or gives it back.
    fn allocate(&mut self, ino: Ino, offset: u64, size: u64, mode: i32) -> Answer<()> {
        const KEEP_SIZE: i32 = 1;
        const PUNCH: i32 = 2;
        const ZERO: i32 = 0x10;
        if mode & (PUNCH | ZERO) != 0 {
            self.files.apply(&Operation::Punch { ino, offset, size, now: now() })?;
        }
        let end = offset.checked_add(size).ok_or(Refusal::TooLarge)?;
        if mode & KEEP_SIZE == 0 && end > self.files.read().inode(ino)?.size {
            self.set(ino, Changes { size: Some(end), ..Changes::default() })?;
        }
        Ok(())
    }
}

/// Where data, or what is none, begins at or after a place in a file.
fn seek<B: Blocks, C: Compress>(
    reader: &mut Reader<'_, B, C>,
    ino: Ino,
    (offset, whence): (i64, i32),
) -> Result<u64, Errno> {
    const DATA: i32 = 3;
    const HOLE: i32 = 4;
    let (Ok(offset), DATA | HOLE) = (u64::try_from(offset), whence) else {
        return Err(Errno::EINVAL);
    };
    let failed = |why| errno(&why);
    let size = reader.inode(ino).map_err(failed)?.size;
    if offset >= size {
        return Err(Errno::ENXIO);
    }
    let mut place = offset;
    loop {
        match reader.next_data(ino, place).map_err(failed)? {
            Some((start, _)) if whence == DATA => return Ok(start),
            None if whence == DATA => return Err(Errno::ENXIO),
            Some((start, end)) if start == place && end < size => place = end,
            Some((start, _)) if start == place => return Ok(size),
            _ => return Ok(place),
        }
    }
}

fn sought(place: Result<u64, Errno>, reply: ReplyLseek) {
    match place {
        Ok(place) => reply.offset(place as i64),
        Err(why) => reply.error(why),
    }
}

impl<B: Blocks, C: Compress + Clone> Answers<B, C> {
    fn inside(&self) -> MutexGuard<'_, Inside<B, C>> {
        self.shared.lock()
    }

    fn sync(&self, reply: ReplyEmpty) {
        empty(self.shared.settled().files.sync(), reply);
    }
}

fn empty(done: Answer<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(why) => reply.error(errno(&why)),
    }
}

fn entry(found: Answer<FileAttr>, reply: ReplyEntry) {
    match found {
        Ok(attributes) => reply.entry(&REMEMBERED, &attributes, GENERATION),
        Err(why) => reply.error(errno(&why)),
    }
}

fn attribute_bytes(bytes: Answer<Vec<u8>>, size: u32, reply: ReplyXattr) {
    match bytes {
        Ok(bytes) if size == 0 => reply.size(bytes.len() as u32),
        Ok(bytes) if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(bytes) => reply.data(&bytes),
        Err(VaultError::Refused(Refusal::NotFound)) => reply.error(Errno::ENODATA),
        Err(why) => reply.error(errno(&why)),
    }
}

fn attribute_set(done: Answer<()>, reply: ReplyEmpty) {
    match done {
        Err(VaultError::Refused(Refusal::NotFound)) => reply.error(Errno::ENODATA),
        Err(VaultError::Refused(Refusal::TooLarge)) => reply.error(Errno::E2BIG),
        done => empty(done, reply),
    }
}

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
        match self.inside().attributes(Ino(ino.0)) {
            Ok(attributes) => reply.attr(&REMEMBERED, &attributes),
            Err(why) => reply.error(errno(&why)),
        }
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
        match self.inside().set(Ino(ino.0), changes) {
            Ok(attributes) => reply.attr(&REMEMBERED, &attributes),
            Err(why) => reply.error(errno(&why)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.inside().files.read().target(Ino(ino.0)) {
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
