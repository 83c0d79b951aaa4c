//! The encoding of operations: canonical CBOR (RFC 8949, section 4.2.1).
//!
//! ```text
//! operation = [content, signature, possession / null]
//! content   = [version, sequence, at, null / [did, previous], kind]
//! kind      = [0, key, device] / [1, device] / [2, device id] / [3, key]
//! device    = [key, name]
//! key       = [algorithm, bytes]
//! signature = [algorithm, bytes]
//! log       = [operation, ..]
//! fork      = [log, operation, operation]
//! ```

use alloc::vec::Vec;

use allod_wire::limits::DID_LOG_MAX;
use allod_wire::{Instant, Wire};
use minicbor::Decoder;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::operation::{Content, Link};
use crate::{Device, Error, Kind, Operation, PublicKey, Signature, VERSION};

/// Why reading stopped: the bytes are no CBOR of the right shape, or they are
/// and say something that is refused.
pub(crate) enum Stop {
    Malformed(DecodeError),
    Refused(Error),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Stop> for DecodeError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Malformed(error) => error,
            Stop::Refused(_) => Self::message("refused"),
        }
    }
}

/// What `bytes` canonically encode. `allod_wire` knows only that a value was
/// malformed; where `read` can say more, that is the error.
pub(crate) fn decode<T: Wire>(
    bytes: &[u8],
    read: impl Fn(&mut Decoder<'_>) -> Result<T, Stop>,
) -> Result<T, Error> {
    let error = match allod_wire::decode(bytes) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if matches!(error, allod_wire::Error::Malformed { .. })
        && let Err(Stop::Refused(refused)) = read(&mut Decoder::new(bytes))
    {
        return Err(refused);
    }
    Err(Error::Wire(error))
}

pub(crate) fn expect_array(d: &mut Decoder<'_>, len: u64) -> Result<(), Stop> {
    if d.array()? == Some(len) { Ok(()) } else { Err(DecodeError::message("another array").into()) }
}

/// The operation that comes next; `place` is its number where that is known
/// from outside.
pub(crate) fn read_operation(d: &mut Decoder<'_>, place: Option<u32>) -> Result<Operation, Stop> {
    expect_array(d, 3)?;
    let content = read_content(d, place)?;
    let sequence = content.sequence;
    let signature = within(sequence, Signature::read(d))?;
    let possession = optional(d, |d| within(sequence, Signature::read(d)))?;
    Ok(Operation { content, signature, possession })
}

/// Operations as a log or a fork holds them: at most `len_max`.
pub(crate) fn read_operations(d: &mut Decoder<'_>, len_max: usize) -> Result<Vec<Operation>, Stop> {
    let len = d.array()?.ok_or_else(|| DecodeError::message("an indefinite length"))?;
    let mut operations = Vec::new();
    for place in 0..len {
        // A place that a log cannot have is refused before its operation is read.
        let sequence = u32::try_from(place).unwrap_or(u32::MAX);
        if operations.len() >= len_max {
            return Err(Error::LogFull { sequence }.into());
        }
        operations.push(read_operation(d, Some(sequence))?);
    }
    Ok(operations)
}

fn read_content(d: &mut Decoder<'_>, place: Option<u32>) -> Result<Content, Stop> {
    // The version decides how long the array is and what follows.
    let len = d.array()?;
    let version = d.u64()?;
    if version != VERSION {
        return Err(Error::UnknownVersion { version, sequence: place }.into());
    }
    if len != Some(5) {
        return Err(DecodeError::message("not an operation's content").into());
    }
    let sequence = d.u32()?;
    let at = d.decode::<Instant>()?;
    let link = optional(d, |d| {
        expect_array(d, 2)?;
        Ok(Link { did: d.decode()?, previous: d.decode()? })
    })?;
    let kind = within(sequence, read_kind(d, at))?;
    Ok(Content { sequence, at, link, kind })
}

fn read_kind(d: &mut Decoder<'_>, at: Instant) -> Result<Kind, Stop> {
    let len = d.array()?;
    let tag = d.u64()?;
    match (tag, len) {
        (0, Some(3)) => Ok(Kind::Genesis { root: PublicKey::read(d)?, device: read_device(d, at)? }),
        (1, Some(2)) => Ok(Kind::AddDevice { device: read_device(d, at)? }),
        (2, Some(2)) => Ok(Kind::RemoveDevice { id: d.decode()? }),
        (3, Some(2)) => Ok(Kind::RotateRoot { root: PublicKey::read(d)? }),
        _ => Err(DecodeError::message("not a kind of operation").into()),
    }
}

fn read_device(d: &mut Decoder<'_>, at: Instant) -> Result<Device, Stop> {
    expect_array(d, 2)?;
    let key = PublicKey::read(d)?;
    Ok(Device::new(key, d.str()?, at)?)
}

/// The items of an array, at most as many as a log has operations.
pub(crate) fn read_many<T>(
    d: &mut Decoder<'_>,
    read: impl Fn(&mut Decoder<'_>) -> Result<T, Stop>,
) -> Result<Vec<T>, Stop> {
    let len = d.array()?.ok_or_else(|| DecodeError::message("an indefinite length"))?;
    if len > DID_LOG_MAX as u64 {
        return Err(DecodeError::message("more items than operations").into());
    }
    (0..len).map(|_| read(d)).collect()
}

fn optional<'b, T>(
    d: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, Stop>,
) -> Result<Option<T>, Stop> {
    if d.datatype()? == minicbor::data::Type::Null {
        d.null()?;
        return Ok(None);
    }
    read(d).map(Some)
}

fn within<T>(sequence: u32, read: Result<T, Stop>) -> Result<T, Stop> {
    read.map_err(|stop| match stop {
        Stop::Refused(error) => Stop::Refused(error.within(sequence)),
        malformed => malformed,
    })
}

impl<C> Encode<C> for Content {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(5)?.u64(VERSION)?.u32(self.sequence)?.encode(self.at)?;
        match &self.link {
            None => e.null()?,
            Some(link) => e.array(2)?.encode(link.did)?.encode(link.previous)?,
        };
        match &self.kind {
            Kind::Genesis { root, device } => {
                e.array(3)?.u64(0)?.encode(root)?;
                write_device(e, device)
            }
            Kind::AddDevice { device } => {
                e.array(2)?.u64(1)?;
                write_device(e, device)
            }
            Kind::RemoveDevice { id } => e.array(2)?.u64(2)?.encode(id)?.ok(),
            Kind::RotateRoot { root } => e.array(2)?.u64(3)?.encode(root)?.ok(),
        }
    }
}

fn write_device<W: Write>(e: &mut Encoder<W>, device: &Device) -> Result<(), EncodeError<W::Error>> {
    e.array(2)?.encode(device.key())?.str(device.name())?.ok()
}

impl<C> Encode<C> for Operation {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(3)?.encode(&self.content)?.encode(self.signature)?.encode(self.possession)?.ok()
    }
}

pub(crate) fn write_operations<W: Write>(
    e: &mut Encoder<W>,
    operations: &[Operation],
) -> Result<(), EncodeError<W::Error>> {
    e.array(operations.len() as u64)?;
    for operation in operations {
        e.encode(operation)?;
    }
    e.ok()
}
