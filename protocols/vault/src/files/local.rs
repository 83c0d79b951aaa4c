//! Records of this image alone, which can die: what is replaced or erased cannot be read
//! any more from the image, whoever gets all keys later. For keys that have to be forgotten.
//!
//! No snapshot, sync or backup has them.
//!
//! # How
//! Records lie in buckets, by a hash of their name. A bucket is sealed under a random key of
//! its own; these keys are in a list, sealed under one more key, which is in the checkpoint.
//! A change writes the buckets that it touches under new keys, the list under a new key, and
//! two checkpoints, so that both places of checkpoints have the new key only. What is old
//! still lies about in the image, and nothing opens it. (A disk that keeps what was written
//! over, as flash does for a while, keeps the old checkpoints too.)
//!
//! A change costs some four waits for the disk, and the size of the touched buckets.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret, SecretBytes};
use minicbor::{Decode, Encode};

use super::Files;
use super::reader::{bytes_of, damaged};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::{Damage, Part, VaultError};
use crate::object::{CONTENT_MAX, Kind, ObjectId, Sealed};

/// The most bytes of a record's name.
pub const LOCAL_NAME_MAX: usize = 256;

/// The most bytes of a record.
pub const LOCAL_MAX: usize = 16 << 10;

/// As which keys an object is counted that has a key of its own.
pub(super) const OWN_KEY: u32 = u32::MAX;

/// A change of one record: its name, and what it is from now on.
pub type LocalChange<'a> = (&'a [u8], Option<&'a [u8]>);

/// Where the list of buckets is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Local {
    /// The list's key, sealed under the image's.
    #[cbor(n(0), with = "minicbor::bytes")]
    key: Vec<u8>,
    #[n(1)]
    list: ObjectId,
}

impl Local {
    /// The object that has the list.
    pub(super) fn list(&self) -> ObjectId {
        self.list
    }
}

/// Where a bucket is, and its key. The key is zeroized with the list's bytes.
#[derive(Encode, Decode)]
struct Place {
    #[n(0)]
    number: u8,
    #[n(1)]
    id: ObjectId,
    #[cbor(n(2), with = "minicbor::bytes")]
    key: [u8; 32],
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(Secret::<32>::from(core::mem::take(&mut self.key)));
    }
}

type Records = BTreeMap<Vec<u8>, SecretBytes>;

const KEY: &[u8] = b"allod vault key of local records";
const LIST: &[u8] = b"allod vault list of local records";
const BUCKET: &[u8] = b"allod vault bucket of local records";

impl<B: Blocks, C: Compress> Files<B, C> {
    /// A record of this image alone.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn local(&mut self, name: &[u8]) -> Result<Option<SecretBytes>, VaultError> {
        let places = self.places()?;
        let Some(place) = places.iter().find(|place| place.number == bucket_of(name)) else {
            return Ok(None);
        };
        Ok(self.bucket(place)?.remove(name))
    }

    /// All records of this image alone, in no order.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn locals(&mut self) -> Result<Vec<(Vec<u8>, SecretBytes)>, VaultError> {
        let mut all = Vec::new();
        for place in self.places()? {
            all.extend(self.bucket(&place)?);
        }
        Ok(all)
    }

    /// Changes records: each is set, or erased where it is nothing. When this returns, that
    /// is durable, with all that was done to the files, and what was before cannot be read any
    /// more.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`]; [`VaultError`]. What was before may be there still, then.
    pub fn set_local(
        &mut self,
        changes: &[LocalChange<'_>],
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        self.writable()?;
        let mut places = self.places()?;
        let mut buckets: BTreeMap<u8, Records> = BTreeMap::new();
        for (name, value) in changes {
            for (size, size_max) in [(name.len(), LOCAL_NAME_MAX), (value.map_or(0, <[u8]>::len), LOCAL_MAX)]
            {
                if size > size_max {
                    return Err(VaultError::TooLarge { size_max });
                }
            }
            let number = bucket_of(name);
            if let alloc::collections::btree_map::Entry::Vacant(vacant) = buckets.entry(number) {
                vacant.insert(match places.iter().find(|place| place.number == number) {
                    Some(place) => self.bucket(place)?,
                    None => Records::new(),
                });
            }
            let records = buckets.entry(number).or_default();
            match value {
                Some(value) => drop(records.insert(name.to_vec(), SecretBytes::from(value.to_vec()))),
                None => drop(records.remove(*name)),
            }
        }
        for (number, records) in &buckets {
            places.retain(|place| place.number != *number);
            if !records.is_empty() {
                let key = Secret::<32>::random(rng);
                let id = self.put_own(&key, BUCKET, &encode_records(records), rng)?;
                places.push(Place { number: *number, id, key: *key.expose() });
            }
        }
        let key = Secret::<32>::random(rng);
        let list = SecretBytes::from(bytes_of(&places));
        let list = self.put_own(&key, LIST, &list, rng)?;
        let key = self.store.wrap(KEY, key.expose());
        self.local = Some(Local { key, list });
        // The second is for the place that still has the key of before.
        self.unrecorded = true;
        self.commit()?;
        self.commit_again()
    }

    /// The objects that have the records.
    pub(super) fn local_objects(&mut self) -> Result<Vec<ObjectId>, VaultError> {
        let mut ids: Vec<ObjectId> = self.places()?.iter().map(|place| place.id).collect();
        ids.extend(self.local.as_ref().map(|local| local.list));
        Ok(ids)
    }

    /// Whether all records can be read.
    pub(super) fn check_local(&mut self) -> Result<(), VaultError> {
        let places = self.places()?;
        places.iter().try_for_each(|place| self.bucket(place).map(|_| ()))
    }

    fn places(&mut self) -> Result<Vec<Place>, VaultError> {
        let Some(local) = self.local.clone() else { return Ok(Vec::new()) };
        let key = self.store.unwrap(KEY, &local.key).ok_or(VaultError::Damaged(damaged()))?;
        let key =
            Secret::from(*<&[u8; 32]>::try_from(key.expose()).map_err(|_| VaultError::Damaged(damaged()))?);
        let list = self.get_own(&key, LIST, &local.list)?;
        minicbor::decode(list.expose()).map_err(|_| VaultError::Damaged(damaged()))
    }

    fn bucket(&mut self, place: &Place) -> Result<Records, VaultError> {
        let bytes = self.get_own(&Secret::from(place.key), BUCKET, &place.id)?;
        decode_records(&bytes).ok_or(VaultError::Damaged(damaged()))
    }

    /// Keeps bytes under a key that is used for nothing else.
    fn put_own(
        &mut self,
        key: &Secret<32>,
        what: &[u8],
        content: &SecretBytes,
        rng: &mut impl CryptoRng,
    ) -> Result<ObjectId, VaultError> {
        if content.expose().len() > CONTENT_MAX {
            return Err(VaultError::TooLarge { size_max: CONTENT_MAX });
        }
        let mut id = ObjectId([0; 32]);
        rng.fill_bytes(&mut id.0);
        let bytes = SyntheticKey::new(key).seal(what, content.expose());
        self.store.put(&Sealed { id, kind: Kind::Node, keys: OWN_KEY, bytes })?;
        Ok(id)
    }

    fn get_own(&mut self, key: &Secret<32>, what: &[u8], id: &ObjectId) -> Result<SecretBytes, VaultError> {
        let object = self.store.get(id)?;
        let damage = Damage { part: Part::Object(*id), at: 0 };
        SyntheticKey::new(key).open(what, &object.bytes).map_err(|_| VaultError::Damaged(damage))
    }
}

fn bucket_of(name: &[u8]) -> u8 {
    tagged("allod 2026 vault, bucket of a local record", &[name])[0]
}

fn encode_records(records: &Records) -> SecretBytes {
    let size = records.iter().map(|(name, value)| name.len() + value.expose().len() + 6).sum();
    let mut bytes = Vec::with_capacity(size);
    for (name, value) in records {
        bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&(value.expose().len() as u32).to_le_bytes());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value.expose());
    }
    SecretBytes::from(bytes)
}

fn decode_records(bytes: &SecretBytes) -> Option<Records> {
    let mut records = Records::new();
    let mut rest = bytes.expose();
    while !rest.is_empty() {
        let (name_size, behind) = rest.split_first_chunk::<2>()?;
        let (value_size, behind) = behind.split_first_chunk::<4>()?;
        let (name, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes(*name_size)))?;
        let (value, behind) = behind.split_at_checked(u32::from_le_bytes(*value_size) as usize)?;
        records.insert(name.to_vec(), SecretBytes::from(value.to_vec()));
        rest = behind;
    }
    Some(records)
}
