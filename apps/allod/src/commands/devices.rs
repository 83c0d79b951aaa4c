//! `allod devices`: who may act for the identity.

use allod_did::PublicKey;
use allod_node::person::{Home, Person};
use serde_json::json;

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
    }
    show(&person, screen);
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

fn show(person: &Person, screen: &Screen) {
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
            })
        })
        .collect();
    let lines: Vec<String> = devices
        .iter()
        .map(|device| {
            let mark = if device.id() == this { "  (this device)" } else { "" };
            format!(
                "{}  {}  {}{mark}",
                &device.id().to_string()[..12],
                device.key().to_did_key(),
                device.name()
            )
        })
        .collect();
    screen.result(&json!({ "devices": rows }), &lines.join("\n"));
}
