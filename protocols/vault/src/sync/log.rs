//! The batches that a device has, by device and number: what may come next, and what shows
//! that a device lost its memory or has two.
//!
//! A batch is taken only after the one that it names as the one before, and after all that it
//! had seen. So what a device has is always closed: nothing in it follows from what is
//! missing.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::batch::{Batch, BatchId, DEVICES_MAX, Device, Seen, Signed};
use super::operation::Operation;
use crate::files::Time;
use crate::ring::SpaceId;

/// What is known of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: BatchId,
    /// Its Lamport time.
    pub lamport: u64,
}

/// Which batches a device has.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Nearly always one for each number; a device that was copied may have more.
    chains: BTreeMap<Device, BTreeMap<u64, Vec<Known>>>,
    /// Of devices that were copied: the greatest Lamport time up to a number, by the numbers that
    /// there are several batches of, where it grows.
    copied: BTreeMap<Device, BTreeMap<u64, u64>>,
}

/// What came of a batch that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    New,
    /// It was there already.
    Known,
    /// It is new, and the device has another with this number: somebody used two copies of its
    /// state. Both batches count.
    Copied,
}

/// Why a batch was not taken. Its device, or whoever left out others, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogError {
    /// The device's batch before is not here.
    Gap {
        /// Whose.
        device: Device,
        /// The number of the one that came.
        number: u64,
    },
    /// It had seen a batch that is not here.
    Unseen {
        /// Whose batch came.
        device: Device,
        /// Whose batch is missing.
        of: Device,
        /// Its number.
        number: u64,
    },
    /// Its Lamport time is not above all that it had seen.
    Untimely(Device),
    /// Its Lamport time is more than one above all that it had seen.
    TooLate(Device),
    /// There are as many devices as there may be.
    TooManyDevices,
}

impl Log {
    /// The newest batch of each device, in the order of their keys.
    pub fn heads(&self) -> impl Iterator<Item = (Device, u64, Known)> + '_ {
        self.chains.iter().filter_map(|(device, chain)| {
            let (number, known) = chain.last_key_value()?;
            Some((*device, *number, *known.iter().max_by_key(|known| known.id)?))
        })
    }

    /// The newest batch of a device.
    pub fn head(&self, device: &Device) -> Option<(u64, Known)> {
        let (number, known) = self.chains.get(device)?.last_key_value()?;
        Some((*number, *known.iter().max_by_key(|known| known.id)?))
    }

    /// Whether a batch is here.
    pub fn has(&self, device: &Device, number: u64, id: &BatchId) -> bool {
        self.at(device, number).iter().any(|known| known.id == *id)
    }

    /// What there is of each device, but for this one.
    pub fn seen(&self, but: &Device) -> Vec<Seen> {
        let heads = self.heads().filter(|(device, ..)| device != but);
        heads.map(|(device, number, _)| Seen { device, number }).collect()
    }

    /// Takes a batch, whose signature was checked.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn take(&mut self, signed: &Signed) -> Result<Taken, LogError> {
        let Batch { device, number, before, seen, lamport, .. } = signed.batch();
        let known = Known { id: signed.id(), lamport: *lamport };
        if self.has(device, *number, &known.id) {
            return Ok(Taken::Known);
        }
        if let Some(before) = before {
            let gap = LogError::Gap { device: *device, number: *number };
            let mut at = self.at(device, number - 1).iter();
            let before = at.find(|known| known.id == *before).ok_or(gap)?;
            if before.lamport >= *lamport {
                return Err(LogError::Untimely(*device));
            }
        }
        for Seen { device: of, number } in seen {
            let at = self.at(of, *number);
            let least = at.iter().map(|known| known.lamport).min();
            let least = least.ok_or(LogError::Unseen { device: *device, of: *of, number: *number })?;
            if least >= *lamport {
                return Err(LogError::Untimely(*device));
            }
        }
        // So time goes on by one with each batch, and nobody can use it up.
        if *lamport > self.latest(device, number.saturating_sub(1), seen).saturating_add(1) {
            return Err(LogError::TooLate(*device));
        }
        if !self.chains.contains_key(device) && self.chains.len() >= DEVICES_MAX {
            return Err(LogError::TooManyDevices);
        }
        let at = self.chains.entry(*device).or_default().entry(*number).or_default();
        at.push(known);
        if at.len() < 2 {
            return Ok(Taken::New);
        }
        let latest = at.iter().map(|known| known.lamport).max().unwrap_or_default();
        let copied = self.copied.entry(*device).or_default();
        if copied.range(..=number).next_back().is_none_or(|(_, before)| *before < latest) {
            let covered = |(number, lamport): (&u64, &u64)| (*lamport <= latest).then_some(*number);
            while let Some(later) = copied.range(*number..).next().and_then(covered) {
                copied.remove(&later);
            }
            copied.insert(*number, latest);
        }
        Ok(Taken::Copied)
    }

    /// The next batch of a device, that has `seen` what it says of the others.
    pub fn next(
        &self,
        space: SpaceId,
        device: Device,
        seen: Vec<Seen>,
        (time, nonce): (Time, [u8; 16]),
        operations: Vec<Operation>,
    ) -> Batch {
        let head = self.head(&device);
        let lamport = self.latest(&device, head.map_or(0, |(number, _)| number), &seen) + 1;
        Batch {
            space,
            device,
            number: head.map_or(1, |(number, _)| number + 1),
            before: head.map(|(_, known)| known.id),
            seen,
            lamport,
            time,
            nonce,
            operations,
        }
    }

    /// The greatest Lamport time of what a device had seen, and of its own batches up to a number.
    fn latest(&self, device: &Device, number: u64, seen: &[Seen]) -> u64 {
        let seen = seen.iter().map(|seen| self.latest_of(&seen.device, seen.number));
        seen.max().unwrap_or_default().max(self.latest_of(device, number))
    }

    /// The greatest Lamport time of a device's batches up to a number. In a chain that is the
    /// last; only where the device was copied, another chain may have gone further.
    fn latest_of(&self, device: &Device, number: u64) -> u64 {
        let last = self.at(device, number).iter().map(|known| known.lamport).max();
        let copied = self.copied.get(device).and_then(|copied| copied.range(..=number).next_back());
        last.max(copied.map(|(_, lamport)| *lamport)).unwrap_or_default()
    }

    fn at(&self, device: &Device, number: u64) -> &[Known] {
        self.chains.get(device).and_then(|chain| chain.get(&number)).map_or(&[], Vec::as_slice)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { device, number } => {
                write!(f, "batch {number} of device {device} without the one before it")
            }
            Self::Unseen { device, of, number } => {
                write!(
                    f,
                    "a batch of device {device} without batch {number} of device {of}, which it had seen"
                )
            }
            Self::Untimely(device) => {
                write!(f, "a batch of device {device} that is dated before what it had seen")
            }
            Self::TooLate(device) => {
                write!(f, "a batch of device {device} that is dated long after what it had seen")
            }
            Self::TooManyDevices => write!(f, "batches of more than {DEVICES_MAX} devices"),
        }
    }
}

impl core::error::Error for LogError {}
