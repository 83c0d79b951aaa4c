//! A guardian's log of its answers, as far as it must be known to continue it.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_crypto::sign::SigningKey;
use allod_threshold::answer::{Answer, SignedAnswer};
use allod_threshold::oprf::Partial;
use allod_wire::{GuardianId, Instant, NetworkId};

/// Entries that a guardian keeps at least: the newest. Older ones may be deleted, so that
/// a log takes no more and no less of a disk than is known. An auditor who is shown a
/// beginning later than that is shown too little.
pub const LOG_KEPT: u64 = 2_000_000;

/// Where a log ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// The last entry's position; 0 of an empty log.
    pub position: u64,
    /// The last entry's hash, to which the next one is chained; zero of an empty
    /// log.
    pub head: [u8; 32],
    /// The last entry's time. The next is not earlier.
    pub at: Instant,
}

impl Tip {
    /// The end of a log whose last entry this is.
    pub fn of(entry: &SignedAnswer) -> Self {
        Self { position: entry.answer.position, head: entry.answer.hash(), at: Instant(entry.answer.at_ms) }
    }
}

/// Signs answers, each for a place of its own.
#[derive(Debug)]
pub(super) struct Log {
    network: NetworkId,
    key: SigningKey,
    /// The end of what is known to be stored.
    durable: Tip,
    /// The end of what was signed.
    signed: Tip,
    /// What may or may not have been stored, in order: the entries of a write that
    /// failed.
    uncertain: Vec<Tip>,
}

impl Log {
    pub(super) fn new(network: NetworkId, key: SigningKey, tip: Tip) -> Self {
        Self { network, key, durable: tip, signed: tip, uncertain: Vec::new() }
    }

    pub(super) fn guardian(&self) -> GuardianId {
        GuardianId(self.key.verifying_key().0)
    }

    pub(super) fn durable(&self) -> Tip {
        self.durable
    }

    /// Signs the next entry.
    pub(super) fn append(
        &mut self,
        now: Instant,
        key: &str,
        generation: u32,
        blinded: Vec<u8>,
        partial: &Partial<Ristretto255>,
    ) -> SignedAnswer {
        // A clock that goes back does not make the log go back.
        let at = now.max(self.signed.at);
        let Some(position) = self.signed.position.checked_add(1) else {
            unreachable!("a log of 2^64 entries takes longer than the sun")
        };
        let answer = Answer {
            network: *self.network.as_bytes(),
            guardian: self.key.verifying_key(),
            key: String::from(key),
            generation,
            index: partial.index,
            position,
            previous: self.signed.head,
            at_ms: at.0,
            blinded,
            partial: partial.encode(),
        };
        let head = answer.hash();
        self.signed = Tip { position, head, at };
        SignedAnswer { signature: self.key.sign(&head), answer }
    }

    /// An entry is stored, and with it all before it.
    pub(super) fn persisted(&mut self, entry: &SignedAnswer) {
        self.durable = Tip::of(entry);
    }

    /// It is not known which of these entries are stored. Others that were signed
    /// were never handed to the store.
    pub(super) fn halt<'a>(&mut self, written: impl Iterator<Item = &'a SignedAnswer>) {
        self.uncertain = written.map(Tip::of).collect();
    }

    /// Continues after `tip`, if the store can say so: it has all that was known to
    /// be stored, and nothing that was not handed to it.
    pub(super) fn resume(&mut self, tip: Tip) -> bool {
        let is_possible = tip == self.durable || self.uncertain.contains(&tip);
        if is_possible {
            self.durable = tip;
            self.signed = tip;
            self.uncertain.clear();
        }
        is_possible
    }
}
