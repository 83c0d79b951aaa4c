//! Asking the holders of a key for the oblivious function of an input.

use std::sync::Arc;
use std::time::Duration;

use allod_crypto::Secret;
use allod_guardian::answering::{Evidence, Fault as AnswerFault, Question, Refusal, Reply};
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
        /// How many more were needed.
        missing: usize,
        /// Of how many.
        threshold: u16,
        /// How many of the key's holders know the person.
        registered: usize,
    },
}

impl Ledger {
    /// The function of the key `name` at `input`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn evaluate(
        &self,
        person: &Person,
        name: &str,
        input: &[u8],
    ) -> Result<Evaluation, LedgerError> {
        let holders = self.keyholders(name, 0).await?;
        let (evaluation, moved_on) = evaluate_with(person, holders, input).await?;
        if !moved_on || matches!(evaluation.evaluated, Evaluated::Output(_)) {
            return Ok(evaluation);
        }
        // The key was handed on since the newest checkpoint.
        let holders = self.keyholders(name, self.height().await?).await?;
        let again = evaluate_with(person, holders, input).await?.0;
        let receipts = [evaluation.receipts, again.receipts].concat();
        Ok(Evaluation { receipts, ..again })
    }
}

/// Asks these holders; also tells whether one of them holds another generation.
async fn evaluate_with(
    person: &Person,
    holders: Keyholders,
    input: &[u8],
) -> Result<(Evaluation, bool), LedgerError> {
    let Keyholders { committee, guardians } = holders;
    let threshold = committee.threshold();
    let mut question = Question::new(input, committee, &mut crate::entropy())
        .map_err(|why| LedgerError::Refused(why.to_string()))?;
    let Some(request) = question.requests().next().map(|(_, request)| Arc::new(allod_wire::encode(&request)))
    else {
        unreachable!("a question is to one committee at least")
    };
    let access = person.configuration().and_then(|known| person.access(known.clone()).ok());
    let (mut replies, mut faults, mut registered) = (Replies::new(), Vec::new(), 0);
    for (place, holder) in guardians.iter().enumerate() {
        match (&holder.link, access.as_ref().and_then(|access| token(access, &holder.record.terms.service))) {
            (Some(link), Some(token)) => {
                registered += 1;
                let (link, request) = (Arc::clone(link), Arc::clone(&request));
                ask_one(&mut replies, place, link, "/chain/evaluate", Some(token), request, Reply::SIZE_MAX);
            }
            (None, _) => faults.push(holder.fault(Wrong::NotAsked("its address makes no sense"))),
            (_, None) => faults.push(holder.fault(Wrong::NotAsked("you are not registered with it"))),
        }
    }
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
        None => Evaluated::TooFew { missing: missing(&question), threshold, registered },
    };
    Ok((Evaluation { evaluated, receipts, faults }, moved_on))
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
