//! Whose batches are taken in a space: all that devices of members write, and of a device that does
//! not belong any more what it wrote before, as far as whoever removed it knew that, or a member
//! vouches for it. A device that never belonged writes nothing.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_did::{Kind, Log, PublicKey};

use super::Roster;
use crate::sync::batch::{BatchId, Device, Signed};
use crate::sync::operation::Operation;

/// The batches of each device that no other batch of it follows on: one, but where the device was
/// copied.
pub type Tips = BTreeMap<Device, Vec<BatchId>>;

/// What is taken of what a device wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes {
    /// All.
    All,
    /// These batches and those before them.
    Until(Vec<BatchId>),
}

/// Who may write, or could once.
#[derive(Clone, Debug, Default)]
pub struct Writers {
    known: BTreeMap<Device, Writes>,
    is_anybody: bool,
}

impl Writers {
    /// Those of a space.
    pub fn of(roster: &Roster) -> Self {
        let mut known = BTreeMap::new();
        for ended in roster.ended() {
            known.insert(ended.device, Writes::Until(ended.last.clone()));
        }
        // Devices that were removed before the log came to the space never belonged to it.
        for (_, device) in roster.devices() {
            if let PublicKey::Ed25519(key) = device.key() {
                known.insert(Device(key.0), Writes::All);
            }
        }
        Self { known, is_anybody: false }
    }

    /// Whoever signs, where the one who syncs knows by other means who that can be.
    pub fn anybody() -> Self {
        Self { known: BTreeMap::new(), is_anybody: true }
    }

    /// With this, of one device.
    #[must_use]
    pub fn with(mut self, device: Device, writes: Writes) -> Self {
        self.known.insert(device, writes);
        self
    }

    /// What is taken of a device; nothing of one that never belonged.
    pub fn get(&self, device: &Device) -> Option<&Writes> {
        self.known.get(device).or(self.is_anybody.then_some(&Writes::All))
    }

    /// Of these batches, which are beside those that are known, the ones that nobody takes: their devices do
    /// not belong any more, and neither those who removed them nor any member says that they came
    /// before.
    pub(crate) fn refused(&self, known: &[Signed], came: &[Signed]) -> BTreeSet<BatchId> {
        let late = came.iter().filter(|signed| self.is_ended(signed)).map(Signed::id);
        let late: BTreeSet<BatchId> = late.collect();
        if late.is_empty() {
            return late;
        }
        let sound = self.sound(known, came);
        late.difference(&sound).copied().collect()
    }

    /// The last batches of devices that do not belong any more, of those that are known, which others
    /// would not take if nobody vouched for them.
    pub(crate) fn to_vouch(&self, known: &[Signed]) -> Vec<BatchId> {
        if !known.iter().any(|signed| self.is_ended(signed)) {
            return Vec::new();
        }
        let sound = self.sound(known, &[]);
        let tips = tips(known.iter().filter(|signed| self.is_ended(signed)));
        tips.into_values().flatten().filter(|id| !sound.contains(id)).collect()
    }

    /// What is taken of devices that do not belong any more.
    fn sound(&self, known: &[Signed], came: &[Signed]) -> BTreeSet<BatchId> {
        let mut ended: BTreeMap<BatchId, &Signed> = BTreeMap::new();
        let mut rest: Vec<BatchId> = Vec::new();
        for writes in self.known.values() {
            if let Writes::Until(last) = writes {
                rest.extend(last);
            }
        }
        for signed in known.iter().chain(came) {
            match self.is_ended(signed) {
                true => drop(ended.insert(signed.id(), signed)),
                false => rest.extend(vouched(signed)),
            }
        }
        // Who was removed later vouched before.
        let mut sound = BTreeSet::new();
        while let Some(id) = rest.pop() {
            let Some(signed) = ended.get(&id).filter(|_| sound.insert(id)) else { continue };
            rest.extend(signed.batch().before);
            rest.extend(vouched(signed));
        }
        sound
    }

    fn is_ended(&self, signed: &Signed) -> bool {
        matches!(self.get(&signed.batch().device), Some(Writes::Until(_)))
    }
}

/// The batches that no other follows on, by device.
pub(crate) fn tips<'a>(batches: impl Iterator<Item = &'a Signed> + Clone) -> Tips {
    let followed: BTreeSet<BatchId> = batches.clone().filter_map(|signed| signed.batch().before).collect();
    let mut tips = Tips::new();
    for signed in batches.filter(|signed| !followed.contains(&signed.id())) {
        tips.entry(signed.batch().device).or_default().push(signed.id());
    }
    tips
}

/// Every device that a person's log ever had.
pub(super) fn written_by(log: &Log) -> impl Iterator<Item = Device> + '_ {
    log.operations().iter().filter_map(|operation| match operation.kind() {
        Kind::Genesis { device, .. } | Kind::AddDevice { device } => match device.key() {
            PublicKey::Ed25519(key) => Some(Device(key.0)),
            _ => None,
        },
        _ => None,
    })
}

fn vouched(signed: &Signed) -> impl Iterator<Item = BatchId> + '_ {
    let last = signed.batch().operations.iter().filter_map(|operation| match operation {
        Operation::Vouch { last } => Some(last),
        _ => None,
    });
    last.flatten().copied()
}
