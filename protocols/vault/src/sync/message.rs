//! What two devices say to each other in a session, and how it is encoded: canonical CBOR,
//! one message after the other, each of at most [`MESSAGE_MAX`] bytes. The link says where one
//! ends.

use alloc::vec::Vec;

use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::batch::{BatchId, DEVICES_MAX, Device};
use crate::object::{Kind, ObjectId, SEALED_MAX, Sealed};
use crate::ring::SpaceId;

/// The most bytes of a message.
pub const MESSAGE_MAX: usize = SEALED_MAX + 128;

/// The version of the protocol.
pub(super) const VERSION: u16 = 2;

/// The most batches that one message names.
pub(super) const BATCHES_MAX: usize = 1024;

/// The most objects that are asked for at once.
pub(super) const OBJECTS_MAX: usize = 64;

/// The newest batch of a device, as somebody has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Head {
    #[n(0)]
    pub(super) device: Device,
    #[n(1)]
    pub(super) number: u64,
    #[n(2)]
    pub(super) id: BatchId,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Message {
    /// The first of both sides.
    #[n(0)]
    Hello {
        #[n(0)]
        version: u16,
        #[n(1)]
        space: SpaceId,
        #[n(2)]
        device: Device,
        #[n(3)]
        heads: Vec<Head>,
    },
    /// Of the reconciliation of batches.
    #[n(1)]
    Reconcile(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// Batches that the other side lacks.
    #[n(2)]
    Offer(#[n(0)] Vec<BatchId>),
    /// Asks for batches.
    #[n(3)]
    AskBatches(#[n(0)] Vec<BatchId>),
    /// A batch that was asked for.
    #[n(4)]
    Batch(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// Asks for objects.
    #[n(5)]
    AskObjects(#[n(0)] Vec<ObjectId>),
    /// An object that was asked for, as it is stored.
    #[n(6)]
    Object {
        #[n(0)]
        id: ObjectId,
        #[n(1)]
        kind: Kind,
        #[n(2)]
        keys: u32,
        #[cbor(n(3), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// Something that was asked for is not there.
    #[n(7)]
    Absent,
    /// All that was asked for was sent.
    #[n(8)]
    End,
    /// The other side may ask from now on.
    #[n(9)]
    Turn,
    /// All is done.
    #[n(10)]
    Done,
}

impl Wire for Message {
    const SIZE_MAX: usize = MESSAGE_MAX;
}

impl Message {
    /// Whether it names no more than it may.
    pub(super) fn is_bounded(&self) -> bool {
        match self {
            Self::Hello { heads, .. } => heads.len() <= DEVICES_MAX,
            Self::Offer(ids) | Self::AskBatches(ids) => ids.len() <= BATCHES_MAX,
            Self::AskObjects(ids) => ids.len() <= OBJECTS_MAX,
            _ => true,
        }
    }

    pub(super) fn object(object: Sealed) -> Self {
        let Sealed { id, kind, keys, bytes } = object;
        Self::Object { id, kind, keys, bytes }
    }
}
