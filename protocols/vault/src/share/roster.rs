//! A roster: who the members of a space are and which epochs of keys it has, as its founder
//! says.
//!
//! Several devices of the founder may sign rosters without knowing of each other's. So a roster
//! carries what must never be undone: how often each person was removed, which devices do not
//! belong any more and how far what they wrote was known, and all epochs
//! that there were. One that lacks something of that is older, whatever its number is; of two
//! of which each lacks something neither is, and a device of the founder makes one of both.

mod ended;
mod standing;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_did::{Device, Did, Log, PublicKey};
use allod_wire::Wire;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use self::ended::{Ended, LAST_MAX, ended};
pub use self::standing::Standing;
use super::writers::Tips;
use super::{LOG_MAX, SPACE_NAME_MAX, ShareError, public};
use crate::ring::{Commitment, EPOCHS_MAX, SpaceId};
use crate::sync::batch::DEVICES_MAX;

/// The format that is written.
const FORMAT: u16 = 2;

/// The most members of a space.
pub const MEMBERS_MAX: usize = 64;

/// The most persons that were removed from a space.
const REMOVED_MAX: usize = 512;

/// The most bytes of a roster.
pub const ROSTER_MAX: usize = MEMBERS_MAX * (LOG_MAX + 16)
    + REMOVED_MAX * 48
    + EPOCHS_MAX * 36
    + DEVICES_MAX * (LAST_MAX + 1) * 36
    + 1024;

/// Who the members of a space are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    content: Content,
    /// The logs of the members, the founder's first.
    members: Vec<Log>,
    signature: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Content {
    #[n(0)]
    space: SpaceId,
    /// The how manieth roster it is, as far as who signed it knew.
    #[n(1)]
    number: u64,
    /// What the space is called.
    #[cbor(n(2), with = "minicbor::bytes")]
    name: Vec<u8>,
    /// The members' logs.
    #[n(3)]
    members: Vec<ByteVec>,
    /// Who was removed, and how often: in ascending order. A member of today may be one who
    /// was removed before.
    #[n(4)]
    removed: Vec<Removed>,
    /// The epochs that there are, in ascending order.
    #[n(5)]
    epochs: Vec<Commitment>,
    /// The founder's device that signs.
    #[cbor(n(6), with = "minicbor::bytes")]
    by: [u8; 32],
    /// The devices that belonged and do not any more, in ascending order.
    #[n(7)]
    ended: Vec<Ended>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct Removed {
    #[n(0)]
    did: ByteArray<32>,
    #[n(1)]
    times: u32,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[n(0)]
    format: u16,
    /// As this format has it.
    #[cbor(n(1), with = "minicbor::bytes")]
    content: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Encoded {
    const SIZE_MAX: usize = ROSTER_MAX;
}

impl Wire for Content {
    const SIZE_MAX: usize = ROSTER_MAX;
}

impl Roster {
    /// The first one of a space: its founder alone.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn found(
        space: SpaceId,
        name: &[u8],
        founder: &Log,
        epochs: &[Commitment],
        device: &SigningKey,
    ) -> Result<Self, ShareError> {
        let (removed, epochs) = (Vec::new(), epochs.to_vec());
        let content = Content {
            space,
            number: 0,
            name: name.to_vec(),
            members: Vec::new(),
            removed,
            epochs,
            by: device.verifying_key().0,
            ended: Vec::new(),
        };
        Self::sign(content, alloc::vec![founder.clone()], device)
    }

    /// The next one, with these members, and these epochs beside those that are known; the founder
    /// is a member always. Of each person the longest log that is known is taken. `tips` are the last
    /// batches that the signer has of each device: of those that do not belong any more, what
    /// these had seen is taken by others, and no more.
    ///
    /// # Errors
    /// [`ShareError::NotTheFounder`], where the device is not the founder's; [`ShareError`].
    pub fn next(
        &self,
        members: &[Log],
        epochs: &[Commitment],
        tips: &Tips,
        device: &SigningKey,
    ) -> Result<Self, ShareError> {
        let founder = self.members.first().ok_or(ShareError::Malformed)?;
        let did = founder.state().did();
        let founder = longest(founder, members);
        let mut all = alloc::vec![founder.clone()];
        for log in members.iter().filter(|log| log.state().did() != did) {
            let known = self.members.iter().find(|known| known.state().did() == log.state().did());
            let log = known.map_or(log, |known| longest(known, members));
            if !all.iter().any(|taken| taken.state().did() == log.state().did()) {
                all.push(log.clone());
            }
        }
        let mut removed: BTreeMap<ByteArray<32>, u32> =
            self.content.removed.iter().map(|removed| (removed.did, removed.times)).collect();
        for log in &self.members {
            let left = log.state().did();
            if !all.iter().any(|log| log.state().did() == left) {
                let times = removed.entry((*left.as_bytes()).into()).or_insert(0);
                *times = times.checked_add(1).ok_or(ShareError::TooLarge)?;
            }
        }
        let ended = ended(&[self], &all, tips);
        self.sign_next(all, removed, ended, epochs, self.content.number, device)
    }

    /// One of two that stand [apart](Standing::Apart): with what either removed, and the epochs
    /// of both and these. Who was removed by either is not a member, and what either remover
    /// knew of their devices is taken. `tips` are as for [`Self::next`].
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn join(
        &self,
        other: &Self,
        epochs: &[Commitment],
        tips: &Tips,
        device: &SigningKey,
    ) -> Result<Self, ShareError> {
        let mut removed: BTreeMap<ByteArray<32>, u32> = BTreeMap::new();
        for entry in self.content.removed.iter().chain(&other.content.removed) {
            let times = removed.entry(entry.did).or_insert(0);
            *times = (*times).max(entry.times);
        }
        let mut all: Vec<Log> = Vec::new();
        for (roster, beside) in [(self, other), (other, self)] {
            for log in &roster.members {
                let did = log.state().did();
                let times = |roster: &Self| roster.times(&did);
                let is_removed =
                    removed.get(&ByteArray::from(*did.as_bytes())).is_some_and(|most| times(roster) < *most);
                if !is_removed && !all.iter().any(|taken| taken.state().did() == did) {
                    all.push(longest(log, &beside.members).clone());
                }
            }
        }
        let epochs = [epochs, &other.content.epochs].concat();
        let ended = ended(&[self, other], &all, tips);
        let number = self.content.number.max(other.content.number);
        self.sign_next(all, removed, ended, &epochs, number, device)
    }

    fn sign_next(
        &self,
        members: Vec<Log>,
        removed: BTreeMap<ByteArray<32>, u32>,
        ended: Vec<Ended>,
        epochs: &[Commitment],
        number: u64,
        device: &SigningKey,
    ) -> Result<Self, ShareError> {
        let removed = removed.into_iter().map(|(did, times)| Removed { did, times }).collect();
        let mut all = [&self.content.epochs[..], epochs].concat();
        all.sort_unstable();
        all.dedup();
        let content = Content {
            number: number.checked_add(1).ok_or(ShareError::TooLarge)?,
            removed,
            ended,
            epochs: all,
            by: device.verifying_key().0,
            ..self.content.clone()
        };
        Self::sign(content, members, device)
    }

    fn sign(mut content: Content, members: Vec<Log>, device: &SigningKey) -> Result<Self, ShareError> {
        content.members = members.iter().map(|log| log.encode().into()).collect();
        let signature = device.sign(&signed(&content));
        let roster = Self { content, members, signature };
        roster.verify().map(|()| roster)
    }

    /// The bytes to be handed to members.
    pub fn encode(&self) -> Vec<u8> {
        let content = allod_wire::encode(&self.content);
        allod_wire::encode(&Encoded { format: FORMAT, content, signature: self.signature.0 })
    }

    /// What somebody handed here, verified. Whether it is the founder's whom one knows is found out
    /// by [`Self::stands_to`].
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ShareError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| ShareError::Malformed)?;
        if encoded.format != FORMAT {
            return Err(ShareError::Format(encoded.format));
        }
        let content: Content = allod_wire::decode(&encoded.content).map_err(|_| ShareError::Malformed)?;
        if content.members.len() > MEMBERS_MAX {
            return Err(ShareError::TooLarge);
        }
        let logs = content.members.iter();
        let members: Result<Vec<Log>, _> =
            logs.map(|log| Log::decode(log).map_err(ShareError::Log)).collect();
        let roster = Self { content, members: members?, signature: Signature(encoded.signature) };
        roster.verify().map(|()| roster)
    }

    /// Which space it is about.
    pub fn space(&self) -> SpaceId {
        self.content.space
    }

    /// What the space is called.
    pub fn name(&self) -> &[u8] {
        &self.content.name
    }

    /// The how manieth it is, as far as who signed it knew.
    pub fn number(&self) -> u64 {
        self.content.number
    }

    /// A hash of all that it says.
    pub fn hash(&self) -> [u8; 32] {
        signed(&self.content)
    }

    /// The logs of the members, the founder's first.
    pub fn members(&self) -> &[Log] {
        &self.members
    }

    /// The devices that belonged and do not any more.
    pub(super) fn ended(&self) -> &[Ended] {
        &self.content.ended
    }

    /// The epochs of keys that the space has.
    pub fn epochs(&self) -> &[Commitment] {
        &self.content.epochs
    }

    /// Who made the space.
    pub fn founder(&self) -> Option<Did> {
        self.members.first().map(|log| log.state().did())
    }

    /// Whose device this is, if it is one of a member.
    pub fn device(&self, key: &VerifyingKey) -> Option<(Did, &Device)> {
        let id = PublicKey::Ed25519(*key).device_id();
        self.members.iter().find_map(|log| Some((log.state().did(), log.state().device(&id)?)))
    }

    /// All devices of all members.
    pub fn devices(&self) -> impl Iterator<Item = (Did, &Device)> {
        self.members.iter().flat_map(|log| {
            let state = log.state();
            state.devices().iter().map(move |device| (state.did(), device))
        })
    }

    /// Whether this device may say who the members are.
    pub fn is_led_by(&self, device: &SigningKey) -> bool {
        let id = public(device).device_id();
        self.members.first().is_some_and(|log| log.state().device(&id).is_some())
    }

    fn times(&self, did: &Did) -> u32 {
        let entry = self.content.removed.iter().find(|entry| *entry.did == *did.as_bytes());
        entry.map_or(0, |entry| entry.times)
    }

    fn verify(&self) -> Result<(), ShareError> {
        let founder = self.members.first().ok_or(ShareError::Malformed)?;
        let did = founder.state().did();
        let content = &self.content;
        let is_too_large = self.members.len() > MEMBERS_MAX
            || content.name.len() > SPACE_NAME_MAX
            || content.removed.len() > REMOVED_MAX
            || content.ended.len() > DEVICES_MAX
            || content.ended.iter().any(|ended| ended.last.len() > LAST_MAX)
            || content.epochs.len() > EPOCHS_MAX
            || content.members.iter().any(|log| log.len() > LOG_MAX);
        if is_too_large {
            return Err(ShareError::TooLarge);
        }
        let mut dids: Vec<Did> = self.members.iter().map(|log| log.state().did()).collect();
        dids.sort_unstable();
        let is_sound = dids.windows(2).all(|pair| pair[0] != pair[1])
            && content.removed.windows(2).all(|pair| pair[0].did < pair[1].did)
            && content.epochs.windows(2).all(|pair| pair[0] < pair[1])
            && content.ended.windows(2).all(|pair| pair[0].device < pair[1].device)
            && content.ended.iter().all(|ended| ended.last.windows(2).all(|pair| pair[0] < pair[1]))
            && !content.epochs.is_empty();
        if !is_sound {
            return Err(ShareError::Malformed);
        }
        let by = VerifyingKey(content.by);
        if founder.state().device(&PublicKey::Ed25519(by).device_id()).is_none() {
            return Err(ShareError::NotTheFounder(did));
        }
        by.verify(&signed(content), &self.signature).map_err(|_| ShareError::Signature(did))
    }
}

/// The longest log that goes on from this one.
fn longest<'a>(log: &'a Log, others: &'a [Log]) -> &'a Log {
    let later = others.iter().filter(|other| other.extends(log));
    later.max_by_key(|other| other.operations().len()).unwrap_or(log)
}

fn signed(content: &Content) -> [u8; 32] {
    tagged("allod 2026 vault, roster of a space, format 2", &[&allod_wire::encode(content)])
}
