//! What two carriers say to each other, and how it is encoded. Numbers are big endian. Bundles are
//! named by the first 8 bytes of their ids.

use alloc::vec::Vec;

use allod_crypto::hash::tagged;
use allod_crypto::sign::Signature;
use allod_wire::Instant;

use super::error::EncounterError;
use crate::bundle::{BundleId, Lifetime, PAYLOAD_MAX, Part, Priority, Seconds, Terms};
use crate::carry::{Carried, Custody, Origin, PeerId, Refused};
use crate::ratchet::{Tag, Token};

/// The version of the protocol.
pub(super) const VERSION: u8 = 1;

/// Bytes of a frame of a bundle's bytes that are not of the bundle.
pub(super) const DATA_HEADER: usize = 1 + BundleId::SHORT + 3;

/// Bytes of the largest header.
pub(super) const HEADER_MAX: usize = 35;

pub(super) type Short = [u8; BundleId::SHORT];

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The first of both sides.
    Hello(Hello),
    /// The hellos of both, signed with one's key.
    Proof(Signature),
    /// Of the reconciliation.
    Reconcile(Vec<u8>),
    /// The asking side lacks these; whether there are no more.
    Lacks(Vec<Short>, bool),
    /// Bundles that can be asked for.
    Shows(Vec<Header>),
    /// What each of those that were shown is to become.
    Answers(Vec<Answer>),
    /// Bytes of a bundle that was asked for; all of one before those of another.
    Data { id: Short, offset: u32, bytes: Vec<u8> },
    /// It is not here any more.
    Gone(Short),
    /// It came and is durable; whether custody is taken.
    Kept(Short, bool),
    /// It came and was refused.
    Declined(Short, Declined),
    /// The token of a bundle that the other side carries.
    Token(Token),
    /// All was shown that there is.
    Idle,
    /// These that were shown are to be shown again: among them are some that are wanted now.
    Again(Vec<Short>),
}

/// Why a bundle that came is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Declined {
    /// By the rules of carrying.
    Refused(Refused),
    /// Its bytes are not those of its id.
    Corrupt,
    /// It could not be stored.
    NotKept,
}

const DECLINED: [Declined; 8] = [
    Declined::Refused(Refused::Expired),
    Declined::Refused(Refused::Ahead),
    Declined::Refused(Refused::Known),
    Declined::Refused(Refused::Delivered),
    Declined::Refused(Refused::NoRoom),
    Declined::Refused(Refused::OverQuota),
    Declined::Corrupt,
    Declined::NotKept,
];

/// What each side says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) nonce: [u8; 32],
    /// The most bytes of a frame that it takes.
    pub(super) mtu: u32,
    /// How many others it has met of late.
    pub(super) reach: u32,
    /// Bytes cost it something: no parts of files.
    pub(super) no_bulk: bool,
    /// It does not know the other side yet.
    pub(super) wants_proof: bool,
    pub(super) key: Option<[u8; 32]>,
}

/// What is shown of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: Short,
    pub(super) tag: Tag,
    /// The copies are those that whoever takes it gets.
    pub(super) terms: Terms,
    pub(super) part: Part,
    pub(super) size: u32,
}

/// What becomes of a bundle that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    No,
    /// It is asked for from this byte on, by somebody who answers for it if they say so.
    Ask {
        from: u32,
        custody: bool,
    },
    /// It was delivered.
    Delivered(Token),
}

impl Header {
    /// What would be known of it as it comes.
    pub(super) fn carried(&self, origin: Origin, now: Instant) -> Carried {
        Carried {
            tag: self.tag,
            terms: self.terms,
            part: self.part,
            size: self.size,
            origin,
            taken: now,
            custody: Custody::None,
            given: 0,
            is_wanted: false,
        }
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        let Terms { created, sequence, lifetime, priority, copies, custody } = self.terms;
        let is_fragment = self.part != Part { offset: 0, total: self.size };
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.tag.0);
        bytes.push((priority as u8) << 2 | u8::from(custody) << 1 | u8::from(is_fragment));
        bytes.push(lifetime.code());
        bytes.extend_from_slice(&created.0.to_be_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.push(copies);
        put24(bytes, self.size);
        if is_fragment {
            put24(bytes, self.part.offset);
            put24(bytes, self.part.total);
        }
    }

    fn decode(read: &mut Read<'_>) -> Option<Self> {
        let (id, tag) = (read.array()?, Tag(read.array()?));
        let flags = read.u8()?;
        let lifetime = Lifetime::from_code(read.u8()?)?;
        let created = Seconds(u32::from_be_bytes(read.array()?));
        let sequence = u16::from_be_bytes(read.array()?);
        let (copies, size) = (read.u8()?, read.u24()?);
        let is_fragment = flags & 1 != 0;
        let part = match is_fragment {
            true => Part { offset: read.u24()?, total: read.u24()? },
            false => Part { offset: 0, total: size },
        };
        let priority = Priority::from_code(flags >> 2)?;
        let is_sound = part.offset + size <= part.total
            && part.total as usize <= PAYLOAD_MAX
            && (size > 0 || part.total == 0)
            && created.0 > 0
            && is_fragment == (part != Part { offset: 0, total: size });
        let terms = Terms { created, sequence, lifetime, priority, copies, custody: flags & 2 != 0 };
        is_sound.then_some(Self { id, tag, terms, part, size })
    }
}

impl Hello {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(74);
        let flags = [self.no_bulk, self.wants_proof, self.key.is_some()];
        bytes.push(VERSION);
        bytes.push(flags.iter().rev().fold(0, |all, flag| all << 1 | u8::from(*flag)));
        bytes.extend_from_slice(&self.mtu.to_be_bytes());
        bytes.extend_from_slice(&self.reach.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes.extend(self.key.iter().flatten());
        bytes
    }

    fn decode(read: &mut Read<'_>) -> Result<Self, EncounterError> {
        let version = read.u8().ok_or(EncounterError::Malformed)?;
        if version != VERSION {
            return Err(EncounterError::Version(version));
        }
        let mut body = || {
            let flags = read.u8().filter(|flags| *flags < 8)?;
            Some(Self {
                mtu: u32::from_be_bytes(read.array()?),
                reach: u32::from_be_bytes(read.array()?),
                nonce: read.array()?,
                no_bulk: flags & 1 != 0,
                wants_proof: flags & 2 != 0,
                key: if flags & 4 != 0 { Some(read.array()?) } else { None },
            })
        };
        body().ok_or(EncounterError::Malformed)
    }

    pub(super) fn peer(&self) -> Option<PeerId> {
        self.key.map(PeerId)
    }
}

impl Message {
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Proof(_) => 2,
            Self::Reconcile(_) => 3,
            Self::Lacks(..) => 4,
            Self::Shows(_) => 5,
            Self::Answers(_) => 6,
            Self::Data { .. } => 7,
            Self::Gone(_) => 8,
            Self::Kept(..) => 9,
            Self::Declined(..) => 10,
            Self::Token(_) => 11,
            Self::Idle => 12,
            Self::Again(_) => 13,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Hello(hello) => return hello.encode(),
            Self::Proof(signature) => bytes.extend_from_slice(&signature.0),
            Self::Reconcile(message) => bytes.extend_from_slice(message),
            Self::Lacks(ids, is_last) => {
                bytes.push(u8::from(*is_last));
                bytes.extend(ids.iter().flatten());
            }
            Self::Shows(headers) => headers.iter().for_each(|header| header.encode(&mut bytes)),
            Self::Answers(answers) => {
                for answer in answers {
                    match answer {
                        Answer::No => bytes.push(0),
                        Answer::Delivered(token) => {
                            bytes.push(1);
                            bytes.extend_from_slice(&token.0);
                        }
                        Answer::Ask { from, custody } => {
                            bytes.push(2 | u8::from(*custody) << 2 | u8::from(*from > 0) << 3);
                            if *from > 0 {
                                put24(&mut bytes, *from);
                            }
                        }
                    }
                }
            }
            Self::Data { id, offset, bytes: data } => {
                bytes.extend_from_slice(id);
                put24(&mut bytes, *offset);
                bytes.extend_from_slice(data);
            }
            Self::Gone(id) => bytes.extend_from_slice(id),
            Self::Kept(id, custody) => {
                bytes.extend_from_slice(id);
                bytes.push(u8::from(*custody));
            }
            Self::Declined(id, why) => {
                bytes.extend_from_slice(id);
                bytes.push(DECLINED.iter().position(|one| one == why).unwrap_or(0) as u8);
            }
            Self::Token(token) => bytes.extend_from_slice(&token.0),
            Self::Idle => {}
            Self::Again(ids) => bytes.extend(ids.iter().flatten()),
        }
        bytes
    }

    pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Self, EncounterError> {
        let read = &mut Read(body);
        if kind == 1 {
            let hello = Hello::decode(read)?;
            return if read.0.is_empty() { Ok(Self::Hello(hello)) } else { Err(EncounterError::Malformed) };
        }
        let message = Self::read(kind, read).filter(|_| read.0.is_empty());
        message.ok_or(EncounterError::Malformed)
    }

    fn read(kind: u8, read: &mut Read<'_>) -> Option<Self> {
        Some(match kind {
            2 => Self::Proof(Signature(read.array()?)),
            3 => Self::Reconcile(read.rest().to_vec()),
            4 => {
                let is_last = read.flag()?;
                Self::Lacks(read.all(|read| read.array())?, is_last)
            }
            5 => Self::Shows(read.all(Header::decode)?),
            6 => Self::Answers(read.all(Answer::decode)?),
            7 => Self::Data { id: read.array()?, offset: read.u24()?, bytes: read.rest().to_vec() },
            8 => Self::Gone(read.array()?),
            9 => Self::Kept(read.array()?, read.flag()?),
            10 => Self::Declined(read.array()?, *DECLINED.get(usize::from(read.u8()?))?),
            11 => Self::Token(Token(read.array()?)),
            12 => Self::Idle,
            13 => Self::Again(read.all(|read| read.array())?),
            _ => return None,
        })
    }
}

impl Answer {
    fn decode(read: &mut Read<'_>) -> Option<Self> {
        Some(match read.u8()? {
            0 => Self::No,
            1 => Self::Delivered(Token(read.array()?)),
            flags @ (2 | 6) => Self::Ask { from: 0, custody: flags & 4 != 0 },
            flags @ (10 | 14) => {
                let from = read.u24().filter(|from| *from > 0)?;
                Self::Ask { from, custody: flags & 4 != 0 }
            }
            _ => return None,
        })
    }
}

/// What somebody signs who has said the first hello, to somebody who has said the second.
pub(super) fn signed(own: &Hello, other: &Hello) -> [u8; 32] {
    tagged("allod 2026 courier, contact", &[&own.encode(), &other.encode()])
}

fn put24(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_be_bytes()[1..]);
}

/// What is left to be read.
struct Read<'a>(&'a [u8]);

impl<'a> Read<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        self.u8().filter(|flag| *flag < 2).map(|flag| flag == 1)
    }

    fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// All that is left, one after the other; each takes at least a byte.
    fn all<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            all.push(one(self)?);
        }
        Some(all)
    }
}
