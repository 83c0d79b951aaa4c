//! Evidence that an identity's log was continued in two ways.
//!
//! Only the root could sign both continuations: two of its holders did not know
//! of each other, or somebody else has it. The evidence holds the shared part of
//! the log and both operations, so anybody can verify it with nothing else.

use alloc::vec::Vec;

use allod_wire::Wire;
use allod_wire::limits::{DID_LOG_MAX, DID_OPERATION_MAX};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::encoding::{self, Stop, expect_array, read_operation, read_operations, write_operations};
use crate::{Did, Error, Log, Operation};

/// Two operations that the same root signed for the same place of the same log.
/// One that was decoded proves nothing before [`Fork::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    pub(crate) shared: Vec<Operation>,
    pub(crate) first: Operation,
    pub(crate) second: Operation,
}

impl Fork {
    /// The evidence, with the operation of the smaller hash first.
    pub(crate) fn new(shared: Vec<Operation>, ours: Operation, theirs: Operation) -> Self {
        let (first, second) = if ours.hash() <= theirs.hash() { (ours, theirs) } else { (theirs, ours) };
        Self { shared, first, second }
    }

    /// The operations on which both sides agree, genesis first.
    pub fn shared(&self) -> &[Operation] {
        &self.shared
    }

    /// The two operations that contradict each other, smaller hash first.
    pub fn operations(&self) -> [&Operation; 2] {
        [&self.first, &self.second]
    }

    /// Checks that both operations fit the shared log, and gives the identity
    /// whose root signed them.
    ///
    /// # Errors
    /// What is wrong with the first operation that does not fit, or
    /// [`Error::NotAFork`].
    pub fn verify(&self) -> Result<Did, Error> {
        let log = Log::from_operations(self.shared.clone())?;
        log.clone().append(self.first.clone())?;
        log.clone().append(self.second.clone())?;
        if self.first.hash() < self.second.hash() {
            Ok(log.state().did())
        } else {
            Err(Error::NotAFork { sequence: self.second.sequence() })
        }
    }

    /// The evidence's canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(self)
    }

    /// The evidence that `bytes` canonically encode, not verified yet.
    ///
    /// # Errors
    /// As for [`Operation::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        encoding::decode(bytes, Self::read)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Stop> {
        expect_array(d, 3)?;
        let shared = read_operations(d, DID_LOG_MAX - 1)?;
        let place = shared.len() as u32;
        let first = read_operation(d, Some(place))?;
        let second = read_operation(d, Some(place))?;
        Ok(Self { shared, first, second })
    }
}

impl<C> Encode<C> for Fork {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(3)?;
        write_operations(e, &self.shared)?;
        e.encode(&self.first)?.encode(&self.second)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Fork {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self::read(d)?)
    }
}

impl Wire for Fork {
    const SIZE_MAX: usize = 4 + (DID_LOG_MAX + 1) * DID_OPERATION_MAX;
}
