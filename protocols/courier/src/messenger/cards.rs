//! Cards: by what devices can be reached that were not introduced themselves. A card is an
//! invitation for many, which its device signed; so it says the same whoever brings it.

use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::hash::tagged;
use allod_did::Did;
use allod_wire::Instant;
use minicbor::bytes::ByteVec;

use super::content::{Content, Known};
use super::person::{Person, Standing};
use super::record::Name;
use super::send::Sending;
use super::{DEVICES_MAX, Messenger};
use crate::CourierError;
use crate::bundle::Priority;
use crate::contact::Invitation;

/// How long a card is good for, in milliseconds, and how long it has to be at least for a new
/// one not to be made.
const CARD_MS: u64 = 180 * 24 * 3600 * 1000;
const CARD_LEFT_MS: u64 = 90 * 24 * 3600 * 1000;

/// People who are told to another device in one message.
const PEOPLE_AT_ONCE: usize = 64;

impl Messenger {
    /// The newest log of this device's own person, from another device of theirs or from here.
    pub(super) fn know_oneself(&mut self) {
        let (did, log) = (self.did(), self.own.identity().log().clone());
        let name = log.state().did();
        match self.people.get(&did) {
            Some(person) if person.log.extends(&log) => {}
            Some(_) => {
                drop(self.update_log(did, &log));
                self.is_log_new = true;
            }
            None => {
                let name = alloc::string::ToString::to_string(&name);
                self.people.insert(did, Person::new(log, name, Standing::Contact));
                self.dirty.insert(Name::Person(did));
            }
        }
    }

    /// This device's card, a new one where the old one ends soon or shows an older log, and
    /// those of the person's other devices.
    pub(super) fn own_cards(&mut self, now: Instant, rng: &mut impl CryptoRng) -> Vec<ByteVec> {
        let enough = Instant(now.0.saturating_add(CARD_LEFT_MS));
        let log = self.own.identity().log();
        let mut current = self.given.values().filter(|given| given.is_card);
        let found = current.find(|given| {
            let invitation = &given.invitation;
            given.has_room() && invitation.expires() >= enough && invitation.identity().log() == log
        });
        let card = match found.map(|given| given.invitation.clone()) {
            Some(card) => card,
            None => self.give(Instant(now.0.saturating_add(CARD_MS)), false, true, rng),
        };
        let mut cards = alloc::vec![ByteVec::from(card.encode())];
        let did = self.did();
        cards.extend(self.people.get(&did).into_iter().flat_map(Person::cards));
        cards.truncate(DEVICES_MAX);
        cards
    }

    /// Which edition of this person's cards there is: another number for other cards.
    pub(super) fn edition(&mut self, now: Instant, rng: &mut impl CryptoRng) -> u32 {
        let cards = self.own_cards(now, rng);
        let parts: Vec<&[u8]> = cards.iter().map(|card| card.as_slice()).collect();
        let [a, b, c, d, ..] = tagged("allod 2026 courier, edition of cards", &parts);
        u32::from_le_bytes([a, b, c, d]) | 1
    }

    /// Tells a device this person's cards, if it is to know them and does not; and one's own
    /// other devices also whom one knows.
    pub(super) fn tell(
        &mut self,
        did: Did,
        key: [u8; 32],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let edition = self.edition(now, rng);
        let (is_own, is_member) = (did == self.did(), self.shares_group(&did));
        let Some(person) = self.people.get_mut(&did) else { return Ok(()) };
        let is_contact = person.standing == Standing::Contact;
        let is_to_know = is_own || is_contact || is_member && person.standing != Standing::Blocked;
        let Some(device) = person.devices.get_mut(&key) else { return Ok(()) };
        if !is_to_know || device.told == edition {
            return Ok(());
        }
        let is_first = device.told == 0;
        device.told = edition;
        self.dirty.insert(Name::Device(did, key));
        let cards = self.own_cards(now, rng);
        // Where there is one device, it is in a session already; its card can wait for a link
        // on which bytes cost nothing.
        let priority = if cards.len() > 1 { Priority::Normal } else { Priority::Bulk };
        let sending = Sending { priority, ..Sending::default() };
        self.say(did, key, &Content::Cards(cards), sending, now, rng)?;
        if is_own && is_first {
            self.tell_people(key, now, rng)?;
        }
        Ok(())
    }

    /// Tells all devices that are to know it.
    pub(super) fn tell_all(&mut self, now: Instant, rng: &mut impl CryptoRng) -> Result<(), CourierError> {
        for (did, key) in self.all_reachable() {
            self.tell(did, key, now, rng)?;
        }
        Ok(())
    }

    fn all_reachable(&self) -> Vec<(Did, [u8; 32])> {
        let own = self.own.identity().key().0;
        let of = |(did, person): (&Did, &Person)| {
            let did = *did;
            person.reachable().map(move |key| (did, key)).collect::<Vec<_>>()
        };
        self.people.iter().flat_map(of).filter(|(_, key)| *key != own).collect()
    }

    /// Tells another device of one's own whom one knows.
    fn tell_people(
        &mut self,
        key: [u8; 32],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let own = self.did();
        let contacts =
            self.people.iter().filter(|(did, person)| **did != own && person.standing == Standing::Contact);
        let known: Vec<Known> = contacts
            .map(|(did, person)| Known {
                did: *did,
                name: person.name.clone(),
                is_verified: person.is_verified,
                cards: person.cards().collect(),
            })
            .collect();
        for some in known.chunks(PEOPLE_AT_ONCE) {
            self.say(own, key, &Content::People(some.to_vec()), Sending::default(), now, rng)?;
        }
        self.tell_groups(key, now, rng)
    }

    /// Takes cards that a device brings of its own person's devices.
    pub(super) fn take_cards(
        &mut self,
        from: Did,
        cards: &[ByteVec],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        for card in cards.iter().take(DEVICES_MAX) {
            let card = Invitation::decode(card)?;
            if card.identity().did() == from {
                self.take_card(card)?;
            }
        }
        if from == self.did() {
            self.tell_all(now, rng)?;
            self.copy_people_to_others(now, rng)?;
        }
        Ok(())
    }

    /// Takes a card of somebody who is known, whoever brought it.
    pub(super) fn take_card(&mut self, card: Invitation) -> Result<(), CourierError> {
        let (did, key) = (card.identity().did(), card.identity().key().0);
        if key == self.own.identity().key().0 || card.is_for_one() {
            return Ok(());
        }
        self.update_log(did, card.identity().log())?;
        let Some(device) = self.device_of(did, key) else { return Ok(()) };
        if device.card.as_ref().is_none_or(|old| old.expires() < card.expires()) {
            device.card = Some(card);
            self.dirty.insert(Name::Device(did, key));
        }
        Ok(())
    }

    /// Takes what another device of one's own says of whom it knows.
    pub(super) fn take_people(&mut self, known: Vec<Known>) -> Result<(), CourierError> {
        for one in known {
            let mut cards = Vec::new();
            for card in &one.cards {
                cards.push(Invitation::decode(card)?);
            }
            cards.retain(|card| card.identity().did() == one.did);
            let Some(first) = cards.first() else { continue };
            let is_new = !self.people.contains_key(&one.did);
            let name = is_new.then_some(one.name.as_str());
            self.meet(&first.identity().log().clone(), name, Standing::Contact)?;
            if is_new && one.is_verified {
                self.set_verified(&one.did, true)?;
            }
            for card in cards {
                self.take_card(card)?;
            }
        }
        Ok(())
    }

    /// Devices of one's own that have no session yet are greeted, so that they learn of this one.
    fn copy_people_to_others(&mut self, now: Instant, rng: &mut impl CryptoRng) -> Result<(), CourierError> {
        let own = self.did();
        let here = self.own.identity().key().0;
        let others: Vec<[u8; 32]> =
            self.people.get(&own).map(|person| person.reachable().collect()).unwrap_or_default();
        for key in others.into_iter().filter(|key| *key != here) {
            self.tell(own, key, now, rng)?;
        }
        Ok(())
    }
}
