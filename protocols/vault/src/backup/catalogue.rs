//! The catalogue: all that is needed to find a backup's parts and to read them.
//!
//! It has secrets in it (the ring of the space), so it never leaves the device but sealed for
//! one account. Its size is padded to a power of two.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::Zeroizing;
use allod_crypto::aead::OVERHEAD;
use minicbor::{Decode, Encode};

use super::code::Code;
use super::error::{BackupError, Lie};
use super::head::CATALOGUE_MAX;
use super::keys::Account;
use super::peer::PeerRecord;
use super::shard::ShardId;
use crate::ring::SpaceId;

/// The format that is written here.
const FORMAT: u16 = 1;

/// Bytes of the smallest sealed catalogue.
const SIZE_MIN: usize = 4 << 10;

/// What a backup consists of, and where its parts are.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Catalogue {
    #[n(0)]
    format: u16,
    /// Higher for each newer catalogue, from 1 on.
    #[n(1)]
    pub generation: u64,
    /// When it was made, in milliseconds since 1970.
    #[n(2)]
    pub made: u64,
    /// Which image made it: 16 random bytes that it keeps.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub author: [u8; 16],
    /// What opens the objects: a secret.
    #[cbor(n(4), with = "secret")]
    pub ring: Zeroizing<Vec<u8>>,
    /// What the objects belong to: the roots of the space's trees.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub roots: Vec<u8>,
    /// The peers.
    #[n(6)]
    pub peers: Vec<PeerRecord>,
    /// The packs, by their numbers.
    #[n(7)]
    pub packs: Vec<PackRecord>,
    /// Shared folders that the person has beside this vault: whoever recovers finds their backups
    /// by these.
    #[cbor(n(8), default)]
    pub folders: Vec<FolderRecord>,
}

/// A shared folder of the person. Its backup is one of its own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FolderRecord {
    /// Which space it is.
    #[n(0)]
    pub space: SpaceId,
    /// What the person calls it.
    #[n(1)]
    pub name: String,
}

/// A pack.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PackRecord {
    /// Its number. Never given to another.
    #[n(0)]
    pub number: u64,
    /// Bytes of the sealed pack.
    #[n(1)]
    pub size: u32,
    /// How many of its shards are needed.
    #[n(2)]
    pub code: Code,
    /// All its shards, in the order of their numbers.
    #[n(3)]
    pub shards: Vec<ShardRecord>,
}

/// A shard of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ShardRecord {
    /// What it is known by.
    #[n(0)]
    pub id: ShardId,
    /// The number of the peer that has it; nothing where none does.
    #[n(1)]
    pub peer: Option<u32>,
}

impl PackRecord {
    /// Bytes of each shard.
    pub fn shard_size(&self) -> usize {
        self.code.shard_size(self.size as usize)
    }

    /// How many of its shards somebody has.
    pub fn placed(&self) -> usize {
        self.shards.iter().filter(|shard| shard.peer.is_some()).count()
    }

    /// Whether it makes sense at all.
    pub(super) fn is_sound(&self) -> bool {
        self.code.is_sound()
            && self.shards.len() == usize::from(self.code.all())
            && self.size as usize <= super::PACK_MAX
            && self.size > 0
    }
}

impl Catalogue {
    /// A catalogue of the format of now. `ring` and `roots` are as the space gives them.
    pub fn new(generation: u64, made: u64, author: [u8; 16], ring: Vec<u8>, roots: Vec<u8>) -> Self {
        let ring = Zeroizing::new(ring);
        let (peers, packs, folders) = (Vec::new(), Vec::new(), Vec::new());
        Self { format: FORMAT, generation, made, author, ring, roots, peers, packs, folders }
    }

    /// Seals it for a peer.
    ///
    /// # Errors
    /// [`BackupError::CatalogueTooLarge`].
    pub fn seal(&self, account: &Account) -> Result<Vec<u8>, BackupError> {
        let encoded = Zeroizing::new(allod_wire::encode(self));
        let size = (encoded.len() + 4 + OVERHEAD).next_power_of_two().max(SIZE_MIN);
        if size > CATALOGUE_MAX {
            return Err(BackupError::CatalogueTooLarge);
        }
        let mut plain = Zeroizing::new(Vec::with_capacity(size - OVERHEAD));
        plain.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
        plain.extend_from_slice(&encoded);
        plain.resize(size - OVERHEAD, 0);
        Ok(account.catalogue.seal(PURPOSE, &plain))
    }

    /// Opens what [`Self::seal`] sealed for this account.
    ///
    /// # Errors
    /// [`Lie::Unreadable`].
    pub fn open(account: &Account, sealed: &[u8]) -> Result<Self, Lie> {
        let wrong = Lie::Unreadable;
        let plain = account.catalogue.open(PURPOSE, sealed).map_err(|_| wrong)?;
        let (size, rest) = plain.expose().split_first_chunk::<4>().ok_or(wrong)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| wrong)?;
        let catalogue: Self = minicbor::decode(rest.get(..size).ok_or(wrong)?).map_err(|_| wrong)?;
        let is_sound = catalogue.format == FORMAT && catalogue.packs.iter().all(PackRecord::is_sound);
        is_sound.then_some(catalogue).ok_or(wrong)
    }

    /// The peer with this number.
    pub fn peer(&self, number: u32) -> Option<&PeerRecord> {
        self.peers.iter().find(|peer| peer.number == number)
    }
}

const PURPOSE: &[u8] = b"allod vault catalogue";

/// Bytes that are zeroized.
mod secret {
    use alloc::vec::Vec;

    use allod_crypto::Zeroizing;
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(super) fn encode<C, W: Write>(
        value: &Zeroizing<Vec<u8>>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(value)?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Zeroizing<Vec<u8>>, DecodeError> {
        Ok(Zeroizing::new(d.bytes()?.to_vec()))
    }
}

// The ring stays out of logs.
impl core::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Catalogue")
            .field("generation", &self.generation)
            .field("peers", &self.peers)
            .field("packs", &self.packs.len())
            .finish_non_exhaustive()
    }
}
