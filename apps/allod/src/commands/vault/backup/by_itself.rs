//! What is done for a backup without being asked: a run when a vault changed and nobody is at work
//! on it, and an audit of the peers each day. Where a vault is mounted, the process that has it
//! mounted is asked to do so.

use std::fs::{Metadata, metadata};
use std::time::{Duration, SystemTime};

use allod_disk::{DiskError, PlaceError, Vault};
use allod_node::backup::{Audit, Audited, Backup, How, Report, RunError};

use allod_node::person::{Home, Person};

use super::super::open::{VaultHome, place};
use super::super::spaces;
use super::verify::SAMPLE;
use super::{folders, secret_of};

mod asked;

/// How often peers are audited, in milliseconds.
const AUDITED_EVERY: u64 = 24 * 60 * 60 * 1000;

const DAY: Duration = Duration::from_millis(AUDITED_EVERY);

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// There is no vault, nobody to keep a backup, or nothing to do yet.
    Nothing,
    /// Another program has the vault open.
    Later,
    /// It is done.
    Done(T),
    /// It is not, for this reason.
    Failed(String),
}

impl<T> Outcome<T> {
    /// What was done, or why nothing was.
    fn done<U>(self) -> Result<T, Outcome<U>> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Nothing => Err(Outcome::Nothing),
            Self::Later => Err(Outcome::Later),
            Self::Failed(why) => Err(Outcome::Failed(why)),
        }
    }
}

/// What a backup did.
#[derive(Debug)]
pub(crate) struct BackedUp {
    /// Which one it is.
    pub(crate) generation: u64,
    /// How many peers know of it, of how many.
    pub(crate) acknowledged: (u64, u64),
    /// Whether parts that were lost are kept again.
    pub(crate) has_repaired: bool,
}

/// What an audit found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Peers that were asked.
    pub(crate) peers: usize,
    /// What was wrong with whom.
    pub(crate) faults: Vec<(String, String)>,
}

impl From<Report> for BackedUp {
    fn from(report: Report) -> Self {
        let (count, all) = report.acknowledged;
        let (generation, has_repaired) = (report.generation, report.repaired > 0);
        Self { generation, acknowledged: (count as u64, all as u64), has_repaired }
    }
}

impl From<Vec<Audited>> for Found {
    fn from(audited: Vec<Audited>) -> Self {
        let faults = audited.iter().flat_map(|one| &one.faults.0);
        let faults = faults.map(|(address, why)| (address.clone(), why.to_string())).collect();
        Self { peers: audited.len(), faults }
    }
}

/// The person's own vault and the shared folders.
pub(crate) fn vaults(home: &Home) -> Vec<VaultHome> {
    let folders = spaces::all(home).unwrap_or_default().into_iter().map(Some);
    [None].into_iter().chain(folders).map(|space| VaultHome::of(home, space)).collect()
}

/// When there last was something new for the backup of a vault; nothing where there is no vault.
pub(crate) fn changed(home: &VaultHome) -> Option<SystemTime> {
    let modified = |path| metadata(path).and_then(|about: Metadata| about.modified()).ok();
    let image = modified(place(home).image())?;
    match home.space() {
        Some(_) => Some(image),
        // A new shared folder is to be found again, too.
        None => Some(modified(home.path().join("vault/spaces")).map_or(image, |folders| folders.max(image))),
    }
}

/// Backs a vault up, if there are peers.
pub(crate) async fn back_up(home: &VaultHome) -> Outcome<BackedUp> {
    let (mut vault, person) = match open(home).done() {
        Ok(opened) => opened,
        Err(Outcome::Later) => return asked::back_up(home).await,
        Err(not_done) => return not_done,
    };
    let mut backup = Backup::new(&mut vault, &secret_of(home, &person));
    match run(home, &mut backup).await {
        Ok(Some(report)) if report.is_safe => Outcome::Done(report.into()),
        Ok(Some(report)) => {
            let (count, all) = report.acknowledged;
            Outcome::Failed(format!("only {count} of {all} peers know of what is new"))
        }
        Ok(None) => Outcome::Nothing,
        Err(why) => Outcome::Failed(why.to_string()),
    }
}

async fn run(home: &VaultHome, backup: &mut Backup<&mut Vault>) -> Result<Option<Report>, RunError> {
    if backup.peer_addresses()?.is_empty() {
        return Ok(None);
    }
    if home.space().is_none() {
        backup.set_folders(folders(home).unwrap_or_default())?;
    }
    backup.run(How::default(), &mut |_| ()).await.map(Some)
}

/// Audits a sample of what the peers of a vault keep, if that is due at this time (milliseconds
/// since 1970). With when the next one is.
pub(crate) async fn audit(home: &VaultHome, now: u64) -> (Outcome<Found>, Duration) {
    let day = DAY;
    let (mut vault, person) = match open(home).done() {
        Ok(opened) => opened,
        Err(Outcome::Later) => return asked::audit(home, now).await,
        Err(not_done) => return (not_done, day),
    };
    let mut backup = Backup::new(&mut vault, &secret_of(home, &person));
    let wait = match backup.audited().and_then(|last| Ok((last, backup.peer_addresses()?))) {
        Ok((last, peers)) if !peers.is_empty() => until_due(last, now),
        Ok(_) => return (Outcome::Nothing, day),
        Err(why) => return (Outcome::Failed(why.to_string()), day),
    };
    if wait > 0 {
        return (Outcome::Nothing, Duration::from_millis(wait));
    }
    match backup.verify(Audit::Sample(SAMPLE)).await {
        Ok(audited) => (Outcome::Done(audited.into()), day),
        Err(why) => (Outcome::Failed(why.to_string()), day),
    }
}

/// How long it is until an audit is due, of which the last was then; in milliseconds.
fn until_due(last: u64, now: u64) -> u64 {
    match now.checked_sub(last) {
        Some(since) => AUDITED_EVERY.saturating_sub(since),
        // A clock was wrong, this one or that of then.
        None => 0,
    }
}

/// The vault, if there are peers at all.
fn open(home: &VaultHome) -> Outcome<(Vault, Person)> {
    let (place, person) = match home.load() {
        Ok(Some(person)) => (place(home), person),
        _ => return Outcome::Nothing,
    };
    if !place.is_there() || person.backup_peers.is_empty() {
        return Outcome::Nothing;
    }
    match place.open(&home.root(&person)) {
        Ok(vault) => Outcome::Done((vault, person)),
        Err(PlaceError::Mounted(_) | PlaceError::Disk(DiskError::InUse(_))) => Outcome::Later,
        Err(why) => Outcome::Failed(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_is_due_a_day_after_the_last_also_when_the_clock_was_wrong() {
        let hour = 60 * 60 * 1000;
        let now = 500_000 * hour;
        // Never, just now, some hours ago, a day ago, long ago, and in a time to come.
        assert_eq!(until_due(0, now), 0);
        assert_eq!(until_due(now, now), 24 * hour);
        assert_eq!(until_due(now - 23 * hour, now), hour);
        assert_eq!(until_due(now - 24 * hour, now), 0);
        assert_eq!(until_due(now - 700 * hour, now), 0);
        assert_eq!(until_due(now + hour, now), 0);
    }
}
