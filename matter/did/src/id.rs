//! The identifiers: a person's DID, a device's, an operation's. Each is a
//! BLAKE3 hash bound to what it is for, so none can pass for another.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use allod_wire::Wire;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::Error;

/// What a DID's text begins with; `z` is multibase for base58btc.
const PREFIX: &str = "did:allod:z";
/// Characters that 32 bytes in base58btc have at most.
const BASE58_MAX: usize = 44;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The identifier's bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                <[u8; 32]>::try_from(d.bytes()?)
                    .map(Self)
                    .map_err(|_| DecodeError::message(concat!("not a ", $what)))
            }
        }

        impl Wire for $name {
            const SIZE_MAX: usize = 34;
        }
    };
}

id! {
    /// Names an identity, for good: the hash of its genesis operation. In text
    /// `did:allod:z` and the 32 bytes in base58btc.
    Did, "DID"
}

id! {
    /// Names a device: the hash of its key. In text lower-case hexadecimal.
    DeviceId, "device id"
}

id! {
    /// Names an operation: the hash of its content, to which the next one is
    /// chained. In text lower-case hexadecimal.
    OperationHash, "operation hash"
}

impl Did {
    /// The first 16 bytes, for places where a whole DID has no room.
    pub fn prefix(&self) -> [u8; 16] {
        let mut prefix = [0; 16];
        prefix.copy_from_slice(&self.0[..16]);
        prefix
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&bs58::encode(&self.0).into_string())
    }
}

impl FromStr for Did {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let base58 = text.strip_prefix(PREFIX).ok_or(Error::NotADid)?;
        let bytes = base58_decode::<BASE58_MAX>(base58).ok_or(Error::NotADid)?;
        Ok(Self(bytes.try_into().map_err(|_| Error::NotADid)?))
    }
}

/// The bytes that `text` spells in base58btc, where it has at most `MAX`
/// characters: reading takes time quadratic in the length. Leading ones stand
/// for leading zero bytes, so no bytes have a second text.
pub(crate) fn base58_decode<const MAX: usize>(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX {
        return None;
    }
    bs58::decode(text).into_vec().ok()
}

macro_rules! hexadecimal {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    };
}

hexadecimal!(DeviceId);
hexadecimal!(OperationHash);
