//! One signed operation of an identity's log.

use alloc::vec::Vec;

use allod_crypto::hash;
use allod_wire::limits::DID_OPERATION_MAX;
use allod_wire::{Instant, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};

use crate::encoding::{self, read_operation};
use crate::{Device, DeviceId, Did, Error, OperationHash, PublicKey, Root, Signature};

/// The version of the operations' format.
pub const VERSION: u64 = 1;

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Founds the identity.
    Genesis {
        /// The first root key, which signs this operation itself.
        root: PublicKey,
        /// The first device.
        device: Device,
    },
    /// Lets one more device act for the identity.
    AddDevice {
        /// The device.
        device: Device,
    },
    /// Takes a device away, for good.
    RemoveDevice {
        /// The device.
        id: DeviceId,
    },
    /// Replaces the root key. The old one signs, and the new one too, so that
    /// nobody can be made root with a key that they do not have.
    RotateRoot {
        /// The new root key.
        root: PublicKey,
    },
}

/// A signed operation. Whether it may follow a log is up to
/// [`crate::Log::append`]; one that was decoded has been checked for its form
/// only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub(crate) content: Content,
    pub(crate) signature: Signature,
    pub(crate) possession: Option<Signature>,
}

/// What the signatures sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) sequence: u32,
    pub(crate) at: Instant,
    /// Absent in a genesis.
    pub(crate) link: Option<Link>,
    pub(crate) kind: Kind,
}

/// What ties an operation to its identity and to the operation before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) did: Did,
    pub(crate) previous: OperationHash,
}

impl Operation {
    /// Its place in the log; the genesis has 0.
    pub fn sequence(&self) -> u32 {
        self.content.sequence
    }

    /// When it was signed, by the signer's clock.
    pub fn at(&self) -> Instant {
        self.content.at
    }

    /// What it does.
    pub fn kind(&self) -> &Kind {
        &self.content.kind
    }

    /// The identity it belongs to, by its own word.
    pub fn did(&self) -> Did {
        self.content.did()
    }

    /// The operation before, by its own word. None in a genesis.
    pub fn previous(&self) -> Option<OperationHash> {
        self.content.link.map(|link| link.previous)
    }

    /// The operation's name: the hash of what is signed, without the signatures,
    /// so that the same operation signed twice stays one operation.
    pub fn hash(&self) -> OperationHash {
        self.content.hash()
    }

    /// The operation's canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(self)
    }

    /// The operation that `bytes` canonically encode. Its signatures are not
    /// checked yet.
    ///
    /// # Errors
    /// [`Error::Wire`], or the error that names the version, algorithm, size or
    /// name at fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        encoding::decode(bytes, |d| read_operation(d, None))
    }
}

impl<'b, C> Decode<'b, C> for Operation {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(read_operation(d, None)?)
    }
}

impl Wire for Operation {
    const SIZE_MAX: usize = DID_OPERATION_MAX;
}

impl Content {
    pub(crate) fn did(&self) -> Did {
        match self.link {
            Some(link) => link.did,
            None => Did(hash::tagged("allod/did/genesis", &[&allod_wire::encode(self)])),
        }
    }

    pub(crate) fn hash(&self) -> OperationHash {
        OperationHash(hash::tagged("allod/did/operation", &[&allod_wire::encode(self)]))
    }

    /// What the root key signs, 32 bytes.
    pub(crate) fn message(&self) -> [u8; 32] {
        hash::tagged("allod/did/signature", &[self.did().as_bytes(), &allod_wire::encode(self)])
    }

    /// What a new root key signs to show that somebody has it, 32 bytes.
    pub(crate) fn possession_message(&self) -> [u8; 32] {
        hash::tagged("allod/did/possession", &[self.did().as_bytes(), &allod_wire::encode(self)])
    }

    /// The operation, signed by `root` and, where a rotation names a new root,
    /// by `new_root`.
    pub(crate) fn sign(self, root: &Root, new_root: Option<&Root>) -> Operation {
        let signature = Signature::Ed25519(root.signing_key().sign(&self.message()));
        let possession =
            new_root.map(|root| Signature::Ed25519(root.signing_key().sign(&self.possession_message())));
        Operation { content: self, signature, possession }
    }
}
