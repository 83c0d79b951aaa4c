//! Bringing a tree of files into a vault.
//!
//! One thread walks the tree and does to the vault what has to be done in order; the others
//! read files, cut them, and seal the chunks that the vault does not have, which is nearly all
//! of the work. What has the size and the time of its last change that the vault has is not
//! read again. What an import took in is committed from time to time, and when it is stopped; a
//! file of which the end was not read is not left as if it were one.

mod contents;
mod placing;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use allod_vault::files::{ATTRIBUTE_MAX, Changes, FileKind, Files, Ino, NAME_MAX, Operation, Time};
use allod_vault::{Blocks, Compress, VaultError};

use crate::attributes;
use crate::ignored::Ignored;
use crate::remove::remove;
use contents::{Done, Job, work};
use placing::{changed, kind_of, link, modified, now, place, times};

/// Pieces of files that wait to be put into the vault.
const WAITING: usize = 16;

/// How often what was taken in is committed.
const COMMITTED: Duration = Duration::from_secs(30);

/// Names of a directory that are compared together.
const PAGE: usize = 1024;

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files, directories and all else that were looked at.
    pub entries: u64,
    /// Files that were read.
    pub read: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes of sealed objects that were new, and of files that are kept as they are.
    pub stored: u64,
    /// Bytes of files that were read, or did not have to be.
    pub passed: u64,
    /// What was removed from the vault, since it is no longer outside.
    pub removed: u64,
}

/// How files are brought.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions<'a> {
    /// How many threads read and seal, besides the one that walks.
    pub threads: usize,
    /// What is left out.
    pub ignored: Ignored,
    /// Files that are left out, by device and number, such as the vault itself.
    pub without: Vec<(u64, u64)>,
    /// Removes from the vault's directories what is no longer in those outside. What is left
    /// out stays.
    pub mirror: bool,
    /// Goes into no directory where another file system is mounted.
    pub one_file_system: bool,
    /// Becomes true when the import is to stop.
    pub stop: Option<&'a AtomicBool>,
}

/// Whether it is time to stop.
struct Stop<'a> {
    wanted: Option<&'a AtomicBool>,
    /// The walk ended before its end.
    ended: AtomicBool,
}

impl Stop<'_> {
    fn is_wanted(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is_set(&self.ended) || self.wanted.is_some_and(is_set)
    }
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The vault does not take it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It was to stop. What was taken in until then is committed.
    #[error("stopped")]
    Stopped,
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
    import_with(files, from, to, ImportOptions { threads, ..ImportOptions::default() }, see)
}

/// The same, with a choice of what is brought and how.
///
/// # Errors
/// [`ImportError`]. What was brought so far is in the vault, where it takes anything.
pub fn import_with<B: Blocks + Send, C: Compress + Clone + Send + Sync>(
    files: &mut Files<B, C>,
    from: &Path,
    to: (Ino, &[u8]),
    options: ImportOptions<'_>,
    see: &mut dyn FnMut(Progress),
) -> Result<(Progress, Skipped), ImportError> {
    let stop = Stop { wanted: options.stop, ended: AtomicBool::new(false) };
    let shared = Mutex::new(files);
    let (jobs, to_do) = sync_channel::<Job>(4 * WAITING);
    let (done, results) = sync_channel::<Done>(WAITING);
    let to_do = Mutex::new(to_do);
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            let (done, to_do, shared, stop) = (done.clone(), &to_do, &shared, &stop);
            scope.spawn(move || work(to_do, &done, shared, stop));
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
            stop: &stop,
            top: from,
            file_system: None,
            committed: Instant::now(),
            options,
        };
        walk.options.ignored.begin(from);
        let walked = walk.bring(from, to).and_then(|()| walk.finish());
        if walked.is_err() {
            walk.wind_up();
        }
        // The threads end when there is nothing more to do, and nobody takes results.
        walk.jobs = None;
        let (progress, skipped) = (walk.progress, core::mem::take(&mut walk.skipped));
        drop(walk);
        walked.map(|()| (progress, skipped))
    })
}

struct Walk<'a, B, C> {
    files: &'a Mutex<&'a mut Files<B, C>>,
    jobs: Option<SyncSender<Job>>,
    results: Receiver<Done>,
    /// Jobs of which the end was not seen yet.
    waiting: usize,
    /// Files with several names that were met, by device and number.
    links: BTreeMap<(u64, u64), Linked>,
    progress: Progress,
    skipped: Skipped,
    see: &'a mut dyn FnMut(Progress),
    stop: &'a Stop<'a>,
    /// Where the walk began.
    top: &'a Path,
    /// The device of that.
    file_system: Option<u64>,
    /// When it was committed last.
    committed: Instant,
    options: ImportOptions<'a>,
}

/// A file with several names.
struct Linked {
    ino: Ino,
    /// The names that were brought.
    names: Vec<(Ino, Vec<u8>)>,
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
        if self.stop.is_wanted() {
            return Err(ImportError::Stopped);
        }
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                return Ok(());
            }
        };
        let identity = (metadata.dev(), metadata.ino());
        let is_left_out = path != self.top && self.options.ignored.has(path, metadata.is_dir());
        if is_left_out || self.options.without.contains(&identity) {
            return Ok(());
        }
        self.progress.entries += 1;
        (self.see)(self.progress);
        self.commit_now_and_then()?;
        let (kind, target) = match kind_of(path, &metadata) {
            Ok(kind) => kind,
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                return Ok(());
            }
        };
        let has_names = kind != FileKind::Directory && metadata.nlink() > 1;
        let now = changed(&metadata);
        if has_names && let Some(linked) = self.links.get_mut(&identity) {
            let ino = linked.ino;
            linked.names.push((parent, name.to_vec()));
            return self.with(|files| link(files, ino, parent, name, now));
        }
        let (ino, is_new) = self.with(|files| place(files, parent, name, kind, &target, &metadata))?;
        if has_names {
            self.links.insert(identity, Linked { ino, names: Vec::new() });
        }
        if let Err(why) = self.describe(path, ino, is_new, now) {
            if is_new && kind == FileKind::File {
                let unlink =
                    Operation::Unlink { parent, name: name.to_vec(), directory: false, open: false, now };
                let _ = self.with(|files| files.apply(&unlink).map(|_| ()));
            }
            return Err(why);
        }
        match kind {
            FileKind::Directory => {
                let file_system = *self.file_system.get_or_insert(metadata.dev());
                if file_system == metadata.dev() || !self.options.one_file_system {
                    self.bring_all(path, ino)?;
                }
            }
            FileKind::File => {
                let inode = self.with(|files| files.read().inode(ino))?;
                let is_same = inode.size == metadata.len() && inode.modified == modified(&metadata);
                if is_new || !is_same {
                    let job = Job {
                        ino,
                        path: path.to_owned(),
                        modified: modified(&metadata),
                        size: inode.size,
                        expected: metadata.len(),
                        is_sparse: metadata.blocks().saturating_mul(512) < metadata.len(),
                        new_at: is_new.then(|| (parent, name.to_vec())),
                        identity: has_names.then_some(identity),
                    };
                    return self.send(job);
                }
                self.progress.passed += inode.size;
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
                if self.options.mirror {
                    self.remove_others(directory, &names)?;
                }
                self.options.ignored.enter(path, names.iter().map(OsString::as_os_str));
                for name in names {
                    self.bring(&path.join(&name), (directory, name.as_bytes()))?;
                }
                self.options.ignored.leave(path);
                Ok(())
            }
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                Ok(())
            }
        }
    }

    /// Removes from a directory what has none of these names, which are in order.
    fn remove_others(&mut self, directory: Ino, names: &[OsString]) -> Result<(), ImportError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.with(|files| files.read().names(directory, after.as_deref(), PAGE))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (name, _) in page {
                if names.binary_search_by(|outside| outside.as_bytes().cmp(&name)).is_err() {
                    let mut removed = 0;
                    self.with(|files| {
                        remove(files, (directory, &name), now(), &|_| false, &mut || {
                            removed += 1;
                            true
                        })
                    })?;
                    self.progress.removed += removed;
                }
            }
        }
    }

    /// Gives a file of the vault the extended attributes of one outside.
    fn describe(&mut self, path: &Path, ino: Ino, is_new: bool, now: Time) -> Result<(), ImportError> {
        let outside = match attributes::read(path) {
            Ok(outside) => outside,
            Err(why) => {
                self.skipped.push((path.to_owned(), why));
                return Ok(());
            }
        };
        if is_new && outside.is_empty() {
            return Ok(());
        }
        let is_too_large =
            |(name, value): &(Vec<u8>, Vec<u8>)| name.len() > NAME_MAX || value.len() > ATTRIBUTE_MAX;
        for (name, _) in outside.iter().filter(|attribute| is_too_large(attribute)) {
            let name = String::from_utf8_lossy(name);
            let why = format!("its attribute {name} has more than {ATTRIBUTE_MAX} bytes and was left out");
            self.skipped.push((path.to_owned(), io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        self.with(|files| {
            let names: BTreeSet<Vec<u8>> = files.read().attributes(ino)?.into_iter().collect();
            let set = |name: &[u8], value: Option<Vec<u8>>| {
                let name = name.to_vec();
                Operation::Attribute { ino, name, value, exists: None, now }
            };
            for name in names.iter().filter(|name| !outside.iter().any(|(outside, _)| outside == *name)) {
                files.apply(&set(name, None))?;
            }
            for (name, value) in outside.iter().filter(|attribute| !is_too_large(attribute)) {
                if !names.contains(name) || files.read().attribute(ino, name)? != *value {
                    files.apply(&set(name, Some(value.clone())))?;
                }
            }
            Ok(())
        })
    }

    /// Commits where that was not done for a while, so that a crash costs little.
    fn commit_now_and_then(&mut self) -> Result<(), ImportError> {
        if self.committed.elapsed() >= COMMITTED {
            self.with(Files::commit)?;
            self.committed = Instant::now();
        }
        Ok(())
    }

    /// Has a file read. Takes results as long as there is no room for it.
    fn send(&mut self, job: Job) -> Result<(), ImportError> {
        let mut job = Some(job);
        while let Some(next) = job.take() {
            let Some(jobs) = &self.jobs else { unreachable!("nothing is sent after the end") };
            match jobs.try_send(next) {
                Err(std::sync::mpsc::TrySendError::Full(back)) => {
                    if let Err(why) = self.take_one() {
                        let _ = self.leave_out(&back);
                        return Err(why);
                    }
                    job = Some(back);
                }
                Ok(()) => self.waiting += 1,
                Err(_) => unreachable!("the threads wait as long as there may be jobs"),
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
            Done::Parts { job, parts, size, bytes } => {
                self.progress.bytes += bytes;
                self.finished(job, |files, ino, now| files.set_parts(ino, &parts, size, now))?;
            }
            Done::Small { job, content } => {
                self.progress.bytes += content.len() as u64;
                self.progress.stored += content.len() as u64;
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
                self.progress.passed += job.expected;
                self.leave_out(&job)?;
                if why.kind() == io::ErrorKind::Interrupted {
                    return Err(ImportError::Stopped);
                }
                self.skipped.push((job.path, why));
            }
        }
        (self.see)(self.progress);
        self.commit_now_and_then()
    }

    fn finished(
        &mut self,
        job: Job,
        set: impl FnOnce(&mut Files<B, C>, Ino, Time) -> Result<(), VaultError>,
    ) -> Result<(), ImportError> {
        self.waiting -= 1;
        self.progress.read += 1;
        self.progress.passed += job.expected;
        let done = self.with(|files| set(files, job.ino, job.modified));
        if done.is_err() {
            let _ = self.leave_out(&job);
        }
        done
    }

    /// Removes a file of which the content did not come, where the vault had none before.
    fn leave_out(&mut self, job: &Job) -> Result<(), ImportError> {
        let linked = job.identity.and_then(|identity| self.links.remove(&identity));
        let others = linked.map(|linked| linked.names).unwrap_or_default();
        let Some(first) = &job.new_at else { return Ok(()) };
        for (parent, name) in [first.clone()].into_iter().chain(others) {
            let unlink = Operation::Unlink { parent, name, directory: false, open: false, now: now() };
            self.with(|files| files.apply(&unlink).map(|_| ()))?;
        }
        Ok(())
    }

    /// Ends before everything was brought: what is whole is kept, and the rest is not begun.
    fn wind_up(&mut self) {
        self.stop.ended.store(true, Ordering::Relaxed);
        self.jobs = None;
        while self.waiting > 0 {
            // What fails now failed before, and somebody is told of that.
            let _ = self.take_one();
        }
        let _ = self.with(Files::commit);
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        while self.waiting > 0 {
            self.take_one()?;
        }
        self.with(Files::commit)
    }
}
