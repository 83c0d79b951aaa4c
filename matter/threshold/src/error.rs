//! What can be wrong, and whose fault it is.

use core::fmt;

use allod_crypto::group::DecodeError;

use crate::Index;

/// The part of a message that an encoding belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The element a client sends.
    BlindedElement,
    /// The element a server answers with.
    EvaluatedElement,
    /// A public key, or the public key of a share.
    PublicKey,
    /// A private key, or a share of one.
    PrivateKey,
    /// A proof's first scalar.
    ProofChallenge,
    /// A proof's second scalar.
    ProofResponse,
    /// The length of a commitment, or of the message as a whole.
    Length,
    /// The commitment to the coefficient of this power.
    Commitment(u16),
    /// The number of receivers.
    Receivers,
    /// The threshold.
    Threshold,
    /// A receiver's encryption key.
    EncryptionKey,
    /// The ephemeral element of a dealing or a ciphertext.
    Ephemeral,
    /// The Diffie-Hellman element that a complaint or a partial decryption opens.
    SharedElement,
    /// A ciphertext's ephemeral element under the second generator.
    SecondEphemeral,
    /// A signature, or a partial one.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlindedElement => f.write_str("blinded element"),
            Self::EvaluatedElement => f.write_str("evaluated element"),
            Self::PublicKey => f.write_str("public key"),
            Self::PrivateKey => f.write_str("private key"),
            Self::ProofChallenge => f.write_str("challenge of the proof"),
            Self::ProofResponse => f.write_str("response of the proof"),
            Self::Length => f.write_str("message as a whole"),
            Self::Commitment(power) => write!(f, "commitment to coefficient {power}"),
            Self::Receivers => f.write_str("number of receivers"),
            Self::Threshold => f.write_str("threshold"),
            Self::EncryptionKey => f.write_str("encryption key"),
            Self::Ephemeral => f.write_str("ephemeral element"),
            Self::SharedElement => f.write_str("shared element"),
            Self::SecondEphemeral => f.write_str("second ephemeral element"),
            Self::Signature => f.write_str("signature"),
        }
    }
}

/// Everything that this crate refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Zero is where the secret lies; no share has that index.
    ZeroIndex,
    /// Two shares carry the same index.
    DuplicateIndex(Index),
    /// No public key is known for a share of this index.
    UnknownIndex(Index),
    /// Fewer shares than the threshold.
    TooFewShares {
        /// The threshold.
        needed: usize,
        /// The shares given.
        given: usize,
    },
    /// A threshold of zero, or above the number of shares.
    ThresholdOutOfRange {
        /// The threshold asked for.
        threshold: u16,
        /// The number of shares.
        shares: u16,
    },
    /// A commitment is longer than the caller allows.
    ThresholdAboveLimit {
        /// The threshold that the commitment claims.
        threshold: u16,
        /// The caller's limit.
        limit: u16,
    },
    /// The share of this index does not fit the dealer's commitment.
    ShareRefused(Index),
    /// The proof of a single server does not hold.
    ProofRefused,
    /// The proof of the guardian of this index does not hold.
    PartialRefused(Index),
    /// Bytes that encode nothing allowed in their place.
    Malformed {
        /// Which part of the message.
        part: Part,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// As [`Self::Malformed`], in the partial of the guardian of this index.
    PartialMalformed {
        /// The guardian that sent it.
        index: Index,
        /// Which part of the partial.
        part: Part,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// A batch is empty, holds more than 65,535 elements, or its sides differ in
    /// length.
    BatchSize {
        /// Blinded elements.
        blinded: usize,
        /// Evaluated elements.
        evaluated: usize,
    },
    /// The partial of this index answers another number of elements than was
    /// asked.
    PartialBatchSize {
        /// The guardian that sent it.
        index: Index,
        /// Elements asked.
        blinded: usize,
        /// Elements answered.
        evaluated: usize,
    },
    /// More receivers than one session can have, or none.
    TooManyReceivers {
        /// The receivers given.
        given: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// The receiver of this index follows one with a higher index.
    OutOfOrder(Index),
    /// No receiver has this index, or it has another encryption key.
    NotReceiver(Index),
    /// The receiver of this index does not know the secret of the encryption key
    /// that it announced.
    PossessionRefused(Index),
    /// Bytes of a dealing that encode nothing allowed in their place.
    DealingMalformed {
        /// Who dealt it.
        dealer: Index,
        /// Which part of the dealing.
        part: Part,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// The dealer dealt for another threshold than the session has.
    DealingThreshold {
        /// Who dealt it.
        dealer: Index,
        /// The session's threshold.
        expected: u16,
        /// The dealing's threshold.
        given: u16,
    },
    /// The dealer dealt to another number of receivers than the session has.
    DealingReceivers {
        /// Who dealt it.
        dealer: Index,
        /// The session's receivers.
        expected: usize,
        /// The dealing's receivers.
        given: usize,
    },
    /// The dealer of this index does not know the logarithm of its ephemeral
    /// element, or its dealing was changed.
    EphemeralProofRefused(Index),
    /// The dealer of this index does not know its constant term, or its dealing
    /// was changed.
    ConstantProofRefused(Index),
    /// The dealer of this index dealt something other than its own share of the
    /// key that is passed on.
    ConstantRefused(Index),
    /// The proof in the complaint of the receiver of this index does not hold.
    ComplaintRefused(Index),
    /// A complaint is held against the dealing of a dealer that it does not
    /// accuse.
    ComplaintDealer {
        /// Who complains.
        receiver: Index,
        /// Whom the complaint accuses.
        dealer: Index,
    },
    /// Fewer qualified dealings than needed.
    TooFewDealings {
        /// The dealings needed.
        needed: usize,
        /// The dealings given.
        given: usize,
    },
    /// The share that this dealer dealt is not among the opened ones.
    MissingShare(Index),
    /// The dealings pass on another key than the one that was to be passed on.
    PublicKeyChanged,
    /// The signature does not hold.
    SignatureRefused,
    /// The ciphertext was changed, or is not for this key, label or signature.
    CiphertextRefused,
    /// A payload is too short or too long to be encrypted.
    PayloadLength {
        /// Bytes given.
        given: usize,
        /// The fewest allowed.
        least: usize,
        /// The most allowed.
        most: usize,
    },
    /// The input maps to the identity (RFC 9497, `InvalidInputError`).
    InputInvalid,
    /// The input or the key information is longer than 65,535 bytes.
    InputTooLong,
    /// No key came out of the seed (RFC 9497, `DeriveKeyPairError`).
    KeyDerivation,
}

impl Error {
    /// Turns a malformed part into one that names the guardian that sent it.
    pub(crate) fn in_partial(self, index: Index) -> Self {
        match self {
            Self::Malformed { part, reason } => Self::PartialMalformed { index, part, reason },
            other => other,
        }
    }

    /// Turns what is wrong with the bytes of a dealing into an error that names
    /// the dealer.
    pub(crate) fn in_dealing(self, dealer: Index) -> Self {
        let (part, reason) = match self {
            Self::Malformed { part, reason } => (part, reason),
            Self::TooManyReceivers { .. } => (Part::Receivers, DecodeError::Length),
            // Whatever else can be wrong with the bytes is the threshold.
            _ => (Part::Threshold, DecodeError::Length),
        };
        Self::DealingMalformed { dealer, part, reason }
    }

    /// The index of the share, dealer or receiver at fault, where one is.
    pub fn culprit(&self) -> Option<Index> {
        match self {
            Self::DuplicateIndex(index)
            | Self::UnknownIndex(index)
            | Self::ShareRefused(index)
            | Self::PartialRefused(index)
            | Self::PartialMalformed { index, .. }
            | Self::PartialBatchSize { index, .. }
            | Self::OutOfOrder(index)
            | Self::NotReceiver(index)
            | Self::PossessionRefused(index)
            | Self::DealingMalformed { dealer: index, .. }
            | Self::DealingThreshold { dealer: index, .. }
            | Self::DealingReceivers { dealer: index, .. }
            | Self::EphemeralProofRefused(index)
            | Self::ConstantProofRefused(index)
            | Self::ConstantRefused(index)
            | Self::ComplaintRefused(index)
            | Self::ComplaintDealer { receiver: index, .. } => Some(*index),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroIndex => f.write_str("a share cannot have index zero"),
            Self::DuplicateIndex(index) => write!(f, "share {index} was given twice"),
            Self::UnknownIndex(index) => write!(f, "no public key is known for share {index}"),
            Self::TooFewShares { needed, given } => write!(f, "{given} shares where {needed} are needed"),
            Self::ThresholdOutOfRange { threshold, shares } => {
                write!(f, "a threshold of {threshold} among {shares} shares")
            }
            Self::ThresholdAboveLimit { threshold, limit } => {
                write!(f, "a threshold of {threshold} where at most {limit} is allowed")
            }
            Self::ShareRefused(index) => write!(f, "share {index} does not fit its commitment"),
            Self::ProofRefused => f.write_str("the proof does not hold"),
            Self::PartialRefused(index) => write!(f, "the proof of share {index} does not hold"),
            Self::Malformed { part, reason } => write!(f, "{part}: {reason}"),
            Self::PartialMalformed { index, part, reason } => {
                write!(f, "partial of share {index}: {part}: {reason}")
            }
            Self::BatchSize { blinded, evaluated } => {
                write!(f, "a batch of {blinded} elements with {evaluated} answers")
            }
            Self::PartialBatchSize { index, blinded, evaluated } => {
                write!(f, "share {index} answered {evaluated} of {blinded} elements")
            }
            Self::TooManyReceivers { given, limit } => {
                write!(f, "{given} receivers where 1 to {limit} are allowed")
            }
            Self::OutOfOrder(index) => write!(f, "receiver {index} is not in ascending order"),
            Self::NotReceiver(index) => write!(f, "{index} is not a receiver with this key"),
            Self::PossessionRefused(index) => {
                write!(f, "receiver {index} does not know the secret of its encryption key")
            }
            Self::DealingMalformed { dealer, part, reason } => {
                write!(f, "dealing of {dealer}: {part}: {reason}")
            }
            Self::DealingThreshold { dealer, expected, given } => {
                write!(f, "dealer {dealer} dealt for a threshold of {given} where {expected} was agreed")
            }
            Self::DealingReceivers { dealer, expected, given } => {
                write!(f, "dealer {dealer} dealt to {given} receivers where there are {expected}")
            }
            Self::EphemeralProofRefused(index) => {
                write!(f, "dealer {index} does not prove to know its ephemeral")
            }
            Self::ConstantProofRefused(index) => {
                write!(f, "dealer {index} does not prove to know what it deals")
            }
            Self::ConstantRefused(index) => write!(f, "dealer {index} did not deal its own share"),
            Self::ComplaintRefused(index) => {
                write!(f, "the proof in the complaint of receiver {index} does not hold")
            }
            Self::ComplaintDealer { receiver, dealer } => {
                write!(f, "the complaint of receiver {receiver} accuses dealer {dealer} and no other")
            }
            Self::TooFewDealings { needed, given } => {
                write!(f, "{given} dealings where {needed} are needed")
            }
            Self::MissingShare(index) => write!(f, "the share that {index} dealt is missing"),
            Self::PublicKeyChanged => f.write_str("the dealings pass on another key"),
            Self::SignatureRefused => f.write_str("the signature does not hold"),
            Self::CiphertextRefused => f.write_str("the ciphertext was changed or belongs elsewhere"),
            Self::PayloadLength { given, least, most } => {
                write!(f, "a payload of {given} bytes where {least} to {most} are allowed")
            }
            Self::InputInvalid => f.write_str("the input maps to the identity"),
            Self::InputTooLong => f.write_str("the input is longer than 65535 bytes"),
            Self::KeyDerivation => f.write_str("no key came out of the seed"),
        }
    }
}

impl core::error::Error for Error {}
