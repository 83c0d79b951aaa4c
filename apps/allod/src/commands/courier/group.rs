//! `allod group`: groups, and who belongs to them.

use allod_courier::group::{Action, GroupId};
use allod_did::Did;
use allod_node::person::Home;
use data_encoding::HEXLOWER;
use serde_json::json;

use super::told::printable;
use super::{Office, who};
use crate::cli::courier::{Group, GroupCommand};
use crate::failure::Failure;
use crate::screen::Screen;

pub(crate) fn run(home: &Home, args: Group, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    let done = match args.command {
        GroupCommand::Create { name, people } => {
            let dids = find_all(&office, &people)?;
            let id = office.with(|messenger| messenger.found_group(&name, &mut allod_node::entropy()))?;
            let added = change_all(&office, id, dids.into_iter().map(Action::Add));
            // The group is there, whoever could be added.
            show(&office, &id, screen)?;
            return added;
        }
        GroupCommand::Add { group, people } => {
            let (id, dids) = (find(&office, &group)?, find_all(&office, &people)?);
            change_all(&office, id, dids.into_iter().map(Action::Add)).map(|()| id)
        }
        GroupCommand::Remove { group, people } => {
            let (id, dids) = (find(&office, &group)?, find_all(&office, &people)?);
            change_all(&office, id, dids.into_iter().map(Action::Remove)).map(|()| id)
        }
        GroupCommand::Appoint { group, who } => {
            let (id, dids) = (find(&office, &group)?, find_all(&office, &[who])?);
            change_all(&office, id, dids.into_iter().map(Action::Appoint)).map(|()| id)
        }
        GroupCommand::Rename { group, name } => {
            let id = find(&office, &group)?;
            change_all(&office, id, [Action::Rename(name)]).map(|()| id)
        }
        GroupCommand::Leave { group } => {
            let id = find(&office, &group)?;
            change_all(&office, id, [Action::Leave])?;
            let number = HEXLOWER.encode(&id.0);
            screen.result(&json!({ "group": number, "left": true }), "You left. The others hear of it.");
            return Ok(());
        }
        GroupCommand::List => return list(&office, screen),
    };
    show(&office, &done?, screen)
}

fn find(office: &Office, typed: &str) -> Result<GroupId, Failure> {
    office.look(|messenger| who::group(messenger, typed))?
}

fn find_all(office: &Office, typed: &[String]) -> Result<Vec<Did>, Failure> {
    office.look(|messenger| typed.iter().map(|typed| who::person(messenger, typed)).collect())?
}

fn change_all(office: &Office, id: GroupId, actions: impl IntoIterator<Item = Action>) -> Result<(), Failure> {
    for action in actions {
        office.with(|messenger| {
            messenger.change_group(id, action, allod_node::now(), &mut allod_node::entropy())
        })?;
    }
    Ok(())
}

fn show(office: &Office, id: &GroupId, screen: &Screen) -> Result<(), Failure> {
    let rows = office.look(|messenger| {
        let group = messenger.group(id)?;
        let member = |(did, is_admin): &(Did, bool)| {
            json!({ "did": did.to_string(), "name": who::name_of(messenger, did), "admin": is_admin })
        };
        let members: Vec<_> = group.members.iter().map(member).collect();
        let number = HEXLOWER.encode(&id.0);
        let names = group.members.iter().map(|(did, is_admin)| {
            let admin = if *is_admin { " (admin)" } else { "" };
            format!("{}{admin}", printable(&who::name_of(messenger, did)))
        });
        let text = format!("{} ({}): {}", printable(&group.name), &number[..16], names.collect::<Vec<_>>().join(", "));
        Some((json!({ "group": number, "name": group.name, "members": members }), text))
    })?;
    if let Some((data, text)) = rows {
        screen.result(&data, &text);
    }
    Ok(())
}

fn list(office: &Office, screen: &Screen) -> Result<(), Failure> {
    let ids: Vec<GroupId> = office.look(|messenger| messenger.groups().map(|group| group.id).collect())?;
    if ids.is_empty() {
        screen.note("There is no group yet: `allod group create NAME --with WHO`.");
    }
    ids.iter().try_for_each(|id| show(office, id, screen))
}
