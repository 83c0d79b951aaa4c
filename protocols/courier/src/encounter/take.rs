//! The taking side of a contact: which of the bundles that are shown are asked for, and what
//! becomes of their bytes.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use allod_wire::Instant;

use super::error::{EncounterError, Faults};
use super::give::{BATCH_MAX, EXPECTED_MAX, HOUR_MS, UNKEPT_MAX};
use super::message::{Answer, Declined, Header, Message, Short};
use super::{Event, Here, Output};
use crate::bundle::{Bundle, BundleId, Part, Priority};
use crate::carry::{Carried, Custody, Origin, Refused, is_cover};
use crate::ratchet::Tag;

/// The most headers in an hour.
const SHOWN_MAX: u32 = 1 << 16;

/// Bundles that were declined and are remembered.
const DECLINED_MAX: usize = 8192;

/// Of a bundle that was broken off, so many bytes are kept as a fragment, and no fewer.
const FRAGMENT_MIN: usize = 2048;

/// Days on which somebody was met of whom this device takes custody.
const CUSTODY_DAYS: u32 = 2;

/// What is taken from the other side.
#[derive(Debug)]
pub(super) struct Taking {
    origin: Origin,
    no_bulk: bool,
    /// What was asked for. Which of it comes first is up to the other side.
    expected: BTreeMap<Short, Expected>,
    /// What is coming, and what of it has come.
    came: Option<(Short, Vec<u8>)>,
    /// What the shell is making durable.
    keeping: BTreeMap<BundleId, Keeping>,
    shown: (u32, Instant),
    was_idle: bool,
    /// What was shown and not asked for, though there might be a use for it later.
    declined: BTreeMap<Short, Tag>,
    /// Of these, what is to be shown again, and is then asked for whether it is wanted or not.
    again: BTreeSet<Short>,
}

#[derive(Clone, Debug)]
struct Expected {
    header: Header,
    from: u32,
    is_wanted: bool,
    custody: bool,
}

#[derive(Clone, Copy, Debug)]
struct Keeping {
    short: Short,
    is_wanted: bool,
    custody: bool,
    /// The contact broke before all of it came: nobody waits for an answer.
    is_rest: bool,
}

impl Taking {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            origin: Origin::Unknown,
            no_bulk: false,
            expected: BTreeMap::new(),
            came: None,
            keeping: BTreeMap::new(),
            shown: (0, now),
            was_idle: false,
            declined: BTreeMap::new(),
            again: BTreeSet::new(),
        }
    }

    /// The other side is known.
    pub(super) fn meet(&mut self, origin: Origin, no_bulk: bool) {
        (self.origin, self.no_bulk) = (origin, no_bulk);
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether custody is taken of the other side, and passed to it.
    pub(super) fn is_friend(&self, here: &Here<'_>) -> bool {
        self.days(here) >= CUSTODY_DAYS
    }

    fn days(&self, here: &Here<'_>) -> u32 {
        match &self.origin {
            Origin::Peer(peer) => (here.days)(peer),
            _ => 0,
        }
    }

    /// The other side shows what it has. What each is to become.
    pub(super) fn shown(
        &mut self,
        headers: &[Header],
        here: &mut Here<'_>,
        now: Instant,
        faults: &mut Faults,
    ) -> Result<Message, EncounterError> {
        if self.shown.1.0.saturating_add(HOUR_MS) <= now.0 {
            self.shown = (0, now);
        }
        self.shown.0 += headers.len() as u32;
        if headers.is_empty()
            || headers.len() > BATCH_MAX
            || self.shown.0 > SHOWN_MAX
            || self.expected.len() + headers.len() > EXPECTED_MAX
        {
            return Err(EncounterError::TooMany);
        }
        Ok(Message::Answers(headers.iter().map(|header| self.answer(header, here, now, faults)).collect()))
    }

    fn answer(&mut self, header: &Header, here: &mut Here<'_>, now: Instant, faults: &mut Faults) -> Answer {
        if let Some(token) = here.store.token(&header.tag) {
            return Answer::Delivered(token);
        }
        let is_expected = self.expected.contains_key(&header.id);
        let is_bulk = self.no_bulk && header.terms.priority == Priority::Bulk;
        let from = self.came_before(header, here);
        if here.store.find(header.id).is_some()
            || is_expected
            || is_bulk
            || (from >= header.size && header.size > 0)
        {
            return Answer::No;
        }
        let days = self.days(here);
        let is_wanted = (here.wants)(&header.tag);
        let carried = Carried { is_wanted, ..header.carried(self.origin, now) };
        let mut short = BundleId([0; 32]);
        short.0[..BundleId::SHORT].copy_from_slice(&header.id);
        let is_cover = is_cover(here.cover, &short);
        match here.store.would_take(short, &carried, days, now) {
            Ok(()) => {}
            Err(why) => {
                here.store.count(why);
                if matches!(why, Refused::Expired | Refused::Ahead) {
                    faults.out_of_time = faults.out_of_time.saturating_add(1);
                } else {
                    self.decline(header);
                }
                return Answer::No;
            }
        }
        let is_asked_again = self.again.remove(&header.id);
        if !is_wanted && !is_cover && !is_asked_again && header.terms.copies == 0 {
            self.decline(header);
            return Answer::No;
        }
        let custody = header.terms.custody && header.terms.copies > 0 && self.is_friend(here);
        self.expected.insert(header.id, Expected { header: header.clone(), from, is_wanted, custody });
        Answer::Ask { from, custody }
    }

    fn decline(&mut self, header: &Header) {
        self.declined.insert(header.id, header.tag);
        if self.declined.len() > DECLINED_MAX {
            self.declined.pop_first();
        }
    }

    /// Other tags are wanted now: what was declined and is wanted is asked for, hidden among
    /// others.
    pub(super) fn wanted(&mut self, here: &Here<'_>) -> Option<Message> {
        if self.again.len() > DECLINED_MAX {
            // Whoever does not show them again has lost them.
            self.again.clear();
        }
        let is_wanted = |(_, tag): &(&Short, &Tag)| (here.wants)(tag);
        let mut ids: Vec<Short> =
            self.declined.iter().filter(is_wanted).map(|(id, _)| *id).take(BATCH_MAX / 4).collect();
        // From where the first one is on: ids are as good as drawn.
        let first = *ids.first()?;
        let others = self.declined.range(first..).chain(self.declined.range(..first));
        let hiding: Vec<Short> =
            others.filter(|one| !is_wanted(one)).map(|(id, _)| *id).take(3 * ids.len()).collect();
        ids.extend(hiding);
        ids.sort_unstable();
        for id in &ids {
            self.declined.remove(id);
            self.again.insert(*id);
        }
        Some(Message::Again(ids))
    }

    /// How much of the beginning of a bundle has come from the same hands before. Fragments
    /// of others may be false, and say nothing.
    fn came_before(&self, header: &Header, here: &Here<'_>) -> u32 {
        let terms = &header.terms;
        let is_of_it = |one: &&Carried| {
            one.origin == self.origin
                && one.part.total == header.part.total
                && one.terms.created == terms.created
                && (one.terms.sequence, one.terms.lifetime) == (terms.sequence, terms.lifetime)
                && one.terms.priority == terms.priority
        };
        let same = here.store.with_tag(&header.tag).iter().filter_map(|id| here.store.get(id));
        let mut runs: Vec<_> =
            same.filter(is_of_it).map(|one| (one.part.offset, one.part.offset + one.size)).collect();
        runs.sort_unstable();
        let begin = header.part.offset;
        let end = runs.into_iter().fold(begin, |at, (from, to)| if from <= at { at.max(to) } else { at });
        (end - begin).min(header.size)
    }

    /// Bytes of a bundle have come. What is said if it is refused.
    pub(super) fn data(
        &mut self,
        (id, offset, bytes): (Short, u32, Vec<u8>),
        here: &mut Here<'_>,
        now: Instant,
        faults: &mut Faults,
        out: &mut VecDeque<Output>,
    ) -> Result<Option<Message>, EncounterError> {
        let first = self.expected.get(&id).ok_or(EncounterError::NotAsked)?;
        // One after the other.
        let came = self.came.get_or_insert_with(|| (id, Vec::new()));
        if came.0 != id {
            return Err(EncounterError::NotAsked);
        }
        let at = first.from as usize + came.1.len();
        let end = at + bytes.len();
        if offset as usize != at || end > first.header.size as usize {
            return Err(EncounterError::NotAsked);
        }
        // Frames of nothing would be as many as one likes.
        if bytes.is_empty() && first.header.size > 0 {
            return Err(EncounterError::Malformed);
        }
        if end < first.header.size as usize {
            came.1.extend_from_slice(&bytes);
            return Ok(None);
        }
        if self.keeping.len() > UNKEPT_MAX {
            return Err(EncounterError::TooMany);
        }
        let first = self.expected.remove(&id).ok_or(EncounterError::NotAsked)?;
        let mut payload = self.came.take().map_or_else(Vec::new, |(_, came)| came);
        payload.extend_from_slice(&bytes);
        let bundle = bundle(&first, payload);
        if first.from == 0 && bundle.id().short() != id {
            faults.corrupt = faults.corrupt.saturating_add(1);
            return Ok(Some(Message::Declined(id, Declined::Corrupt)));
        }
        let refused = self.keep(bundle, &first, false, here, now, out).err();
        Ok(refused.map(|why| {
            faults.refused = faults.refused.saturating_add(1);
            Message::Declined(id, Declined::Refused(why))
        }))
    }

    fn keep(
        &mut self,
        bundle: Bundle,
        first: &Expected,
        is_rest: bool,
        here: &mut Here<'_>,
        now: Instant,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Refused> {
        let (id, days) = (bundle.id(), self.days(here));
        let took = if first.is_wanted {
            here.store.want(&bundle, self.origin, now)?
        } else {
            here.store.take(&bundle, self.origin, days, now)?
        };
        out.extend(took.dropped.into_iter().map(Output::Erase));
        let custody = first.custody && !is_rest;
        if custody {
            here.store.set_custody(&id, Custody::Held);
        }
        let is_wanted = first.is_wanted;
        self.keeping.insert(id, Keeping { short: first.header.id, is_wanted, custody, is_rest });
        if let Some(carried) = here.store.get(&id) {
            out.push_back(Output::Keep(bundle, *carried));
        }
        Ok(())
    }

    /// The shell has made a bundle durable, or could not. What is said of it.
    pub(super) fn kept(
        &mut self,
        id: &BundleId,
        is_durable: bool,
        here: &mut Here<'_>,
        out: &mut VecDeque<Output>,
    ) -> Option<Message> {
        let Keeping { short, is_wanted, custody, is_rest } = self.keeping.remove(id)?;
        if !is_durable {
            here.store.remove(id);
            return (!is_rest).then_some(Message::Declined(short, Declined::NotKept));
        }
        out.push_back(Output::Event(if is_wanted { Event::Came(*id) } else { Event::Took(*id) }));
        (!is_rest).then_some(Message::Kept(short, custody))
    }

    /// What was asked for is not there any more.
    pub(super) fn gone(&mut self, id: &Short) -> Result<(), EncounterError> {
        let is_coming = self.came.as_ref().is_some_and(|(coming, _)| coming == id);
        match self.expected.remove(id) {
            Some(_) if !is_coming => Ok(()),
            _ => Err(EncounterError::NotAsked),
        }
    }

    /// The contact broke: what came of a large bundle is kept.
    pub(super) fn broke(&mut self, here: &mut Here<'_>, now: Instant, out: &mut VecDeque<Output>) {
        if let Some((id, came)) = self.came.take().filter(|(_, came)| came.len() >= FRAGMENT_MIN)
            && let Some(first) = self.expected.remove(&id)
        {
            // Where it is refused there is nobody to tell.
            let _ = self.keep(bundle(&first, came), &first, true, here, now, out);
        }
        self.expected.clear();
        self.keeping.values_mut().for_each(|one| one.is_rest = true);
    }

    pub(super) fn idle(&mut self) -> Result<(), EncounterError> {
        if self.was_idle {
            return Err(EncounterError::OutOfTurn);
        }
        self.was_idle = true;
        Ok(())
    }

    /// Whether the other side owes bytes.
    pub(super) fn is_owed(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Whether the other side has shown all, and all that came is durable.
    pub(super) fn was_idle(&self) -> bool {
        self.was_idle && self.expected.is_empty() && self.keeping.is_empty()
    }
}

/// What came of a bundle.
fn bundle(first: &Expected, payload: Vec<u8>) -> Bundle {
    let Header { tag, terms, part, .. } = first.header;
    Bundle { tag, terms, part: Part { offset: part.offset + first.from, ..part }, payload }
}
