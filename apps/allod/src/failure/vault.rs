//! How something with a vault ends when it does not end well.

use std::io;

use allod_disk::{DiskError, PlaceError};
use allod_vault::{BlocksError, VaultError};

use super::{Failure, Kind};

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Mounted(at) => {
                let at = at.display();
                Self::new(Kind::Failed, format!("your vault is mounted at {at}")).next(format!(
                    "its files can be used there, as any files are; for this command end the mount first: `allod mount --end {at}`"
                ))
                .because_mounted()
            }
            PlaceError::Disk(why @ DiskError::InUse(_)) => {
                Self::new(Kind::Failed, why.to_string()).next("try again when that program is done")
            }
            PlaceError::Disk(why @ (DiskError::File { .. } | DiskError::Parts(_))) => {
                Self::new(Kind::Failed, why.to_string())
            }
            PlaceError::Vault { image, source } => {
                let image = image.display();
                let failure = Self::from(source).with_details([format!("the vault is {image}")]);
                match source {
                    VaultError::NotHere => failure.next(format!(
                        "use the home folder of the identity that made it; or, to begin a new vault, move {image} away \
                         and keep it"
                    )),
                    _ => failure,
                }
            }
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let failed = |message: String| Self::new(Kind::Failed, message);
        match error {
            VaultError::NotHere => failed(
                "the vault here does not open with this identity: it is another's, or both ends of its start are damaged"
                    .into(),
            ),
            VaultError::Format(_) => failed(error.to_string())
                .next("a newer allod wrote it, so use that one; nothing was changed"),
            VaultError::Damaged(_) | VaultError::Missing(_) => failed(format!("a part of the vault is lost: {error}"))
                .next("`allod fsck` names the files that are harmed; all others can still be read"),
            VaultError::Full => failed("there is no room for more".into()).next(
                "what the vault has is safe, and can be read and removed; make room on the disk that it is on, or in the \
                 vault with `allod forget` and `allod gc`",
            ),
            VaultError::Blocks(BlocksError::Failed(number)) => {
                let why = io::Error::from_raw_os_error(number);
                failed(format!("the disk that the vault is on failed: {why}"))
                    .next("what was kept before is safe as far as that disk is; look at the disk before you go on")
            }
            _ => failed(error.to_string()),
        }
    }
}
