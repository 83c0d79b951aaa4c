//! What one device sends to a group: sealed once, under a chain whose key every device of every
//! member has, and signed, so that no member can write in another's name.
//!
//! tag (8) ‖ ciphertext ‖ authenticator (16) ‖ signature (64)
//!
//! The tag says, to those who have the chain, which message it is, as in a session of two; but
//! nobody can make [a token](crate::ratchet::Token) of it. A chain is not healed: it ends when somebody leaves the group, after [`WINDOW`] messages, or
//! when its owner likes, and its key comes over sessions that are.

use alloc::vec::Vec;

use allod_crypto::aead::{open_once, seal_once};
use allod_crypto::hash::{blake3_keyed, tagged};
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_crypto::{CryptoRng, Secret, SecretBytes};
use allod_did::Did;
use allod_wire::Instant;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::chain::{Chain, Overtaken};
use super::change::GroupId;
use crate::CourierError;
use crate::ratchet::{Skipped, Tag};

/// Bytes that sealing adds.
pub const SENDER_OVERHEAD: usize = Tag::SIZE + 16 + 64;

/// What a device gives to those who are to read what it sends from now on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SenderKey {
    #[n(0)]
    chain: Chain,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: [u8; 32],
}

/// The chain of a device, as it has it itself.
#[derive(Clone, Debug, Encode, Decode)]
pub struct SenderChain {
    #[cbor(n(0), with = "minicbor::bytes")]
    bound: [u8; 32],
    #[n(1)]
    chain: Chain,
    #[cbor(n(2), with = "signing_key")]
    key: SigningKey,
}

/// The chain of a device, as another one has it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listener {
    #[cbor(n(0), with = "minicbor::bytes")]
    bound: [u8; 32],
    #[n(1)]
    key: SenderKey,
    #[n(2)]
    skipped: Skipped<Overtaken>,
}

impl SenderChain {
    /// A new one of this device, for messages to this group.
    pub fn new(group: GroupId, (author, device): (Did, VerifyingKey), rng: &mut impl CryptoRng) -> Self {
        let chain = Chain::new(Secret::random(rng), Secret::random(rng));
        let bound = bound(group, author, device);
        Self { bound, chain, key: SigningKey::from_seed(&Secret::random(rng)) }
    }

    /// What others need to read what is sent from now on, and nothing before.
    pub fn key(&self) -> SenderKey {
        SenderKey { chain: self.chain.clone(), key: self.key.verifying_key().0 }
    }

    /// Whether another one has to be begun.
    pub fn is_over(&self) -> bool {
        self.chain.is_over()
    }

    /// One with the chain of another device, but not its key.
    #[cfg(test)]
    pub(super) fn with_chain_of(self, key: &SenderKey) -> Self {
        Self { chain: key.chain.clone(), ..self }
    }

    /// Seals a message. The chain has to be durable before the message leaves.
    ///
    /// # Errors
    /// [`CourierError::Unanswered`] where the chain has to give way to another one.
    pub fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, CourierError> {
        if self.is_over() {
            return Err(CourierError::Unanswered);
        }
        let (tag, key) = self.chain.step();
        let mut message = Vec::with_capacity(plain.len() + SENDER_OVERHEAD);
        message.extend_from_slice(&tag.0);
        message.extend_from_slice(&seal_once(sealing_key(&key, &self.bound, tag), plain));
        let signature = self.key.sign(&signed(&self.bound, &message));
        message.extend_from_slice(&signature.0);
        Ok(message)
    }
}

impl Listener {
    /// To the chain of a device that sends to this group, and that gave its key itself: one that
    /// somebody else gives opens nothing.
    pub fn new(group: GroupId, (author, device): (Did, VerifyingKey), key: SenderKey) -> Self {
        Self { bound: bound(group, author, device), key, skipped: Skipped::default() }
    }

    /// Opens a message. The state has to be durable before it is acknowledged.
    ///
    /// # Errors
    /// [`CourierError::Malformed`], [`CourierError::NotExpected`], [`CourierError::Forged`];
    /// nothing changed then.
    pub fn open(&mut self, message: &[u8], now: Instant) -> Result<SecretBytes, CourierError> {
        let (body, signature) = message.split_last_chunk().ok_or(CourierError::Malformed)?;
        let (tag, sealed) = body.split_first_chunk().ok_or(CourierError::Malformed)?;
        let tag = Tag(*tag);
        let late = self.skipped.get(tag).map(|late| late.key.clone());
        let found = self.key.chain.find(tag);
        if late.is_none() && found.is_none() {
            return Err(CourierError::NotExpected);
        }
        let verified = VerifyingKey(self.key.key).verify(&signed(&self.bound, body), &Signature(*signature));
        verified.map_err(|_| CourierError::Forged)?;
        let open = |key: &Secret<32>| {
            open_once(&sealing_key(key, &self.bound, tag), sealed).map_err(|_| CourierError::Forged)
        };
        if let Some(key) = late {
            let plain = open(&key)?;
            self.skipped.remove(tag);
            return Ok(plain);
        }
        let mut chain = self.key.chain.clone();
        let overtaken = chain.skip_to(found.unwrap_or_default());
        let plain = open(&chain.step().1)?;
        self.key.chain = chain;
        self.skipped.add(overtaken, now);
        Ok(plain)
    }

    /// The tags of all messages that could be opened now.
    pub fn expected(&self) -> impl Iterator<Item = Tag> + '_ {
        self.skipped.tags().chain(self.key.chain.expected())
    }

    /// The tags of those that come soonest: so many, and as many late ones.
    pub fn expected_next(&self, each: usize) -> impl Iterator<Item = Tag> + '_ {
        self.key.chain.expected().take(each).chain(self.skipped.tags().take(each))
    }

    /// Forgets keys of messages that were overtaken before this.
    pub fn forget(&mut self, before: Instant) {
        self.skipped.forget(before);
    }
}

/// What a chain is bound to: its group, and the device whose it is.
fn bound(group: GroupId, author: Did, device: VerifyingKey) -> [u8; 32] {
    tagged("allod 2026 courier, sender chain", &[&group.0, author.as_bytes(), &device.0])
}

/// The key that a message is sealed under once.
fn sealing_key(message: &Secret<32>, bound: &[u8; 32], tag: Tag) -> Secret<32> {
    Secret::from(blake3_keyed(message, &[bound, &tag.0]))
}

fn signed(bound: &[u8; 32], message: &[u8]) -> [u8; 32] {
    tagged("allod 2026 courier, message to a group", &[bound, message])
}

/// A signing key as its seed.
mod signing_key {
    use super::{DecodeError, Decoder, EncodeError, Encoder, SigningKey, Write};

    pub(super) fn encode<C, W: Write>(
        key: &SigningKey,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        crate::secret::encode(&key.seed(), e, ctx)
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<SigningKey, DecodeError> {
        crate::secret::decode::<C, 32>(d, ctx).map(|seed| SigningKey::from_seed(&seed))
    }
}
