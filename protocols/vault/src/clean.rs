//! Making room: what no root leads to any more goes, while the store is used.
//!
//! First the owner [marks](Store::mark_needed) every object that it needs, from the roots of
//! one moment; what is put meanwhile is marked by itself. Then [`Store::clean`] takes the
//! segments of which little is needed, copies that elsewhere, and gives them back two
//! commits later. It reads no content and needs no keys but the image's: objects are copied
//! as they are.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::blocks::Blocks;
use crate::error::VaultError;
use crate::index::Place;
use crate::log::{Content, Room, SegmentState, Spot, Stream};
use crate::object::{Kind, ObjectId};
use crate::store::Store;

/// Which objects are needed: a bit for each, by segment and number in it.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Which marking this is, of this store since it was opened.
    run: u64,
    segments: BTreeMap<u32, Marked>,
    /// Segments that were full when marking began, and were not cleaned since. To clean
    /// what cleaning filled would go on forever.
    full: BTreeSet<u32>,
}

#[derive(Debug, Default)]
struct Marked {
    bits: Vec<u64>,
    size: u64,
}

impl Marks {
    /// Whether it was not marked before.
    fn mark(&mut self, place: &Place) -> bool {
        let marked = self.segments.entry(place.spot.segment).or_default();
        let (word, bit) = (usize::from(place.slot / 64), 1 << (place.slot % 64));
        if marked.bits.len() <= word {
            marked.bits.resize(word + 1, 0);
        }
        let is_new = marked.bits[word] & bit == 0;
        marked.bits[word] |= bit;
        if is_new {
            marked.size += u64::from(place.spot.size);
        }
        is_new
    }

    fn has(&self, place: &Place) -> bool {
        let marked = self.segments.get(&place.spot.segment);
        let word = marked.and_then(|marked| marked.bits.get(usize::from(place.slot / 64)));
        word.is_some_and(|word| word & (1 << (place.slot % 64)) != 0)
    }

    fn size(&self, segment: u32) -> u64 {
        self.segments.get(&segment).map_or(0, |marked| marked.size)
    }
}

/// What cleaning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Segments that are given back after two more commits.
    pub segments: u32,
    /// Objects that nobody needed.
    pub removed: u64,
    /// Bytes that were copied, since they are needed.
    pub copied: u64,
}

impl<B: Blocks> Store<B> {
    /// Begins to mark what is needed, with nothing marked. Which marking it is.
    pub fn begin_marking(&mut self) -> u64 {
        let is_full = |segment: &u32| {
            matches!(self.log.table.state(*segment), SegmentState::Log(_)) && !self.log.is_head(*segment)
        };
        let full = self.log.table.segments().map(|(segment, _)| segment).filter(is_full).collect();
        let run = self.marking().unwrap_or_default() + 1;
        self.marks = Some(Marks { run, segments: BTreeMap::new(), full });
        run
    }

    /// Which marking was begun last.
    pub fn marking(&self) -> Option<u64> {
        self.marks.as_ref().map(|marks| marks.run)
    }

    /// Marks an object as needed. Whether it was not marked before.
    ///
    /// # Errors
    /// [`VaultError::Missing`]; [`VaultError`].
    pub fn mark_needed(&mut self, id: &ObjectId) -> Result<bool, VaultError> {
        let place = self.index.get(&mut self.log, id)?.ok_or(VaultError::Missing(*id))?;
        Ok(self.mark(&place))
    }

    pub(crate) fn mark(&mut self, place: &Place) -> bool {
        self.marks.as_mut().is_some_and(|marks| marks.mark(place))
    }

    /// Cleans segments of which at most `percent` of a hundred are needed, those first of
    /// which the least is, until `segments_max` are cleaned. Call it when all that is needed
    /// is marked, and commit afterwards. It can be called again with the same marks, until
    /// it finds nothing.
    ///
    /// # Errors
    /// [`VaultError`]. Nothing is lost.
    pub fn clean(&mut self, percent: u32, segments_max: u32) -> Result<Cleaned, VaultError> {
        self.writable()?;
        let mut done = Cleaned::default();
        for (_, segment) in self.candidates(percent).into_iter().take(segments_max as usize) {
            self.clean_segment(segment, &mut done)?;
        }
        Ok(done)
    }

    /// How many segments [`Self::clean`] would clean now, if it had no bound.
    pub fn to_clean(&self, percent: u32) -> u32 {
        u32::try_from(self.candidates(percent).len()).unwrap_or(u32::MAX)
    }

    /// The segments of which little enough is needed, those first of which the least is, with how much.
    fn candidates(&self, percent: u32) -> Vec<(u64, u32)> {
        let Some(marks) = &self.marks else { return Vec::new() };
        let most = u64::from(self.log.segment_size) * u64::from(percent) / 100;
        let sizes = marks.full.iter().map(|segment| (marks.size(*segment), *segment));
        let mut candidates: Vec<(u64, u32)> = sizes.filter(|(needed, _)| *needed <= most).collect();
        candidates.sort_unstable();
        candidates
    }

    fn clean_segment(&mut self, segment: u32, done: &mut Cleaned) -> Result<(), VaultError> {
        let listed = self.log.listed(segment)?;
        for entry in listed {
            let spot = Spot { segment, offset: entry.offset, size: entry.size };
            match entry.content {
                Content::Object(id, kind, _) => self.move_object(&id, kind, spot, done)?,
                Content::Index(key) => self.index.touch(&mut self.log, &key, spot)?,
                Content::Page(page) => self.log.table.touch(page, spot),
            }
        }
        self.log.table.set(segment, SegmentState::Freed(self.generation + 1));
        if let Some(marks) = &mut self.marks {
            marks.full.remove(&segment);
        }
        done.segments += 1;
        Ok(())
    }

    fn move_object(
        &mut self,
        id: &ObjectId,
        kind: Kind,
        spot: Spot,
        done: &mut Cleaned,
    ) -> Result<(), VaultError> {
        let place = self.index.get(&mut self.log, id)?;
        let Some(place) = place.filter(|place| place.spot == spot) else { return Ok(()) };
        if !self.marks.as_ref().is_some_and(|marks| marks.has(&place)) {
            self.index.remove(&mut self.log, id)?;
            done.removed += 1;
            return Ok(());
        }
        let bytes = self.log.read(spot)?;
        let stream = match kind {
            Kind::Data => Stream::Data,
            Kind::Node => Stream::Meta,
        };
        let content = Content::Object(*id, place.kind, place.keys);
        let (spot, slot) = self.log.append(stream, Room::All, &bytes, content)?;
        let moved = Place { spot, slot, ..place };
        self.index.insert(&mut self.log, id, &moved)?;
        self.mark(&moved);
        done.copied += bytes.len() as u64;
        Ok(())
    }
}
