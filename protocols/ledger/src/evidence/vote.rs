//! Votes of the consensus that contradict each other.
//!
//! What a guardian signs when it votes, byte for byte, as the engine that orders
//! operations has it. `varint` is unsigned LEB128: seven bits a byte, the lowest
//! first, the top bit set on all bytes but the last, no more bytes than needed.
//!
//! ```text
//! signed    = varint(len(namespace)) ‖ namespace ‖ message
//! namespace = "allod-chain-1" ‖ network (32 bytes) ‖ suffix
//!
//! vote      suffix        message
//! notarize  "_NOTARIZE"   varint(epoch) ‖ varint(view) ‖ varint(parent) ‖ block (32 bytes)
//! nullify   "_NULLIFY"    varint(epoch) ‖ varint(view)
//! finalize  "_FINALIZE"   varint(epoch) ‖ varint(view) ‖ varint(parent) ‖ block (32 bytes)
//! ```
//!
//! `parent` is the view of the block's parent, 0 where that is the last block of
//! the epoch before.
//!
//! Two votes of one guardian in one epoch and view contradict each other if and
//! only if both notarize, or both finalize, and differ; or one nullifies and the
//! other finalizes. A guardian whose last votes are on disk never signs such a
//! pair.
//!
//! The engine counts a vote if ZIP 215 accepts its signature, so evidence is
//! checked by the same rule: else a guardian could sign so that its vote counts
//! and nobody can hold it against it.

use alloc::vec::Vec;

use allod_crypto::sign::{Signature, VerifyingKey};
use allod_wire::{BlockId, GuardianId, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::Rejection;

/// What a guardian signs when it votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Vote {
    /// The first vote: this block is good.
    #[n(0)]
    Notarize {
        /// The epoch.
        #[n(0)]
        epoch: u64,
        /// The view.
        #[n(1)]
        view: u64,
        /// The view of the block's parent.
        #[n(2)]
        parent: u64,
        /// The block.
        #[n(3)]
        block: BlockId,
    },
    /// The view may end without a block.
    #[n(1)]
    Nullify {
        /// The epoch.
        #[n(0)]
        epoch: u64,
        /// The view.
        #[n(1)]
        view: u64,
    },
    /// The second vote: two thirds found the block good.
    #[n(2)]
    Finalize {
        /// The epoch.
        #[n(0)]
        epoch: u64,
        /// The view.
        #[n(1)]
        view: u64,
        /// The view of the block's parent.
        #[n(2)]
        parent: u64,
        /// The block.
        #[n(3)]
        block: BlockId,
    },
}

impl Vote {
    /// The bytes that a guardian of `network` signs.
    pub fn signed_bytes(&self, network: &NetworkId) -> Vec<u8> {
        let (suffix, rest) = match self {
            Self::Notarize { parent, block, .. } => ("_NOTARIZE", Some((parent, block))),
            Self::Nullify { .. } => ("_NULLIFY", None),
            Self::Finalize { parent, block, .. } => ("_FINALIZE", Some((parent, block))),
        };
        let namespace = [&namespace(network)[..], suffix.as_bytes()].concat();
        let (epoch, view) = self.place();
        let mut bytes = Vec::new();
        varint(namespace.len() as u64, &mut bytes);
        bytes.extend_from_slice(&namespace);
        varint(epoch, &mut bytes);
        varint(view, &mut bytes);
        if let Some((parent, block)) = rest {
            varint(*parent, &mut bytes);
            bytes.extend_from_slice(block.as_bytes());
        }
        bytes
    }

    /// Epoch and view.
    fn place(&self) -> (u64, u64) {
        match self {
            Self::Notarize { epoch, view, .. }
            | Self::Nullify { epoch, view }
            | Self::Finalize { epoch, view, .. } => (*epoch, *view),
        }
    }

    /// Whether an honest guardian never signs both.
    pub fn contradicts(&self, other: &Self) -> bool {
        let pair = match (self, other) {
            (Self::Notarize { .. }, Self::Notarize { .. })
            | (Self::Finalize { .. }, Self::Finalize { .. }) => self != other,
            (Self::Nullify { .. }, Self::Finalize { .. }) | (Self::Finalize { .. }, Self::Nullify { .. }) => {
                true
            }
            _ => false,
        };
        pair && self.place() == other.place()
    }
}

/// What separates the votes of this network from all others.
pub fn namespace(network: &NetworkId) -> Vec<u8> {
    [&b"allod-chain-1"[..], network.as_bytes()].concat()
}

/// Unsigned LEB128.
fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7F) as u8);
}

/// A vote and its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedVote {
    /// The vote.
    #[n(0)]
    pub vote: Vote,
    /// The signature over [`Vote::signed_bytes`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// Two votes that contradict each other, signed by one guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Conflict {
    /// Who signed both.
    #[n(0)]
    pub offender: GuardianId,
    /// One vote.
    #[n(1)]
    pub first: SignedVote,
    /// The other.
    #[n(2)]
    pub second: SignedVote,
}

impl Wire for Conflict {
    const SIZE_MAX: usize = 384;
}

impl Conflict {
    /// Checks that both votes are the offender's, and contradict each other.
    ///
    /// # Errors
    /// [`Rejection::NoContradiction`], [`Rejection::BadSignature`].
    pub fn check(&self, network: &NetworkId) -> Result<(), Rejection> {
        if !self.first.vote.contradicts(&self.second.vote) {
            return Err(Rejection::NoContradiction);
        }
        let key = VerifyingKey(*self.offender.as_bytes());
        for signed in [&self.first, &self.second] {
            key.verify_zip215(&signed.vote.signed_bytes(network), &Signature(signed.signature))
                .map_err(|_| Rejection::BadSignature)?;
        }
        Ok(())
    }
}
