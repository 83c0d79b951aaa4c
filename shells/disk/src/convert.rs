//! The vault's image, as one file or as a folder of parts: how it is kept, and how it becomes
//! the other. The bytes are the same.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use allod_vault::{Blocks, BlocksError, Geometry};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::blocks::{DiskError, FileBlocks};
use crate::place::{Place, PlaceError};

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

impl Place {
    /// Whether the vault is a folder of parts.
    pub fn is_in_parts(&self) -> bool {
        self.image().is_dir()
    }

    /// Bytes that the vault takes of the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn room(&self) -> io::Result<u64> {
        room(&self.image())
    }

    /// Makes a folder of parts of the vault, or one file. Both are there until the new one is durable
    /// and in its place, so that a crash leaves one of them; if it leaves both, the next call removes the one that is none. Whether it was the other before. `see`
    /// is told how many bytes of how many are done.
    ///
    /// # Errors
    /// [`PlaceError`]. The vault is as it was then.
    pub fn convert(&self, to_parts: bool, see: &mut dyn FnMut(u64, u64)) -> Result<bool, PlaceError> {
        let from = self.blocks()?;
        let (image, new) = (self.image(), self.new_image());
        // What a crash left: half of the new one, or the old one.
        remove(&new).map_err(failed(&new))?;
        if from.is_in_parts() == to_parts {
            return Ok(false);
        }
        let made = match to_parts {
            true => FileBlocks::create_in_parts(&new, u64::from(Geometry::VAULT.segment_size)),
            false => FileBlocks::create(&new),
        };
        let put = |mut to: FileBlocks| {
            let size = from.size().map_err(failed(&image))?;
            copy(&from, size, &mut to, see).map_err(|why| failed(&new)(system(why)))?;
            // With its lock, so that nobody uses it before the other is gone.
            let exchanged = renameat_with(CWD, &new, CWD, &image, RenameFlags::EXCHANGE);
            exchanged.map_err(|why| failed(&image)(why.into()))?;
            Ok::<_, DiskError>(to)
        };
        let to = made.and_then(put).inspect_err(|_| drop(remove(&new)))?;
        let folder = image.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        remove(&new).map_err(failed(&new))?;
        drop((from, to));
        Ok(true)
    }
}

/// Copies all of an image, but for what is nothing but zeros.
fn copy(
    from: &FileBlocks,
    size: u64,
    to: &mut FileBlocks,
    see: &mut dyn FnMut(u64, u64),
) -> Result<(), BlocksError> {
    let mut bytes = vec![0; PIECE];
    let mut at = 0;
    while at < size {
        from.read(at, &mut bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            to.write(at, &bytes)?;
        }
        at += PIECE as u64;
        see(at.min(size), size);
    }
    to.sync()
}

fn system(why: BlocksError) -> io::Error {
    match why {
        BlocksError::Full => ErrorKind::StorageFull.into(),
        BlocksError::Failed(number) => io::Error::from_raw_os_error(number),
    }
}

/// Bytes that a file takes, or a folder with all that is in it.
fn room(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let mut sum = metadata.blocks() * 512;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            sum += room(&entry?.path())?;
        }
    }
    Ok(sum)
}

/// Removes a file, or a folder with all that is in it, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DiskError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| DiskError::File { path, source }
}

#[cfg(test)]
mod tests {
    use allod_crypto::Secret;
    use allod_vault::files::{FileKind, Ino, Operation, Time};
    use getrandom::rand_core::UnwrapErr;

    use super::*;
    use crate::Vault;

    /// Puts a file of so many equal bytes into it.
    fn write(vault: &mut Vault, name: &[u8], byte: u8) {
        let (name, now) = (name.to_vec(), Time::default());
        let (kind, permissions, target) = (FileKind::File, 0o644, Vec::new());
        let make =
            Operation::Make { parent: Ino::ROOT, name, kind, permissions, owner: 1, group: 1, target, now };
        let ino = vault.apply(&make).unwrap().unwrap();
        vault.write_at(ino, 0, &vec![byte; SIZE], now).unwrap();
        vault.commit().unwrap();
    }

    const SIZE: usize = 3_000_000;

    /// The parts of a folder, one behind the other.
    fn joined(image: &Path) -> Vec<u8> {
        let mut paths = Vec::new();
        for folder in fs::read_dir(image).unwrap().map(|entry| entry.unwrap().path()).filter(|at| at.is_dir())
        {
            paths.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        }
        paths.sort();
        paths.into_iter().flat_map(|path| fs::read(path).unwrap()).collect()
    }

    /// Up to what is nothing but zeros.
    fn trimmed(bytes: &[u8]) -> &[u8] {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        &bytes[..end]
    }

    #[test]
    fn a_folder_and_a_file_of_one_vault_have_the_same_bytes_and_open_as_the_same_vault() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().join("vault"));
        let root = Secret::from([1; 32]);
        let mut vault = place.create(&root, &mut UnwrapErr(getrandom::SysRng)).unwrap();
        write(&mut vault, b"one", 1);
        // Not while somebody uses it.
        assert!(matches!(place.convert(true, &mut |_, _| ()), Err(PlaceError::Disk(DiskError::InUse(_)))));
        drop(vault);
        let before = fs::read(place.image()).unwrap();
        let mut done = Vec::new();
        fs::create_dir_all(place.new_image().join("what a crash left")).unwrap();
        assert!(place.convert(true, &mut |now, all| done.push((now, all))).unwrap());
        assert!(place.is_in_parts() && !place.new_image().exists());
        let size = before.len() as u64;
        assert_eq!(*done.last().unwrap(), (size, size));
        assert_eq!(trimmed(&joined(&place.image())), trimmed(&before));
        fs::write(place.new_image(), "the old one, which a crash left").unwrap();
        assert!(!place.convert(true, &mut |_, _| ()).unwrap());
        assert!(!place.new_image().exists());

        // It goes on there, and back.
        let mut vault = place.open(&root).unwrap();
        write(&mut vault, b"two", 2);
        assert!(matches!(place.open(&root), Err(PlaceError::Disk(DiskError::InUse(_)))));
        drop(vault);
        assert!(place.room().unwrap() > 1 << 20);
        let parts = joined(&place.image());
        assert!(place.convert(false, &mut |_, _| ()).unwrap());
        assert!(!place.is_in_parts() && !place.new_image().exists());
        assert_eq!(trimmed(&fs::read(place.image()).unwrap()), trimmed(&parts));
        // What `cat` makes of the parts is a vault as well.
        fs::write(place.image(), &parts).unwrap();
        let mut vault = place.open(&root).unwrap();
        for (name, byte) in [(&b"one"[..], 1), (b"two", 2)] {
            let entry = vault.read().lookup(Ino::ROOT, name).unwrap();
            let read = vault.read().read(entry.ino, 0, SIZE).unwrap();
            assert!(read.len() == SIZE && read.iter().all(|other| *other == byte));
        }
    }
}
