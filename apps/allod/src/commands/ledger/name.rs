//! `allod name`: a short word that stands for a person.

use std::time::Duration;

use allod_crypto::Secret;
use allod_did::Did;
use allod_ledger::holding::Holding;
use allod_ledger::name::{Name as Word, NameRecord, commitment};
use allod_ledger::{Action, Rejection};
use allod_node::person::Home;
use allod_node::person::ledger::{Ledger, Thing};
use serde_json::json;

use super::list::remember;
use super::{after, aside, ask, done, identity, now, open, parse_name, person_and_ledger, time};
use crate::cli::ledger::{Name, NameCommand};
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// How often a registration is tried while its announcement is too young.
const TRIES: usize = 40;

/// How long an announcement may take to become old enough, before it is tried anyway.
const RIPENING: Duration = Duration::from_secs(60);

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
            let earlier = ledger.earlier(&person, same).await?;
            free(&ledger, &parsed, &did, earlier.is_some()).await?;
            let (salt, until) = match earlier {
                // It was announced before, and it is not known what came of it.
                Some(Action::RegisterName { salt, until, .. }) => (salt, until),
                _ => {
                    let until = after(now(&ledger).await?, &term)?;
                    let salt = *Secret::random(&mut allod_node::entropy()).expose();
                    let announced = commitment(&parsed, &did, &salt);
                    let asked =
                        ask(&ledger, &person, Action::CommitName { commitment: announced }, screen).await?;
                    ripen(&ledger, asked.height, screen).await?;
                    (salt, until)
                }
            };
            // A guardian may be a little behind.
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
            let parsed = parse_name(&name)?;
            let (_, shown) = ledger.prove_now::<NameRecord>(&parsed).await?;
            let owner = shown.record.as_ref().and_then(|held| held.owner);
            remember(home, &ledger.trust().network, &Thing::Name(parsed), owner, screen);
            let owner = owner.map(|did| did.to_string());
            let until = shown.record.as_ref().map(|held| held.until);
            let said = match (&owner, until) {
                (Some(owner), Some(until)) => {
                    format!("{name} was held by {owner}, until {}", time(until))
                }
                (None, Some(_)) => format!("{name} was {}", aside::of_name(&ledger, &shown).await?),
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

/// Makes sure that nobody holds a name, or only they who may have asked for it before,
/// as the network proves it. An announcement of a name that is taken would be in vain.
async fn free(ledger: &Ledger, name: &Word, did: &Did, asked_before: bool) -> Result<(), Failure> {
    let (_, shown) = ledger.prove_now::<NameRecord>(name).await?;
    let grace = ledger.rules().await?.name_grace_ms;
    let Some(held) = shown.record.as_ref().filter(|held| shown.at <= held.until.plus_ms(grace)) else {
        return Ok(());
    };
    let taken = |text: String| Failure::new(Kind::Failed, text);
    match &held.owner {
        Some(owner) if owner == did && asked_before => Ok(()),
        Some(owner) if owner == did => {
            Err(taken(format!("{name} is yours already, until {}", time(held.until)))
                .next(format!("hold it for longer with `allod name renew {name}`")))
        }
        Some(owner) => {
            let free = time(held.until.plus_ms(grace));
            Err(taken(format!("the name {name} is taken: held by {owner} until {}", time(held.until)))
                .next(format!("choose another name; unless it is renewed, this one is free after {free}")))
        }
        None => {
            let aside = aside::of_name(ledger, &shown).await?;
            Err(taken(format!("the name {name} is taken: it is {aside}")).next("choose another name"))
        }
    }
}

/// Waits until what was announced at `height` is old enough: told before, the name
/// would be refused.
async fn ripen(ledger: &Ledger, height: u64, screen: &Screen) -> Result<(), Failure> {
    let ripe = height.saturating_add(ledger.rules().await?.name_age_heights).saturating_sub(1);
    let waiting = Waiting::new(screen);
    waiting.say("the announcement has to grow a little older");
    let deadline = tokio::time::Instant::now() + RIPENING;
    while ledger.height().await? < ripe && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
    waiting.end();
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
