//! Devices with vaults, on disks that are simulated, and sessions between them.

use alloc::collections::BTreeMap;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::compress::Uncompressed;
use crate::files::{Existing, FileKind, Files, Ino, Operation};
use crate::ring::{Ring, SpaceId};
use crate::share::Writers;
use crate::store::Geometry;
use crate::sync::batch::Device;
use crate::sync::{Event, Me, Now, Role, Session, Summary, SyncError, With};
use crate::tests::disk::Disk;

pub(super) const CAPACITY: u64 = 256 * (2 << 20);

/// Large enough for a whole chunk.
const GEOMETRY: Geometry = Geometry { segment_size: 2 << 20 };

pub(super) type Vault = Files<Disk, Uncompressed>;

/// A device with a vault.
pub(super) struct Home {
    pub(super) disk: Disk,
    pub(super) files: Vault,
    pub(super) me: Me,
    pub(super) now: i64,
    /// Whose batches it takes.
    pub(super) writers: Writers,
}

/// What somebody sees of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: FileKind,
    pub(super) permissions: u16,
    pub(super) links: u32,
    pub(super) content: Vec<u8>,
    pub(super) modified: Option<Time>,
    pub(super) attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

/// Devices of one space.
pub(super) fn homes<const N: usize>() -> [Home; N] {
    homes_of(SPACE)
}

pub(super) fn homes_of<const N: usize>(space: SpaceId) -> [Home; N] {
    // All have one ring.
    let ring = Ring::from_secrets(&[&[0; 4][..], &[5; 32]].concat().into()).unwrap();
    core::array::from_fn(|number| {
        let disk = Disk::new(CAPACITY);
        let (rng, by) = (&mut crate::tests::rng(), (1000, 1000, at(0)));
        let of = (space, ring.clone());
        let files = Files::join(disk.clone(), Uncompressed, &root(), GEOMETRY, of, by, rng).unwrap();
        let name = ["laptop", "phone", "tablet"][number].to_string();
        let me = Me { key: key(number as u8 + 1), name };
        Home { disk, files, me, now: 1_000_000, writers: Writers::anybody() }
    })
}

impl Home {
    /// After a loss of power, or from an older image.
    pub(super) fn reopen(&mut self, disk: Disk) {
        self.files = Files::open(disk.clone(), Uncompressed, &root()).unwrap();
        self.disk = disk;
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Vault, &With<'_>) -> T) -> T {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).unwrap();
        let now = Now { time: at(self.now), nonce, is_open: &|_| false };
        act(&mut self.files, &With { me: &self.me, now, writers: &self.writers })
    }

    pub(super) fn find(&mut self, path: &str) -> Option<Ino> {
        let mut reader = self.files.read();
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(Ino::ROOT, |at, name| reader.lookup(at, name.as_bytes()).ok().map(|entry| entry.ino))
    }

    fn split(&mut self, path: &str) -> (Ino, Vec<u8>) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.find(parent).unwrap(), name.as_bytes().to_vec())
    }

    /// Does something. Whether it could be done.
    pub(super) fn apply(&mut self, operation: &Operation) -> Option<Option<Ino>> {
        match self.files.apply(operation) {
            Ok(made) => Some(made),
            Err(crate::VaultError::Refused(_)) => None,
            Err(why) => panic!("{why}"),
        }
    }

    pub(super) fn make(&mut self, path: &str, kind: FileKind) -> Option<Ino> {
        self.now += 1;
        let (parent, name) = self.split(path);
        let target = if kind == FileKind::Symlink { b"somewhere".to_vec() } else { Vec::new() };
        let permissions = match kind {
            FileKind::Directory => 0o755,
            FileKind::Symlink => 0o777,
            _ => 0o644,
        };
        let now = at(self.now);
        let made = Operation::Make { parent, name, kind, permissions, owner: 1, group: 1, target, now };
        self.apply(&made).flatten()
    }

    pub(super) fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) {
        self.now += 1;
        let ino = self.find(path).or_else(|| self.make(path, FileKind::File)).unwrap();
        let now = at(self.now);
        self.apply(&Operation::Write { ino, offset, bytes: bytes.to_vec(), now }).unwrap();
    }

    /// Replaces the content.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) {
        if let Some(ino) = self.find(path) {
            let changes = crate::files::Changes { size: Some(0), ..Default::default() };
            self.apply(&Operation::Set { ino, changes, now: at(self.now) }).unwrap();
        }
        self.write(path, 0, bytes);
    }

    pub(super) fn rename(&mut self, path: &str, new: &str) -> bool {
        self.now += 1;
        let ((from, name), (to, new_name)) = (self.split(path), self.split(new));
        let (existing, now) = (Existing::Replace, at(self.now));
        self.apply(&Operation::Rename { from, name, to, new_name, existing, open: false, now }).is_some()
    }

    pub(super) fn link(&mut self, path: &str, new: &str) {
        self.now += 1;
        let ino = self.find(path).unwrap();
        let (parent, name) = self.split(new);
        self.apply(&Operation::Link { ino, parent, name, now: at(self.now) });
    }

    /// Removes a file, or a directory with all that is in it.
    pub(super) fn remove(&mut self, path: &str) {
        self.now += 1;
        let within = format!("{path}/");
        let all: Vec<String> = self.see().into_keys().filter(|other| other.starts_with(&within)).collect();
        for path in all.iter().rev().map(String::as_str).chain([path]) {
            let ino = self.find(path).unwrap();
            let directory = self.files.read().inode(ino).unwrap().is_directory();
            let ((parent, name), now) = (self.split(path), at(self.now));
            self.apply(&Operation::Unlink { parent, name, directory, open: false, now }).unwrap();
        }
    }

    pub(super) fn permit(&mut self, path: &str, permissions: u16) {
        let ino = self.find(path).unwrap();
        let changes = crate::files::Changes { permissions: Some(permissions), ..Default::default() };
        self.apply(&Operation::Set { ino, changes, now: at(self.now) }).unwrap();
    }

    pub(super) fn attribute(&mut self, path: &str, name: &str, value: Option<&[u8]>) {
        let ino = self.find(path).unwrap();
        let (name, value) = (name.as_bytes().to_vec(), value.map(<[u8]>::to_vec));
        self.apply(&Operation::Attribute { ino, name, value, exists: None, now: at(self.now) });
    }

    /// All that somebody sees, by path.
    pub(super) fn see(&mut self) -> BTreeMap<String, Seen> {
        let mut reader = self.files.read();
        let mut seen = BTreeMap::new();
        let mut rest = Vec::from([(String::new(), Ino::ROOT)]);
        while let Some((path, ino)) = rest.pop() {
            let inode = reader.inode(ino).unwrap();
            let content = match inode.kind {
                FileKind::File => reader.read(ino, 0, inode.size as usize + 1).unwrap(),
                FileKind::Symlink => reader.target(ino).unwrap(),
                _ => Vec::new(),
            };
            assert_eq!(content.len() as u64, inode.size, "{path}");
            let mut directories = 0;
            if inode.is_directory() {
                for (name, entry) in reader.names(ino, None, usize::MAX).unwrap() {
                    assert_eq!(reader.inode(entry.ino).unwrap().kind, entry.kind);
                    if entry.kind == FileKind::Directory {
                        directories += 1;
                        assert_eq!(reader.inode(entry.ino).unwrap().parent, ino);
                    }
                    let name = String::from_utf8(name).unwrap();
                    let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                    rest.push((path, entry.ino));
                }
                assert_eq!(inode.links, directories + 2, "{path}");
            }
            let names = reader.attributes(ino).unwrap();
            let attributes =
                names.into_iter().map(|name| (name.clone(), reader.attribute(ino, &name).unwrap())).collect();
            let modified = (!inode.is_directory()).then_some(inode.modified);
            let (kind, permissions, links) = (inode.kind, inode.permissions, inode.links);
            let shown = Seen { kind, permissions, links, content, modified, attributes };
            if !path.is_empty() {
                seen.insert(path, shown);
            }
        }
        seen
    }

    /// Checks that the files are what follows from the operations, after a sync.
    pub(super) fn check(&mut self) {
        let known = crate::sync::Known::read(&mut self.files).unwrap();
        let replica = crate::sync::replica::Replica::new(known.batches());
        let me = Device::of(&self.me.key);
        let tree = replica.tree();
        let mut inos = Vec::from([Ino::ROOT]);
        let mut names = BTreeMap::from([(Ino::ROOT, 0_usize)]);
        for node in tree.nodes.iter().skip(1) {
            let parent = inos[node.parent];
            let files = node.members.iter().filter_map(|member| member.file.as_ref());
            if !replica.is_shown(files, &me) {
                inos.push(Ino::ROOT);
                continue;
            }
            *names.entry(parent).or_default() += 1;
            let entry = self.files.read().lookup(parent, &node.name).unwrap();
            inos.push(entry.ino);
            let of = match node.file() {
                Some(file) => {
                    let content = replica.content(&file).unwrap();
                    assert_eq!(self.files.data(entry.ino).unwrap(), (content.data.clone(), content.modified));
                    file
                }
                None => node.entry(),
            };
            let mut reader = self.files.read();
            let inode = reader.inode(entry.ino).unwrap();
            let permissions = replica.permissions(&of, &me).filter(|_| inode.kind != FileKind::Symlink);
            assert!(
                permissions.is_none_or(|permissions| permissions == inode.permissions),
                "{inode:?} {permissions:?}"
            );
            let attributes = replica.attributes(&of, &me);
            assert_eq!(reader.attributes(entry.ino).unwrap().len(), attributes.len());
            for (name, value) in attributes {
                assert_eq!(reader.attribute(entry.ino, name).unwrap(), value);
            }
        }
        for (directory, count) in names {
            let there = self.files.read().names(directory, None, usize::MAX).unwrap();
            assert_eq!(there.len(), count);
        }
    }

    /// Contents of files, by path.
    pub(super) fn texts(&mut self) -> BTreeMap<String, String> {
        let seen = self.see().into_iter().filter(|(_, seen)| seen.kind != FileKind::Directory);
        seen.map(|(path, seen)| (path, String::from_utf8_lossy(&seen.content).into_owned())).collect()
    }
}

/// One side of a session that is driven.
pub(super) struct Side<'a> {
    pub(super) home: &'a mut Home,
    pub(super) session: Session,
}

impl<'a> Side<'a> {
    pub(super) fn new(home: &'a mut Home, role: Role) -> Self {
        let session = home.with(|files, with| Session::new(files, role, with)).unwrap();
        Self { home, session }
    }

    pub(super) fn handle(&mut self, message: &[u8]) -> Result<(), SyncError> {
        let session = &mut self.session;
        self.home.with(|files, with| session.handle(files, with, message))
    }

    pub(super) fn poll(&mut self) -> Result<Option<Vec<u8>>, SyncError> {
        self.session.poll(&mut self.home.files)
    }
}

/// What came of a session, for one side.
pub(super) type Came = (Summary, Vec<Event>);

/// A session that is cut after so many messages.
pub(super) fn run(one: &mut Home, other: &mut Home, messages: usize) -> Result<Option<[Came; 2]>, SyncError> {
    let mut sides = [Side::new(one, Role::Begins), Side::new(other, Role::Answers)];
    let mut links = [VecDeque::new(), VecDeque::new()];
    for _ in 0..messages {
        let mut is_moved = false;
        for number in 0..2 {
            if let Some(message) = sides[number].poll()? {
                assert!(message.len() <= crate::sync::MESSAGE_MAX);
                links[1 - number].push_back(message);
                is_moved = true;
            } else if let Some(message) = links[number].pop_front() {
                sides[number].handle(&message)?;
                is_moved = true;
            }
        }
        if !is_moved {
            assert!(sides.iter().all(|side| side.session.is_done()), "a session that waits for nothing");
            return Ok(Some(sides.map(|mut side| (side.session.summary(), side.session.events()))));
        }
    }
    Ok(None)
}

/// A whole session.
pub(super) fn sync(one: &mut Home, other: &mut Home) -> [Came; 2] {
    let came = run(one, other, usize::MAX).unwrap().unwrap();
    assert!(came.iter().all(|(summary, _)| summary.files_pending == 0), "{came:?}");
    one.check();
    other.check();
    came
}
