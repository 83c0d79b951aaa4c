//! A client's question to the holders of a key, or of two.
//!
//! With one committee the output is that of RFC 9497, mode VOPRF, under the key
//! that the committee holds: nobody can tell that it was in shares.
//!
//! With two, the function is that of the key k_A + k_B. Each committee gets the
//! same input under a blind of its own, so that the two public logs do not show
//! which entries belong together. The client takes the blinds off, which leaves
//! k_A * H(x) and k_B * H(x), adds them, and hashes the sum (k_A + k_B) * H(x) as
//! RFC 9497 has it. So the output is the RFC's under the key k_A + k_B, and is
//! pseudorandom to whoever lacks one of the two keys: the other one then is
//! uniform and independent of what it has, and so is the sum. (M. Naor, B. Pinkas and O.
//! Reingold, "Distributed pseudo-random functions and KDCs", 1999, add the parts of
//! a key in the same place.) What it takes
//! to evaluate the function elsewhere is t shares of both keys, so the committees
//! have no member in common, which the ledger sees to.
//!
//! Each answer is checked by its own proof before it is added, so a committee
//! cannot shift the sum unnoticed. Keys are made with proofs that their dealers
//! know what they deal, so neither key can be chosen to cancel the other.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use allod_crypto::{CryptoRng, Secret, SecretBytes, Zeroizing};
use allod_threshold::answer::SignedAnswer;
use allod_threshold::oprf::{self, Blind, Blinded, Evaluated, Mode, Partial};
use allod_threshold::shamir::combine_elements;
use allod_threshold::{Error, Index};
use allod_wire::GuardianId;

use super::committee::Committee;
use super::evidence::Evidence;
use super::message::{Refusal, Reply, Request};

type G = Ristretto255;

/// Why something cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAskable {
    /// The input is longer than 65,535 bytes, or maps to no element.
    Input(Error),
    /// The two committees are of one key, or of two networks.
    NotTwoKeys,
}

impl fmt::Display for NotAskable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(f, "this input cannot be evaluated: {error}"),
            Self::NotTwoKeys => f.write_str("two different keys of one network are needed"),
        }
    }
}

impl core::error::Error for NotAskable {}

/// What was wrong with a guardian's answer. It does not count; another guardian is
/// to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The guardian refused.
    Refused(Refusal),
    /// The guardian was not asked: it holds no share of what the answer is about.
    NotAsked,
    /// The answer is not signed by the guardian. Who made it is not known.
    NotSigned,
    /// The guardian answered for another network.
    OtherNetwork,
    /// The guardian answered under another generation of the key.
    OtherGeneration {
        /// Under which.
        given: u32,
    },
    /// The guardian answered another element than it was asked.
    OtherElement,
    /// The answer names no place in the guardian's log, so no auditor would see it.
    NoPlace,
    /// The guardian lied, and this proves it.
    Lied(Evidence),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotAsked => f.write_str("the answer is of somebody who was not asked"),
            Self::NotSigned => f.write_str("the answer is not signed by the guardian"),
            Self::OtherNetwork => f.write_str("the answer is for another network"),
            Self::OtherGeneration { given } => {
                write!(f, "the answer is under generation {given} of the key; look up who holds it now")
            }
            Self::OtherElement => f.write_str("the answer is to another question"),
            Self::NoPlace => f.write_str("the answer has no place in the guardian's log"),
            Self::Lied(_) => f.write_str("the answer is false, and the guardian signed it; report it"),
        }
    }
}

impl core::error::Error for Fault {}

/// An input on its way through one committee or two. Wiped on drop.
#[derive(Debug)]
pub struct Question {
    input: SecretBytes,
    parts: Vec<Asked>,
}

/// The question to one committee.
#[derive(Debug)]
struct Asked {
    committee: Committee,
    blind: Blind<G>,
    blinded: Blinded<G>,
    good: BTreeMap<Index, Evaluated<G>>,
}

impl Question {
    /// Asks for the function of one key.
    ///
    /// # Errors
    /// [`NotAskable::Input`].
    pub fn new(input: &[u8], committee: Committee, rng: &mut impl CryptoRng) -> Result<Self, NotAskable> {
        Ok(Self { input: input.to_vec().into(), parts: Vec::from([Asked::new(input, committee, rng)?]) })
    }

    /// Asks for the function of the sum of two keys.
    ///
    /// # Errors
    /// [`NotAskable`].
    pub fn of_sum(
        input: &[u8],
        first: Committee,
        second: Committee,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NotAskable> {
        if first.key() == second.key() || first.network() != second.network() {
            return Err(NotAskable::NotTwoKeys);
        }
        let parts = Vec::from([Asked::new(input, first, rng)?, Asked::new(input, second, rng)?]);
        Ok(Self { input: input.to_vec().into(), parts })
    }

    /// What to send, for each key: to any of the committee's members, and to more of
    /// them than its threshold where time matters.
    pub fn requests(&self) -> impl Iterator<Item = (&Committee, Request)> {
        self.parts.iter().map(|part| (&part.committee, part.request()))
    }

    /// Takes what a guardian replied, if it is a right answer. That is then worth
    /// keeping as a receipt, to be held against the guardian's log.
    ///
    /// # Errors
    /// [`Fault`], of that guardian. The question is as it was.
    pub fn accept(&mut self, from: &GuardianId, reply: &Reply) -> Result<(), Fault> {
        let signed = match reply {
            Reply::Answered(signed) => signed,
            Reply::Refused(refusal) => return Err(Fault::Refused(*refusal)),
        };
        let answer = &signed.answer;
        if answer.guardian.0 != from.0 || signed.verify().is_err() {
            return Err(Fault::NotSigned);
        }
        let part = self.parts.iter_mut().find(|part| part.committee.key() == answer.key);
        let part = part.ok_or(Fault::NotAsked)?;
        part.accept(from, signed)
    }

    /// How many good answers are needed yet, for each key in the order of
    /// [`Self::requests`].
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(Asked::missing)
    }

    /// The output, 64 bytes, once nothing is missing.
    pub fn output(&self) -> Option<Secret<64>> {
        let mut sum = Zeroizing::new(<G as Group>::Element::default());
        for part in &self.parts {
            *sum += *part.unblinded()?;
        }
        // The blinds are off already; what is left is the hash.
        let one = Blind::<G>::new(SecretScalar::new(<G as Group>::Scalar::from(1u64))).ok()?;
        oprf::finalize(self.input.expose(), &one, &Evaluated::new(*sum).ok()?).ok()
    }
}

impl Asked {
    fn new(input: &[u8], committee: Committee, rng: &mut impl CryptoRng) -> Result<Self, NotAskable> {
        let (blind, blinded) = oprf::blind::<G>(Mode::Voprf, input, rng).map_err(NotAskable::Input)?;
        Ok(Self { committee, blind, blinded, good: BTreeMap::new() })
    }

    fn request(&self) -> Request {
        Request {
            key: self.committee.key().into(),
            blinded: self.blinded.bytes().to_vec().into(),
            generation: Some(self.committee.generation()),
        }
    }

    fn missing(&self) -> usize {
        usize::from(self.committee.threshold()).saturating_sub(self.good.len())
    }

    /// The signature was checked.
    fn accept(&mut self, from: &GuardianId, signed: &SignedAnswer) -> Result<(), Fault> {
        let answer = &signed.answer;
        if answer.network != *self.committee.network().as_bytes() {
            return Err(Fault::OtherNetwork);
        }
        if answer.generation != self.committee.generation() {
            return Err(Fault::OtherGeneration { given: answer.generation });
        }
        let index = self.committee.index(from).ok_or(Fault::NotAsked)?;
        let lied = || Fault::Lied(Evidence::False(Box::new(signed.clone())));
        // Who answers for a share that is not its own lies as well.
        if answer.index != index {
            return Err(lied());
        }
        if answer.blinded != self.blinded.bytes().as_slice() {
            return Err(Fault::OtherElement);
        }
        if answer.position == 0 {
            return Err(Fault::NoPlace);
        }
        let partial = Partial::<G>::decode(index, 1, &answer.partial).map_err(|_| lied())?;
        self.committee.share_keys().verify(&[self.blinded], &partial).map_err(|_| lied())?;
        if let Some(evaluated) = partial.evaluated.first() {
            self.good.insert(index, *evaluated);
        }
        Ok(())
    }

    /// The key times the input's element, from enough good answers.
    fn unblinded(&self) -> Option<Zeroizing<<G as Group>::Element>> {
        let good = self.good.iter().map(|(index, evaluated)| (*index, *evaluated.point().element()));
        let evaluated = combine_elements::<G>(self.committee.threshold(), &good.collect::<Vec<_>>()).ok()?;
        Some(Zeroizing::new(self.blind.scalar().invert().mul(&evaluated)))
    }
}
