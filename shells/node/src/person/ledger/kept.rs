//! Operations that were signed and of which nobody knows yet what became, in a home
//! folder: whoever asks for the same again sends the same bytes again, so that it
//! cannot come about twice.
//!
//! `asked/<operation's id>` is one such operation, `asked/<device's id>.number` the
//! number that the device used last, `asked/<hash>.secret` a secret that an operation
//! has only the hash of. All of it is on the disk before anything is sent.

use std::path::{Path, PathBuf};

use allod_crypto::{Secret, Zeroizing};
use allod_did::DeviceId;
use allod_ledger::{Claim, OPERATION_MAX, Operation};
use allod_wire::{NetworkId, OperationId};
use data_encoding::HEXLOWER;

use super::{Did, LedgerError};
use crate::FileError;
use crate::files;

/// The operations of a home folder whose outcome is not known.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Those in the home folder at this path.
    pub(super) fn of(home: &Path) -> Self {
        Self { folder: home.join("asked") }
    }

    /// What this device of this identity asked for in this network.
    pub(super) fn of_device(
        &self,
        network: &NetworkId,
        did: &Did,
        device: &DeviceId,
    ) -> Result<Vec<Operation>, LedgerError> {
        let mut kept = self.all()?;
        kept.retain(|operation| {
            let by = matches!(&operation.body.claim, Claim::Device { did: d, device: s, .. } if (d, s) == (did, device));
            by && operation.body.network == *network
        });
        Ok(kept)
    }

    fn all(&self) -> Result<Vec<Operation>, LedgerError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(files::at(&self.folder))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let name = entry.map_err(files::at(&self.folder))?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<OperationId>().ok()) else { continue };
            let path = self.path(&id);
            let Some(bytes) = files::read_if_there(&path)? else { continue };
            let damaged = || LedgerError::Garbage(format!("the file {}", path.display()));
            if bytes.len() > OPERATION_MAX || allod_ledger::id_of(&bytes) != id {
                return Err(damaged());
            }
            all.push(allod_wire::decode(&bytes).map_err(|_| damaged())?);
        }
        Ok(all)
    }

    /// The device's next number: no less than `least`, and never one that was given
    /// before. It counts as given from now on.
    pub(super) fn number(&self, device: &DeviceId, least: u64) -> Result<u64, FileError> {
        files::private_folder(&self.folder)?;
        let lock = self.folder.join("lock");
        let file = files::private_file(&lock)?;
        file.lock().map_err(files::at(&lock))?;
        let path = self.folder.join(format!("{}.number", HEXLOWER.encode(device.as_bytes())));
        let last = files::read_if_there(&path)?.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        let next = last.map_or(0, u64::from_be_bytes).saturating_add(1).max(least);
        files::replace(&path, &next.to_be_bytes())?;
        Ok(next)
    }

    /// Keeps an operation until its outcome is known.
    pub(super) fn keep(&self, operation: &Operation) -> Result<(), FileError> {
        files::private_folder(&self.folder)?;
        files::replace(&self.path(&operation.id()), &allod_wire::encode(operation))
    }

    /// Forgets an operation whose outcome is known.
    pub(super) fn forget(&self, id: &OperationId) -> Result<(), FileError> {
        remove(&self.path(id))
    }

    /// Keeps the secret of which an operation has the hash.
    pub(super) fn keep_secret(&self, hash: &[u8; 32], secret: &Secret<32>) -> Result<(), FileError> {
        files::private_folder(&self.folder)?;
        files::replace(&self.secret_path(hash), secret.expose())
    }

    /// The secret with this hash.
    pub(super) fn secret(&self, hash: &[u8; 32]) -> Result<Option<Secret<32>>, FileError> {
        let bytes = files::read_if_there(&self.secret_path(hash))?.map(Zeroizing::new);
        Ok(bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(Secret::from))
    }

    /// Forgets the secret with this hash.
    pub(super) fn forget_secret(&self, hash: &[u8; 32]) -> Result<(), FileError> {
        remove(&self.secret_path(hash))
    }

    fn path(&self, id: &OperationId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn secret_path(&self, hash: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}.secret", HEXLOWER.encode(hash)))
    }
}

fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(files::at(path)(why)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allod_crypto::sign::SigningKey;
    use allod_did::PublicKey;
    use allod_ledger::{Action, Body};
    use allod_wire::Instant;

    #[test]
    fn an_operation_is_kept_until_it_is_forgotten_and_no_number_is_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::of(folder.path());
        let key = SigningKey::from_seed(&Secret::from([7; 32]));
        let device = PublicKey::Ed25519(key.verifying_key()).device_id();
        let (network, did) = (NetworkId([1; 32]), Did([2; 32]));
        assert_eq!(kept.of_device(&network, &did, &device).unwrap(), []);
        assert_eq!(kept.number(&device, 5).unwrap(), 5);
        assert_eq!(kept.number(&device, 3).unwrap(), 6);
        assert_eq!(kept.number(&device, 9).unwrap(), 9);
        let claim = Claim::Device { did, device, nonce: 9 };
        let operation = Body { network, until: Instant(5), claim, action: Action::Veto }.sign(&key);
        kept.keep(&operation).unwrap();
        assert_eq!(kept.of_device(&network, &did, &device).unwrap(), std::slice::from_ref(&operation));
        assert_eq!(kept.of_device(&NetworkId([3; 32]), &did, &device).unwrap(), []);
        assert_eq!(kept.of_device(&network, &Did([3; 32]), &device).unwrap(), []);

        let path = kept.path(&operation.id());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[1..]).unwrap();
        assert!(matches!(kept.of_device(&network, &did, &device), Err(LedgerError::Garbage(_))));
        kept.forget(&operation.id()).unwrap();
        kept.forget(&operation.id()).unwrap();
        assert_eq!(kept.of_device(&network, &did, &device).unwrap(), []);
    }
}
