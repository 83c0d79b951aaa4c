//! Public keys and signatures, tagged with their algorithm.
//!
//! On the wire both are `[code, bytes]`: the algorithm's multicodec code and a
//! byte string as long as that algorithm wants it. A post-quantum algorithm such
//! as ML-DSA (code 0x1210 and up) is one more variant here and no other format.

use allod_crypto::sign;
use allod_wire::Wire;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use crate::encoding::{Stop, expect_array};
use crate::{DeviceId, Error};

/// Multicodec `ed25519-pub`.
pub const ED25519: u64 = 0xED;
/// Multicodec `x25519-pub`.
pub const X25519: u64 = 0xEC;

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PublicKey {
    /// For signatures (RFC 8032), 32 bytes.
    Ed25519(sign::VerifyingKey),
    /// For key agreement (RFC 7748), 32 bytes. It cannot sign, so it is neither
    /// a root's nor a device's.
    X25519([u8; 32]),
}

impl PublicKey {
    /// The algorithm's multicodec code.
    pub fn code(&self) -> u64 {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::X25519(_) => X25519,
        }
    }

    /// The key's bytes, as its algorithm writes them.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => &key.0,
            Self::X25519(key) => key,
        }
    }

    /// The key of the algorithm `code` that `bytes` are. Whether they are a
    /// point of the curve is found out when the key is used.
    ///
    /// # Errors
    /// [`Error::UnknownAlgorithm`], [`Error::WrongSize`].
    pub fn from_parts(code: u64, bytes: &[u8]) -> Result<Self, Error> {
        match code {
            ED25519 => sized(code, bytes).map(|bytes| Self::Ed25519(sign::VerifyingKey(bytes))),
            X25519 => sized(code, bytes).map(Self::X25519),
            _ => Err(Error::UnknownAlgorithm { code, sequence: None }),
        }
    }

    /// The id of the device that has this key.
    pub fn device_id(&self) -> DeviceId {
        DeviceId(allod_crypto::hash::tagged(
            "allod/did/device",
            &[&self.code().to_be_bytes(), self.as_bytes()],
        ))
    }

    /// Whether keys of this algorithm sign.
    pub fn can_sign(&self) -> bool {
        matches!(self, Self::Ed25519(_))
    }

    /// Checks that `signature` is this key's on `message`.
    ///
    /// # Errors
    /// [`sign::BadSignature`], also where the key cannot sign, or the signature
    /// is of another algorithm.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), sign::BadSignature> {
        match (self, signature) {
            (Self::Ed25519(key), Signature::Ed25519(signature)) => key.verify(message, signature),
            (Self::X25519(_), _) => Err(sign::BadSignature),
        }
    }

    pub(crate) fn read(d: &mut Decoder<'_>) -> Result<Self, Stop> {
        expect_array(d, 2)?;
        Ok(Self::from_parts(d.u64()?, d.bytes()?)?)
    }
}

impl From<sign::VerifyingKey> for PublicKey {
    fn from(key: sign::VerifyingKey) -> Self {
        Self::Ed25519(key)
    }
}

/// A signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// RFC 8032, 64 bytes.
    Ed25519(sign::Signature),
}

impl Signature {
    /// The multicodec code of the key's algorithm.
    pub fn code(&self) -> u64 {
        match self {
            Self::Ed25519(_) => ED25519,
        }
    }

    /// The signature's bytes, as its algorithm writes them.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(signature) => &signature.0,
        }
    }

    /// The signature of the algorithm `code` that `bytes` are.
    ///
    /// # Errors
    /// [`Error::UnknownAlgorithm`], [`Error::WrongSize`].
    pub fn from_parts(code: u64, bytes: &[u8]) -> Result<Self, Error> {
        match code {
            ED25519 => sized(code, bytes).map(|bytes| Self::Ed25519(sign::Signature(bytes))),
            _ => Err(Error::UnknownAlgorithm { code, sequence: None }),
        }
    }

    pub(crate) fn read(d: &mut Decoder<'_>) -> Result<Self, Stop> {
        expect_array(d, 2)?;
        Ok(Self::from_parts(d.u64()?, d.bytes()?)?)
    }
}

fn sized<const N: usize>(code: u64, bytes: &[u8]) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| Error::WrongSize { code, size: bytes.len(), sequence: None })
}

macro_rules! tagged {
    ($name:ident, $size_max:literal) => {
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.array(2)?.u64(self.code())?.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                Ok(Self::read(d)?)
            }
        }

        impl Wire for $name {
            const SIZE_MAX: usize = $size_max;
        }
    };
}

tagged!(PublicKey, 64);
tagged!(Signature, 96);
