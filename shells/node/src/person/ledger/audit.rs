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
    /// The place of the first entry that was checked; later than what was asked for where
    /// the guardian does not keep what came before.
    pub begins: u64,
    /// Whether the first of them was checked against the one before it.
    pub joined: bool,
    /// How many receipts were looked for.
    pub receipts: usize,
    /// How many receipts are of entries that the guardian does not keep any more.
    pub deleted: usize,
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
    fn nothing(begins: u64) -> Self {
        let findings = Vec::new();
        Self { entries: 0, begins, joined: false, receipts: 0, deleted: 0, end: None, last: None, findings }
    }
}

/// The place that the log was to be read from is none, or not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log has no entry {0} that it could be read from")]
pub struct BadNumber(pub u64);

/// Where the reading of a log begins.
struct Start {
    audit: Audit,
    begins: u64,
    joined: bool,
}

/// What guardians held, as far as it was looked up.
type Known = BTreeMap<(String, u32), Option<Sharing>>;

impl Ledger {
    /// Reads a guardian's log from place `from` on, 1 being the first, or from the first
    /// entry behind it that the guardian still keeps. `receipts` are what it gave to this
    /// person.
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
        let start = match self.start(listed, from, &receipts).await? {
            Some(start) => start,
            // Receipts from there on would not be in it.
            None if receipts.iter().any(|receipt| receipt.answer.position >= from - 1) => {
                return Ok(Err(BadNumber(from)));
            }
            None => return Ok(Ok(Audited::nothing(from))),
        };
        let Start { mut audit, begins, joined } = match start {
            Ok(start) => start,
            Err(why) => return Ok(Err(why)),
        };
        let mut known = Known::new();
        let mut expected = 0;
        let (there, before) =
            receipts.into_iter().partition::<Vec<_>, _>(|receipt| receipt.answer.position >= begins);
        let deleted = before.iter().filter(|receipt| receipt.answer.position >= from).count();
        for receipt in there {
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
        let end = Some(audit.tip().position);
        Ok(Ok(Audited { entries, begins, joined, receipts: expected, deleted, end, last, findings }))
    }

    /// Where reading from `from` begins, and whether that can be: nothing where the log is
    /// shorter.
    async fn start(
        &self,
        listed: &Listed,
        from: u64,
        receipts: &[SignedAnswer],
    ) -> Result<Option<Result<Start, BadNumber>>, LedgerError> {
        let (network, guardian) = (self.trust.network, listed.guardian);
        let chunk = self.chunk(listed, (from - 1).max(1)).await?;
        let Some(first) = chunk.first() else {
            // An empty log is read from its beginning.
            let audit = Audit::new(network, guardian, Tip::default());
            return Ok((from == 1).then_some(Ok(Start { audit, begins: 1, joined: true })));
        };
        let bad = Ok(Some(Err(BadNumber(from))));
        let first = match SignedAnswer::decode(first) {
            Ok(first) if self.is_of(listed, &first) => first,
            // What stands at the beginning is found to be no entry when it is read.
            _ if from == 1 => {
                let audit = Audit::new(network, guardian, Tip::default());
                return Ok(Some(Ok(Start { audit, begins: 1, joined: true })));
            }
            _ => return bad,
        };
        let begins = first.answer.position;
        if from == 1 && begins == 1 {
            let audit = Audit::new(network, guardian, Tip::default());
            return Ok(Some(Ok(Start { audit, begins, joined: true })));
        }
        if from > 1 && begins == from - 1 {
            let audit = Audit::new(network, guardian, Tip::of(&first));
            return Ok(Some(Ok(Start { audit, begins: from, joined: true })));
        }
        if begins < from {
            return bad;
        }
        let before = receipts.iter().find(|receipt| receipt.answer.position.checked_add(1) == Some(begins));
        let before = before.filter(|before| self.is_of(listed, before));
        Ok(Some(
            Audit::of_rest(network, guardian, &first, before)
                .map(|audit| Start { audit, begins, joined: before.is_some() })
                .map_err(|_| BadNumber(from)),
        ))
    }

    /// Whether the guardian signed this for this network.
    fn is_of(&self, listed: &Listed, entry: &SignedAnswer) -> bool {
        entry.answer.guardian.0 == listed.guardian.0
            && entry.answer.network == *self.trust.network.as_bytes()
            && entry.answer.position > 0
            && entry.verify().is_ok()
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
