//! Coming to sessions: inviting, accepting, and whoever answers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use allod_crypto::{CryptoRng, Secret, SecretBytes};
use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::content::{Body, Content, Said};
use super::person::{Peer, Person, Standing};
use super::receive::{News, Received};
use super::record::Name;
use super::send::{Sending, plain_of};
use super::{DEVICES_MAX, MessageId, Messenger, PEOPLE_MAX};
use crate::CourierError;
use crate::bundle::{Bundle, Lifetime, unpad};
use crate::contact::{
    Greeted, GreetingId, INVITATION_MAX, Invitation, InvitationId, InvitationSecret, greet, welcome,
};

/// Greetings that one invitation for many takes.
const USED_MAX: usize = 4096;

/// The most people who ask to write and were not answered.
const ASKING_MAX: usize = 256;

/// The most bytes of what somebody is called.
pub const NAME_MAX: usize = 128;

/// An invitation that this device gave out.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) invitation: Invitation,
    secret: InvitationSecret,
    /// By which the device can be reached at any time: what its cards are.
    pub(super) is_card: bool,
    used: Vec<GreetingId>,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    invitation: ByteVec,
    #[cbor(n(2), with = "crate::secret")]
    secret: Secret<32>,
    #[n(3)]
    is_card: bool,
    #[cbor(n(4), with = "minicbor::bytes")]
    used: Vec<u8>,
}

impl Wire for Stored {
    const SIZE_MAX: usize = INVITATION_MAX + 128 + 32 * USED_MAX;
}

const VERSION: u8 = 1;

impl Given {
    pub(super) fn new(invitation: Invitation, secret: InvitationSecret, is_card: bool) -> Self {
        Self { invitation, secret, is_card, used: Vec::new() }
    }

    /// Whether nobody can answer it any more, also not by what was on its way when it expired.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.invitation.expires().0.saturating_add(Lifetime::MESSAGE.seconds() * 1000) < now.0
    }

    /// Whether so many can still answer that it is worth being handed out.
    pub(super) fn has_room(&self) -> bool {
        self.used.len() < USED_MAX / 4
    }

    pub(super) fn store(&self) -> SecretBytes {
        SecretBytes::from(allod_wire::encode(&Stored {
            version: VERSION,
            invitation: self.invitation.encode().into(),
            secret: Secret::from(*self.secret.expose()),
            is_card: self.is_card,
            used: self.used.iter().flat_map(|id| id.0).collect(),
        }))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let stored: Stored = allod_wire::decode(bytes.expose()).map_err(|_| CourierError::Malformed)?;
        let (used, rest) = stored.used.as_chunks::<32>();
        if stored.version != VERSION || !rest.is_empty() {
            return Err(CourierError::Malformed);
        }
        Ok(Self {
            invitation: Invitation::decode(&stored.invitation)?,
            secret: InvitationSecret::from_bytes(stored.secret),
            is_card: stored.is_card,
            used: used.iter().map(|id| GreetingId(*id)).collect(),
        })
    }
}

impl Messenger {
    /// Invites somebody, or as many as answer, until it expires. It is to be made durable before
    /// it is handed out.
    pub fn invite(&mut self, expires: Instant, is_for_one: bool, rng: &mut impl CryptoRng) -> Invitation {
        self.give(expires, is_for_one, false, rng)
    }

    /// Invitations that were given out and can still be answered, but for this device's card.
    pub fn invitations(&self) -> impl Iterator<Item = (InvitationId, &Invitation)> {
        let handed_out = self.given.iter().filter(|(_, given)| !given.is_card);
        handed_out.map(|(id, given)| (*id, &given.invitation))
    }

    /// Takes an invitation back: nobody can answer it any more. Whether there was one.
    pub fn withdraw(&mut self, id: &InvitationId) -> bool {
        self.dirty.insert(Name::Invitation(id.0));
        self.given.remove(id).is_some()
    }

    pub(super) fn give(
        &mut self,
        expires: Instant,
        is_for_one: bool,
        is_card: bool,
        rng: &mut impl CryptoRng,
    ) -> Invitation {
        let secret = InvitationSecret::random(rng);
        let invitation = Invitation::new(&self.own, &secret, expires, is_for_one);
        let id = invitation.id();
        self.given.insert(id, Given::new(invitation.clone(), secret, is_card));
        self.dirty.insert(Name::Invitation(id.0));
        invitation
    }

    /// Answers an invitation of somebody who is to be called `name`, with a first text or
    /// without one. Of this device's own person, it is another device of theirs.
    ///
    /// # Errors
    /// [`CourierError::Expired`], [`CourierError::Oneself`], [`CourierError::Fork`],
    /// [`CourierError::NotADevice`] of this person, [`CourierError::TooLarge`].
    pub fn accept(
        &mut self,
        invitation: &Invitation,
        name: &str,
        text: Option<&str>,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(Did, Option<MessageId>), CourierError> {
        let identity = invitation.identity();
        let (did, key) = (identity.did(), identity.key().0);
        if key == self.own.identity().key().0 {
            return Err(CourierError::Oneself);
        }
        let body = text.map(|text| Body::Text(text.to_string()));
        if name.len() > NAME_MAX || body.as_ref().is_some_and(|body| !body.is_sound()) {
            return Err(CourierError::TooLarge);
        }
        if now > invitation.expires() {
            return Err(CourierError::Expired);
        }
        // The text is in the greeting, which is all that has to get through a narrow link; cards
        // follow.
        let said = body.map(|body| Said::new(body, now, rng));
        let content = said.clone().map_or(Content::Cards(Vec::new()), Content::Said);
        let (ratchet, greeting) = greet(&self.own, invitation, &plain_of(&content), now, rng)?;
        self.meet(identity.log(), Some(name), Standing::Contact)?;
        let device = self.device_of(did, key).ok_or(CourierError::NotADevice(did))?;
        device.add(ratchet);
        if !invitation.is_for_one() {
            device.card = Some(invitation.clone());
        }
        self.dirty.insert(Name::Device(did, key));
        let bundle = self.dispatch(&greeting, Sending::default(), now, rng)?;
        let id = said.as_ref().map(|said| said.id);
        if let Some(said) = said {
            self.keep_own(super::Whom::Person(did), said, Vec::from([bundle]), Sending::default(), now, rng)?;
        }
        self.tell(did, key, now, rng)?;
        Ok((did, id))
    }

    /// Somebody answered an invitation of this device's.
    pub(super) fn greeted(
        &mut self,
        id: InvitationId,
        bundle: &Bundle,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Received, CourierError> {
        let message = bundle.message().ok_or(CourierError::Malformed)?;
        // It was answered in time, however long that was on its way.
        let answered = bundle.terms.created.instant().min(now);
        let given = self.given.get_mut(&id).ok_or(CourierError::NotExpected)?;
        let Greeted { id: greeting, identity, ratchet, plain } =
            welcome(&self.own, &given.invitation, &given.secret, &message, answered)?;
        if given.used.contains(&greeting) {
            return Err(CourierError::NotExpected);
        }
        if given.used.len() >= USED_MAX {
            return Err(CourierError::TooMany);
        }
        let (did, key) = (identity.did(), identity.key().0);
        // Whoever has an invitation for one was meant by it. A card is known to contacts of
        // contacts, so who comes by it is asked about.
        let is_meant = given.invitation.is_for_one();
        let standing = if is_meant { Standing::Contact } else { Standing::Asking };
        let is_new = !self.people.contains_key(&did);
        let asking = self.people.values().filter(|person| person.standing == Standing::Asking).count();
        if is_new && !is_meant && asking >= ASKING_MAX {
            return Err(CourierError::TooMany);
        }
        self.meet(identity.log(), None, standing)?;
        if !self.people.get(&did).is_some_and(|person| person.has(&key)) {
            return Err(CourierError::NotADevice(did));
        }
        let given = self.given.get_mut(&id).ok_or(CourierError::NotExpected)?;
        if given.invitation.is_for_one() {
            self.given.remove(&id);
        } else {
            given.used.push(greeting);
        }
        self.dirty.insert(Name::Invitation(id.0));
        let mut received = Received::default();
        self.device_of(did, key).ok_or(CourierError::NotADevice(did))?.add(ratchet);
        if let Some(person) = self.people.get(&did).filter(|_| is_new) {
            received.news.push(News::Met { did, standing: person.standing });
        }
        self.dirty.insert(Name::Device(did, key));
        match unpad(plain.expose()).and_then(|plain| allod_wire::decode(plain).ok()) {
            Some(content) => self.handle((did, key), content, now, rng, &mut received),
            None => received.news.push(News::Unreadable { from: did }),
        }
        // It is read, whether they can be told or not.
        let _ = self.tell(did, key, now, rng);
        Ok(received)
    }

    /// Knows somebody by a log, which is to be the one that is known or to continue it. Who is
    /// known as more stays so.
    pub(super) fn meet(
        &mut self,
        log: &allod_did::Log,
        name: Option<&str>,
        standing: Standing,
    ) -> Result<(), CourierError> {
        let did = log.state().did();
        if did == self.did()
            && !(self.own.identity().log().extends(log) || log.extends(self.own.identity().log()))
        {
            return Err(CourierError::Fork(did));
        }
        let has_room = self.people.len() < PEOPLE_MAX;
        let Some(person) = self.people.get_mut(&did) else {
            if !has_room {
                return Err(CourierError::TooMany);
            }
            let name: String = name.map_or_else(|| did.to_string(), ToString::to_string);
            self.people.insert(did, Person::new(log.clone(), name, standing));
            self.dirty.insert(Name::Person(did));
            return Ok(());
        };
        let becomes_contact = standing == Standing::Contact && person.standing != Standing::Blocked;
        if becomes_contact && person.standing != Standing::Contact {
            person.standing = Standing::Contact;
        }
        if let Some(name) = name {
            person.name = name.to_string();
        }
        self.dirty.insert(Name::Person(did));
        self.update_log(did, log)
    }

    /// Takes a log that continues the one that is known. Sessions with devices that were
    /// removed end, and so do sender chains that these have.
    pub(super) fn update_log(&mut self, did: Did, log: &allod_did::Log) -> Result<(), CourierError> {
        let Some(person) = self.people.get_mut(&did) else { return Ok(()) };
        if person.log.extends(log) {
            return Ok(());
        }
        if !log.extends(&person.log) {
            return Err(CourierError::Fork(did));
        }
        person.log = log.clone();
        let gone: Vec<[u8; 32]> = person.devices.keys().filter(|key| !person.has(key)).copied().collect();
        for key in &gone {
            person.devices.remove(key);
            self.dirty.insert(Name::Device(did, *key));
        }
        self.dirty.insert(Name::Person(did));
        if !gone.is_empty() {
            self.end_chains_known_to(&gone);
        }
        Ok(())
    }

    /// A device that can be written to and was not before, or `None` where there are too many.
    pub(super) fn device_of(&mut self, did: Did, key: [u8; 32]) -> Option<&mut Peer> {
        let person = self.people.get_mut(&did)?;
        let has_room = person.devices.len() < DEVICES_MAX || person.devices.contains_key(&key);
        (has_room && person.has(&key)).then(|| person.devices.entry(key).or_default())
    }

    /// The name by which somebody is known here.
    ///
    /// # Errors
    /// [`CourierError::Nobody`], [`CourierError::TooLarge`].
    pub fn rename(&mut self, did: &Did, name: &str) -> Result<(), CourierError> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(CourierError::TooLarge);
        }
        self.known(did)?.name = name.to_string();
        Ok(())
    }

    /// The safety number was compared, or is not to be trusted any more.
    ///
    /// # Errors
    /// [`CourierError::Nobody`].
    pub fn set_verified(&mut self, did: &Did, is_verified: bool) -> Result<(), CourierError> {
        self.known(did)?.is_verified = is_verified;
        Ok(())
    }

    /// Drops what somebody writes from now on, or not any more.
    ///
    /// # Errors
    /// [`CourierError::Nobody`].
    pub fn block(&mut self, did: &Did, is_blocked: bool) -> Result<(), CourierError> {
        let person = self.known(did)?;
        person.standing = match (is_blocked, person.standing) {
            (true, _) => Standing::Blocked,
            (false, Standing::Blocked) => Standing::Contact,
            (false, standing) => standing,
        };
        Ok(())
    }

    /// Takes somebody who asked as a contact, and tells them what came.
    ///
    /// # Errors
    /// [`CourierError::Nobody`], or as [`send`](Messenger::send).
    pub fn admit(&mut self, did: &Did, now: Instant, rng: &mut impl CryptoRng) -> Result<(), CourierError> {
        let person = self.known(did)?;
        if person.standing != Standing::Contact {
            person.standing = Standing::Contact;
            let keys: Vec<[u8; 32]> = person.reachable().collect();
            for key in keys {
                self.tell(*did, key, now, rng)?;
            }
        }
        Ok(())
    }

    fn known(&mut self, did: &Did) -> Result<&mut Person, CourierError> {
        let person = self.people.get_mut(did).ok_or(CourierError::Nobody(*did))?;
        self.dirty.insert(Name::Person(*did));
        Ok(person)
    }
}
