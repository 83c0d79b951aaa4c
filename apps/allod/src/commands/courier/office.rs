//! This device's messages and what it carries, opened for a command.
//!
//! ```text
//! courier/image    records of the messenger
//! courier/bag      what is carried
//! courier/files    parts of files that came
//! courier/links    the links that are used
//! ```

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use allod_courier::carry::Limits;
use allod_courier::contact::Own;
use allod_courier::messenger::Messenger;
use allod_crypto::Secret;
use allod_crypto::hash::tagged;
use allod_crypto::sign::SigningKey;
use allod_did::Did;
use allod_disk::{Place, Zstd};
use allod_node::person::{Home, Person};
use allod_post::bag::Bag;
use allod_post::desk::{Desk, Swept};

use super::records::ImageRecords;
use crate::commands::load;
use crate::failure::Failure;

/// What is carried at most, in bytes: a tenth of what is free, between these.
const CARRIED_LEAST: u64 = 64 << 20;
const CARRIED_MOST: u64 = 8 << 30;

/// The most bundles that are carried.
const COUNT_MAX: usize = 200_000;

/// What strangers may fill together, and somebody who was met on many days, as one part of so many.
const STRANGER: u64 = 16;
const FRIEND: u64 = 4;

/// The person's messages on this device.
pub(crate) type OwnDesk = Desk<ImageRecords>;

/// What a command about messages works on.
pub(crate) struct Office {
    pub(crate) person: Person,
    pub(crate) folder: PathBuf,
    pub(crate) bag: Arc<Mutex<Bag>>,
    pub(crate) desk: Arc<OwnDesk>,
}

impl Office {
    /// That of a home, in which there is an identity.
    pub(crate) fn open(home: &Home) -> Result<Self, Failure> {
        let person = load(home)?;
        let folder = home.path().join("courier");
        let own = Own::new(&person.log, &person.device)?;
        let bag = Arc::new(Mutex::new(Bag::open(&folder.join("bag"), limits(&folder))?));
        let root = derived(&person, "allod 2026 courier, image of a device");
        let records = ImageRecords::new(Place::new(folder.clone()), root);
        let desk = Arc::new(Desk::new(own, records, Arc::clone(&bag), &folder));
        Ok(Self { person, folder, bag, desk })
    }

    /// Who owns this device.
    pub(crate) fn did(&self) -> Did {
        self.person.log.state().did()
    }

    /// The key by which other carriers recognise this device. It says nothing of the person.
    pub(crate) fn carrier_key(&self) -> SigningKey {
        SigningKey::from_seed(&derived(&self.person, "allod 2026 courier, key of a carrier"))
    }

    /// Which bundles are asked for to cover others.
    pub(crate) fn cover(&self) -> Secret<32> {
        derived(&self.person, "allod 2026 courier, covers")
    }

    /// Takes out of the bag what is for this device.
    pub(crate) fn sweep(&self) -> Result<Swept, Failure> {
        Ok(self.desk.sweep(&Zstd, &mut allod_node::entropy())?)
    }

    /// Does something with the messenger.
    pub(crate) fn with<T>(
        &self,
        act: impl FnOnce(&mut Messenger) -> Result<T, allod_courier::CourierError>,
    ) -> Result<T, Failure> {
        Ok(self.desk.with(&mut allod_node::entropy(), act)?)
    }

    /// Looks at the messenger.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Messenger) -> T) -> Result<T, Failure> {
        Ok(self.desk.look(look)?)
    }
}

/// Something of this device alone: from its own key, and so neither from the root nor in a backup.
fn derived(person: &Person, what: &'static str) -> Secret<32> {
    Secret::from(tagged(what, &[person.device.seed().expose()]))
}

fn limits(folder: &std::path::Path) -> Limits {
    let home = folder.ancestors().find(|folder| folder.is_dir());
    let room = home.and_then(|home| rustix::fs::statvfs(home).ok()).map(|room| room.f_bavail * room.f_frsize);
    let bytes = (room.unwrap_or_default() / 10).clamp(CARRIED_LEAST, CARRIED_MOST);
    Limits { bytes, count: COUNT_MAX, stranger: STRANGER, friend: FRIEND }
}
