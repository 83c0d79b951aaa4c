//! A person and the ledger: which network this is, what is asked of it, and what
//! is proven by it.
//!
//! A guardian is believed in one thing only: that it passes operations on. What
//! the ledger says is believed under the network's signature; what this device
//! needs to know to ask (its next number, whether the identity is there) may be
//! told wrong without harm, since the ledger would refuse the operation.

mod ask;
mod audit;
mod evaluate;
mod keyholders;
mod receipts;
mod trust;
mod unseal;

use std::sync::Arc;
use std::time::Duration;

use allod_did::Did;
use allod_guardian::client::Fault;
use allod_ledger::account::{Account, Sponsorship};
use allod_ledger::record::{Identifier, Record};
use allod_ledger::{
    Action, Body, Certificate, Chain, Claim, NetworkKey, Operation, Parameters, Proof, Shown, Stamp,
};
use allod_wire::{OperationId, Wire};
use data_encoding::HEXLOWER;
use tokio::task::JoinSet;

pub use ask::{Asked, Author};
pub use audit::{Audited, BadNumber};
pub use evaluate::{Evaluated, Evaluation};
pub use keyholders::{GuardianFault, Keyholders, Listed, Wrong};
pub use receipts::Receipts;
pub use trust::Trust;
pub use unseal::{Opened, Word};

use super::{Link, Person};
use crate::FileError;

/// How long an operation may take to come up in the ledger.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a guardian may take to tell how far the ledger is.
const GLANCE: Duration = Duration::from_secs(2);

/// How often it is asked for meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Why something asked of the ledger did not come about.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file of the home folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// No guardian is known that could be asked.
    #[error("no guardian is known here that takes part in a network")]
    NoGuardian,
    /// No guardian answered; the last one's trouble.
    #[error("none of the guardians answered: {0}")]
    Unreachable(Fault),
    /// Guardians do not agree which network this is.
    #[error(
        "the guardians do not agree which network they are: {agreeing} of {asked} say the same, {needed} are needed"
    )]
    Disagree {
        /// How many say the same.
        agreeing: usize,
        /// How many were asked.
        asked: usize,
        /// How many must say the same.
        needed: usize,
    },
    /// The guardians have not made the network's key yet.
    #[error("the guardians have not made their common key yet; try again in a minute")]
    NoKey,
    /// What a guardian sent is not what was asked for.
    #[error("what a guardian sent makes no sense: {0}")]
    Garbage(String),
    /// The ledger refused the operation.
    #[error("the ledger refused: {0}")]
    Refused(String),
    /// The operation did not come up in time. It may still.
    #[error("operation {0} did not come up in the ledger in time; it still may")]
    Pending(OperationId),
    /// A proof was not good.
    #[error(transparent)]
    Proof(#[from] allod_ledger::Error),
    /// The ledger has no such key, or its guardians have not made it yet.
    #[error("the guardians have no common key that is called {0:?}, or have not made it yet")]
    NoSuchKey(String),
    /// The network has not signed a checkpoint that is new enough.
    #[error("the guardians have not signed height {height} yet")]
    NotCertified {
        /// Which height.
        height: u64,
    },
}

/// A way to the ledger.
#[derive(Debug)]
pub struct Ledger {
    links: Vec<Arc<Link>>,
    trust: Trust,
}

impl Ledger {
    /// The ledger of the network that `trust` names, asked through these guardians.
    pub fn new(links: Vec<Arc<Link>>, trust: Trust) -> Self {
        Self { links, trust }
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

    /// What the first guardian that answers has at `path`.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`], [`LedgerError::NoGuardian`].
    pub async fn get(&self, path: &str, size_max: usize) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get_from(0, path, size_max).await
    }

    /// The same, beginning with another guardian than the first.
    async fn get_from(
        &self,
        begin: usize,
        path: &str,
        size_max: usize,
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        let count = self.links.len();
        let mut last = None;
        for link in self.links.iter().cycle().skip(begin % count.max(1)).take(count) {
            match link.get(path, size_max).await {
                Ok(found) => return Ok(found),
                Err(fault) => last = Some(fault),
            }
        }
        Err(last.map_or(LedgerError::NoGuardian, LedgerError::Unreachable))
    }

    /// A record as of now, not proven.
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

    /// The height that the ledger has now, as most of the guardians tell it: who
    /// stays behind, and who lies, is outvoted.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`], [`LedgerError::NoGuardian`].
    pub async fn height(&self) -> Result<u64, LedgerError> {
        let mut asked = JoinSet::new();
        for link in &self.links {
            let link = Arc::clone(link);
            asked.spawn(async move {
                let path = format!("/chain/record/{}/-", escape(Chain::KIND));
                tokio::time::timeout(GLANCE, link.get(&path, Chain::SIZE_MAX))
                    .await
                    .unwrap_or(Err(Fault::Slow))
            });
        }
        let mut heights = Vec::new();
        let mut last = None;
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(Some(bytes))) => {
                    heights.extend(allod_wire::decode::<Chain>(&bytes).map(|chain| chain.height))
                }
                Ok(Err(fault)) => last = Some(fault),
                _ => {}
            }
        }
        heights.sort_unstable();
        let middle = heights.get(heights.len() / 2).copied();
        middle.ok_or_else(|| last.map_or(LedgerError::NoGuardian, LedgerError::Unreachable))
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
    /// newest that the guardians have signed, which may be some heights old.
    ///
    /// # Errors
    /// [`LedgerError::NotCertified`] where the network does not sign in time;
    /// [`LedgerError::Proof`] where what was sent is not good.
    pub async fn prove<R: Record>(&self, id: &R::Id, height: u64) -> Result<(Proof, Shown<R>), LedgerError> {
        let path = format!("/chain/proof/{}/{}", escape(R::KIND), named(id));
        let key = self.key()?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            // One that stays behind must not hold this up.
            if let Some(bytes) = self.get_from(tries, &path, Proof::SIZE_MAX).await? {
                let proof: Proof =
                    allod_wire::decode(&bytes).map_err(|why| LedgerError::Garbage(why.to_string()))?;
                if proof.id() != id.bytes() {
                    return Err(LedgerError::Garbage("the proof is about something else".into()));
                }
                let shown = proof.verify::<R>(&self.trust.network, &key)?;
                if shown.height >= height {
                    return Ok((proof, shown));
                }
            }
            if tokio::time::Instant::now() > deadline {
                return Err(LedgerError::NotCertified { height });
            }
            tokio::time::sleep(LOOK).await;
            tries += 1;
        }
    }

    /// The newest certificate, checked.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn certificate(&self) -> Result<Certificate, LedgerError> {
        let bytes = self.get("/chain/certificate", Certificate::SIZE_MAX).await?;
        let bytes = bytes.ok_or(LedgerError::NotCertified { height: 0 })?;
        let certificate: Certificate =
            allod_wire::decode(&bytes).map_err(|why| LedgerError::Garbage(why.to_string()))?;
        self.key()?.verify(&self.trust.network, &certificate)?;
        Ok(certificate)
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
