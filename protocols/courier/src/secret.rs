//! Secrets as byte strings of CBOR.

use allod_crypto::{Secret, Zeroizing};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};

pub(crate) fn encode<C, W: Write, const N: usize>(
    secret: &Secret<N>,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    e.bytes(secret.expose())?.ok()
}

pub(crate) fn decode<C, const N: usize>(d: &mut Decoder<'_>, _: &mut C) -> Result<Secret<N>, DecodeError> {
    let bytes = d.bytes()?;
    let array: Zeroizing<[u8; N]> =
        Zeroizing::new(bytes.try_into().map_err(|_| DecodeError::message("a secret of another length"))?);
    Ok(Secret::from(*array))
}
