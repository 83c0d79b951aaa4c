//! The ways to lie, and what each does to an honest guardian's answer.
//!
//! Only answers to a recovery are changed, so that a liar can be put in front of
//! a guardian at any time and taken away again. The last way to lie is none of
//! these: it is told to other guardians, and costs the guardian its place.

use std::fmt;
use std::str::FromStr;

use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret};
use allod_guardian::juicebox::secret::sign_public_key;
use allod_guardian::juicebox::{
    Proof, Recover1, Recover2, Recover2Answer, Recover2Request, Recover3, Request, Response,
};
use allod_threshold::juicebox::{BlindedInput, PrivateKey, blind_evaluate};
use allod_wire::{RealmId, RegistrationVersion};

/// How a liar lies. The first eleven are [`allod_guardian::client::Lie`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Answers bytes that are no message.
    Garbage,
    /// Answers another question.
    WrongMessage,
    /// Evaluates with a key registered by another signing key, with a good proof.
    OtherAccount,
    /// Spoils the signature on the share's public key.
    KeySignature,
    /// Answers an evaluation that is no group element.
    NotAnElement,
    /// Evaluates with another key than it claims.
    BadProof,
    /// Shows another commitment.
    OtherCommitment,
    /// Counts more guesses than there are.
    GuessCount,
    /// Refuses the right unlock tag.
    RefusedRightTag,
    /// Hands out another share.
    BadShare,
    /// Takes back that it holds the registration.
    Contradiction,
    /// Says that it holds nothing.
    NotRegistered,
    /// Says that the guesses ran out.
    NoGuesses,
    /// Says that it holds another registration.
    OtherVersion,
    /// Answers anything only after [`SLOW_S`](How::SLOW_S) seconds.
    Slow,
    /// Accepts requests and never answers any.
    Silent,
    /// Votes twice when operations are put in order, and serves nobody
    /// ([`Equivocator`](super::Equivocator)).
    Equivocate,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Garbage,
        Self::WrongMessage,
        Self::OtherAccount,
        Self::KeySignature,
        Self::NotAnElement,
        Self::BadProof,
        Self::OtherCommitment,
        Self::GuessCount,
        Self::RefusedRightTag,
        Self::BadShare,
        Self::Contradiction,
        Self::NotRegistered,
        Self::NoGuesses,
        Self::OtherVersion,
        Self::Slow,
        Self::Silent,
        Self::Equivocate,
    ];

    /// How long a slow one waits, in seconds: longer than clients do.
    pub const SLOW_S: u64 = 20;

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::WrongMessage => "wrong-message",
            Self::OtherAccount => "other-account",
            Self::KeySignature => "key-signature",
            Self::NotAnElement => "not-an-element",
            Self::BadProof => "bad-proof",
            Self::OtherCommitment => "other-commitment",
            Self::GuessCount => "guess-count",
            Self::RefusedRightTag => "refused-right-tag",
            Self::BadShare => "bad-share",
            Self::Contradiction => "contradiction",
            Self::NotRegistered => "not-registered",
            Self::NoGuesses => "no-guesses",
            Self::OtherVersion => "other-version",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Equivocate => "equivocate",
        }
    }

    /// What the liar answers in place of an honest response: the body.
    pub(super) fn twist(
        self,
        realm: &RealmId,
        request: &Request,
        honest: Response,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        if !matches!(request, Request::Recover1 | Request::Recover2(_) | Request::Recover3(_)) {
            return honest.encode().to_vec();
        }
        let twisted = match (self, request, honest) {
            (Self::Garbage, ..) => return b"not a message of the protocol".to_vec(),
            (Self::WrongMessage, ..) => Response::Register1,
            (Self::NotRegistered, Request::Recover1, _) => Response::Recover1(Recover1::NotRegistered),
            (Self::NoGuesses, Request::Recover1, _) => Response::Recover1(Recover1::NoGuesses),
            (Self::OtherVersion, Request::Recover1, _) => {
                Response::Recover1(Recover1::Ok { version: other_version(rng) })
            }
            (Self::Contradiction, Request::Recover2(_), _) => Response::Recover2(Recover2::NotRegistered),
            (_, Request::Recover2(asked), Response::Recover2(Recover2::Ok(mut answer))) => {
                self.twist_evaluation(realm, asked, &mut answer, rng);
                Response::Recover2(Recover2::Ok(answer))
            }
            (Self::RefusedRightTag, Request::Recover3(_), _) => {
                Response::Recover3(Recover3::BadUnlockKeyTag { guesses_remaining: 1 })
            }
            (Self::BadShare, Request::Recover3(_), Response::Recover3(Recover3::Ok(mut answer))) => {
                answer.encrypted_secret[0] ^= 1;
                Response::Recover3(Recover3::Ok(answer))
            }
            (_, _, honest) => honest,
        };
        twisted.encode().to_vec()
    }

    fn twist_evaluation(
        self,
        realm: &RealmId,
        asked: &Recover2Request,
        answer: &mut Recover2Answer,
        rng: &mut impl CryptoRng,
    ) {
        match self {
            Self::OtherAccount => {
                let signing = SigningKey::from_seed(&Secret::random(rng));
                if let Some(key) = evaluate_afresh(asked, answer, rng) {
                    answer.oprf_signed_public_key = sign_public_key(&signing, realm, key);
                }
            }
            Self::BadProof => {
                // The proof is good, for a key that is not the one shown.
                evaluate_afresh(asked, answer, rng);
            }
            Self::KeySignature => answer.oprf_signed_public_key.signature[0] ^= 1,
            Self::NotAnElement => answer.oprf_blinded_result = [0xff; 32],
            Self::OtherCommitment => answer.unlock_key_commitment[0] ^= 1,
            Self::GuessCount => answer.guess_count = answer.num_guesses.saturating_add(1),
            _ => {}
        }
    }
}

/// Evaluates with a fresh key, with a proof for it, and returns its public key.
fn evaluate_afresh(
    asked: &Recover2Request,
    answer: &mut Recover2Answer,
    rng: &mut impl CryptoRng,
) -> Option<[u8; 32]> {
    let key = PrivateKey::random(rng);
    let public = key.public_key();
    let blinded = BlindedInput::from_bytes(&asked.oprf_blinded_input).ok()?;
    let (output, proof) = blind_evaluate(&key, &public, &blinded, rng);
    answer.oprf_blinded_result = output.to_bytes();
    answer.oprf_proof = Proof { c: proof.c(), beta_z: proof.beta_z() };
    Some(public.to_bytes())
}

fn other_version(rng: &mut impl CryptoRng) -> RegistrationVersion {
    RegistrationVersion(*Secret::random(rng).expose())
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for How {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|how| how.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no way to lie; these are: {names}")
        })
    }
}
