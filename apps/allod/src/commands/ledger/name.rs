//! `allod name`: a short word that stands for a person.

use std::time::Duration;

use allod_crypto::Secret;
use allod_ledger::holding::Holding;
use allod_ledger::name::{NameRecord, commitment};
use allod_ledger::{Action, Rejection};
use allod_node::person::Home;
use serde_json::json;

use super::{after, ask, done, identity, now, open, parse_name, person_and_ledger, time};
use crate::cli::ledger::{Name, NameCommand};
use crate::failure::Failure;
use crate::screen::Screen;

/// How often a registration is tried while its announcement is too young.
const TRIES: usize = 40;

/// How long it is waited in between.
const PAUSE: Duration = Duration::from_millis(400);

pub(in super::super) async fn run(home: &Home, args: Name, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        NameCommand::Register { name, term } => {
            let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
            let parsed = parse_name(&name)?;
            let did = person.log.state().did();
            let same =
                |action: &Action| matches!(action, Action::RegisterName { name, .. } if *name == parsed);
            let (salt, until) = match ledger.earlier(&person, same).await? {
                // It was announced before, and it is not known what came of it.
                Some(Action::RegisterName { salt, until, .. }) => (salt, until),
                _ => {
                    let salt = *Secret::random(&mut allod_node::entropy()).expose();
                    let announced = commitment(&parsed, &did, &salt);
                    ask(&ledger, &person, Action::CommitName { commitment: announced }, screen).await?;
                    (salt, after(now(&ledger).await?, &term)?)
                }
            };
            // The announcement has to grow a little older first.
            let mut tries = 0;
            let asked = loop {
                let action = Action::RegisterName { name: parsed.clone(), salt, until };
                match ask(&ledger, &person, action, screen).await {
                    Err(why) if tries < TRIES && is_young(&why) => {
                        tries += 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                    asked => break asked?,
                }
            };
            let text = format!("{name} is yours until {}.", time(until));
            done(screen, &asked, json!({ "name": name, "owner": did.to_string(), "until": until.0 }), &text);
        }
        NameCommand::Renew { name, term } => {
            let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
            let parsed = parse_name(&name)?;
            let same = |action: &Action| matches!(action, Action::RenewName { name, .. } if *name == parsed);
            let until = match ledger.earlier(&person, same).await? {
                Some(Action::RenewName { until, .. }) => until,
                _ => after(now(&ledger).await?, &term)?,
            };
            let action = Action::RenewName { name: parsed, until };
            let asked = ask(&ledger, &person, action, screen).await?;
            let text = format!("{name} is yours until {}.", time(until));
            done(screen, &asked, json!({ "name": name, "until": until.0 }), &text);
        }
        NameCommand::Transfer { name, to } => {
            let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
            let recipient = identity(&ledger, &to).await?;
            let action = Action::Transfer { what: Holding::Name(parse_name(&name)?), to: recipient };
            let asked = ask(&ledger, &person, action, screen).await?;
            let text = format!("{name} belongs to {recipient} now.");
            done(screen, &asked, json!({ "name": name, "owner": recipient.to_string() }), &text);
        }
        NameCommand::Show { name } => {
            let ledger = open(home, &args.through, screen).await?;
            let (_, shown) = ledger.prove_now::<NameRecord>(&parse_name(&name)?).await?;
            let owner = shown.record.as_ref().and_then(|held| held.owner).map(|did| did.to_string());
            let until = shown.record.as_ref().map(|held| held.until);
            let said = match (&owner, until) {
                (Some(owner), Some(until)) => {
                    format!("{name} was held by {owner}, until {}", time(until))
                }
                (None, Some(_)) => format!("{name} was set aside by a lock or an offer"),
                _ => format!("{name} was free"),
            };
            screen.result(
                &json!({
                    "name": name,
                    "owner": owner,
                    "until": until.map(|until| until.0),
                    "height": shown.height,
                    "at": shown.at.0,
                }),
                &format!("{said}, at height {}, {}.", shown.height, time(shown.at)),
            );
        }
    }
    Ok(())
}

/// Whether a registration failed because its announcement is too young, or has not come
/// to the guardian that was asked.
fn is_young(why: &Failure) -> bool {
    let why = why.to_string();
    [Rejection::CommitmentTooYoung, Rejection::NotCommitted]
        .iter()
        .any(|young| why.contains(&young.to_string()))
}
