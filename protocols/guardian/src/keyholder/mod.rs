//! A guardian's part in keys that guardians hold together.
//!
//! Roles: the ledger, which says who is to hold a key's shares, in which session
//! a new sharing is made, and which sharing is in force; and this guardian, which
//! may be a dealer in a session, a member that is to hold a share, a holder of
//! one, or none of these.
//!
//! Flow, driven by what the ledger says and by nothing else:
//! 1. A session begins in which it is a member: it makes an encryption key for
//!    this session, and announces it when the secret is on disk.
//! 2. It is a dealer: it deals, a fresh secret for a new key, its own share for
//!    one that is handed on.
//! 3. It opens the dealings. It complains about each that is wrong, with proof.
//!    When none of those that stand is wrong, it says that it is ready.
//! 4. A new sharing is in force: it computes its share, puts it on disk in place
//!    of the old one, and with the same write forgets the old share and the
//!    session's secret. If it holds no share any more, it forgets the old one.
//! 5. A session was given up: it forgets that session's secret, and keeps its
//!    share.
//!
//! Everything follows from the newest view and the record on disk, so after a
//! crash at any point the same view leads on. What was handed in to the ledger
//! and did not come up there is handed in again.
//!
//! A ledger that catches up shows sessions that are long over, perhaps given up
//! because their members were caught. Nothing is dealt to those: in a session a
//! guardian takes part only while the ledger's last block is recent.
//!
//! What it never does: forget a share before a sharing without it is in force;
//! keep one longer; announce a key whose secret is not on disk; use an encryption
//! key in two sessions; give a share out.

mod algebra;
mod message;
mod posted;
mod record;
mod taking_part;
#[cfg(test)]
mod tests;
mod view;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::group::Group;
use allod_threshold::GroupName;
use allod_threshold::dealing::EncryptionSecret;
use allod_threshold::shamir::Share;
use allod_wire::{Instant, SessionId};

pub use message::{Event, Inconsistent, Input, Output, PersistId, Post};
use posted::Posted;
pub use record::{HeldShare, Record, SessionSecret};
use taking_part::is_of;
pub use view::{Phase, PublicPart, Session, Sharing, View};

/// How long the ledger may take with what was handed in before it is handed in
/// again, in milliseconds.
const PATIENCE_MS: u64 = 10_000;

/// How old the ledger's last block may be for it to be the ledger as it is now, in
/// milliseconds.
const CURRENT_MS: u64 = 60_000;

/// After how long a write that failed is tried again, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// A guardian's part in one key.
#[derive(Debug)]
pub struct Keyholder {
    key: String,
    group: GroupName,
    record: Record,
    /// The generation of the share that the disk has.
    durable: Option<u32>,
    /// Whether the disk has the record, and otherwise what is done about it.
    saving: Saving,
    next_id: PersistId,
    /// What waits for the disk.
    held_back: Vec<Output>,
    outputs: VecDeque<Output>,
    /// What was handed in, and when.
    posted: Vec<(Posted, Instant)>,
    /// The session whose dealings were opened, and the dealers whose were good.
    opened: Option<(SessionId, BTreeSet<u16>)>,
    /// The generation whose share was found to be out of reach.
    lacks: Option<u32>,
    /// The newest view, kept while the disk does not have the record.
    waiting: Option<View>,
}

/// How far the disk is with the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saving {
    /// The disk has it.
    Done,
    /// This write is under way.
    Writing(PersistId),
    /// The write failed; it is tried again at this time.
    Failed(Instant),
}

impl Keyholder {
    /// The part in the key named `key`, as the record on disk has it; an empty
    /// record where there is none.
    pub fn new(key: &str, group: GroupName, record: Record) -> Self {
        Self {
            key: key.into(),
            group,
            durable: record.share.as_ref().map(|held| held.generation),
            record,
            saving: Saving::Done,
            next_id: 0,
            held_back: Vec::new(),
            outputs: VecDeque::new(),
            posted: Vec::new(),
            opened: None,
            lacks: None,
            waiting: None,
        }
    }

    /// The key's name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The group that the key is in.
    pub fn group(&self) -> GroupName {
        self.group
    }

    /// The generation whose share is held, and on disk.
    pub fn generation(&self) -> Option<u32> {
        self.held().map(|held| held.generation)
    }

    /// The share that is held, in the key's own group.
    ///
    /// # Errors
    /// [`Inconsistent`] where the record is of another group.
    pub fn share<G: Group>(&self) -> Result<Option<Share<G>>, Inconsistent> {
        self.held().map(|held| Ok(algebra::share::<G>(held)?)).transpose()
    }

    /// What is held counts only when it is durable.
    fn held(&self) -> Option<&HeldShare> {
        self.record.share.as_ref().filter(|held| self.durable == Some(held.generation))
    }

    /// Takes in what happened. Drain [`poll`](Self::poll) afterwards, also after an
    /// error.
    ///
    /// # Errors
    /// [`Inconsistent`]. What makes no sense is left undone, and tried again with the
    /// next view.
    pub fn handle(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        input: Input,
    ) -> Result<(), Inconsistent> {
        match (input, self.saving) {
            (Input::Follow(view), Saving::Done) => self.follow(now, rng, &view)?,
            (Input::Follow(view), saving) => {
                self.waiting = Some(view);
                if matches!(saving, Saving::Failed(retry) if now >= retry) {
                    self.persist();
                }
            }
            (Input::Persisted(id), Saving::Writing(writing)) if id == writing => {
                self.saving = Saving::Done;
                self.durable = self.record.share.as_ref().map(|held| held.generation);
                self.outputs.extend(self.held_back.drain(..));
                if let Some(view) = self.waiting.take() {
                    self.follow(now, rng, &view)?;
                }
            }
            // What hangs on the record waits until the disk takes it.
            (Input::PersistFailed(id), Saving::Writing(writing)) if id == writing => {
                self.saving = Saving::Failed(now.plus_ms(RETRY_MS));
            }
            (Input::Persisted(_) | Input::PersistFailed(_), _) => {}
        }
        Ok(())
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the newest view should be given again, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let retry = match self.saving {
            Saving::Failed(retry) => Some(retry),
            Saving::Done | Saving::Writing(_) => None,
        };
        self.posted.iter().map(|(_, at)| at.plus_ms(PATIENCE_MS)).chain(retry).min()
    }

    fn follow(&mut self, now: Instant, rng: &mut impl CryptoRng, view: &View) -> Result<(), Inconsistent> {
        let is_current = now.ms_since(view.at) <= CURRENT_MS;
        let session = view.session.as_ref().filter(|_| is_current);
        self.settle(rng, view, session)?;
        self.posted.retain(|(posted, _)| session.is_some_and(|session| posted.is_awaited(session)));
        if let Some(session) = session {
            self.take_part(now, rng, session)?;
        }
        Ok(())
    }

    /// Makes the record what the sharing in force asks for.
    fn settle(
        &mut self,
        rng: &mut impl CryptoRng,
        view: &View,
        current: Option<&Session>,
    ) -> Result<(), Inconsistent> {
        let mut record = self.record.clone();
        let mut events = Vec::new();
        // A ledger that catches up tells old news: a share is only ever replaced by
        // one of a later generation.
        if let Some(sharing) = &view.sharing
            && record.share.as_ref().is_none_or(|held| held.generation < sharing.generation)
            && self.lacks != Some(sharing.generation)
        {
            if let Some(held) = record.share.take() {
                events.push(Event::Forgot { generation: held.generation });
            }
            let generation = sharing.generation;
            if let Some(index) = sharing.index {
                record.share = self.derive(rng, sharing, index)?;
                if record.share.is_some() {
                    events.push(Event::Holds { generation });
                } else {
                    self.lacks = Some(generation);
                    events.push(Event::Lacks { generation });
                }
            }
        }
        let needed = view.session.as_ref().map(|session| session.id);
        let is_over =
            |secret: &SessionSecret| Some(secret.session) != needed && secret.number <= view.sessions;
        if record.secret.as_ref().is_some_and(is_over) {
            record.secret = None;
        }
        if let Some(session) = current
            && session.phase == Phase::Announcing
            && session.index.is_some()
            && !session.announced
            && record.secret.is_none()
        {
            let secret = EncryptionSecret::random(rng);
            record.secret = Some(SessionSecret::new(session.id, view.sessions, &secret));
        }
        if record != self.record {
            self.record = record;
            self.persist();
            self.held_back.extend(events.into_iter().map(Output::Event));
        } else {
            self.outputs.extend(events.into_iter().map(Output::Event));
        }
        Ok(())
    }

    /// The share of a sharing that was made in a session whose secret is here.
    fn derive(
        &self,
        rng: &mut impl CryptoRng,
        sharing: &Sharing,
        index: u16,
    ) -> Result<Option<HeldShare>, Inconsistent> {
        let secret = self.record.secret.as_ref().filter(|secret| secret.session == sharing.session);
        let Some(secret) = secret else {
            return Ok(None);
        };
        let secret = secret.decode()?;
        if !is_of(&secret, &sharing.terms, index)? {
            return Ok(None);
        }
        let value = allod_threshold::in_group!(
            self.group,
            G => algebra::derive::<G>(sharing, index, &secret, rng)
        )?;
        Ok(value.map(|value| HeldShare { generation: sharing.generation, index, value }))
    }

    /// Gives an output out, after the write under way if there is one.
    fn emit(&mut self, output: Output) {
        match self.saving {
            Saving::Done => self.outputs.push_back(output),
            Saving::Writing(_) | Saving::Failed(_) => self.held_back.push(output),
        }
    }

    fn persist(&mut self) {
        let id = self.next_id;
        self.next_id += 1;
        self.saving = Saving::Writing(id);
        self.outputs.push_back(Output::Persist { id, record: self.record.clone() });
    }
}
