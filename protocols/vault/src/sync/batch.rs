//! Batches: the operations that a device tells of at once, signed by it.
//!
//! A device numbers its batches from 1, and each names the one before. So nobody can leave
//! one out, put one between, or change one; and a device's newest batch stands for all that it
//! ever did: it is its *signed head*. A batch says what its device had of the others' (a
//! version vector), and has a Lamport time of one more than the greatest of these and of its own
//! batches before. So nobody's time gets further than the number of all batches.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::operation::{Id, Operation};
use crate::files::Time;
use crate::ring::SpaceId;

/// The most bytes of a signed batch.
pub const BATCH_MAX: usize = 256 << 10;

/// The most devices that a space ever has.
pub const DEVICES_MAX: usize = 1024;

/// Lamport times are below that. They do not get there: each is one above another that there is.
pub const LAMPORT_MAX: u64 = 1 << 62;

/// Which device: its Ed25519 key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Device(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// Which batch: the hash of all but its signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct BatchId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// What a device has of another's batches: all up to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Seen {
    /// The other device.
    #[n(0)]
    pub device: Device,
    /// The number of its newest batch that was seen.
    #[n(1)]
    pub number: u64,
}

/// What a device tells of at once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Batch {
    /// Where it was done.
    #[n(0)]
    pub space: SpaceId,
    /// Who did it.
    #[n(1)]
    pub device: Device,
    /// The how manieth batch of the device it is, from 1.
    #[n(2)]
    pub number: u64,
    /// The device's batch before.
    #[n(3)]
    pub before: Option<BatchId>,
    /// What the device had of the others, in the order of their keys.
    #[n(4)]
    pub seen: Vec<Seen>,
    /// One above the greatest of all that was seen and of the device's own before.
    #[n(5)]
    pub lamport: u64,
    /// When, by the device's clock. Nothing depends on it but names of copies.
    #[n(6)]
    pub time: Time,
    /// Random, so that two copies of one device never give one id to two things.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub nonce: [u8; 16],
    /// What was done, in this order.
    #[n(8)]
    pub operations: Vec<Operation>,
}

#[derive(Encode, Decode)]
struct SignedBatch {
    #[cbor(n(0), with = "minicbor::bytes")]
    batch: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Batch {
    const SIZE_MAX: usize = BATCH_MAX;
}

impl Wire for SignedBatch {
    const SIZE_MAX: usize = BATCH_MAX;
}

/// A batch of which the signature was checked, and everything that can be told from it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    id: BatchId,
    batch: Batch,
    bytes: Vec<u8>,
}

/// Why a batch was refused, whatever else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// It is no batch.
    Malformed,
    /// It says something that none can.
    Senseless(Device),
    /// It is of another space.
    OtherSpace(Device),
    /// The device that it names did not sign it.
    Unsigned(Device),
}

impl Batch {
    /// The id of an operation of this batch.
    pub fn operation_id(&self, index: usize) -> Id {
        operation_id(&self.device, self.number, &self.nonce, index)
    }

    fn check(&self) -> bool {
        let sorted =
            self.seen.iter().zip(self.seen.iter().skip(1)).all(|(one, next)| one.device < next.device);
        let sound = |seen: &Seen| seen.device != self.device && seen.number > 0;
        self.number > 0
            && (self.number == 1) == self.before.is_none()
            && self.lamport > 0
            && self.lamport < LAMPORT_MAX
            && self.time.nanoseconds < 1_000_000_000
            && self.seen.len() <= DEVICES_MAX
            && sorted
            && self.seen.iter().all(sound)
            && self.operations.iter().all(|operation| operation.check().is_ok())
    }
}

/// The id of an operation, and of what it makes.
pub fn operation_id(device: &Device, number: u64, nonce: &[u8; 16], index: usize) -> Id {
    let (number, index) = (number.to_le_bytes(), (index as u64).to_le_bytes());
    let hash = tagged("allod 2026 vault sync, operation", &[&device.0, &number, nonce, &index]);
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    Id(id)
}

impl Signed {
    /// Signs a batch.
    ///
    /// # Errors
    /// [`BatchError::Malformed`], where it is too large; [`BatchError::Senseless`].
    pub fn new(batch: Batch, key: &SigningKey) -> Result<Self, BatchError> {
        if !batch.check() || batch.device != Device::of(key) {
            return Err(BatchError::Senseless(batch.device));
        }
        let inside = allod_wire::encode(&batch);
        let id = id_of(&inside);
        let signature = key.sign(&to_sign(&id)).0;
        let bytes = allod_wire::encode(&SignedBatch { batch: inside, signature });
        if bytes.len() > BATCH_MAX {
            return Err(BatchError::Malformed);
        }
        Ok(Self { id, batch, bytes })
    }

    /// A batch that somebody sent, of this space.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn check(bytes: &[u8], space: SpaceId) -> Result<Self, BatchError> {
        let signed: SignedBatch = allod_wire::decode(bytes).map_err(|_| BatchError::Malformed)?;
        let batch: Batch = allod_wire::decode(&signed.batch).map_err(|_| BatchError::Malformed)?;
        let device = batch.device;
        let id = id_of(&signed.batch);
        let by = VerifyingKey(device.0);
        by.verify(&to_sign(&id), &Signature(signed.signature)).map_err(|_| BatchError::Unsigned(device))?;
        if batch.space != space {
            return Err(BatchError::OtherSpace(device));
        }
        if !batch.check() {
            return Err(BatchError::Senseless(device));
        }
        Ok(Self { id, batch, bytes: bytes.to_vec() })
    }

    /// One that was checked before it was kept in a vault, where nothing can change it.
    ///
    /// # Errors
    /// [`BatchError::Malformed`].
    pub(crate) fn trust(bytes: &[u8]) -> Result<Self, BatchError> {
        let signed: SignedBatch = allod_wire::decode(bytes).map_err(|_| BatchError::Malformed)?;
        let batch: Batch = allod_wire::decode(&signed.batch).map_err(|_| BatchError::Malformed)?;
        Ok(Self { id: id_of(&signed.batch), batch, bytes: bytes.to_vec() })
    }

    /// Its id.
    pub fn id(&self) -> BatchId {
        self.id
    }

    /// What it says.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// As it is kept and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Device {
    /// The one that signs with this key.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().0)
    }
}

fn id_of(batch: &[u8]) -> BatchId {
    BatchId(tagged("allod 2026 vault sync, batch", &[batch]))
}

fn to_sign(id: &BatchId) -> [u8; 32] {
    tagged("allod 2026 vault sync, signed batch", &[&id.0])
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({self})")
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("something that is no batch of operations"),
            Self::Senseless(device) => write!(f, "a batch of device {device} that no device can have made"),
            Self::OtherSpace(device) => write!(f, "a batch of device {device} of another space"),
            Self::Unsigned(device) => write!(f, "a batch that device {device} did not sign"),
        }
    }
}

impl core::error::Error for BatchError {}
