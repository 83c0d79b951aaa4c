//! A dealing as bytes: one encoding for each dealing, bounded, read without
//! allocating before lengths are checked.
//!
//! | bytes | what |
//! |---|---|
//! | 2, big endian | n, the number of receivers, at most [`RECEIVERS_MAX`] |
//! | 32 | the ephemeral |
//! | 64 | the proof of the ephemeral |
//! | 2 scalars | the proof of the constant term |
//! | n scalars | the shares under their pads |
//! | 2, big endian | t, the threshold, at most n |
//! | t elements | the commitment |

use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Group};

use super::{Dealing, RECEIVERS_MAX};
use crate::feldman::Commitment;
use crate::knowledge::Proof;
use crate::{Error, Index, Part, Point};

impl<G: Group> Dealing<G> {
    /// The canonical encoding. The dealer is not part of it.
    pub fn encode(&self) -> Vec<u8> {
        let commitment = self.commitment.encode();
        let mut bytes =
            Vec::with_capacity(2 + 32 + 64 + Proof::<G>::LEN + self.encrypted.len() + commitment.len());
        // At most RECEIVERS_MAX, so it fits.
        bytes.extend_from_slice(&(self.receivers() as u16).to_be_bytes());
        bytes.extend_from_slice(self.ephemeral.bytes());
        bytes.extend_from_slice(&self.ephemeral_proof.encode());
        bytes.extend_from_slice(&self.constant_proof.encode());
        bytes.extend_from_slice(&self.encrypted);
        bytes.extend_from_slice(&commitment);
        bytes
    }

    /// Decodes what `dealer` published.
    ///
    /// # Errors
    /// [`Error::DealingMalformed`], naming the dealer and the part.
    pub fn decode(dealer: Index, bytes: &[u8]) -> Result<Self, Error> {
        Self::read(dealer, bytes).map_err(|error| error.in_dealing(dealer))
    }

    fn read(dealer: Index, bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        let (receivers, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let receivers = u16::from_be_bytes(*receivers);
        if receivers == 0 || usize::from(receivers) > RECEIVERS_MAX {
            return Err(Error::TooManyReceivers { given: receivers.into(), limit: RECEIVERS_MAX });
        }
        let (ephemeral, rest) = rest.split_first_chunk::<32>().ok_or(wrong_length)?;
        let (ephemeral_proof, rest) = rest.split_first_chunk::<64>().ok_or(wrong_length)?;
        let (constant_proof, rest) = rest.split_at_checked(Proof::<G>::LEN).ok_or(wrong_length)?;
        let (encrypted, commitment) =
            rest.split_at_checked(usize::from(receivers) * G::SCALAR_LEN).ok_or(wrong_length)?;
        let ephemeral =
            Point::decode(ephemeral).map_err(|reason| Error::Malformed { part: Part::Ephemeral, reason })?;
        Ok(Self {
            dealer,
            ephemeral,
            ephemeral_proof: Proof::decode(ephemeral_proof)?,
            constant_proof: Proof::decode(constant_proof)?,
            commitment: Commitment::decode(commitment, receivers)?,
            encrypted: encrypted.to_vec(),
        })
    }
}
