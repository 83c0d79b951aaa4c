//! The certificate that a block is final, for clients that are online and know
//! the epoch's committee.
//!
//! A client checks that
//! - the votes are of different members of the epoch's committee, and at least
//!   `n − ⌊(n − 1) / 3⌋` of its `n` members;
//! - each signature is the member's on [`Certificate::statement`] (for the bytes
//!   and the rules, see [`Evidence`](super::Evidence)'s file).
//!
//! Canonical CBOR, arrays all through:
//! ```text
//! certificate = [epoch, view, parent, block, [vote, ..]]   block: 32 bytes
//! vote        = [key, signature]                           32 and 64 bytes
//! ```
//! Votes stand in ascending order of their keys. Two nodes may hold different
//! certificates of one block: any two thirds will do.

use allod_crypto::sign::{Signature, VerifyingKey};
use allod_wire::Wire;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::evidence::{array, parts};
use super::{BlockDigest, COMMITTEE_MAX, Statement};

/// One member's vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Whose.
    pub key: VerifyingKey,
    /// On the certificate's [`statement`](Certificate::statement).
    pub signature: Signature,
}

/// A block is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The epoch whose committee voted.
    pub epoch: u64,
    /// The view that it voted in.
    pub view: u64,
    /// The view of the block's parent.
    pub parent: u64,
    /// The block.
    pub block: BlockDigest,
    /// The votes, keys ascending.
    pub votes: Vec<Vote>,
}

impl Certificate {
    /// What every vote signs.
    pub fn statement(&self) -> Statement {
        Statement::Finalize { epoch: self.epoch, view: self.view, parent: self.parent, block: self.block }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(self)
    }
}

impl<C> Encode<C> for Vote {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?.bytes(&self.key.0)?.bytes(&self.signature.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Vote {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        parts(d, 2)?;
        Ok(Self { key: VerifyingKey(array(d)?), signature: Signature(array(d)?) })
    }
}

impl<C> Encode<C> for Certificate {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(5)?.u64(self.epoch)?.u64(self.view)?.u64(self.parent)?.bytes(&self.block.0)?;
        e.encode_with(&self.votes, c)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Certificate {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, DecodeError> {
        parts(d, 5)?;
        let (epoch, view, parent, block) = (d.u64()?, d.u64()?, d.u64()?, BlockDigest(array(d)?));
        let votes: Vec<Vote> = d.decode_with(c)?;
        if votes.len() > COMMITTEE_MAX || !votes.is_sorted_by(|a, b| a.key < b.key) {
            return Err(DecodeError::message("votes out of order"));
        }
        Ok(Self { epoch, view, parent, block, votes })
    }
}

impl Wire for Certificate {
    const SIZE_MAX: usize = 80 + COMMITTEE_MAX * 104;
}
