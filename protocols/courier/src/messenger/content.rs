//! What devices say to each other in what they seal.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::file::Reference;
use crate::bundle::{PAYLOAD_MAX, Seconds};
use crate::group::{ChangeId, GroupId, SenderKey};

/// The most bytes of a text, and of what is said of a file. More is a file.
pub const TEXT_MAX: usize = 32 << 10;

/// The most bytes of a file's name.
pub const FILE_NAME_MAX: usize = 255;

/// Which message of one person it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct MessageId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 8]);

/// To whom somebody writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Whom {
    /// A person.
    #[n(0)]
    Person(#[n(0)] Did),
    /// All members of a group.
    #[n(1)]
    Group(#[n(0)] GroupId),
}

/// What people say.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Body {
    /// A text of at most [`TEXT_MAX`] bytes.
    #[n(0)]
    Text(#[n(0)] String),
    /// A file, whose parts come on their own.
    #[n(1)]
    File {
        /// What it is called, at most [`FILE_NAME_MAX`] bytes. It is no path.
        #[n(0)]
        name: String,
        /// What is said of it, at most [`TEXT_MAX`] bytes.
        #[n(1)]
        note: String,
        /// Where its parts are and what opens them.
        #[n(2)]
        reference: Reference,
    },
}

impl Body {
    /// Whether it keeps to the limits, and names no path.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= TEXT_MAX,
            Self::File { name, note, reference } => {
                let is_name = !name.is_empty() && name.len() <= FILE_NAME_MAX && name != "." && name != "..";
                let is_plain = !name.chars().any(|letter| letter == '/' || letter.is_control());
                is_name && is_plain && note.len() <= TEXT_MAX && reference.is_sound()
            }
        }
    }
}

/// How far a message has come, as the other side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Reached {
    /// A device has it.
    #[n(0)]
    Delivered,
    /// The person has seen it.
    #[n(1)]
    Read,
}

/// A message as it is said.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Said {
    #[n(0)]
    pub(super) id: MessageId,
    /// Seconds since 2000.
    #[n(1)]
    pub(super) at: u32,
    #[n(2)]
    pub(super) body: Body,
}

impl Said {
    /// Something that is said now.
    pub(super) fn new(body: Body, now: Instant, rng: &mut impl CryptoRng) -> Self {
        let mut id = MessageId([0; 8]);
        rng.fill_bytes(&mut id.0);
        Self { id, at: Seconds::at(now).0, body }
    }

    pub(super) fn at(&self) -> Seconds {
        Seconds(self.at)
    }
}

/// What is in a sealed message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub(super) enum Content {
    /// What a person says, to the other person or, under a sender chain, to its group.
    #[n(0)]
    Said(#[n(0)] Said),
    /// Messages of the other side have come so far.
    #[n(1)]
    Reached(#[n(0)] Reached, #[n(1)] Vec<MessageId>),
    /// By what other devices can be reached: invitations for many.
    #[n(2)]
    Cards(#[n(0)] Vec<ByteVec>),
    /// Changes of a group, and by what those whom they name can be reached.
    #[n(3)]
    Group {
        #[n(0)]
        group: GroupId,
        #[n(1)]
        changes: Vec<ByteVec>,
        #[n(2)]
        cards: Vec<ByteVec>,
    },
    /// What opens what this device sends to a group from now on.
    #[n(4)]
    GroupKey(#[n(0)] GroupId, #[n(1)] SenderKey),
    /// Changes of a group that are missing here.
    #[n(5)]
    GroupMissing(#[n(0)] GroupId, #[n(1)] Vec<ChangeId>),
    /// What another device of the same person has sent.
    #[n(6)]
    Copy(#[n(0)] Whom, #[n(1)] Said),
    /// Whom another device of the same person knows.
    #[n(7)]
    People(#[n(0)] Vec<Known>),
    /// A piece of what stands in for a lost card, for this contact to keep.
    #[n(8)]
    Piece(#[n(0)] ByteVec),
}

/// Somebody whom a device of the same person knows.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Known {
    #[n(0)]
    pub(super) did: Did,
    #[n(1)]
    pub(super) name: String,
    #[n(2)]
    pub(super) is_verified: bool,
    #[n(3)]
    pub(super) cards: Vec<ByteVec>,
}

impl Wire for Content {
    const SIZE_MAX: usize = PAYLOAD_MAX;
}
