//! Votes that contradict each other, as evidence that anybody can check.
//!
//! What a member signs, byte for byte. `varint` is unsigned LEB128 of 64 bits:
//! seven bits a byte, the lowest first, the top bit set on all bytes but the
//! last, and no more bytes than needed.
//!
//! ```text
//! signed    = varint(len(namespace)) ‖ namespace ‖ message
//! namespace = "allod-chain-1" ‖ network (32 bytes) ‖ suffix
//!
//! statement  suffix        message
//! notarize   "_NOTARIZE"   varint(epoch) ‖ varint(view) ‖ varint(parent) ‖ block (32 bytes)
//! nullify    "_NULLIFY"    varint(epoch) ‖ varint(view)
//! finalize   "_FINALIZE"   varint(epoch) ‖ varint(view) ‖ varint(parent) ‖ block (32 bytes)
//! ```
//!
//! `parent` is the view of the block's parent, 0 where that is the last block
//! of the epoch before; `block` is the [`BlockDigest`]. The namespaces are 54,
//! 53 and 54 bytes long, so the first byte of `signed` is 0x36, 0x35 or 0x36.
//!
//! Signatures are Ed25519 by the member's key over `signed`. The engine accepts
//! what ZIP 215 accepts: `s` canonical, `R` and the key any encodings of points,
//! and `[8][s]B = [8]R + [8][k]A`. A verifier of evidence must accept the same,
//! or a member could sign so that the committee counts its vote and nobody can
//! hold it against the member.
//!
//! Two statements of one key in one epoch and one view contradict each other
//! if and only if they are
//! - two notarize with different `parent` or `block`,
//! - two finalize with different `parent` or `block`, or
//! - one nullify and one finalize.
//!
//! A member that has its last votes on disk never signs such a pair. One that is
//! set back to an older state of its disk may: that looks the same from outside.
//!
//! Evidence is encoded as canonical CBOR, arrays all through:
//! ```text
//! evidence  = [1, network, offender, signed, signed]   network, offender: 32 bytes
//! signed    = [statement, signature]                   signature: 64 bytes
//! statement = [0, epoch, view, parent, block]          notarize
//!           | [1, epoch, view]                         nullify
//!           | [2, epoch, view, parent, block]          finalize
//! ```
//! Of two notarize and of two finalize, the first has the smaller encoding. A
//! nullify stands before a finalize.

use allod_crypto::sign::{Signature, VerifyingKey};
use allod_wire::Wire;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::BlockDigest;

/// What a member of a committee signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// The first vote: this block is good.
    Notarize {
        /// The epoch.
        epoch: u64,
        /// The view.
        view: u64,
        /// The view of the block's parent.
        parent: u64,
        /// The block.
        block: BlockDigest,
    },
    /// The view may end without a block.
    Nullify {
        /// The epoch.
        epoch: u64,
        /// The view.
        view: u64,
    },
    /// The second vote: two thirds found the block good.
    Finalize {
        /// The epoch.
        epoch: u64,
        /// The view.
        view: u64,
        /// The view of the block's parent.
        parent: u64,
        /// The block.
        block: BlockDigest,
    },
}

impl Statement {
    /// The bytes that a member of `network` signs to make this statement.
    pub fn signed_bytes(&self, network: &[u8; 32]) -> Vec<u8> {
        let (namespace, message) = self.namespace_and_message(network);
        let mut bytes = Vec::new();
        varint(namespace.len() as u64, &mut bytes);
        bytes.extend_from_slice(&namespace);
        bytes.extend_from_slice(&message);
        bytes
    }

    /// The two parts of what is signed.
    pub(super) fn namespace_and_message(&self, network: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
        let (suffix, epoch, view, rest) = match self {
            Self::Notarize { epoch, view, parent, block } => {
                ("_NOTARIZE", epoch, view, Some((parent, block)))
            }
            Self::Nullify { epoch, view } => ("_NULLIFY", epoch, view, None),
            Self::Finalize { epoch, view, parent, block } => {
                ("_FINALIZE", epoch, view, Some((parent, block)))
            }
        };
        let mut message = Vec::new();
        varint(*epoch, &mut message);
        varint(*view, &mut message);
        if let Some((parent, block)) = rest {
            varint(*parent, &mut message);
            message.extend_from_slice(&block.0);
        }
        ([&namespace(network)[..], suffix.as_bytes()].concat(), message)
    }
}

/// What separates the votes of this network from all others.
pub(super) fn namespace(network: &[u8; 32]) -> Vec<u8> {
    [&b"allod-chain-1"[..], network].concat()
}

/// Unsigned LEB128.
fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A statement and its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was said.
    pub statement: Statement,
    /// The signature over [`Statement::signed_bytes`].
    pub signature: Signature,
}

/// Two statements that contradict each other, signed by one key. Whether the
/// signatures are right is for whoever gets it to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The network that both are of.
    pub network: [u8; 32],
    /// Who signed both.
    pub offender: VerifyingKey,
    /// The one that stands first.
    pub first: Signed,
    /// The other.
    pub second: Signed,
}

impl Evidence {
    const VERSION: u8 = 1;

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(self)
    }
}

impl<C> Encode<C> for Statement {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        match self {
            Self::Notarize { epoch, view, parent, block } => {
                e.array(5)?.u8(0)?.u64(*epoch)?.u64(*view)?.u64(*parent)?.bytes(&block.0)?.ok()
            }
            Self::Nullify { epoch, view } => e.array(3)?.u8(1)?.u64(*epoch)?.u64(*view)?.ok(),
            Self::Finalize { epoch, view, parent, block } => {
                e.array(5)?.u8(2)?.u64(*epoch)?.u64(*view)?.u64(*parent)?.bytes(&block.0)?.ok()
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for Statement {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let parts = d.array()?;
        let kind = d.u8()?;
        let (epoch, view) = (d.u64()?, d.u64()?);
        match (kind, parts) {
            (0, Some(5)) => {
                Ok(Self::Notarize { epoch, view, parent: d.u64()?, block: BlockDigest(array(d)?) })
            }
            (1, Some(3)) => Ok(Self::Nullify { epoch, view }),
            (2, Some(5)) => {
                Ok(Self::Finalize { epoch, view, parent: d.u64()?, block: BlockDigest(array(d)?) })
            }
            _ => Err(DecodeError::message("not a statement")),
        }
    }
}

impl<C> Encode<C> for Signed {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?.encode_with(self.statement, c)?.bytes(&self.signature.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Signed {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, DecodeError> {
        parts(d, 2)?;
        Ok(Self { statement: d.decode_with(c)?, signature: Signature(array(d)?) })
    }
}

impl<C> Encode<C> for Evidence {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(5)?.u8(Self::VERSION)?.bytes(&self.network)?.bytes(&self.offender.0)?;
        e.encode_with(self.first, c)?.encode_with(self.second, c)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Evidence {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, DecodeError> {
        parts(d, 5)?;
        if d.u8()? != Self::VERSION {
            return Err(DecodeError::message("evidence of an unknown version"));
        }
        Ok(Self {
            network: array(d)?,
            offender: VerifyingKey(array(d)?),
            first: d.decode_with(c)?,
            second: d.decode_with(c)?,
        })
    }
}

impl Wire for Evidence {
    const SIZE_MAX: usize = 384;
}

/// An array's head.
pub(super) fn parts(d: &mut Decoder<'_>, parts: u64) -> Result<(), DecodeError> {
    if d.array()? == Some(parts) { Ok(()) } else { Err(DecodeError::message("another number of parts")) }
}

/// A byte string of a fixed length.
pub(super) fn array<const N: usize>(d: &mut Decoder<'_>) -> Result<[u8; N], DecodeError> {
    d.bytes()?.try_into().map_err(|_| DecodeError::message("bytes of another length"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statements() -> impl Strategy<Value = Statement> {
        let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<[u8; 32]>());
        (0..3, numbers).prop_map(|(kind, (epoch, view, parent, block))| {
            let block = BlockDigest(block);
            match kind {
                0 => Statement::Notarize { epoch, view, parent, block },
                1 => Statement::Nullify { epoch, view },
                _ => Statement::Finalize { epoch, view, parent, block },
            }
        })
    }

    fn signed() -> impl Strategy<Value = Signed> {
        (statements(), any::<[u8; 32]>()).prop_map(|(statement, half)| {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&half);
            Signed { statement, signature: Signature(signature) }
        })
    }

    proptest! {
        #[test]
        fn evidence_comes_back_from_its_bytes(first in signed(), second in signed(), key: [u8; 32]) {
            let evidence = Evidence { network: [1; 32], offender: VerifyingKey(key), first, second };
            prop_assert_eq!(allod_wire::decode::<Evidence>(&evidence.encode()), Ok(evidence));
        }

        #[test]
        fn other_bytes_are_no_evidence_or_come_back(bytes: Vec<u8>) {
            if let Ok(evidence) = allod_wire::decode::<Evidence>(&bytes) {
                prop_assert_eq!(evidence.encode(), bytes);
            }
        }

        #[test]
        fn two_statements_never_have_the_same_signed_bytes(first in statements(), second in statements()) {
            let bytes = [&first, &second].map(|statement| statement.signed_bytes(&[1; 32]));
            prop_assert_eq!(bytes[0] == bytes[1], first == second);
            prop_assert_ne!(first.signed_bytes(&[2; 32]), bytes[0].clone());
        }
    }

    #[test]
    fn signed_bytes_are_laid_out_as_written() {
        let statement =
            Statement::Finalize { epoch: 1, view: 300, parent: 299, block: BlockDigest([0xbb; 32]) };
        let signed = statement.signed_bytes(&[0xaa; 32]);
        let expected = [
            &[0x36][..],
            b"allod-chain-1",
            &[0xaa; 32],
            b"_FINALIZE",
            &[0x01, 0xac, 0x02, 0xab, 0x02],
            &[0xbb; 32],
        ];
        assert_eq!(signed, expected.concat());
        let signed = Statement::Nullify { epoch: 127, view: 128 }.signed_bytes(&[0xaa; 32]);
        let expected = [&[0x35][..], b"allod-chain-1", &[0xaa; 32], b"_NULLIFY", &[0x7f, 0x80, 0x01]];
        assert_eq!(signed, expected.concat());
    }
}
