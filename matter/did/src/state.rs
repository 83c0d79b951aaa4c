//! What an identity's log adds up to, and the rules by which it grows.

use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::ConstantTimeEq;
use allod_wire::Instant;
use allod_wire::limits::DID_LOG_MAX;

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
    pub(crate) fn found(operation: &Operation) -> Result<Self, Error> {
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

    /// Takes the next operation in, or leaves the state as it was.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<(), Error> {
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
