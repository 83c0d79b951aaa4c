//! The roster of a space, as it is kept beside its files, and what follows from a newer one.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::sign::SigningKey;
use allod_did::{DeviceId, Did, Log};

use super::{Roster, ShareError};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::{Files, Table};

/// Where the roster is in the table of sync.
const ROW: &[u8] = b"r";

/// What became of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It says what it said.
    No,
    /// It says something else, and all who could read can still read.
    Yes,
    /// Somebody may not read any more, so that an epoch began.
    Epoch,
}

/// Why a roster was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterError {
    /// It was refused.
    Share(ShareError),
    /// The vault failed.
    Vault(VaultError),
}

impl<B: Blocks, C: Compress> Files<B, C> {
    /// Who the members are, if that was ever said.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn roster(&mut self) -> Result<Option<Roster>, RosterError> {
        let bytes = self.table(Table::Sync).get(ROW)?;
        Ok(bytes.map(|bytes| Roster::decode(&bytes)).transpose()?)
    }

    /// Takes a roster over, where it is about this space, and newer than the one that is here.
    /// Whether it did; it is durable then.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn set_roster(&mut self, roster: &Roster) -> Result<bool, RosterError> {
        if roster.space() != self.space() {
            return Err(ShareError::OtherSpace.into());
        }
        let is_newer = match self.roster()? {
            Some(known) => roster.succeeds(&known)?,
            None => true,
        };
        if is_newer {
            self.table(Table::Sync).insert(ROW, &roster.encode())?;
            self.commit()?;
        }
        Ok(is_newer)
    }

    /// Says who the members are from now on, by a device of the founder: the person
    /// with this log first, then those of `members`. Where a device does not belong any more that did
    /// before, an epoch begins, so that it reads nothing that is stored from now on.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn set_members(
        &mut self,
        founder: &Log,
        members: &[Log],
        name: &[u8],
        device: &SigningKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Changed, RosterError> {
        let known = match self.roster()? {
            Some(known) => known,
            None => Roster::found(self.space(), name, founder, device)?,
        };
        let all: Vec<Log> = core::iter::once(founder).chain(members).cloned().collect();
        let next = known.next(&all, device)?;
        if next.members() == known.members() && self.roster()?.is_some() {
            return Ok(Changed::No);
        }
        let is_left_out = !devices(&known).is_subset(&devices(&next));
        // First the keys: a crash between leaves an epoch more, and nobody who reads too much.
        if is_left_out {
            self.begin_epoch(rng)?;
        }
        self.set_roster(&next)?;
        Ok(if is_left_out { Changed::Epoch } else { Changed::Yes })
    }

    /// Takes account of newer logs of members, by a device of the founder. By another device
    /// it does nothing.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn renew_members(
        &mut self,
        newer: &[Log],
        device: &SigningKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Changed, RosterError> {
        let Some(known) = self.roster()? else { return Ok(Changed::No) };
        let members: Vec<Log> = known.members().iter().map(|log| newest(log, newer).clone()).collect();
        let Some((founder, others)) = members.split_first() else { return Ok(Changed::No) };
        let id = super::public(device).device_id();
        if members == known.members() || founder.state().device(&id).is_none() {
            return Ok(Changed::No);
        }
        self.set_members(founder, others, known.name(), device, rng)
    }
}

/// The newest of the logs that go on from one.
fn newest<'a>(log: &'a Log, others: &'a [Log]) -> &'a Log {
    let later = others.iter().filter(|other| other.extends(log));
    later.max_by_key(|other| other.operations().len()).unwrap_or(log)
}

fn devices(roster: &Roster) -> BTreeSet<(Did, DeviceId)> {
    roster.devices().map(|(did, device)| (did, device.id())).collect()
}

impl From<ShareError> for RosterError {
    fn from(why: ShareError) -> Self {
        Self::Share(why)
    }
}

impl From<VaultError> for RosterError {
    fn from(why: VaultError) -> Self {
        Self::Vault(why)
    }
}

impl core::fmt::Display for RosterError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Share(why) => write!(f, "{why}"),
            Self::Vault(why) => write!(f, "{why}"),
        }
    }
}

impl core::error::Error for RosterError {}
