//! Where a vault lies: a folder with its image, and who uses it.
//!
//! ```text
//! image       the vault: a file, or a folder of parts
//! image.new   one that is being made; what a crash left of it is made anew
//! mounted     where the one who has the image open has mounted it
//! holder      a socket, on which that one does commands for others
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use allod_crypto::{CryptoRng, Secret};
use allod_vault::files::{Files, Time};
use allod_vault::{Geometry, Ring, SpaceId, VaultError};
use rustix::process::{getgid, getuid};

use crate::blocks::{DiskError, FileBlocks};
use crate::compress::Zstd;

/// A vault in an image of its own.
pub type Vault = Files<FileBlocks, Zstd>;

/// Why a vault is not open.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A mount has it open.
    #[error("this vault is mounted at {}", .0.display())]
    Mounted(PathBuf),
    /// The image cannot be used, or another program has it open.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What is in the image cannot be opened.
    #[error("{}: {source}", image.display())]
    Vault {
        /// The image.
        image: PathBuf,
        /// What the vault said.
        source: VaultError,
    },
}

/// The folder of a vault.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// The place in this folder. Nothing is made before something is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The vault's image.
    pub fn image(&self) -> PathBuf {
        self.folder.join("image")
    }

    /// Whether there is a vault.
    pub fn is_there(&self) -> bool {
        self.image().exists()
    }

    /// Opens the vault with its root key.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn open(&self, root: &Secret<32>) -> Result<Vault, PlaceError> {
        self.open_at(self.blocks()?, root)
    }

    /// The image, for whoever has it alone.
    pub(crate) fn blocks(&self) -> Result<FileBlocks, PlaceError> {
        FileBlocks::open(&self.image()).map_err(|why| self.or_mounted(why))
    }

    /// Makes a vault where there is none, in such a way that a crash leaves none or a whole
    /// one; where another program made one meanwhile, that one is opened.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn create(&self, root: &Secret<32>, rng: &mut impl CryptoRng) -> Result<Vault, PlaceError> {
        self.make(root, None, rng)
    }

    /// The same, of a space that is somewhere else too.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn join(
        &self,
        root: &Secret<32>,
        of: (SpaceId, Ring),
        rng: &mut impl CryptoRng,
    ) -> Result<Vault, PlaceError> {
        self.make(root, Some(of), rng)
    }

    fn make(
        &self,
        root: &Secret<32>,
        of: Option<(SpaceId, Ring)>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vault, PlaceError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DiskError::File { path, source }
        };
        DirBuilder::new().mode(0o700).recursive(true).create(&self.folder).map_err(failed(&self.folder))?;
        let new = self.new_image();
        let blocks = match FileBlocks::create(&new) {
            Err(DiskError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                FileBlocks::open(&new)
            }
            created => created,
        };
        // What was open may have become the image before the lock was free.
        if self.is_there() {
            drop(blocks);
            return self.open(root);
        }
        let by = (uid(), gid(), now());
        let made = match of {
            Some(of) => Files::join(blocks?, Zstd, root, Geometry::VAULT, of, by, rng),
            None => Files::create(blocks?, Zstd, root, Geometry::VAULT, by, rng),
        };
        let vault = match made {
            Ok(vault) => vault,
            Err(source) => {
                let _ = fs::remove_file(&new);
                return Err(PlaceError::Vault { image: self.image(), source });
            }
        };
        fs::rename(&new, self.image()).map_err(failed(&self.image()))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed(&self.folder))?;
        Ok(vault)
    }

    /// Where one is made.
    pub(crate) fn new_image(&self) -> PathBuf {
        self.folder.join("image.new")
    }

    fn open_at(&self, blocks: FileBlocks, root: &Secret<32>) -> Result<Vault, PlaceError> {
        Files::open(blocks, Zstd, root).map_err(|source| PlaceError::Vault { image: self.image(), source })
    }

    fn or_mounted(&self, why: DiskError) -> PlaceError {
        match (why, self.mounted()) {
            (DiskError::InUse(_), Some(at)) => PlaceError::Mounted(at),
            (why, _) => why.into(),
        }
    }

    /// Where the vault is mounted, if it is.
    pub fn mounted(&self) -> Option<PathBuf> {
        let at = PathBuf::from(OsString::from_vec(fs::read(self.folder.join("mounted")).ok()?));
        mounts().contains(&at).then_some(at)
    }

    /// Whether the vault is mounted, by a program that has it open.
    pub fn is_held(&self) -> bool {
        self.mounted().is_some() && matches!(FileBlocks::open(&self.image()), Err(DiskError::InUse(_)))
    }

    /// Says to others where it will be mounted, by whoever has it open.
    ///
    /// # Errors
    /// What the system says.
    pub fn will_be_mounted(&self, at: &Path) -> io::Result<()> {
        fs::write(self.folder.join("mounted"), at.as_os_str().as_bytes())
    }

    /// Says to others that it is not mounted any more.
    pub fn was_mounted(&self) {
        let _ = fs::remove_file(self.folder.join("mounted"));
    }
}

fn uid() -> u32 {
    getuid().as_raw()
}

fn gid() -> u32 {
    getgid().as_raw()
}

/// The time, as files have it.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() }
}

/// Where vaults are mounted in this system, also by programs that are gone.
pub fn mounts() -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table.split(|byte| *byte == b'\n').filter_map(vault_of).collect()
}

/// The place of a mounted vault, of a line of the table of mounts (proc_pid_mountinfo(5)).
fn vault_of(line: &[u8]) -> Option<PathBuf> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let optional_end = fields.iter().position(|field| *field == b"-")?;
    // Root mounts without the kind's second half.
    match (*fields.get(optional_end + 1)?, *fields.get(optional_end + 2)?) {
        (b"fuse.allod", _) | (b"fuse", b"allod") => {}
        _ => return None,
    }
    // Some characters are written as three octal digits.
    let (mut path, mut rest) = (Vec::new(), *fields.get(4)?);
    while let Some((first, behind)) = rest.split_first() {
        let octal = match (first, behind) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'))
            }
            _ => None,
        };
        path.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    Some(PathBuf::from(OsStr::from_bytes(&path)))
}

#[cfg(test)]
mod tests {
    use getrandom::rand_core::UnwrapErr;

    use super::*;

    #[test]
    fn a_vault_is_made_once_and_what_a_crash_left_of_one_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().join("a/vault"));
        let rng = &mut UnwrapErr(getrandom::SysRng);
        let (root, other) = (Secret::from([1; 32]), Secret::from([2; 32]));
        assert!(matches!(place.open(&root), Err(PlaceError::Disk(DiskError::File { .. }))));
        fs::create_dir_all(folder.path().join("a/vault")).unwrap();
        fs::write(folder.path().join("a/vault/image.new"), [7; 100_000]).unwrap();
        let vault = place.create(&root, rng).unwrap();
        assert!(matches!(place.create(&root, rng), Err(PlaceError::Disk(DiskError::InUse(_)))));
        drop(vault);
        place.open(&root).unwrap();
        // Nothing is made over it.
        place.create(&root, rng).unwrap();
        let wrong = |opened| matches!(opened, Err(PlaceError::Vault { source: VaultError::NotHere, .. }));
        assert!(wrong(place.open(&other)) && wrong(place.create(&other, rng)));
    }

    #[test]
    fn a_mounted_vault_is_found_in_the_table_of_mounts() {
        let line = br"36 35 0:50 / /mnt/a\040b/c\134d rw,nosuid shared:1 - fuse.allod allod rw,user_id=0";
        assert_eq!(vault_of(line), Some(PathBuf::from("/mnt/a b/c\\d")));
        let by_root = b"36 35 0:50 / /a rw - fuse allod rw";
        assert_eq!(vault_of(by_root), Some(PathBuf::from("/a")));
        let other = b"36 35 0:50 / /mnt/a rw,nosuid shared:1 - fuse.sshfs allod rw";
        assert_eq!(vault_of(other), None);
        assert_eq!(vault_of(b""), None);
    }
}
