//! Who holds a key, as the ledger proves it, and the ways to them.

use std::fmt;
use std::sync::Arc;

use allod_guardian::answering::{Committee, Member};
use allod_guardian::client::Fault;
use allod_ledger::guardian::{Guardian, Roster};
use allod_ledger::shared_key::{KeyName, SharedKey, Sharing};
use allod_wire::GuardianId;
use tokio::task::JoinSet;

use super::{Ledger, LedgerError};
use crate::person::{Address, Link};

/// A guardian as the ledger has it, and the way to it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its key.
    pub guardian: GuardianId,
    /// What the ledger has of it.
    pub record: Guardian,
    /// The way to it, where the address makes sense.
    pub link: Option<Arc<Link>>,
}

/// The holders of one generation of a key, as the ledger proves it.
#[derive(Clone, Debug)]
pub struct Keyholders {
    /// To check with what they answer.
    pub committee: Committee,
    /// Who they are, and the ways to them.
    pub guardians: Vec<Listed>,
}

/// A guardian that did not help.
#[derive(Clone, Debug)]
pub struct GuardianFault {
    /// Which.
    pub guardian: GuardianId,
    /// Where people reach it.
    pub address: String,
    /// What was wrong.
    pub wrong: Wrong,
}

/// What was wrong with a guardian that was asked.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// It did not answer.
    Silent(Fault),
    /// It refused, and said why.
    Refused(String),
    /// What it answered is false.
    Lied(String),
    /// It could not be asked.
    NotAsked(&'static str),
}

impl fmt::Display for GuardianFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.address)?;
        match &self.wrong {
            Wrong::Silent(fault) => fault.fmt(f),
            Wrong::Refused(why) => f.write_str(why),
            Wrong::Lied(how) => write!(f, "it lies: {how}"),
            Wrong::NotAsked(why) => f.write_str(why),
        }
    }
}

impl GuardianFault {
    /// Whether the guardian lied.
    pub fn is_a_lie(&self) -> bool {
        matches!(self.wrong, Wrong::Lied(_))
    }
}

impl Listed {
    pub(super) fn fault(&self, wrong: Wrong) -> GuardianFault {
        GuardianFault { guardian: self.guardian, address: self.record.terms.service.clone(), wrong }
    }
}

/// What of a sharing tells nothing but a generation that is not there.
pub(super) fn key_name(name: &str) -> Result<KeyName, LedgerError> {
    KeyName::new(name).map_err(|_| LedgerError::NoSuchKey(name.into()))
}

impl Ledger {
    /// Who holds the key `name`, as of `height` or later. A key that the newest
    /// checkpoint does not have may have been made since, so the next is waited for.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchKey`], also for a key that is in another group than
    /// those that evaluate and open; [`LedgerError`].
    pub async fn keyholders(&self, name: &str, height: u64) -> Result<Keyholders, LedgerError> {
        match self.keyholders_at(name, height).await {
            Err(LedgerError::NoSuchKey(_)) if height == 0 => {
                self.keyholders_at(name, self.height().await?).await
            }
            other => other,
        }
    }

    async fn keyholders_at(&self, name: &str, height: u64) -> Result<Keyholders, LedgerError> {
        let key_name = key_name(name)?;
        let missing = || LedgerError::NoSuchKey(name.into());
        let (_, key) = self.prove::<SharedKey>(&key_name, height).await?;
        let generation = key.record.and_then(|key| key.generation).ok_or_else(missing)?;
        // What is in force at this height is there at every later one.
        let (_, sharing) = self.prove::<Sharing>(&(key_name, generation), key.height).await?;
        let sharing = sharing.record.ok_or_else(missing)?;
        let members = sharing.holders.iter().map(|holder| Member {
            index: holder.index,
            guardian: holder.guardian,
            public_share: holder.public_share.clone(),
        });
        let committee = Committee::new(
            self.trust.network,
            name,
            generation,
            sharing.threshold,
            &sharing.public_key,
            members,
        )
        .map_err(|_| missing())?;
        let mut guardians = Vec::new();
        for holder in &sharing.holders {
            guardians.extend(self.guardian(&holder.guardian, 0).await?);
        }
        Ok(Keyholders { committee, guardians })
    }

    /// What the ledger has of a guardian, as of `height` or later.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn guardian(&self, id: &GuardianId, height: u64) -> Result<Option<Listed>, LedgerError> {
        let (_, shown) = self.prove::<Guardian>(id, height).await?;
        Ok(shown.record.map(|record| {
            let address = record.terms.service.parse::<Address>();
            Listed { guardian: *id, link: address.ok().map(|address| self.way(address)), record }
        }))
    }

    /// All guardians that are active, candidates or hold a bond, as of `height` or
    /// later.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn roster(&self, height: u64) -> Result<Vec<Listed>, LedgerError> {
        let (_, shown) = self.prove::<Roster>(&(), height).await?;
        let mut guardians = Vec::new();
        for id in shown.record.unwrap_or_default().0 {
            guardians.extend(self.guardian(&id, height).await?);
        }
        Ok(guardians)
    }
}

/// What a guardian replied to what it was asked, by its place among those asked.
pub(super) type Replies = JoinSet<(usize, Result<Vec<u8>, Fault>)>;

/// Asks a guardian while others are asked too.
pub(super) fn ask_one(
    replies: &mut Replies,
    place: usize,
    link: Arc<Link>,
    path: &'static str,
    token: Option<String>,
    body: Arc<Vec<u8>>,
    size_max: usize,
) {
    replies.spawn(async move { (place, link.post(path, token.as_deref(), &body, size_max).await) });
}
