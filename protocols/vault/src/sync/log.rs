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
    lamport: u64,
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
        if !self.chains.contains_key(device) && self.chains.len() >= DEVICES_MAX {
            return Err(LogError::TooManyDevices);
        }
        self.lamport = self.lamport.max(*lamport);
        let at = self.chains.entry(*device).or_default().entry(*number).or_default();
        at.push(known);
        Ok(if at.len() > 1 { Taken::Copied } else { Taken::New })
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
        Batch {
            space,
            device,
            number: head.map_or(1, |(number, _)| number + 1),
            before: head.map(|(_, known)| known.id),
            seen,
            lamport: self.lamport + 1,
            time,
            nonce,
            operations,
        }
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
            Self::TooManyDevices => write!(f, "batches of more than {DEVICES_MAX} devices"),
        }
    }
}

impl core::error::Error for LogError {}
