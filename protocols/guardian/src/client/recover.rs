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

use allod_crypto::{CryptoRng, Secret};
use allod_threshold::Index;
use allod_threshold::juicebox::{BlindedOutput, combine, finalize, start};
use allod_wire::{Instant, RegistrationVersion};

use super::opening::Opening;
use super::outcome::{RecoverError, RecoverEvent, Recovered};
use super::peer::{Guess, Keys, Peer, Share};
use super::{Accused, Configuration, Fault, Input, Lie, Output, Patience, Phase, most_common};
use crate::juicebox::secret::{self, Stretched};
use crate::juicebox::{Recover2Request, Recover3Request, Request, Response};

/// One recovery.
#[derive(Debug)]
pub struct Recover {
    configuration: Configuration,
    keys: Keys,
    patience: Patience,
    peers: Vec<Peer>,
    version: Option<RegistrationVersion>,
    guess: Option<Guess>,
    unlock_key: Option<Secret<32>>,
    /// The key that signed the public keys of the dealing that unlocked, and its
    /// commitment.
    dealing: Option<([u8; 32], [u8; 32])>,
    opening: Opening,
    finished: bool,
    settled: bool,
    outputs: VecDeque<Output<RecoverEvent>>,
}

impl Recover {
    /// Begins: `Recover1` goes to all guardians.
    ///
    /// `keys` are those that a descriptor names, where there is one; a guardian
    /// that answers under another is named at once.
    pub fn new(configuration: Configuration, keys: Keys, patience: Patience, now: Instant) -> Self {
        let peers = configuration.guardians().iter().map(|_| Peer::default()).collect();
        let opening = Opening::new(usize::from(configuration.threshold()));
        let mut recover = Self {
            configuration,
            keys,
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
        let realm = self.configuration.guardians()[guardian].realm;
        let checked = match (phase, outcome, &self.guess, &self.unlock_key) {
            (Phase::First, Ok(Response::Recover1(answer)), _, _) => peer.first(answer),
            (Phase::Second, Ok(Response::Recover2(answer)), Some(guess), _) => {
                peer.second(&realm, &self.keys, guess, answer)
            }
            (Phase::Third, Ok(Response::Recover3(answer)), _, Some(unlock_key)) => {
                peer.third(&realm, unlock_key, answer)
            }
            (_, Ok(_), _, _) => Err(Fault::Lied(Lie::WrongMessage)),
            (_, Err(fault), _, _) => Err(fault),
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
        self.blame();
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
        self.dealing = Some((verifying_key, commitment));
    }

    /// Names those whose evaluation was proven, but under another key or with
    /// another commitment than unlocked, whenever they answered.
    fn blame(&mut self) {
        let Some((verifying_key, commitment)) = self.dealing else { return };
        for peer in &mut self.peers {
            let Some(partial) = &peer.partial else { continue };
            if partial.verifying_key != verifying_key {
                let behind = self.keys.allow(&partial.verifying_key);
                let fault = if behind { Fault::OtherVersion } else { Fault::Lied(Lie::OtherAccount) };
                peer.fault.get_or_insert(fault);
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
        let (Some(version), Some(guess), Some((dealing, _))) = (self.version, &self.guess, self.dealing)
        else {
            return;
        };
        let allowed = self.peers.iter().filter(|peer| peer.partial.is_some()).map(|peer| peer.num_guesses);
        let num_guesses = most_common(allowed).map_or(1, |(num_guesses, _)| num_guesses);
        for (guardian, peer) in self.peers.iter_mut().enumerate() {
            if peer.partial.as_ref().is_some_and(|partial| partial.verifying_key != dealing) {
                continue;
            }
            let Some(Share { scalar, encrypted_secret }) = peer.share.take() else { continue };
            let seed = &guess.stretched.encryption_key_seed;
            let Some(secret) = self.opening.add(guardian, scalar, encrypted_secret, seed) else { continue };
            if !self.finished {
                self.finished = true;
                let recovered = Recovered { secret, version, num_guesses };
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
            // Guesses that were spent stay spent where no tag can be shown.
            let spent = self.peers.iter().any(|peer| peer.spent) && self.unlock_key.is_none();
            let guesses_left = spent.then(|| self.guesses_left());
            RecoverError::TooFew { needed: self.threshold(), usable, guesses_left }
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
