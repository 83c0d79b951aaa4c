//! Naming a guardian of the network: by its id, its address or its operator's label.

use allod_ledger::guardian::Guardian;
use allod_node::person::Address;
use allod_node::person::ledger::{Ledger, Listed};
use allod_wire::GuardianId;

use crate::failure::{Failure, Kind};

/// The one guardian with this id, at this address, or of this operator, among those
/// that are `wanted` as of `height` or later; `what` says in an error what those are.
pub(super) async fn find(
    ledger: &Ledger,
    height: u64,
    who: &str,
    what: &str,
    wanted: impl Fn(&Guardian) -> bool,
) -> Result<Listed, Failure> {
    let none = || Failure::new(Kind::Failed, format!("the network has no {what} {who:?}"));
    if let Ok(id) = who.parse::<GuardianId>() {
        return ledger.guardian(&id, height).await?.filter(|listed| wanted(&listed.record)).ok_or_else(none);
    }
    let address = who.parse::<Address>().ok();
    let fits = |listed: &Listed| match &address {
        Some(address) => {
            listed.link.as_ref().is_some_and(|link| {
                let known = link.address();
                // The pin may be left out: the ledger has it.
                (known.tls, &known.host, known.port) == (address.tls, &address.host, address.port)
                    && (address.pin.is_none() || address.pin == known.pin)
            })
        }
        None => listed.record.terms.operator == who,
    };
    let roster = ledger.roster(height).await?;
    let mut found: Vec<_> =
        roster.into_iter().filter(|listed| wanted(&listed.record) && fits(listed)).collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(one), false) => {
            let more = found.iter().chain([&one]);
            let more = more.map(|listed| format!("{} at {}", listed.guardian, listed.record.terms.service));
            Err(Failure::usage(format!("several {what}s are of {who:?}; name one by its id"))
                .with_details(more))
        }
        (None, _) => Err(none().next("name it by its address, its id, or its operator's label")),
    }
}
