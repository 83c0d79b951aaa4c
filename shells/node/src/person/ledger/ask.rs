//! Asking the ledger: the identity is brought there when it is not, the operation
//! is signed by this device, handed to a guardian, and waited for.

use std::time::{Duration, Instant as Moment};

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{DeviceId, Log, PublicKey};
use allod_ledger::Rejection;
use allod_ledger::guardian::Guardian;
use allod_wire::GuardianId;

use super::outcome::ANSWER_MAX;
use super::{
    Account, Action, Body, Chain, Claim, Did, Kept, Ledger, LedgerError, Operation, OperationId, Parameters,
    Person, Sponsorship, Stamp, Standing,
};
use crate::chain::operator::Operator;

/// How long an operation that was signed may have effect, in milliseconds.
const LIFE_MS: u64 = 10 * 60 * 1000;

/// How often a guardian's operation is tried whose number was taken meanwhile.
const TRIES: usize = 5;

/// How far ahead of the proven one a number may be that guardians tell: less than the
/// ledger's window, so that nothing that is under way is lost.
const AHEAD: u64 = 32;

/// The most bits of work that are begun with.
const WORK_BITS_MAX: u8 = 32;

/// How long is worked at most: what takes longer is not taken in time.
const WORK: Duration = Duration::from_secs(4 * 60);

/// Numbers that are tried before the clock is looked at again.
const WORK_STEP: u64 = 1 << 16;

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

    pub(super) fn device_id(&self) -> DeviceId {
        PublicKey::Ed25519(self.device.verifying_key()).device_id()
    }

    /// Whether this device stands behind an operation of the log. An operator's log
    /// has nothing in it that came from elsewhere.
    pub(super) fn approves(&self, operation: &allod_did::Operation) -> bool {
        self.person.is_none_or(|person| person.approved.contains(&operation.hash()))
    }
}

impl Ledger {
    /// Has the ledger do something as this author. Brings the identity there first.
    /// Where a home folder is [kept](Self::keeping) and the same was asked before with
    /// an outcome that is not known, that operation is sent again, and no other.
    ///
    /// # Errors
    /// [`LedgerError`]. After [`LedgerError::Declined`] and [`LedgerError::Pending`] it
    /// may still happen.
    pub async fn ask(&self, author: impl Into<Author<'_>>, action: Action) -> Result<Asked, LedgerError> {
        let author = author.into();
        let account = self.anchored(author).await?;
        self.remember_aside(&author.did(), &action).await;
        self.sign_and_hand_in(author, &account, action).await
    }

    /// What this author asked for before that fits and has no known outcome: to be
    /// asked for again as it is, where asking anew would make another of it. What is
    /// proven never to have happened is forgotten.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn earlier<'a>(
        &self,
        author: impl Into<Author<'a>>,
        fits: impl Fn(&Action) -> bool,
    ) -> Result<Option<Action>, LedgerError> {
        for operation in self.kept_of(author.into())? {
            if !fits(&operation.body.action) {
                continue;
            }
            let checkpoint = self.standing().await?.checkpoint;
            if checkpoint.at <= operation.body.until || self.is_used(&operation, checkpoint.height).await? {
                return Ok(Some(operation.body.action));
            }
            self.forget(&operation.id())?;
        }
        Ok(None)
    }

    /// Keeps a secret in the home folder, if one is kept: an operation has the hash.
    ///
    /// # Errors
    /// [`LedgerError::File`].
    pub fn keep_secret(&self, hash: &[u8; 32], secret: &Secret<32>) -> Result<(), LedgerError> {
        Ok(self.kept.as_ref().map_or(Ok(()), |kept| kept.keep_secret(hash, secret))?)
    }

    /// The secret with this hash.
    ///
    /// # Errors
    /// [`LedgerError::File`].
    pub fn secret(&self, hash: &[u8; 32]) -> Result<Option<Secret<32>>, LedgerError> {
        Ok(self.kept.as_ref().map_or(Ok(None), |kept| kept.secret(hash))?)
    }

    /// Forgets the secret with this hash.
    ///
    /// # Errors
    /// [`LedgerError::File`].
    pub fn forget_secret(&self, hash: &[u8; 32]) -> Result<(), LedgerError> {
        Ok(self.kept.as_ref().map_or(Ok(()), |kept| kept.forget_secret(hash))?)
    }

    fn kept_of(&self, author: Author<'_>) -> Result<Vec<Operation>, LedgerError> {
        let Some(kept) = &self.kept else { return Ok(Vec::new()) };
        kept.of_device(&self.trust.network, &author.did(), &author.device_id())
    }

    /// Has the ledger do something as the guardian with this key. Where the
    /// guardian runs, it may use the same number at the same moment; then this is
    /// tried again. Nothing is kept: what guardians ask for has its effect once,
    /// however often it is asked.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask_as_guardian(&self, key: &SigningKey, action: Action) -> Result<Asked, LedgerError> {
        let guardian = GuardianId(key.verifying_key().0);
        let mut tries = 0;
        loop {
            let standing = self.standing().await?;
            let (_, shown) = self.prove::<Guardian>(&guardian, standing.checkpoint.height).await?;
            let record = shown
                .record
                .ok_or_else(|| LedgerError::Refused("the ledger knows no such guardian".into()))?;
            let told = self.told::<Guardian>(&guardian).await;
            let told = told.iter().map(Guardian::next_nonce);
            let nonce = bounded(record.next_nonce(), told);
            let claim = Claim::Guardian { guardian, nonce };
            let body = self.body(&standing, claim, action.clone());
            match self.hand_in(&body.sign(key)).await {
                Err(LedgerError::Refused(why) | LedgerError::Declined { why, .. })
                    if tries < TRIES && is_used(&why) =>
                {
                    tries += 1;
                }
                asked => return asked,
            }
        }
    }

    fn body(&self, standing: &Standing, claim: Claim, action: Action) -> Body {
        Body { network: self.trust.network, until: standing.now.plus_ms(LIFE_MS), claim, action }
    }

    pub(super) async fn sign_and_hand_in(
        &self,
        author: Author<'_>,
        account: &Account,
        action: Action,
    ) -> Result<Asked, LedgerError> {
        let (did, device) = (author.did(), author.device_id());
        let earlier = self.kept_of(author)?.into_iter().find(|earlier| earlier.body.action == action);
        if let Some(earlier) = earlier
            && let Some(asked) = self.again(&earlier).await?
        {
            return Ok(asked);
        }
        let standing = self.standing().await?;
        let rules = self.rules().await?;
        let told = self.told::<Account>(&did).await;
        let nonce = bounded(account.next_nonce(&device), told.iter().map(|told| told.next_nonce(&device)));
        let nonce = match &self.kept {
            Some(kept) => kept.number(&device, nonce)?,
            None => nonce,
        };
        let body = self.body(&standing, Claim::Device { did, device, nonce }, action);
        let needs_work = account.is_new(standing.now, &rules) || account.allowed(standing.now, &rules) == 0;
        // The signature covers the work.
        let operation = match needs_work {
            true => {
                let stamp = self.work(&body, &standing, &rules).await?;
                body.sign_stamped(stamp, author.device)
            }
            false => body.sign(author.device),
        };
        if let Some(kept) = &self.kept {
            kept.keep(&operation)?;
        }
        self.conclude(&operation).await
    }

    /// Sends once more what was asked before, or learns what became of it. Nothing
    /// where it is proven that it never happened and never will.
    async fn again(&self, operation: &Operation) -> Result<Option<Asked>, LedgerError> {
        let id = operation.id();
        let checkpoint = self.standing().await?.checkpoint;
        let is_over = checkpoint.at > operation.body.until;
        if !is_over {
            self.say(format!(
                "the same was asked before, and it is not known what became of it: operation {id} is sent again, and no other"
            ));
            return self.conclude(operation).await.map(Some);
        }
        if !self.is_used(operation, checkpoint.height).await? {
            self.forget(&id)?;
            return Ok(None);
        }
        match self.became(operation).await {
            Ok(Some(asked)) => {
                self.remember_outcome(operation);
                self.forget(&id)?;
                self.say(format!(
                    "the same was asked before, and came about at height {}: nothing was sent; ask again if you want it twice",
                    asked.height
                ));
                Ok(Some(asked))
            }
            Ok(None) => {
                self.forget(&id)?;
                Err(LedgerError::Unclear(id))
            }
            Err(LedgerError::Refused(why)) if is_used(&why) => {
                self.forget(&id)?;
                Err(LedgerError::Unclear(id))
            }
            // Its time is over.
            Err(LedgerError::Refused(_)) => {
                self.forget(&id)?;
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }

    /// Hands in what a device asks, and forgets it when its outcome is known.
    async fn conclude(&self, operation: &Operation) -> Result<Asked, LedgerError> {
        let id = operation.id();
        let outcome = self.settle(operation).await?;
        let Some(why) = outcome.refused else {
            self.remember_outcome(operation);
            self.forget(&id)?;
            return Ok(Asked { id, height: outcome.height });
        };
        // What a block refused before its number was looked at may come again in a
        // later one, and what is refused for its number may have come about before.
        let until = operation.body.until;
        match self.is_used(operation, outcome.height).await {
            Ok(true) if is_used(&why) => Err(LedgerError::Pending { id, until }),
            Ok(true) => {
                self.forget(&id)?;
                Err(LedgerError::Refused(why))
            }
            _ => Err(LedgerError::Declined { why, until }),
        }
    }

    /// Whether the number of a device's operation was used, or can never be, as of
    /// `height` or later.
    async fn is_used(&self, operation: &Operation, height: u64) -> Result<bool, LedgerError> {
        let Claim::Device { did, device, nonce } = &operation.body.claim else { return Ok(true) };
        let (_, shown) = self.prove::<Account>(did, height).await?;
        Ok(shown.record.is_some_and(|account| !account.can_use(device, *nonce)))
    }

    fn forget(&self, id: &OperationId) -> Result<(), LedgerError> {
        Ok(self.kept.as_ref().map_or(Ok(()), |kept: &Kept| kept.forget(id))?)
    }

    /// Hands in an operation that proves itself. It has its effect once, however often
    /// it is handed in.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ask_unsigned(&self, action: Action) -> Result<Asked, LedgerError> {
        let body = self.body(&self.standing().await?, Claim::Itself, action);
        self.hand_in(&body.unsigned()).await
    }

    /// What the ledger has of an identity, proven. One that guardians know of already
    /// is waited for until they have signed it.
    pub(super) async fn account(&self, did: &Did) -> Result<Option<Account>, LedgerError> {
        let height = self.standing().await?.checkpoint.height;
        let (_, shown) = self.prove::<Account>(did, height).await?;
        if shown.record.is_some() || self.told::<Account>(did).await.is_empty() {
            return Ok(shown.record);
        }
        Ok(self.prove_now::<Account>(did).await?.1.record)
    }

    pub(super) async fn account_at(&self, did: &Did, height: u64) -> Result<Account, LedgerError> {
        let (_, shown) = self.prove::<Account>(did, height).await?;
        shown.record.ok_or_else(|| LedgerError::Garbage("the ledger has no such identity".into()))
    }

    /// Founds the identity: a guardian that knows the person vouches for it, or
    /// this device works for it, also where a guardian's word is no good. An identity
    /// is founded once, however often that is asked.
    pub(super) async fn found(
        &self,
        author: Author<'_>,
        did: &Did,
        genesis: allod_did::Operation,
    ) -> Result<Asked, LedgerError> {
        let sponsorship = match author.person {
            Some(person) => self.sponsor(person, did).await,
            None => None,
        };
        if sponsorship.is_some() {
            let action = Action::Found { genesis: genesis.clone(), sponsorship };
            match self.ask_unsigned(action).await {
                Err(LedgerError::Refused(_) | LedgerError::Declined { .. }) => {}
                asked => return asked,
            }
        }
        let (standing, rules) = (self.standing().await?, self.rules().await?);
        let action = Action::Found { genesis, sponsorship: None };
        let body = self.body(&standing, Claim::Itself, action);
        let stamp = Some(self.work(&body, &standing, &rules).await?);
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

    /// Does the work that stands in for a sponsor.
    async fn work(&self, body: &Body, standing: &Standing, rules: &Parameters) -> Result<Stamp, LedgerError> {
        let (_, chain) = self.prove::<Chain>(&(), standing.checkpoint.height).await?;
        let chain = chain.record.ok_or_else(|| LedgerError::Garbage("the ledger has no height".into()))?;
        let (bits, message) = (rules.stamp_bits, body.message());
        let next = chain.height.saturating_add(1);
        let epoch = next / rules.epoch_heights.max(1);
        // At the first height of an epoch nobody knows its first block yet.
        let epoch =
            if next.is_multiple_of(rules.epoch_heights.max(1)) { epoch.saturating_sub(1) } else { epoch };
        let found = tokio::task::spawn_blocking(move || search(&chain, epoch, bits, &message, WORK));
        found.await.ok().flatten().ok_or(LedgerError::TooMuchWork { bits })
    }
}

/// Searches for a stamp, for a while.
fn search(chain: &Chain, epoch: u64, bits: u8, message: &[u8; 32], patience: Duration) -> Option<Stamp> {
    if bits > WORK_BITS_MAX {
        return None;
    }
    let begun = Moment::now();
    let counters =
        (0..u64::MAX).take_while(|counter| counter % WORK_STEP != 0 || begun.elapsed() <= patience);
    let mut stamps = counters.map(|counter| Stamp { epoch, counter });
    stamps.find(|stamp| Stamp::zero_bits(&stamp.work(&chain.mark, message)) >= u32::from(bits))
}

/// The next number: what guardians tell is taken only near what is proven.
fn bounded(proven: u64, told: impl Iterator<Item = u64>) -> u64 {
    told.max().unwrap_or(proven).clamp(proven, proven.saturating_add(AHEAD))
}

/// Whether a refusal is for a number that was used.
fn is_used(why: &str) -> bool {
    why.contains(&Rejection::NonceUsed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use allod_wire::{BlockId, Instant, NetworkId};

    #[test]
    fn nobody_can_tell_a_number_far_from_the_proven_one() {
        assert_eq!(bounded(7, [].into_iter()), 7);
        assert_eq!(bounded(7, [3, 9].into_iter()), 9);
        assert_eq!(bounded(7, [1].into_iter()), 7);
        assert_eq!(bounded(7, [u64::MAX].into_iter()), 7 + AHEAD);
        assert_eq!(bounded(u64::MAX, [5].into_iter()), u64::MAX);
    }

    #[test]
    fn work_that_takes_too_long_is_given_up() {
        let chain = Chain {
            network: NetworkId([1; 32]),
            genesis: Instant(0),
            height: 5,
            at: Instant(9),
            mark: BlockId([2; 32]),
            mark_before: BlockId([3; 32]),
            round: 0,
        };
        let stamp = search(&chain, 1, 8, &[7; 32], WORK).unwrap();
        assert!(Stamp::zero_bits(&stamp.work(&chain.mark, &[7; 32])) >= 8);
        assert_eq!(search(&chain, 1, 255, &[7; 32], WORK), None);
        assert_eq!(search(&chain, 1, WORK_BITS_MAX, &[7; 32], Duration::ZERO), None);
    }
}
