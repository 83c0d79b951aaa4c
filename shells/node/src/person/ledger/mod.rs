//! A person and the ledger: which network this is, what is asked of it, and what
//! is proven by it.
//!
//! No guardian is believed alone. What the ledger says is believed under the network's
//! signature, the time and the numbers from which an operation is made among it; the
//! network's rules are those of its genesis; and what became of an operation is believed
//! when more than a third of the network's guardians say the same. One that is asked
//! first and lies can be slow and say nothing, until the next one is asked. Until the
//! outcome of an operation is known, the same bytes are sent again, never others for the
//! same purpose.

mod anchor;
mod ask;
mod audit;
mod belongings;
mod error;
mod evaluate;
mod kept;
mod keyholders;
mod outcome;
mod owned;
mod receipts;
mod standing;
mod trust;
mod unseal;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allod_did::Did;
use allod_ledger::account::{Account, Sponsorship};
use allod_ledger::record::{Identifier, Record};
use allod_ledger::{Action, Body, Chain, Claim, NetworkKey, Operation, Parameters, Proof, Shown, Stamp};
use allod_wire::{OperationId, Wire};
use data_encoding::HEXLOWER;
use tokio::sync::OnceCell;

pub use anchor::{Anchored, Waiting};
pub use ask::{Asked, Author};
pub use audit::{Audited, BadNumber};
pub use belongings::{Belonging, Belongings, Thing};
pub use error::LedgerError;
pub use evaluate::{Evaluated, Evaluation};
pub use keyholders::{GuardianFault, Keyholders, Listed, Wrong};
pub use owned::{Aside, Held, Owned, Possessions};
pub use receipts::Receipts;
pub use standing::Standing;
pub use trust::Trust;
pub use unseal::{Opened, Word};

use kept::Kept;

use super::{Address, Link, Person};

/// How long an operation may take to come up in the ledger.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long others may take to answer when one has.
const GLANCE: Duration = Duration::from_secs(2);

/// How often it is asked for meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Where a person is told what they should know.
type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// A way to the ledger.
pub struct Ledger {
    links: Vec<Arc<Link>>,
    trust: Trust,
    kept: Option<Kept>,
    home: Option<PathBuf>,
    tell: Option<Tell>,
    /// What was told, so that nothing is told twice.
    told: Mutex<BTreeSet<String>>,
    /// The guardian that is asked first: the last one that answered well.
    first: AtomicUsize,
    /// The ways to all active guardians of the network, once they were needed.
    active: OnceCell<Vec<Option<Arc<Link>>>>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("links", &self.links)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// The ledger of the network that `trust` names, asked through these guardians.
    pub fn new(links: Vec<Arc<Link>>, trust: Trust) -> Self {
        Self {
            links,
            trust,
            kept: None,
            home: None,
            tell: None,
            told: Mutex::default(),
            first: AtomicUsize::new(0),
            active: OnceCell::new(),
        }
    }

    /// Keeps what is asked in the home folder at this path until its outcome is known,
    /// so that nothing that is asked again comes about twice; and remembers there what
    /// came of it that is the author's.
    #[must_use]
    pub fn keeping(mut self, home: &Path) -> Self {
        self.kept = Some(Kept::of(home));
        self.home = Some(home.to_owned());
        self
    }

    /// Has a person told by `tell` which guardian lies, and what is sent again.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Tells the person something, once.
    fn say(&self, text: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tell) = &self.tell
            && !told.contains(&text)
        {
            tell(&text);
            told.insert(text);
        }
    }

    /// Names a guardian whose answer is none.
    fn accuse(&self, place: usize, why: &LedgerError) {
        if let Some(link) = self.links.get(place) {
            self.say(format!("{} sent what is no good ({why}); others are asked", link.address()));
        }
    }

    /// A way to a guardian that the ledger names: the one that the person named, where that
    /// is the same guardian. It may be reached otherwise from here than from elsewhere.
    fn way(&self, address: Address) -> Arc<Link> {
        let is_same = |link: &&Arc<Link>| address.pin.is_some() && link.address().pin == address.pin;
        if let Some(link) = self.links.iter().find(is_same) {
            return Arc::clone(link);
        }
        let link = Link::new(address);
        Arc::new(match self.links.first() {
            Some(first) => link.among(first.awaited()),
            None => link,
        })
    }

    /// Which network.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The network's public key.
    ///
    /// # Errors
    /// [`LedgerError::Proof`] where what was kept is no key.
    pub fn key(&self) -> Result<NetworkKey, LedgerError> {
        Ok(NetworkKey::decode(&self.trust.key)?)
    }

    /// The guardians by their places, beginning with the one that answered well last.
    fn in_order(&self) -> impl Iterator<Item = (usize, &Arc<Link>)> {
        let count = self.links.len();
        let first = self.first.load(Ordering::Relaxed) % count.max(1);
        self.links.iter().enumerate().cycle().skip(first).take(count)
    }

    /// What the first guardian that answers has at `path`.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`], [`LedgerError::NoGuardian`].
    pub async fn get(&self, path: &str, size_max: usize) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut last = None;
        for (place, link) in self.in_order() {
            match link.get(path, size_max).await {
                Ok(found) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(found);
                }
                Err(fault) => last = Some(fault),
            }
        }
        Err(last.map_or(LedgerError::NoGuardian, LedgerError::Unreachable))
    }

    /// A record as of now, not proven: for what is looked at, never for what is decided.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn record<R: Record>(&self, id: &R::Id) -> Result<Option<R>, LedgerError> {
        let path = format!("/chain/record/{}/{}", escape(R::KIND), named(id));
        let Some(bytes) = self.get(&path, R::SIZE_MAX).await? else { return Ok(None) };
        allod_wire::decode(&bytes).map(Some).map_err(|why| LedgerError::Garbage(why.to_string()))
    }

    /// A record that every ledger has.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn expect<R: Record>(&self, id: &R::Id) -> Result<R, LedgerError> {
        self.record(id).await?.ok_or_else(|| LedgerError::Garbage(format!("there is no {}", R::KIND)))
    }

    /// A proof of a record as of now: what the ledger had when this was called is
    /// in it. Takes until the guardians have signed that.
    ///
    /// # Errors
    /// As [`Self::prove`].
    pub async fn prove_now<R: Record>(&self, id: &R::Id) -> Result<(Proof, Shown<R>), LedgerError> {
        self.prove(id, self.height().await?).await
    }

    /// A proof of a record as of `height` or later, checked. With 0 it is the
    /// newest that the guardians have signed, which may be some heights old. A guardian
    /// whose proof is bad is named and not asked again.
    ///
    /// # Errors
    /// [`LedgerError::NotCertified`] where the network does not sign in time;
    /// [`LedgerError::Proof`], [`LedgerError::Garbage`] where nobody sends a good one.
    pub async fn prove<R: Record>(&self, id: &R::Id, height: u64) -> Result<(Proof, Shown<R>), LedgerError> {
        let path = format!("/chain/proof/{}/{}", escape(R::KIND), named(id));
        let key = self.key()?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let (mut liars, mut bad) = (BTreeSet::new(), None);
        loop {
            let (mut silent, mut hope) = (None, false);
            for (place, link) in self.in_order() {
                if liars.contains(&place) {
                    continue;
                }
                match link.get(&path, Proof::SIZE_MAX).await {
                    Ok(Some(bytes)) => match self.checked::<R>(&key, id, &bytes) {
                        Ok((proof, shown)) if shown.height >= height => {
                            self.first.store(place, Ordering::Relaxed);
                            return Ok((proof, shown));
                        }
                        // One that stays behind must not hold this up.
                        Ok(_) => hope = true,
                        Err(why) => {
                            self.accuse(place, &why);
                            liars.insert(place);
                            bad = Some(why);
                        }
                    },
                    Ok(None) => hope = true,
                    Err(fault) => silent = Some(fault),
                }
            }
            if !hope {
                return Err(match (bad, silent) {
                    (Some(why), _) => why,
                    (None, Some(fault)) => LedgerError::Unreachable(fault),
                    (None, None) => LedgerError::NoGuardian,
                });
            }
            if tokio::time::Instant::now() > deadline {
                return Err(LedgerError::NotCertified { height });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn checked<R: Record>(
        &self,
        key: &NetworkKey,
        id: &R::Id,
        bytes: &[u8],
    ) -> Result<(Proof, Shown<R>), LedgerError> {
        let proof: Proof = allod_wire::decode(bytes).map_err(|why| LedgerError::Garbage(why.to_string()))?;
        if proof.id() != id.bytes() {
            return Err(LedgerError::Garbage("the proof is about something else".into()));
        }
        let shown = proof.verify::<R>(&self.trust.network, key)?;
        Ok((proof, shown))
    }
}

/// The identifier in an address.
fn named<I: Identifier + ?Sized>(id: &I) -> String {
    let bytes = id.bytes();
    if bytes.is_empty() { "-".into() } else { HEXLOWER.encode(&bytes) }
}

/// A kind's name in an address.
fn escape(kind: &str) -> String {
    kind.replace(' ', "%20").replace('\'', "%27")
}
