//! Somebody who is known here, with their devices and the sessions with these.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::SecretBytes;
use allod_crypto::sign::VerifyingKey;
use allod_did::{Log, PublicKey};
use allod_wire::{Instant, Wire};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::tags::Tags;
use crate::CourierError;
use crate::contact::{INVITATION_MAX, Invitation, LOG_MAX};
use crate::ratchet::{Opened, Ratchet, STORED_MAX, Tag};

/// The most sessions with one device. The one that was used last is used next.
pub(super) const SESSIONS_MAX: usize = 4;

/// What somebody is to this device's person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// Somebody who was invited or accepted.
    #[n(0)]
    Contact,
    /// Somebody who wrote and was not answered yet. They are told nothing, not even that it came.
    #[n(1)]
    Asking,
    /// A member of a group.
    #[n(2)]
    Known,
    /// What they write is dropped.
    #[n(3)]
    Blocked,
}

/// Somebody who is known here.
#[derive(Clone, Debug)]
pub struct Person {
    pub(super) log: Log,
    pub(super) name: String,
    pub(super) standing: Standing,
    pub(super) is_verified: bool,
    pub(super) devices: BTreeMap<[u8; 32], Peer>,
    /// Messages that came before they were admitted.
    pub(super) asked: u32,
}

#[derive(Encode, Decode)]
struct StoredPerson {
    #[n(0)]
    version: u8,
    #[n(1)]
    log: ByteVec,
    #[n(2)]
    name: String,
    #[n(3)]
    standing: Standing,
    #[n(4)]
    is_verified: bool,
    #[n(5)]
    asked: u32,
}

impl Wire for StoredPerson {
    const SIZE_MAX: usize = LOG_MAX + 1024;
}

const VERSION: u8 = 1;

impl Person {
    pub(super) fn new(log: Log, name: String, standing: Standing) -> Self {
        Self { log, name, standing, is_verified: false, devices: BTreeMap::new(), asked: 0 }
    }

    /// What this person is called here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their log, as far as it is known.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What they are to this device's person.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the safety number was compared.
    pub fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Devices that can be written to.
    pub fn devices(&self) -> usize {
        self.reachable().count()
    }

    /// Whether one of their devices answered yet.
    pub fn has_answered(&self) -> bool {
        self.devices
            .values()
            .flat_map(|device| &device.sessions)
            .any(|session| session.ratchet.unanswered() == 0)
    }

    /// Keys of devices that belong to the person and can be written to.
    pub(super) fn reachable(&self) -> impl Iterator<Item = [u8; 32]> + '_ {
        let can = |(key, device): &(&[u8; 32], &Peer)| {
            self.has(key) && (!device.sessions.is_empty() || device.card.is_some())
        };
        self.devices.iter().filter(can).map(|(key, _)| *key)
    }

    /// Whether the log has a device now.
    pub(super) fn has(&self, key: &[u8; 32]) -> bool {
        self.log.state().device(&id_of(key)).is_some()
    }

    /// Whether the log has a device, or had it once.
    pub(super) fn had(&self, key: &[u8; 32]) -> bool {
        self.has(key) || self.log.state().removed().contains(&id_of(key))
    }

    /// Cards of devices that belong to the person.
    pub(super) fn cards(&self) -> impl Iterator<Item = ByteVec> + '_ {
        let current = self.devices.iter().filter(|(key, _)| self.has(key));
        current.filter_map(|(_, device)| device.card.as_ref()).map(|card| ByteVec::from(card.encode()))
    }

    pub(super) fn store(&self) -> SecretBytes {
        SecretBytes::from(allod_wire::encode(&StoredPerson {
            version: VERSION,
            log: self.log.encode().into(),
            name: self.name.clone(),
            standing: self.standing,
            is_verified: self.is_verified,
            asked: self.asked,
        }))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let stored: StoredPerson = allod_wire::decode(bytes.expose()).map_err(|_| CourierError::Malformed)?;
        if stored.version != VERSION {
            return Err(CourierError::Malformed);
        }
        let log = Log::decode(&stored.log).map_err(CourierError::Log)?;
        let mut person = Self::new(log, stored.name, stored.standing);
        (person.is_verified, person.asked) = (stored.is_verified, stored.asked);
        Ok(person)
    }
}

fn id_of(key: &[u8; 32]) -> allod_did::DeviceId {
    PublicKey::Ed25519(VerifyingKey(*key)).device_id()
}

/// A device of somebody.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    /// By what it can be reached where there is no session.
    pub(super) card: Option<Invitation>,
    /// The one that was used last comes first.
    pub(super) sessions: Vec<Session>,
    /// Which edition of this person's own cards it was given; 0 is none.
    pub(super) told: u32,
}

#[derive(Encode, Decode)]
struct StoredPeer {
    #[n(0)]
    version: u8,
    #[n(1)]
    card: Option<ByteVec>,
    #[n(2)]
    sessions: Vec<Ratchet>,
    #[n(3)]
    told: u32,
}

impl Wire for StoredPeer {
    const SIZE_MAX: usize = INVITATION_MAX + SESSIONS_MAX * STORED_MAX + 64;
}

impl Peer {
    /// Takes a session, as the one to be used next.
    pub(super) fn add(&mut self, ratchet: Ratchet) {
        self.sessions.insert(0, Session::new(ratchet));
        self.sessions.truncate(SESSIONS_MAX);
    }

    /// The session that expects a message.
    pub(super) fn expecting(&self, tag: &Tag) -> Option<usize> {
        self.sessions.iter().position(|session| session.expects(tag))
    }

    pub(super) fn store(&self) -> SecretBytes {
        SecretBytes::from(allod_wire::encode(&StoredPeer {
            version: VERSION,
            card: self.card.as_ref().map(|card| card.encode().into()),
            sessions: self.sessions.iter().map(|session| session.ratchet.clone()).collect(),
            told: self.told,
        }))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let stored: StoredPeer = allod_wire::decode(bytes.expose()).map_err(|_| CourierError::Malformed)?;
        if stored.version != VERSION || !stored.sessions.iter().all(Ratchet::is_sound) {
            return Err(CourierError::Malformed);
        }
        let card = stored.card.map(|card| Invitation::decode(&card)).transpose()?;
        let sessions = stored.sessions.into_iter().map(Session::new).collect();
        Ok(Self { card, sessions, told: stored.told })
    }
}

/// A session, and the tags that it expects.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) ratchet: Ratchet,
    tags: Tags,
}

impl Session {
    fn new(ratchet: Ratchet) -> Self {
        Self { ratchet, tags: Tags::default() }
    }

    pub(super) fn expects(&self, tag: &Tag) -> bool {
        self.tags.have(tag, || self.ratchet.expected())
    }

    pub(super) fn open(&mut self, message: &[u8], now: Instant) -> Result<Opened, CourierError> {
        let opened = self.ratchet.open(message, now)?;
        // A chain that goes on expects the same as before, but for this one.
        match opened.is_turn {
            true => self.tags.change(),
            false => self.tags.remove(&opened.token.tag()),
        }
        Ok(opened)
    }

    pub(super) fn forget(&mut self, before: Instant) {
        self.ratchet.forget(before);
        self.tags.change();
    }
}
