//! `allod devices`: who may act for the identity, and who is to.

use allod_did::PublicKey;
use allod_node::person::ledger::Anchored;
use allod_node::person::{Home, Person};
use serde_json::json;

use super::ledger::waiting;
use super::{hold, load};
use crate::cli::{Devices, DevicesCommand};
use crate::failure::Failure;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: Devices, screen: &Screen) -> Result<(), Failure> {
    let _lock = hold(home, screen)?;
    let mut person = load(home)?;
    match args.command.unwrap_or(DevicesCommand::List) {
        DevicesCommand::List => {}
        DevicesCommand::Add { key, name } => {
            let key = PublicKey::from_did_key(&key).map_err(|e| Failure::usage(e.to_string()))?;
            follow(home, &mut person, screen).await?;
            let now = allod_node::now().max(person.log.state().at());
            person.change_log(home, |log, root| log.add_device(root, key, &name, now).map(drop)).await?;
        }
        DevicesCommand::Remove { id } => {
            follow(home, &mut person, screen).await?;
            let mut found =
                person.log.state().devices().iter().filter(|d| d.id().to_string().starts_with(&id));
            let device = match (found.next(), found.next()) {
                (Some(device), None) => device.id(),
                (None, _) => return Err(Failure::usage(format!("no device's id begins with {id:?}"))),
                (Some(_), Some(_)) => {
                    return Err(Failure::usage(format!(
                        "several devices' ids begin with {id:?}; give more of it"
                    )));
                }
            };
            let now = allod_node::now().max(person.log.state().at());
            person.change_log(home, |log, root| log.remove_device(root, device, now).map(drop)).await?;
        }
        DevicesCommand::Object => return waiting::object(home, &person, screen).await,
        DevicesCommand::Accept { yes } => {
            // What is accepted is what was listed before, and nothing that came since.
            if !yes {
                follow(home, &mut person, screen).await?;
            }
            return waiting::accept(home, &mut person, yes, screen).await;
        }
    }
    let anchored = waiting::look(home, &person, screen).await;
    show(&person, anchored.as_ref(), screen);
    Ok(())
}

/// Takes over what other devices changed, so that this change builds on it.
async fn follow(home: &Home, person: &mut Person, screen: &Screen) -> Result<(), Failure> {
    if !person.refresh(home).await? {
        screen.warn(
            "too few guardians could be asked what other devices changed; going on with what is known here",
        );
    }
    Ok(())
}

fn show(person: &Person, anchored: Option<&Anchored>, screen: &Screen) {
    let this = person.device_id();
    let devices = person.log.state().devices();
    let rows: Vec<_> = devices
        .iter()
        .map(|device| {
            json!({
                "id": device.id().to_string(),
                "name": device.name(),
                "key": device.key().to_did_key(),
                "added": device.added_at().as_secs(),
                "this": device.id() == this,
                "on_ledger": anchored.map(|anchored| anchored.state.device(&device.id()).is_some()),
            })
        })
        .collect();
    let lines: Vec<String> = devices
        .iter()
        .map(|device| {
            let mark = if device.id() == this { "  (this device)" } else { "" };
            let outside = anchored.is_some_and(|anchored| anchored.state.device(&device.id()).is_none());
            let outside = if outside { "  (not on the ledger)" } else { "" };
            format!(
                "{}  {}  {}{mark}{outside}",
                &device.id().to_string()[..12],
                device.key().to_did_key(),
                device.name()
            )
        })
        .collect();
    let (waits, waiting) = waiting::shown(person, anchored);
    screen.result(&json!({ "devices": rows, "waiting": waiting }), &format!("{}{waits}", lines.join("\n")));
}
