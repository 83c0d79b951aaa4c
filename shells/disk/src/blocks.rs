//! A vault in one file, or on a device.
//!
//! The file is locked as long as it is open, so that two programs never write one vault. It
//! grows by whole segments, whose room is taken before anything is written, and what is
//! discarded is given back to the file system as a hole.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use allod_vault::{Blocks, BlocksError};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;

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
}

/// Blocks in a file or on a device.
#[derive(Debug)]
pub struct FileBlocks {
    file: File,
    capacity: u64,
    /// Whether room can be taken and given back. A device has all of its room.
    sparse: bool,
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

    /// Opens a file or a device.
    ///
    /// # Errors
    /// [`DiskError::InUse`]; [`DiskError::File`].
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        Self::locked(path, OpenOptions::new().read(true).write(true))
    }

    fn locked(path: &Path, options: &OpenOptions) -> Result<Self, DiskError> {
        let failed = |source| DiskError::File { path: path.to_owned(), source };
        let mut file = options.open(path).map_err(failed)?;
        lock(&file).map_err(|why| match why {
            Errno::WOULDBLOCK => DiskError::InUse(path.to_owned()),
            why => failed(why.into()),
        })?;
        let is_device = file.metadata().map_err(failed)?.file_type().is_block_device();
        let capacity = match is_device {
            true => file.seek(SeekFrom::End(0)).map_err(failed)?,
            false => CAPACITY,
        };
        Ok(Self { file, capacity, sparse: !is_device })
    }

    /// Takes no more room than this, in bytes.
    #[must_use]
    pub fn at_most(mut self, capacity: u64) -> Self {
        self.capacity = self.capacity.min(capacity);
        self
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
fn failed(why: &io::Error) -> BlocksError {
    match why.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => BlocksError::Full,
        _ => BlocksError::Failed(why.raw_os_error().unwrap_or_default()),
    }
}

/// Where the file system cannot do what is not needed, it is left.
fn if_it_can(done: Result<(), Errno>) -> Result<(), BlocksError> {
    match done {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => Ok(()),
        Err(why) => Err(failed(&why.into())),
    }
}

impl Blocks for FileBlocks {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
        let mut done = 0;
        while done < into.len() {
            match self.file.read_at(&mut into[done..], at + done as u64) {
                // Nothing was written so far behind.
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

    fn reserve(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        if !self.sparse {
            return Ok(());
        }
        if_it_can(fallocate(&self.file, FallocateFlags::empty(), at, size))
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError> {
        self.file.write_all_at(from, at).map_err(|why| failed(&why))
    }

    fn sync(&mut self) -> Result<(), BlocksError> {
        self.file.sync_data().map_err(|why| failed(&why))
    }

    fn discard(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        if !self.sparse {
            return Ok(());
        }
        if_it_can(fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, size))
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
