//! A vault in one file, in a folder of [parts](crate::parts), or on a device.
//!
//! It is locked as long as it is open, so that two programs never write one vault. It
//! grows by whole segments, whose room is taken before anything is written, and what is
//! discarded is given back to the file system as a hole.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use allod_vault::{Blocks, BlocksError};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;

use crate::parts::{Parts, PartsError};

/// How large a vault's file may become where nobody says: 4 TiB.
const CAPACITY: u64 = 4 << 40;

/// How often it is tried to lock a file, 10 ms apart.
const LOCK_TRIES: u32 = 20;

/// Why a vault's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Another program has it open.
    #[error("{}: another program has this vault open; close it, or unmount the vault", .0.display())]
    InUse(PathBuf),
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A folder of parts is not as it was left.
    #[error("{0}")]
    Parts(PartsError),
}

/// Blocks in a file, in a folder of parts, or on a device.
#[derive(Debug)]
pub struct FileBlocks {
    kept: Kept,
    capacity: u64,
}

/// How an image is kept.
#[derive(Debug)]
enum Kept {
    File(File),
    /// It has all of its room.
    Device(File),
    Parts(Parts),
}

impl FileBlocks {
    /// Makes a file that only its owner can read, where there is none.
    ///
    /// # Errors
    /// [`DiskError`], also where there is a file.
    pub fn create(path: &Path) -> Result<Self, DiskError> {
        let mut options = OpenOptions::new();
        Self::locked(path, options.read(true).write(true).create_new(true).mode(0o600))
    }

    /// Makes a folder that only its owner can read, with parts of this many bytes, a power of two.
    ///
    /// # Errors
    /// [`DiskError`], also where there is something.
    pub fn create_in_parts(folder: &Path, part_size: u64) -> Result<Self, DiskError> {
        let parts = Parts::create(folder, part_size)?;
        Ok(Self { capacity: CAPACITY.min(parts.capacity()), kept: Kept::Parts(parts) })
    }

    /// Opens a file, a folder of parts, or a device.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        if path.is_dir() {
            let parts = Parts::open(path)?;
            return Ok(Self { capacity: CAPACITY.min(parts.capacity()), kept: Kept::Parts(parts) });
        }
        Self::locked(path, OpenOptions::new().read(true).write(true))
    }

    fn locked(path: &Path, options: &OpenOptions) -> Result<Self, DiskError> {
        let failed = |source| DiskError::File { path: path.to_owned(), source };
        let mut file = locked(path, options, path)?;
        if !file.metadata().map_err(failed)?.file_type().is_block_device() {
            return Ok(Self { kept: Kept::File(file), capacity: CAPACITY });
        }
        let capacity = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { kept: Kept::Device(file), capacity })
    }

    /// Whether it is a folder of parts.
    pub fn is_in_parts(&self) -> bool {
        matches!(self.kept, Kept::Parts(_))
    }

    /// Bytes from the first to the last that was ever written.
    pub(crate) fn size(&self) -> io::Result<u64> {
        match &self.kept {
            Kept::File(file) => Ok(file.metadata()?.size()),
            Kept::Device(_) => Ok(self.capacity),
            Kept::Parts(parts) => Ok(parts.size()),
        }
    }

    /// Takes no more room than this, in bytes.
    #[must_use]
    pub fn at_most(mut self, capacity: u64) -> Self {
        self.capacity = self.capacity.min(capacity);
        self
    }
}

/// Opens a file and locks it, as long as it is what is called so; where not, another program is
/// putting something else there. `vault` is what is said to be in use.
pub(crate) fn locked(path: &Path, options: &OpenOptions, vault: &Path) -> Result<File, DiskError> {
    let failed = |source| DiskError::File { path: path.to_owned(), source };
    let file = options.open(path).map_err(failed)?;
    lock(&file).map_err(|why| match why {
        Errno::WOULDBLOCK => DiskError::InUse(vault.to_owned()),
        why => failed(why.into()),
    })?;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let own = identity(file.metadata().map_err(failed)?);
    match std::fs::metadata(path).map(identity) {
        Ok(there) if there == own => Ok(file),
        _ => Err(DiskError::InUse(vault.to_owned())),
    }
}

/// Locks a file. A program that is being started has all files of the one that starts it for a
/// moment, their locks too; so the second try may be right.
fn lock(file: &File) -> Result<(), Errno> {
    for _ in 0..LOCK_TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    Err(Errno::WOULDBLOCK)
}

/// What the system said, as a vault takes it.
pub(crate) fn failed(why: &io::Error) -> BlocksError {
    match why.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => BlocksError::Full,
        _ => BlocksError::Failed(why.raw_os_error().unwrap_or_default()),
    }
}

/// Takes room, or gives it back. Where the file system cannot do what is not needed, it is left.
pub(crate) fn allocate(file: &File, mode: FallocateFlags, at: u64, size: u64) -> Result<(), BlocksError> {
    match fallocate(file, mode, at, size) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => Ok(()),
        Err(why) => Err(failed(&why.into())),
    }
}

/// Reads, and zeros where nothing was written so far behind.
pub(crate) fn read_or_nothing(file: &File, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], at + done as u64) {
            Ok(0) => {
                into[done..].fill(0);
                break;
            }
            Ok(size) => done += size,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(failed(&why)),
        }
    }
    Ok(())
}

impl Blocks for FileBlocks {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
        match &self.kept {
            Kept::File(file) | Kept::Device(file) => read_or_nothing(file, at, into),
            Kept::Parts(parts) => parts.read(at, into),
        }
    }

    fn reserve(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        match &mut self.kept {
            Kept::File(file) => allocate(file, FallocateFlags::empty(), at, size),
            Kept::Device(_) => Ok(()),
            Kept::Parts(parts) => parts.reserve(at, size),
        }
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError> {
        match &mut self.kept {
            Kept::File(file) | Kept::Device(file) => file.write_all_at(from, at).map_err(|why| failed(&why)),
            Kept::Parts(parts) => parts.write(at, from),
        }
    }

    fn sync(&mut self) -> Result<(), BlocksError> {
        match &mut self.kept {
            Kept::File(file) | Kept::Device(file) => file.sync_data().map_err(|why| failed(&why)),
            Kept::Parts(parts) => parts.sync(),
        }
    }

    fn discard(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        match &mut self.kept {
            Kept::File(file) => {
                allocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, size)
            }
            Kept::Device(_) => Ok(()),
            Kept::Parts(parts) => parts.discard(at, size),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const SIZE: u64 = 1 << 20;

    #[test]
    fn what_is_written_is_read_and_what_is_discarded_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault");
        let mut blocks = FileBlocks::create(&path).unwrap();
        let room = || std::fs::metadata(&path).unwrap().blocks() * 512;
        blocks.reserve(SIZE, SIZE).unwrap();
        assert!(room() >= SIZE);
        blocks.write(SIZE, &[7; 8192]).unwrap();
        blocks.sync().unwrap();
        let mut bytes = [1; 10];
        blocks.read(SIZE + 8187, &mut bytes).unwrap();
        assert_eq!(bytes, [7, 7, 7, 7, 7, 0, 0, 0, 0, 0]);
        blocks.read(5 * SIZE, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 10]);
        blocks.discard(SIZE, SIZE).unwrap();
        assert!(room() < SIZE, "{}", room());
        blocks.read(SIZE, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 10]);
    }

    #[test]
    fn a_vault_is_open_once_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault");
        let blocks = FileBlocks::create(&path).unwrap();
        assert!(matches!(FileBlocks::open(&path), Err(DiskError::InUse(_))));
        drop(blocks);
        assert_eq!(FileBlocks::open(&path).unwrap().at_most(SIZE).capacity(), SIZE);
        assert!(matches!(FileBlocks::create(&path), Err(DiskError::File { .. })));
        assert!(matches!(FileBlocks::open(&folder.path().join("none")), Err(DiskError::File { .. })));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_disk_without_room_says_so() {
        // The device to which nothing can be written.
        let mut blocks = FileBlocks::open(Path::new("/dev/full")).unwrap();
        assert_eq!(blocks.write(0, &[0; 4096]), Err(BlocksError::Full));
    }
}
