//! Which of two rosters of one space counts.

use alloc::collections::BTreeSet;

use allod_crypto::sign::VerifyingKey;
use allod_did::PublicKey;

use super::ended::LAST_MAX;
use super::{Roster, longest};
use crate::share::ShareError;
use crate::share::writers::written_by;
use crate::sync::batch::Device as Writer;

/// How two rosters of one space stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This one takes the place of the other.
    Newer,
    /// This one is no newer than the other.
    Older,
    /// Each has a removal, an epoch, a member or a part of a log that the other does not know of.
    Apart,
}

impl Roster {
    /// How this one stands to one that is known. Both are about the same space, by the same
    /// founder.
    ///
    /// # Errors
    /// [`ShareError::OtherSpace`]; [`ShareError::NotTheFounder`], also where the founder's log is not
    /// one that goes on from the known one, nor one that it goes on from, and where the founder removed
    /// the device that signed it.
    pub fn stands_to(&self, known: &Self) -> Result<Standing, ShareError> {
        if self.content.space != known.content.space {
            return Err(ShareError::OtherSpace);
        }
        let (Some(ours), Some(theirs)) = (known.members.first(), self.members.first()) else {
            return Err(ShareError::Malformed);
        };
        let did = ours.state().did();
        if !ours.extends(theirs) && !theirs.extends(ours) {
            return Err(ShareError::NotTheFounder(did));
        }
        // A device that the founder is known to have removed signs nothing any more.
        let by = PublicKey::Ed25519(VerifyingKey(self.content.by)).device_id();
        if longest(ours, core::slice::from_ref(theirs)).state().device(&by).is_none() {
            return Err(ShareError::NotTheFounder(did));
        }
        Ok(match (self.covers(known), known.covers(self)) {
            (true, false) => Standing::Newer,
            (false, true) => Standing::Older,
            (false, false) => Standing::Apart,
            (true, true) if self.order() > known.order() => Standing::Newer,
            (true, true) => Standing::Older,
        })
    }

    /// Whether it knows of every removal and every epoch that the other knows of, and of every
    /// person's log as much.
    fn covers(&self, other: &Self) -> bool {
        let knows_removals = other.content.removed.iter().all(|entry| {
            self.content.removed.iter().any(|own| own.did == entry.did && own.times >= entry.times)
        });
        let knows_epochs = other.content.epochs.iter().all(|epoch| self.content.epochs.contains(epoch));
        let knows_logs = other.members.iter().all(|log| {
            let own = self.members.iter().find(|own| own.state().did() == log.state().did());
            let did = log.state().did();
            own.map_or(self.times(&did) > other.times(&did), |own| own.extends(log))
        });
        // Of a device of which there are too many ends, some had to be left out.
        let knows_ends = other.content.ended.iter().all(|ended| {
            let own = self.content.ended.iter().find(|own| own.device == ended.device);
            own.is_some_and(|own| {
                own.last.len() == LAST_MAX || ended.last.iter().all(|last| own.last.contains(last))
            })
        });
        knows_removals && knows_epochs && knows_logs && knows_ends
    }

    /// Whether the same persons were removed, and there are the same epochs.
    pub(in crate::share) fn has_same_keys(&self, other: &Self) -> bool {
        self.content.removed == other.content.removed && self.content.epochs == other.content.epochs
    }

    fn order(&self) -> (u64, [u8; 32]) {
        (self.content.number, self.hash())
    }

    /// Whether it says of every device that ever belonged by the other one whether it still does.
    pub(in crate::share) fn knows_devices_of(&self, other: &Self) -> bool {
        let known: BTreeSet<Writer> = self
            .members
            .iter()
            .flat_map(written_by)
            .chain(self.ended().iter().map(|ended| ended.device))
            .collect();
        let mut theirs =
            other.members.iter().flat_map(written_by).chain(other.ended().iter().map(|ended| ended.device));
        theirs.all(|device| known.contains(&device))
    }
}
