//! A folder that is open, and what may be done in it: nothing that leaves it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstatvfs, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use crate::narrow_error::{NarrowError, at};
use crate::parcel::open_regular_at;

/// The most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 4096;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A folder that is open.
#[derive(Debug)]
pub(super) struct Place {
    fd: OwnedFd,
    path: PathBuf,
}

/// What is in a folder.
pub(super) struct Listing {
    pub(super) names: Vec<String>,
    /// There is more, which was not looked at, or has names that are no text.
    pub(super) is_more: bool,
}

/// By what it is seen whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) length: u64,
    pub(super) changed: (i64, i64),
    pub(super) is_regular: bool,
}

impl Place {
    /// The folder at a path that a person named, which may be a link.
    pub(super) fn open(path: &Path) -> Result<Self, NarrowError> {
        let fd = rustix::fs::open(path, FOLDER, Mode::empty()).map_err(|why| named(why, path))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// A folder in it, if there is one. No link.
    pub(super) fn enter(&self, name: &str) -> Result<Option<Self>, NarrowError> {
        let path = self.path.join(name);
        match openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(why) => Err(named(why, &path)),
        }
    }

    /// The same, which is made if there is none.
    pub(super) fn make(&self, name: &str) -> Result<Self, NarrowError> {
        if let Some(place) = self.enter(name)? {
            return Ok(place);
        }
        let path = self.path.join(name);
        match mkdirat(&self.fd, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(why) => return Err(named(why, &path)),
        }
        self.enter(name)?.ok_or(NarrowError::NotAFolder(path))
    }

    /// The names in it, in their order.
    pub(super) fn list(&self) -> Result<Listing, NarrowError> {
        let (mut names, mut is_more) = (Vec::new(), false);
        for (number, entry) in Dir::read_from(&self.fd).map_err(at(&self.path))?.enumerate() {
            if number >= ENTRIES_MAX {
                is_more = true;
                break;
            }
            match entry.map_err(at(&self.path))?.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => is_more = true,
            }
        }
        names.sort_unstable();
        Ok(Listing { names, is_more })
    }

    /// What is known of a file without opening it. No link is followed.
    pub(super) fn stamp(&self, name: &str) -> Result<Stamp, NarrowError> {
        let stat = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(at(&self.path(name)))?;
        Ok(Stamp {
            length: stat.st_size as u64,
            changed: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            is_regular: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
        })
    }

    /// A file in it, to be read.
    pub(super) fn read(&self, name: &str) -> Result<File, NarrowError> {
        open_regular_at(&self.fd, Path::new(name), &self.path(name))
    }

    /// Removes a file. Whether it was there.
    pub(super) fn remove(&self, name: &str) -> bool {
        unlinkat(&self.fd, name, AtFlags::empty()).is_ok()
    }

    /// Bytes that may still be written.
    pub(super) fn free(&self) -> Result<u64, NarrowError> {
        let stat = fstatvfs(&self.fd).map_err(at(&self.path))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// The folder once more, for a file that is written in it.
    pub(super) fn again(&self) -> Result<OwnedFd, NarrowError> {
        self.fd.try_clone().map_err(at(&self.path))
    }

    /// Where a file in it is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where it is.
    pub(super) fn here(&self) -> &Path {
        &self.path
    }
}

fn named(why: Errno, path: &Path) -> NarrowError {
    match why {
        Errno::NOTDIR | Errno::LOOP => NarrowError::NotAFolder(path.to_owned()),
        why => at(path)(why),
    }
}
