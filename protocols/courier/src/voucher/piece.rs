//! Pieces: what stands in for a card, in the hands of n.

use alloc::vec::Vec;

use allod_crypto::aead::{open_once, seal_once};
use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret, SecretBytes, kdf, kem};
use allod_did::Did;
use allod_threshold::Index;
use allod_threshold::shamir::{self, Share};
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::asking::{Request, answer_key};
use crate::CourierError;

/// The most holders.
pub const HOLDERS_MAX: usize = 16;

/// The most bytes of a card: a code with some addresses.
pub const CARD_MAX: usize = 512;

/// The most bytes of a piece.
pub const PIECE_MAX: usize = 128 + 32 * HOLDERS_MAX + CARD_MAX + 16 + 96;

/// The most bytes of an answer. They fit into a QR code.
pub const ANSWER_MAX: usize = kem::CIPHERTEXT + PIECE_MAX + 16;

/// Which form this is.
const VERSION: u8 = 1;

/// One holder's piece: what they keep, and a secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Piece {
    #[n(0)]
    vouched: Vouched,
    #[n(1)]
    number: u8,
    #[n(2)]
    holder: Did,
    #[cbor(n(3), with = "crate::secret")]
    share: Secret<32>,
}

/// What all pieces of one dealing have in common. It says nothing of the card.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Vouched {
    #[n(0)]
    version: u8,
    #[n(1)]
    did: Did,
    #[n(2)]
    generation: u32,
    #[n(3)]
    needed: u8,
    /// A hash of each share, one after the other.
    #[cbor(n(4), with = "minicbor::bytes")]
    hashes: Vec<u8>,
    #[cbor(n(5), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

impl Wire for Piece {
    const SIZE_MAX: usize = PIECE_MAX;
}

/// Deals the bytes of a person's card to these holders, any `needed` of whom give it back:
/// a piece for each, in their order. A new dealing has a higher generation than those before it.
///
/// # Errors
/// [`CourierError::TooLarge`] for more than [`CARD_MAX`] bytes or [`HOLDERS_MAX`] holders,
/// [`CourierError::Malformed`] unless 2 ≤ `needed` ≤ holders, all of them different and none the
/// person.
pub fn deal(
    (did, generation): (Did, u32),
    card: &[u8],
    holders: &[Did],
    needed: u8,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Piece>, CourierError> {
    if card.len() > CARD_MAX || holders.len() > HOLDERS_MAX {
        return Err(CourierError::TooLarge);
    }
    let is_twice = |(place, holder): (usize, &Did)| holders.iter().take(place).any(|other| other == holder);
    if holders.contains(&did) || holders.iter().enumerate().any(is_twice) || needed < 2 {
        return Err(CourierError::Malformed);
    }
    let secret = SecretScalar::<Ristretto255>::random(rng);
    let count = holders.len() as u16;
    let shares = shamir::split(&secret, needed.into(), count, rng).map_err(|_| CourierError::Malformed)?;
    let mut vouched =
        Vouched { version: VERSION, did, generation, needed, hashes: Vec::new(), sealed: Vec::new() };
    let mut pieces = Vec::with_capacity(holders.len());
    for ((share, holder), number) in shares.iter().zip(holders).zip(1..) {
        let share = Secret::from(*share.value.encode());
        vouched.hashes.extend_from_slice(&vouched.hash(number, holder, &share));
        pieces.push((number, *holder, share));
    }
    vouched.sealed = seal_once(vouched.key(&secret), card);
    let piece = |(number, holder, share)| Piece { vouched: vouched.clone(), number, holder, share };
    Ok(pieces.into_iter().map(piece).collect())
}

impl Vouched {
    /// Whose card it is.
    pub fn did(&self) -> Did {
        self.did
    }

    /// Which dealing of theirs it is.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// How many holders give the card back.
    pub fn needed(&self) -> usize {
        self.needed.into()
    }

    /// How many there are.
    pub fn holders(&self) -> usize {
        self.hashes.len() / 32
    }

    /// What a share of a holder is known by. It is bound to all but what is sealed.
    fn hash(&self, number: u8, holder: &Did, share: &Secret<32>) -> [u8; 32] {
        let about = [&self.generation.to_le_bytes()[..], &[self.needed, number]].concat();
        tagged("allod 2026 voucher, share", &[self.did.as_bytes(), &about, holder.as_bytes(), share.expose()])
    }

    /// What the card is sealed under, for no other person, generation, number or holders.
    fn key(&self, secret: &SecretScalar<Ristretto255>) -> Secret<32> {
        let about = [&self.generation.to_le_bytes()[..], &[self.needed]].concat();
        let salt = tagged("allod 2026 voucher, dealing", &[self.did.as_bytes(), &about, &self.hashes]);
        kdf::derive(secret.encode().as_ref(), &salt, &[b"allod 2026 voucher, card"])
    }

    fn is_whole(&self) -> bool {
        let (holders, needed) = (self.holders(), self.needed());
        self.version == VERSION
            && self.hashes.len().is_multiple_of(32)
            && (2..=holders).contains(&needed)
            && holders <= HOLDERS_MAX
            && (16..=CARD_MAX + 16).contains(&self.sealed.len())
    }

    /// The card, from as many pieces as are needed, or more.
    pub(super) fn open(&self, pieces: &[&Piece]) -> Option<SecretBytes> {
        let share = |piece: &&Piece| {
            let index = Index::new(piece.number.into()).ok()?;
            Some(Share { index, value: SecretScalar::<Ristretto255>::decode(piece.share.expose()).ok()? })
        };
        let shares: Vec<_> = pieces.iter().filter_map(share).collect();
        let secret = shamir::combine(self.needed.into(), &shares).ok()?;
        open_once(&self.key(&secret), &self.sealed).ok()
    }
}

impl Piece {
    /// What goes to the holder, and what they keep: at most [`PIECE_MAX`] bytes. They are secret.
    pub fn encode(&self) -> SecretBytes {
        SecretBytes::from(allod_wire::encode(self))
    }

    /// The piece of these bytes.
    ///
    /// # Errors
    /// [`CourierError::Malformed`], [`CourierError::WrongPiece`] where the share is not the one
    /// that was dealt to this holder.
    pub fn decode(bytes: &[u8]) -> Result<Self, CourierError> {
        let piece: Self = allod_wire::decode(bytes).map_err(|_| CourierError::Malformed)?;
        if !piece.vouched.is_whole() {
            return Err(CourierError::Malformed);
        }
        let (hashes, _) = piece.vouched.hashes.as_chunks::<32>();
        let own = usize::from(piece.number).checked_sub(1).and_then(|place| hashes.get(place));
        if own != Some(&piece.vouched.hash(piece.number, &piece.holder, &piece.share)) {
            return Err(CourierError::WrongPiece(piece.holder));
        }
        Ok(piece)
    }

    /// What it has in common with the others.
    pub fn vouched(&self) -> &Vouched {
        &self.vouched
    }

    /// Whose piece it is.
    pub fn holder(&self) -> Did {
        self.holder
    }

    /// Its number, from 1.
    pub(super) fn number(&self) -> u8 {
        self.number
    }

    /// Gives the piece to whoever made a request, at most [`ANSWER_MAX`] bytes. The caller has
    /// compared the [code](Request::code) with the person, whom they know by voice or face.
    ///
    /// # Errors
    /// [`CourierError::OtherPerson`] where the request names somebody else than the piece;
    /// [`CourierError::Malformed`] where its key is none.
    pub fn release(&self, request: &Request, rng: &mut impl CryptoRng) -> Result<Vec<u8>, CourierError> {
        if request.did() != self.vouched.did {
            return Err(CourierError::OtherPerson(request.did()));
        }
        self.seal_to(request, rng)
    }

    pub(super) fn seal_to(
        &self,
        request: &Request,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, CourierError> {
        let (ciphertext, shared) =
            kem::encapsulate(request.key(), rng).map_err(|_| CourierError::Malformed)?;
        let sealed = seal_once(answer_key(request, &ciphertext, &shared), self.encode().expose());
        Ok([ciphertext, sealed].concat())
    }

    /// One that says that fewer are needed.
    #[cfg(test)]
    pub(super) fn needing(&self, needed: u8) -> Self {
        Self { vouched: Vouched { needed, ..self.vouched.clone() }, ..self.clone() }
    }

    /// One with another share.
    #[cfg(test)]
    pub(super) fn altered(&self) -> Self {
        Self { share: Secret::from([1; 32]), ..self.clone() }
    }
}
