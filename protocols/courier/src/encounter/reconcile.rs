//! Reconciliation: two carriers find out which bundles one of them has and the other lacks, in
//! messages that grow with how many these are, not with how many they have in common.
//!
//! The *asking* side sends a first message, the *answering* one answers each with one, until the
//! asking side knows all differences. Messages are those of the negentropy protocol, version 1
//! (range-based set reconciliation, A. Meyer 2023). Bundles are sorted by the second they were
//! made, so that what is new lies together. Whoever makes bundles on purpose can hide one of theirs, as
//! they can by not sending it; nothing here relies on more.

use alloc::vec::Vec;
use core::fmt;

use negentropy::{Id, Negentropy, NegentropyStorageBase, NegentropyStorageVector};

use crate::bundle::{BundleId, Seconds};

/// The most bytes of a message.
pub(super) const MESSAGE_MAX: usize = 64 << 10;

/// The least that messages are limited to, in bytes.
const MESSAGE_MIN: usize = 4 << 10;

/// The most bundles that one side is told to lack by one reconciliation. What is more is found in
/// the next contact.
const NEED_MAX: usize = 1 << 16;

/// Rounds that are always granted.
const ROUNDS: usize = 64;

/// Bytes of a message for each bundle that an honest round settles at least, where there are many
/// differences.
const SETTLED: usize = 64;

/// Why a reconciliation was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileError {
    /// The message has more bytes than it may.
    TooLong,
    /// The message is none of the protocol.
    Malformed,
    /// The other side goes on, and nothing comes out of it.
    Endless,
    /// The other side claims to have more than anybody is told of at once.
    TooMany,
}

impl fmt::Display for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a message of more than {MESSAGE_MAX} bytes"),
            Self::Malformed => f.write_str("a message that is none"),
            Self::Endless => f.write_str("nothing comes out of it"),
            Self::TooMany => write!(f, "more than {NEED_MAX} bundles at once"),
        }
    }
}

impl core::error::Error for ReconcileError {}

type Inside = Negentropy<'static, NegentropyStorageVector>;

/// The side that asks.
#[derive(Debug)]
pub struct Asking {
    inside: Inside,
    rounds: Rounds,
    have: Vec<BundleId>,
    need: Vec<BundleId>,
}

/// The side that answers.
#[derive(Debug)]
pub struct Answering {
    inside: Inside,
    rounds: Rounds,
}

/// What an honest other side can need.
#[derive(Debug)]
struct Rounds {
    done: usize,
    size: usize,
    size_max: usize,
}

impl Rounds {
    /// One more, with so many found that only the other side has.
    fn add(&mut self, found: usize) -> Result<(), ReconcileError> {
        self.done += 1;
        let most = ROUNDS + (self.size + found) / (self.size_max / SETTLED);
        if self.done > most { Err(ReconcileError::Endless) } else { Ok(()) }
    }
}

fn begin(
    items: impl Iterator<Item = (Seconds, BundleId)>,
    mtu: usize,
) -> Result<(Inside, Rounds), ReconcileError> {
    let size_max = mtu.clamp(MESSAGE_MIN, MESSAGE_MAX);
    let mut sorted = NegentropyStorageVector::with_capacity(items.size_hint().0);
    for (at, id) in items {
        sorted.insert(at.0.into(), Id::from_byte_array(id.0)).map_err(|_| ReconcileError::Malformed)?;
    }
    sorted.seal().map_err(|_| ReconcileError::Malformed)?;
    let size = sorted.size().map_err(|_| ReconcileError::Malformed)?;
    let inside = Negentropy::owned(sorted, size_max as u64).map_err(|_| ReconcileError::Malformed)?;
    Ok((inside, Rounds { done: 0, size, size_max }))
}

impl Asking {
    /// Begins, with the first message.
    ///
    /// # Errors
    /// None that the other side can cause.
    pub fn new(
        items: impl Iterator<Item = (Seconds, BundleId)>,
        mtu: usize,
    ) -> Result<(Self, Vec<u8>), ReconcileError> {
        let (mut inside, rounds) = begin(items, mtu)?;
        let first = inside.initiate().map_err(|_| ReconcileError::Malformed)?;
        Ok((Self { inside, rounds, have: Vec::new(), need: Vec::new() }, first))
    }

    /// Takes an answer. With the next message, or nothing where all differences are known.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub fn handle(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, ReconcileError> {
        check_size(answer)?;
        self.rounds.add(self.need.len())?;
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = self.inside.reconcile_with_ids(answer, &mut have, &mut need);
        let next = next.map_err(|_| ReconcileError::Malformed)?;
        merge(&mut self.have, have);
        merge(&mut self.need, need);
        if self.need.len() > NEED_MAX {
            return Err(ReconcileError::TooMany);
        }
        Ok(next)
    }

    /// What only this side has, and what only the other one has, as it says; in the order of ids.
    pub fn differences(self) -> (Vec<BundleId>, Vec<BundleId>) {
        (self.have, self.need)
    }
}

impl Answering {
    /// With what this side has.
    ///
    /// # Errors
    /// None that the other side can cause.
    pub fn new(items: impl Iterator<Item = (Seconds, BundleId)>, mtu: usize) -> Result<Self, ReconcileError> {
        let (inside, rounds) = begin(items, mtu)?;
        Ok(Self { inside, rounds })
    }

    /// The answer to a message.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub fn handle(&mut self, message: &[u8]) -> Result<Vec<u8>, ReconcileError> {
        check_size(message)?;
        // How many the asking side has is not known here.
        self.rounds.add(NEED_MAX)?;
        self.inside.reconcile(message).map_err(|_| ReconcileError::Malformed)
    }
}

fn check_size(message: &[u8]) -> Result<(), ReconcileError> {
    if message.len() > MESSAGE_MAX { Err(ReconcileError::TooLong) } else { Ok(()) }
}

/// Puts ids among others, each once.
fn merge(into: &mut Vec<BundleId>, ids: Vec<Id>) {
    if ids.is_empty() {
        return;
    }
    into.extend(ids.into_iter().map(|id| BundleId(id.to_bytes())));
    into.sort_unstable();
    into.dedup();
}
