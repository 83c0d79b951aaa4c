//! An operation: what somebody asks of the ledger, and why they may.
//!
//! Roles: an author (a person's device, a guardian, or nobody where the action
//! proves itself), and the guardians, who all apply the same operations.
//!
//! Flow: the author signs the body and its claim; a guardian checks whether the
//! operation would be accepted now ([`crate::check`]), passes it on, and
//! a block holds it; every guardian applies it and keeps the outcome.
//!
//! An operation is never taken twice: a device's and a guardian's operations
//! carry numbers of a [window](crate::window::Window), and an action that proves
//! itself changes what it refers to, so that it has no effect again. It never
//! counts in another network, and not after the time that its author set.

use alloc::vec::Vec;

use allod_crypto::hash;
use allod_crypto::sign::SigningKey;
use allod_did::{DeviceId, Did, Signature};
use allod_wire::{BlockId, GuardianId, Instant, NetworkId, OperationId, Wire};
use minicbor::{Decode, Encode};

use crate::Action;

/// Bytes of one operation.
pub const OPERATION_MAX: usize = 64 * 1024;

/// Who asks, and the number that tells this operation from their others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Claim {
    /// A device of a person.
    #[n(0)]
    Device {
        /// The person.
        #[n(0)]
        did: Did,
        /// The device, which signs.
        #[n(1)]
        device: DeviceId,
        /// The operation's number among the device's.
        #[n(2)]
        nonce: u64,
    },
    /// A guardian.
    #[n(1)]
    Guardian {
        /// The guardian, whose key signs.
        #[n(0)]
        guardian: GuardianId,
        /// The operation's number among the guardian's.
        #[n(1)]
        nonce: u64,
    },
    /// Nobody: the action proves itself, and nothing says who handed it in.
    #[n(2)]
    Itself,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Body {
    /// In which network.
    #[n(0)]
    pub network: NetworkId,
    /// After this time it has no effect any more.
    #[n(1)]
    pub until: Instant,
    /// Who asks.
    #[n(2)]
    pub claim: Claim,
    /// What.
    #[n(3)]
    pub action: Action,
}

impl Body {
    /// What work is done for, 32 bytes.
    pub fn message(&self) -> [u8; 32] {
        hash::tagged("allod/ledger/body", &[&allod_wire::encode(self)])
    }

    /// What the author signs, 32 bytes. It covers the work too: nobody else can
    /// take it away or put other work in its place, which would give the
    /// operation, and what it makes, another id.
    pub fn signed_message(&self, stamp: Option<&Stamp>) -> [u8; 32] {
        let stamp = stamp.map_or_else(Vec::new, allod_wire::encode);
        hash::tagged("allod/ledger/operation", &[&allod_wire::encode(self), &stamp])
    }

    /// The operation, signed with the key of the device or guardian that the
    /// claim names.
    pub fn sign(self, key: &SigningKey) -> Operation {
        self.sign_with(None, key)
    }

    /// The operation, with the work that was done for it.
    pub fn sign_stamped(self, stamp: Stamp, key: &SigningKey) -> Operation {
        self.sign_with(Some(stamp), key)
    }

    fn sign_with(self, stamp: Option<Stamp>, key: &SigningKey) -> Operation {
        let signature = Signature::Ed25519(key.sign(&self.signed_message(stamp.as_ref())));
        Operation { body: self, signature: Some(signature), stamp }
    }

    /// The operation, where the action proves itself.
    pub fn unsigned(self) -> Operation {
        Operation { body: self, signature: None, stamp: None }
    }
}

/// Work done for one operation, by somebody for whom nobody vouches: a number
/// with which the hash of [`Stamp::work`] begins with as many zero bits as the
/// network asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stamp {
    /// The consensus epoch for which the work was done. It counts in this epoch
    /// and in the next, so that work cannot be saved up.
    #[n(0)]
    pub epoch: u64,
    /// The number that was searched for.
    #[n(1)]
    pub counter: u64,
}

impl Stamp {
    /// The hash whose leading zero bits count. `mark` is the id of the block
    /// with which the epoch began, which nobody knew before.
    pub fn work(&self, mark: &BlockId, message: &[u8; 32]) -> [u8; 32] {
        hash::tagged(
            "allod/ledger/stamp",
            &[mark.as_bytes(), &self.epoch.to_be_bytes(), message, &self.counter.to_be_bytes()],
        )
    }

    /// How many zero bits `work` begins with.
    pub fn zero_bits(work: &[u8; 32]) -> u32 {
        let mut bits = 0;
        for byte in work {
            bits += byte.leading_zeros();
            if *byte != 0 {
                break;
            }
        }
        bits
    }
}

/// An operation as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Operation {
    /// What is asked.
    #[n(0)]
    pub body: Body,
    /// The author's signature on [`Body::signed_message`], unless the action
    /// proves itself.
    #[n(1)]
    pub signature: Option<Signature>,
    /// Work, where it is needed.
    #[n(2)]
    pub stamp: Option<Stamp>,
}

impl Wire for Operation {
    const SIZE_MAX: usize = OPERATION_MAX;
}

impl Operation {
    /// The operation's id: the hash of its bytes.
    pub fn id(&self) -> OperationId {
        id_of(&allod_wire::encode(self))
    }
}

/// The id of the operation that `bytes` are, or fail to be.
pub fn id_of(bytes: &[u8]) -> OperationId {
    OperationId(hash::tagged("allod/ledger/operation id", &[bytes]))
}
