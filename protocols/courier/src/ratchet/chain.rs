//! One chain: a key for each message of one direction, in their order, and the tags and masks
//! of their headers.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::hash::{blake3_keyed, tagged};
use minicbor::{Decode, Encode};

use super::{Late, WINDOW};

/// Bytes of a header.
pub(crate) const HEADER: usize = 34;

/// What a message begins with: by it, whoever expects the message knows which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Tag(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; Self::SIZE]);

impl Tag {
    /// Bytes of a tag.
    pub const SIZE: usize = 8;
}

/// What proves to whoever carried a message that its recipient has it, or its sender does not
/// want it to arrive any more: nobody else knows it, and the message's tag is a hash of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Token(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; Self::SIZE]);

impl Token {
    /// Bytes of a token.
    pub const SIZE: usize = 16;

    /// The tag of the message that it is of.
    pub fn tag(&self) -> Tag {
        let hash = tagged("allod 2026 courier, tag", &[&self.0]);
        let mut tag = [0; Tag::SIZE];
        tag.copy_from_slice(&hash[..Tag::SIZE]);
        Tag(tag)
    }
}

/// What the recipient has to know to open a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The sender's ratchet key.
    pub(crate) key: [u8; 32],
    /// Messages that the sender's chain before had.
    pub(crate) before: u16,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..32].copy_from_slice(&self.key);
        bytes[32..].copy_from_slice(&self.before.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Self {
        let [key @ .., low, high] = bytes;
        Self { key: *key, before: u16::from_le_bytes([*low, *high]) }
    }
}

/// What hides one header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Mask(#[cbor(n(0), with = "crate::secret")] Secret<HEADER>);

impl Mask {
    pub(crate) fn hide(&self, header: &Header) -> [u8; HEADER] {
        self.over(&header.encode())
    }

    pub(crate) fn show(&self, masked: &[u8; HEADER]) -> Header {
        Header::decode(&self.over(masked))
    }

    fn over(&self, bytes: &[u8; HEADER]) -> [u8; HEADER] {
        let mut out = *bytes;
        out.iter_mut().zip(self.0.expose()).for_each(|(byte, mask)| *byte ^= mask);
        out
    }
}

/// The key of the headers of one chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct HeaderKey(#[cbor(n(0), with = "crate::secret")] pub(crate) Secret<32>);

impl HeaderKey {
    fn hash(&self, number: u16, part: u8) -> [u8; 32] {
        blake3_keyed(&self.0, &[&number.to_le_bytes(), &[part]])
    }

    /// The token of a message.
    pub(crate) fn token(&self, number: u16) -> Token {
        let hash = self.hash(number, 0);
        let mut token = [0; Token::SIZE];
        token.copy_from_slice(&hash[..Token::SIZE]);
        Token(token)
    }

    fn tag(&self, number: u16) -> Tag {
        self.token(number).tag()
    }

    /// What hides its header.
    pub(crate) fn mask(&self, number: u16) -> Mask {
        let mut mask = Secret::from([0; HEADER]);
        let (first, second) = mask.expose_mut().split_at_mut(32);
        first.copy_from_slice(&self.hash(number, 1));
        second.copy_from_slice(&self.hash(number, 2)[..HEADER - 32]);
        Mask(mask)
    }

    /// The tags of the messages that may come from this one on.
    pub(crate) fn expected(&self, from: u16) -> impl Iterator<Item = Tag> + '_ {
        (from..WINDOW).map(|number| self.tag(number))
    }

    /// Which message from this one on has the tag.
    pub(crate) fn find(&self, from: u16, tag: Tag) -> Option<u16> {
        (from..WINDOW).find(|number| self.tag(*number) == tag)
    }
}

/// The key of a message that was overtaken.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Overtaken {
    #[n(0)]
    pub(crate) tag: Tag,
    #[n(1)]
    pub(crate) token: Token,
    #[n(2)]
    pub(crate) mask: Mask,
    #[cbor(n(3), with = "crate::secret")]
    pub(crate) key: Secret<32>,
}

impl Late for Overtaken {
    fn tag(&self) -> Tag {
        self.tag
    }
}

/// A chain, from its next message on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Chain {
    #[cbor(n(0), with = "crate::secret")]
    key: Secret<32>,
    #[n(1)]
    header: HeaderKey,
    #[n(2)]
    next: u16,
}

impl Chain {
    pub(crate) fn new(key: Secret<32>, header: HeaderKey) -> Self {
        Self { key, header, next: 0 }
    }

    /// The number of the next message.
    pub(crate) fn next(&self) -> u16 {
        self.next
    }

    /// The key of the next message, which the chain cannot give a second time (KDF_CK of
    /// section 7.2).
    pub(crate) fn step(&mut self) -> Secret<32> {
        let message = Secret::from(blake3_keyed(&self.key, &[&[1]]));
        self.key = Secret::from(blake3_keyed(&self.key, &[&[2]]));
        self.next += 1;
        message
    }

    /// Goes on to a message, with what opens those that it overtakes.
    pub(crate) fn skip_to(&mut self, number: u16) -> Vec<Overtaken> {
        let count = usize::from(number.saturating_sub(self.next));
        let mut overtaken = Vec::with_capacity(count);
        for number in self.next..number {
            let (token, mask) = (self.header.token(number), self.header.mask(number));
            overtaken.push(Overtaken { tag: token.tag(), token, mask, key: self.step() });
        }
        overtaken
    }

    /// Whether it has no more messages.
    pub(crate) fn is_over(&self) -> bool {
        self.next >= WINDOW
    }

    /// The token of a message of this chain.
    pub(crate) fn token(&self, number: u16) -> Token {
        self.header.token(number)
    }

    /// What hides its header.
    pub(crate) fn mask(&self, number: u16) -> Mask {
        self.header.mask(number)
    }

    pub(crate) fn expected(&self) -> impl Iterator<Item = Tag> + '_ {
        self.header.expected(self.next)
    }

    pub(crate) fn find(&self, tag: Tag) -> Option<u16> {
        self.header.find(self.next, tag)
    }
}
