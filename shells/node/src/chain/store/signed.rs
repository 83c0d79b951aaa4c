//! What the guardians sign together: checkpoints, and the certificates that they
//! become.

use std::ops::RangeInclusive;

use allod_ledger::{Certificate, Checkpoint};
use redb::{ReadableDatabase, ReadableTable};

use super::{CERTIFICATES, CHECKPOINTS, ChainError, FINALITY, Store, text};

impl Store {
    /// Keeps a certificate that was checked.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn certify(&self, certificate: &Certificate) -> Result<(), ChainError> {
        let write = self.database.begin_write().map_err(text)?;
        {
            let mut certificates = write.open_table(CERTIFICATES).map_err(text)?;
            certificates
                .insert(certificate.checkpoint.height, allod_wire::encode(certificate).as_slice())
                .map_err(text)?;
        }
        Ok(write.commit().map_err(text)?)
    }

    /// The checkpoint of this height, signed or not.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn checkpoint(&self, height: u64) -> Result<Option<Checkpoint>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(CHECKPOINTS).map_err(text)?;
        let found = table.get(height).map_err(text)?;
        found.map(|bytes| allod_wire::decode(bytes.value()).map_err(text)).transpose().map_err(Into::into)
    }

    /// The newest certificate in a range of heights.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn certificate(&self, heights: RangeInclusive<u64>) -> Result<Option<Certificate>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(CERTIFICATES).map_err(text)?;
        let Some(found) = table.range(heights).map_err(text)?.next_back() else { return Ok(None) };
        let (_, bytes) = found.map_err(text)?;
        Ok(Some(allod_wire::decode(bytes.value()).map_err(text)?))
    }

    /// The newest checkpoint that is not signed yet and is newer than any that is.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn unsigned(&self) -> Result<Option<Checkpoint>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let checkpoints = read.open_table(CHECKPOINTS).map_err(text)?;
        let certificates = read.open_table(CERTIFICATES).map_err(text)?;
        let newest = checkpoints.last().map_err(text)?.map(|(height, bytes)| (height.value(), bytes));
        let signed = certificates.last().map_err(text)?.map(|(height, _)| height.value());
        match newest {
            Some((height, bytes)) if signed.is_none_or(|signed| signed < height) => {
                Ok(Some(allod_wire::decode(bytes.value()).map_err(text)?))
            }
            _ => Ok(None),
        }
    }

    /// The vote of ordering with which a ledger from elsewhere began at `height`, if
    /// this one did.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub(in crate::chain) fn finality(&self, height: u64) -> Result<Option<Vec<u8>>, ChainError> {
        let read = self.database.begin_read().map_err(text)?;
        let table = read.open_table(FINALITY).map_err(text)?;
        Ok(table.get(height).map_err(text)?.map(|bytes| bytes.value().to_vec()))
    }
}
