//! The store: objects by id, on blocks, durable at checkpoints, with a journal for what
//! has to be durable at once.
//!
//! - [`Store::put`] and [`Store::get`] keep and give objects. What was put is durable after
//!   the next [`Store::commit`].
//! - [`Store::commit`] makes a checkpoint: all objects, and a few bytes of the caller's that
//!   say which of them are roots.
//! - [`Store::record`] and [`Store::sync`] are for what cannot wait for a checkpoint. What was
//!   recorded after the last one is shown again when the store is opened.
//!
//! The store never writes over anything that one of the two last checkpoints needs, never
//! gives what it cannot authenticate, and knows nothing of files.
//!
//! # Memory
//! About 24 bytes a segment, which is 6 MiB for each TiB of image; 24 MiB for nodes of the index,
//! and as much for changed ones; two streams of less than 2 MiB. The image itself has about
//! 60 bytes of index an object, which is 0.03 % of data that is cut into 256 KiB.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret, SecretBytes};

use crate::blocks::{BLOCK, Blocks};
use crate::checkpoint::{Checkpoint, PLACE, Places, STATE_MAX, sealing};
use crate::clean::Marks;
use crate::error::{Damage, Part, VaultError};
use crate::index::{Index, Place};
use crate::journal::{Journal, Position};
use crate::log::{COUNT_MAX, Content, Link, Log, Room, SegmentState, Stream, Table, decode};
use crate::object::{Kind, ObjectId, SEALED_MAX, Sealed};

/// How an image is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of a segment: a power of two, at least 128 KiB. No object can be larger than
    /// that less four blocks, and there are at most 1,048,576 segments: 4 TiB, where they
    /// have 4 MiB each. What the place has beyond that is not used.
    pub segment_size: u32,
}

impl Geometry {
    /// What vaults of people have.
    pub const VAULT: Self = Self { segment_size: 4 << 20 };

    const SMALLEST: u32 = 128 << 10;
}

/// Segments without which nothing can be stored: that of the checkpoints, the streams', the
/// journal's, what stands by, and one more.
const SEGMENTS_MIN: u64 = 8;

/// Changed nodes of the index above which they are stored before the next checkpoint.
pub(crate) const FRESH_MAX: usize = 1024;

/// Objects on blocks.
#[derive(Debug)]
pub struct Store<B> {
    pub(crate) log: Log<B>,
    pub(crate) index: Index,
    journal: Journal,
    pub(crate) places: Places,
    image: Secret<32>,
    /// Of the last checkpoint.
    pub(crate) generation: u64,
    state: Vec<u8>,
    read_only: bool,
    pub(crate) marks: Option<Marks>,
}

impl<B: Blocks> Store<B> {
    /// Makes a store where nothing is that is needed. `root` is the key that opens it;
    /// `state` is what [`Self::state`] gives until the first commit.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn create(
        blocks: B,
        geometry: Geometry,
        root: &Secret<32>,
        state: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        let size_min = u64::from(geometry.segment_size) * SEGMENTS_MIN;
        let is_sound = geometry.segment_size.is_power_of_two() && geometry.segment_size >= Geometry::SMALLEST;
        if !is_sound || blocks.capacity() < size_min {
            return Err(VaultError::TooSmall { size_min: size_min.max(u64::from(Geometry::SMALLEST)) });
        }
        let (places, image) = Places::new(root, rng);
        let table = Table::new(count_max(&blocks, geometry.segment_size));
        let key = sealing(&image);
        let mut log = Log::new(blocks, key.clone(), geometry.segment_size, table, [None, None]);
        log.blocks.reserve(0, 2 * PLACE as u64)?;
        let segment = log.table.open_journal(&mut log.blocks, u64::from(geometry.segment_size))?;
        let journal = Journal::new(key, Position::start(segment));
        let index = Index::new(None);
        let mut store = Self {
            log,
            index,
            journal,
            places,
            image,
            generation: 0,
            state: Vec::new(),
            read_only: false,
            marks: None,
        };
        // Both places get one, so that nothing older can be taken for a checkpoint.
        store.commit(state)?;
        store.commit(state)?;
        Ok(store)
    }

    /// Opens a store. What was recorded since the last checkpoint is shown, in its order.
    ///
    /// # Errors
    /// [`VaultError::NotHere`], [`VaultError::Format`], and where the checkpoint's parts
    /// are damaged [`VaultError::Damaged`].
    pub fn open(blocks: B, root: &Secret<32>, see: &mut dyn FnMut(&[u8])) -> Result<Self, VaultError> {
        Self::open_with(blocks, root, see, &mut |_, why| Err(why))
    }

    /// The same, where somebody else says what is to be done about a page of the table that
    /// cannot be read.
    pub(crate) fn open_with(
        blocks: B,
        root: &Secret<32>,
        see: &mut dyn FnMut(&[u8]),
        unread: &mut dyn FnMut(u32, VaultError) -> Result<(), VaultError>,
    ) -> Result<Self, VaultError> {
        let (places, image, checkpoint) = Places::read(&blocks, root)?;
        let key = sealing(&image);
        let segment_size = checkpoint.segment_size;
        let count_max = count_max(&blocks, segment_size);
        let heads = checkpoint.heads;
        let mut log = Log::new(blocks, key.clone(), segment_size, Table::new(count_max), heads);
        let mut pages = BTreeMap::new();
        for (number, link) in checkpoint.pages {
            let damage = Damage { part: Part::Table, at: log.place(link.spot) };
            let plain = log.fetch(Part::Table, &link);
            match plain.and_then(|plain| decode::<Vec<SegmentState>>(&plain, damage)) {
                Ok(states) => drop(pages.insert(number, (link, states))),
                Err(why) => unread(number, why)?,
            }
        }
        log.table = Table::restore(count_max, pages, &checkpoint.overrides);
        // So it is already, but where its page was not read.
        if log.table.state(checkpoint.journal.segment()) != SegmentState::Journal {
            log.table.set(checkpoint.journal.segment(), SegmentState::Journal);
        }
        let mut journal = Journal::new(key, checkpoint.journal);
        journal.replay(&mut log, see)?;
        log.table.durable(checkpoint.generation);
        Ok(Self {
            log,
            index: Index::new(checkpoint.index),
            journal,
            places,
            image,
            generation: checkpoint.generation,
            state: checkpoint.state,
            read_only: false,
            marks: None,
        })
    }

    /// What the owner kept in the last checkpoint.
    pub fn state(&self) -> &[u8] {
        &self.state
    }

    /// A name for this image, which tells nothing of it.
    pub fn image_tag(&self) -> [u8; 32] {
        tagged("allod 2026 vault, name of an image", &[self.image.expose()])
    }

    /// Seals something that the owner keeps in its state, such as a key, for this image alone.
    pub fn wrap(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        self.owners_key().seal(context, plain)
    }

    /// What was [wrapped](Self::wrap) in this image.
    pub fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Option<SecretBytes> {
        self.owners_key().open(context, wrapped).ok()
    }

    fn owners_key(&self) -> SyntheticKey {
        let key = tagged("allod 2026 vault, sealing of what the owner keeps", &[self.image.expose()]);
        SyntheticKey::new(&Secret::from(key))
    }

    /// How many checkpoints were made before the last.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether an object is here.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn has(&mut self, id: &ObjectId) -> Result<bool, VaultError> {
        Ok(self.index.get(&mut self.log, id)?.is_some())
    }

    /// Keeps an object. Whether it was not here before.
    ///
    /// # Errors
    /// [`VaultError`]. The object is not here then.
    pub fn put(&mut self, object: &Sealed) -> Result<bool, VaultError> {
        self.writable()?;
        if let Some(place) = self.index.get(&mut self.log, &object.id)? {
            self.mark(&place);
            return Ok(false);
        }
        if object.bytes.len() > SEALED_MAX {
            return Err(VaultError::TooLarge { size_max: SEALED_MAX });
        }
        if self.index.fresh() > FRESH_MAX {
            self.index.save(&mut self.log)?;
        }
        let stream = match object.kind {
            Kind::Data => Stream::Data,
            Kind::Node => Stream::Meta,
        };
        let content = Content::Object(object.id, object.kind, object.keys);
        let (spot, slot) = self.log.append(stream, Room::Spare, &object.bytes, content)?;
        let place = Place { spot, slot, kind: object.kind, keys: object.keys };
        if let Err(why) = self.index.insert(&mut self.log, &object.id, &place) {
            self.log.release(spot);
            return Err(why);
        }
        self.mark(&place);
        Ok(true)
    }

    /// An object as it was put, but for its content, which only its keys show to be what
    /// it should be.
    ///
    /// # Errors
    /// [`VaultError::Missing`]; [`VaultError`].
    pub fn get(&mut self, id: &ObjectId) -> Result<Sealed, VaultError> {
        let place = self.index.get(&mut self.log, id)?.ok_or(VaultError::Missing(*id))?;
        let bytes = self.log.read(place.spot)?;
        Ok(Sealed { id: *id, kind: place.kind, keys: place.keys, bytes })
    }

    /// What is to be said of an object of which the bytes did not open.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn damage(&mut self, id: &ObjectId) -> Result<Damage, VaultError> {
        let place = self.index.get(&mut self.log, id)?.ok_or(VaultError::Missing(*id))?;
        Ok(Damage { part: Part::Object(*id), at: self.log.place(place.spot) })
    }

    /// Forgets an object, if it is here.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn remove(&mut self, id: &ObjectId) -> Result<(), VaultError> {
        self.writable()?;
        if let Some(place) = self.index.get(&mut self.log, id)? {
            self.index.remove(&mut self.log, id)?;
            self.log.release(place.spot);
        }
        Ok(())
    }

    /// Writes a good object over its own bytes that are damaged, where it has as many: then
    /// these are the very bytes that were written there once. Whether it was done, and is
    /// durable.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn restore_in_place(&mut self, object: &Sealed) -> Result<bool, VaultError> {
        let Some(place) = self.index.get(&mut self.log, &object.id)? else { return Ok(false) };
        if object.bytes.len() != place.spot.size as usize || place.keys != object.keys {
            return Ok(false);
        }
        let at = self.log.place(place.spot);
        if self.log.is_head(place.spot.segment) {
            // What is not written yet is good.
            self.log.flush()?;
        }
        let (first, end) = (at / BLOCK as u64, (at + object.bytes.len() as u64).div_ceil(BLOCK as u64));
        let mut bytes = alloc::vec![0; (end - first) as usize * BLOCK];
        self.log.blocks.read(first * BLOCK as u64, &mut bytes)?;
        let from = (at - first * BLOCK as u64) as usize;
        bytes[from..from + object.bytes.len()].copy_from_slice(&object.bytes);
        self.log.blocks.write(first * BLOCK as u64, &bytes)?;
        self.log.sync().inspect_err(|_| self.read_only = true)?;
        Ok(true)
    }

    /// Puts a good object in the place of one that is damaged.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn replace(&mut self, object: &Sealed) -> Result<(), VaultError> {
        self.remove(&object.id)?;
        self.put(object).map(|_| ())
    }

    /// Records something. It is durable after [`Self::sync`] or the next commit.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`] for more than [`RECORD_MAX`](crate::RECORD_MAX) bytes, or than a
    /// segment has but for two blocks;
    /// [`VaultError`].
    pub fn record(&mut self, content: &[u8]) -> Result<(), VaultError> {
        self.writable()?;
        self.journal.append(&mut self.log, content)
    }

    /// Makes durable what was recorded.
    ///
    /// # Errors
    /// [`VaultError`]. Where the place of the blocks fails at this, the store is read-only
    /// from then on, since nobody knows what is durable.
    pub fn sync(&mut self) -> Result<(), VaultError> {
        self.writable()?;
        self.log.sync().inspect_err(|_| self.read_only = true)
    }

    /// Bytes that were recorded since the last commit: a reason for the next one.
    pub fn recorded(&self) -> u64 {
        self.journal.size()
    }

    /// Makes a checkpoint of all that was put, with a state of the caller's in which all
    /// that was recorded is taken account of. Afterwards it is durable.
    ///
    /// # Errors
    /// [`VaultError`]. What was durable before still is, and another attempt may be made.
    pub fn commit(&mut self, state: &[u8]) -> Result<(), VaultError> {
        self.writable()?;
        if state.len() > STATE_MAX {
            return Err(VaultError::TooLarge { size_max: STATE_MAX });
        }
        let generation = self.generation + 1;
        let index = self.index.save(&mut self.log)?;
        let (position, spent) = self.journal.cut();
        for segment in spent {
            self.log.table.set(*segment, SegmentState::Freed(generation));
        }
        self.save_table()?;
        self.log.flush()?;
        let checkpoint = Checkpoint {
            format: Checkpoint::FORMAT,
            generation,
            segment_size: self.log.segment_size,
            pages: self.log.table.pages(),
            overrides: self.log.table.overrides(),
            heads: self.log.heads(),
            index,
            journal: position,
            state: state.to_vec(),
        };
        self.log.sync().inspect_err(|_| self.read_only = true)?;
        let written = self.places.write(&mut self.log.blocks, &checkpoint).and_then(|()| self.log.sync());
        written.inspect_err(|_| self.read_only = true)?;
        self.generation = generation;
        self.state = checkpoint.state;
        self.journal.was_cut();
        for segment in self.log.table.durable(generation) {
            let size = u64::from(self.log.segment_size);
            self.log.blocks.discard(self.log.at(segment, 0), size)?;
        }
        Ok(())
    }

    /// [Commits](Self::commit) so that another key opens the store, and the old one no
    /// more. That is done twice, so that neither place opens with the old key.
    ///
    /// # Errors
    /// [`VaultError`]. One of the two keys opens the store then.
    pub fn rekey(
        &mut self,
        root: &Secret<32>,
        state: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        self.writable()?;
        self.places = Places::wrap(root, &self.image, rng);
        self.commit(state)?;
        self.commit(state)
    }

    /// At most so many objects, in the order of their ids, from this one on.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn objects(
        &mut self,
        from: &ObjectId,
        count_max: usize,
    ) -> Result<Vec<(ObjectId, Kind)>, VaultError> {
        let found = self.index.page(&mut self.log, from, count_max)?;
        Ok(found.into_iter().map(|(id, place)| (id, place.kind)).collect())
    }

    /// Bytes that may still be stored, about.
    pub fn room(&self) -> u64 {
        self.log.table.room(self.log.segment_size)
    }

    /// Gives back the room that was reserved, but for a little with which things can be removed.
    /// It is reserved again by whoever needs it. For a store that nobody uses for a while.
    ///
    /// # Errors
    /// [`VaultError`]. What was durable is.
    pub fn give_back(&mut self) -> Result<(), VaultError> {
        self.log.flush()?;
        self.log.give_back()?;
        self.journal.give_back(&mut self.log)
    }

    /// Gives the blocks back. What was not committed or synced may be lost.
    pub fn into_blocks(self) -> B {
        self.log.blocks
    }

    pub(crate) fn writable(&self) -> Result<(), VaultError> {
        if self.read_only { Err(VaultError::ReadOnly) } else { Ok(()) }
    }

    fn save_table(&mut self) -> Result<(), VaultError> {
        let pages = self.log.table.take_changed();
        let mut result = Ok(());
        for (number, bytes) in pages {
            let link: Result<Link, _> = match result {
                Ok(()) => self.log.store(Part::Table, &bytes, Content::Page(number)),
                Err(why) => Err(why),
            };
            match link {
                Ok(link) => {
                    if let Some(before) = self.log.table.stored(number, link) {
                        self.log.release(before.spot);
                    }
                }
                // What is not stored now changed all the same.
                Err(why) => {
                    self.log.table.not_stored(number);
                    result = Err(why);
                }
            }
        }
        result
    }
}

fn count_max(blocks: &impl Blocks, segment_size: u32) -> u32 {
    let count = u32::try_from(blocks.capacity() / u64::from(segment_size));
    count.unwrap_or(u32::MAX).min(COUNT_MAX)
}

const _: () = assert!(2 * PLACE <= Geometry::SMALLEST as usize && PLACE.is_multiple_of(BLOCK));
