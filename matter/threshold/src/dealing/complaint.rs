//! A receiver's claim that a dealer cheated it, which everyone can judge.

use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::group::{DecodeError, Group, Ristretto255};

use super::{Dealing, EncryptionSecret, Terms};
use crate::chaum_pedersen::{self, Proof};
use crate::{Error, Index, Part, Point};

const TAG: &[u8] = b"Allod-Dealing-Complaint-V1";

/// A receiver opens the pad of the share that it was dealt, with a proof that the
/// pad is the right one. Public.
///
/// An upheld complaint tells nothing that the cheating dealer did not know. A
/// refuted one gives away the liar's own share of one dealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Who is accused.
    pub(super) dealer: Index,
    /// Who complains.
    pub(super) receiver: Index,
    /// D = e_j * R_i.
    pub(super) shared: Point<Ristretto255>,
    /// That D has to R_i the logarithm that E_j has to G.
    pub(super) proof: Proof<Ristretto255>,
}

/// What becomes of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The share does not fit: the dealer is disqualified.
    Upheld,
    /// The share fits: the receiver lied.
    Refuted,
}

impl Complaint {
    /// Bytes in an encoded complaint.
    pub const LEN: usize = 2 + 2 + 32 + 64;

    pub(super) fn new<G: Group>(
        dealing: &Dealing<G>,
        terms: &Terms,
        receiver: Index,
        secret: &EncryptionSecret,
        shared: Point<Ristretto255>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let domain = domain(dealing, terms, receiver);
        let proof = chaum_pedersen::prove(
            &domain,
            secret.scalar(),
            secret.key().point(),
            &dealing.ephemeral,
            &shared,
            rng,
        );
        Self { dealer: dealing.dealer, receiver, shared, proof }
    }

    /// Decides, for a `dealing` that was [verified](Dealing::verify).
    ///
    /// # Errors
    /// When the complaint decides nothing, whatever the dealing:
    /// [`Error::ComplaintDealer`] when it accuses another dealer,
    /// [`Error::NotReceiver`], and [`Error::ComplaintRefused`] for a proof that
    /// does not hold, each naming the receiver. [`Error::DealingThreshold`] or
    /// [`Error::DealingReceivers`] when the dealing is of other terms.
    pub fn judge<G: Group>(&self, terms: &Terms, dealing: &Dealing<G>) -> Result<Verdict, Error> {
        let receiver = self.receiver;
        if self.dealer != dealing.dealer {
            return Err(Error::ComplaintDealer { receiver, dealer: self.dealer });
        }
        dealing.fits(terms)?;
        let key = terms.key(receiver)?;
        let domain = domain(dealing, terms, receiver);
        chaum_pedersen::verify(&domain, key.point(), &dealing.ephemeral, &self.shared, &self.proof)
            .map_err(|_| Error::ComplaintRefused(receiver))?;
        match dealing.decrypt(terms, receiver, self.shared.bytes())? {
            None => Ok(Verdict::Upheld),
            Some(_) => Ok(Verdict::Refuted),
        }
    }

    /// Who is accused.
    pub fn dealer(&self) -> Index {
        self.dealer
    }

    /// Who complains.
    pub fn receiver(&self) -> Index {
        self.receiver
    }

    /// Dealer and receiver (two bytes each, big endian), D, challenge, response:
    /// [`Self::LEN`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend_from_slice(&self.dealer.get().to_be_bytes());
        bytes.extend_from_slice(&self.receiver.get().to_be_bytes());
        bytes.extend_from_slice(self.shared.bytes());
        bytes.extend_from_slice(&self.proof.encode());
        bytes
    }

    /// Decodes what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming the part; [`Error::ZeroIndex`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        let (dealer, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let (receiver, rest) = rest.split_first_chunk().ok_or(wrong_length)?;
        let (shared, proof) = rest.split_first_chunk::<32>().ok_or(wrong_length)?;
        if bytes.len() != Self::LEN {
            return Err(wrong_length);
        }
        Ok(Self {
            dealer: Index::new(u16::from_be_bytes(*dealer))?,
            receiver: Index::new(u16::from_be_bytes(*receiver))?,
            shared: Point::decode(shared)
                .map_err(|reason| Error::Malformed { part: Part::SharedElement, reason })?,
            proof: Proof::decode(proof)?,
        })
    }
}

/// Binds the proof to the terms, the dealing and the receiver. All parts are of
/// fixed length.
fn domain<G: Group>(dealing: &Dealing<G>, terms: &Terms, receiver: Index) -> Vec<u8> {
    [TAG, terms.digest(), &dealing.digest(terms), &receiver.get().to_be_bytes()].concat()
}
