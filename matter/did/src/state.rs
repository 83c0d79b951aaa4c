//! What an identity's log adds up to, and the rules by which it grows.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::ConstantTimeEq;
use allod_wire::limits::DID_LOG_MAX;
use allod_wire::{Instant, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::encoding::{Stop, expect_array, read_many};
use crate::operation::{Content, Link};
use crate::{Device, DeviceId, Did, Error, Kind, Operation, OperationHash, PublicKey, Root};

/// The identity as of the last operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    did: Did,
    root: PublicKey,
    retired: Vec<PublicKey>,
    devices: Vec<Device>,
    removed: Vec<DeviceId>,
    sequence: u32,
    head: OperationHash,
    at: Instant,
}

impl State {
    /// The identity's name.
    pub fn did(&self) -> Did {
        self.did
    }

    /// The current root key.
    pub fn root(&self) -> &PublicKey {
        &self.root
    }

    /// The root keys before the current one, oldest first.
    pub fn retired_roots(&self) -> &[PublicKey] {
        &self.retired
    }

    /// The devices that may act for the identity, in the order they were added.
    /// There may be none: the root remains.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The active device with this id.
    pub fn device(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.iter().find(|device| device.id() == *id)
    }

    /// The devices that were removed, in that order.
    pub fn removed(&self) -> &[DeviceId] {
        &self.removed
    }

    /// The last operation's place.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The last operation's hash.
    pub fn head(&self) -> OperationHash {
        self.head
    }

    /// When the last operation was signed. The next may not be older.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether `root` owns the current root key. Compared in constant time.
    pub fn is_root_of(&self, root: &Root) -> bool {
        let key = root.public_key();
        key.code() == self.root.code() && key.as_bytes().ct_eq(self.root.as_bytes()).into()
    }

    /// The content of the operation that would come next.
    pub(crate) fn next(&self, kind: Kind, now: Instant) -> Content {
        Content {
            sequence: self.sequence.saturating_add(1),
            at: now,
            link: Some(Link { did: self.did, previous: self.head }),
            kind,
        }
    }

    /// What a genesis founds.
    ///
    /// # Errors
    /// What is wrong with the genesis, its signature included.
    pub fn found(operation: &Operation) -> Result<Self, Error> {
        let content = &operation.content;
        let sequence = content.sequence;
        if sequence != 0 {
            return Err(Error::WrongSequence { sequence, expected: 0 });
        }
        let (Kind::Genesis { root, device }, None) = (&content.kind, content.link) else {
            return Err(Error::MisplacedGenesis { sequence });
        };
        check_signatures(operation, root)?;
        check_signing(root, sequence)?;
        check_signing(device.key(), sequence)?;
        if device.key() == root {
            return Err(Error::KeyReused { sequence });
        }
        Ok(Self {
            did: content.did(),
            root: *root,
            retired: Vec::new(),
            devices: vec![device.clone()],
            removed: Vec::new(),
            sequence,
            head: content.hash(),
            at: content.at,
        })
    }

    /// Takes the next operation in, or leaves the state as it was. For whoever
    /// keeps only what a log adds up to; who keeps the log uses [`crate::Log`].
    ///
    /// # Errors
    /// What is wrong with the operation, or why it may not come next.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), Error> {
        let content = &operation.content;
        let sequence = content.sequence;
        let Some(link) = content.link else {
            return Err(Error::MisplacedGenesis { sequence });
        };
        if link.did != self.did {
            return Err(Error::OtherDid { sequence });
        }
        let expected = self.sequence.saturating_add(1);
        if sequence != expected {
            return Err(Error::WrongSequence { sequence, expected });
        }
        if sequence as usize >= DID_LOG_MAX {
            return Err(Error::LogFull { sequence });
        }
        if link.previous != self.head {
            return Err(Error::WrongPrevious { sequence });
        }
        if content.at < self.at {
            return Err(Error::TimeBackwards { sequence });
        }
        check_signatures(operation, &self.root)?;
        match &content.kind {
            Kind::Genesis { .. } => return Err(Error::MisplacedGenesis { sequence }),
            Kind::AddDevice { device } => self.add(device, sequence)?,
            Kind::RemoveDevice { id } => self.remove(id, sequence)?,
            Kind::RotateRoot { root } => self.rotate(root, sequence)?,
        }
        self.sequence = sequence;
        self.head = content.hash();
        self.at = content.at;
        Ok(())
    }

    fn add(&mut self, device: &Device, sequence: u32) -> Result<(), Error> {
        check_signing(device.key(), sequence)?;
        if self.was_root(device.key()) {
            return Err(Error::KeyReused { sequence });
        }
        let id = device.id();
        if self.device(&id).is_some() {
            return Err(Error::DevicePresent { sequence });
        }
        if self.removed.contains(&id) {
            return Err(Error::DeviceRemoved { sequence });
        }
        self.devices.push(device.clone());
        Ok(())
    }

    fn remove(&mut self, id: &DeviceId, sequence: u32) -> Result<(), Error> {
        if self.removed.contains(id) {
            return Err(Error::DeviceRemoved { sequence });
        }
        if self.device(id).is_none() {
            return Err(Error::DeviceAbsent { sequence });
        }
        self.devices.retain(|device| device.id() != *id);
        self.removed.push(*id);
        Ok(())
    }

    fn rotate(&mut self, root: &PublicKey, sequence: u32) -> Result<(), Error> {
        check_signing(root, sequence)?;
        let id = root.device_id();
        if self.was_root(root) || self.device(&id).is_some() || self.removed.contains(&id) {
            return Err(Error::KeyReused { sequence });
        }
        self.retired.push(self.root);
        self.root = *root;
        Ok(())
    }

    fn was_root(&self, key: &PublicKey) -> bool {
        self.root == *key || self.retired.contains(key)
    }
}

/// Checks that `root` signed, and the new root too where there is one.
fn check_signatures(operation: &Operation, root: &PublicKey) -> Result<(), Error> {
    let content = &operation.content;
    let sequence = content.sequence;
    root.verify(&content.message(), &operation.signature).map_err(|_| Error::BadSignature { sequence })?;
    match (&content.kind, &operation.possession) {
        (Kind::RotateRoot { root }, Some(signature)) => {
            check_signing(root, sequence)?;
            root.verify(&content.possession_message(), signature)
                .map_err(|_| Error::BadPossession { sequence })
        }
        (Kind::RotateRoot { .. }, None) | (_, Some(_)) => Err(Error::BadPossession { sequence }),
        (_, None) => Ok(()),
    }
}

fn check_signing(key: &PublicKey, sequence: u32) -> Result<(), Error> {
    if key.can_sign() { Ok(()) } else { Err(Error::NotASigningKey { sequence }) }
}

/// `[did, root, [retired, ..], [[key, name, added at], ..], [removed, ..], sequence, head, at]`:
/// the form in which a state is kept without its log. Reading it back checks
/// the form only; what it says is as good as the place it was kept in.
impl<C> Encode<C> for State {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(8)?.encode(self.did)?.encode(self.root)?;
        self.retired.encode(e, ctx)?;
        e.array(self.devices.len() as u64)?;
        for device in &self.devices {
            e.array(3)?.encode(device.key())?.str(device.name())?.encode(device.added_at())?;
        }
        self.removed.encode(e, ctx)?;
        e.u32(self.sequence)?.encode(self.head)?.encode(self.at)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for State {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self::read(d)?)
    }
}

impl State {
    fn read(d: &mut Decoder<'_>) -> Result<Self, Stop> {
        expect_array(d, 8)?;
        Ok(Self {
            did: d.decode()?,
            root: PublicKey::read(d)?,
            retired: read_many(d, PublicKey::read)?,
            devices: read_many(d, |d| {
                expect_array(d, 3)?;
                let key = PublicKey::read(d)?;
                let name = d.str()?;
                Ok(Device::new(key, name, d.decode()?)?)
            })?,
            removed: read_many(d, |d| Ok(d.decode()?))?,
            sequence: d.u32()?,
            head: d.decode()?,
            at: d.decode()?,
        })
    }
}

impl Wire for State {
    /// Every operation of a full log adds at most a device or a retired root,
    /// neither of which takes more than 160 bytes.
    const SIZE_MAX: usize = 256 + DID_LOG_MAX * 160;
}
