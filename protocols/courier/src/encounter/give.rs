//! The giving side of a contact: what is shown, in which order, and what follows when the other
//! side asks for it.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;

use allod_wire::Instant;

use super::error::{EncounterError, Faults};
use super::message::{Answer, DATA_HEADER, Declined, HEADER_MAX, Header, Message, Short};
use super::{Event, Here, Output};
use crate::bundle::{Bundle, BundleId, Priority, Terms};
use crate::carry::{Carried, Giving as Copies, Store, giving, order};
use crate::ratchet::{Tag, Token};

/// The most headers that are shown at once.
pub(super) const BATCH_MAX: usize = 256;

/// The most bundles that were sent, and of which it is not known whether they are durable there.
pub(super) const UNKEPT_MAX: usize = 8;

/// The most bundles that were asked for and have not come.
pub(super) const EXPECTED_MAX: usize = 2 * BATCH_MAX;

/// Of fewer that are asked for, more is shown.
const ASKED_MIN: usize = 4;

/// The most headers in an hour; the other side takes some more.
const SHOWN_MAX: usize = 60_000;

pub(super) const HOUR_MS: u64 = 3_600_000;

/// Bytes of bundles that go out before the shell says that they have left; at least
/// so many frames.
const BURST: (usize, usize) = (64 << 10, 2);

/// What is given first comes first.
type Order = (Reverse<Priority>, Instant, BundleId);

/// What is given to the other side.
#[derive(Debug)]
pub(super) struct Giving {
    mtu: usize,
    no_bulk: bool,
    reach: (u32, u32),
    /// What is still to be shown.
    waiting: BTreeSet<Order>,
    /// What was shown, and is not answered.
    shown: Vec<Offer>,
    /// How many were shown since then.
    in_hour: (usize, Instant),
    /// What is asked for.
    asked: BTreeMap<Order, Asked>,
    loading: Option<Asked>,
    sending: Option<(Asked, Vec<u8>)>,
    in_flight: usize,
    /// What was sent, and is not yet known to be durable there.
    unkept: BTreeMap<Short, Asked>,
    /// Tags of what the other side carries.
    theirs: BTreeSet<Tag>,
    is_open: bool,
    was_idle: bool,
}

/// The most tags of the other side that are known.
const THEIRS_MAX: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct Offer {
    id: BundleId,
    order: Order,
    tag: Tag,
    /// The copies that whoever takes it gets.
    copies: u8,
    /// How many of them are fewer here then.
    spent: u8,
    /// Whoever takes it answers for it.
    custody: bool,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    offer: Offer,
    /// Up to where it was sent.
    at: u32,
}

impl Giving {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            mtu: 0,
            no_bulk: false,
            reach: (0, 0),
            waiting: BTreeSet::new(),
            shown: Vec::new(),
            in_hour: (0, now),
            asked: BTreeMap::new(),
            loading: None,
            sending: None,
            in_flight: 0,
            unkept: BTreeMap::new(),
            theirs: BTreeSet::new(),
            is_open: false,
            was_idle: false,
        }
    }

    /// The other side has said what it takes.
    pub(super) fn meet(&mut self, mtu: usize, no_bulk: bool, here: u32, there: u32) {
        (self.mtu, self.no_bulk, self.reach) = (mtu, no_bulk, (here, there));
    }

    /// The most bytes of a frame; 0 as long as it is not known.
    pub(super) fn mtu(&self) -> usize {
        self.mtu
    }

    /// The most bytes of a frame, and whether parts of files are left out.
    pub(super) fn limits(&self) -> (usize, bool) {
        (self.mtu, self.no_bulk)
    }

    /// From now on things are shown.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Something is to be shown to the other side.
    pub(super) fn add(&mut self, id: BundleId, store: &Store) {
        if let Some(carried) = store.get(&id) {
            self.waiting.insert(order(&carried.terms, &id));
        }
    }

    /// The other side wants to be shown these once more.
    pub(super) fn again(&mut self, ids: &[Short], store: &Store) -> Result<(), EncounterError> {
        if ids.is_empty() || ids.len() > BATCH_MAX {
            return Err(EncounterError::TooMany);
        }
        // What is not here any more was told, or expired.
        ids.iter().filter_map(|id| store.find(*id)).for_each(|id| self.add(id, store));
        Ok(())
    }

    /// The other side carries something with this tag.
    pub(super) fn is_theirs(&mut self, tag: Tag) {
        self.theirs.insert(tag);
        if self.theirs.len() > THEIRS_MAX {
            self.theirs.pop_first();
        }
    }

    /// A token that the other side has a use for.
    pub(super) fn deliver(&mut self, token: Token) -> Option<Message> {
        let is_on_its_way = self.unkept.values().chain(&self.loading).any(|one| one.offer.tag == token.tag())
            || self.sending.as_ref().is_some_and(|(one, _)| one.offer.tag == token.tag());
        (self.theirs.remove(&token.tag()) || is_on_its_way).then_some(Message::Token(token))
    }

    /// The next headers, if the other side has answered those before.
    pub(super) fn show(&mut self, store: &Store, now: Instant) -> Option<Message> {
        if self.in_hour.1.0.saturating_add(HOUR_MS) <= now.0 {
            self.in_hour = (0, now);
        }
        if !self.is_open || !self.shown.is_empty() || self.in_hour.0 >= SHOWN_MAX {
            return None;
        }
        // What does not wait for the others is shown at once.
        let first = self.asked.first_key_value().map(|(order, _)| order.0);
        let is_urgent = self.waiting.first().is_some_and(|waiting| Some(waiting.0) < first);
        let room = EXPECTED_MAX.saturating_sub(self.asked.len() + 2);
        if self.asked.len() >= ASKED_MIN && !(is_urgent && room > 0) {
            return None;
        }
        let most = ((self.mtu - 1) / HEADER_MAX).clamp(4, BATCH_MAX).min(room);
        let mut headers = Vec::new();
        while headers.len() < most
            && let Some((_, _, id)) = self.waiting.pop_first()
        {
            let Some(carried) = store.get(&id) else { continue };
            if !(self.no_bulk && carried.terms.priority == Priority::Bulk) {
                headers.push(self.offer(id, carried));
            }
        }
        if !headers.is_empty() {
            self.in_hour.0 += headers.len();
            return Some(Message::Shows(headers));
        }
        let is_idle = self.asked.is_empty() && self.loading.is_none() && self.sending.is_none();
        if self.was_idle || !is_idle || !self.unkept.is_empty() {
            return None;
        }
        self.was_idle = true;
        Some(Message::Idle)
    }

    fn offer(&mut self, id: BundleId, carried: &Carried) -> Header {
        let (copies, spent) = match giving(&carried.terms, carried.size as usize, self.reach.0, self.reach.1)
        {
            Copies::Nothing => (0, 0),
            // Who copies to everybody keeps as many.
            Copies::Copies(given, kept) => (given, carried.terms.copies - kept),
        };
        let order = order(&carried.terms, &id);
        self.shown.push(Offer { id, order, tag: carried.tag, copies, spent, custody: false });
        let terms = Terms { copies, ..carried.terms };
        Header { id: id.short(), tag: carried.tag, terms, part: carried.part, size: carried.size }
    }

    /// The other side has answered what was shown.
    pub(super) fn answered(
        &mut self,
        answers: &[Answer],
        here: &mut Here<'_>,
        now: Instant,
        out: &mut VecDeque<Output>,
    ) -> Result<(), EncounterError> {
        if self.shown.is_empty() {
            return Err(EncounterError::OutOfTurn);
        }
        if answers.len() != self.shown.len() {
            return Err(EncounterError::Malformed);
        }
        for (answer, offer) in answers.iter().zip(core::mem::take(&mut self.shown)) {
            match answer {
                Answer::No => {}
                Answer::Ask { from, custody } => {
                    let asked = Asked { offer: Offer { custody: *custody, ..offer }, at: *from };
                    self.asked.insert(offer.order, asked);
                }
                Answer::Delivered(token) if token.tag() == offer.tag => deliver(*token, here, now, out),
                Answer::Delivered(_) => return Err(EncounterError::OtherToken),
            }
        }
        Ok(())
    }

    /// Loads what was asked for first, if nothing else is on its way.
    pub(super) fn advance(&mut self, out: &mut VecDeque<Output>) {
        if self.loading.is_none()
            && self.sending.is_none()
            && self.unkept.len() < UNKEPT_MAX
            && let Some((_, next)) = self.asked.pop_first()
        {
            self.loading = Some(next);
            out.push_back(Output::Load(next.offer.id));
        }
    }

    /// The shell has read a bundle. What is said where it is not there.
    pub(super) fn loaded(&mut self, id: &BundleId, bundle: Option<Bundle>, store: &Store) -> Option<Message> {
        let asked = self.loading.take_if(|one| one.offer.id == *id)?;
        let is_here = store.get(id).is_some();
        match bundle.filter(|bundle| is_here && asked.at as usize <= bundle.payload.len()) {
            Some(bundle) => {
                self.sending = Some((asked, bundle.payload));
                None
            }
            None => Some(Message::Gone(id.short())),
        }
    }

    /// The next frame of a bundle, if the link has room for it.
    pub(super) fn frame(&mut self) -> Option<Message> {
        let burst = BURST.0.max(BURST.1 * self.mtu);
        let (asked, payload) = self.sending.as_mut().filter(|_| self.in_flight < burst)?;
        let offset = asked.at;
        let end = payload.len().min(offset as usize + self.mtu - DATA_HEADER);
        let bytes = payload.get(offset as usize..end).unwrap_or_default().to_vec();
        let id = asked.offer.id.short();
        asked.at = end as u32;
        self.in_flight += bytes.len() + DATA_HEADER;
        if end == payload.len() {
            self.unkept.insert(id, *asked);
            self.sending = None;
        }
        Some(Message::Data { id, offset, bytes })
    }

    /// All frames so far have left.
    pub(super) fn sent(&mut self) {
        self.in_flight = 0;
    }

    /// The other side keeps what was sent. Custody is passed only to whom this device would take it
    /// of (`is_friend`).
    pub(super) fn kept(
        &mut self,
        id: &Short,
        custody: bool,
        is_friend: bool,
        store: &mut Store,
        out: &mut VecDeque<Output>,
    ) -> Result<(), EncounterError> {
        let Asked { offer, .. } = self.unkept.remove(id).ok_or(EncounterError::OutOfTurn)?;
        self.is_theirs(offer.tag);
        let custody = custody && offer.custody && is_friend;
        // It may have been dropped meanwhile.
        if let Some(carried) = store.gave(&offer.id, offer.spent, custody) {
            out.push_back(Output::Update(offer.id, carried));
        }
        out.push_back(Output::Event(Event::Gave { id: offer.id, copies: offer.copies, custody }));
        Ok(())
    }

    /// The other side does not keep what was sent.
    pub(super) fn declined(
        &mut self,
        id: &Short,
        why: Declined,
        out: &mut VecDeque<Output>,
    ) -> Result<(), EncounterError> {
        let Asked { offer, .. } = self.unkept.remove(id).ok_or(EncounterError::OutOfTurn)?;
        out.push_back(Output::Event(Event::Declined(offer.id, why)));
        Ok(())
    }

    /// Whether the other side owes an answer.
    pub(super) fn is_owed(&self) -> bool {
        !self.shown.is_empty() || !self.unkept.is_empty()
    }

    /// Whether all was shown, and what was asked for was given.
    pub(super) fn was_idle(&self) -> bool {
        self.was_idle
    }
}

/// A token has come, whose bundle is carried here.
fn deliver(token: Token, here: &mut Here<'_>, now: Instant, out: &mut VecDeque<Output>) {
    let dropped = here.store.deliver(token, now);
    if !dropped.is_empty() {
        out.extend(dropped.into_iter().map(Output::Erase));
        out.push_back(Output::Event(Event::Delivered(token)));
    }
}

/// A token that nobody showed a header for.
pub(super) fn token(
    token: Token,
    here: &mut Here<'_>,
    now: Instant,
    faults: &mut Faults,
    out: &mut VecDeque<Output>,
) {
    if here.store.was_delivered(&token.tag()) {
        // Both have heard of it meanwhile.
    } else if here.store.with_tag(&token.tag()).is_empty() {
        faults.made_up = faults.made_up.saturating_add(1);
    } else {
        deliver(token, here, now, out);
    }
}
