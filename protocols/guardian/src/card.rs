//! The recovery card: what is printed, and what it can do.
//!
//! A card is a 16-byte seed and the identity's DID. From the seed come
//! - the recover-only key, which authenticates guesses and nothing else;
//! - the locator, under which guardians keep the sealed descriptor;
//! - the key that opens the descriptor.
//!
//! It is written as 24 words (seed and the DID's first 16 bytes; a BIP-39
//! phrase, for its word list and checksum, though no wallet's seed), or as a
//! code for a QR image, which holds the whole DID and the guardians' addresses
//! as well. The seed comes from the identity's root, so that the owner can print
//! the card again, and its generation can be raised when a card was lost.
//!
//! A card alone opens nothing: the PIN is not on it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::sign::{Signature, SigningKey};
use allod_crypto::{Secret, Zeroizing, hash, kdf};
use allod_did::{Did, Root};
use allod_wire::{Locator, Wire, limits};
use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};

use crate::account::{self, AccountKeys};

/// What stands in front of a card's code.
pub const CODE_PREFIX: &str = "ALLOD1:";

/// A recovery card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    seed: Secret<16>,
    did_prefix: [u8; 16],
}

/// Why words or a code are not a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardError {
    /// Another number of words than 24.
    WordCount(usize),
    /// A word that is not in the list, counted from 1.
    UnknownWord(usize),
    /// The words are all known, but do not belong together.
    Checksum,
    /// The code is cut short, mistyped, or not a card's.
    Code,
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WordCount(count) => write!(f, "a card has 24 words; these are {count}"),
            Self::UnknownWord(place) => write!(f, "word {place} is not one that a card can have; check its spelling"),
            Self::Checksum => f.write_str(
                "the words do not belong together: one of them is another word of the list, or two are swapped",
            ),
            Self::Code => write!(f, "the code is not complete, or not a card's; it begins with {CODE_PREFIX}"),
        }
    }
}

impl core::error::Error for CardError {}

/// What a card's code says beyond its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The card.
    pub card: Card,
    /// The identity.
    pub did: Did,
    /// Where guardians were when the card was printed.
    pub addresses: Vec<String>,
}

impl Card {
    /// The card of this generation for the identity with this root.
    pub fn new(root: &Root, did: &Did, generation: u32) -> Self {
        Self { seed: root.derive("guardian/card", generation), did_prefix: did.prefix() }
    }

    /// The first 16 bytes of the DID's hash.
    pub fn did_prefix(&self) -> &[u8; 16] {
        &self.did_prefix
    }

    /// The key that authenticates guesses.
    pub fn recover_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.derive(b"recover key"))
    }

    /// The account of this card and this owner key.
    pub fn account(&self, owner: &SigningKey) -> AccountKeys {
        AccountKeys { recover: self.recover_key().verifying_key(), owner: owner.verifying_key() }
    }

    /// The card's agreement to be the card of the account with this owner key.
    /// Only that account may write the descriptor that the card finds.
    pub fn bind(&self, owner: &SigningKey) -> Signature {
        self.recover_key().sign(&account::binding(&self.account(owner).id()))
    }

    /// Where guardians keep the descriptor.
    pub fn locator(&self) -> Locator {
        account::locator(&self.recover_key().verifying_key())
    }

    /// The key that seals and opens the descriptor.
    pub fn descriptor_key(&self) -> Secret<32> {
        self.derive(b"descriptor key")
    }

    /// The 24 words, in lower case, with spaces between.
    pub fn words(&self) -> Zeroizing<String> {
        let mut entropy = Zeroizing::new([0; 32]);
        entropy[..16].copy_from_slice(self.seed.expose());
        entropy[16..].copy_from_slice(&self.did_prefix);
        match bip39::Mnemonic::from_entropy(entropy.as_slice()) {
            Ok(mnemonic) => Zeroizing::new(mnemonic.to_string()),
            Err(_) => unreachable!("32 bytes are a length that BIP-39 has"),
        }
    }

    /// The card with these words, in any case and spacing.
    ///
    /// # Errors
    /// See [`CardError`].
    pub fn from_words(words: &str) -> Result<Self, CardError> {
        // More than 24 words are not even looked at.
        let count = words.split_whitespace().take(25).count();
        if count != 24 {
            return Err(CardError::WordCount(count));
        }
        let mut phrase = Zeroizing::new(String::with_capacity(words.len()));
        for word in words.split_whitespace() {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        }
        let mnemonic =
            bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &phrase).map_err(|e| match e {
                bip39::Error::UnknownWord(place) => CardError::UnknownWord(place + 1),
                _ => CardError::Checksum,
            })?;
        let entropy = Zeroizing::new(mnemonic.to_entropy());
        let (seed, did_prefix) = entropy.split_first_chunk::<16>().ok_or(CardError::Checksum)?;
        Ok(Self {
            seed: Secret::from(*seed),
            did_prefix: did_prefix.try_into().map_err(|_| CardError::Checksum)?,
        })
    }

    fn derive(&self, purpose: &[u8]) -> Secret<32> {
        kdf::derive(self.seed.expose(), b"allod 2026 recovery card", &[purpose])
    }
}

impl Code {
    /// The code's text: capitals, digits and a colon, as QR images hold them
    /// most compactly.
    pub fn to_text(&self) -> Zeroizing<String> {
        let body = CodeBody {
            seed: *self.card.seed.expose(),
            did: *self.did.as_bytes(),
            addresses: self.addresses.clone(),
        };
        let mut bytes = Zeroizing::new(allod_wire::encode(&body));
        let checksum = hash::tagged("allod 2026 card code", &[&bytes]);
        bytes.extend_from_slice(&checksum[..4]);
        let mut text = Zeroizing::new(String::from(CODE_PREFIX));
        text.push_str(&Zeroizing::new(BASE32_NOPAD.encode(&bytes)));
        text
    }

    /// Reads a code, in any case, with spaces and line breaks anywhere.
    ///
    /// # Errors
    /// [`CardError::Code`].
    pub fn from_text(text: &str) -> Result<Self, CardError> {
        if text.len() > 4 * CodeBody::SIZE_MAX {
            return Err(CardError::Code);
        }
        let text: Zeroizing<String> = Zeroizing::new(
            text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect(),
        );
        let body = text.strip_prefix(CODE_PREFIX).ok_or(CardError::Code)?;
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(body.as_bytes()).map_err(|_| CardError::Code)?);
        let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(CardError::Code)?;
        if hash::tagged("allod 2026 card code", &[body])[..4] != checksum[..] {
            return Err(CardError::Code);
        }
        let body: CodeBody = allod_wire::decode(body).map_err(|_| CardError::Code)?;
        let did = Did(body.did);
        let card = Card { seed: Secret::from(body.seed), did_prefix: did.prefix() };
        Ok(Self { card, did, addresses: body.addresses.clone() })
    }
}

#[derive(Encode, Decode)]
struct CodeBody {
    #[cbor(n(0), with = "minicbor::bytes")]
    seed: [u8; 16],
    #[cbor(n(1), with = "minicbor::bytes")]
    did: [u8; 32],
    #[n(2)]
    addresses: Vec<String>,
}

impl Drop for CodeBody {
    fn drop(&mut self) {
        allod_crypto::Zeroize::zeroize(&mut self.seed);
    }
}

impl Wire for CodeBody {
    // What a QR image of the largest size can hold, and a few addresses less.
    const SIZE_MAX: usize = 2_048;
}

/// How many of these addresses, from the first, fit a code beside the card.
pub fn addresses_that_fit(addresses: &[String]) -> usize {
    let mut left = CodeBody::SIZE_MAX / 2;
    addresses
        .iter()
        .take_while(|address| {
            // With the three bytes of the longest head that an address has.
            let fits = (address.len() <= limits::ADDRESS_MAX).then_some(address.len() + 3);
            fits.and_then(|size| left.checked_sub(size)).map(|rest| left = rest).is_some()
        })
        .count()
}

#[cfg(test)]
mod tests;
