//! The messenger: what one device of a person knows of others, what it sends them, and what
//! becomes of what comes.
//!
//! Roles: *people* are DIDs with devices; *contacts* are people who were invited or accepted;
//! *own devices* are other devices of the same person. Everything is said from device to
//! device, in a session of these two, or under a sender chain to all devices of a group's
//! members.
//!
//! Messages: see `content`. What people say is sealed for each device of whoever it is for, and
//! as a copy for each of one's own.
//!
//! Flow: one device invites, another answers with a first message. Then each tells the other
//! its *cards*, invitations for many by which it and its person's other devices can be reached,
//! so that these come to sessions without being introduced again, and so that members of a
//! group reach each other. A message is *written* when it is kept here, *delivered* when a
//! device of the other side says so, *read* when its person has seen it.
//!
//! How a shell uses it: it [loads](Messenger::load) the records; calls; makes what
//! [changes](Messenger::changes) gives durable, as one; and only then gives
//! [what is to leave](Messenger::outgoing) to those who carry it, saying when it has
//! [left](Messenger::has_left), and tells carriers the tokens of what came.
//!
//! What this never does: it never answers strangers before its person does; never takes a
//! device that its person's log does not have, or a log that contradicts the one it knows;
//! never lets a message leave whose keys are not durable; never says that something arrived
//! before it is kept.

mod cards;
mod content;
mod file;
mod group;
mod invite;
mod person;
mod receive;
mod record;
mod send;
mod tags;
#[cfg(test)]
mod tests;
mod vouch;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_crypto::SecretBytes;
use allod_did::Did;
use allod_wire::Instant;

use crate::CourierError;
use crate::bundle::Bundle;
use crate::contact::{InvitationId, Own};
use crate::group::GroupId;
use crate::ratchet::Tag;
pub use content::{Body, FILE_NAME_MAX, MessageId, Reached, TEXT_MAX, Whom};
pub use file::{CHUNKS_MAX, LIST_MAX, Reference};
pub use group::GroupView;
pub use invite::NAME_MAX;
pub use person::{Person, Standing};
pub use receive::{News, Part, Received};
pub use record::{Kept, RecordChange, reached_name, reached_of};
pub use send::Sending;
pub use vouch::Dealt;

use group::{Group, Listeners};
use invite::Given;
use receive::ComingFile;
use record::Name;

/// The most devices of one person that are written to.
pub const DEVICES_MAX: usize = 64;

/// The most people who are known, members of groups with them.
pub const PEOPLE_MAX: usize = 10_000;

/// For how long keys of messages that are late are kept, in milliseconds: as long as any message
/// is carried.
const LATE_MS: u64 = 366 * 24 * 3600 * 1000;

/// One device's messages, sessions, contacts and groups.
#[derive(Clone, Debug)]
pub struct Messenger {
    own: Own,
    people: BTreeMap<Did, Person>,
    given: BTreeMap<InvitationId, Given>,
    groups: BTreeMap<GroupId, Group>,
    listeners: BTreeMap<(GroupId, [u8; 32]), Listeners>,
    coming: BTreeMap<(Did, MessageId), ComingFile>,
    pieces: BTreeMap<Did, SecretBytes>,
    dealt: Option<Dealt>,
    outgoing: BTreeMap<u64, Bundle>,
    /// Messages of others that they are to be told have come.
    owed: BTreeMap<Did, Vec<MessageId>>,
    dirty: BTreeSet<Name>,
    written: Vec<RecordChange>,
    /// This person's log is another one than was kept.
    is_log_new: bool,
}

impl Messenger {
    /// From what was kept; nothing at first. Records of other kinds are passed over.
    ///
    /// # Errors
    /// [`CourierError::Malformed`] and others where a record is not what was kept.
    pub fn load<'a>(
        own: Own,
        records: impl IntoIterator<Item = (&'a [u8], &'a SecretBytes)>,
    ) -> Result<Self, CourierError> {
        let mut messenger = Self {
            own,
            people: BTreeMap::new(),
            given: BTreeMap::new(),
            groups: BTreeMap::new(),
            listeners: BTreeMap::new(),
            coming: BTreeMap::new(),
            pieces: BTreeMap::new(),
            dealt: None,
            outgoing: BTreeMap::new(),
            owed: BTreeMap::new(),
            dirty: BTreeSet::new(),
            written: Vec::new(),
            is_log_new: false,
        };
        let (mut devices, mut changes) = (Vec::new(), Vec::new());
        for (name, record) in records {
            match Name::decode(name) {
                Some(Name::Person(did)) => {
                    messenger.people.insert(did, Person::load(record)?);
                }
                Some(Name::Device(did, key)) => devices.push((did, key, person::Peer::load(record)?)),
                Some(Name::Invitation(id)) => {
                    messenger.given.insert(InvitationId(id), Given::load(record)?);
                }
                Some(Name::Group(group)) => {
                    messenger.groups.insert(group, Group::load(record)?);
                }
                Some(Name::Change(group, _)) => changes.push((group, record)),
                Some(Name::Listeners(group, key)) => {
                    messenger.listeners.insert((group, key), Listeners::load(record)?);
                }
                Some(Name::Coming(did, id)) => {
                    messenger.coming.insert((did, id), ComingFile::load(record)?);
                }
                Some(Name::Piece(did)) => drop(messenger.pieces.insert(did, record.clone())),
                Some(Name::Dealt) => messenger.dealt = Some(Dealt::load(record)?),
                Some(Name::Outgoing(number)) => {
                    let bundle = Bundle::from_compact(record.expose());
                    messenger.outgoing.insert(number, bundle.map_err(|_| CourierError::Malformed)?);
                }
                None => {}
            }
        }
        for (did, key, device) in devices {
            if let Some(person) = messenger.people.get_mut(&did) {
                person.devices.insert(key, device);
            }
        }
        let mut of_groups: BTreeMap<GroupId, Vec<_>> = BTreeMap::new();
        for (group, record) in changes {
            of_groups.entry(group).or_default().push(record);
        }
        for (id, records) in of_groups {
            if let Some(group) = messenger.groups.get_mut(&id) {
                group.load_changes(&records, &messenger.people)?;
            }
        }
        messenger.know_oneself();
        Ok(messenger)
    }

    /// This device.
    pub fn own(&self) -> &Own {
        &self.own
    }

    /// The person whose device this is.
    pub fn did(&self) -> Did {
        self.own.identity().did()
    }

    /// People who are known here, with this device's own person for its other devices.
    pub fn people(&self) -> impl Iterator<Item = (&Did, &Person)> {
        self.people.iter()
    }

    /// Somebody who is known here.
    pub fn person(&self, did: &Did) -> Option<&Person> {
        self.people.get(did)
    }

    /// Whether a message with this tag is for this device, as far as it knows.
    pub fn wants(&self, tag: &Tag) -> bool {
        self.whose(tag).is_some()
    }

    /// Tags of messages for this device that may come soonest, for links on which one has to ask: so
    /// many of each session and each member of a group, and those of answers to invitations. The
    /// session that was used last with each device is first. Parts of files are not among them.
    pub fn expected_next(&self, each: usize) -> impl Iterator<Item = Tag> + '_ {
        let devices = || self.people.values().flat_map(|person| person.devices.values());
        let used = devices().filter_map(|device| device.sessions.first());
        let others = devices().flat_map(|device| device.sessions.iter().skip(1));
        let invitations = self.given.keys().map(InvitationId::tag);
        let groups = self.listeners.values().flat_map(move |listeners| listeners.expected_next(each));
        let of = move |session: &'_ person::Session| session.ratchet.expected_next(each).collect::<Vec<_>>();
        used.flat_map(of).chain(invitations).chain(groups).chain(others.flat_map(of))
    }

    /// What is to be made durable, as one, before anything leaves: records that are set, or
    /// erased where they are nothing. Nothing of it is given a second time.
    pub fn changes(&mut self) -> Vec<RecordChange> {
        let mut changes = core::mem::take(&mut self.written);
        for name in core::mem::take(&mut self.dirty) {
            changes.push((name.encode(), self.record(&name)));
        }
        changes
    }

    /// Bundles that are to leave, each with its number, once what
    /// [changed](Messenger::changes) is durable.
    pub fn outgoing(&self) -> impl Iterator<Item = (u64, &Bundle)> {
        self.outgoing.iter().map(|(number, bundle)| (*number, bundle))
    }

    /// These bundles are kept by those who carry them.
    pub fn has_left(&mut self, numbers: &[u64]) {
        for number in numbers {
            if self.outgoing.remove(number).is_some() {
                self.dirty.insert(Name::Outgoing(*number));
            }
        }
    }

    /// Forgets keys of messages that are late for too long, and invitations that have expired.
    pub fn forget(&mut self, now: Instant) {
        let before = Instant(now.0.saturating_sub(LATE_MS));
        for person in self.people.values_mut() {
            person
                .devices
                .values_mut()
                .flat_map(|device| &mut device.sessions)
                .for_each(|session| session.forget(before));
        }
        for (key, listeners) in &mut self.listeners {
            if listeners.forget(before) {
                self.dirty.insert(Name::Listeners(key.0, key.1));
            }
        }
        let over: Vec<InvitationId> =
            self.given.iter().filter(|(_, given)| given.is_over(now)).map(|(id, _)| *id).collect();
        for id in over {
            self.given.remove(&id);
            self.dirty.insert(Name::Invitation(id.0));
        }
    }

    fn record(&self, name: &Name) -> Option<SecretBytes> {
        match name {
            Name::Person(did) => self.people.get(did).map(Person::store),
            Name::Device(did, key) => {
                self.people.get(did).and_then(|person| person.devices.get(key)).map(person::Peer::store)
            }
            Name::Invitation(id) => self.given.get(&InvitationId(*id)).map(Given::store),
            Name::Group(group) => self.groups.get(group).map(Group::store),
            Name::Change(group, change) => {
                self.groups.get(group).and_then(|group| group.store_change(change))
            }
            Name::Listeners(group, key) => self.listeners.get(&(*group, *key)).map(Listeners::store),
            Name::Coming(did, id) => self.coming.get(&(*did, *id)).map(ComingFile::store),
            Name::Piece(did) => self.pieces.get(did).cloned(),
            Name::Dealt => self.dealt.as_ref().map(Dealt::store),
            Name::Outgoing(number) => {
                self.outgoing.get(number).map(|bundle| SecretBytes::from(bundle.to_compact()))
            }
        }
    }
}
