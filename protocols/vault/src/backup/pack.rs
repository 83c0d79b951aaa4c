//! Packs: many objects as one, of a size that tells little.
//!
//! Inside are the size of the directory (4 bytes, little endian), the directory, which is a
//! CBOR array of `[id, kind, keys, size]` for each object, the objects as they are sealed in
//! the vault, one after the other, and zeros. All of it is sealed as one under the backup's
//! key, bound to the pack's number, so that who keeps a part of it cannot tell where an object
//! begins. The sealed pack has 64 KiB, or twice that, and so on up to 16 MiB.

use alloc::vec::Vec;

use allod_crypto::aead::OVERHEAD;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Encode};

use super::error::BackupError;
use super::keys::BackupKeys;
use crate::object::{Kind, ObjectId, SEALED_MAX, Sealed};

/// Bytes of the smallest pack.
pub const PACK_MIN: usize = 64 << 10;

/// Bytes of the largest pack.
pub const PACK_MAX: usize = 16 << 20;

/// The most objects of a pack: who makes a backup keeps a list of them as one value.
pub const OBJECTS_MAX: usize = 16_384;

/// The most bytes of an entry of the directory.
const ENTRY_MAX: usize = 48;

/// What the directory takes beside its entries, with its size.
const DIRECTORY: usize = 4 + 9;

#[derive(Clone, Copy, Debug, Encode, Decode)]
struct Entry {
    #[n(0)]
    id: ObjectId,
    #[n(1)]
    kind: Kind,
    #[n(2)]
    keys: u32,
    #[n(3)]
    size: u32,
}

/// Objects that will be a pack.
#[derive(Debug, Default)]
pub struct Packer {
    objects: Vec<Sealed>,
    size: usize,
}

impl Packer {
    /// A pack with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this many bytes more, as one object, fit.
    pub fn fits(&self, size: usize) -> bool {
        self.objects.len() < OBJECTS_MAX && self.size + size + ENTRY_MAX + DIRECTORY + OVERHEAD <= PACK_MAX
    }

    /// Adds an object. It is given back where it does not fit.
    pub fn push(&mut self, object: Sealed) -> Option<Sealed> {
        if !self.fits(object.bytes.len()) {
            return Some(object);
        }
        self.size += object.bytes.len() + ENTRY_MAX;
        self.objects.push(object);
        None
    }

    /// What is in it, in its order.
    pub fn objects(&self) -> &[Sealed] {
        &self.objects
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The sealed pack.
    pub fn seal(&self, keys: &BackupKeys, number: u64) -> Vec<u8> {
        let entries: Vec<Entry> = self.objects.iter().map(entry).collect();
        let directory = allod_wire::encode(&entries);
        let filled = 4 + directory.len() + self.objects.iter().map(|o| o.bytes.len()).sum::<usize>();
        let bucket = (filled + OVERHEAD).next_power_of_two().max(PACK_MIN);
        let mut plain = Vec::with_capacity(bucket - OVERHEAD);
        // No directory has 4 GiB: a pack has far less.
        plain.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        plain.extend_from_slice(&directory);
        self.objects.iter().for_each(|object| plain.extend_from_slice(&object.bytes));
        plain.resize(bucket - OVERHEAD, 0);
        keys.pack.seal(&purpose(number), &plain)
    }
}

fn entry(object: &Sealed) -> Entry {
    // A sealed object has little more than 1 MiB.
    Entry { id: object.id, kind: object.kind, keys: object.keys, size: object.bytes.len() as u32 }
}

fn purpose(number: u64) -> [u8; 24] {
    let mut purpose = *b"allod vault pack........";
    purpose[16..].copy_from_slice(&number.to_le_bytes());
    purpose
}

/// The objects of a sealed pack. Whether each is what its id says, only its keys tell.
///
/// # Errors
/// [`BackupError::Pack`] where it is not the pack that was sealed under this number.
pub fn unpack(keys: &BackupKeys, number: u64, bytes: &[u8]) -> Result<Vec<Sealed>, BackupError> {
    let wrong = BackupError::Pack(number);
    let plain = keys.pack.open(&purpose(number), bytes).map_err(|_| wrong)?;
    let (size, rest) = plain.expose().split_first_chunk::<4>().ok_or(wrong)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| wrong)?;
    let directory = rest.get(..size).ok_or(wrong)?;
    let mut rest = rest.get(size..).ok_or(wrong)?;
    let mut objects = Vec::new();
    for entry in directory_of(directory).map_err(|_| wrong)? {
        let size = usize::try_from(entry.size).ok().filter(|size| *size <= SEALED_MAX).ok_or(wrong)?;
        let (bytes, after) = rest.split_at_checked(size).ok_or(wrong)?;
        objects.push(Sealed { id: entry.id, kind: entry.kind, keys: entry.keys, bytes: bytes.to_vec() });
        rest = after;
    }
    Ok(objects)
}

fn directory_of(bytes: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    minicbor::decode(bytes)
}

const _: () = assert!(SEALED_MAX + ENTRY_MAX + DIRECTORY + OVERHEAD <= PACK_MAX);
