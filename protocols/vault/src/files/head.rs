//! Heads of one image: which state it has, in a few bytes that can be told to somebody who
//! remembers them, such as a ledger. An image that was put back to an earlier state does not
//! know of the newest head that it told.

use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use minicbor::{Decode, Encode};

use super::Files;
use super::reader::{bytes_of, damaged};
use super::table::Table;
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;

/// Where the heads that were told are in the table of sync.
const ROW: &[u8] = b"heads";

/// Heads that are remembered: the last that was told, and the one that may have been.
const KEPT: usize = 2;

/// A state of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// The number of its checkpoint: each is higher than the one before.
    #[n(0)]
    pub number: u64,
    /// A hash of all that it has, under the space's keys.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; 32],
}

    /// A number that is another after everything that was made durable.
    pub fn generation(&self) -> u64 {
        self.store.generation()
    }

impl<B: Blocks, C: Compress> Files<B, C> {
    /// A name for this image alone, which nobody can compute who cannot open it.
    pub fn image_tag(&self) -> [u8; 32] {
        self.store.image_tag()
    }

    /// Commits, and gives the head that is to be told. It is remembered before, so that it is known here
    /// whether telling it came about or not.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn head_to_tell(&mut self) -> Result<Head, VaultError> {
        self.commit()?;
        let roots = self.roots()?.encode();
        let head =
            Head { number: self.store.generation(), hash: tagged("allod 2026 vault, head", &[&roots]) };
        // The first is the one that was told for sure; what may not have come about is replaced.
        let mut heads = self.heads()?;
        heads.truncate(KEPT - 1);
        heads.push(head);
        self.table(Table::Sync).insert(ROW, &bytes_of(&heads))?;
        self.commit()?;
        Ok(head)
    }

    /// Whether this image told this head, as far as it remembers: the last two.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn knows_head(&mut self, head: &Head) -> Result<bool, VaultError> {
        Ok(self.heads()?.contains(head))
    }

    /// Forgets all but the head that was told last, which came about: so that one that is told later
    /// is the second, however often telling fails.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn head_was_told(&mut self, head: &Head) -> Result<(), VaultError> {
        self.table(Table::Sync).insert(ROW, &bytes_of(&alloc::vec![*head]))?;
        self.commit()
    }

    fn heads(&mut self) -> Result<Vec<Head>, VaultError> {
        let row = self.table(Table::Sync).get(ROW)?;
        let heads = row.map(|row| minicbor::decode(&row)).transpose();
        Ok(heads.map_err(|_| VaultError::Damaged(damaged()))?.unwrap_or_default())
    }
}
