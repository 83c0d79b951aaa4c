//! Asking for the pieces: what whoever lost everything shows, and gathers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::aead::open_once;
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret, SecretBytes, kdf, kem};
use allod_did::Did;
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::piece::{ANSWER_MAX, Piece, Vouched};
use crate::CourierError;
use crate::contact::digits;

/// The most bytes of a request. They fit into a QR code.
pub const REQUEST_MAX: usize = kem::PUBLIC_KEY + 64;

/// The most different answers that are gathered.
pub const ANSWERS_MAX: usize = 64;

/// Which form this is.
const VERSION: u8 = 1;

/// What is shown to holders: who it is said to be for, and a fresh key. Public.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Request {
    #[n(0)]
    version: u8,
    #[n(1)]
    did: Did,
    #[cbor(n(2), with = "minicbor::bytes")]
    key: Vec<u8>,
}

impl Wire for Request {
    const SIZE_MAX: usize = REQUEST_MAX;
}

/// What a request is known by: fifteen digits, to be read aloud. Each try for another request with
/// the same ones takes 5,200 rounds of SHA-512, as for a [safety number](crate::contact::Safety),
/// and a fresh key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code([u8; 15]);

/// Three groups of five digits.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.iter().enumerate() {
            if at > 0 && at % 5 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl Request {
    /// The bytes to be shown, at most [`REQUEST_MAX`]. They hold no secret.
    pub fn encode(&self) -> Vec<u8> {
        allod_wire::encode(self)
    }

    /// What somebody shows.
    ///
    /// # Errors
    /// [`CourierError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CourierError> {
        let request: Self = allod_wire::decode(bytes).map_err(|_| CourierError::Malformed)?;
        let is_whole = request.version == VERSION && request.key.len() == kem::PUBLIC_KEY;
        if is_whole { Ok(request) } else { Err(CourierError::Malformed) }
    }

    /// Who they say they are.
    pub fn did(&self) -> Did {
        self.did
    }

    /// What the two compare by voice or face. A request that somebody put in its place on the way
    /// has another one.
    pub fn code(&self) -> Code {
        let hash = tagged("allod 2026 voucher, code of a request", &[&self.encode()]);
        let mut code = [0; 15];
        code.copy_from_slice(&digits(&hash)[..15]);
        Code(code)
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

/// What an answer is sealed under once.
pub(super) fn answer_key(request: &Request, ciphertext: &[u8], shared: &Secret<32>) -> Secret<32> {
    let salt = tagged("allod 2026 voucher, answer", &[&request.encode(), ciphertext]);
    kdf::derive(shared.expose(), &salt, &[b"allod 2026 voucher, answer"])
}

/// Somebody who lost everything, and what holders have answered so far. A secret.
#[derive(Clone, Debug)]
pub struct Asking {
    did: Did,
    secret: Secret<32>,
    /// By what they have in common, and their numbers.
    answers: BTreeMap<Vouched, BTreeMap<u8, Piece>>,
}

/// How far things are with an answer that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose piece it was.
    pub holder: Did,
    /// Of which dealing.
    pub generation: u32,
    /// How many pieces of that dealing are here.
    pub have: usize,
    /// How many are needed.
    pub needed: usize,
}

/// A card that came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Released {
    /// The card's bytes, as they were dealt. Whether it is the person's card is for the caller
    /// to see: k people who agree can make up one.
    pub card: SecretBytes,
    /// Of which dealing it is.
    pub generation: u32,
    /// Who answered with a piece of something else, as they say who they are: of an older
    /// dealing, or of a made-up one.
    pub left_out: Vec<Did>,
}

impl Asking {
    /// As this person.
    pub fn new(did: Did, rng: &mut impl CryptoRng) -> Self {
        Self::from_secret(did, Secret::random(rng))
    }

    /// Again, with the secret that was kept; answers are to be added again.
    pub fn from_secret(did: Did, secret: Secret<32>) -> Self {
        Self { did, secret, answers: BTreeMap::new() }
    }

    /// What has to be kept for going on later: 32 bytes.
    pub fn secret(&self) -> &Secret<32> {
        &self.secret
    }

    /// What to show to holders.
    pub fn request(&self) -> Request {
        Request { version: VERSION, did: self.did, key: kem::public_key(&self.secret) }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// [`CourierError::Malformed`], [`CourierError::Forged`] where it was changed on its way or
    /// answers another request; [`CourierError::WrongPiece`] and [`CourierError::NotTheirs`], which name
    /// the holder; [`CourierError::TooLarge`] for more than [`ANSWERS_MAX`]. Nothing changed then.
    pub fn add(&mut self, answer: &[u8]) -> Result<Standing, CourierError> {
        let (ciphertext, sealed) = answer.split_at_checked(kem::CIPHERTEXT).ok_or(CourierError::Malformed)?;
        if answer.len() > ANSWER_MAX {
            return Err(CourierError::Malformed);
        }
        let shared = kem::decapsulate(&self.secret, ciphertext).map_err(|_| CourierError::Malformed)?;
        let opened = open_once(&answer_key(&self.request(), ciphertext, &shared), sealed);
        let piece = Piece::decode(opened.map_err(|_| CourierError::Forged)?.expose())?;
        let (holder, vouched) = (piece.holder(), piece.vouched().clone());
        if vouched.did() != self.did {
            return Err(CourierError::NotTheirs(holder));
        }
        if self.answers.values().map(BTreeMap::len).sum::<usize>() >= ANSWERS_MAX {
            return Err(CourierError::TooLarge);
        }
        let (generation, needed) = (vouched.generation(), vouched.needed());
        let pieces = self.answers.entry(vouched).or_default();
        pieces.insert(piece.number(), piece);
        Ok(Standing { holder, generation, have: pieces.len(), needed })
    }

    /// The cards that came of it so far, the newest dealing first. There is one, unless as many
    /// people as are needed agreed on another.
    pub fn released(&self) -> Vec<Released> {
        let mut released: Vec<Released> = Vec::new();
        for (vouched, pieces) in &self.answers {
            let own: Vec<&Piece> = pieces.values().collect();
            let Some(card) = vouched.open(&own) else { continue };
            let others = self.answers.iter().filter(|(other, _)| *other != vouched);
            let left_out = others.flat_map(|(_, pieces)| pieces.values().map(Piece::holder)).collect();
            released.push(Released { card, generation: vouched.generation(), left_out });
        }
        released.sort_by_key(|one| core::cmp::Reverse(one.generation));
        released
    }
}
