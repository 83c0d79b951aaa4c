//! Reading a guardian's log of answers, and holding it against the ledger and
//! against what this person was given.

use std::collections::BTreeMap;

use allod_guardian::answering::{Audit, Finding, HeldPart, Tip};
use allod_ledger::shared_key::Sharing;
use allod_threshold::answer::SignedAnswer;
use allod_wire::GuardianId;

use super::keyholders::key_name;
use super::{Ledger, LedgerError, Listed};

/// Entries that a guardian gives at once, at most.
const ENTRIES_MAX: usize = 1_000;

/// Bytes of that many.
const BODY_MAX: usize = ENTRIES_MAX * (4 + SignedAnswer::SIZE_MAX);

/// What an audit found.
#[derive(Debug)]
pub struct Audited {
    /// How many entries were read.
    pub entries: u64,
    /// How many receipts were looked for.
    pub receipts: usize,
    /// Where the log ends; nothing where it ends somewhere before the place that it was
    /// to be read from.
    pub end: Option<u64>,
    /// The last entry, worth keeping as a receipt: a log that lacks it later was
    /// cut short.
    pub last: Option<SignedAnswer>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Audited {
    /// Of a log that ends before the place that it was to be read from.
    fn nothing() -> Self {
        Self { entries: 0, receipts: 0, end: None, last: None, findings: Vec::new() }
    }
}

/// The place that the log was to be read from is none, or not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log has no entry {0} that it could be read from")]
pub struct BadNumber(pub u64);

/// What guardians held, as far as it was looked up.
type Known = BTreeMap<(String, u32), Option<Sharing>>;

impl Ledger {
    /// Reads a guardian's log from place `from` on, 1 being the first. `receipts`
    /// are what it gave to this person.
    ///
    /// # Errors
    /// [`LedgerError`]; [`BadNumber`] inside.
    pub async fn audit(
        &self,
        listed: &Listed,
        from: u64,
        receipts: Vec<SignedAnswer>,
    ) -> Result<Result<Audited, BadNumber>, LedgerError> {
        let from = from.max(1);
        let tip = match from {
            1 => Tip::default(),
            _ => match self.entry(listed, from - 1).await? {
                Some(entry) => Tip::of(&entry),
                None => match self.chunk(listed, from - 1).await?.is_empty() {
                    // The log is shorter. Receipts from there on would not be in it.
                    true if !receipts.iter().any(|receipt| receipt.answer.position >= from - 1) => {
                        return Ok(Ok(Audited::nothing()));
                    }
                    _ => return Ok(Err(BadNumber(from))),
                },
            },
        };
        let mut audit = Audit::new(self.trust.network, listed.guardian, tip);
        let mut known = Known::new();
        let mut expected = 0;
        for receipt in receipts.into_iter().filter(|receipt| receipt.answer.position >= from) {
            self.look_up(&mut known, &receipt).await?;
            let held = held(&known, listed.guardian);
            expected += usize::from(audit.expect(receipt, held).is_ok());
        }
        let (mut entries, mut last) = (0, None);
        let mut findings = Vec::new();
        loop {
            let chunk = self.chunk(listed, audit.tip().position.saturating_add(1)).await?;
            let before = audit.tip().position;
            for bytes in &chunk {
                let entry = SignedAnswer::decode(bytes).ok();
                if let Some(entry) = &entry {
                    self.look_up(&mut known, entry).await?;
                }
                audit.read(bytes, held(&known, listed.guardian));
                findings.extend(std::iter::from_fn(|| audit.poll()));
                entries += 1;
                last = entry.or(last);
            }
            // A log that does not go on any more ends here, or goes in circles.
            if chunk.is_empty() || audit.tip().position <= before {
                break;
            }
        }
        audit.end();
        findings.extend(std::iter::from_fn(|| audit.poll()));
        let last = last.filter(|_| findings.is_empty());
        Ok(Ok(Audited { entries, receipts: expected, end: Some(audit.tip().position), last, findings }))
    }

    /// One entry, which the guardian must have signed.
    async fn entry(&self, listed: &Listed, position: u64) -> Result<Option<SignedAnswer>, LedgerError> {
        let chunk = self.chunk(listed, position).await?;
        let entry = chunk.first().and_then(|bytes| SignedAnswer::decode(bytes).ok());
        Ok(entry.filter(|entry| {
            entry.answer.position == position
                && entry.answer.guardian.0 == listed.guardian.0
                && entry.answer.network == *self.trust.network.as_bytes()
                && entry.verify().is_ok()
        }))
    }

    async fn chunk(&self, listed: &Listed, from: u64) -> Result<Vec<Vec<u8>>, LedgerError> {
        let link = listed.link.as_ref().ok_or(LedgerError::NoGuardian)?;
        let found = link.get(&format!("/chain/log/{from}"), BODY_MAX).await;
        let bytes = found.map_err(LedgerError::Unreachable)?.unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let cut = || LedgerError::Garbage("its log ends inside of an entry".into());
            let (len, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| cut())?;
            let (entry, after) = after.split_at_checked(len).ok_or_else(cut)?;
            entries.push(entry.to_vec());
            rest = after;
        }
        Ok(entries)
    }

    /// Looks up who held what an entry is about.
    async fn look_up(&self, known: &mut Known, entry: &SignedAnswer) -> Result<(), LedgerError> {
        let (key, generation) = (&entry.answer.key, entry.answer.generation);
        if known.contains_key(&(key.clone(), generation)) {
            return Ok(());
        }
        let sharing = match key_name(key) {
            Ok(name) => {
                let id = (name, generation);
                match self.prove::<Sharing>(&id, 0).await?.1.record {
                    Some(sharing) => Some(sharing),
                    // It may be too new for the newest checkpoint.
                    None => self.prove_now::<Sharing>(&id).await?.1.record,
                }
            }
            Err(_) => None,
        };
        known.insert((key.clone(), generation), sharing);
        Ok(())
    }
}

/// What the guardian held of a key and generation.
fn held(known: &Known, guardian: GuardianId) -> impl FnOnce(&str, u32) -> Option<HeldPart> + '_ {
    move |key, generation| {
        let sharing = known.get(&(key.to_owned(), generation))?.as_ref()?;
        let holder = sharing.holder(&guardian)?;
        Some(HeldPart { index: holder.index, public_share: holder.public_share.clone() })
    }
}
