//! The session of two devices: the Double Ratchet with encrypted headers (Perrin and
//! Marlinspike, *The Double Ratchet Algorithm*, revision 4, sections 3 and 4).
//!
//! Roles: the *initiator* writes first; it has the responder's first ratchet key from an
//! invitation. From then on both are alike.
//!
//! Messages: tag (8) ‖ masked header (34) ‖ ciphertext ‖ authenticator (16), so [`OVERHEAD`]
//! bytes more than what is sealed. The header is the sender's ratchet key (32) and how many
//! messages its chain before had (2, little endian).
//!
//! Where this differs from the paper: the number of a message is not sent. The *tag* is a hash of
//! a token that comes of it and of the chain's header key, so that the recipient, who knows which messages may
//! come next, knows by the tag which session, which chain and which message it is; nobody else
//! can tell two messages of a session from those of two sessions. The same hash masks the
//! header, which is never used for two numbers. What authenticates the message covers the tag,
//! the header, and what both sides were bound to when the session began. A new ratchet key is
//! drawn when something is sent, not when something arrives, so that it is as young as can be.
//!
//! Flow: each message moves its chain on by one, and the key that sealed it is gone. The first
//! message after one from the other side begins a new chain under a new ratchet key, which
//! heals the session of whoever copied its state before. Keys of messages that are late are
//! kept, [`SKIPPED_MAX`] at most, until they are [forgotten](Ratchet::forget).
//!
//! What this never does: it never changes where a message does not open; never opens one
//! twice; never seals two messages under one key, provided that its state is durable before a
//! message leaves; never lets a state be copied by itself: a state that is put back seals
//! what was sealed before, and so must not be in a backup.

mod chain;
mod skipped;
mod stored;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use allod_crypto::aead::{open_once, seal_once};
use allod_crypto::hash::blake3_keyed;
use allod_crypto::{CryptoRng, Secret, SecretBytes, exchange, kdf};
use allod_wire::Instant;
use minicbor::{Decode, Encode};

use crate::CourierError;
use chain::{Chain, HEADER, Header, HeaderKey, Overtaken};
pub use chain::{Tag, Token};
pub(crate) use skipped::{Late, Skipped};
pub use stored::STORED_MAX;

/// Bytes that sealing adds.
pub const OVERHEAD: usize = Tag::SIZE + HEADER + 16;

/// Messages of a chain, and so how many one side seals before the other must answer. Any of
/// them may be lost or late.
pub const WINDOW: u16 = 1024;

/// Keys that are kept for messages that are late.
pub const SKIPPED_MAX: usize = 2 * WINDOW as usize;

/// One side of a session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ratchet {
    /// What both sides were bound to when the session began.
    #[cbor(n(0), with = "minicbor::bytes")]
    bound: [u8; 32],
    /// The secret of our ratchet key.
    #[cbor(n(1), with = "crate::secret")]
    ours: Secret<32>,
    /// Their ratchet key, once it is known.
    #[cbor(n(2), with = "minicbor::bytes")]
    theirs: Option<[u8; 32]>,
    /// They have answered our ratchet key, so that the next message has a new one.
    #[n(3)]
    is_answered: bool,
    #[cbor(n(4), with = "crate::secret")]
    root: Secret<32>,
    #[n(5)]
    sending: Option<Chain>,
    #[n(6)]
    receiving: Option<Chain>,
    #[n(7)]
    next_sending: HeaderKey,
    #[n(8)]
    next_receiving: HeaderKey,
    /// Messages that the sending chain before had.
    #[n(9)]
    before: u16,
    #[n(10)]
    skipped: Skipped<Overtaken>,
}

/// A message that was opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was sealed.
    pub plain: SecretBytes,
    /// What tells carriers that it arrived.
    pub token: Token,
    /// Whether the other side has begun a new chain with it, so that other messages are
    /// [expected](Ratchet::expected) from now on.
    pub is_turn: bool,
}

/// What begins a session, known to both sides and to nobody else.
#[derive(Clone, Debug)]
pub struct Start {
    /// The first root key: 32 bytes that are used for nothing else.
    pub secret: Secret<32>,
    /// A hash of who the two are and of how they came to the secret.
    pub bound: [u8; 32],
}

impl Start {
    /// The first root key, and the header keys of the initiator's and the responder's first chain.
    fn keys(&self) -> (Secret<32>, HeaderKey, HeaderKey) {
        let derive = |info: &[u8]| kdf::derive(self.secret.expose(), &self.bound, &[info]);
        let header = |info| HeaderKey(derive(info));
        (
            derive(b"allod 2026 ratchet, root"),
            header(b"allod 2026 ratchet, headers of the initiator"),
            header(b"allod 2026 ratchet, headers of the responder"),
        )
    }
}

impl Ratchet {
    /// The side that writes first, to the holder of `theirs`.
    ///
    /// # Errors
    /// [`CourierError::Malformed`] where that is no ratchet key.
    pub fn initiator(
        start: &Start,
        theirs: [u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CourierError> {
        let (root, sending, next_receiving) = start.keys();
        let ours = Secret::random(rng);
        let (root, sending, next_sending) = step(&root, &ours, &theirs, sending)?;
        Ok(Self {
            bound: start.bound,
            ours,
            theirs: Some(theirs),
            is_answered: false,
            root,
            sending: Some(sending),
            receiving: None,
            next_sending,
            next_receiving,
            before: 0,
            skipped: Skipped::default(),
        })
    }

    /// The side that holds the ratchet key `ours`, to whose public half the other writes first.
    pub fn responder(start: &Start, ours: Secret<32>) -> Self {
        let (root, next_receiving, next_sending) = start.keys();
        Self {
            bound: start.bound,
            ours,
            theirs: None,
            is_answered: false,
            root,
            sending: None,
            receiving: None,
            next_sending,
            next_receiving,
            before: 0,
            skipped: Skipped::default(),
        }
    }

    /// Seals a message. The state has to be durable before the message leaves.
    ///
    /// # Errors
    /// [`CourierError::NotBegun`], [`CourierError::Unanswered`]; nothing changed then.
    pub fn seal(&mut self, plain: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, CourierError> {
        if self.is_answered {
            self.turn(rng)?;
        }
        let chain = self.sending.as_mut().ok_or(CourierError::NotBegun)?;
        if chain.is_over() {
            return Err(CourierError::Unanswered);
        }
        let header = Header { key: exchange::public_key(&self.ours), before: self.before };
        let tag = chain.token(chain.next()).tag();
        let masked = chain.mask(chain.next()).hide(&header);
        let key = sealing_key(&chain.step(), &self.bound, tag, &header);
        let mut message = Vec::with_capacity(plain.len() + OVERHEAD);
        message.extend_from_slice(&tag.0);
        message.extend_from_slice(&masked);
        message.extend_from_slice(&seal_once(key, plain));
        Ok(message)
    }

    /// Opens a message. `now` says until when keys of messages that it overtook are kept. The
    /// state has to be durable before the message is acknowledged.
    ///
    /// # Errors
    /// [`CourierError::Malformed`], [`CourierError::NotExpected`], [`CourierError::Forged`];
    /// nothing changed then.
    pub fn open(&mut self, message: &[u8], now: Instant) -> Result<Opened, CourierError> {
        let (tag, rest) = message.split_first_chunk().ok_or(CourierError::Malformed)?;
        let (masked, sealed) = rest.split_first_chunk().ok_or(CourierError::Malformed)?;
        let tag = Tag(*tag);
        let forged = |_| CourierError::Forged;
        if let Some(late) = self.skipped.get(tag) {
            let header = late.mask.show(masked);
            let plain =
                open_once(&sealing_key(&late.key, &self.bound, tag, &header), sealed).map_err(forged)?;
            let token = late.token;
            self.skipped.remove(tag);
            return Ok(Opened { plain, token, is_turn: false });
        }
        // The first one of another chain, which is what comes when both write in turn, is not looked
        // for among a thousand of this one.
        let is_turn = self.next_receiving.token(0).tag() == tag;
        let receiving = self.receiving.as_ref().filter(|_| !is_turn);
        let current = receiving.and_then(|chain| Some((chain, chain.find(tag)?)));
        if let Some((chain, number)) = current {
            let mut chain = chain.clone();
            let token = chain.token(number);
            let header = chain.mask(number).show(masked);
            let overtaken = chain.skip_to(number);
            let plain =
                open_once(&sealing_key(&chain.step(), &self.bound, tag, &header), sealed).map_err(forged)?;
            self.receiving = Some(chain);
            self.skipped.add(overtaken, now);
            return Ok(Opened { plain, token, is_turn: false });
        }
        let number = self.next_receiving.find(0, tag).ok_or(CourierError::NotExpected)?;
        let token = self.next_receiving.token(number);
        let header = self.next_receiving.mask(number).show(masked);
        let (root, mut chain, next) = step(&self.root, &self.ours, &header.key, self.next_receiving.clone())
            .map_err(|_| CourierError::Forged)?;
        let overtaken = chain.skip_to(number);
        let plain =
            open_once(&sealing_key(&chain.step(), &self.bound, tag, &header), sealed).map_err(forged)?;
        if let Some(mut ended) = self.receiving.take() {
            let missing = ended.skip_to(header.before.min(WINDOW));
            self.skipped.add(missing, now);
        }
        self.skipped.add(overtaken, now);
        (self.root, self.receiving, self.next_receiving) = (root, Some(chain), next);
        (self.theirs, self.is_answered) = (Some(header.key), true);
        Ok(Opened { plain, token, is_turn: true })
    }

    /// The tags of all messages that this side could open now: late ones, and those of the
    /// chain that is and of the one that may come. At most [`SKIPPED_MAX`] and twice [`WINDOW`].
    pub fn expected(&self) -> impl Iterator<Item = Tag> + '_ {
        let current = self.receiving.iter().flat_map(Chain::expected);
        self.skipped.tags().chain(current).chain(self.next_receiving.expected(0))
    }

    /// The tags of those that come soonest: so many of each chain, and as many late ones.
    pub fn expected_next(&self, each: usize) -> impl Iterator<Item = Tag> + '_ {
        let current = self.receiving.iter().flat_map(move |chain| chain.expected().take(each));
        let next = self.next_receiving.expected(0).take(each);
        current.chain(next).chain(self.skipped.tags().take(each))
    }

    /// Forgets keys of messages that were overtaken before this.
    pub fn forget(&mut self, before: Instant) {
        self.skipped.forget(before);
    }

    /// Messages that were sealed since the other side last answered.
    pub fn unanswered(&self) -> u16 {
        match &self.sending {
            Some(chain) if !self.is_answered => chain.next(),
            _ => 0,
        }
    }

    /// Begins a chain under a new ratchet key of ours.
    fn turn(&mut self, rng: &mut impl CryptoRng) -> Result<(), CourierError> {
        let Some(theirs) = &self.theirs else { return Err(CourierError::NotBegun) };
        let ours = Secret::random(rng);
        let (root, chain, next) = step(&self.root, &ours, theirs, self.next_sending.clone())?;
        self.before = self.sending.as_ref().map_or(0, Chain::next);
        (self.ours, self.root, self.sending, self.next_sending) = (ours, root, Some(chain), next);
        self.is_answered = false;
        Ok(())
    }
}

/// From a root key and two ratchet keys: the next root key, a chain whose headers are under
/// `header`, and the key of the headers after it (KDF_RK_HE of section 4.2).
fn step(
    root: &Secret<32>,
    ours: &Secret<32>,
    theirs: &[u8; 32],
    header: HeaderKey,
) -> Result<(Secret<32>, Chain, HeaderKey), CourierError> {
    let shared = exchange::agree(ours, theirs).map_err(|_| CourierError::Malformed)?;
    let derive = |info: &[u8]| kdf::derive(shared.expose(), root.expose(), &[info]);
    let root = derive(b"allod 2026 ratchet, next root");
    let chain = Chain::new(derive(b"allod 2026 ratchet, chain"), header);
    Ok((root, chain, HeaderKey(derive(b"allod 2026 ratchet, next headers"))))
}

/// The key that a message is sealed under once, which only comes out for the same tag, the same
/// header and the same session.
fn sealing_key(message: &Secret<32>, bound: &[u8; 32], tag: Tag, header: &Header) -> Secret<32> {
    Secret::from(blake3_keyed(message, &[bound, &tag.0, &header.encode()]))
}
