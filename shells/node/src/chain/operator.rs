//! The identities that answer for guardians.

use std::path::Path;

use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, Zeroizing};
use allod_did::{Log, Root};
use allod_wire::Instant;

use super::ChainError;
use super::entry::Identity;
use crate::files;

/// An identity that answers for a guardian: a root and one device.
#[derive(Debug)]
pub struct Operator {
    root: Root,
    device: SigningKey,
    log: Log,
}

impl Operator {
    /// Reads the operator's file in `folder`, or makes one.
    ///
    /// # Errors
    /// [`ChainError::File`]; [`ChainError::Store`] for a file that is none.
    pub fn load(folder: &Path, now: Instant) -> Result<Self, ChainError> {
        files::private_folder(folder)?;
        let path = folder.join("operator");
        let known = files::read_if_there(&path)?.map(Zeroizing::new);
        let (bytes, at) = match &known {
            Some(known) => {
                let wrong = || ChainError::Store(format!("{} is no operator's file", path.display()));
                let (seeds, at) = known.split_first_chunk::<64>().ok_or_else(wrong)?;
                let at = <[u8; 8]>::try_from(at).map_err(|_| wrong())?;
                (Zeroizing::new(*seeds), Instant(u64::from_be_bytes(at)))
            }
            None => {
                let seeds = Secret::<64>::random(&mut crate::entropy());
                let seeds = Zeroizing::new(*seeds.expose());
                let whole = Zeroizing::new([seeds.as_slice(), &now.0.to_be_bytes()].concat());
                files::write_private(&path, &whole)?;
                (seeds, now)
            }
        };
        let (root, device) = bytes.split_at(32);
        let secret = |half: &[u8]| {
            let mut secret = Secret::from([0; 32]);
            secret.expose_mut().copy_from_slice(half);
            secret
        };
        let root = Root::from_bytes(secret(root));
        let device = SigningKey::from_seed(&secret(device));
        let log = Log::create(&root, device.verifying_key().into(), "operator", at)
            .map_err(|why| ChainError::Store(why.to_string()))?;
        Ok(Self { root, device, log })
    }

    /// Its identity's log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What others are shown of it: the operation that founds it.
    ///
    /// # Errors
    /// [`ChainError::Store`] for a log that has no such operation.
    pub fn identity(&self) -> Result<Identity, ChainError> {
        let first = self.log.operations().first().cloned();
        let first = first.ok_or_else(|| ChainError::Store("an operator without a log".into()))?;
        Identity::new(first).map_err(|why| ChainError::Store(why.to_string()))
    }

    /// The device's key, which signs what it asks of the ledger.
    pub fn device(&self) -> &SigningKey {
        &self.device
    }

    /// The identity's root.
    pub fn root(&self) -> &Root {
        &self.root
    }
}
