//! Sending: what is said is sealed for each device of whoever it is for.

use alloc::vec::Vec;

use allod_crypto::{CryptoRng, SecretBytes, Zeroizing};
use allod_did::Did;
use allod_wire::Instant;

use super::content::{Body, Content, Said};
use super::person::Standing;
use super::record::Name;
use super::{Kept, MessageId, Messenger, Reached, Whom};
use crate::CourierError;
use crate::bundle::{Bundle, BundleId, Lifetime, Priority, Seconds, Terms, pad};
use crate::carry::{COPIES, SPREAD};
use crate::contact::greet;
use crate::group::SENDER_OVERHEAD;
use crate::ratchet::OVERHEAD;

/// The most messages whose coming is told at once.
pub(super) const REACHED_MAX: usize = 256;

/// How something is to be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// How urgent it is.
    pub priority: Priority,
    /// How long it is carried.
    pub lifetime: Lifetime,
    /// Whether carriers are asked to keep it until it was delivered.
    pub custody: bool,
}

impl Sending {
    /// Keys and changes of groups: for as long as any message that needs them.
    pub(super) fn lasting() -> Self {
        Self { lifetime: Lifetime::at_least(u64::MAX), ..Self::default() }
    }
}

impl Default for Sending {
    /// What people write: for a month.
    fn default() -> Self {
        Self { priority: Priority::Normal, lifetime: Lifetime::MESSAGE, custody: false }
    }
}

/// The bytes of a content, padded for a session.
pub(super) fn plain_of(content: &Content) -> Plain {
    padded(content, OVERHEAD)
}

/// Bytes that are zeroized, and can be borrowed.
pub(super) type Plain = Zeroizing<Vec<u8>>;

fn padded(content: &Content, overhead: usize) -> Plain {
    let plain = Zeroizing::new(allod_wire::encode(content));
    Zeroizing::new(pad(&plain, overhead))
}

impl Messenger {
    /// Writes to somebody, or to a group. It is kept, and leaves sealed for each device.
    ///
    /// # Errors
    /// [`CourierError::Nobody`], [`CourierError::NoDevice`] where none of their devices can be
    /// written to, [`CourierError::Blocked`], [`CourierError::NotAMember`],
    /// [`CourierError::TooLarge`].
    pub fn send(
        &mut self,
        to: Whom,
        body: Body,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<MessageId, CourierError> {
        if !body.is_sound() {
            return Err(CourierError::TooLarge);
        }
        let said = Said::new(body, now, rng);
        let bundles = match to {
            Whom::Person(did) => self.send_to_person(did, &said, sending, now, rng)?,
            Whom::Group(group) => self.send_to_group(group, &said, sending, now, rng)?,
        };
        let id = said.id;
        self.keep_own(to, said, bundles, sending, now, rng)?;
        Ok(id)
    }

    /// Keeps what leaves in these bundles, and tells one's own other devices.
    pub(super) fn keep_own(
        &mut self,
        to: Whom,
        said: Said,
        bundles: Vec<BundleId>,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let own = self.did();
        if to != Whom::Person(own) && matches!(to, Whom::Person(_)) {
            self.say_to_all(own, &Content::Copy(to, said.clone()), sending, now, rng)?;
        }
        let mut kept = Kept::new(said.id, (own, to), (said.at().instant(), now), said.body);
        kept.bundles = bundles;
        self.written.push(kept.change());
        Ok(())
    }

    fn send_to_person(
        &mut self,
        did: Did,
        said: &Said,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<BundleId>, CourierError> {
        let person = self.people.get_mut(&did).ok_or(CourierError::Nobody(did))?;
        match person.standing {
            Standing::Blocked => return Err(CourierError::Blocked(did)),
            // Whoever writes to somebody knows them.
            Standing::Asking | Standing::Known => {
                person.standing = Standing::Contact;
                self.dirty.insert(Name::Person(did));
            }
            Standing::Contact => {}
        }
        let keys: Vec<[u8; 32]> = person.reachable().collect();
        for key in keys {
            // They may know a device that is lost by now, or not one that is new.
            self.tell(did, key, now, rng)?;
        }
        let bundles = self.say_to_all(did, &Content::Said(said.clone()), sending, now, rng)?;
        match bundles.is_empty() && did != self.did() {
            true => Err(CourierError::NoDevice(did)),
            false => Ok(bundles),
        }
    }

    /// Messages were read by this device's person: it is not told again that they are new, and
    /// their authors hear of it.
    ///
    /// # Errors
    /// None that others cause.
    pub fn read(
        &mut self,
        messages: &[Kept],
        says_so: bool,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let own = self.did();
        let mut by_author: alloc::collections::BTreeMap<Did, Vec<MessageId>> = Default::default();
        for kept in messages.iter().filter(|kept| kept.from != own) {
            self.written.push((kept.unread_name(), None));
            by_author.entry(kept.from).or_default().push(kept.id);
        }
        for (did, ids) in by_author {
            let is_contact = self.people.get(&did).is_some_and(|person| person.standing == Standing::Contact);
            if says_so && is_contact {
                self.say_reached(did, Reached::Read, &ids, now, rng)?;
            }
        }
        Ok(())
    }

    /// Tells authors that what came is here. Called once for all that came together.
    ///
    /// # Errors
    /// None that others cause.
    pub fn acknowledge(&mut self, now: Instant, rng: &mut impl CryptoRng) -> Result<(), CourierError> {
        for (did, ids) in core::mem::take(&mut self.owed) {
            self.say_reached(did, Reached::Delivered, &ids, now, rng)?;
        }
        Ok(())
    }

    /// What is due whatever else is done: that one's own devices are others now is told.
    ///
    /// # Errors
    /// None that others cause.
    pub fn settle(&mut self, now: Instant, rng: &mut impl CryptoRng) -> Result<(), CourierError> {
        match core::mem::take(&mut self.is_log_new) {
            true => self.tell_all(now, rng),
            false => Ok(()),
        }
    }

    fn say_reached(
        &mut self,
        did: Did,
        reached: Reached,
        ids: &[MessageId],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        for some in ids.chunks(REACHED_MAX) {
            self.say_to_all(did, &Content::Reached(reached, some.to_vec()), Sending::default(), now, rng)?;
        }
        Ok(())
    }

    /// Says something to all devices of a person that can be written to, but this one.
    pub(super) fn say_to_all(
        &mut self,
        did: Did,
        content: &Content,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<BundleId>, CourierError> {
        let here = self.own.identity().key().0;
        let person = self.people.get(&did).ok_or(CourierError::Nobody(did))?;
        let keys: Vec<[u8; 32]> = person.reachable().filter(|key| *key != here).collect();
        let mut bundles = Vec::with_capacity(keys.len());
        for key in keys {
            bundles.extend(self.say(did, key, content, sending, now, rng)?);
        }
        Ok(bundles)
    }

    /// Says something to one device. `None` where it has not answered for too long and gave no
    /// other way to reach it.
    pub(super) fn say(
        &mut self,
        did: Did,
        key: [u8; 32],
        content: &Content,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<BundleId>, CourierError> {
        let plain = plain_of(content);
        let Some(device) = self.people.get_mut(&did).and_then(|person| person.devices.get_mut(&key)) else {
            return Ok(None);
        };
        let sealed = device.sessions.first_mut().map(|session| session.ratchet.seal(&plain, rng));
        let message = match sealed {
            Some(Ok(message)) => message,
            Some(Err(CourierError::Unanswered)) | None => {
                let Some(card) = device.card.clone().filter(|card| card.expires() >= now) else {
                    return Ok(None);
                };
                let Ok((ratchet, greeting)) = greet(&self.own, &card, &plain, now, rng) else {
                    // Nobody is to be kept from writing to all others by one card that is broken.
                    device.card = None;
                    self.dirty.insert(Name::Device(did, key));
                    return Ok(None);
                };
                device.add(ratchet);
                greeting
            }
            Some(Err(why)) => return Err(why),
        };
        self.dirty.insert(Name::Device(did, key));
        self.dispatch(&message, sending, now, rng).map(Some)
    }

    /// Lets a sealed message leave.
    pub(super) fn dispatch(
        &mut self,
        message: &[u8],
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<BundleId, CourierError> {
        self.dispatch_copies(message, sending, COPIES, now, rng)
    }

    fn dispatch_copies(
        &mut self,
        message: &[u8],
        sending: Sending,
        copies: u8,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<BundleId, CourierError> {
        let Sending { priority, lifetime, custody } = sending;
        let created = Seconds::at(now);
        let sequence = rng.next_u32() as u16;
        let terms = Terms { created, sequence, lifetime, priority, copies, custody };
        let bundle = Bundle::new(message, terms).map_err(|_| CourierError::TooLarge)?;
        let number = self.outgoing.last_key_value().map_or(0, |(last, _)| last + 1);
        let id = bundle.id();
        self.outgoing.insert(number, bundle);
        self.dirty.insert(Name::Outgoing(number));
        Ok(id)
    }

    /// Seals under this device's chain for a group and lets it leave.
    pub(super) fn say_to_group(
        &mut self,
        group: crate::group::GroupId,
        content: &Content,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<BundleId, CourierError> {
        let plain = padded(content, SENDER_OVERHEAD);
        let message = self.groups.get_mut(&group).ok_or(CourierError::NotAMember)?.seal(&plain)?;
        self.dirty.insert(Name::Group(group));
        self.dispatch_copies(&message, sending, SPREAD, now, rng)
    }

    /// Gives a contact a piece of what stands in for a lost card.
    ///
    /// # Errors
    /// As [`send`](Messenger::send).
    pub fn give_piece(
        &mut self,
        did: Did,
        piece: &SecretBytes,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let content = Content::Piece(piece.expose().to_vec().into());
        match self.say_to_all(did, &content, Sending::default(), now, rng)?.is_empty() {
            true => Err(CourierError::NoDevice(did)),
            false => Ok(()),
        }
    }

    /// The piece that somebody gave this device's person to keep.
    pub fn piece_of(&self, did: &Did) -> Option<&SecretBytes> {
        self.pieces.get(did)
    }

    /// Whose pieces are kept here.
    pub fn pieces(&self) -> impl Iterator<Item = &Did> {
        self.pieces.keys()
    }
}
