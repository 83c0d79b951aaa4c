//! `allod lock`: setting something aside for somebody who is offline.

use allod_crypto::{Secret, hash};
use allod_ledger::Action;
use allod_ledger::lock::{Lock as Record, lock_id};
use allod_node::person::Home;
use allod_node::person::ledger::Thing;
use allod_wire::LockId;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::json;

use super::list::remember;
use super::{after, ask, describe, done, holding, id, identity, now, open, person_and_ledger, time};
use crate::cli::ledger::{Lock, LockCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Lock, screen: &Screen) -> Result<(), Failure> {
    if let LockCommand::Show { lock } = &args.command {
        let ledger = open(home, &args.through, screen).await?;
        let id = id::<LockId>(lock)?;
        let (_, shown) = ledger.prove_now::<Record>(&id).await?;
        let Some(record) = shown.record else {
            return Err(Failure::new(
                Kind::Failed,
                format!("there is no lock {lock} any more, or never was"),
            ));
        };
        let whose = [record.owner, record.recipient];
        remember(home, &ledger.trust().network, &Thing::Lock(id), whose, screen);
        screen.result(
            &json!({
                "lock": lock,
                "what": describe(&record.what),
                "owner": record.owner.to_string(),
                "recipient": record.recipient.to_string(),
                "expires": record.expires.0,
                "release": record.release.is_some(),
                "height": shown.height,
                "at": shown.at.0,
            }),
            &format!(
                "{} was set aside by {} for {}, until {}{}\nat height {}, {}.",
                describe(&record.what),
                record.owner,
                record.recipient,
                time(record.expires),
                if record.release.is_some() { ", to be claimed with a release" } else { "" },
                shown.height,
                time(shown.at),
            ),
        );
        return Ok(());
    }
    let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
    match args.command {
        LockCommand::Make { what, to, term, release } => {
            let what = holding(&what)?;
            let recipient = identity(&ledger, &to).await?;
            let mut expires = after(now(&ledger).await?, &term)?;
            let mut secret: Option<Secret<32>> = release.then(|| Secret::random(&mut allod_node::entropy()));
            let mut hashed = secret.as_ref().map(|secret| hash::sha256(secret.expose()));
            // The same lock with an outcome that is not known ends when it said, and has
            // the release that it had.
            let same = |action: &Action| {
                matches!(action, Action::Lock { what: w, recipient: r, release: h, .. }
                    if (w, r, h.is_some()) == (&what, &recipient, release))
            };
            if let Some(Action::Lock { expires: earlier, release: known, .. }) =
                ledger.earlier(&person, same).await?
            {
                (expires, hashed) = (earlier, known);
                secret = match &known {
                    Some(known) => ledger.secret(known)?,
                    None => None,
                };
            } else if let (Some(secret), Some(hashed)) = (&secret, &hashed) {
                ledger.keep_secret(hashed, secret)?;
            }
            let action = Action::Lock { what: what.clone(), recipient, expires, release: hashed };
            let asked = ask(&ledger, &person, action, screen).await?;
            let lock = lock_id(&asked.id);
            let release = secret.map(|secret| HEXLOWER_PERMISSIVE.encode(secret.expose()));
            let mut text = format!(
                "{} is set aside for {recipient} until {}.\nlock     {lock}",
                describe(&what),
                time(expires)
            );
            if let Some(release) = &release {
                text += &format!(
                    "\nrelease  {release}\nHand the release over when the deal is struck. It is shown only now."
                );
            }
            done(
                screen,
                &asked,
                json!({ "lock": lock.to_string(), "release": release, "expires": expires.0 }),
                &text,
            );
            if let Some(hashed) = &hashed {
                ledger.forget_secret(hashed)?;
            }
        }
        LockCommand::Claim { lock, release } => {
            let release = release.as_deref().map(parse_release).transpose()?;
            let action = Action::Claim { lock: id(&lock)?, release };
            let asked = ask(&ledger, &person, action, screen).await?;
            done(screen, &asked, json!({ "lock": lock }), "It is yours.");
        }
        LockCommand::Undo { lock } => {
            let asked = ask(&ledger, &person, Action::Unlock { lock: id(&lock)? }, screen).await?;
            done(screen, &asked, json!({ "lock": lock }), "The lock is undone.");
        }
        LockCommand::Show { .. } => {}
    }
    Ok(())
}

fn parse_release(text: &str) -> Result<[u8; 32], Failure> {
    HEXLOWER_PERMISSIVE
        .decode(text.trim().as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Failure::usage("a release is 32 bytes in hexadecimal"))
}
