//! A change of a group: what one device of a member says, after what it had seen.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_did::Did;
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use crate::CourierError;

/// The most bytes of a group's name.
pub const NAME_MAX: usize = 128;

/// The most changes that one change names as seen.
pub const PARENTS_MAX: usize = 32;

/// The most bytes of a change.
pub const CHANGE_MAX: usize = 2048;

/// Which group it is: the change that founded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct GroupId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// Which change it is: a hash of all of it but the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ChangeId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// What a change does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Action {
    /// Begins a group of this name, with its author as its only member and admin.
    #[n(0)]
    Found {
        /// The name, at most [`NAME_MAX`] bytes.
        #[n(0)]
        name: String,
        /// Random bytes, so that two groups are never one.
        #[cbor(n(1), with = "minicbor::bytes")]
        salt: [u8; 16],
    },
    /// Lets a person in.
    #[n(1)]
    Add(#[n(0)] Did),
    /// Puts a person out. Nobody removes the founder, or an admin who was one before them.
    #[n(2)]
    Remove(#[n(0)] Did),
    /// Lets a member add and remove others.
    #[n(3)]
    Appoint(#[n(0)] Did),
    /// The author leaves.
    #[n(4)]
    Leave,
    /// Gives the group another name, at most [`NAME_MAX`] bytes.
    #[n(5)]
    Rename(#[n(0)] String),
}

/// A change that is signed by the device that it names. Whether that device is one of the author's
/// is for whoever knows the author's log to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    content: Content,
    signature: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Content {
    #[n(0)]
    version: u8,
    /// The changes that the author had seen and that no other of them names.
    #[n(1)]
    parents: Vec<ChangeId>,
    #[n(2)]
    author: Did,
    #[cbor(n(3), with = "minicbor::bytes")]
    device: [u8; 32],
    #[n(4)]
    action: Action,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[n(0)]
    content: Content,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Encoded {
    const SIZE_MAX: usize = CHANGE_MAX;
}

const VERSION: u8 = 1;

impl Change {
    /// By a device of `author`, who has seen `parents`; they are put in order.
    ///
    /// # Errors
    /// [`CourierError::TooLarge`] where there are too many parents or the name is too long;
    /// [`CourierError::Malformed`] where there are none and no group is founded, or the reverse.
    pub fn new(
        mut parents: Vec<ChangeId>,
        author: Did,
        action: Action,
        device: &SigningKey,
    ) -> Result<Self, CourierError> {
        parents.sort_unstable();
        parents.dedup();
        let device_key = device.verifying_key().0;
        let content = Content { version: VERSION, parents, author, device: device_key, action };
        content.check()?;
        let signature = device.sign(&content.id().0);
        Ok(Self { content, signature })
    }

    /// The bytes of it, at most [`CHANGE_MAX`].
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(&Encoded { content: self.content.clone(), signature: self.signature.0 })
    }

    /// The change of these bytes, whole and signed.
    ///
    /// # Errors
    /// [`CourierError::Malformed`], [`CourierError::TooLarge`], [`CourierError::Signature`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CourierError> {
        let encoded: Encoded = allod_wire::decode(bytes).map_err(|_| CourierError::Malformed)?;
        let change = Self { content: encoded.content, signature: Signature(encoded.signature) };
        change.content.check()?;
        let verified = change.device().verify(&change.id().0, &change.signature);
        verified.map_err(|_| CourierError::Signature(change.author()))?;
        Ok(change)
    }

    /// Which one it is.
    pub fn id(&self) -> ChangeId {
        self.content.id()
    }

    /// What it had seen.
    pub fn parents(&self) -> &[ChangeId] {
        &self.content.parents
    }

    /// Who made it.
    pub fn author(&self) -> Did {
        self.content.author
    }

    /// The device that signed it.
    pub fn device(&self) -> VerifyingKey {
        VerifyingKey(self.content.device)
    }

    /// What it does.
    pub fn action(&self) -> &Action {
        &self.content.action
    }
}

impl Content {
    fn id(&self) -> ChangeId {
        ChangeId(tagged("allod 2026 courier, change of a group", &[&allod_wire::encode(self)]))
    }

    fn check(&self) -> Result<(), CourierError> {
        let name_size = match &self.action {
            Action::Found { name, .. } | Action::Rename(name) => name.len(),
            _ => 0,
        };
        if name_size > NAME_MAX || self.parents.len() > PARENTS_MAX {
            return Err(CourierError::TooLarge);
        }
        let founds = matches!(self.action, Action::Found { .. });
        let is_in_order = self.parents.is_sorted_by(|one, next| one < next);
        if self.version != VERSION || founds != self.parents.is_empty() || !is_in_order {
            return Err(CourierError::Malformed);
        }
        Ok(())
    }
}
