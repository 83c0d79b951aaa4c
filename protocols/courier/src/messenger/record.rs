//! What is kept: records, each with a name. They belong among those of one device that can die,
//! and in no backup.

use alloc::vec::Vec;

use allod_crypto::SecretBytes;
use allod_crypto::hash::tagged;
use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::{Decode, Encode};

use super::content::{Body, MessageId, Reached, TEXT_MAX, Whom};
use crate::CourierError;
use crate::bundle::BundleId;
use crate::group::{ChangeId, GroupId};

/// A change of one record: its name, and what it is from now on, or nothing where it is to be
/// erased.
pub type RecordChange = (Vec<u8>, Option<SecretBytes>);

/// Which record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Person(Did),
    Device(Did, [u8; 32]),
    Invitation([u8; 32]),
    Group(GroupId),
    Change(GroupId, ChangeId),
    Listeners(GroupId, [u8; 32]),
    Coming(Did, MessageId),
    Piece(Did),
    Dealt,
    Outgoing(u64),
}

/// Messages, and what is known of them, which the messenger writes and does not read.
const MESSAGE: u8 = b'm';
const UNREAD: u8 = b'u';
const REACHED: u8 = b't';

impl Name {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, parts): (u8, [&[u8]; 2]) = match self {
            Self::Person(did) => (b'p', [did.as_bytes(), &[]]),
            Self::Device(did, key) => (b'd', [did.as_bytes(), key]),
            Self::Invitation(id) => (b'i', [id, &[]]),
            Self::Group(group) => (b'g', [&group.0, &[]]),
            Self::Change(group, change) => (b'c', [&group.0, &change.0]),
            Self::Listeners(group, key) => (b'l', [&group.0, key]),
            Self::Coming(did, id) => (b'f', [did.as_bytes(), &id.0]),
            Self::Piece(did) => (b'v', [did.as_bytes(), &[]]),
            Self::Dealt => (b'w', [&[], &[]]),
            Self::Outgoing(number) => (b'o', [&number.to_be_bytes(), &[]]),
        };
        let [first, second] = parts;
        [&[kind], first, second].concat()
    }

    /// The name of these bytes. `None` for records that the messenger does not read.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == b'o' {
            return Some(Self::Outgoing(u64::from_be_bytes(rest.try_into().ok()?)));
        }
        if bytes == b"w" {
            return Some(Self::Dealt);
        }
        let (first, second) = rest.split_first_chunk::<32>()?;
        let one = |name| second.is_empty().then_some(name);
        let two = || <[u8; 32]>::try_from(second).ok();
        match kind {
            b'p' => one(Self::Person(Did(*first))),
            b'd' => Some(Self::Device(Did(*first), two()?)),
            b'i' => one(Self::Invitation(*first)),
            b'g' => one(Self::Group(GroupId(*first))),
            b'c' => Some(Self::Change(GroupId(*first), ChangeId(two()?))),
            b'l' => Some(Self::Listeners(GroupId(*first), two()?)),
            b'f' => Some(Self::Coming(Did(*first), MessageId(second.try_into().ok()?))),
            b'v' => one(Self::Piece(Did(*first))),
            _ => None,
        }
    }
}

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Kept {
    #[n(0)]
    version: u8,
    /// Which one of its author's it is.
    #[n(1)]
    pub id: MessageId,
    /// Who wrote it.
    #[n(2)]
    pub from: Did,
    /// To whom.
    #[n(3)]
    pub to: Whom,
    /// When it was written, as its author says.
    #[n(4)]
    pub at: Instant,
    /// When it came, or was written here.
    #[n(5)]
    pub came: Instant,
    /// What it says.
    #[n(6)]
    pub body: Body,
    /// The bundles in which it left, if this device sent it.
    #[n(7)]
    pub bundles: Vec<BundleId>,
    /// Its author did not belong to the group any more, as far as this device knew when it came.
    #[n(8)]
    pub is_from_outside: bool,
}

impl Wire for Kept {
    const SIZE_MAX: usize = 2 * TEXT_MAX + 256 + 36 * super::DEVICES_MAX;
}

const VERSION: u8 = 1;

impl Kept {
    pub(super) fn new(
        id: MessageId,
        (from, to): (Did, Whom),
        (at, came): (Instant, Instant),
        body: Body,
    ) -> Self {
        Self { version: VERSION, id, from, to, at, came, body, bundles: Vec::new(), is_from_outside: false }
    }

    /// The name of its record. In the order of these, what was written first comes first.
    pub fn name(&self) -> Vec<u8> {
        self.named(MESSAGE)
    }

    /// The name of the record that is there while it was not read.
    pub fn unread_name(&self) -> Vec<u8> {
        self.named(UNREAD)
    }

    /// With a hash of what it says, so that nobody says something else in the place of what
    /// was read.
    fn named(&self, kind: u8) -> Vec<u8> {
        let hash =
            tagged("allod 2026 courier, what a message says", &[&allod_wire::encode(&(self.to, &self.body))]);
        [&[kind][..], &self.at.0.to_be_bytes(), self.from.as_bytes(), &self.id.0, &hash[..8]].concat()
    }

    /// The name of the record of the message whose unread record this is.
    pub fn name_of_unread(unread: &[u8]) -> Option<Vec<u8>> {
        let rest = unread.strip_prefix(&[UNREAD])?;
        Some([&[MESSAGE], rest].concat())
    }

    /// Whether a record of this name is a message.
    pub fn is_name(name: &[u8]) -> bool {
        name.first() == Some(&MESSAGE)
    }

    pub(super) fn change(&self) -> RecordChange {
        (self.name(), Some(SecretBytes::from(allod_wire::encode(self))))
    }

    /// The message of a record.
    ///
    /// # Errors
    /// [`CourierError::Malformed`].
    pub fn decode(record: &SecretBytes) -> Result<Self, CourierError> {
        let kept: Self = allod_wire::decode(record.expose()).map_err(|_| CourierError::Malformed)?;
        if kept.version == VERSION { Ok(kept) } else { Err(CourierError::Malformed) }
    }
}

/// The name of the record that says that a message of this device's person has come so far at
/// somebody. It holds the time, in milliseconds, 8 bytes little endian.
pub fn reached_name(id: MessageId, at: &Did, reached: Reached) -> Vec<u8> {
    [&[REACHED][..], &id.0, at.as_bytes(), &[reached as u8]].concat()
}

/// Whose record it is that says how far a message came: the message, at whom, and how far.
pub fn reached_of(name: &[u8]) -> Option<(MessageId, Did, Reached)> {
    let rest = name.strip_prefix(&[REACHED])?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let (did, rest) = rest.split_first_chunk::<32>()?;
    let reached = match rest {
        [0] => Reached::Delivered,
        [1] => Reached::Read,
        _ => return None,
    };
    Some((MessageId(*id), Did(*did), reached))
}

/// What a record of [`reached_name`] holds.
pub(super) fn reached_at(now: Instant) -> SecretBytes {
    SecretBytes::from(now.0.to_le_bytes().to_vec())
}
