//! What sets a thing aside: a lock or an offer has it, and for the ledger nobody
//! owns it meanwhile.

use allod_ledger::holding::Holding;
use allod_ledger::lock::Lock;
use allod_ledger::name::NameRecord;
use allod_ledger::offer::Offer;
use allod_ledger::{Action, Rejection, Shown};
use allod_node::person::ledger::{Ledger, LedgerError};
use allod_wire::{LockId, OfferId};

use super::time;
use crate::failure::{Failure, Kind};

/// By what a name that nobody owns is set aside, and until when, in words that go on
/// from "it is".
pub(super) async fn of_name(ledger: &Ledger, shown: &Shown<NameRecord>) -> Result<String, LedgerError> {
    let unknown = || "set aside by a lock or an offer".to_owned();
    let Some(id) = shown.record.as_ref().and_then(|held| held.aside) else { return Ok(unknown()) };
    let lock = LockId(id);
    if let Some(record) = ledger.prove::<Lock>(&lock, shown.height).await?.1.record {
        let (until, whose) = (time(record.expires), record.owner);
        return Ok(format!(
            "set aside by {whose} for {}, until {until}, by the lock {lock}",
            record.recipient
        ));
    }
    let offer = OfferId(id);
    match ledger.prove::<Offer>(&offer, shown.height).await?.1.record {
        Some(record) => {
            let (until, whose) = (time(record.expires), record.seller);
            Ok(format!("set aside by {whose}, until {until}, by the offer {offer}"))
        }
        None => Ok(unknown()),
    }
}

/// Says of a refusal of what is about a name that it is set aside, where the ledger
/// took it for somebody else's.
pub(super) async fn explain(ledger: &Ledger, action: &Action, why: LedgerError) -> Failure {
    let name = match action {
        Action::RenewName { name, .. } => name,
        Action::Transfer { what: Holding::Name(name), .. }
        | Action::Lock { what: Holding::Name(name), .. }
        | Action::Offer { what: Holding::Name(name), .. } => name,
        _ => return why.into(),
    };
    let (LedgerError::Refused(words) | LedgerError::Declined { why: words, .. }) = &why else {
        return why.into();
    };
    if !words.contains(&Rejection::NotYours.to_string()) {
        return why.into();
    }
    match ledger.prove_now::<NameRecord>(name).await {
        Ok((_, shown)) if shown.record.as_ref().is_some_and(|held| held.owner.is_none()) => {
            match of_name(ledger, &shown).await {
                Ok(aside) => Failure::new(Kind::Failed, format!("the name {name} is {aside}")).next(
                    "an offer is taken back with `allod offer withdraw ID`, and a lock that was not claimed in time \
                     with `allod lock undo ID`",
                ),
                Err(_) => why.into(),
            }
        }
        Ok((_, shown)) => {
            let owner = shown.record.and_then(|held| held.owner);
            let text = match owner {
                Some(owner) => format!("the name {name} belongs to {owner}"),
                None => format!("nobody holds the name {name}"),
            };
            Failure::new(Kind::Failed, text)
        }
        Err(_) => why.into(),
    }
}
