//! One guardian in a recovery, and what is checked of its answers.

use alloc::vec::Vec;

use allod_crypto::Secret;
use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_threshold::juicebox::{BlindedInput, BlindedOutput, Blinding, Proof, PublicKey, verify};
use allod_wire::{Instant, RealmId, RegistrationVersion};

use super::{Fault, Lie, Phase};
use crate::juicebox::secret::{self, Stretched};
use crate::juicebox::{ENCRYPTED_SECRET, Recover1, Recover2, Recover2Answer, Recover3, Recover3Answer};

/// What is needed to make and finish a guess.
#[derive(Debug)]
pub(super) struct Guess {
    pub(super) stretched: Stretched,
    pub(super) blinding: Blinding,
    pub(super) blinded: BlindedInput,
}

/// Which keys may have signed the public keys of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Nobody told: most guardians decide.
    Unknown,
    /// The descriptor told.
    Known {
        /// Those of dealings to the same guardians, in the same order. One of
        /// them must reach the threshold.
        usable: Vec<[u8; 32]>,
        /// Those of dealings to another set, whose shares have other places: a
        /// guardian that still holds one is behind, and no liar.
        stale: Vec<[u8; 32]>,
    },
}

impl Keys {
    /// Whether the descriptor names this key as one of the registration's.
    pub(super) fn allow(&self, key: &[u8; 32]) -> bool {
        matches!(self, Self::Known { usable, .. } if usable.contains(key))
    }
}

/// One guardian, as far as this recovery has come with it.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The request that is under way, and when it counts as slow.
    pub(super) awaiting: Option<(Phase, Instant)>,
    /// When to send the last phase again.
    pub(super) retry_at: Option<Instant>,
    pub(super) tries: u8,
    /// What it holds, by its own word.
    pub(super) version: Option<RegistrationVersion>,
    /// A guess was asked for, so one may have been spent.
    pub(super) spent: bool,
    pub(super) guesses_left: Option<u16>,
    /// What it says were allowed to begin with.
    pub(super) num_guesses: u16,
    pub(super) partial: Option<Partial>,
    pub(super) share: Option<Share>,
    /// The last phase was answered, or given up.
    pub(super) closed: bool,
    pub(super) fault: Option<Fault>,
}

/// A verified evaluation.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) verifying_key: [u8; 32],
    pub(super) commitment: [u8; 32],
    pub(super) output: BlindedOutput,
}

/// A verified share.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) scalar: SecretScalar<Ristretto255>,
    pub(super) encrypted_secret: [u8; ENCRYPTED_SECRET],
}

impl Peer {
    /// Takes in which registration it holds.
    pub(super) fn first(&mut self, answer: Recover1) -> Result<(), Fault> {
        match answer {
            Recover1::Ok { version } => {
                self.version = Some(version);
                Ok(())
            }
            Recover1::NotRegistered => Err(Fault::NotRegistered),
            Recover1::NoGuesses => {
                self.guesses_left = Some(0);
                Err(Fault::NoGuesses)
            }
        }
    }

    /// Takes in an evaluation, if it is proven to be that of the share which
    /// this realm was given under `verifying_key`, where that is known.
    pub(super) fn second(
        &mut self,
        realm: &RealmId,
        keys: &Keys,
        guess: &Guess,
        answer: Recover2,
    ) -> Result<(), Fault> {
        let answer = match answer {
            Recover2::Ok(answer) => answer,
            Recover2::NoGuesses => {
                // Destroyed: there is nothing to see through.
                (self.guesses_left, self.spent) = (Some(0), false);
                return Err(Fault::NoGuesses);
            }
            // Another device may have registered in between.
            Recover2::VersionMismatch => {
                self.spent = false;
                return Err(Fault::OtherVersion);
            }
            Recover2::NotRegistered => {
                self.spent = false;
                return Err(Fault::Lied(Lie::Contradiction));
            }
        };
        let Recover2Answer { num_guesses, guess_count, .. } = *answer;
        if guess_count == 0 || guess_count > num_guesses {
            return Err(Fault::Lied(Lie::GuessCount));
        }
        self.guesses_left = Some(num_guesses - guess_count);
        self.num_guesses = num_guesses;
        let signed = &answer.oprf_signed_public_key;
        match keys {
            Keys::Known { stale, .. } if stale.contains(&signed.verifying_key) => {
                return Err(Fault::OtherVersion);
            }
            Keys::Known { usable, .. } if !usable.contains(&signed.verifying_key) => {
                return Err(Fault::Lied(Lie::OtherAccount));
            }
            Keys::Known { .. } | Keys::Unknown => {}
        }
        secret::verify_public_key(signed, realm).map_err(|_| Fault::Lied(Lie::KeySignature))?;
        let key = PublicKey::from_bytes(&signed.public_key).map_err(|_| Fault::Lied(Lie::NotAnElement))?;
        let output = BlindedOutput::from_bytes(&answer.oprf_blinded_result)
            .map_err(|_| Fault::Lied(Lie::NotAnElement))?;
        let proof = Proof::from_bytes(&answer.oprf_proof.c, &answer.oprf_proof.beta_z)
            .map_err(|_| Fault::Lied(Lie::BadProof))?;
        verify(&key, &guess.blinded, &output, &proof).map_err(|_| Fault::Lied(Lie::BadProof))?;
        self.partial = Some(Partial {
            verifying_key: signed.verifying_key,
            commitment: answer.unlock_key_commitment,
            output,
        });
        Ok(())
    }

    /// Takes in a share, if the unlock key committed to it.
    pub(super) fn third(
        &mut self,
        realm: &RealmId,
        unlock_key: &Secret<32>,
        answer: Recover3,
    ) -> Result<(), Fault> {
        let answer = match answer {
            Recover3::Ok(answer) => answer,
            Recover3::NoGuesses => return Err(Fault::NoGuesses),
            Recover3::BadUnlockKeyTag { .. } => return Err(Fault::Lied(Lie::RefusedRightTag)),
            Recover3::VersionMismatch => return Err(Fault::OtherVersion),
            Recover3::NotRegistered => return Err(Fault::Lied(Lie::Contradiction)),
        };
        let Recover3Answer { encryption_key_scalar_share, encrypted_secret, encrypted_secret_commitment } =
            &*answer;
        let commitment = secret::encrypted_secret_commitment(
            unlock_key,
            realm,
            encryption_key_scalar_share,
            encrypted_secret,
        );
        if !secret::same(&commitment, encrypted_secret_commitment) {
            return Err(Fault::Lied(Lie::BadShare));
        }
        let scalar = SecretScalar::decode(encryption_key_scalar_share.expose())
            .map_err(|_| Fault::Lied(Lie::BadShare))?;
        self.share = Some(Share { scalar, encrypted_secret: *encrypted_secret });
        self.closed = true;
        Ok(())
    }
}
