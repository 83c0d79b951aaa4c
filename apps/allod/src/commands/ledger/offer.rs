//! `allod offer`: selling and buying.

use allod_ledger::Action;
use allod_ledger::offer::{Offer as Record, offer_id};
use allod_node::person::Home;
use allod_node::person::ledger::Thing;
use allod_wire::OfferId;
use serde_json::json;

use super::list::remember;
use super::{after, ask, describe, done, holding, id, identity, now, open, person_and_ledger, time, units};
use crate::cli::ledger::{Offer, OfferCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Offer, screen: &Screen) -> Result<(), Failure> {
    if let OfferCommand::Show { offer } = &args.command {
        let ledger = open(home, &args.through, screen).await?;
        let (record, height, at) = find(&ledger, offer).await?;
        let whose = [record.seller].into_iter().chain(record.buyer);
        remember(home, &ledger.trust().network, &Thing::Offer(id(offer)?), whose, screen);
        screen.result(
            &json!({
                "offer": offer,
                "what": describe(&record.what),
                "seller": record.seller.to_string(),
                "price": { "asset": record.price.asset.to_string(), "amount": record.price.amount },
                "buyer": record.buyer.map(|did| did.to_string()),
                "expires": record.expires.0,
                "height": height,
                "at": at.0,
            }),
            &format!(
                "{} was offered by {} for {} units of {}, until {}\nat height {height}, {}.",
                describe(&record.what),
                record.seller,
                record.price.amount,
                record.price.asset,
                time(record.expires),
                time(at),
            ),
        );
        return Ok(());
    }
    let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
    match args.command {
        OfferCommand::Make { what, price, to, term } => {
            let (what, price) = (holding(&what)?, units(&price)?);
            let buyer = match to {
                Some(to) => Some(identity(&ledger, &to).await?),
                None => None,
            };
            let mut expires = after(now(&ledger).await?, &term)?;
            // The same offer with an outcome that is not known ends when it said.
            let same = |action: &Action| matches!(action, Action::Offer { what: w, price: p, buyer: b, .. } if (w, p, b) == (&what, &price, &buyer));
            if let Some(Action::Offer { expires: earlier, .. }) = ledger.earlier(&person, same).await? {
                expires = earlier;
            }
            let action = Action::Offer { what: what.clone(), price, buyer, expires };
            let asked = ask(&ledger, &person, action, screen).await?;
            let offer = offer_id(&asked.id);
            let text = format!(
                "{} is offered for {} units of {}, until {}.\noffer    {offer}",
                describe(&what),
                price.amount,
                price.asset,
                time(expires)
            );
            done(screen, &asked, json!({ "offer": offer.to_string(), "expires": expires.0 }), &text);
        }
        OfferCommand::Accept { offer } => {
            let (record, _, _) = find(&ledger, &offer).await?;
            let action = Action::Accept { offer: id(&offer)?, price: record.price };
            let asked = ask(&ledger, &person, action, screen).await?;
            let text = format!("{} is yours, for {} units.", describe(&record.what), record.price.amount);
            done(screen, &asked, json!({ "offer": offer }), &text);
        }
        OfferCommand::Withdraw { offer } => {
            let asked = ask(&ledger, &person, Action::Withdraw { offer: id(&offer)? }, screen).await?;
            done(screen, &asked, json!({ "offer": offer }), "The offer is taken back.");
        }
        OfferCommand::Show { .. } => {}
    }
    Ok(())
}

/// An offer as the network signed it.
async fn find(
    ledger: &allod_node::person::ledger::Ledger,
    offer: &str,
) -> Result<(Record, u64, allod_wire::Instant), Failure> {
    let (_, shown) = ledger.prove_now::<Record>(&id::<OfferId>(offer)?).await?;
    match shown.record {
        Some(record) => Ok((record, shown.height, shown.at)),
        None => Err(Failure::new(Kind::Failed, format!("there is no offer {offer} any more, or never was"))),
    }
}
