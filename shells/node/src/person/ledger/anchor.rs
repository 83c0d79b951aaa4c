//! Bringing an identity's log to the ledger, and what waits there because only the
//! root signed it.
//!
//! A device that the ledger knows signs for those operations that it made or that its
//! person accepted on it, and for no others: a log that is longer than it knew has the
//! root's signature, which whoever recovered the identity has too. A device that the
//! ledger does not know hands its operations in without a device's signature. Each then
//! waits, so that the known devices can object, and this device has it put into effect
//! when the time is over.

use std::time::Duration;

use allod_did::{Kind, Operation};
use allod_ledger::{Action, Rejection};
use allod_wire::Instant;

use super::ask::Author;
use super::{Account, Asked, Did, Ledger, LedgerError};

/// How often the end of a waiting time is tried, where the guardians' clocks are behind.
const TRIES: usize = 20;

/// How long is waited in between.
const PAUSE: Duration = Duration::from_millis(500);

/// A change to an identity that the root alone signed, and that waits on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The change.
    pub operation: Operation,
    /// Until when the person's devices can object. From then on anybody can have it put
    /// into effect; until somebody does, it can still be objected to.
    pub until: Instant,
}

/// What the ledger has of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// What its log adds up to there.
    pub state: allod_did::State,
    /// The change that waits.
    pub waiting: Option<Waiting>,
}

impl From<Account> for Anchored {
    fn from(account: Account) -> Self {
        let waiting =
            account.pending.map(|pending| Waiting { operation: pending.operation, until: pending.ripe });
        Self { state: account.state, waiting }
    }
}

impl Ledger {
    /// What the ledger has of an identity, proven. Nothing where it is not there.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn identity(&self, did: &Did) -> Result<Option<Anchored>, LedgerError> {
        Ok(self.account(did).await?.map(Anchored::from))
    }

    /// Brings the author's log to the ledger, as far as it is not there yet and this
    /// device stands behind it. A person is told of what waits for their word.
    ///
    /// # Errors
    /// [`LedgerError::Waiting`], [`LedgerError::OtherWaits`], [`LedgerError::Objected`]
    /// where the ledger does not know this device yet; [`LedgerError`].
    pub async fn anchor(&self, author: impl Into<Author<'_>>) -> Result<(), LedgerError> {
        self.anchored(author.into()).await.map(drop)
    }

    /// Objects to the change that waits, as this device.
    ///
    /// # Errors
    /// [`LedgerError::Stranger`], [`LedgerError::NothingWaits`]; [`LedgerError`].
    pub async fn object(&self, author: impl Into<Author<'_>>) -> Result<Asked, LedgerError> {
        let author = author.into();
        let account = self.account(&author.did()).await?.ok_or(LedgerError::Stranger)?;
        if account.state.device(&author.device_id()).is_none() {
            return Err(LedgerError::Stranger);
        }
        let waiting = account.pending.clone().ok_or(LedgerError::NothingWaits)?;
        let asked = self.sign_and_hand_in(author, &account, Action::Veto).await?;
        let account = self.account_at(&author.did(), asked.height).await?;
        if account.pending.as_ref() != Some(&waiting) {
            return Ok(asked);
        }
        // That was an earlier objection, of which nobody knew what became.
        self.sign_and_hand_in(author, &account, Action::Veto).await
    }

    /// The same as [`Self::anchor`], and what the ledger then has of the identity.
    pub(super) async fn anchored(&self, author: Author<'_>) -> Result<Account, LedgerError> {
        let did = author.did();
        let operations = author.log.operations();
        let mut account = match self.account(&did).await? {
            Some(account) => account,
            None => {
                let genesis =
                    operations.first().ok_or_else(|| LedgerError::Garbage("an empty log".into()))?;
                let asked = self.found(author, &did, genesis.clone()).await?;
                self.account_at(&did, asked.height).await?
            }
        };
        let known = account.state.sequence();
        for operation in operations.iter().filter(|operation| operation.sequence() > known) {
            // Beside the root, a device that was there before has to sign.
            if account.state.device(&author.device_id()).is_none() {
                account = self.without_device(&did, account, operation).await?;
                continue;
            }
            if !author.approves(operation) {
                break;
            }
            let action = Action::Log { operation: operation.clone() };
            let asked = self.sign_and_hand_in(author, &account, action).await?;
            account = self.account_at(&did, asked.height).await?;
        }
        if account.state.device(&author.device_id()).is_none() {
            return Err(LedgerError::Stranger);
        }
        self.tell_of_what_waits(author, &account);
        Ok(account)
    }

    /// Tells a person, on a device that the ledger knows, what it knows only from the
    /// root.
    fn tell_of_what_waits(&self, author: Author<'_>, account: &Account) {
        let known = account.state.sequence();
        let mut beyond = author.log.operations().iter().filter(|operation| operation.sequence() > known);
        if let Some(pending) = &account.pending {
            self.say(format!(
                "a change to your identity that the root alone signed waits on the ledger: it {}. \
                 `allod devices` tells until when you can stop it with `allod devices object`",
                in_words(&pending.operation)
            ));
        } else if let Some(operation) = beyond.find(|operation| !author.approves(operation)) {
            self.say(format!(
                "the newest change to your identity was not made on this device and is not on the ledger: it {}. \
                 If it is yours: `allod devices accept`",
                in_words(operation)
            ));
        }
    }

    /// Brings an operation to the ledger that no known device signs for: it waits, or
    /// comes into effect if it waited long enough.
    async fn without_device(
        &self,
        did: &Did,
        account: Account,
        operation: &Operation,
    ) -> Result<Account, LedgerError> {
        let now = self.standing().await?.now;
        let Some(pending) = account.pending else {
            let again = match account.vetoed {
                Some(at) => at.plus_ms(self.rules().await?.recovery_ms),
                None => Instant(0),
            };
            if now < again {
                return Err(LedgerError::Objected { until: again });
            }
            let asked = self.ask_unsigned(Action::Log { operation: operation.clone() }).await?;
            let pending = self.account_at(did, asked.height).await?.pending;
            let until = pending.map_or(now, |pending| pending.ripe);
            return Err(LedgerError::Waiting { until });
        };
        if pending.operation.hash() != operation.hash() {
            return Err(LedgerError::OtherWaits { until: pending.ripe });
        }
        if now < pending.ripe {
            return Err(LedgerError::Waiting { until: pending.ripe });
        }
        let mut tries = 0;
        let early = Rejection::TooEarly { until: pending.ripe }.to_string();
        loop {
            match self.ask_unsigned(Action::Complete { did: *did }).await {
                Ok(asked) => return self.account_at(did, asked.height).await,
                // This device's clock may be ahead of the guardians'.
                Err(LedgerError::Refused(why) | LedgerError::Declined { why, .. })
                    if tries < TRIES && why.contains(&early) =>
                {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(why) => return Err(why),
            }
        }
    }
}

/// What an operation does to an identity, after "it".
fn in_words(operation: &Operation) -> String {
    match operation.kind() {
        Kind::Genesis { .. } => "founds it".into(),
        Kind::AddDevice { device } => format!("adds the device {:?}", device.name()),
        Kind::RemoveDevice { id } => format!("removes the device {}", &id.to_string()[..12]),
        Kind::RotateRoot { .. } => "replaces the root".into(),
    }
}

impl Waiting {
    /// What the change does, in words that follow "it".
    pub fn in_words(&self) -> String {
        in_words(&self.operation)
    }
}
