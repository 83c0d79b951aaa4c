//! Seeing that something has changed in a folder: by looking now and then, which is what works
//! on all file systems and with all programs that keep folders alike.

use std::time::Duration;

use allod_crypto::hash::Blake3;

use super::Folder;
use crate::narrow_error::NarrowError;

impl Folder {
    /// Whether others have changed something since this was last asked. A folder that is not
    /// there has nothing in it; whoever puts a stick in again opens it anew.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFolder`].
    pub fn has_changed(&mut self) -> Result<bool, NarrowError> {
        let mut hash = Blake3::new();
        if let Some(root) = self.root()? {
            for carrier in self.carriers(&root)?.0 {
                let Ok(Some(folder)) = root.enter(&carrier) else { continue };
                for name in folder.list()?.names {
                    let Ok(stamp) = folder.stamp(&name) else { continue };
                    for part in [carrier.as_bytes(), name.as_bytes()] {
                        hash.add(&(part.len() as u64).to_le_bytes());
                        hash.add(part);
                    }
                    hash.add(&stamp.length.to_le_bytes());
                    hash.add(&stamp.changed.0.to_le_bytes());
                    hash.add(&stamp.changed.1.to_le_bytes());
                }
            }
        }
        let looked = Some(hash.finish());
        let has_changed = looked != self.looked;
        self.looked = looked;
        Ok(has_changed)
    }

    /// Waits until others have changed something, looking this often.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFolder`], as when a stick was pulled out.
    pub async fn changed(&mut self, every: Duration) -> Result<(), NarrowError> {
        while !self.has_changed()? {
            tokio::time::sleep(every).await;
        }
        Ok(())
    }
}
