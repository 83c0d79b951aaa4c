//! A roster: who the members of a space are, as its founder says.

use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_did::{Device, Did, Log, PublicKey};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::{SPACE_NAME_MAX, ShareError, public};
use crate::ring::SpaceId;

/// The most members of a space.
pub const MEMBERS_MAX: usize = 64;

/// The most bytes of a roster.
pub const ROSTER_MAX: usize = 1 << 20;

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
    /// The how manieth roster it is.
    #[n(1)]
    number: u64,
    /// What the space is called.
    #[cbor(n(2), with = "minicbor::bytes")]
    name: Vec<u8>,
    /// The members' logs.
    #[n(3)]
    members: Vec<minicbor::bytes::ByteVec>,
    /// The founder's device that signs.
    #[cbor(n(4), with = "minicbor::bytes")]
    by: [u8; 32],
}

#[derive(Encode, Decode)]
struct Encoded {
    #[n(0)]
    content: Content,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Encoded {
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
        device: &SigningKey,
    ) -> Result<Self, ShareError> {
        Self::sign(space, 0, name.to_vec(), alloc::vec![founder.clone()], device)
    }

    /// The next one, with these members; the founder is one always.
    ///
    /// # Errors
    /// [`ShareError::NotTheFounder`], where the device is not the founder's; [`ShareError`].
    pub fn next(&self, members: &[Log], device: &SigningKey) -> Result<Self, ShareError> {
        let founder = self.members.first().ok_or(ShareError::Malformed)?;
        let did = founder.state().did();
        // The newest of the founder's logs that is known.
        let founder = members.iter().find(|log| log.extends(founder)).unwrap_or(founder);
        let others = members.iter().filter(|log| log.state().did() != did);
        let members = core::iter::once(founder).chain(others).cloned().collect();
        let (space, name) = (self.content.space, self.content.name.clone());
        Self::sign(space, self.content.number + 1, name, members, device)
    }

    fn sign(
        space: SpaceId,
        number: u64,
        name: Vec<u8>,
        members: Vec<Log>,
        device: &SigningKey,
    ) -> Result<Self, ShareError> {
        let logs = members.iter().map(|log| log.encode().into()).collect();
        let content = Content { space, number, name, members: logs, by: device.verifying_key().0 };
        let signature = device.sign(&signed(&content));
        let roster = Self { content, members, signature };
        roster.verify()?;
        if roster.encode().len() > ROSTER_MAX {
            return Err(ShareError::TooLarge);
        }
        Ok(roster)
    }

    /// The bytes to be handed to members.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(&Encoded { content: self.content.clone(), signature: self.signature.0 })
    }

    /// What somebody handed here, verified. Whether it is the founder's whom one knows is found out
    /// by [`Self::succeeds`].
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ShareError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| ShareError::Malformed)?;
        let logs = encoded.content.members.iter();
        let members: Result<Vec<Log>, _> =
            logs.map(|log| Log::decode(log).map_err(ShareError::Log)).collect();
        let roster =
            Self { content: encoded.content, members: members?, signature: Signature(encoded.signature) };
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

    /// The how manieth it is.
    pub fn number(&self) -> u64 {
        self.content.number
    }

    /// The logs of the members, the founder's first.
    pub fn members(&self) -> &[Log] {
        &self.members
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

    /// Whether this one takes the place of another: it is about the same space, by the same
    /// founder, and newer. Of two with one number all take the same.
    ///
    /// # Errors
    /// [`ShareError::OtherSpace`]; [`ShareError::NotTheFounder`], also where the founder's log is not
    /// one that goes on from the known one, nor one that it goes on from.
    pub fn succeeds(&self, known: &Self) -> Result<bool, ShareError> {
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
        let longer = if theirs.extends(ours) { theirs } else { ours };
        if longer.state().device(&by).is_none() {
            return Err(ShareError::NotTheFounder(did));
        }
        let order = |roster: &Self| (roster.content.number, signed(&roster.content));
        Ok(order(self) > order(known))
    }

    /// Whether this device may say who the members are.
    pub fn is_led_by(&self, device: &SigningKey) -> bool {
        let id = public(device).device_id();
        self.members.first().is_some_and(|log| log.state().device(&id).is_some())
    }

    fn verify(&self) -> Result<(), ShareError> {
        let founder = self.members.first().ok_or(ShareError::Malformed)?;
        let did = founder.state().did();
        if self.members.len() > MEMBERS_MAX || self.content.name.len() > SPACE_NAME_MAX {
            return Err(ShareError::TooLarge);
        }
        let mut dids: Vec<Did> = self.members.iter().map(|log| log.state().did()).collect();
        dids.sort_unstable();
        if dids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ShareError::Malformed);
        }
        let by = VerifyingKey(self.content.by);
        if founder.state().device(&PublicKey::Ed25519(by).device_id()).is_none() {
            return Err(ShareError::NotTheFounder(did));
        }
        by.verify(&signed(&self.content), &self.signature).map_err(|_| ShareError::Signature(did))
    }
}

fn signed(content: &Content) -> [u8; 32] {
    tagged("allod 2026 vault, roster of a space", &[&allod_wire::encode(content)])
}
