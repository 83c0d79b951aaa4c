//! The keys of a vault: what opens the image, and what seals what is new.

use allod_crypto::{CryptoRng, Secret};

use super::Files;
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::ring::{EPOCHS_MAX, Ring};

impl<B: Blocks, C: Compress> Files<B, C> {
    /// The keys of these files, for a shell that seals or opens many objects at once. What is
    /// new is sealed under the newest.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Begins an epoch: what is sealed from now on can be read only by who gets the new ring.
    /// It is durable afterwards, as all files are.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`], where there are [`EPOCHS_MAX`] already; [`VaultError`].
    pub fn begin_epoch(&mut self, rng: &mut impl CryptoRng) -> Result<(), VaultError> {
        let mut ring = self.ring.clone();
        ring.begin(rng).map_err(|_| VaultError::TooLarge { size_max: EPOCHS_MAX })?;
        self.set_ring(ring)
    }

    /// Takes over a ring that somebody else of the same space began an epoch on. It is durable
    /// afterwards.
    ///
    /// # Errors
    /// [`VaultError::OtherKeys`], where it does not [extend](Ring::extends) the one that is
    /// here; [`VaultError`].
    pub fn set_ring(&mut self, ring: Ring) -> Result<(), VaultError> {
        self.writable()?;
        if !ring.extends(&self.ring) {
            return Err(VaultError::OtherKeys);
        }
        // What was written before is sealed as it would have been.
        self.flush()?;
        self.chunker = ring.newest().chunker();
        self.ring = ring;
        self.unrecorded = true;
        self.commit()
    }

    /// Has another key open this image, and the old one no more. Nothing is encrypted again.
    ///
    /// # Errors
    /// [`VaultError`]. One of the two keys opens it then.
    pub fn rekey(&mut self, root: &Secret<32>, rng: &mut impl CryptoRng) -> Result<(), VaultError> {
        self.commit()?;
        let state = self.store.state().to_vec();
        self.store.rekey(root, &state, rng)
    }
}
