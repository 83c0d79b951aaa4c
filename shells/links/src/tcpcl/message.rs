//! The bytes of RFC 9174: the contact header and the messages. Numbers are big endian.

/// What comes before the first message (section 4.2): `dtn!`, the version 4, no flags. The flag
/// for TLS is never set.
pub(super) const CONTACT: [u8; 6] = *b"dtn!\x04\x00";

/// The most bytes of a node's name, and of a list of extension items. They are limits of this
/// implementation.
const NAME_MAX: usize = 1024;
const ITEMS_MAX: usize = 4096;

/// The extension of a transfer that tells its length (section 5.2.5.1).
const TRANSFER_LENGTH: u16 = 1;

const CRITICAL: u8 = 1;
const END: u8 = 1;
const START: u8 = 2;
const REPLY: u8 = 1;

/// Why a transfer is refused (section 5.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// For another reason, with its code.
    Other(u8),
    /// The bundle is there already, as a whole.
    Completed,
    /// There is no room.
    NoRoom,
    /// It has to be sent again from its beginning.
    Again,
    /// The bundle cannot be used.
    NotAcceptable,
    /// An extension that is needed is not known.
    Extension,
    /// The session is about to end.
    Ending,
}

impl Refusal {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Other(code) => code,
            Self::Completed => 1,
            Self::NoRoom => 2,
            Self::Again => 3,
            Self::NotAcceptable => 4,
            Self::Extension => 5,
            Self::Ending => 6,
        }
    }

    const fn of(code: u8) -> Self {
        match code {
            1 => Self::Completed,
            2 => Self::NoRoom,
            3 => Self::Again,
            4 => Self::NotAcceptable,
            5 => Self::Extension,
            6 => Self::Ending,
            code => Self::Other(code),
        }
    }
}

/// Why a session ends (section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Unknown = 0,
    Idle = 1,
    Failure = 4,
    Exhausted = 5,
}

/// Why a message is rejected (section 5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    Unknown = 1,
    Unexpected = 3,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Section 5.2.2. Only what starts a transfer has extensions.
    Segment {
        start: Option<Start>,
        is_end: bool,
        id: u64,
        data: Vec<u8>,
    },
    /// Section 5.2.3; `flags` are those of the segment.
    Ack {
        flags: u8,
        id: u64,
        length: u64,
    },
    Refuse {
        refusal: Refusal,
        id: u64,
    },
    Keepalive,
    Terminate {
        is_reply: bool,
        reason: u8,
    },
    Reject {
        rejection: u8,
        header: u8,
    },
    Init(Init),
}

/// What a side says of itself (section 4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Init {
    pub(super) keepalive: u16,
    pub(super) segment_mru: u64,
    pub(super) transfer_mru: u64,
    pub(super) node: String,
    /// Whether there is an extension that is needed; none is known here.
    pub(super) is_extended: bool,
}

/// What the first segment of a transfer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) length: Option<u64>,
    /// Whether there is an extension that is needed and not known.
    pub(super) is_extended: bool,
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no message with this header.
    Unknown(u8),
    /// The name of a node is none.
    Name,
    /// Extension items do not fill the room that they are said to take.
    Items,
    /// Something is longer than was agreed on, or than may be.
    TooLong,
}

/// The flags of a segment, which its acknowledgment has, too.
pub(super) const fn flags(is_start: bool, is_end: bool) -> u8 {
    (if is_start { START } else { 0 }) | (if is_end { END } else { 0 })
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        match self {
            Self::Segment { start, is_end, id, data } => {
                to.extend([1, flags(start.is_some(), *is_end)]);
                to.extend(id.to_be_bytes());
                if let Some(Start { length, .. }) = start {
                    let mut items = Vec::new();
                    if let Some(length) = length {
                        items.push(CRITICAL);
                        items.extend(TRANSFER_LENGTH.to_be_bytes());
                        items.extend(8u16.to_be_bytes());
                        items.extend(length.to_be_bytes());
                    }
                    // At most one item.
                    to.extend((items.len() as u32).to_be_bytes());
                    to.extend(items);
                }
                to.extend((data.len() as u64).to_be_bytes());
                to.extend(data);
            }
            Self::Ack { flags, id, length } => {
                to.extend([2, *flags]);
                to.extend(id.to_be_bytes());
                to.extend(length.to_be_bytes());
            }
            Self::Refuse { refusal, id } => {
                to.extend([3, refusal.code()]);
                to.extend(id.to_be_bytes());
            }
            Self::Keepalive => to.push(4),
            Self::Terminate { is_reply, reason } => {
                to.extend([5, if *is_reply { REPLY } else { 0 }, *reason]);
            }
            Self::Reject { rejection, header } => to.extend([6, *rejection, *header]),
            Self::Init(Init { keepalive, segment_mru, transfer_mru, node, .. }) => {
                to.push(7);
                to.extend(keepalive.to_be_bytes());
                to.extend(segment_mru.to_be_bytes());
                to.extend(transfer_mru.to_be_bytes());
                // A name is shorter than `NAME_MAX`.
                to.extend((node.len() as u16).to_be_bytes());
                to.extend(node.as_bytes());
                to.extend(0u32.to_be_bytes());
            }
        }
        to
    }

    /// The message that these bytes begin with, and how many bytes it has; none if it is not
    /// there as a whole yet. `segment_max` is the most bytes of a segment.
    pub(super) fn decode(bytes: &[u8], segment_max: usize) -> Result<Option<(Self, usize)>, Wrong> {
        let mut from = Bytes(bytes);
        let message = from.message(segment_max)?;
        Ok(message.map(|message| (message, bytes.len() - from.0.len())))
    }
}

/// An extension: whether it is needed, its type and its value.
type Item<'a> = (bool, u16, &'a [u8]);

/// Bytes that may not all be there yet: then nothing comes of them.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.number::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.number().map(u16::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.number().map(u64::from_be_bytes)
    }

    /// A list of extension items.
    fn items(&mut self) -> Result<Option<Vec<Item<'a>>>, Wrong> {
        let Some(length) = self.number().map(u32::from_be_bytes) else { return Ok(None) };
        if length as usize > ITEMS_MAX {
            return Err(Wrong::TooLong);
        }
        let Some(bytes) = self.take(length as usize) else { return Ok(None) };
        let mut rest = Bytes(bytes);
        let mut items = Vec::new();
        while !rest.0.is_empty() {
            let item = (|| {
                let (flags, kind, length) = (rest.u8()?, rest.u16()?, rest.u16()?);
                Some((flags & CRITICAL != 0, kind, rest.take(length.into())?))
            })();
            items.push(item.ok_or(Wrong::Items)?);
        }
        Ok(Some(items))
    }

    fn message(&mut self, segment_max: usize) -> Result<Option<Message>, Wrong> {
        Ok(match self.u8() {
            None => None,
            Some(1) => return self.segment(segment_max),
            Some(2) => self.u8().zip(self.u64()).zip(self.u64()).map(|((flags, id), length)| {
                // Flags that are not defined are ignored.
                Message::Ack { flags: flags & (START | END), id, length }
            }),
            Some(3) => self.u8().zip(self.u64()).map(|(code, id)| {
                let refusal = Refusal::of(code);
                Message::Refuse { refusal, id }
            }),
            Some(4) => Some(Message::Keepalive),
            Some(5) => self
                .u8()
                .zip(self.u8())
                .map(|(flags, reason)| Message::Terminate { is_reply: flags & REPLY != 0, reason }),
            Some(6) => {
                self.u8().zip(self.u8()).map(|(rejection, header)| Message::Reject { rejection, header })
            }
            Some(7) => return self.init(),
            Some(header) => return Err(Wrong::Unknown(header)),
        })
    }

    fn segment(&mut self, segment_max: usize) -> Result<Option<Message>, Wrong> {
        let Some((flags, id)) = self.u8().zip(self.u64()) else { return Ok(None) };
        let mut start = None;
        if flags & START != 0 {
            let Some(items) = self.items()? else { return Ok(None) };
            let mut said = Start { length: None, is_extended: false };
            for (is_critical, kind, value) in items {
                match <[u8; 8]>::try_from(value) {
                    Ok(length) if kind == TRANSFER_LENGTH => said.length = Some(u64::from_be_bytes(length)),
                    _ if kind == TRANSFER_LENGTH => return Err(Wrong::Items),
                    _ => said.is_extended |= is_critical,
                }
            }
            start = Some(said);
        }
        let Some(length) = self.u64() else { return Ok(None) };
        let length = usize::try_from(length).ok().filter(|length| *length <= segment_max);
        let Some(data) = self.take(length.ok_or(Wrong::TooLong)?) else { return Ok(None) };
        Ok(Some(Message::Segment { start, is_end: flags & END != 0, id, data: data.to_vec() }))
    }

    fn init(&mut self) -> Result<Option<Message>, Wrong> {
        let numbers = self.u16().zip(self.u64()).zip(self.u64()).zip(self.u16());
        let Some((((keepalive, segment_mru), transfer_mru), length)) = numbers else { return Ok(None) };
        if usize::from(length) > NAME_MAX {
            return Err(Wrong::TooLong);
        }
        let Some(node) = self.take(length.into()) else { return Ok(None) };
        let Some(items) = self.items()? else { return Ok(None) };
        let is_extended = items.iter().any(|(is_critical, _, _)| *is_critical);
        let node = String::from_utf8(node.to_vec()).map_err(|_| Wrong::Name)?;
        // Names are shown to people.
        if node.chars().any(char::is_control) {
            return Err(Wrong::Name);
        }
        Ok(Some(Message::Init(Init { keepalive, segment_mru, transfer_mru, node, is_extended })))
    }
}
