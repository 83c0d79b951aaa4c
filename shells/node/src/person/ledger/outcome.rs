//! Handing an operation in, and what became of it.
//!
//! The same bytes go to one guardian after the other, since the first may say that it
//! refused them, or took them, and mean neither. What became of them is believed when
//! more than a third of the network's guardians say the same, of whom one at least is
//! honest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use allod_guardian::client::Fault;
use allod_ledger::Operation;
use allod_ledger::guardian::{Guardian, Roster};
use allod_wire::OperationId;
use tokio::task::JoinSet;

use super::{Asked, LOOK, Ledger, LedgerError, Link, PATIENCE};
use crate::person::Address;

/// Bytes of a guardian's short answers.
pub(super) const ANSWER_MAX: usize = 4096;

/// How long an operation that one guardian took may take to come up, before the next
/// one gets it too.
const NEXT: Duration = Duration::from_secs(3);

/// How long it is asked for what became of an operation that no guardian takes.
const LAST_LOOK: Duration = Duration::from_millis(1_500);

/// What guardians say became of an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome {
    pub(super) height: u64,
    pub(super) refused: Option<String>,
}

/// What came of handing it to each of the guardians.
#[derive(Debug, Default)]
struct Round {
    taken: bool,
    refused: Option<String>,
    silent: Option<Fault>,
}

impl Ledger {
    /// Hands an operation in, and waits until the ledger has it.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where more than a third of the guardians say so;
    /// [`LedgerError::Declined`] where none passes it on, [`LedgerError::Pending`]
    /// where it does not come up in time: after both, it may still happen.
    pub async fn hand_in(&self, operation: &Operation) -> Result<Asked, LedgerError> {
        let outcome = self.settle(operation).await?;
        match outcome.refused {
            Some(why) => Err(LedgerError::Refused(why)),
            None => Ok(Asked { id: operation.id(), height: outcome.height }),
        }
    }

    /// The same; a refusal that a block has is an outcome.
    pub(super) async fn settle(&self, operation: &Operation) -> Result<Outcome, LedgerError> {
        let bytes = allod_wire::encode(operation);
        let (id, until) = (allod_ledger::id_of(&bytes), operation.body.until);
        let mut watch = self.watch(id).await?;
        let round = self.round(&bytes);
        tokio::pin!(round);
        let mut rounds = None;
        let mut deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                outcome = watch.agreed() => match outcome {
                    Some(outcome) => return Ok(outcome),
                    None => break,
                },
                done = &mut round, if rounds.is_none() => {
                    if !done.taken {
                        deadline = tokio::time::Instant::now() + LAST_LOOK;
                    }
                    rounds = Some(done);
                }
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        match rounds {
            Some(Round { taken: false, refused: Some(why), .. }) => Err(LedgerError::Declined { why, until }),
            // A request without an answer may have arrived.
            Some(Round { taken: false, silent: Some(fault), .. }) => {
                Err(LedgerError::Declined { why: format!("none answered: {fault}"), until })
            }
            _ => Err(LedgerError::Pending { id, until }),
        }
    }

    /// Gives the bytes to one guardian after the other. Ends when each has them.
    async fn round(&self, bytes: &[u8]) -> Round {
        let mut round = Round::default();
        for link in &self.links {
            match link.post("/chain/operations", None, bytes, ANSWER_MAX).await {
                Ok(_) => {
                    round.taken = true;
                    tokio::time::sleep(NEXT).await;
                }
                // Whom the ledger has not seen, the next may know better.
                Err(Fault::Refused(why)) => round.refused = Some(in_words(&why)),
                Err(fault) => round.silent = Some(fault),
            }
        }
        round
    }

    /// What became of an operation, without handing it in. The inner nothing: more
    /// than a third of the guardians do not know it any more, or never did.
    ///
    /// # Errors
    /// [`LedgerError::Pending`] where too few answer.
    pub(super) async fn became(&self, operation: &Operation) -> Result<Option<Asked>, LedgerError> {
        let (id, until) = (operation.id(), operation.body.until);
        let mut watch = self.watch(id).await?;
        match tokio::time::timeout(LAST_LOOK * 4, watch.agreed()).await {
            Ok(Some(Outcome { refused: Some(why), .. })) => Err(LedgerError::Refused(why)),
            Ok(Some(Outcome { height, refused: None })) => Ok(Some(Asked { id, height })),
            _ if watch.ignorant() => Ok(None),
            _ => Err(LedgerError::Pending { id, until }),
        }
    }

    /// Asks all guardians of the network what became of an operation, until each has
    /// said it.
    async fn watch(&self, id: OperationId) -> Result<Watch, LedgerError> {
        let links = self.active().await?;
        let (ask, silent) =
            (format!("/chain/operations/{id}"), Arc::new(std::sync::Mutex::new(BTreeMap::new())));
        let needed = links.len() / 3 + 1;
        let mut answers = JoinSet::new();
        for (place, link) in links.iter().flatten().cloned().enumerate() {
            let (path, silent) = (ask.clone(), Arc::clone(&silent));
            answers.spawn(async move {
                loop {
                    match link.get(&path, ANSWER_MAX).await {
                        Ok(Some(bytes)) => return outcome(&bytes),
                        answer => {
                            let mut silent = silent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                            silent.insert(place, answer.is_ok());
                        }
                    }
                    tokio::time::sleep(LOOK).await;
                }
            });
        }
        Ok(Watch { answers, silent, said: BTreeMap::new(), needed })
    }

    /// The ways to all active guardians of the network, as it proves them; nothing for
    /// one whose address makes no sense.
    pub(super) async fn active(&self) -> Result<&[Option<Arc<Link>>], LedgerError> {
        let found = self.active.get_or_try_init(|| async {
            let height = self.standing().await?.checkpoint.height;
            let (_, roster) = self.prove::<Roster>(&(), height).await?;
            let mut links = Vec::new();
            for id in roster.record.unwrap_or_default().0 {
                let (_, guardian) = self.prove::<Guardian>(&id, height).await?;
                let Some(guardian) = guardian.record.filter(Guardian::is_active) else { continue };
                let address = guardian.terms.service.parse::<Address>();
                links.push(address.ok().map(|address| self.way(address)));
            }
            Ok::<_, LedgerError>(links)
        });
        Ok(found.await?)
    }
}

/// The answers of all guardians about one operation, as they come.
struct Watch {
    answers: JoinSet<Option<Outcome>>,
    /// Whether a guardian answered that it knows nothing, last.
    silent: Arc<std::sync::Mutex<BTreeMap<usize, bool>>>,
    said: BTreeMap<Outcome, usize>,
    needed: usize,
}

impl Watch {
    /// What enough of them say; nothing where all have spoken and do not agree. May be
    /// dropped and called again.
    async fn agreed(&mut self) -> Option<Outcome> {
        while let Some(answer) = self.answers.join_next().await {
            let Ok(Some(outcome)) = answer else { continue };
            let count = self.said.entry(outcome.clone()).or_default();
            *count += 1;
            if *count >= self.needed {
                return Some(outcome);
            }
        }
        None
    }

    /// Whether enough of them answered that they know nothing.
    fn ignorant(&self) -> bool {
        let silent = self.silent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        silent.values().filter(|answered| **answered).count() >= self.needed
    }
}

/// A refusal without the status code in front, which says nothing to people that the
/// words do not.
fn in_words(why: &str) -> String {
    match why.split_once(": ") {
        Some((code, words)) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
            words.into()
        }
        _ => why.into(),
    }
}

/// What a guardian says became of an operation.
fn outcome(bytes: &[u8]) -> Option<Outcome> {
    let said: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let height = said.get("height")?.as_u64()?;
    let refused = match said.get("refused") {
        None | Some(serde_json::Value::Null) => None,
        Some(why) => Some(why.as_str()?.chars().filter(|c| !c.is_control()).take(200).collect()),
    };
    Some(Outcome { height, refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(height: u64, refused: Option<&str>) -> Option<Outcome> {
        Some(Outcome { height, refused: refused.map(str::to_owned) })
    }

    #[test]
    fn what_a_guardian_says_is_read_or_passed_over() {
        assert_eq!(outcome(br#"{"height":7,"refused":null}"#), said(7, None));
        assert_eq!(outcome(br#"{"height":7,"refused":"no\u001b"}"#), said(7, Some("no")));
        for garbage in [&b"{}"[..], b"", b"[7]", br#"{"height":-7}"#, br#"{"height":7,"refused":7}"#] {
            assert_eq!(outcome(garbage), None);
        }
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        assert_eq!(in_words("409: the announcement is too young"), "the announcement is too young");
        for whole in ["the identity's log does not take it: no", "no: 409", "40: x", ""] {
            assert_eq!(in_words(whole), whole);
        }
    }

    #[tokio::test]
    async fn an_outcome_is_believed_when_more_than_a_third_say_the_same() {
        for (answers, agreed) in [
            (vec![said(1, Some("no")), said(5, None), said(5, None)], said(5, None)),
            (vec![said(5, None), None, said(6, None), said(5, Some("no"))], None),
        ] {
            let mut watch =
                Watch { answers: JoinSet::new(), silent: Arc::default(), said: BTreeMap::new(), needed: 2 };
            for answer in answers {
                watch.answers.spawn(async move { answer });
            }
            assert_eq!(watch.agreed().await, agreed);
        }
    }
}
