//! A folder in which carriers leave bundles for each other although they are never there at
//! the same time: on a stick, or one that any program keeps alike on several machines.
//!
//! Roles: *carriers*, each with the key of its end of links, by which they are told apart.
//!
//! Layout: `allod-courier/CARRIER/`, where CARRIER is the first half of the carrier's key in
//! hexadecimal digits. Each carrier writes in its own folder only. There lie [parcels](crate::parcel) of
//! bundles, named by the time they were made, which never change; and `notes.parcel`, which has no bundles but
//! says which ones the carrier gave or read there, and tokens of those that were delivered.
//!
//! Flow: a carrier that comes by takes from others' parcels what it does not have, and notes what
//! it read. Then it gives what others lack: neither what others offer and it has read there
//! itself, nor what all others have noted. It removes its own parcels when nothing in them is
//! wanted any more, or makes new ones of them when half is not. What all have is kept while
//! there is room, since somebody may come who was never there.
//!
//! Since a file never changes under its name and everything in it is signed, it is of no
//! matter which files are there twice, half, late, or under the names that sync programs make
//! for conflicts: what is whole is read. Names are lower case, of digits and letters, no file is larger than
//! FAT file systems have them, and nothing needs links, permissions or exact times.
//!
//! What this never does: it never follows a link, opens a device or waits for a pipe; never
//! reads more from a carrier's folder than a limit; never removes or writes a file of
//! others; never fills more than its share. Whoever can write there can remove everything,
//! and sees which carriers were there, when, and how much they carried.

mod give;
mod notes;
mod place;
mod take;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use allod_crypto::sign::SigningKey;

use crate::narrow_error::{Damage, NarrowError};
use notes::Notes;
use place::Place;

pub use take::Arrived;

/// The folder in the folder.
const ROOT: &str = "allod-courier";
/// How a parcel's name ends.
const ENDING: &str = ".parcel";
const NOTES: &str = "notes.parcel";

/// The most carriers whose folders are read.
pub const CARRIERS_MAX: usize = 256;

/// The most bytes of a parcel that is read.
pub const PARCEL_MAX: u64 = 64 << 20;

/// The most bytes that are read from one carrier's folder at a time.
pub const READ_MAX: u64 = 1 << 30;

/// How much of a folder's place is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub bytes: u64,
    /// Of what is free, one part of so many.
    pub share: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 << 20, share: 4 }
    }
}

/// Why something in a folder was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skipped {
    /// A parcel that is not as its carrier made it; what was whole before that was read.
    Damaged(Damage),
    /// A parcel in the folder of another carrier than the one that signed it.
    NotTheirs,
    /// No regular file, or no folder: a link, a device, a pipe.
    NotAFile,
    /// A file with a name that none of ours has.
    Named,
    /// Larger than any of ours.
    TooLarge,
    /// More than is read from one carrier, or more carriers than are read.
    TooMany,
    /// The file could not be read.
    Unreadable,
    /// Something in a parcel that is no bundle.
    NoBundle,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged(damage) => return write!(f, "a parcel {damage}"),
            Self::NotTheirs => "a parcel of another carrier than whose folder it is in",
            Self::NotAFile => "a link, a device or a pipe",
            Self::Named => "a file that is none of the courier's",
            Self::TooLarge => "a file that is too large",
            Self::TooMany => "more than is read at a time",
            Self::Unreadable => "a file that could not be read",
            Self::NoBundle => "something that is no bundle",
        })
    }
}

/// What was taken from a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Other carriers that have a folder there.
    pub carriers: usize,
    /// Bundles that were new and are kept.
    pub bundles: usize,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Bundles that were known.
    pub known: usize,
    /// Bundles that were not taken, and may be the next time.
    pub left: usize,
    /// Bundles that have expired.
    pub expired: usize,
    /// Tokens of bundles that were delivered.
    pub tokens: usize,
    /// What was not read, by why.
    pub skipped: BTreeMap<Skipped, usize>,
    /// Nothing can be written there, and so others do not see what was taken.
    pub is_read_only: bool,
}

/// What was given to a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Bundles that were written.
    pub bundles: usize,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Bundles that lie there from before.
    pub there: usize,
    /// Bundles that another carrier offers there.
    pub offered: usize,
    /// Bundles that all others have.
    pub had: usize,
    /// Bundles for which there is no room.
    pub no_room: usize,
    /// Bundles that could not be loaded.
    pub missing: usize,
    /// Parcels of this carrier that were removed.
    pub removed: usize,
    /// The stick is full.
    pub is_full: bool,
    /// Nothing can be written there.
    pub is_read_only: bool,
}

/// A folder that carriers share.
pub struct Folder {
    path: PathBuf,
    place: Place,
    key: SigningKey,
    name: String,
    limits: Limits,
    notes: Notes,
    /// Files that were read as they are, and what was wrong with them.
    unchanged: BTreeMap<(String, String), (place::Stamp, Option<Skipped>)>,
    /// What of the folder was there when it was last looked at.
    looked: Option<[u8; 32]>,
}

impl Folder {
    /// The folder at this path, for the carrier with this key. Nothing is written yet.
    ///
    /// # Errors
    /// [`NarrowError::Io`], [`NarrowError::NotAFolder`].
    pub fn open(path: &Path, key: &SigningKey) -> Result<Self, NarrowError> {
        let place = Place::open(path)?;
        let name = carrier_name(&key.verifying_key().0);
        let mut folder = Self {
            path: path.to_owned(),
            place,
            key: key.clone(),
            name,
            limits: Limits::default(),
            notes: Notes::default(),
            unchanged: BTreeMap::new(),
            looked: None,
        };
        let own = folder.root()?.map(|root| root.enter(&folder.name)).transpose()?.flatten();
        if let Some(own) = own {
            folder.notes = Notes::load(&own, &key.verifying_key().0);
        }
        Ok(folder)
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of all carriers, if there is one.
    fn root(&self) -> Result<Option<Place>, NarrowError> {
        self.place.enter(ROOT)
    }

    /// This carrier's folder, which is made if there is none.
    fn own(&self) -> Result<Place, NarrowError> {
        self.place.make(ROOT)?.make(&self.name)
    }

    /// The names of other carriers' folders, and how many there are that are not read.
    fn carriers(&self, root: &Place) -> Result<(BTreeSet<String>, usize), NarrowError> {
        let listing = root.list()?;
        let is_carrier = |name: &String| {
            name.len() == self.name.len()
                && name.bytes().all(|digit| digit.is_ascii_hexdigit())
                && !name.eq_ignore_ascii_case(&self.name)
        };
        let mut names: BTreeSet<_> = listing.names.into_iter().filter(is_carrier).collect();
        let mut more = usize::from(listing.is_more);
        while names.len() > CARRIERS_MAX {
            names.pop_last();
            more += 1;
        }
        Ok((names, more))
    }
}

/// The name of a carrier's folder.
fn carrier_name(key: &[u8; 32]) -> String {
    key[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a file is a parcel by its name, whatever a sync program made of the rest of it.
fn is_parcel(name: &str) -> bool {
    name.len() > ENDING.len()
        && !name.starts_with('.')
        && name.get(name.len() - ENDING.len()..).is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}

fn kind(why: &NarrowError) -> Option<io::ErrorKind> {
    match why {
        NarrowError::Io { why, .. } => Some(why.kind()),
        _ => None,
    }
}

fn is_read_only(why: &NarrowError) -> bool {
    matches!(kind(why), Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied))
}

fn is_full(why: &NarrowError) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(kind(why), Some(StorageFull | QuotaExceeded | FileTooLarge))
}
