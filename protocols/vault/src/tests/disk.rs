//! A disk that can run full, fail, and lose its power: every write since the last sync
//! may then have come about or not, block by block, in any order.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::blocks::{BLOCK, Blocks, BlocksError};

/// What is where no block was written, or where one was discarded.
const NOTHING: u8 = 0xDD;

/// The content of a disk.
pub(crate) type Image = BTreeMap<u64, Rc<[u8]>>;

/// What happened to a disk.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// These blocks were written, or discarded, as one.
    Write(Vec<(u64, Option<Rc<[u8]>>)>),
    Sync,
}

/// A disk of a certain size.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) image: Image,
    pub(crate) events: Vec<Event>,
    /// Bytes that can still be reserved or written where nothing is.
    pub(crate) room: u64,
    /// Blocks that have room.
    reserved: BTreeSet<u64>,
    /// Writes until all fail.
    pub(crate) writes_left: Option<u64>,
    capacity: u64,
}

/// A handle on a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(pub(crate) Rc<RefCell<Inside>>);

impl Disk {
    /// An empty one, with room for so many bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        Self::of(Image::new(), capacity)
    }

    /// One with a content.
    pub(crate) fn of(image: Image, capacity: u64) -> Self {
        let reserved: BTreeSet<u64> = image.keys().copied().collect();
        let room = capacity.saturating_sub(reserved.len() as u64 * BLOCK as u64);
        Self(Rc::new(RefCell::new(Inside { image, room, reserved, capacity, ..Inside::default() })))
    }

    /// A copy of what is on it now.
    pub(crate) fn image(&self) -> Image {
        self.0.borrow().image.clone()
    }
}

/// Writes one block, or discards it.
pub(crate) fn apply(image: &mut Image, (block, bytes): &(u64, Option<Rc<[u8]>>)) {
    match bytes {
        Some(bytes) => image.insert(*block, Rc::clone(bytes)),
        None => image.remove(block),
    };
}

impl Inside {
    /// Gives room to the blocks of this range that have none.
    fn take(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        let range = at / BLOCK as u64..(at + size).div_ceil(BLOCK as u64);
        let new: Vec<u64> = range.filter(|block| !self.reserved.contains(block)).collect();
        self.room = self.room.checked_sub(new.len() as u64 * BLOCK as u64).ok_or(BlocksError::Full)?;
        self.reserved.extend(new);
        Ok(())
    }

    fn count(&mut self) -> Result<(), BlocksError> {
        match &mut self.writes_left {
            Some(0) => Err(BlocksError::Failed(5)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Blocks for Disk {
    fn capacity(&self) -> u64 {
        self.0.borrow().capacity
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), BlocksError> {
        let inside = self.0.borrow();
        let (mut at, mut rest) = (at, into);
        while !rest.is_empty() {
            let from = (at % BLOCK as u64) as usize;
            let size = rest.len().min(BLOCK - from);
            let (part, behind) = rest.split_at_mut(size);
            match inside.image.get(&(at / BLOCK as u64)) {
                Some(block) => part.copy_from_slice(&block[from..from + size]),
                None => part.fill(NOTHING),
            }
            (at, rest) = (at + size as u64, behind);
        }
        Ok(())
    }

    fn reserve(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        self.0.borrow_mut().take(at, size)
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), BlocksError> {
        assert!(at.is_multiple_of(BLOCK as u64) && from.len().is_multiple_of(BLOCK), "whole blocks");
        let mut inside = self.0.borrow_mut();
        assert!(at + from.len() as u64 <= inside.capacity, "within the disk");
        inside.count()?;
        inside.take(at, from.len() as u64)?;
        let blocks = (at / BLOCK as u64..).zip(from.chunks(BLOCK));
        let blocks: Vec<_> = blocks.map(|(block, bytes)| (block, Some(Rc::from(bytes)))).collect();
        blocks.iter().for_each(|block| apply(&mut inside.image, block));
        inside.events.push(Event::Write(blocks));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), BlocksError> {
        let mut inside = self.0.borrow_mut();
        inside.count()?;
        inside.events.push(Event::Sync);
        Ok(())
    }

    fn discard(&mut self, at: u64, size: u64) -> Result<(), BlocksError> {
        let mut inside = self.0.borrow_mut();
        for block in at / BLOCK as u64..(at + size) / BLOCK as u64 {
            if inside.reserved.remove(&block) {
                inside.room += BLOCK as u64;
            }
        }
        let blocks: Vec<_> =
            (at / BLOCK as u64..(at + size) / BLOCK as u64).map(|block| (block, None)).collect();
        blocks.iter().for_each(|block| apply(&mut inside.image, block));
        inside.events.push(Event::Write(blocks));
        Ok(())
    }
}
