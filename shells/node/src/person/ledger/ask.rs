//! Asking the ledger: the identity is brought there when it is not, the operation
//! is signed by this device, handed to a guardian, and waited for.

use allod_crypto::sign::SigningKey;
use allod_did::{DeviceId, Log, PublicKey};
use allod_ledger::Rejection;
use allod_ledger::guardian::Guardian;
use allod_wire::GuardianId;

use super::{
    Account, Action, Body, Chain, Claim, Did, Fault, LOOK, Ledger, LedgerError, Operation, OperationId,
    PATIENCE, Parameters, Person, Sponsorship, Stamp,
};
use crate::chain::founding::Operator;

/// How long an operation that was signed may have effect, in milliseconds.
const LIFE_MS: u64 = 10 * 60 * 1000;

/// How often a guardian's operation is tried whose number was taken meanwhile.
const TRIES: usize = 5;

/// Bytes of a guardian's short answers.
const ANSWER_MAX: usize = 4096;

/// An operation that the ledger took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its id.
    pub id: OperationId,
    /// The height that has it.
    pub height: u64,
}

/// Who asks: an identity's log, and the device of it that signs.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The identity's log.
    pub log: &'a Log,
    /// The device's key.
    pub device: &'a SigningKey,
    /// The person, where guardians may know them and vouch for them.
    pub person: Option<&'a Person>,
}

impl<'a> From<&'a Person> for Author<'a> {
    fn from(person: &'a Person) -> Self {
        Self { log: &person.log, device: &person.device, person: Some(person) }
    }
}

impl<'a> From<&'a Operator> for Author<'a> {
    fn from(operator: &'a Operator) -> Self {
        Self { log: operator.log(), device: operator.device(), person: None }
    }
}

impl Author<'_> {
    /// Whose identity it is.
    pub fn did(&self) -> Did {
        self.log.state().did()
    }

    fn device_id(&self) -> DeviceId {
        PublicKey::Ed25519(self.device.verifying_key()).device_id()
    }
}

impl Ledger {
    /// Has the ledger do something as this author. Brings the identity there first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask(&self, author: impl Into<Author<'_>>, action: Action) -> Result<Asked, LedgerError> {
        let author = author.into();
        self.anchor(author).await?;
        let account: Account = self.expect(&author.did()).await?;
        self.sign_and_hand_in(author, &account, action).await
    }

    /// Has the ledger do something as the guardian with this key. Where the
    /// guardian runs, it may use the same number at the same moment; then this is
    /// tried again.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask_as_guardian(&self, key: &SigningKey, action: Action) -> Result<Asked, LedgerError> {
        let guardian = GuardianId(key.verifying_key().0);
        let mut tries = 0;
        loop {
            let chain: Chain = self.expect(&()).await?;
            let record: Option<Guardian> = self.record(&guardian).await?;
            let record =
                record.ok_or_else(|| LedgerError::Refused("the ledger knows no such guardian".into()))?;
            let body = Body {
                network: self.trust.network,
                until: chain.at.plus_ms(LIFE_MS),
                claim: Claim::Guardian { guardian, nonce: record.next_nonce() },
                action: action.clone(),
            };
            match self.hand_in(&body.sign(key)).await {
                Err(LedgerError::Refused(why))
                    if tries < TRIES && why.contains(&Rejection::NonceUsed.to_string()) =>
                {
                    tries += 1;
                }
                asked => return asked,
            }
        }
    }

    async fn sign_and_hand_in(
        &self,
        author: Author<'_>,
        account: &Account,
        action: Action,
    ) -> Result<Asked, LedgerError> {
        let (did, device) = (author.did(), author.device_id());
        let rules: Parameters = self.expect(&()).await?;
        let chain: Chain = self.expect(&()).await?;
        let body = Body {
            network: self.trust.network,
            until: chain.at.plus_ms(LIFE_MS),
            claim: Claim::Device { did, device, nonce: account.next_nonce(&device) },
            action,
        };
        let needs_work = account.is_new(chain.at, &rules) || account.allowed(chain.at, &rules) == 0;
        let work = if needs_work { work(&body, &chain, &rules).await } else { None };
        // The signature covers the work.
        let operation = match work {
            Some(stamp) => body.sign_stamped(stamp, author.device),
            None => body.sign(author.device),
        };
        self.hand_in(&operation).await
    }

    /// Hands in an operation that proves itself.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask_unsigned(&self, action: Action) -> Result<Asked, LedgerError> {
        let chain: Chain = self.expect(&()).await?;
        let until = chain.at.plus_ms(LIFE_MS);
        let body = Body { network: self.trust.network, until, claim: Claim::Itself, action };
        self.hand_in(&body.unsigned()).await
    }

    /// Brings the author's log to the ledger, as far as it is not there yet.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn anchor(&self, author: impl Into<Author<'_>>) -> Result<(), LedgerError> {
        let author = author.into();
        let did = author.did();
        let operations = author.log.operations();
        let known = match self.record::<Account>(&did).await? {
            Some(account) => account.state.sequence(),
            None => {
                let Some(genesis) = operations.first() else { return Ok(()) };
                self.found(author, &did, genesis.clone()).await?;
                0
            }
        };
        for operation in operations.iter().filter(|operation| operation.sequence() > known) {
            let action = Action::Log { operation: operation.clone() };
            // Beside the root, a device that was there before has to sign.
            let account: Account = self.expect(&did).await?;
            if account.state.device(&author.device_id()).is_none() {
                self.ask_unsigned(action).await?;
                return Err(LedgerError::Refused(
                    "this device is new to the ledger, and the person's others may object for a while".into(),
                ));
            }
            self.sign_and_hand_in(author, &account, action).await?;
        }
        Ok(())
    }

    /// Founds the identity: a guardian that knows the person vouches for it, or
    /// this device works for it.
    async fn found(
        &self,
        author: Author<'_>,
        did: &Did,
        genesis: allod_did::Operation,
    ) -> Result<Asked, LedgerError> {
        let chain: Chain = self.expect(&()).await?;
        let rules: Parameters = self.expect(&()).await?;
        let sponsorship = match author.person {
            Some(person) => self.sponsor(person, did).await,
            None => None,
        };
        let needs_work = sponsorship.is_none();
        let body = Body {
            network: self.trust.network,
            until: chain.at.plus_ms(LIFE_MS),
            claim: Claim::Itself,
            action: Action::Found { genesis, sponsorship },
        };
        let stamp = if needs_work { work(&body, &chain, &rules).await } else { None };
        self.hand_in(&Operation { stamp, ..body.unsigned() }).await
    }

    /// The word of a guardian at which the person is registered.
    async fn sponsor(&self, person: &Person, did: &Did) -> Option<Sponsorship> {
        let configuration = person.configuration()?;
        let access = person.access(configuration.clone()).ok()?;
        for (place, link) in access.links().iter().enumerate() {
            let token = access.token(place);
            let answer = link.post("/chain/sponsor", Some(&token), did.as_bytes(), ANSWER_MAX).await;
            if let Some(sponsorship) = answer.ok().and_then(|bytes| allod_wire::decode(&bytes).ok()) {
                return Some(sponsorship);
            }
        }
        None
    }

    /// Hands an operation in, and waits until the ledger has it.
    ///
    /// # Errors
    /// [`LedgerError::Refused`], [`LedgerError::Pending`], [`LedgerError::Unreachable`].
    pub async fn hand_in(&self, operation: &Operation) -> Result<Asked, LedgerError> {
        let bytes = allod_wire::encode(operation);
        let id = allod_ledger::id_of(&bytes);
        let mut last = None;
        let mut taken = false;
        for link in &self.links {
            match link.post("/chain/operations", None, &bytes, ANSWER_MAX).await {
                Ok(_) => {
                    taken = true;
                    break;
                }
                Err(Fault::Refused(why)) => return Err(LedgerError::Refused(why)),
                Err(fault) => last = Some(fault),
            }
        }
        if !taken {
            return Err(last.map_or(LedgerError::NoGuardian, LedgerError::Unreachable));
        }
        let path = format!("/chain/operations/{id}");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            if let Ok(Some(bytes)) = self.get(&path, ANSWER_MAX).await {
                return settled(id, &bytes);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(LedgerError::Pending(id))
    }
}

/// What a guardian says became of an operation.
fn settled(id: OperationId, bytes: &[u8]) -> Result<Asked, LedgerError> {
    let garbage = || LedgerError::Garbage("what became of an operation".into());
    let said: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| garbage())?;
    if let Some(why) = said.get("refused").and_then(serde_json::Value::as_str) {
        return Err(LedgerError::Refused(why.into()));
    }
    let height = said.get("height").and_then(serde_json::Value::as_u64).ok_or_else(garbage)?;
    Ok(Asked { id, height })
}

/// Does the work that stands in for a sponsor.
async fn work(body: &Body, chain: &Chain, rules: &Parameters) -> Option<Stamp> {
    let epoch = (chain.height + 1) / rules.epoch_heights;
    // At the first height of an epoch nobody knows its first block yet.
    let first = (chain.height + 1).is_multiple_of(rules.epoch_heights);
    let epoch = if first { epoch.saturating_sub(1) } else { epoch };
    let (mark, bits, message) = (chain.mark, u32::from(rules.stamp_bits), body.message());
    let found = tokio::task::spawn_blocking(move || {
        (0..u64::MAX)
            .map(|counter| Stamp { epoch, counter })
            .find(|stamp| Stamp::zero_bits(&stamp.work(&mark, &message)) >= bits)
    });
    found.await.ok().flatten()
}
