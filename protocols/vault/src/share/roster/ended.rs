//! The devices that a roster says do not belong any more, and how far what they wrote was known.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use allod_crypto::sign::VerifyingKey;
use allod_did::{Log, PublicKey};
use minicbor::{Decode, Encode};

use super::Roster;
use crate::share::writers::{Tips, written_by};
use crate::sync::batch::{BatchId, Device as Writer};

/// The most batches that are named of a device that does not belong any more. More than one there
/// are only where its state was copied, or where several removed it who knew different ends.
pub(super) const LAST_MAX: usize = 8;

/// A device that does not belong any more. One that belongs again may stay here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(in crate::share) struct Ended {
    /// The device.
    #[n(0)]
    pub(in crate::share) device: Writer,
    /// The last of its batches that those who removed it knew, in ascending order.
    #[n(1)]
    pub(in crate::share) last: Vec<BatchId>,
}

/// The devices that belonged by these rosters and are none of these members', with what was known
/// of them.
pub(super) fn ended(before: &[&Roster], members: &[Log], tips: &Tips) -> Vec<Ended> {
    let mut ended: BTreeMap<Writer, BTreeSet<BatchId>> = BTreeMap::new();
    for Ended { device, last } in before.iter().flat_map(|roster| roster.ended()) {
        ended.entry(*device).or_default().extend(last);
    }
    let belongs = |device: &Writer| {
        let id = PublicKey::Ed25519(VerifyingKey(device.0)).device_id();
        members.iter().any(|log| log.state().device(&id).is_some())
    };
    let all = before.iter().flat_map(|roster| roster.members()).chain(members).flat_map(written_by);
    for device in all.filter(|device| !belongs(device)) {
        ended.entry(device).or_default();
    }
    let with_tips = |(device, mut last): (Writer, BTreeSet<BatchId>)| {
        let known = tips.get(&device).map_or(&[][..], Vec::as_slice);
        if !belongs(&device) {
            last.extend(known);
        }
        // What the signer has comes first where there are too many.
        while last.len() > LAST_MAX {
            let goes = last.iter().find(|id| !known.contains(id)).or(last.first()).copied();
            goes.map(|id| last.remove(&id));
        }
        Ended { device, last: last.into_iter().collect() }
    };
    ended.into_iter().map(with_tips).collect()
}
