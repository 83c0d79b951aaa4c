//! Looking at every part of an image, and making again what can be made: the index, from the
//! summaries of the segments; the table of segments, from the segments themselves.
//!
//! An image in order is opened by [`Store::open`]. Where that fails, or where a part is
//! damaged, it is [opened as it is](Store::open_damaged) and [rebuilt](Store::rebuild):
//!
//! 1. what of the old index can be read is kept;
//! 2. what segments list and that index does not have is added, if its bytes are good: a
//!    segment that was used before may still list what it had then;
//! 3. what lies in a segment of which the list is damaged is copied to another one;
//! 4. the owner makes a checkpoint.
//!
//! Nothing is written before the first step is done, and until the checkpoint nothing is
//! written over.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use allod_crypto::Secret;

use crate::blocks::{BLOCK, Blocks};
use crate::error::{Damage, Part, VaultError};
use crate::index::{Index, Place};
use crate::log::{Content, PAGE, Room, SegmentState, Spot, Stream};
use crate::object::{Kind, ObjectId, Sealed};
use crate::store::{FRESH_MAX, Store};

/// Objects that are looked at together.
const PAGE_OF_OBJECTS: usize = 4096;

/// A store of which parts are damaged, to be [rebuilt](Store::rebuild).
#[derive(Debug)]
pub struct DamagedStore<B> {
    pub(crate) store: Store<B>,
    /// Pages of the table that cannot be read.
    pub(crate) unread: Vec<u32>,
}

/// What was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Objects that the old index had, as far as it could be read.
    pub known: u64,
    /// Objects that only the segments' lists had.
    pub found: u64,
    /// Objects that were copied out of segments of which the list is damaged.
    pub copied: u64,
    /// Objects in such segments that are damaged themselves.
    pub lost: u64,
}

/// Says whether an object's bytes are good.
pub type IsGood<'a> = dyn FnMut(&Sealed) -> bool + 'a;

impl<B: Blocks> Store<B> {
    /// Shows what is damaged of the image's own parts: checkpoints, the table, the index, and
    /// the lists of what is in segments. Objects are not looked at. Commit before.
    ///
    /// # Errors
    /// [`VaultError`], where the place of the blocks fails.
    pub fn check_parts(&mut self, see: &mut dyn FnMut(Damage)) -> Result<(), VaultError> {
        for at in self.places.damaged(&self.log.blocks) {
            see(Damage { part: Part::Checkpoint, at });
        }
        for (_, link) in self.log.table.pages() {
            if self.log.fetch(Part::Table, &link).is_err() {
                see(Damage { part: Part::Table, at: self.log.place(link.spot) });
            }
        }
        let mut known = Index::new(self.index.saved());
        known.survey(&mut self.log, &mut |_, found| {
            if let Err(why) = found {
                see(damage_of(why, Part::Index));
            }
        });
        let segments: Vec<(u32, SegmentState)> = self.log.table.segments().collect();
        for (segment, state) in segments {
            if let SegmentState::Log(_) = state
                && let (_, Some(why)) = self.log.readable(segment)
            {
                see(damage_of(why, Part::Summary));
            }
        }
        Ok(())
    }

    /// Opens a store of which the table may be damaged. It is of no use but to be rebuilt.
    ///
    /// # Errors
    /// As [`Self::open`], but for damage of the table.
    pub fn open_damaged(
        blocks: B,
        root: &Secret<32>,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<DamagedStore<B>, VaultError> {
        let mut unread = Vec::new();
        let store = Self::open_with(blocks, root, see, &mut |page, _| {
            unread.push(page);
            Ok(())
        })?;
        Ok(DamagedStore { store, unread })
    }
}

impl<B: Blocks> DamagedStore<B> {
    /// The store, of which the objects may not be complete yet.
    pub fn store(&self) -> &Store<B> {
        &self.store
    }

    /// Makes the index and the table again. Commit afterwards, with a state that takes account
    /// of what was recorded, as always.
    ///
    /// # Errors
    /// [`VaultError`]. It can be done again.
    pub fn rebuild(self, is_good: &mut IsGood<'_>) -> Result<(Store<B>, Rebuilt), VaultError> {
        let Self { mut store, unread } = self;
        let mut done = Rebuilt::default();
        let (segments, unlisted) = store.segments(&unread);
        let mut old = core::mem::replace(&mut store.index, Index::new(None));
        // The old index, as far as it can be read, is right. Its segments are not free.
        let mut places = Vec::new();
        old.survey(&mut store.log, &mut |_, found| places.extend(found.ok()));
        for (segment, state) in segments {
            store.log.table.set(segment, state);
        }
        for (_, place) in &places {
            store.log.table.set(place.spot.segment, SegmentState::Log(0));
        }
        for (id, place) in places {
            store.insert(&id, &place)?;
            done.known += 1;
        }
        store.find_listed(is_good, &mut done)?;
        store.leave(&unlisted, is_good, &mut done)?;
        Ok((store, done))
    }
}

impl<B: Blocks> Store<B> {
    /// What state each segment of the log should have, and those of which the list is not whole.
    fn segments(&self, unread: &[u32]) -> (Vec<(u32, SegmentState)>, BTreeSet<u32>) {
        let known: Vec<(u32, SegmentState)> = self.log.table.segments().collect();
        let (mut states, mut unlisted) = (Vec::new(), BTreeSet::new());
        let count_max = self.log.blocks.capacity() / u64::from(self.log.segment_size);
        let count_max = u32::try_from(count_max).unwrap_or(u32::MAX);
        let guessed = unread.iter().flat_map(|page| page * PAGE..(page * PAGE).saturating_add(PAGE));
        let guessed = guessed.filter(|segment| *segment > 0 && *segment < count_max);
        let guessed = guessed.filter(|segment| self.log.table.state(*segment) != SegmentState::Journal);
        for segment in guessed {
            let (listed, damage) = self.log.readable(segment);
            if !listed.is_empty() || damage.is_none() || self.log.is_head(segment) {
                states.push((segment, SegmentState::Log(0)));
            } else if !self.is_blank(segment) {
                // Nobody knows what is in it, unless the index does.
                states.push((segment, SegmentState::Log(0)));
                unlisted.insert(segment);
            }
            if damage.is_some() && !listed.is_empty() {
                unlisted.insert(segment);
            }
        }
        for (segment, state) in known {
            if let SegmentState::Log(_) = state {
                states.push((segment, SegmentState::Log(0)));
                if self.log.readable(segment).1.is_some() {
                    unlisted.insert(segment);
                }
            }
        }
        (states, unlisted)
    }

    fn is_blank(&self, segment: u32) -> bool {
        let mut block = [0; BLOCK];
        self.log.blocks.read(self.log.at(segment, 0), &mut block).is_ok() && block == [0; BLOCK]
    }

    fn insert(&mut self, id: &ObjectId, place: &Place) -> Result<(), VaultError> {
        if self.index.fresh() > FRESH_MAX {
            self.index.save(&mut self.log)?;
        }
        self.index.insert(&mut self.log, id, place)?;
        self.log.table.add(place.spot.segment, place.spot.size);
        Ok(())
    }

    /// Adds what segments list and the index does not have.
    fn find_listed(&mut self, is_good: &mut IsGood<'_>, done: &mut Rebuilt) -> Result<(), VaultError> {
        let all: Vec<u32> = self.log.table.segments().map(|(segment, _)| segment).collect();
        for segment in all {
            if !matches!(self.log.table.state(segment), SegmentState::Log(_)) {
                continue;
            }
            for (slot, entry) in (0_u16..).zip(self.log.readable(segment).0) {
                let Content::Object(id, kind, keys) = entry.content else { continue };
                if self.index.get(&mut self.log, &id)?.is_some() {
                    continue;
                }
                let spot = Spot { segment, offset: entry.offset, size: entry.size };
                let Ok(bytes) = self.log.read(spot) else { continue };
                if is_good(&Sealed { id, kind, keys, bytes }) {
                    self.insert(&id, &Place { spot, slot, kind, keys })?;
                    done.found += 1;
                }
            }
        }
        Ok(())
    }

    /// Copies what is in these segments to others, and gives them back.
    fn leave(
        &mut self,
        segments: &BTreeSet<u32>,
        is_good: &mut IsGood<'_>,
        done: &mut Rebuilt,
    ) -> Result<(), VaultError> {
        let mut from = ObjectId([0; 32]);
        while !segments.is_empty() {
            let page = self.index.page(&mut self.log, &from, PAGE_OF_OBJECTS)?;
            for (id, place) in page.iter().filter(|(_, place)| segments.contains(&place.spot.segment)) {
                let Place { kind, keys, .. } = *place;
                let bytes = self.log.read(place.spot).unwrap_or_default();
                let object = Sealed { id: *id, kind, keys, bytes };
                self.index.remove(&mut self.log, id)?;
                if !is_good(&object) {
                    done.lost += 1;
                    continue;
                }
                let stream = match kind {
                    Kind::Data => Stream::Data,
                    Kind::Node => Stream::Meta,
                };
                let content = Content::Object(*id, kind, keys);
                // A head that cannot be listed is left, too.
                for stream in [Stream::Data, Stream::Meta] {
                    if self.log.head(stream).is_some_and(|head| segments.contains(&head)) {
                        self.log.close(stream)?;
                    }
                }
                let (spot, slot) = self.log.append(stream, Room::All, &object.bytes, content)?;
                self.index.insert(&mut self.log, id, &Place { spot, slot, kind, keys })?;
                done.copied += 1;
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE_OF_OBJECTS => from = *last,
                _ => break,
            }
        }
        for segment in segments {
            self.log.table.set(*segment, SegmentState::Freed(self.generation + 1));
        }
        Ok(())
    }
}

fn damage_of(why: VaultError, part: Part) -> Damage {
    match why {
        VaultError::Damaged(damage) => damage,
        _ => Damage { part, at: 0 },
    }
}
