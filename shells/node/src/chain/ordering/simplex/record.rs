//! What keeps a node from voting twice: the epoch that it entered last.
//!
//! The engine has its votes on disk before it sends them, in a journal of the
//! epoch. A journal that is gone cannot hold it back, so
//! - an epoch is entered here, durably, before its engine starts, and no epoch
//!   before it is ever voted in again, whatever the application was set back to;
//! - a node whose folder is new, though its application has blocks already, may
//!   have lost its journal, and votes from the next epoch on only.
//!
//! A node that lost its application as well is held back by who starts it
//! (`running.rs`): it begins with the ledger of others, and so has blocks. What
//! remains: one that is set back to an older copy of everything, or of its key alone.

use allod_crypto::CryptoRng;
use allod_wire::Wire;
use commonware_consensus::simplex::Floor;
use commonware_cryptography::blake3::Digest;
use commonware_runtime::{Clock, Metrics, Storage};
use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::sequence::U64;
use minicbor::{Decode, Encode};

use super::super::{BlockDigest, Certificate};
use super::convert::{self, Scheme};

/// What an epoch's blocks are built on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Base {
    /// The last block of the epoch before.
    #[n(0)]
    Block(#[n(0)] BlockDigest),
    /// A block of the epoch that a snapshot was taken at.
    #[n(1)]
    Snapshot(#[n(0)] Certificate),
}

impl Base {
    /// The engine's form.
    pub(super) fn floor(&self, rng: &mut impl CryptoRng, scheme: &Scheme) -> Option<Floor<Scheme, Digest>> {
        match self {
            Self::Block(digest) => Some(Floor::Genesis(Digest(digest.0))),
            Self::Snapshot(certificate) => {
                convert::finalization(rng, scheme, certificate).map(Floor::Finalized)
            }
        }
    }
}

/// What is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Entered {
    /// The epoch.
    #[n(0)]
    pub(super) epoch: u64,
    /// What it is built on.
    #[n(1)]
    pub(super) base: Base,
    /// The first epoch that this node may vote in.
    #[n(2)]
    pub(super) vote_from: u64,
}

impl Wire for Entered {
    const SIZE_MAX: usize = Certificate::SIZE_MAX + 64;
}

/// The record of the epoch entered last.
pub(super) struct Record<E: Storage + Clock + Metrics> {
    disk: Option<Metadata<E, U64, Vec<u8>>>,
    entered: Option<Entered>,
}

const KEY: U64 = U64::new(0);

impl<E: Storage + Clock + Metrics> Record<E> {
    /// Reads the record.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) async fn open(context: E, partition: String) -> Result<Self, String> {
        let config = Config { partition, codec_config: ((..=Entered::SIZE_MAX).into(), ()) };
        let disk =
            Metadata::<E, U64, Vec<u8>>::init(context, config).await.map_err(|error| error.to_string())?;
        let entered = match disk.get(&KEY) {
            Some(bytes) => Some(allod_wire::decode(bytes).map_err(|error| error.to_string())?),
            None => None,
        };
        Ok(Self { disk: Some(disk), entered })
    }

    /// What was entered last.
    pub(super) fn entered(&self) -> Option<&Entered> {
        self.entered.as_ref()
    }

    /// Enters an epoch, durably.
    ///
    /// # Errors
    /// What the disk said. The record is of no use from then on.
    pub(super) async fn enter(&mut self, entered: Entered) -> Result<(), String> {
        if self.entered.as_ref() == Some(&entered) {
            return Ok(());
        }
        let disk = self.disk.take().ok_or("the record of epochs failed before")?;
        let disk = disk.put_sync(KEY, allod_wire::encode(&entered)).await;
        self.disk = Some(disk.map_err(|error| error.to_string())?);
        self.entered = Some(entered);
        Ok(())
    }
}
