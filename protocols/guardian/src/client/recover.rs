//! Recovery, the client's side.
//!
//! Roles: this client; n guardians, t of which are needed.
//!
//! Flow: `Recover1` to all → t of them name the same registration → the PIN is
//! stretched → `Recover2` to all that hold it → t verified evaluations combine
//! → the commitment tells right from wrong PIN → `Recover3` to every guardian
//! whose guess was spent → t shares open the secret ([`RecoverEvent::Recovered`])
//! → the rest are seen through, so that a slow guardian does not count down to
//! destruction ([`RecoverEvent::Settled`]).
//!
//! It never sends the PIN or its hash, never shows an unlock tag before it knows
//! that it is right, never spends a guess at a guardian that it does not need
//! any more, and never takes a guardian's word for what it can check.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_crypto::{CryptoRng, Secret, SecretBytes};
use allod_threshold::Index;
use allod_threshold::juicebox::{
    BlindedInput, BlindedOutput, Blinding, Proof, PublicKey, combine, finalize, start, verify,
};
use allod_wire::{Instant, RegistrationVersion};

use super::opening::Opening;
use super::{Accused, Configuration, Fault, Input, Lie, Output, Patience, Phase, most_common};
use crate::juicebox::secret::{self, Stretched};
use crate::juicebox::{
    ENCRYPTED_SECRET, Recover1, Recover2, Recover2Answer, Recover2Request, Recover3, Recover3Answer,
    Recover3Request, Request, Response,
};

/// What a person learns of a recovery.
#[derive(Debug)]
pub enum RecoverEvent {
    /// The secret is back. The machine goes on until it has settled.
    Recovered(Recovered),
    /// It cannot be recovered, for now or for ever.
    Failed(RecoverError),
    /// Nothing is under way any more.
    Settled,
}

/// What came back.
#[derive(Debug)]
pub struct Recovered {
    /// The secret.
    pub secret: SecretBytes,
    /// The registration it came from.
    pub version: RegistrationVersion,
}

/// Why a secret was not recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoverError {
    /// The PIN is not the one registered.
    WrongPin {
        /// How often a PIN can still be tried.
        guesses_left: u16,
    },
    /// So many guardians destroyed their shares that the rest are too few. This
    /// is final, also for the right PIN.
    OutOfGuesses {
        /// How many destroyed theirs.
        destroyed: usize,
        /// How many guardians there are.
        guardians: usize,
    },
    /// So many guardians hold nothing that the rest are too few.
    NotRegistered,
    /// Too few guardians gave a usable answer. No fault of the PIN; trying again
    /// when they are back may help.
    TooFew {
        /// How many are needed.
        needed: usize,
        /// How many were of use.
        usable: usize,
    },
    /// Enough shares, but they do not open the secret. The registration itself
    /// must have been wrong.
    Corrupt,
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPin { guesses_left: 0 } => {
                f.write_str("wrong PIN, and that was the last guess: the secret can't be recovered any more")
            }
            Self::WrongPin { guesses_left } => write!(f, "wrong PIN; {guesses_left} guesses left"),
            Self::OutOfGuesses { destroyed, guardians } => write!(
                f,
                "the guesses ran out: {destroyed} of {guardians} guardians destroyed their shares, and the rest are too few; this is final"
            ),
            Self::NotRegistered => f.write_str("the guardians hold nothing for this account"),
            Self::TooFew { needed, usable } => {
                write!(f, "{needed} guardians are needed, and {usable} gave a usable answer")
            }
            Self::Corrupt => f.write_str("the guardians' shares do not fit together"),
        }
    }
}

impl core::error::Error for RecoverError {}

/// One recovery.
#[derive(Debug)]
pub struct Recover {
    configuration: Configuration,
    verifying_key: Option<[u8; 32]>,
    patience: Patience,
    peers: Vec<Peer>,
    version: Option<RegistrationVersion>,
    guess: Option<Guess>,
    unlock_key: Option<Secret<32>>,
    /// The key that signed the public keys of the dealing that unlocked.
    dealing: Option<[u8; 32]>,
    opening: Opening,
    finished: bool,
    settled: bool,
    outputs: VecDeque<Output<RecoverEvent>>,
}

/// What is needed to make and finish a guess.
#[derive(Debug)]
struct Guess {
    stretched: Stretched,
    blinding: Blinding,
    blinded: BlindedInput,
}

/// One guardian, as far as this recovery has come with it.
#[derive(Debug, Default)]
struct Peer {
    /// The request that is under way, and when it counts as slow.
    awaiting: Option<(Phase, Instant)>,
    /// When to send the last phase again.
    retry_at: Option<Instant>,
    tries: u8,
    /// What it holds, by its own word.
    version: Option<RegistrationVersion>,
    /// A guess was asked for, so one may have been spent.
    spent: bool,
    guesses_left: Option<u16>,
    partial: Option<Partial>,
    share: Option<Share>,
    /// The last phase was answered, or given up.
    closed: bool,
    fault: Option<Fault>,
}

/// A verified evaluation.
#[derive(Debug)]
struct Partial {
    verifying_key: [u8; 32],
    commitment: [u8; 32],
    output: BlindedOutput,
}

/// A verified share.
#[derive(Debug)]
struct Share {
    scalar: SecretScalar<Ristretto255>,
    encrypted_secret: [u8; ENCRYPTED_SECRET],
}

impl Recover {
    /// Begins: `Recover1` goes to all guardians.
    ///
    /// `verifying_key` is the registration's, where it is known from a
    /// descriptor; a guardian that answers under another is named at once.
    pub fn new(
        configuration: Configuration,
        verifying_key: Option<[u8; 32]>,
        patience: Patience,
        now: Instant,
    ) -> Self {
        let peers = configuration.guardians().iter().map(|_| Peer::default()).collect();
        let opening = Opening::new(usize::from(configuration.threshold()));
        let mut recover = Self {
            configuration,
            verifying_key,
            patience,
            peers,
            version: None,
            guess: None,
            unlock_key: None,
            dealing: None,
            opening,
            finished: false,
            settled: false,
            outputs: VecDeque::new(),
        };
        for guardian in 0..recover.peers.len() {
            recover.send(now, guardian, Phase::First, Request::Recover1);
        }
        recover
    }

    /// Takes in what happened. Drain [`poll`](Self::poll) afterwards.
    ///
    /// # Errors
    /// [`Accused`] names the guardian whose answer was of no use. The recovery
    /// goes on without it; the fault also stands in [`faults`](Self::faults).
    pub fn handle(&mut self, now: Instant, rng: &mut impl CryptoRng, input: Input) -> Result<(), Accused> {
        let result = match input {
            Input::Answer { guardian, phase, outcome } => self.answer(now, guardian, phase, outcome),
            Input::Stretched(stretched) => {
                self.stretched(now, rng, stretched);
                Ok(())
            }
            Input::Time => {
                self.time(now);
                Ok(())
            }
        };
        self.advance(now);
        result
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Output<RecoverEvent>> {
        self.outputs.pop_front()
    }

    /// When to call `handle` with [`Input::Time`], if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.peers.iter().flat_map(|peer| [peer.awaiting.map(|(_, due)| due), peer.retry_at]).flatten().min()
    }

    /// What was wrong with which guardian, by place in the configuration.
    pub fn faults(&self) -> impl Iterator<Item = (usize, &Fault)> {
        self.peers.iter().enumerate().filter_map(|(i, peer)| peer.fault.as_ref().map(|fault| (i, fault)))
    }

    fn threshold(&self) -> usize {
        usize::from(self.configuration.threshold())
    }

    fn send(&mut self, now: Instant, guardian: usize, phase: Phase, request: Request) {
        let due = now.plus_ms(self.patience.answer_ms_max);
        self.peers[guardian].awaiting = Some((phase, due));
        self.outputs.push_back(Output::Send { guardian, phase, request });
    }

    fn answer(
        &mut self,
        now: Instant,
        guardian: usize,
        phase: Phase,
        outcome: Result<Response, Fault>,
    ) -> Result<(), Accused> {
        let Some(peer) = self.peers.get_mut(guardian) else { return Ok(()) };
        if peer.awaiting.is_some_and(|(awaited, _)| awaited == phase) {
            peer.awaiting = None;
        } else if !matches!(peer.fault, Some(Fault::Slow)) || outcome.is_err() {
            // An answer that nobody waits for: a repetition, or a late failure.
            return Ok(());
        }
        // A late answer is still an answer.
        if matches!(peer.fault, Some(Fault::Slow)) {
            peer.fault = None;
        }
        let checked = match (phase, outcome) {
            (Phase::First, Ok(Response::Recover1(answer))) => self.first(guardian, answer),
            (Phase::Second, Ok(Response::Recover2(answer))) => self.second(guardian, answer),
            (Phase::Third, Ok(Response::Recover3(answer))) => self.third(guardian, answer),
            (_, Ok(_)) => Err(Fault::Lied(Lie::WrongMessage)),
            (_, Err(fault)) => Err(fault),
        };
        let Err(fault) = checked else { return Ok(()) };
        let peer = &mut self.peers[guardian];
        // A guardian that asks to wait is asked again once it was waited for,
        // though no longer than for an answer.
        let retry_in_ms = match &fault {
            Fault::TooMany { retry_in_ms } => {
                Some((*retry_in_ms).min(self.patience.answer_ms_max).max(self.patience.retry_ms))
            }
            fault => fault.is_ambiguous().then_some(self.patience.retry_ms),
        };
        if let (Phase::Third, Some(retry_in_ms), true) =
            (phase, retry_in_ms, peer.tries < self.patience.tries_max)
        {
            peer.retry_at = Some(now.plus_ms(retry_in_ms));
        } else if phase == Phase::Third {
            peer.closed = true;
        }
        // The first fault tells most: what follows from it is not news.
        peer.fault.get_or_insert_with(|| fault.clone());
        Err(Accused { guardian, fault })
    }

    fn first(&mut self, guardian: usize, answer: Recover1) -> Result<(), Fault> {
        let peer = &mut self.peers[guardian];
        match answer {
            Recover1::Ok { version } => {
                peer.version = Some(version);
                Ok(())
            }
            Recover1::NotRegistered => Err(Fault::NotRegistered),
            Recover1::NoGuesses => {
                peer.guesses_left = Some(0);
                Err(Fault::NoGuesses)
            }
        }
    }

    fn second(&mut self, guardian: usize, answer: Recover2) -> Result<(), Fault> {
        let realm = self.configuration.guardians()[guardian].realm;
        let peer = &mut self.peers[guardian];
        let answer = match answer {
            Recover2::Ok(answer) => answer,
            Recover2::NoGuesses => {
                // Destroyed: there is nothing to see through.
                (peer.guesses_left, peer.spent) = (Some(0), false);
                return Err(Fault::NoGuesses);
            }
            Recover2::VersionMismatch | Recover2::NotRegistered => {
                peer.spent = false;
                return Err(Fault::Lied(Lie::Contradiction));
            }
        };
        let Recover2Answer { num_guesses, guess_count, .. } = *answer;
        if guess_count == 0 || guess_count > num_guesses {
            return Err(Fault::Lied(Lie::GuessCount));
        }
        peer.guesses_left = Some(num_guesses - guess_count);
        let Some(guess) = &self.guess else { return Err(Fault::Lied(Lie::WrongMessage)) };
        let signed = &answer.oprf_signed_public_key;
        if self.verifying_key.is_some_and(|key| key != signed.verifying_key) {
            return Err(Fault::Lied(Lie::OtherAccount));
        }
        secret::verify_public_key(signed, &realm).map_err(|_| Fault::Lied(Lie::KeySignature))?;
        let key = PublicKey::from_bytes(&signed.public_key).map_err(|_| Fault::Lied(Lie::NotAnElement))?;
        let output = BlindedOutput::from_bytes(&answer.oprf_blinded_result)
            .map_err(|_| Fault::Lied(Lie::NotAnElement))?;
        let proof = Proof::from_bytes(&answer.oprf_proof.c, &answer.oprf_proof.beta_z)
            .map_err(|_| Fault::Lied(Lie::BadProof))?;
        verify(&key, &guess.blinded, &output, &proof).map_err(|_| Fault::Lied(Lie::BadProof))?;
        peer.partial = Some(Partial {
            verifying_key: signed.verifying_key,
            commitment: answer.unlock_key_commitment,
            output,
        });
        Ok(())
    }

    fn third(&mut self, guardian: usize, answer: Recover3) -> Result<(), Fault> {
        let realm = self.configuration.guardians()[guardian].realm;
        let peer = &mut self.peers[guardian];
        let answer = match answer {
            Recover3::Ok(answer) => answer,
            Recover3::NoGuesses => return Err(Fault::NoGuesses),
            Recover3::BadUnlockKeyTag { .. } => return Err(Fault::Lied(Lie::RefusedRightTag)),
            Recover3::VersionMismatch | Recover3::NotRegistered => {
                return Err(Fault::Lied(Lie::Contradiction));
            }
        };
        let Some(unlock_key) = &self.unlock_key else { return Err(Fault::Lied(Lie::WrongMessage)) };
        let Recover3Answer { encryption_key_scalar_share, encrypted_secret, encrypted_secret_commitment } =
            &*answer;
        let commitment = secret::encrypted_secret_commitment(
            unlock_key,
            &realm,
            encryption_key_scalar_share,
            encrypted_secret,
        );
        if !secret::same(&commitment, encrypted_secret_commitment) {
            return Err(Fault::Lied(Lie::BadShare));
        }
        let scalar = SecretScalar::decode(encryption_key_scalar_share.expose())
            .map_err(|_| Fault::Lied(Lie::BadShare))?;
        peer.share = Some(Share { scalar, encrypted_secret: *encrypted_secret });
        peer.closed = true;
        Ok(())
    }

    fn stretched(&mut self, now: Instant, rng: &mut impl CryptoRng, stretched: Stretched) {
        if self.guess.is_some() || self.version.is_none() {
            return;
        }
        let (blinding, blinded) = start(stretched.access_key.expose(), rng);
        self.guess = Some(Guess { stretched, blinding, blinded });
        self.advance(now);
    }

    fn time(&mut self, now: Instant) {
        for guardian in 0..self.peers.len() {
            let peer = &mut self.peers[guardian];
            if let Some((phase, _)) = peer.awaiting.filter(|(_, due)| *due <= now) {
                peer.awaiting = None;
                peer.fault.get_or_insert(Fault::Slow);
                if phase == Phase::Third {
                    if peer.tries < self.patience.tries_max {
                        peer.retry_at = Some(now);
                    } else {
                        peer.closed = true;
                    }
                }
            }
            if peer.retry_at.is_some_and(|at| at <= now) {
                peer.retry_at = None;
                self.send_third(now, guardian);
            }
        }
    }

    /// Does everything that has become possible.
    fn advance(&mut self, now: Instant) {
        if self.settled {
            return;
        }
        self.agree();
        self.ask_second(now);
        self.unlock();
        self.ask_third(now);
        self.open();
        self.give_up();
        self.settle();
    }

    /// Fixes the registration once t guardians name the same.
    fn agree(&mut self) {
        if self.version.is_none()
            && let Some((version, count)) = most_common(self.peers.iter().filter_map(|peer| peer.version))
            && count >= self.threshold()
        {
            self.version = Some(version);
            self.outputs.push_back(Output::Compute(version));
        }
        if let Some(version) = self.version {
            for peer in &mut self.peers {
                if peer.version.is_some_and(|held| held != version) {
                    peer.fault.get_or_insert(Fault::OtherVersion);
                }
            }
        }
    }

    /// Spends a guess wherever one may still be of use.
    fn ask_second(&mut self, now: Instant) {
        let (Some(version), Some(guess), None, false) =
            (self.version, &self.guess, &self.unlock_key, self.finished)
        else {
            return;
        };
        let oprf_blinded_input = guess.blinded.to_bytes();
        for guardian in 0..self.peers.len() {
            let peer = &mut self.peers[guardian];
            if peer.version == Some(version) && !peer.spent && peer.fault.is_none() {
                peer.spent = true;
                let request = Request::Recover2(Recover2Request { version, oprf_blinded_input });
                self.send(now, guardian, Phase::Second, request);
            }
        }
    }

    /// Combines t evaluations under one registration's key, and learns whether
    /// the PIN was right.
    fn unlock(&mut self) {
        let (Some(guess), None, false) = (&self.guess, &self.unlock_key, self.finished) else { return };
        let partials =
            || self.peers.iter().enumerate().filter_map(|(i, peer)| Some((i, peer.partial.as_ref()?)));
        let Some((verifying_key, count)) = most_common(partials().map(|(_, partial)| partial.verifying_key))
        else {
            return;
        };
        if count < self.threshold() {
            return;
        }
        let chosen: Vec<(Index, BlindedOutput)> = partials()
            .filter(|(_, partial)| partial.verifying_key == verifying_key)
            .filter_map(|(i, partial)| Some((index(i)?, partial.output)))
            .take(self.threshold())
            .collect();
        let Ok(combined) = combine(&chosen) else { return };
        let output = finalize(guess.stretched.access_key.expose(), &guess.blinding, &combined);
        let (unlock_key, commitment) = secret::unlock_key(&output);
        // The evaluations are proven, so this commitment is the PIN's. A match
        // with what even one guardian holds cannot be made up: making it needs
        // the OPRF's output.
        let right = partials().any(|(_, partial)| secret::same(&partial.commitment, &commitment));
        if !right {
            self.fail(RecoverError::WrongPin { guesses_left: self.guesses_left() });
            return;
        }
        self.unlock_key = Some(unlock_key);
        self.dealing = Some(verifying_key);
        for peer in &mut self.peers {
            let Some(partial) = &peer.partial else { continue };
            if partial.verifying_key != verifying_key {
                peer.fault.get_or_insert(Fault::Lied(Lie::OtherAccount));
            } else if !secret::same(&partial.commitment, &commitment) {
                peer.fault.get_or_insert(Fault::Lied(Lie::OtherCommitment));
            }
        }
    }

    /// Sees a guess through wherever one was spent, liars included: whatever a
    /// guardian answered, it counted. Guardians where none was spent are asked
    /// too: the tag alone opens their share.
    fn ask_third(&mut self, now: Instant) {
        if self.unlock_key.is_none() {
            return;
        }
        for guardian in 0..self.peers.len() {
            let peer = &self.peers[guardian];
            let holds = peer.spent || (peer.version == self.version && peer.fault.is_none());
            if holds && peer.awaiting.is_none() && peer.tries == 0 && !peer.closed {
                self.send_third(now, guardian);
            }
        }
    }

    fn send_third(&mut self, now: Instant, guardian: usize) {
        let (Some(version), Some(unlock_key)) = (self.version, &self.unlock_key) else { return };
        let realm = self.configuration.guardians()[guardian].realm;
        let unlock_key_tag = secret::unlock_key_tag(unlock_key, &realm);
        self.peers[guardian].tries += 1;
        let request = Request::Recover3(Recover3Request { version, unlock_key_tag });
        self.send(now, guardian, Phase::Third, request);
    }

    /// Opens the secret with the first t shares that fit. A guardian that proved
    /// its evaluation under the key of another dealing has a share of that one.
    fn open(&mut self) {
        let (Some(version), Some(guess), Some(dealing)) = (self.version, &self.guess, self.dealing) else {
            return;
        };
        for (guardian, peer) in self.peers.iter_mut().enumerate() {
            if peer.partial.as_ref().is_some_and(|partial| partial.verifying_key != dealing) {
                continue;
            }
            let Some(Share { scalar, encrypted_secret }) = peer.share.take() else { continue };
            let seed = &guess.stretched.encryption_key_seed;
            let Some(secret) = self.opening.add(guardian, scalar, encrypted_secret, seed) else { continue };
            if !self.finished {
                self.finished = true;
                let recovered = Recovered { secret, version };
                self.outputs.push_back(Output::Event(RecoverEvent::Recovered(recovered)));
            }
        }
        for guardian in self.opening.strays() {
            self.peers[guardian].fault.get_or_insert(Fault::Lied(Lie::BadShare));
        }
    }

    /// Fails once no answer is under way that could help. Not before, although
    /// it may be certain: what the rest answer tells a failure that is final
    /// from one that is not.
    fn give_up(&mut self) {
        if self.finished {
            return;
        }
        let waits = |peer: &Peer| peer.awaiting.is_some() || peer.retry_at.is_some();
        // While the PIN is stretched, the shell's answer is under way.
        if self.peers.iter().any(waits) || (self.version.is_some() && self.guess.is_none()) {
            return;
        }
        let usable = if self.unlock_key.is_some() {
            if self.opening.held() >= self.threshold() {
                self.fail(RecoverError::Corrupt);
                return;
            }
            self.opening.held()
        } else if self.guess.is_some() {
            let keys = self.peers.iter().filter_map(|peer| Some(peer.partial.as_ref()?.verifying_key));
            most_common(keys).map_or(0, |(_, count)| count)
        } else {
            most_common(self.peers.iter().filter_map(|peer| peer.version)).map_or(0, |(_, count)| count)
        };
        let guardians = self.peers.len();
        let with =
            |fault: &Fault| self.peers.iter().filter(|peer| peer.fault.as_ref() == Some(fault)).count();
        let (destroyed, empty) = (with(&Fault::NoGuesses), with(&Fault::NotRegistered));
        let too_many = guardians - self.threshold();
        self.fail(if destroyed > too_many {
            RecoverError::OutOfGuesses { destroyed, guardians }
        } else if empty > too_many {
            RecoverError::NotRegistered
        } else {
            RecoverError::TooFew { needed: self.threshold(), usable }
        });
    }

    fn settle(&mut self) {
        let under_way = self.peers.iter().any(|peer| {
            // Answers to a first phase are of no use once all is decided.
            peer.retry_at.is_some() || peer.awaiting.is_some_and(|(phase, _)| phase > Phase::First)
        });
        if self.finished && !under_way {
            self.settled = true;
            for peer in &mut self.peers {
                peer.awaiting = None;
            }
            self.outputs.push_back(Output::Event(RecoverEvent::Settled));
        }
    }

    fn fail(&mut self, error: RecoverError) {
        self.finished = true;
        self.outputs.push_back(Output::Event(RecoverEvent::Failed(error)));
    }

    /// How many more PINs can be tried: each takes a guess at t guardians, so
    /// it is what the t-th best of them has left. Fewer than t liars cannot
    /// change it by more than they themselves hold.
    fn guesses_left(&self) -> u16 {
        let mut left: Vec<u16> = self.peers.iter().filter_map(|peer| peer.guesses_left).collect();
        left.sort_unstable_by(|a, b| b.cmp(a));
        left.get(self.threshold() - 1).copied().unwrap_or(0)
    }
}

/// The share index of the guardian at this place: shares count from 1.
fn index(place: usize) -> Option<Index> {
    Index::new(u16::try_from(place + 1).ok()?).ok()
}
