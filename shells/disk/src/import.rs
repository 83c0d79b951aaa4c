//! Bringing a tree of files into a vault.
//!
//! One thread walks the tree and does to the vault what has to be done in order; the others
//! read files, cut them, and seal the chunks that the vault does not have, which is nearly all
//! of the work. What has the size and the time of its last change that the vault has is not
//! read again.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use allod_vault::files::{Changes, Entry, FileKind, Files, Ino, Operation, Time};
use allod_vault::object::{Kind, ObjectId, Sealed};
use allod_vault::{Blocks, Compress, Refusal, VaultError};

/// Files of at most so many bytes are written as they are.
const SMALL: u64 = 2 << 10;

/// Bytes of a file that are read at a time.
const WINDOW: usize = 4 << 20;

/// Pieces of files that wait to be put into the vault.
const WAITING: usize = 16;

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files, directories and all else that were looked at.
    pub entries: u64,
    /// Files that were read.
    pub read: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes of sealed objects that were new.
    pub stored: u64,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The vault does not take it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was to be brought cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What could not be brought, and was left out.
pub type Skipped = Vec<(PathBuf, io::Error)>;

/// A file that is to be read.
struct Job {
    ino: Ino,
    path: PathBuf,
    modified: Time,
    size: u64,
}

/// What became of a file, or of a piece of it.
enum Done {
    /// Objects that the vault did not have.
    Objects(Vec<Sealed>),
    /// The whole file, in objects that were sent before or were there.
    Parts { job: Job, parts: Vec<(ObjectId, u32)>, bytes: u64 },
    /// The whole file, which is small.
    Small { job: Job, content: Vec<u8> },
    /// It cannot be read.
    Failed { job: Job, why: io::Error },
}

/// Brings what is at `from` into a directory of the vault under a name, over what has that name
/// there if it is of the same kind, and commits. `threads` of them read and seal. With what
/// could not be read.
///
/// # Errors
/// [`ImportError`]. What was brought so far may be in the vault.
pub fn import<B: Blocks + Send, C: Compress + Clone + Send + Sync>(
    files: &mut Files<B, C>,
    from: &Path,
    to: (Ino, &[u8]),
    threads: usize,
    see: &mut dyn FnMut(Progress),
) -> Result<(Progress, Skipped), ImportError> {
    let shared = Mutex::new(files);
    let (jobs, to_do) = sync_channel::<Job>(4 * WAITING);
    let (done, results) = sync_channel::<Done>(WAITING);
    let to_do = Mutex::new(to_do);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (done, to_do, shared) = (done.clone(), &to_do, &shared);
            scope.spawn(move || work(to_do, &done, shared));
        }
        drop(done);
        let mut walk = Walk {
            files: &shared,
            jobs: Some(jobs),
            results,
            waiting: 0,
            links: BTreeMap::new(),
            progress: Progress::default(),
            skipped: Skipped::new(),
            see,
        };
        let walked = walk.bring(from, to).and_then(|()| walk.finish());
        // The threads end when there is nothing more to do, and nobody takes results.
        walk.jobs = None;
        let (progress, skipped) = (walk.progress, core::mem::take(&mut walk.skipped));
        drop(walk);
        walked.map(|()| (progress, skipped))
    })
}

/// Reads and seals files until there are no more.
fn work<B: Blocks, C: Compress + Clone>(
    jobs: &Mutex<Receiver<Job>>,
    done: &SyncSender<Done>,
    files: &Mutex<&mut Files<B, C>>,
) {
    let (keys, chunker, compress) = {
        let files = files.lock().unwrap_or_else(|broken| broken.into_inner());
        (files.ring().newest().clone(), files.chunker().clone(), files.compress().clone())
    };
    loop {
        let job = jobs.lock().unwrap_or_else(|broken| broken.into_inner()).recv();
        let Ok(job) = job else { return };
        let mut parts = Vec::new();
        let mut total = 0;
        let mut whole = Vec::new();
        let mut read = || -> io::Result<Result<(), ()>> {
            let mut file = File::open(&job.path)?;
            let mut window = Vec::new();
            loop {
                let room = WINDOW - window.len();
                let size = (&mut file).take(room as u64).read_to_end(&mut window)?;
                total += size as u64;
                let is_end = size < room;
                if is_end && total <= SMALL {
                    whole = window;
                    return Ok(Ok(()));
                }
                let (mut sealed, mut rest) = (Vec::new(), &window[..]);
                while !rest.is_empty() && (is_end || rest.len() >= chunker.size_max()) {
                    let (chunk, behind) = rest.split_at(chunker.cut(rest));
                    let id = keys.id(Kind::Data, chunk);
                    let has = files.lock().unwrap_or_else(|broken| broken.into_inner()).has(&id);
                    // What cannot be looked up now fails when it is put.
                    if !has.unwrap_or(false) {
                        sealed.push(keys.seal(Kind::Data, chunk, &compress));
                    }
                    parts.push((id, chunk.len() as u32));
                    rest = behind;
                }
                if !sealed.is_empty() && done.send(Done::Objects(sealed)).is_err() {
                    return Ok(Err(()));
                }
                if is_end {
                    return Ok(Ok(()));
                }
                let kept = rest.len();
                let from = window.len() - kept;
                window.drain(..from);
            }
        };
        let result = match read() {
            Ok(Ok(())) if total <= SMALL => Done::Small { content: whole, job },
            Ok(Ok(())) => Done::Parts { job, parts, bytes: total },
            Ok(Err(())) => return,
            Err(why) => Done::Failed { job, why },
        };
        if done.send(result).is_err() {
            return;
        }
    }
}

struct Walk<'a, B, C> {
    files: &'a Mutex<&'a mut Files<B, C>>,
    jobs: Option<SyncSender<Job>>,
    results: Receiver<Done>,
    /// Jobs of which the end was not seen yet.
    waiting: usize,
    /// Files with several names that were met, by device and number.
    links: BTreeMap<(u64, u64), Ino>,
    progress: Progress,
    skipped: Skipped,
    see: &'a mut dyn FnMut(Progress),
}

impl<B: Blocks, C: Compress> Walk<'_, B, C> {
    fn with<T>(
        &self,
        what: impl FnOnce(&mut Files<B, C>) -> Result<T, VaultError>,
    ) -> Result<T, ImportError> {
        let mut files = self.files.lock().unwrap_or_else(|broken| broken.into_inner());
        Ok(what(&mut files)?)
    }

    fn bring(&mut self, path: &Path, (parent, name): (Ino, &[u8])) -> Result<(), ImportError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                return Ok(());
            }
        };
        self.progress.entries += 1;
        (self.see)(self.progress);
        let (kind, target) = match kind_of(path, &metadata) {
            Ok(kind) => kind,
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                return Ok(());
            }
        };
        let identity = (metadata.dev(), metadata.ino());
        let has_names = kind != FileKind::Directory && metadata.nlink() > 1;
        let now = changed(&metadata);
        if has_names && let Some(ino) = self.links.get(&identity).copied() {
            return self.with(|files| link(files, ino, parent, name, now));
        }
        let (ino, is_new) = self.with(|files| place(files, parent, name, kind, &target, &metadata))?;
        if has_names {
            self.links.insert(identity, ino);
        }
        match kind {
            FileKind::Directory => self.bring_all(path, ino)?,
            FileKind::File => {
                let inode = self.with(|files| files.read().inode(ino))?;
                let is_same = inode.size == metadata.len() && inode.modified == modified(&metadata);
                if is_new || !is_same {
                    let job =
                        Job { ino, path: path.to_owned(), modified: modified(&metadata), size: inode.size };
                    return self.send(job);
                }
            }
            _ => {}
        }
        // What comes into a directory changes its time.
        self.with(|files| {
            if files.read().inode(ino)?.modified != modified(&metadata) {
                files.apply(&times(ino, modified(&metadata), now))?;
            }
            Ok(())
        })
    }

    fn bring_all(&mut self, path: &Path, directory: Ino) -> Result<(), ImportError> {
        let listed = fs::read_dir(path).and_then(|entries| {
            let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
            names.collect::<io::Result<Vec<_>>>()
        });
        match listed {
            Ok(mut names) => {
                names.sort_unstable();
                for name in names {
                    self.bring(&path.join(&name), (directory, name.as_bytes()))?;
                }
                Ok(())
            }
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                Ok(())
            }
        }
    }

    /// Has a file read. Takes results as long as there is no room for it.
    fn send(&mut self, job: Job) -> Result<(), ImportError> {
        self.waiting += 1;
        let mut job = Some(job);
        while let Some(next) = job.take() {
            match self.jobs.as_ref().map(|jobs| jobs.try_send(next)) {
                Some(Err(std::sync::mpsc::TrySendError::Full(back))) => {
                    self.take_one()?;
                    job = Some(back);
                }
                Some(Ok(())) => {}
                _ => unreachable!("the threads wait as long as there may be jobs"),
            }
        }
        while let Ok(result) = self.results.try_recv() {
            self.take(result)?;
        }
        Ok(())
    }

    fn take_one(&mut self) -> Result<(), ImportError> {
        match self.results.recv() {
            Ok(result) => self.take(result),
            Err(_) => unreachable!("the threads send results as long as there are jobs"),
        }
    }

    fn take(&mut self, result: Done) -> Result<(), ImportError> {
        match result {
            Done::Objects(objects) => {
                self.progress.stored += objects.iter().map(|object| object.bytes.len() as u64).sum::<u64>();
                self.with(|files| objects.iter().try_for_each(|object| files.put(object)))?;
            }
            Done::Parts { job, parts, bytes } => {
                self.progress.bytes += bytes;
                self.finished(job, |files, ino, now| files.set_content(ino, &parts, now))?;
            }
            Done::Small { job, content } => {
                self.progress.bytes += content.len() as u64;
                let size = job.size;
                self.finished(job, |files, ino, now| {
                    if size > 0 {
                        let changes = Changes { size: Some(0), ..Changes::default() };
                        files.apply(&Operation::Set { ino, changes, now })?;
                    }
                    files.apply(&Operation::Write { ino, offset: 0, bytes: content, now }).map(|_| ())
                })?;
            }
            Done::Failed { job, why } => {
                self.waiting -= 1;
                self.skipped.push((job.path, why));
            }
        }
        (self.see)(self.progress);
        Ok(())
    }

    fn finished(
        &mut self,
        job: Job,
        set: impl FnOnce(&mut Files<B, C>, Ino, Time) -> Result<(), VaultError>,
    ) -> Result<(), ImportError> {
        self.waiting -= 1;
        self.progress.read += 1;
        self.with(|files| set(files, job.ino, job.modified))
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        while self.waiting > 0 {
            self.take_one()?;
        }
        self.with(Files::commit)
    }
}

/// What a file is, and where it leads if it is a symbolic link.
fn kind_of(path: &Path, metadata: &Metadata) -> io::Result<(FileKind, Vec<u8>)> {
    let kind = metadata.file_type();
    let device = || u32::try_from(metadata.rdev()).unwrap_or(u32::MAX);
    Ok(match () {
        () if kind.is_dir() => (FileKind::Directory, Vec::new()),
        () if kind.is_symlink() => {
            (FileKind::Symlink, fs::read_link(path)?.into_os_string().as_bytes().to_vec())
        }
        () if kind.is_fifo() => (FileKind::Pipe, Vec::new()),
        () if kind.is_socket() => (FileKind::Socket, Vec::new()),
        () if kind.is_char_device() => (FileKind::Characters(device()), Vec::new()),
        () if kind.is_block_device() => (FileKind::Blocks(device()), Vec::new()),
        () => (FileKind::File, Vec::new()),
    })
}

fn modified(metadata: &Metadata) -> Time {
    Time { seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() as u32 }
}

fn changed(metadata: &Metadata) -> Time {
    Time { seconds: metadata.ctime(), nanoseconds: metadata.ctime_nsec() as u32 }
}

/// Sets when a file was last changed.
fn times(ino: Ino, modified: Time, now: Time) -> Operation {
    let changes = Changes { modified: Some(modified), ..Changes::default() };
    Operation::Set { ino, changes, now }
}

/// The file with this name, made if there is none of its kind. Whether it was made.
fn place<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    parent: Ino,
    name: &[u8],
    kind: FileKind,
    target: &[u8],
    metadata: &Metadata,
) -> Result<(Ino, bool), VaultError> {
    let now = changed(metadata);
    let permissions = (metadata.mode() & 0o7777) as u16;
    let (owner, group) = (metadata.uid(), metadata.gid());
    match files.read().lookup(parent, name) {
        Ok(Entry { ino, kind: there }) => {
            let is_same = there == kind
                && (kind != FileKind::Symlink || files.read().target(ino).is_ok_and(|there| there == target));
            if is_same {
                let inode = files.read().inode(ino)?;
                if (inode.permissions, inode.owner, inode.group) != (permissions, owner, group) {
                    let changes = Changes {
                        permissions: Some(permissions),
                        owner: Some(owner),
                        group: Some(group),
                        ..Changes::default()
                    };
                    files.apply(&Operation::Set { ino, changes, now })?;
                }
                return Ok((ino, false));
            }
            let directory = there == FileKind::Directory;
            let name = name.to_vec();
            files.apply(&Operation::Unlink { parent, name, directory, open: false, now })?;
        }
        Err(VaultError::Refused(Refusal::NotFound)) => {}
        Err(why) => return Err(why),
    }
    let (name, target) = (name.to_vec(), target.to_vec());
    let make = Operation::Make { parent, name, kind, permissions, owner, group, target, now };
    match files.apply(&make)? {
        Some(ino) => Ok((ino, true)),
        None => unreachable!("what makes a file says which"),
    }
}

/// Gives a file another name, in the place of what has it.
fn link<B: Blocks, C: Compress>(
    files: &mut Files<B, C>,
    ino: Ino,
    parent: Ino,
    name: &[u8],
    now: Time,
) -> Result<(), VaultError> {
    match files.read().lookup(parent, name) {
        Ok(entry) if entry.ino == ino => return Ok(()),
        Ok(entry) => {
            let directory = entry.kind == FileKind::Directory;
            let name = name.to_vec();
            files.apply(&Operation::Unlink { parent, name, directory, open: false, now })?;
        }
        Err(VaultError::Refused(Refusal::NotFound)) => {}
        Err(why) => return Err(why),
    }
    files.apply(&Operation::Link { ino, parent, name: name.to_vec(), now }).map(|_| ())
}
