//! A vault as a part of the system's tree of files (FUSE).
//!
//! The kernel asks, and several threads answer from the vault; others seal what was written and
//! open what is read next. Every few seconds what was written is committed. `fsync` is the vault's sync. When the mount ends, in
//! whatever way but a crash, everything is committed; after a crash there is what was synced,
//! or later.
//!
//! Reading a file does not change when it was last read.

mod answers;
mod beside;
mod convert;
mod end;
mod handle;
mod past;
mod reply;
mod session;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime};

use allod_vault::files::{Changes, Existing, FileKind, Files, Ino, NAME_MAX, Operation, Time};
use allod_vault::{Blocks, Compress, Refusal, VaultError};
use fuser::{FileAttr, FileType, Generation, INodeNo, ReplyEmpty, Request};

use beside::{Beside, Shared};
use convert::{attributes, time, type_of};
pub use end::unmount;
pub use handle::Handle;
use handle::Kernel;
use reply::empty;
pub use session::{MountError, Mounted, Users};

/// How long the kernel may remember what it was told. Whoever else changes the vault
/// [tells it](handle).
const REMEMBERED: Duration = Duration::from_secs(60);

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

impl<B: Blocks, C: Compress + Clone> Answers<B, C> {
    fn inside(&self) -> MutexGuard<'_, Inside<B, C>> {
        self.shared.lock()
    }

    fn sync(&self, reply: ReplyEmpty) {
        empty(self.shared.settled().files.sync(), reply);
    }
}
