//! What of the ledger concerns a person, as far as their home folder came across it.
//!
//! Nobody can ask a guardian what somebody owns: the ledger's tree has places for
//! things, and none for their owners. So a home folder remembers the names of what its
//! person did something with or looked up. What is true of it is asked of the ledger
//! each time: the folder proves nothing, and losing it loses nothing but the list.
//!
//! `owned/<network>/<identity>/<kind>.<id>` has the time when the thing was come across
//! first, in milliseconds since 1970 (8 bytes), and 1 if it was the person's then or
//! later, else 0.

use std::fmt;
use std::path::{Path, PathBuf};

use allod_did::Did;
use allod_ledger::holding::Holding;
use allod_ledger::name::Name;
use allod_wire::{AssetId, Instant, LockId, NetworkId, OfferId, TitleId};
use data_encoding::HEXLOWER;

use super::LedgerError;
use crate::{FileError, files};

/// Something on the ledger that can be somebody's, by what tells it from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A name.
    Name(Name),
    /// A title.
    Title(TitleId),
    /// Units of an asset, or the asset itself for who issues it.
    Units(AssetId),
    /// A lock.
    Lock(LockId),
    /// An offer.
    Offer(OfferId),
}

impl From<&Holding> for Thing {
    fn from(what: &Holding) -> Self {
        match what {
            Holding::Name(name) => Self::Name(name.clone()),
            Holding::Units(units) => Self::Units(units.asset),
            Holding::Title(title) => Self::Title(*title),
        }
    }
}

/// As people call it.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "the name {name}"),
            Self::Title(id) => write!(f, "the title {id}"),
            Self::Units(id) => write!(f, "units of {id}"),
            Self::Lock(id) => write!(f, "the lock {id}"),
            Self::Offer(id) => write!(f, "the offer {id}"),
        }
    }
}

impl Thing {
    /// What kind of thing, and which: the name of its file.
    fn file(&self) -> String {
        match self {
            Self::Name(name) => format!("name.{name}"),
            Self::Title(id) => format!("title.{id}"),
            Self::Units(id) => format!("units.{id}"),
            Self::Lock(id) => format!("lock.{id}"),
            Self::Offer(id) => format!("offer.{id}"),
        }
    }

    fn of_file(file: &str) -> Option<Self> {
        let (kind, id) = file.split_once('.')?;
        match kind {
            "name" => Name::new(id).ok().map(Self::Name),
            "title" => id.parse().ok().map(Self::Title),
            "units" => id.parse().ok().map(Self::Units),
            "lock" => id.parse().ok().map(Self::Lock),
            "offer" => id.parse().ok().map(Self::Offer),
            _ => None,
        }
    }
}

/// Something that a home folder came across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belonging {
    /// What.
    pub thing: Thing,
    /// Since when it is known here, by this device's clock.
    pub since: Instant,
    /// Whether it was the person's at some time.
    pub was_theirs: bool,
}

/// What a home folder came across that concerns one identity in one network.
#[derive(Clone, Debug)]
pub struct Belongings {
    folder: PathBuf,
}

impl Belongings {
    /// Those of this identity in this network, in the home folder at this path.
    pub fn of(home: &Path, network: &NetworkId, did: &Did) -> Self {
        let identity = HEXLOWER.encode(did.as_bytes());
        Self { folder: home.join("owned").join(network.to_string()).join(identity) }
    }

    /// Everything, ordered by kind.
    ///
    /// # Errors
    /// [`LedgerError::File`]; [`LedgerError::Garbage`] for a file that is none of these.
    pub fn all(&self) -> Result<Vec<Belonging>, LedgerError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(files::at(&self.folder))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let name = entry.map_err(files::at(&self.folder))?.file_name();
            let Some(thing) = name.to_str().and_then(Thing::of_file) else { continue };
            all.extend(self.find(&thing)?);
        }
        all.sort_by(|one, other| one.thing.cmp(&other.thing));
        Ok(all)
    }

    fn find(&self, thing: &Thing) -> Result<Option<Belonging>, LedgerError> {
        let path = self.path(thing);
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let damaged = || LedgerError::Garbage(format!("the file {}", path.display()));
        let bytes = <[u8; 9]>::try_from(bytes).map_err(|_| damaged())?;
        let [since @ .., was_theirs] = bytes;
        let since = Instant(u64::from_be_bytes(since));
        Ok(Some(Belonging { thing: thing.clone(), since, was_theirs: was_theirs == 1 }))
    }

    /// Remembers a thing. What was the person's once stays so.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn remember(&self, thing: &Thing, is_theirs: bool) -> Result<(), FileError> {
        // A damaged file is written anew: it proves nothing.
        let known = self.find(thing).ok().flatten();
        if known.as_ref().is_some_and(|known| known.was_theirs || !is_theirs) {
            return Ok(());
        }
        let since = known.map_or_else(crate::now, |known| known.since);
        let [a, b, c, d, e, f, g, h] = since.0.to_be_bytes();
        files::private_folder(&self.folder)?;
        files::replace(&self.path(thing), &[a, b, c, d, e, f, g, h, u8::from(is_theirs)])
    }

    /// Forgets a thing.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn forget(&self, thing: &Thing) -> Result<(), FileError> {
        let path = self.path(thing);
        match std::fs::remove_file(&path) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(files::at(&path)(why)),
            _ => Ok(()),
        }
    }

    fn path(&self, thing: &Thing) -> PathBuf {
        self.folder.join(thing.file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_come_across_is_remembered_for_one_identity_in_one_network_until_it_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let (network, did) = (NetworkId([1; 32]), Did([2; 32]));
        let ours = Belongings::of(home.path(), &network, &did);
        assert_eq!(ours.all().unwrap(), []);
        let things = [
            Thing::Name(Name::new("orchard").unwrap()),
            Thing::Title(TitleId([3; 32])),
            Thing::Units(AssetId([4; 32])),
            Thing::Lock(LockId([5; 32])),
            Thing::Offer(OfferId([6; 32])),
        ];
        for thing in things.iter().rev() {
            ours.remember(thing, true).unwrap();
        }
        let all: Vec<Thing> = ours.all().unwrap().into_iter().map(|known| known.thing).collect();
        assert_eq!(all, things);
        for other in [
            Belongings::of(home.path(), &NetworkId([9; 32]), &did),
            Belongings::of(home.path(), &network, &Did([9; 32])),
        ] {
            assert_eq!(other.all().unwrap(), []);
        }
        ours.forget(&things[1]).unwrap();
        ours.forget(&things[1]).unwrap();
        assert_eq!(ours.all().unwrap().len(), 4);
    }

    #[test]
    fn what_was_theirs_once_stays_so_and_is_known_since_the_first_time() {
        let home = tempfile::tempdir().unwrap();
        let ours = Belongings::of(home.path(), &NetworkId([1; 32]), &Did([2; 32]));
        let thing = Thing::Name(Name::new("orchard").unwrap());
        ours.remember(&thing, false).unwrap();
        let first = ours.all().unwrap()[0].clone();
        assert!(!first.was_theirs && first.since <= crate::now());
        for is_theirs in [true, false] {
            ours.remember(&thing, is_theirs).unwrap();
            let known = ours.all().unwrap()[0].clone();
            assert_eq!((known.was_theirs, known.since), (true, first.since));
        }
    }

    #[test]
    fn a_damaged_file_is_told_and_written_anew_when_the_thing_comes_up_again() {
        let home = tempfile::tempdir().unwrap();
        let ours = Belongings::of(home.path(), &NetworkId([1; 32]), &Did([2; 32]));
        let thing = Thing::Lock(LockId([5; 32]));
        ours.remember(&thing, true).unwrap();
        std::fs::write(ours.path(&thing), b"short").unwrap();
        std::fs::write(ours.folder.join("lock.no-id"), b"").unwrap();
        assert!(matches!(ours.all(), Err(LedgerError::Garbage(_))));
        ours.remember(&thing, true).unwrap();
        assert_eq!(ours.all().unwrap().len(), 1);
    }
}
