//! A backup that nobody asked for: when the vault changed, and nobody is at work on it.

use std::fs::Metadata;
use std::time::SystemTime;

use allod_disk::{DiskError, PlaceError};
use allod_node::backup::{Backup, How, Report};
use allod_node::person::Home;

use super::super::open::place;
use super::secret_of;

/// What came of it.
#[derive(Debug)]
pub(crate) enum Done {
    /// There is no vault, or nobody to keep a backup.
    Nothing,
    /// Another program has the vault open.
    Later,
    /// It is backed up.
    Backed(Report),
    /// It is not, for this reason.
    Failed(String),
}

/// When the vault last changed; nothing where there is none.
pub(crate) fn changed(home: &Home) -> Option<SystemTime> {
    std::fs::metadata(place(home).image()).and_then(|about: Metadata| about.modified()).ok()
}

/// Backs the vault up, if there are peers.
pub(crate) async fn back_up(home: &Home) -> Done {
    let (place, person) = match home.load() {
        Ok(Some(person)) => (place(home), person),
        _ => return Done::Nothing,
    };
    if !place.is_there() || person.backup_peers.is_empty() {
        return Done::Nothing;
    }
    let mut vault = match place.open(&person.root.derive("vault", 0)) {
        Ok(vault) => vault,
        Err(PlaceError::Mounted(_) | PlaceError::Disk(DiskError::InUse(_))) => return Done::Later,
        Err(why) => return Done::Failed(why.to_string()),
    };
    match Backup::new(&mut vault, &secret_of(&person)).run(How::default(), &mut |_| ()).await {
        Ok(report) if report.is_safe => Done::Backed(report),
        Ok(report) => {
            let (count, all) = report.acknowledged;
            Done::Failed(format!("only {count} of {all} peers know of what is new"))
        }
        Err(why) => Done::Failed(why.to_string()),
    }
}
