//! The home folder: what one device keeps of its person.
//!
//! ```text
//! person/identity   root, device key, operation log, registration kit
//! person/lock       held while the identity is being changed
//! network/          guardians of a local network, if there is one
//! ```
//!
//! The identity is one file, replaced as a whole: it is the old one or the new
//! one, whatever happens. Its protection is the folder's permissions.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, Zeroizing};
use allod_did::{DeviceId, Log, OperationHash, PublicKey, Root};
use allod_guardian::card::Card;
use allod_guardian::client::{Configuration, Guardian, Kit};
use allod_guardian::descriptor::{Guarded, owner_key};
use allod_wire::{RealmId, Wire};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::error::PersonError;
use crate::files::{self, at};

/// A home folder.
#[derive(Clone, Debug)]
pub struct Home {
    path: PathBuf,
}

/// What a device knows of its person. The secrets in it are never printed.
#[derive(Clone, Debug)]
pub struct Person {
    /// The identity's root secret.
    pub root: Root,
    /// This device's own key.
    pub device: SigningKey,
    /// The identity's operation log.
    pub log: Log,
    /// How often the card was renewed.
    pub card_generation: u32,
    /// The number of the newest descriptor that this device wrote or saw.
    pub sequence: u64,
    /// The registration that this device dealt: in force, or waiting until
    /// enough guardians are there to take it. Where another device made a newer
    /// one, this one cannot heal it, and has none.
    pub kit: Option<Kit>,
    /// Guardians that have not said yet that they took their part of the kit.
    /// One of them may hold a part of an earlier dealing, which it names by the
    /// same version though it fits none of this one's. Without a kit, those that
    /// held another dealing when the person was recovered.
    pub owed: Vec<RealmId>,
    /// The registration in force, as the newest descriptor names it. None before
    /// the first has come about.
    pub guarded: Option<Guarded>,
    /// The registration that some guardians may hold already, but not enough.
    pub coming: Option<Guarded>,
    /// Whether as many guardians as are needed keep a descriptor that says all
    /// this.
    pub told: bool,
    /// What guardians are still to delete.
    pub retired: Vec<Retired>,
    /// The operations of the log that this device made, or that its person accepted
    /// here: those that it signs for on the ledger. The root signs all others as well,
    /// and whoever has the root could have made them.
    pub approved: Vec<OperationHash>,
    /// Where backups of the vault are kept, as the descriptor tells whoever recovers.
    pub backup_peers: Vec<String>,
}

/// An account, or a part of one, that guardians are still to delete.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Retired {
    /// The card whose account it is.
    #[n(0)]
    pub card_generation: u32,
    /// The guardians that did not confirm yet.
    #[n(1)]
    pub guardians: Vec<Guardian>,
}

impl Home {
    /// The home at this path. Nothing is made until something is kept.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a local network's state is.
    pub fn network(&self) -> PathBuf {
        self.path.join("network")
    }

    /// The identity, if there is one.
    ///
    /// # Errors
    /// [`PersonError::File`]; [`PersonError::Damaged`] for a file that is not
    /// an identity.
    pub fn load(&self) -> Result<Option<Person>, PersonError> {
        let path = self.identity();
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        Person::decode(&bytes).map(Some).ok_or(PersonError::Damaged { path })
    }

    /// Keeps the identity. Durable when this returns.
    ///
    /// # Errors
    /// [`PersonError::File`].
    pub fn save(&self, person: &Person) -> Result<(), PersonError> {
        files::private_folder(&self.folder())?;
        Ok(files::replace(&self.identity(), &person.encode())?)
    }

    /// Holds the identity for a change, until the result is dropped. Another
    /// process that wants to change it waits.
    ///
    /// # Errors
    /// [`PersonError::File`].
    pub fn lock(&self) -> Result<File, PersonError> {
        let (path, file) = self.lock_file()?;
        file.lock().map_err(at(&path))?;
        Ok(file)
    }

    /// Holds the identity for a change, unless another process does.
    ///
    /// # Errors
    /// [`PersonError::File`].
    pub fn try_lock(&self) -> Result<Option<File>, PersonError> {
        let (path, file) = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(at(&path)(e).into()),
        }
    }

    fn lock_file(&self) -> Result<(PathBuf, File), PersonError> {
        files::private_folder(&self.folder())?;
        let path = self.folder().join("lock");
        let file = files::private_file(&path)?;
        Ok((path, file))
    }

    /// The folder that holds the person's state and nothing else: without it,
    /// the device has forgotten the person.
    pub fn folder(&self) -> PathBuf {
        self.path.join("person")
    }

    fn identity(&self) -> PathBuf {
        self.folder().join("identity")
    }
}

impl Person {
    /// The recovery card.
    pub fn card(&self) -> Card {
        Card::new(&self.root, &self.log.state().did(), self.card_generation)
    }

    /// This device's id in the identity's log.
    pub fn device_id(&self) -> DeviceId {
        PublicKey::Ed25519(self.device.verifying_key()).device_id()
    }

    /// Who guards, or is to guard once the registration that this device dealt
    /// has come about.
    pub fn configuration(&self) -> Option<&Configuration> {
        let guarded = self.guarded.as_ref().map(|guarded| &guarded.configuration);
        self.kit.as_ref().map(Kit::configuration).or(guarded)
    }

    /// The addresses of the guardians, in the order in which they are listed.
    pub fn known_guardians(&self) -> Vec<String> {
        let guardians = self.configuration().map(Configuration::guardians).unwrap_or_default();
        guardians.iter().map(|guardian| guardian.address.clone()).collect()
    }

    /// Whether the registration that this device dealt is the one in force.
    pub fn is_in_force(&self) -> bool {
        self.kit.is_some() && self.guarded == self.kit.as_ref().map(Guarded::by)
    }

    /// The key that registers, deletes and describes.
    pub fn owner(&self) -> SigningKey {
        owner_key(&self.root)
    }

    /// Has this device stand behind what the log has from `sequence` on, so that it
    /// signs for it on the ledger.
    pub fn approve_from(&mut self, sequence: u32) {
        let operations = self.log.operations().iter().filter(|operation| operation.sequence() >= sequence);
        for hash in operations.map(allod_did::Operation::hash) {
            if !self.approved.contains(&hash) {
                self.approved.push(hash);
            }
        }
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let stored = Stored {
            format: 1,
            root: Zeroizing::new(*self.root.expose().expose()),
            device: Zeroizing::new(*self.device.seed().expose()),
            log: self.log.encode().into(),
            card_generation: self.card_generation,
            sequence: self.sequence,
            kit: Zeroizing::new(self.kit.as_ref().map(allod_wire::encode).unwrap_or_default()),
            guarded: self.guarded.clone(),
            owed: self.owed.clone(),
            coming: self.coming.clone(),
            told: self.told,
            retired: self.retired.clone(),
            approved: (!self.approved.is_empty())
                .then(|| self.approved.iter().map(|hash| ByteArray::from(hash.0)).collect()),
            backup_peers: (!self.backup_peers.is_empty()).then(|| self.backup_peers.clone()),
        };
        Zeroizing::new(allod_wire::encode(&stored))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = allod_wire::decode(bytes).ok()?;
        let kit = if stored.kit.is_empty() { None } else { Some(allod_wire::decode(&stored.kit).ok()?) };
        let person = Self {
            root: Root::from_bytes(Secret::from(*stored.root)),
            device: SigningKey::from_seed(&Secret::from(*stored.device)),
            log: Log::decode(&stored.log).ok()?,
            card_generation: stored.card_generation,
            sequence: stored.sequence,
            kit,
            guarded: stored.guarded,
            owed: stored.owed,
            coming: stored.coming,
            told: stored.told,
            retired: stored.retired,
            approved: stored.approved.unwrap_or_default().iter().map(|hash| OperationHash(**hash)).collect(),
            backup_peers: stored.backup_peers.unwrap_or_default(),
        };
        (stored.format == 1 && person.log.is_root_of(&person.root)).then_some(person)
    }
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    format: u8,
    #[cbor(n(1), with = "secret")]
    root: Zeroizing<[u8; 32]>,
    #[cbor(n(2), with = "secret")]
    device: Zeroizing<[u8; 32]>,
    #[n(3)]
    log: ByteVec,
    #[n(4)]
    card_generation: u32,
    #[n(5)]
    sequence: u64,
    #[cbor(n(6), with = "secret")]
    kit: Zeroizing<Vec<u8>>,
    #[n(7)]
    guarded: Option<Guarded>,
    #[n(8)]
    owed: Vec<RealmId>,
    #[n(9)]
    coming: Option<Guarded>,
    #[n(10)]
    told: bool,
    #[n(11)]
    retired: Vec<Retired>,
    /// A file of an earlier version lacks it.
    #[n(12)]
    approved: Option<Vec<ByteArray<32>>>,
    /// Likewise.
    #[n(13)]
    backup_peers: Option<Vec<String>>,
}

impl Wire for Stored {
    const SIZE_MAX: usize = 2 * 1024 * 1024;
}

/// Byte strings that are zeroized.
mod secret {
    use allod_crypto::{Zeroize, Zeroizing};
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(super) fn encode<C, T: AsRef<[u8]> + Zeroize, W: Write>(
        value: &Zeroizing<T>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes((**value).as_ref())?.ok()
    }

    pub(super) fn decode<'b, C, T: TryFrom<&'b [u8]> + Zeroize>(
        d: &mut Decoder<'b>,
        _: &mut C,
    ) -> Result<Zeroizing<T>, DecodeError> {
        d.bytes()?.try_into().map(Zeroizing::new).map_err(|_| DecodeError::message("of another length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allod_wire::Instant;

    #[test]
    fn what_an_earlier_version_kept_is_read_and_stands_behind_nothing() {
        let root = Root::from_bytes(Secret::from([3; 32]));
        let device = SigningKey::from_seed(&Secret::from([4; 32]));
        let mut log = Log::create(&root, device.verifying_key().into(), "laptop", Instant(1_000)).unwrap();
        let other = SigningKey::from_seed(&Secret::from([5; 32]));
        log.add_device(&root, other.verifying_key().into(), "phone", Instant(2_000)).unwrap();
        let mut person = Person {
            root,
            device,
            log,
            card_generation: 0,
            sequence: 0,
            kit: None,
            owed: Vec::new(),
            guarded: None,
            coming: None,
            told: false,
            retired: Vec::new(),
            approved: Vec::new(),
            backup_peers: Vec::new(),
        };
        let bytes = person.encode();
        assert_eq!(bytes[0], 0x8c, "an array of twelve");
        assert_eq!(Person::decode(&bytes).unwrap().approved, []);

        person.approve_from(1);
        person.approve_from(1);
        let approved = Person::decode(&person.encode()).unwrap().approved;
        assert_eq!(approved, [person.log.operations()[1].hash()]);
        person.backup_peers = vec!["https://peer.example".into()];
        assert_eq!(Person::decode(&person.encode()).unwrap().backup_peers, person.backup_peers);
    }
}
