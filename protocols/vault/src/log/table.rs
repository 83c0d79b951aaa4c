//! Which segments are free, and how much of the others is still needed.
//!
//! A segment of which nothing is needed any more is not written at once: the checkpoint
//! before the newest one may still need it, and is what is left if the newest is lost. So
//! it is free once two checkpoints have been made without it.
//!
//! How much of a segment is needed is a hint for the cleaner, who looks for himself.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::Room;
use super::parts::{Link, Spot};
use crate::blocks::Blocks;
use crate::error::VaultError;

/// Segments that a page of the table has.
pub(crate) const PAGE: u32 = 4096;

/// Segments that an image has at most: so many that a checkpoint has room for the links to
/// all pages, and for what changes while they are stored.
pub(crate) const COUNT_MAX: u32 = 256 * PAGE;

/// Segments that are kept for metadata and the journal, so that on a full disk things
/// can still be removed.
const STANDBY: usize = 3;

/// A segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) enum SegmentState {
    /// Nothing is in it.
    #[default]
    #[n(0)]
    Free,
    /// A part of the log, with how many of its bytes are needed, about.
    #[n(1)]
    Log(#[n(0)] u32),
    /// A part of the journal.
    #[n(2)]
    Journal,
    /// Not needed since the checkpoint of this generation.
    #[n(3)]
    Freed(#[n(0)] u64),
}

/// The table of all segments.
#[derive(Debug)]
pub(crate) struct Table {
    segments: Vec<SegmentState>,
    free: BTreeSet<u32>,
    freed: BTreeSet<u32>,
    /// Segments that changed since their page was encoded.
    changed: BTreeSet<u32>,
    pages: BTreeMap<u32, Link>,
    /// Free segments whose room is reserved.
    standby: BTreeSet<u32>,
    count_max: u32,
}

impl Table {
    /// With nothing but segment 0, which is not for the log, and at most so many in all.
    pub(crate) fn new(count_max: u32) -> Self {
        Self {
            segments: alloc::vec![SegmentState::Journal],
            free: BTreeSet::new(),
            freed: BTreeSet::new(),
            changed: BTreeSet::from([0]),
            pages: BTreeMap::new(),
            standby: BTreeSet::new(),
            count_max,
        }
    }

    /// As it was encoded: its pages, and what changed after that.
    pub(crate) fn restore(
        count_max: u32,
        pages: BTreeMap<u32, (Link, Vec<SegmentState>)>,
        overrides: &[(u32, SegmentState)],
    ) -> Self {
        let mut table = Self::new(count_max);
        for (number, (link, states)) in pages {
            for (segment, state) in (number * PAGE..).zip(states) {
                table.set(segment, state);
            }
            table.pages.insert(number, link);
        }
        table.changed.clear();
        for (segment, state) in overrides {
            table.set(*segment, *state);
        }
        table
    }

    pub(crate) fn state(&self, segment: u32) -> SegmentState {
        self.segments.get(segment as usize).copied().unwrap_or_default()
    }

    /// All segments that were ever used.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (u32, SegmentState)> {
        (0..).zip(self.segments.iter().copied())
    }

    pub(crate) fn set(&mut self, segment: u32, state: SegmentState) {
        let place = segment as usize;
        while self.segments.len() <= place {
            self.free.insert(self.segments.len() as u32);
            self.segments.push(SegmentState::Free);
        }
        self.segments[place] = state;
        self.changed.insert(segment);
        match state {
            SegmentState::Free => self.free.insert(segment),
            _ => self.free.remove(&segment),
        };
        match state {
            SegmentState::Freed(_) => self.freed.insert(segment),
            _ => self.freed.remove(&segment),
        };
    }

    /// More of a segment is needed.
    pub(crate) fn add(&mut self, segment: u32, size: u32) {
        if let SegmentState::Log(live) = self.state(segment) {
            self.set(segment, SegmentState::Log(live.saturating_add(size)));
        }
    }

    /// Less of a segment is needed.
    pub(crate) fn subtract(&mut self, segment: u32, size: u32) {
        if let SegmentState::Log(live) = self.state(segment) {
            self.set(segment, SegmentState::Log(live.saturating_sub(size)));
        }
    }

    /// Bytes that may still be stored, about, in segments of this size.
    pub(crate) fn room(&self, segment_size: u32) -> u64 {
        let fresh = u64::from(self.count_max).saturating_sub(self.segments.len() as u64);
        (self.free.len() as u64 + fresh).saturating_sub(STANDBY as u64) * u64::from(segment_size)
    }

    /// The segments that stand by, which do so no more.
    pub(crate) fn take_standby(&mut self) -> BTreeSet<u32> {
        core::mem::take(&mut self.standby)
    }

    /// Takes a free segment for the log.
    pub(crate) fn open(
        &mut self,
        blocks: &mut impl Blocks,
        segment_size: u64,
        room: Room,
    ) -> Result<u32, VaultError> {
        let segment = self.take(blocks, segment_size, room)?;
        self.set(segment, SegmentState::Log(0));
        Ok(segment)
    }

    /// Takes a free segment for the journal.
    pub(crate) fn open_journal(
        &mut self,
        blocks: &mut impl Blocks,
        segment_size: u64,
    ) -> Result<u32, VaultError> {
        let segment = self.take(blocks, segment_size, Room::All)?;
        self.set(segment, SegmentState::Journal);
        Ok(segment)
    }

    fn take(&mut self, blocks: &mut impl Blocks, segment_size: u64, room: Room) -> Result<u32, VaultError> {
        let mut fresh = |table: &mut Self| -> Result<u32, VaultError> {
            let next = table.free.iter().copied().find(|segment| !table.standby.contains(segment));
            let segment = match next {
                Some(segment) => segment,
                None if (table.segments.len() as u64) < u64::from(table.count_max) => {
                    table.segments.len() as u32
                }
                None => return Err(VaultError::Full),
            };
            blocks.reserve(u64::from(segment) * segment_size, segment_size)?;
            table.set(segment, SegmentState::Free);
            Ok(segment)
        };
        while self.standby.len() < STANDBY {
            match fresh(self) {
                Ok(segment) => {
                    self.standby.insert(segment);
                }
                Err(VaultError::Full) => break,
                Err(why) => return Err(why),
            }
        }
        match fresh(self) {
            Ok(segment) => Ok(segment),
            Err(VaultError::Full) if room == Room::All => self.standby.pop_first().ok_or(VaultError::Full),
            Err(why) => Err(why),
        }
    }

    /// The pages that changed, encoded as they are now. What changes from here on is an
    /// override.
    pub(crate) fn take_changed(&mut self) -> Vec<(u32, Vec<u8>)> {
        let pages: BTreeSet<u32> =
            core::mem::take(&mut self.changed).into_iter().map(|segment| segment / PAGE).collect();
        let encode = |page: u32| {
            let start = ((page * PAGE) as usize).min(self.segments.len());
            let end = (start + PAGE as usize).min(self.segments.len());
            (page, super::encode(&self.segments[start..end].to_vec()))
        };
        pages.into_iter().map(encode).collect()
    }

    /// A page is stored. With where it was before.
    pub(crate) fn stored(&mut self, page: u32, link: Link) -> Option<Link> {
        self.pages.insert(page, link)
    }

    /// A page could not be stored, and has to be with the next checkpoint.
    pub(crate) fn not_stored(&mut self, page: u32) {
        self.changed.insert(page * PAGE);
    }

    /// Has a page stored anew with the next checkpoint, if it is at this spot.
    pub(crate) fn touch(&mut self, page: u32, spot: Spot) {
        if self.pages.get(&page).is_some_and(|link| link.spot == spot) {
            self.changed.insert(page * PAGE);
        }
    }

    /// Where the pages are.
    pub(crate) fn pages(&self) -> Vec<(u32, Link)> {
        self.pages.iter().map(|(page, link)| (*page, *link)).collect()
    }

    /// What changed since the pages were encoded.
    pub(crate) fn overrides(&self) -> Vec<(u32, SegmentState)> {
        self.changed.iter().map(|segment| (*segment, self.state(*segment))).collect()
    }

    /// Makes those free that neither of the two last checkpoints needs, of which this is
    /// the newer one.
    pub(crate) fn durable(&mut self, generation: u64) -> Vec<u32> {
        let of = |segment: &u32| match self.state(*segment) {
            SegmentState::Freed(since) => since < generation,
            _ => false,
        };
        let now_free: Vec<u32> = self.freed.iter().copied().filter(of).collect();
        for segment in &now_free {
            self.set(*segment, SegmentState::Free);
        }
        now_free
    }
}
