//! What a guardian keeps of its part in a key.

use allod_crypto::{Secret, Zeroizing};
use allod_threshold::Error;
use allod_threshold::dealing::EncryptionSecret;
use allod_wire::{SessionId, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

/// What is on disk, sealed, and replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The secret of the session under way.
    pub secret: Option<SessionSecret>,
    /// The share that is held.
    pub share: Option<HeldShare>,
}

/// What opens this guardian's shares in the dealings of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSecret {
    /// The session.
    pub session: SessionId,
    /// Its number among the key's sessions, from 1.
    pub number: u32,
    secret: Secret<32>,
}

impl SessionSecret {
    pub(super) fn new(session: SessionId, number: u32, secret: &EncryptionSecret) -> Self {
        Self { session, number, secret: Secret::from(*secret.encode()) }
    }

    pub(super) fn decode(&self) -> Result<EncryptionSecret, Error> {
        EncryptionSecret::decode(self.secret.expose())
    }
}

/// A share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldShare {
    /// Of which generation.
    pub generation: u32,
    /// Its index.
    pub index: u16,
    /// The scalar, encoded as its group does it.
    pub(super) value: Secret<32>,
}

impl Wire for Record {
    const SIZE_MAX: usize = 160;
}

/// The number in front tells the format.
const VERSION: u8 = 1;

impl<C> Encode<C> for Record {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(3)?.u8(VERSION)?;
        match &self.secret {
            Some(SessionSecret { session, number, secret }) => {
                e.array(3)?.encode(session)?.u32(*number)?.bytes(secret.expose())?;
            }
            None => {
                e.null()?;
            }
        }
        match &self.share {
            Some(HeldShare { generation, index, value }) => {
                e.array(3)?.u32(*generation)?.u16(*index)?.bytes(value.expose())?.ok()
            }
            None => e.null()?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Record {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(3) || d.u8()? != VERSION {
            return Err(DecodeError::message("not a keyholder's record"));
        }
        let secret =
            part(d, |d| Ok(SessionSecret { session: d.decode()?, number: d.u32()?, secret: scalar(d)? }))?;
        let share = part(d, |d| Ok(HeldShare { generation: d.u32()?, index: d.u16()?, value: scalar(d)? }))?;
        Ok(Self { secret, share })
    }
}

fn part<'b, T>(
    d: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if d.datatype()? == minicbor::data::Type::Null {
        d.null()?;
        return Ok(None);
    }
    if d.array()? != Some(3) {
        return Err(DecodeError::message("a part of another length"));
    }
    read(d).map(Some)
}

fn scalar(d: &mut Decoder<'_>) -> Result<Secret<32>, DecodeError> {
    let bytes = <[u8; 32]>::try_from(d.bytes()?).map_err(|_| DecodeError::message("not a scalar"))?;
    Ok(Secret::from(*Zeroizing::new(bytes)))
}
