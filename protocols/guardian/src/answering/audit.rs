//! An auditor's reading of one guardian's log.
//!
//! The log is handed in in order, entry by entry, in as many calls as one likes;
//! what clients were given (their *receipts*) is handed in before the log reaches
//! its place. The auditor keeps the last entry and the receipts that wait, and
//! nothing else.
//!
//! What can be proven to anybody comes out as [`Evidence`]: two answers at one
//! place, and answers that are false. The rest is for people to act on: a log that
//! is broken, that goes back in time, or that lacks what a client was given. A
//! guardian that leaves out the end of its log signs nothing by that; but who then
//! shows another end contradicts itself.
//!
//! A guardian keeps its last [`LOG_KEPT`] entries at least, and may have deleted the ones
//! before. The first entry that it has names the hash of the one before it, and from
//! there on the chain is checked; with a receipt of that one before, the chain is checked
//! across the gap. What was deleted nobody can look for: an auditor who wants all of a log
//! reads it often enough, each time from after the last entry that they kept.
//!
//! A broken log is read on, since what is signed in it stays worth something.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::Ristretto255;
use allod_threshold::answer::SignedAnswer;
use allod_wire::{GuardianId, Instant, NetworkId};

use super::evidence::Evidence;
use super::log::{LOG_KEPT, Tip};

/// Receipts that an auditor keeps at once. With more, hand in those of the lowest
/// positions first and the others as the log goes on.
pub const RECEIPTS_MAX: usize = 8_192;

/// What the audited guardian held in one generation of a key, as the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPart {
    /// The share's index.
    pub index: u16,
    /// The share times the generator, 32 bytes.
    pub public_share: Vec<u8>,
}

/// Why a receipt was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// It is not signed by the audited guardian for this network.
    NotTheGuardians,
    /// The log was read past its place.
    Late,
    /// [`RECEIPTS_MAX`] wait already.
    Full,
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTheGuardians => "the receipt is not signed by this guardian for this network",
            Self::Late => "the log was read past the receipt's place; read it again from the beginning",
            Self::Full => "too many receipts wait; hand in those of the lowest positions first",
        })
    }
}

impl core::error::Error for ReceiptError {}

/// What an auditor found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// What came in place of this entry is no answer.
    Malformed {
        /// Which place.
        position: u64,
    },
    /// What came in place of this entry is not signed by the guardian, or is for
    /// another network.
    NotTheGuardians {
        /// Which place.
        position: u64,
    },
    /// An entry is not the next one.
    OutOfOrder {
        /// The place that comes next.
        expected: u64,
        /// The entry's place.
        found: u64,
    },
    /// An entry is not chained to the one before.
    NotChained {
        /// The entry's place.
        position: u64,
    },
    /// An entry is older than the one before.
    TimeBackwards {
        /// The entry's place.
        position: u64,
    },
    /// The guardian answered for a share that, as the ledger says, it never held.
    NotHeld {
        /// The entry's place.
        position: u64,
        /// Of which key.
        key: String,
        /// Of which generation.
        generation: u32,
    },
    /// The log lacks what the guardian gave to a client.
    Missing {
        /// What it gave.
        receipt: SignedAnswer,
    },
    /// The log begins so late that entries are missing that the guardian has to keep.
    DeletedTooMuch {
        /// The place of the first entry.
        first: u64,
        /// The place of the last entry.
        last: u64,
    },
    /// The guardian lied, and this proves it.
    Lied(Evidence),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { position } => write!(f, "entry {position} is no answer"),
            Self::NotTheGuardians { position } => {
                write!(f, "entry {position} is not signed by the guardian for this network")
            }
            Self::OutOfOrder { expected, found } => {
                write!(f, "entry {found} stands where entry {expected} comes next")
            }
            Self::NotChained { position } => {
                write!(f, "entry {position} does not follow the one before: the log was changed")
            }
            Self::TimeBackwards { position } => {
                write!(f, "entry {position} says that it is older than the one before")
            }
            Self::NotHeld { position, key, generation } => {
                write!(
                    f,
                    "entry {position} is of key {key}, generation {generation}, of which the guardian held no share"
                )
            }
            Self::Missing { receipt } => {
                write!(f, "entry {} was given to a client, and the log lacks it", receipt.answer.position)
            }
            Self::DeletedTooMuch { first, last } => {
                write!(f, "the log has entries {first} to {last}, and a guardian keeps its last {LOG_KEPT}")
            }
            Self::Lied(Evidence::False(answer)) => {
                write!(f, "entry {} is false, which its signature proves", answer.answer.position)
            }
            Self::Lied(Evidence::Fork(first, _)) => write!(
                f,
                "the guardian signed two answers for place {}, which proves that it shows different logs",
                first.answer.position
            ),
        }
    }
}

/// The reading of one guardian's log.
#[derive(Debug)]
pub struct Audit {
    network: NetworkId,
    guardian: GuardianId,
    tip: Tip,
    /// The entry at the tip, if it was read here.
    last: Option<SignedAnswer>,
    /// The place of the first entry, where those before were deleted.
    begins: Option<u64>,
    /// By position.
    receipts: BTreeMap<u64, SignedAnswer>,
    findings: VecDeque<Finding>,
}

impl Audit {
    /// Reads the log of `guardian` from after `tip`: the default for all of it, or
    /// where an earlier reading ended.
    pub fn new(network: NetworkId, guardian: GuardianId, tip: Tip) -> Self {
        let (receipts, findings) = (BTreeMap::new(), VecDeque::new());
        Self { network, guardian, tip, last: None, begins: None, receipts, findings }
    }

    /// Reads the log of `guardian` from `first` on, the first entry that it still has;
    /// hand that in again as the first that is [read](Self::read). `before` is the entry
    /// before it, where somebody kept it: then the chain is checked there too.
    ///
    /// # Errors
    /// [`ReceiptError::NotTheGuardians`] for entries that are not signed by this guardian
    /// for this network, or not one behind the other.
    pub fn of_rest(
        network: NetworkId,
        guardian: GuardianId,
        first: &SignedAnswer,
        before: Option<&SignedAnswer>,
    ) -> Result<Self, ReceiptError> {
        let begins = first.answer.position;
        let mut audit = Self::new(network, guardian, Tip::default());
        let follows = |before: &SignedAnswer| before.answer.position.checked_add(1) == Some(begins);
        let good = audit.is_the_guardians(first)
            && before.is_none_or(|before| audit.is_the_guardians(before) && follows(before));
        if !good {
            return Err(ReceiptError::NotTheGuardians);
        }
        audit.tip = match before {
            Some(before) => Tip::of(before),
            None => Tip { position: begins - 1, head: first.answer.previous, at: Instant(0) },
        };
        audit.last = before.cloned();
        audit.begins = Some(begins);
        Ok(audit)
    }

    /// How far the log was read.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Takes a receipt, to be found in the log. `held` says what the guardian held
    /// of a key and generation.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn expect(
        &mut self,
        receipt: SignedAnswer,
        held: impl FnOnce(&str, u32) -> Option<HeldPart>,
    ) -> Result<(), ReceiptError> {
        if !self.is_the_guardians(&receipt) {
            return Err(ReceiptError::NotTheGuardians);
        }
        let position = receipt.answer.position;
        if position <= self.tip.position {
            // The last entry is still here to be compared.
            return match &self.last {
                Some(last) if position == self.tip.position => {
                    let last = last.clone();
                    self.compare(&last, &receipt);
                    Ok(())
                }
                _ => Err(ReceiptError::Late),
            };
        }
        if let Some(known) = self.receipts.get(&position).cloned() {
            self.compare(&known, &receipt);
            return Ok(());
        }
        if self.receipts.len() >= RECEIPTS_MAX {
            return Err(ReceiptError::Full);
        }
        self.check_truth(&receipt, held);
        self.receipts.insert(position, receipt);
        Ok(())
    }

    /// Reads the next entry, as [`SignedAnswer::encode`] gives it. Drain
    /// [`poll`](Self::poll) afterwards.
    pub fn read(&mut self, entry: &[u8], held: impl FnOnce(&str, u32) -> Option<HeldPart>) {
        let expected = self.tip.position.saturating_add(1);
        let Ok(entry) = SignedAnswer::decode(entry) else {
            self.findings.push_back(Finding::Malformed { position: expected });
            return;
        };
        if !self.is_the_guardians(&entry) {
            self.findings.push_back(Finding::NotTheGuardians { position: expected });
            return;
        }
        let position = entry.answer.position;
        self.check_truth(&entry, held);
        if let Some(last) = self.last.clone().filter(|_| position == self.tip.position) {
            self.compare(&last, &entry);
        }
        if position != expected {
            self.findings.push_back(Finding::OutOfOrder { expected, found: position });
            if position < expected {
                return;
            }
        } else if entry.answer.previous != self.tip.head {
            self.findings.push_back(Finding::NotChained { position });
        }
        if entry.answer.at_ms < self.tip.at.0 {
            self.findings.push_back(Finding::TimeBackwards { position });
        }
        self.pass(position);
        if let Some(receipt) = self.receipts.remove(&position) {
            self.compare(&entry, &receipt);
        }
        self.tip = Tip::of(&entry);
        self.last = Some(entry);
    }

    /// The guardian says that its log ends here. Receipts that were not found are
    /// missing, where they are not younger than what was asked for.
    pub fn end(&mut self) {
        let last = self.tip.position;
        if let Some(first) = self.begins.filter(|first| last.saturating_sub(*first) < LOG_KEPT - 1) {
            self.findings.push_back(Finding::DeletedTooMuch { first, last });
        }
        let missing = core::mem::take(&mut self.receipts);
        self.findings.extend(missing.into_values().map(|receipt| Finding::Missing { receipt }));
    }

    /// The next finding.
    pub fn poll(&mut self) -> Option<Finding> {
        self.findings.pop_front()
    }

    fn is_the_guardians(&self, signed: &SignedAnswer) -> bool {
        let answer = &signed.answer;
        answer.network == *self.network.as_bytes()
            && answer.guardian.0 == self.guardian.0
            && answer.position > 0
            && signed.verify().is_ok()
    }

    /// The log goes on past everything before `position`.
    fn pass(&mut self, position: u64) {
        let rest = self.receipts.split_off(&position);
        let passed = core::mem::replace(&mut self.receipts, rest);
        self.findings.extend(passed.into_values().map(|receipt| Finding::Missing { receipt }));
    }

    fn compare(&mut self, first: &SignedAnswer, second: &SignedAnswer) {
        if first.answer.contradicts(&second.answer) {
            let evidence = Evidence::Fork(first.clone().into(), second.clone().into());
            self.findings.push_back(Finding::Lied(evidence));
        }
    }

    fn check_truth(&mut self, signed: &SignedAnswer, held: impl FnOnce(&str, u32) -> Option<HeldPart>) {
        let answer = &signed.answer;
        let Some(held) = held(&answer.key, answer.generation) else {
            self.findings.push_back(Finding::NotHeld {
                position: answer.position,
                key: answer.key.clone(),
                generation: answer.generation,
            });
            return;
        };
        // With another index it answers for somebody else's share, which is as false.
        let is_own = answer.index.get() == held.index;
        if !is_own || answer.is_false::<Ristretto255>(&held.public_share) == Ok(true) {
            self.findings.push_back(Finding::Lied(Evidence::False(signed.clone().into())));
        }
    }
}
