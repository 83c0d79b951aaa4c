//! Asking the ledger: the identity is brought there when it is not, the operation
//! is signed by this device, handed to a guardian, and waited for.

use super::{
    Account, Action, Body, Chain, Claim, Did, Fault, LOOK, Ledger, LedgerError, Operation, OperationId,
    PATIENCE, Parameters, Person, Sponsorship, Stamp,
};

/// How long an operation that was signed may have effect, in milliseconds.
const LIFE_MS: u64 = 10 * 60 * 1000;

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

impl Ledger {
    /// Has the ledger do something as `person`, from this device.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask(&self, person: &Person, action: Action) -> Result<Asked, LedgerError> {
        let did = person.log.state().did();
        self.anchor(person).await?;
        let account: Account = self.expect(&did).await?;
        let (device, rules) = (person.device_id(), self.expect::<Parameters>(&()).await?);
        let chain: Chain = self.expect(&()).await?;
        let body = Body {
            network: self.trust.network,
            until: chain.at.plus_ms(LIFE_MS),
            claim: Claim::Device { did, device, nonce: account.next_nonce(&device) },
            action,
        };
        let mut operation = body.sign(&person.device);
        if account.is_new(chain.at, &rules) || account.allowed(chain.at, &rules) == 0 {
            stamp(&mut operation, &chain, &rules).await;
        }
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

    /// Brings the person's log to the ledger, as far as it is not there yet.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn anchor(&self, person: &Person) -> Result<(), LedgerError> {
        let did = person.log.state().did();
        let operations = person.log.operations();
        let known = match self.record::<Account>(&did).await? {
            Some(account) => account.state.sequence(),
            None => {
                let Some(genesis) = operations.first() else { return Ok(()) };
                self.found(person, &did, genesis.clone()).await?;
                0
            }
        };
        for operation in operations.iter().filter(|operation| operation.sequence() > known) {
            let action = Action::Log { operation: operation.clone() };
            // Beside the root, a device that was there before has to sign.
            let account: Account = self.expect(&did).await?;
            let device = person.device_id();
            if account.state.device(&device).is_none() {
                self.ask_unsigned(action).await?;
                return Err(LedgerError::Refused(
                    "this device is new to the ledger, and the person's others may object for a while".into(),
                ));
            }
            let chain: Chain = self.expect(&()).await?;
            let rules: Parameters = self.expect(&()).await?;
            let body = Body {
                network: self.trust.network,
                until: chain.at.plus_ms(LIFE_MS),
                claim: Claim::Device { did, device, nonce: account.next_nonce(&device) },
                action,
            };
            let mut operation = body.sign(&person.device);
            if account.is_new(chain.at, &rules) || account.allowed(chain.at, &rules) == 0 {
                stamp(&mut operation, &chain, &rules).await;
            }
            self.hand_in(&operation).await?;
        }
        Ok(())
    }

    /// Founds the identity: a guardian that knows the person vouches for it, or
    /// this device works for it.
    async fn found(
        &self,
        person: &Person,
        did: &Did,
        genesis: allod_did::Operation,
    ) -> Result<Asked, LedgerError> {
        let chain: Chain = self.expect(&()).await?;
        let rules: Parameters = self.expect(&()).await?;
        let until = chain.at.plus_ms(LIFE_MS);
        let sponsorship = self.sponsor(person, did).await;
        let body = Body {
            network: self.trust.network,
            until,
            claim: Claim::Itself,
            action: Action::Found { genesis, sponsorship },
        };
        let mut operation = body.unsigned();
        if sponsorship.is_none() {
            stamp(&mut operation, &chain, &rules).await;
        }
        self.hand_in(&operation).await
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
async fn stamp(operation: &mut Operation, chain: &Chain, rules: &Parameters) {
    let epoch = (chain.height + 1) / rules.epoch_heights;
    // At the first height of an epoch nobody knows its first block yet.
    let first = (chain.height + 1).is_multiple_of(rules.epoch_heights);
    let epoch = if first { epoch.saturating_sub(1) } else { epoch };
    let (mark, bits, message) = (chain.mark, u32::from(rules.stamp_bits), operation.body.message());
    let found = tokio::task::spawn_blocking(move || {
        (0..u64::MAX)
            .map(|counter| Stamp { epoch, counter })
            .find(|stamp| Stamp::zero_bits(&stamp.work(&mark, &message)) >= bits)
    });
    operation.stamp = found.await.ok().flatten();
}
