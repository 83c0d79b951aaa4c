//! Bringing files out of a vault, to a place where there is nothing yet.
//!
//! One thread walks the vault and makes directories, links and empty files; the others open
//! objects and write them. Owners and permissions are set where the system allows it, and
//! times last, when nothing changes any more.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use allod_vault::files::{ContentPart, FileKind, Ino, Inode, Reader, Snapshot, Time};

use allod_vault::{Compress, Damage, Part, Ring, VaultError};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::attributes::{self, Attribute};
use crate::within_reach::Use;

/// Names of a directory that are looked at together.
const PAGE: usize = 256;

/// Bytes that are read at a time of a file that is not in objects.
const WINDOW: usize = 1 << 20;

/// Files that wait to be written.
const WAITING: usize = 64;

/// What was brought out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files, directories and all else.
    pub entries: u64,
    /// Bytes of contents.
    pub bytes: u64,
}

/// Why bringing files out stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The vault does not give it. The path is the one that it would have got.
    #[error("{}: {source}", path.display())]
    Vault {
        /// Which file.
        path: PathBuf,
        /// What the vault said.
        source: VaultError,
    },
    /// It cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its content is written, but the place does not take its extended attributes.
    #[error("{}: without its extended attributes: {source}", path.display())]
    Attributes {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever saw how far it is said so. What was begun is whole.
    #[error("stopped")]
    Stopped,
}

/// A file of which the content is to be written.
struct Job {
    file: File,
    path: PathBuf,
    parts: Vec<ContentPart>,
    about: About,
}

/// What there is of a file apart from its content.
struct About {
    inode: Inode,
    attributes: Vec<Attribute>,
}

/// Brings a file or directory of the vault, or of a snapshot of it, to `to`, where there must
/// be nothing. `threads` of them open and write. What is damaged is left out and told; all
/// else is brought, as long as `see` says so.
///
/// # Errors
/// [`ExportError`], where something cannot be written.
pub fn export<U: Use<Compress: Send + Sync> + Send>(
    mut files: U,
    snapshot: Option<&Snapshot>,
    from: Ino,
    to: &Path,
    threads: usize,
    see: &mut dyn FnMut(Exported) -> bool,
) -> Result<(Exported, Vec<ExportError>), ExportError> {
    let (ring, compress) = files.look(|files| (files.ring().clone(), files.compress().clone()));
    let shared = Mutex::new(files);
    let (jobs, to_do) = sync_channel::<Job>(WAITING);
    let to_do = Mutex::new(to_do);
    let failed = Mutex::new(Vec::new());
    let walked = std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (ring, compress, to_do, shared, failed) = (&ring, &compress, &to_do, &shared, &failed);
            scope.spawn(move || write_all(to_do, shared, ring, compress, failed));
        }
        let mut walk = Walk {
            files: &shared,
            snapshot,
            jobs,
            links: BTreeMap::new(),
            done: Exported::default(),
            directories: Vec::new(),
            damaged: Vec::new(),
            see,
        };
        let walked = walk.bring(from, to);
        let Walk { done, directories, damaged, .. } = walk;
        walked.map(|()| (done, directories, damaged))
    });
    let (done, directories, mut damaged) = walked?;
    for failure in failed.into_inner().unwrap_or_else(|broken| broken.into_inner()) {
        match failure {
            ExportError::Vault { .. } | ExportError::Attributes { .. } => damaged.push(failure),
            ExportError::File { .. } | ExportError::Stopped => return Err(failure),
        }
    }
    // The deepest first, since what comes into a directory changes it.
    for (path, about) in directories.iter().rev() {
        match describe(path, about) {
            Err(why @ ExportError::Attributes { .. }) => damaged.push(why),
            done => done?,
        }
    }
    Ok((done, damaged))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::File { path, source }
}

/// Writes contents until there are no more.
fn write_all<U: Use>(
    jobs: &Mutex<Receiver<Job>>,
    files: &Mutex<U>,
    ring: &Ring,
    compress: &U::Compress,
    failed: &Mutex<Vec<ExportError>>,
) {
    loop {
        let job = jobs.lock().unwrap_or_else(|broken| broken.into_inner()).recv();
        let Ok(job) = job else { return };
        if let Err(why) = write_one(&job, files, ring, compress) {
            // A part of a file is not a file.
            if !matches!(why, ExportError::Attributes { .. }) {
                let _ = fs::remove_file(&job.path);
            }
            failed.lock().unwrap_or_else(|broken| broken.into_inner()).push(why);
        }
    }
}

fn write_one<U: Use>(
    job: &Job,
    files: &Mutex<U>,
    ring: &Ring,
    compress: &impl Compress,
) -> Result<(), ExportError> {
    let vault = |source| ExportError::Vault { path: job.path.clone(), source };
    for part in &job.parts {
        let mut free = files.lock().unwrap_or_else(|broken| broken.into_inner());
        let sealed = free.look(|files| files.sealed(&part.id));
        drop(free);
        let sealed = sealed.map_err(vault)?;
        let damage = VaultError::Damaged(Damage { part: Part::Object(part.id), at: 0 });
        let content = ring.open(&sealed, compress).map_err(|_| vault(damage))?;
        let bytes = content.get(part.from as usize..part.from as usize + part.size as usize);
        let bytes = bytes.ok_or_else(|| vault(damage))?;
        job.file.write_all_at(bytes, part.start).map_err(at(&job.path))?;
    }
    job.file.set_len(job.about.inode.size).map_err(at(&job.path))?;
    describe(&job.path, &job.about)
}

struct Walk<'a, U> {
    files: &'a Mutex<U>,
    snapshot: Option<&'a Snapshot>,
    jobs: SyncSender<Job>,
    /// Files with several names that were brought.
    links: BTreeMap<Ino, PathBuf>,
    done: Exported,
    directories: Vec<(PathBuf, About)>,
    damaged: Vec<ExportError>,
    see: &'a mut dyn FnMut(Exported) -> bool,
}

impl<U: Use> Walk<'_, U> {
    fn read<T>(
        &self,
        what: impl FnOnce(&mut Reader<'_, U::Blocks, U::Compress>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut files = self.files.lock().unwrap_or_else(|broken| broken.into_inner());
        files.look(|files| match self.snapshot {
            Some(snapshot) => what(&mut files.read_snapshot(snapshot)),
            None => what(&mut files.read()),
        })
    }

    fn bring(&mut self, ino: Ino, to: &Path) -> Result<(), ExportError> {
        match self.bring_one(ino, to) {
            Err(why @ (ExportError::Vault { .. } | ExportError::Attributes { .. })) => {
                self.damaged.push(why);
                Ok(())
            }
            done => done,
        }
    }

    fn bring_one(&mut self, ino: Ino, to: &Path) -> Result<(), ExportError> {
        let vault = |source| ExportError::Vault { path: to.to_owned(), source };
        let inode = self.read(|reader| reader.inode(ino)).map_err(vault)?;
        self.done.entries += 1;
        if !inode.is_directory()
            && inode.links > 1
            && let Some(first) = self.links.get(&ino)
        {
            return fs::hard_link(first, to).map_err(at(to));
        }
        let has_names = !inode.is_directory() && inode.links > 1;
        let about = About { inode, attributes: self.attributes(ino).map_err(vault)? };
        match inode.kind {
            FileKind::Directory => {
                DirBuilder::new().mode(0o700).create(to).map_err(at(to))?;
                self.directories.push((to.to_owned(), about));
                self.bring_all(ino, to)?;
            }
            FileKind::File => {
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
                let file = file.map_err(at(to))?;
                self.done.bytes += inode.size;
                let parts = match self.read(|reader| reader.parts(ino)).map_err(vault)? {
                    Some(parts) => parts,
                    None => {
                        self.copy(ino, &inode, &file, to)?;
                        Vec::new()
                    }
                };
                let job = Job { file, path: to.to_owned(), parts, about };
                match self.jobs.send(job) {
                    Ok(()) => {}
                    Err(_) => unreachable!("the threads wait as long as there may be jobs"),
                }
            }
            FileKind::Symlink => {
                let target = self.read(|reader| reader.target(ino)).map_err(vault)?;
                symlink(OsStr::from_bytes(&target), to).map_err(at(to))?;
                describe(to, &about)?;
            }
            FileKind::Pipe => special(to, &about, FileType::Fifo, 0)?,
            FileKind::Socket => special(to, &about, FileType::Socket, 0)?,
            FileKind::Characters(device) => special(to, &about, FileType::CharacterDevice, device)?,
            FileKind::Blocks(device) => special(to, &about, FileType::BlockDevice, device)?,
        }
        if has_names {
            self.links.insert(ino, to.to_owned());
        }
        if (self.see)(self.done) { Ok(()) } else { Err(ExportError::Stopped) }
    }

    fn bring_all(&mut self, directory: Ino, to: &Path) -> Result<(), ExportError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let names = self.read(|reader| reader.names(directory, after.as_deref(), PAGE));
            let names = names.map_err(|source| ExportError::Vault { path: to.to_owned(), source })?;
            let Some((last, _)) = names.last() else { return Ok(()) };
            after = Some(last.clone());
            for (name, entry) in names {
                self.bring(entry.ino, &to.join(OsStr::from_bytes(&name)))?;
            }
        }
    }

    fn attributes(&self, ino: Ino) -> Result<Vec<Attribute>, VaultError> {
        self.read(|reader| {
            let names = reader.attributes(ino)?;
            names.into_iter().map(|name| Ok((name.clone(), reader.attribute(ino, &name)?))).collect()
        })
    }

    /// Writes a content that is not in objects, and of that only what is other than zeros.
    fn copy(&self, ino: Ino, inode: &Inode, file: &File, to: &Path) -> Result<(), ExportError> {
        let vault = |source| ExportError::Vault { path: to.to_owned(), source };
        let mut offset = 0;
        while offset < inode.size {
            let next = self.read(|reader| reader.next_data(ino, offset)).map_err(vault)?;
            let Some((start, end)) = next else { break };
            let size = usize::try_from(end - start).unwrap_or(WINDOW).min(WINDOW);
            let bytes = self.read(|reader| reader.read(ino, start, size)).map_err(vault)?;
            file.write_all_at(&bytes, start).map_err(at(to))?;
            offset = start + bytes.len() as u64;
        }
        Ok(())
    }
}

fn special(to: &Path, about: &About, kind: FileType, device: u32) -> Result<(), ExportError> {
    mknodat(CWD, to, kind, Mode::from_raw_mode(0o600), u64::from(device))
        .map_err(|why| at(to)(why.into()))?;
    describe(to, about)
}

/// Sets owner, extended attributes, permissions and times.
fn describe(path: &Path, about: &About) -> Result<(), ExportError> {
    let inode = &about.inode;
    // Only root gives files away; for anybody else they are their own.
    let _ = std::os::unix::fs::lchown(path, Some(inode.owner), Some(inode.group));
    let set = |is_own: bool| {
        let is_own_attribute = |name: &[u8]| name.starts_with(b"user.");
        let mut wished = about.attributes.iter().filter(|(name, _)| is_own_attribute(name) == is_own);
        wished.try_for_each(|(name, value)| attributes::set(path, name, value))
    };
    // Who may not write a file does not set its own attributes; permissions change a list of
    // access, and so come before it.
    let own = set(true);
    if inode.kind != FileKind::Symlink {
        let permissions = fs::Permissions::from_mode(u32::from(inode.permissions));
        fs::set_permissions(path, permissions).map_err(at(path))?;
    }
    let others = set(false);
    let time = |time: Time| Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) as _ };
    let times = Timestamps { last_access: time(inode.accessed), last_modification: time(inode.modified) };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|why| at(path)(why.into()))?;
    own.and(others).map_err(|source| ExportError::Attributes { path: path.to_owned(), source })
}
