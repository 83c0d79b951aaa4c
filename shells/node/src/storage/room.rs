//! Room in memory for what comes and goes, so that nobody takes it all.
//!
//! It is taken as bytes come, and given back when they are dropped. Who announces much and
//! sends nothing has nothing of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allod_crypto::sign::VerifyingKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Refusal;

/// Bytes that room is counted in.
pub(super) const UNIT: usize = 64 << 10;

/// Bytes of all that is in memory at once.
const ALL: usize = 256 << 20;

/// Bytes of one account: a catalogue, and a shard beside it.
const ACCOUNT: usize = 96 << 20;

/// Bytes of one network address, whatever accounts are asked for from there.
const ADDRESS: usize = 128 << 20;

/// How long room is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The memory that there is.
#[derive(Debug)]
pub(super) struct Memory {
    all: Arc<Semaphore>,
    shares: Mutex<BTreeMap<Holder, usize>>,
}

/// Who has a share, and no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// An account.
    Account(VerifyingKey),
    /// A network address, as it is counted.
    Address([u8; 8]),
}

impl Holder {
    /// Units that it may have.
    fn share(&self) -> usize {
        match self {
            Self::Account(_) => ACCOUNT / UNIT,
            Self::Address(_) => ADDRESS / UNIT,
        }
    }
}

/// Some of it, until dropped.
#[derive(Debug)]
pub(super) struct Room {
    memory: Arc<Memory>,
    holders: Vec<Holder>,
    /// Units that they are counted for.
    units: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Memory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(ALL / UNIT)), shares: Mutex::default() })
    }

    /// No room yet, for these.
    pub(super) fn room(self: &Arc<Self>, holders: Vec<Holder>) -> Room {
        Room { memory: Arc::clone(self), holders, units: 0, permit: None }
    }
}

impl Room {
    /// Makes it room for so many bytes, where it is less.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] where one of them has its share, or nothing becomes free in time.
    pub(super) async fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.div_ceil(UNIT).saturating_sub(self.units);
        if more == 0 {
            return Ok(());
        }
        {
            let mut shares = self.memory.shares.lock().unwrap_or_else(PoisonError::into_inner);
            let has = |holder: &Holder| shares.get(holder).copied().unwrap_or_default();
            if self.holders.iter().any(|holder| has(holder) + more > holder.share()) {
                return Err(Refusal::TooMany);
            }
            for holder in &self.holders {
                *shares.entry(*holder).or_default() += more;
            }
            self.units += more;
        }
        let count = u32::try_from(more).map_err(|_| Refusal::TooMany)?;
        let permit = Arc::clone(&self.memory.all).acquire_many_owned(count);
        let permit = tokio::time::timeout(PATIENCE, permit).await.map_err(|_| Refusal::TooMany)?;
        let permit = permit.map_err(|_| Refusal::TooMany)?;
        match &mut self.permit {
            Some(has) => has.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut shares = self.memory.shares.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in &self.holders {
            if let Some(has) = shares.get_mut(holder) {
                *has = has.saturating_sub(self.units);
                if *has == 0 {
                    shares.remove(holder);
                }
            }
        }
    }
}
