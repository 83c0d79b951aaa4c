//! The roster of a space, as it is kept beside its files, and what follows from a newer one.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::sign::SigningKey;
use allod_did::{DeviceId, Did, Log};

use super::{Grant, Roster, ShareError, Standing, Tips, tips};
use crate::blocks::Blocks;
use crate::compress::Compress;
use crate::error::VaultError;
use crate::files::{Files, Table};
use crate::sync::Known;

/// Where the roster is in the table of sync.
const ROW: &[u8] = b"members";

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

    /// Takes over the first roster of a space that was just joined. Whether one trusts its founder is
    /// for the person to say.
    ///
    /// # Errors
    /// [`RosterError`], also where there is one.
    pub fn join_roster(&mut self, roster: &Roster) -> Result<(), RosterError> {
        if roster.space() != self.space() || self.roster()?.is_some() {
            return Err(ShareError::OtherSpace.into());
        }
        self.keep(roster)
    }

    /// Takes over what somebody who may grant has granted: its roster, where it is newer than the
    /// one that is here, and epochs that the roster in force has. Where the two rosters stand
    /// apart, a device of the founder makes one of both; by another device nothing is done
    /// until it meets that one. Whether something changed; it is durable then.
    ///
    /// # Errors
    /// [`RosterError`], also where no roster is known.
    pub(super) fn take(
        &mut self,
        grant: &Grant,
        device: &SigningKey,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, RosterError> {
        let Some(known) = self.roster()? else { return Err(ShareError::OtherSpace.into()) };
        let roster = &grant.roster;
        let standing = roster.stands_to(&known)?;
        let epochs = match standing {
            Standing::Newer => roster.epochs(),
            Standing::Older => known.epochs(),
            Standing::Apart if known.is_led_by(device) => roster.epochs(),
            Standing::Apart => return Ok(false),
        };
        let mut ring = self.ring().clone();
        if let Some(more) = grant.ring.only(epochs) {
            ring.merge(&more).map_err(|_| ShareError::TooLarge)?;
        }
        let has_more = ring.epochs() > self.ring().epochs();
        // Keys first: a crash between leaves keys that are not used yet.
        if has_more {
            self.set_ring(ring)?;
        }
        match standing {
            Standing::Older => return Ok(has_more),
            // Whoever signed it did not hear of some devices that had been let in, and that others may have
            // heard: the founder's device says that these do not belong any more either.
            Standing::Newer if known.is_led_by(device) && !roster.knows_devices_of(&known) => {
                let tips = self.tips()?;
                let joined = roster.join(&known, &self.ring().commitments(), &tips, device);
                // Where the device itself was removed, it signs nothing.
                self.keep(joined.as_ref().unwrap_or(roster))?;
            }
            Standing::Newer => self.keep(roster)?,
            Standing::Apart => {
                // The newest epoch of each may be known to somebody whom the other removed.
                if !roster.has_same_keys(&known) {
                    self.begin_epoch(rng)?;
                }
                let tips = self.tips()?;
                let joined = known.join(roster, &self.ring().commitments(), &tips, device)?;
                self.keep(&joined)?;
            }
        }
        Ok(true)
    }

    /// The last batches that are here of each device.
    fn tips(&mut self) -> Result<Tips, RosterError> {
        Ok(tips(Known::read(self)?.batches().iter()))
    }

    fn keep(&mut self, roster: &Roster) -> Result<(), RosterError> {
        self.table(Table::Sync).insert(ROW, &roster.encode())?;
        Ok(self.commit()?)
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
            None => Roster::found(self.space(), name, founder, &self.ring().commitments(), device)?,
        };
        let all: Vec<Log> = core::iter::once(founder).chain(members).cloned().collect();
        let next = known.next(&all, &[], &Tips::new(), device)?;
        if next.members() == known.members() && self.roster()?.is_some() {
            return Ok(Changed::No);
        }
        let is_left_out = !devices(&known).is_subset(&devices(&next));
        // First the keys: a crash between leaves an epoch more, and nobody who reads too much.
        if is_left_out {
            self.begin_epoch(rng)?;
        }
        let tips = self.tips()?;
        let next = known.next(&all, &self.ring().commitments(), &tips, device)?;
        self.keep(&next)?;
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
        let fits = |log: &&Log| log.encode().len() <= super::LOG_MAX;
        let newer: Vec<Log> = newer.iter().filter(fits).cloned().collect();
        let members: Vec<Log> = known.members().iter().map(|log| newest(log, &newer).clone()).collect();
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
