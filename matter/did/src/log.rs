//! An identity's log: its operations, every one of them verified.
//!
//! Roles: whoever has the [`Root`] signs operations; everybody else verifies
//! them. Messages: one [`Operation`], or a whole log. Flow: the log is created
//! with its genesis, grows by one operation at a time, and is handed on whole or
//! as the operations that the other side lacks.
//!
//! A log never holds an operation that was not verified, never forgets one, and
//! never decides between two continuations of itself (see [`crate::Fork`]).

use alloc::vec;
use alloc::vec::Vec;

use allod_wire::limits::{DID_LOG_MAX, DID_OPERATION_MAX};
use allod_wire::{Instant, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::encoding::{self, read_operations, write_operations};
use crate::operation::Content;
use crate::{Device, DeviceId, Error, Fork, Kind, Operation, PublicKey, Root, State};

/// A verified log of 1 to 256 operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    operations: Vec<Operation>,
    state: State,
}

impl Log {
    /// A new identity of `root`, whose first device has `key` and is called
    /// `name`.
    ///
    /// # Errors
    /// [`Error::BadName`], [`Error::NotASigningKey`], and [`Error::KeyReused`]
    /// where the device's key is the root's.
    pub fn create(root: &Root, key: PublicKey, name: &str, now: Instant) -> Result<Self, Error> {
        let device = Device::new(key, name, now).map_err(|error| error.within(0))?;
        let kind = Kind::Genesis { root: root.public_key(), device };
        let genesis = Content { sequence: 0, at: now, link: None, kind }.sign(root, None);
        Self::from_operations(vec![genesis])
    }

    /// The log of these operations, in this order.
    ///
    /// # Errors
    /// What is wrong with the first operation that does not fit.
    pub fn from_operations(operations: Vec<Operation>) -> Result<Self, Error> {
        let state = replay(&operations)?;
        Ok(Self { operations, state })
    }

    /// Adds the device with `key`, called `name`: the operation to hand on.
    ///
    /// `now` must not be before [`State::at`]; a caller whose clock is behind
    /// takes the later of the two.
    ///
    /// # Errors
    /// [`Error::BadSignature`] where `root` is not the current root, and every
    /// other reason of [`Log::append`]. The log is then as it was.
    pub fn add_device(
        &mut self,
        root: &Root,
        key: PublicKey,
        name: &str,
        now: Instant,
    ) -> Result<&Operation, Error> {
        let sequence = self.state.sequence().saturating_add(1);
        let device = Device::new(key, name, now).map_err(|error| error.within(sequence))?;
        self.sign(root, None, Kind::AddDevice { device }, now)
    }

    /// Removes a device for good, be it the last: the operation to hand on.
    ///
    /// # Errors
    /// As for [`Log::add_device`].
    pub fn remove_device(&mut self, root: &Root, id: DeviceId, now: Instant) -> Result<&Operation, Error> {
        self.sign(root, None, Kind::RemoveDevice { id }, now)
    }

    /// Makes `new` the root in place of `old`: the operation to hand on.
    ///
    /// # Errors
    /// As for [`Log::add_device`], and [`Error::KeyReused`] where `new` was root
    /// before.
    pub fn rotate_root(&mut self, old: &Root, new: &Root, now: Instant) -> Result<&Operation, Error> {
        self.sign(old, Some(new), Kind::RotateRoot { root: new.public_key() }, now)
    }

    /// Takes in the next operation, once it is verified.
    ///
    /// # Errors
    /// Why it does not fit. The log is then as it was.
    pub fn append(&mut self, operation: Operation) -> Result<(), Error> {
        self.state.apply(&operation)?;
        self.operations.push(operation);
        Ok(())
    }

    /// Verifies everything again from the genesis: what a log that came through
    /// untrusted memory is worth.
    ///
    /// # Errors
    /// What is wrong with the first operation that does not fit.
    pub fn verify(&self) -> Result<State, Error> {
        replay(&self.operations)
    }

    /// What the log adds up to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The operations, genesis first. Never empty.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether `root` owns the current root key. Compared in constant time.
    pub fn is_root_of(&self, root: &Root) -> bool {
        self.state.is_root_of(root)
    }

    /// Whether `other` is a prefix of this log, or equal to it. Signatures are
    /// not compared: both logs are verified.
    pub fn extends(&self, other: &Self) -> bool {
        // The chain of hashes makes one operation speak for all before it.
        self.operations
            .get(other.operations.len().saturating_sub(1))
            .is_some_and(|operation| operation.hash() == other.state.head())
    }

    /// Evidence that this log and `other` contradict each other. None where one
    /// extends the other, or they belong to different identities. Both sides
    /// find the same evidence.
    pub fn fork(&self, other: &Self) -> Option<Fork> {
        if self.state.did() != other.state.did() {
            return None;
        }
        let mut pairs = self.operations.iter().zip(&other.operations);
        let place = pairs.position(|(ours, theirs)| ours.hash() != theirs.hash())?;
        let shared = self.operations.get(..place)?.to_vec();
        Some(Fork::new(shared, self.operations.get(place)?.clone(), other.operations.get(place)?.clone()))
    }

    /// The identity's W3C DID document, resolved from this log alone
    /// (DID Core 1.0; keys as `Multikey`): JSON, the same bytes every time.
    ///
    /// Devices authenticate and assert; the root invokes and delegates
    /// capabilities. Devices' names are not told.
    pub fn document(&self) -> alloc::string::String {
        crate::document::document(&self.state)
    }

    /// The log's canonical bytes, at most 1 MiB.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(&EncodedRef(&self.operations))
    }

    /// The log that `bytes` canonically encode, verified.
    ///
    /// # Errors
    /// [`Error::Wire`], or what is wrong with the first operation that does not
    /// fit.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let Encoded(operations) = encoding::decode(bytes, |d| read_operations(d, DID_LOG_MAX).map(Encoded))?;
        Self::from_operations(operations)
    }

    fn sign(
        &mut self,
        root: &Root,
        new_root: Option<&Root>,
        kind: Kind,
        now: Instant,
    ) -> Result<&Operation, Error> {
        let operation = self.state.next(kind, now).sign(root, new_root);
        self.state.apply(&operation)?;
        Ok(self.operations.push_mut(operation))
    }
}

fn replay(operations: &[Operation]) -> Result<State, Error> {
    let (genesis, rest) = operations.split_first().ok_or(Error::Empty)?;
    let mut state = State::found(genesis)?;
    for operation in rest {
        state.apply(operation)?;
    }
    Ok(state)
}

/// Operations as they stand in a log's bytes, before they are verified.
struct Encoded(Vec<Operation>);

/// The same, borrowed.
struct EncodedRef<'a>(&'a [Operation]);

impl<C> Encode<C> for Encoded {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        write_operations(e, &self.0)
    }
}

impl<C> Encode<C> for EncodedRef<'_> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        write_operations(e, self.0)
    }
}

impl<'b, C> Decode<'b, C> for Encoded {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self(read_operations(d, DID_LOG_MAX)?))
    }
}

impl Wire for Encoded {
    const SIZE_MAX: usize = 3 + DID_LOG_MAX * DID_OPERATION_MAX;
}
