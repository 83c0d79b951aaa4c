//! Receiving: whose a bundle is, and what becomes of what it says.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::OnceCell;

use allod_crypto::{CryptoRng, SecretBytes};
use allod_did::Did;
use allod_wire::Instant;

use super::content::{Content, Said};
use super::file::{Coming, Reference};
use super::person::{SESSIONS_MAX, Standing};
use super::record::{Name, reached_at};
use super::send::REACHED_MAX;
use super::{Body, Kept, MessageId, Messenger, Reached, Whom, reached_name};
use crate::CourierError;
use crate::bundle::{Bundle, unpad};
use crate::contact::InvitationId;
use crate::group::GroupId;
use crate::ratchet::{Tag, Token};

/// The most files that one person can have coming here, and all together.
const COMING_MAX: usize = 64;
const ALL_COMING_MAX: usize = 512;

/// Of one file, so many parts are awaited at a time.
const AWAITED_MAX: usize = 4096;

/// The most messages of somebody who asks and was not admitted.
const ASKED_MAX: u32 = 32;

/// How far ahead of the clock here a message may say that it was written, in milliseconds.
const AHEAD_MAX: u64 = 24 * 3600 * 1000;

/// What became of a bundle.
#[derive(Debug, Default)]
pub struct Received {
    /// What tells carriers that it arrived, once what changed is durable.
    pub token: Option<Token>,
    /// What people may want to know.
    pub news: Vec<News>,
    /// It was a part of a file.
    pub part: Option<Part>,
}

/// A part of a file that is coming. It is said to be [here](Messenger::part_is_here) once it was
/// opened and is durable.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Who sent the file.
    pub from: Did,
    /// In which message.
    pub id: MessageId,
    /// Which part it is.
    pub number: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What people may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Somebody came to be known.
    Met {
        /// Who.
        did: Did,
        /// As what.
        standing: Standing,
    },
    /// A message came.
    Came(Kept),
    /// Another device of one's own sent a message.
    Sent(Kept),
    /// A message of one's own has come so far at somebody.
    Reached {
        /// Which one.
        id: MessageId,
        /// At whom.
        by: Did,
        /// How far.
        reached: Reached,
    },
    /// Who belongs to a group, or its name, changed.
    Group {
        /// Which one.
        group: GroupId,
        /// Who came in.
        joined: Vec<Did>,
        /// Who is out.
        left: Vec<Did>,
    },
    /// Somebody gave a piece of what stands in for their card, to be kept for them.
    Piece {
        /// Who.
        from: Did,
    },
    /// Somebody shows a log that contradicts the one that is known: another has their root, or
    /// they have two devices that do not know of each other. Nothing of it was taken.
    Fork {
        /// Who.
        did: Did,
    },
    /// A device sent what this version does not understand.
    Unreadable {
        /// Whose.
        from: Did,
    },
}

/// Whose a message is.
pub(super) enum Whose {
    Session { did: Did, key: [u8; 32], at: usize },
    Invitation(InvitationId),
    Group { group: GroupId, key: [u8; 32], at: usize },
    Part { from: Did, id: MessageId, number: u32 },
}

/// A file of which parts are coming, and the tags of these, once they are asked for.
#[derive(Clone, Debug)]
pub(super) struct ComingFile {
    coming: Coming,
    tags: OnceCell<BTreeMap<Tag, u32>>,
}

impl ComingFile {
    fn new(reference: Reference) -> Self {
        Self { coming: Coming::new(reference), tags: OnceCell::new() }
    }

    fn expecting(&self, tag: &Tag) -> Option<u32> {
        let reference = &self.coming.reference;
        let next = || self.coming.missing().take(AWAITED_MAX);
        let tags = || next().map(|part| (reference.tag(part), part)).collect();
        self.tags.get_or_init(tags).get(tag).copied()
    }

    pub(super) fn store(&self) -> SecretBytes {
        SecretBytes::from(allod_wire::encode(&self.coming))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let coming: Coming = allod_wire::decode(bytes.expose()).map_err(|_| CourierError::Malformed)?;
        match coming.is_sound() {
            true => Ok(Self { coming, tags: OnceCell::new() }),
            false => Err(CourierError::Malformed),
        }
    }
}

impl Messenger {
    /// Whose a message with this tag is.
    pub(super) fn whose(&self, tag: &Tag) -> Option<Whose> {
        for (did, person) in &self.people {
            for (key, device) in &person.devices {
                if let Some(at) = device.expecting(tag) {
                    return Some(Whose::Session { did: *did, key: *key, at });
                }
            }
        }
        if let Some(id) = self.given.keys().find(|id| id.tag() == *tag) {
            return Some(Whose::Invitation(*id));
        }
        for ((group, key), listeners) in &self.listeners {
            // What comes before it is known that its author belongs to the group waits until it is.
            if !self.groups.get(group).is_some_and(|group| group.had(&listeners.did())) {
                continue;
            }
            if let Some(at) = listeners.expecting(tag) {
                return Some(Whose::Group { group: *group, key: *key, at });
            }
        }
        let part = |((from, id), coming): (&(Did, MessageId), &ComingFile)| {
            coming.expecting(tag).map(|number| Whose::Part { from: *from, id: *id, number })
        };
        self.coming.iter().find_map(part)
    }

    /// Takes a whole bundle. Where it is refused, nothing changed, and another bundle with the
    /// same tag may still be right.
    ///
    /// # Errors
    /// [`CourierError::NotExpected`], [`CourierError::Forged`], [`CourierError::Malformed`], and
    /// those of a greeting.
    pub fn receive(
        &mut self,
        bundle: &Bundle,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Received, CourierError> {
        let message = bundle.message().ok_or(CourierError::Malformed)?;
        match self.whose(&bundle.tag).ok_or(CourierError::NotExpected)? {
            Whose::Invitation(id) => self.greeted(id, bundle, now, rng),
            Whose::Part { from, id, number } => {
                let part = Part { from, id, number, bytes: bundle.payload.clone() };
                Ok(Received { part: Some(part), ..Received::default() })
            }
            Whose::Session { did, key, at } => {
                let device = self.people.get_mut(&did).and_then(|person| person.devices.get_mut(&key));
                let device = device.ok_or(CourierError::NotExpected)?;
                let session = device.sessions.get_mut(at).ok_or(CourierError::NotExpected)?;
                let opened = session.open(&message, now)?;
                // Both may have begun one; the one that is in use stays.
                device.sessions[..=at].rotate_right(1);
                device.sessions.truncate(SESSIONS_MAX);
                self.dirty.insert(Name::Device(did, key));
                let mut received = Received { token: Some(opened.token), ..Received::default() };
                match unpad(opened.plain.expose()).and_then(|plain| allod_wire::decode(plain).ok()) {
                    Some(content) => self.handle((did, key), content, now, rng, &mut received),
                    None => received.news.push(News::Unreadable { from: did }),
                }
                // It is read, whether they can be told or not.
                let _ = self.tell(did, key, now, rng);
                Ok(received)
            }
            Whose::Group { group, key, at } => {
                let listeners = self.listeners.get_mut(&(group, key)).ok_or(CourierError::NotExpected)?;
                let plain = listeners.open(at, &message, now)?;
                let did = listeners.did();
                self.dirty.insert(Name::Listeners(group, key));
                let mut received = Received::default();
                match unpad(plain.expose()).and_then(|plain| allod_wire::decode(plain).ok()) {
                    Some(Content::Said(said)) => self.said_in_group(group, did, said, now, &mut received),
                    _ => received.news.push(News::Unreadable { from: did }),
                }
                Ok(received)
            }
        }
    }

    /// A part of a file is here for good. What tells carriers so.
    pub fn part_is_here(&mut self, part: &Part) -> Option<Token> {
        let key = (part.from, part.id);
        let file = self.coming.get_mut(&key)?;
        file.coming.set(part.number);
        let awaits_more = file.tags.get_mut().is_some_and(|tags| {
            tags.remove(&file.coming.reference.tag(part.number));
            !tags.is_empty()
        });
        if !awaits_more {
            file.tags.take();
        }
        let token = file.coming.reference.token(part.number);
        let is_whole = file.coming.missing().next().is_none();
        if is_whole {
            self.coming.remove(&key);
        }
        self.dirty.insert(Name::Coming(part.from, part.id));
        token
    }

    /// Files of which parts are still to come: who sent each, in which message, and how many
    /// parts are missing of how many.
    pub fn files_coming(&self) -> impl Iterator<Item = (Did, MessageId, u32, u32)> + '_ {
        self.coming.iter().map(|((did, id), file)| {
            let missing = file.coming.missing().count() as u32;
            (*did, *id, missing, file.coming.reference.parts())
        })
    }

    /// What opens a file of which parts are still to come.
    pub fn reference(&self, from: &Did, id: &MessageId) -> Option<&Reference> {
        self.coming.get(&(*from, *id)).map(|file| &file.coming.reference)
    }

    /// Waits no longer for the parts of a file. Whether some were missing.
    pub fn give_up_file(&mut self, from: &Did, id: &MessageId) -> bool {
        self.dirty.insert(Name::Coming(*from, *id));
        self.coming.remove(&(*from, *id)).is_some()
    }

    /// What a device said in a session. It is authentic; that it is sensible is looked at here.
    pub(super) fn handle(
        &mut self,
        (did, key): (Did, [u8; 32]),
        content: Content,
        now: Instant,
        rng: &mut impl CryptoRng,
        received: &mut Received,
    ) {
        let is_own = did == self.did();
        let Some(standing) = self.people.get(&did).map(|person| person.standing) else { return };
        let is_trusted = is_own || standing == Standing::Contact;
        let done = match content {
            _ if standing == Standing::Blocked => Ok(()),
            Content::Said(said) => {
                self.said(did, said, standing, now, received);
                Ok(())
            }
            Content::Reached(..) if standing == Standing::Asking && !self.shares_group(&did) => Ok(()),
            Content::Reached(reached, ids) => {
                for id in ids.into_iter().take(REACHED_MAX) {
                    self.written.push((reached_name(id, &did, reached), Some(reached_at(now))));
                    received.news.push(News::Reached { id, by: did, reached });
                }
                Ok(())
            }
            Content::Cards(cards) => self.take_cards(did, &cards, now, rng),
            Content::Group { group, changes, cards } => {
                self.take_changes((did, key), group, &changes, &cards, now, rng, received)
            }
            Content::GroupKey(group, sender) => {
                self.take_group_key((did, key), group, sender);
                Ok(())
            }
            Content::GroupMissing(group, ids) => self.give_changes((did, key), group, &ids, now, rng),
            Content::Copy(to, said) if is_own => {
                if said.body.is_sound() {
                    let at = said.at().instant();
                    let kept = Kept::new(said.id, (did, to), (at, now), said.body);
                    self.written.push(kept.change());
                    received.news.push(News::Sent(kept));
                }
                Ok(())
            }
            Content::People(known) if is_own => self.take_people(known),
            Content::Piece(piece) if is_trusted => {
                let is_new = self.take_piece(did, &SecretBytes::from(piece.to_vec()));
                is_new.map(|is_new| received.news.extend(is_new.then_some(News::Piece { from: did })))
            }
            Content::Copy(..) | Content::People(_) | Content::Piece(_) => Err(CourierError::Malformed),
        };
        match done {
            Ok(()) => {}
            Err(CourierError::Fork(did)) => received.news.push(News::Fork { did }),
            Err(CourierError::Malformed) => received.news.push(News::Unreadable { from: did }),
            // Somebody who is out of a group, or asks for too much: nothing of it was taken.
            Err(_) => {}
        }
    }

    fn said(&mut self, from: Did, said: Said, standing: Standing, now: Instant, received: &mut Received) {
        // A member of a common group who writes to oneself asks, too.
        if matches!(standing, Standing::Asking | Standing::Known) {
            let Some(person) = self.people.get_mut(&from) else { return };
            person.standing = Standing::Asking;
            person.asked = person.asked.saturating_add(1);
            if person.asked > ASKED_MAX {
                return;
            }
            self.dirty.insert(Name::Person(from));
        }
        let to = Whom::Person(self.did());
        if self.keep(from, to, said, false, now, received) && standing == Standing::Contact {
            self.owe(from, received);
        }
    }

    fn said_in_group(
        &mut self,
        group: GroupId,
        from: Did,
        said: Said,
        now: Instant,
        received: &mut Received,
    ) {
        let is_member = self.groups.get(&group).is_some_and(|known| known.has(&from));
        let is_blocked = self.people.get(&from).is_some_and(|person| person.standing == Standing::Blocked);
        if is_blocked || !self.keep(from, Whom::Group(group), said, !is_member, now, received) {
            return;
        }
        let is_small = self.groups.get(&group).is_some_and(super::group::Group::is_small);
        // Whoever is out is told nothing, and one's own devices know.
        if is_member && is_small && from != self.did() {
            self.owe(from, received);
        }
    }

    /// The author of what just came is to be told.
    fn owe(&mut self, from: Did, received: &Received) {
        if let Some(News::Came(kept)) = received.news.last() {
            self.owed.entry(from).or_default().push(kept.id);
        }
    }

    /// Keeps a message. Whether it is one.
    fn keep(
        &mut self,
        from: Did,
        to: Whom,
        said: Said,
        is_from_outside: bool,
        now: Instant,
        received: &mut Received,
    ) -> bool {
        if !said.body.is_sound() {
            received.news.push(News::Unreadable { from });
            return false;
        }
        let latest = Instant(now.0.saturating_add(AHEAD_MAX));
        let at = said.at().instant().min(latest);
        let is_asking = self.people.get(&from).is_some_and(|person| person.standing == Standing::Asking);
        if let Body::File { reference, .. } = &said.body {
            let of_them = self.coming.range((from, MessageId([0; 8]))..=(from, MessageId([255; 8]))).count();
            let has_room = of_them < COMING_MAX && self.coming.len() < ALL_COMING_MAX;
            // Nobody has another file come in the place of one, or any before they are admitted.
            if has_room && !is_asking && !self.coming.contains_key(&(from, said.id)) {
                self.coming.insert((from, said.id), ComingFile::new(reference.clone()));
                self.dirty.insert(Name::Coming(from, said.id));
            }
        }
        let mut kept = Kept::new(said.id, (from, to), (at, now), said.body);
        kept.is_from_outside = is_from_outside;
        self.written.push(kept.change());
        if from != self.did() {
            self.written.push((kept.unread_name(), Some(SecretBytes::from(Vec::new()))));
        }
        received.news.push(if from == self.did() { News::Sent(kept) } else { News::Came(kept) });
        true
    }
}
