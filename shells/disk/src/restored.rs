//! A vault that comes back from elsewhere: it is filled beside its place, and becomes the
//! vault when it is whole.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use allod_crypto::{CryptoRng, Secret};
use allod_vault::files::Files;
use allod_vault::{Geometry, Ring, SpaceId, VaultError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{getgid, getuid};

use crate::blocks::{DiskError, FileBlocks};
use crate::compress::Zstd;
use crate::place::{Place, PlaceError, Vault, now};

impl Place {
    /// The image of a vault that is being restored: a new one, or the one that an earlier
    /// attempt left. It is no vault yet.
    ///
    /// # Errors
    /// [`DiskError`], also where there is a vault; [`PlaceError`].
    pub fn begin_restore(
        &self,
        root: &Secret<32>,
        (space, ring): (SpaceId, Ring),
        rng: &mut impl CryptoRng,
    ) -> Result<Vault, PlaceError> {
        let image = self.restored();
        let folder = image.parent().unwrap_or(Path::new("."));
        DirBuilder::new().mode(0o700).recursive(true).create(folder).map_err(failed(folder))?;
        let of_image = |source| PlaceError::Vault { image: image.clone(), source };
        if image.exists() {
            match Files::open(FileBlocks::open(&image)?, Zstd, root) {
                Ok(vault) if vault.space() == space && vault.ring().extends(&ring) => return Ok(vault),
                // Of another space, of an older ring, or not made to its end.
                Ok(_) | Err(VaultError::NotHere) => fs::remove_file(&image).map_err(failed(&image))?,
                Err(why) => return Err(of_image(why)),
            }
        }
        let blocks = FileBlocks::create(&image)?;
        let by = (getuid().as_raw(), getgid().as_raw(), now());
        Files::join(blocks, Zstd, root, Geometry::VAULT, (space, ring), by, rng).map_err(of_image)
    }

    /// Makes the vault of what was restored. Durable when this returns.
    ///
    /// # Errors
    /// [`DiskError`], also where there is a vault already.
    pub fn finish_restore(&self, restored: Vault) -> Result<(), PlaceError> {
        let (from, to) = (self.restored(), self.image());
        let renamed = renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE);
        renamed.map_err(|why| failed(&to)(why.into()))?;
        drop(restored);
        let folder = to.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        Ok(())
    }

    fn restored(&self) -> PathBuf {
        self.image().with_file_name("image.restored")
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> impl CryptoRng {
        getrandom::rand_core::UnwrapErr(getrandom::SysRng)
    }

    #[test]
    fn what_is_restored_becomes_the_vault_when_it_is_whole_and_takes_no_other_s_place() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().join("vault"));
        let root = Secret::from([1; 32]);
        let ring = Ring::new(&mut rng());
        let space = || (SpaceId([3; 32]), ring.clone());
        let vault = place.begin_restore(&root, space(), &mut rng()).unwrap();
        assert!(!place.is_there());
        drop(vault);
        // An attempt that stopped goes on; one of another space begins anew.
        assert!(place.begin_restore(&root, space(), &mut rng()).unwrap().ring().extends(&ring));
        let other = (SpaceId([4; 32]), ring.clone());
        assert_eq!(place.begin_restore(&root, other, &mut rng()).unwrap().space(), SpaceId([4; 32]));
        let vault = place.begin_restore(&root, space(), &mut rng()).unwrap();
        place.finish_restore(vault).unwrap();
        assert_eq!(place.open(&root).unwrap().space(), SpaceId([3; 32]));
        let vault = place.begin_restore(&root, space(), &mut rng()).unwrap();
        assert!(matches!(place.finish_restore(vault), Err(PlaceError::Disk(DiskError::File { .. }))));
        assert_eq!(place.open(&root).unwrap().space(), SpaceId([3; 32]));
    }
}
