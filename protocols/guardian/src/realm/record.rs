//! What a guardian remembers of an account, in its stored form.

use allod_crypto::{Secret, Zeroizing};
use allod_wire::{RegistrationVersion, Wire};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::juicebox::{ENCRYPTED_SECRET, Policy, Register2Request, SignedPublicKey};

/// An account's state. Accounts that are not registered have no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A share is held.
    Registered(Registration),
    /// The guesses ran out. Nothing is left but this fact.
    Destroyed,
}

/// A share with its count of guesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// As the client registered it.
    pub parts: Register2Request,
    /// Guesses spent since the last success.
    pub guess_count: u16,
}

impl Registration {
    /// Guesses that are left.
    pub fn guesses_left(&self) -> u16 {
        self.parts.policy.num_guesses.saturating_sub(self.guess_count)
    }
}

impl Wire for Record {
    const SIZE_MAX: usize = 1024;
}

/// The number in front tells the format; it grows when the fields change.
const REGISTERED: u8 = 1;
const DESTROYED: u8 = 2;

impl<C> Encode<C> for Record {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        let Self::Registered(Registration { parts, guess_count }) = self else {
            return e.array(1)?.u8(DESTROYED)?.ok();
        };
        e.array(13)?.u8(REGISTERED)?;
        e.bytes(parts.version.as_bytes())?;
        e.bytes(parts.oprf_private_key.expose())?;
        e.bytes(&parts.oprf_signed_public_key.public_key)?;
        e.bytes(&parts.oprf_signed_public_key.verifying_key)?;
        e.bytes(&parts.oprf_signed_public_key.signature)?;
        e.bytes(&parts.unlock_key_commitment)?;
        e.bytes(parts.unlock_key_tag.expose())?;
        e.bytes(parts.encryption_key_scalar_share.expose())?;
        e.bytes(&parts.encrypted_secret)?;
        e.bytes(&parts.encrypted_secret_commitment)?;
        e.u16(parts.policy.num_guesses)?;
        e.u16(*guess_count)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Record {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let fields = d.array()?;
        match (fields, d.u8()?) {
            (Some(1), DESTROYED) => Ok(Self::Destroyed),
            (Some(13), REGISTERED) => Ok(Self::Registered(Registration {
                parts: Register2Request {
                    version: RegistrationVersion(bytes(d)?),
                    oprf_private_key: secret(d)?,
                    oprf_signed_public_key: SignedPublicKey {
                        public_key: bytes(d)?,
                        verifying_key: bytes(d)?,
                        signature: bytes(d)?,
                    },
                    unlock_key_commitment: bytes(d)?,
                    unlock_key_tag: secret(d)?,
                    encryption_key_scalar_share: secret(d)?,
                    encrypted_secret: bytes::<ENCRYPTED_SECRET>(d)?,
                    encrypted_secret_commitment: bytes(d)?,
                    policy: Policy { num_guesses: d.u16()? },
                },
                guess_count: d.u16()?,
            })),
            _ => Err(DecodeError::message("not a guardian's record")),
        }
    }
}

fn bytes<const N: usize>(d: &mut Decoder<'_>) -> Result<[u8; N], DecodeError> {
    d.bytes()?.try_into().map_err(|_| DecodeError::message("a field of another length"))
}

fn secret<const N: usize>(d: &mut Decoder<'_>) -> Result<Secret<N>, DecodeError> {
    Ok(Secret::from(*Zeroizing::new(bytes::<N>(d)?)))
}
