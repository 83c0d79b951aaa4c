//! Asking the holders of a key for the oblivious function of an input.

use std::sync::Arc;
use std::time::Duration;

use allod_crypto::Secret;
use allod_guardian::answering::{Committee, Evidence, Fault as AnswerFault, Question, Refusal, Reply};
use allod_threshold::answer::SignedAnswer;
use allod_wire::Wire;

use super::keyholders::{GuardianFault, Keyholders, Replies, Wrong, ask_one};
use super::{Ledger, LedgerError};
use crate::person::{Access, Address, Person};

/// How long answers are taken in that are not needed any more, so that their
/// receipts are kept and liars are named.
const GRACE: Duration = Duration::from_millis(300);

/// What came of an evaluation.
#[derive(Debug)]
pub struct Evaluation {
    /// What the guardians were asked for, and how far it came.
    pub evaluated: Evaluated,
    /// What guardians signed, false answers among it: to be kept.
    pub receipts: Vec<SignedAnswer>,
    /// Who did not help, and who lied.
    pub faults: Vec<GuardianFault>,
}

/// How far an evaluation came.
#[derive(Debug)]
pub enum Evaluated {
    /// The output, 64 bytes.
    Output(Secret<64>),
    /// Too few guardians answered.
    TooFew {
        /// Of which key.
        key: String,
        /// How many more were needed.
        missing: usize,
        /// Of how many.
        threshold: u16,
        /// How many of the key's holders know the person.
        registered: usize,
    },
}

impl Ledger {
    /// The function of the key `name` at `input`; or, where a second key is named,
    /// of both keys' sum, which no committee has.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn evaluate(
        &self,
        person: &Person,
        name: &str,
        second: Option<&str>,
        input: &[u8],
    ) -> Result<Evaluation, LedgerError> {
        let holders = self.holders_of(name, second, 0).await?;
        let (evaluation, moved_on) = evaluate_with(person, holders, input).await?;
        if !moved_on || matches!(evaluation.evaluated, Evaluated::Output(_)) {
            return Ok(evaluation);
        }
        // A key was handed on since the newest checkpoint.
        let holders = self.holders_of(name, second, self.height().await?).await?;
        let again = evaluate_with(person, holders, input).await?.0;
        let receipts = [evaluation.receipts, again.receipts].concat();
        Ok(Evaluation { receipts, ..again })
    }

    async fn holders_of(
        &self,
        name: &str,
        second: Option<&str>,
        height: u64,
    ) -> Result<Vec<Keyholders>, LedgerError> {
        let mut holders = Vec::new();
        for name in [name].into_iter().chain(second) {
            holders.push(self.keyholders(name, height).await?);
        }
        Ok(holders)
    }
}

/// What is asked of these committees.
fn question(committees: Vec<Committee>, input: &[u8]) -> Result<Question, LedgerError> {
    let mut committees = committees.into_iter();
    let mut rng = crate::entropy();
    let asked = match (committees.next(), committees.next()) {
        (Some(first), Some(second)) => Question::of_sum(input, first, second, &mut rng),
        (Some(only), None) => Question::new(input, only, &mut rng),
        (None, _) => return Err(LedgerError::Refused("no key was named".into())),
    };
    asked.map_err(|why| LedgerError::Refused(why.to_string()))
}

/// Asks these holders; also tells whether one of them holds another generation.
async fn evaluate_with(
    person: &Person,
    holders: Vec<Keyholders>,
    input: &[u8],
) -> Result<(Evaluation, bool), LedgerError> {
    let (committees, guardians): (Vec<_>, Vec<_>) =
        holders.into_iter().map(|Keyholders { committee, guardians }| (committee, guardians)).unzip();
    let mut question = question(committees, input)?;
    let access = person.configuration().and_then(|known| person.access(known.clone()).ok());
    let (mut replies, mut faults) = (Replies::new(), Vec::new());
    // How many of each key's holders know the person.
    let mut registered = Vec::new();
    let mut places = 0;
    for ((_, request), guardians) in question.requests().zip(&guardians) {
        let request = Arc::new(allod_wire::encode(&request));
        let mut known = 0;
        for holder in guardians {
            let place = places;
            places += 1;
            let token = access.as_ref().and_then(|access| token(access, &holder.record.terms.service));
            match (&holder.link, token) {
                (Some(link), Some(token)) => {
                    known += 1;
                    let (link, request) = (Arc::clone(link), Arc::clone(&request));
                    let path = "/chain/evaluate";
                    ask_one(&mut replies, place, link, path, Some(token), request, Reply::SIZE_MAX);
                }
                (None, _) => faults.push(holder.fault(Wrong::NotAsked("its address makes no sense"))),
                (_, None) => faults.push(holder.fault(Wrong::NotAsked("you are not registered with it"))),
            }
        }
        registered.push(known);
    }
    let guardians = guardians.concat();
    let (mut receipts, mut moved_on) = (Vec::new(), false);
    let missing = |question: &Question| question.missing().sum::<usize>();
    while let Some((place, reply)) = next(&mut replies, missing(&question) == 0).await {
        let Some(holder) = guardians.get(place) else { continue };
        let wrong = match reply.map(|bytes| allod_wire::decode::<Reply>(&bytes)) {
            Err(fault) => Some(Wrong::Silent(fault)),
            Ok(Err(_)) => Some(Wrong::Lied("what it sent is no answer".into())),
            Ok(Ok(reply)) => match question.accept(&holder.guardian, &reply) {
                Ok(()) => {
                    if let Reply::Answered(signed) = reply {
                        receipts.push(*signed);
                    }
                    None
                }
                Err(AnswerFault::Refused(refusal)) => {
                    moved_on |= matches!(refusal, Refusal::OtherGeneration { .. } | Refusal::NoShare);
                    Some(Wrong::Refused(refusal.to_string()))
                }
                Err(AnswerFault::OtherGeneration { given }) => {
                    moved_on = true;
                    Some(Wrong::Refused(AnswerFault::OtherGeneration { given }.to_string()))
                }
                Err(fault) => {
                    if let AnswerFault::Lied(Evidence::False(signed)) = &fault {
                        receipts.push((**signed).clone());
                    }
                    Some(Wrong::Lied(fault.to_string()))
                }
            },
        };
        faults.extend(wrong.map(|wrong| holder.fault(wrong)));
    }
    let evaluated = match question.output() {
        Some(output) => Evaluated::Output(output),
        None => too_few(&question, &registered),
    };
    Ok((Evaluation { evaluated, receipts, faults }, moved_on))
}

/// The first key for which answers are missing.
fn too_few(question: &Question, registered: &[usize]) -> Evaluated {
    let asked = question.requests().map(|(committee, _)| committee);
    let lacking = asked.zip(question.missing()).zip(registered).find(|((_, missing), _)| *missing > 0);
    let (key, missing, threshold, registered) = match lacking {
        Some(((committee, missing), registered)) => {
            (committee.key().to_owned(), missing, committee.threshold(), *registered)
        }
        // All are there, and yet there is no output: no key can make that of it.
        None => (String::new(), 0, 0, 0),
    };
    Evaluated::TooFew { key, missing, threshold, registered }
}

/// The next reply; with patience only while it is needed.
pub(super) async fn next(
    replies: &mut Replies,
    is_enough: bool,
) -> Option<(usize, Result<Vec<u8>, allod_guardian::client::Fault>)> {
    let patience = if is_enough { GRACE } else { Duration::MAX };
    let next = tokio::time::timeout(patience, replies.join_next()).await.ok()??;
    next.ok()
}

/// A token for the guardian at `service`, if the person is registered with it.
fn token(access: &Access, service: &str) -> Option<String> {
    let service = service.parse::<Address>().ok()?;
    let place = access.links().iter().position(|link| *link.address() == service)?;
    Some(access.token(place))
}
