//! Lost vaults from their peers: the person's own, and shared folders.

use allod_node::backup::{Backup, Found, Progress, find, restore};
use allod_node::person::{Home, Person};
use allod_vault::SpaceId;
use allod_vault::backup::FolderRecord;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::super::meter::count;
use super::super::open::{VaultHome, open_existing, place};
use super::super::spaces::{Space, free_name};
use super::{announce, faults_of, secret_of, size, warn};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(crate) async fn run(
    home: &Home,
    space: Option<&str>,
    from_peer: Vec<String>,
    screen: &Screen,
) -> Result<(), Failure> {
    let person = load(home)?;
    let mut addresses = from_peer;
    addresses.extend(person.backup_peers.iter().cloned());
    addresses.extend(person.known_guardians());
    if addresses.is_empty() {
        return Err(Failure::usage("nobody is known who could have a backup")
            .next("name one of your backup peers with --from-peer URL"));
    }
    if let Some(name) = space {
        let folder = named(home, &person, name, &addresses, screen).await?;
        let (found, value, text) = bring_folder(home, &person, folder, &addresses, screen).await?;
        announce(home, &peers_of(&found), &[], screen).await?;
        screen.result(&value, &text);
        return Ok(());
    }
    let own = VaultHome::own(home);
    let found = look(&own, &person, &addresses, screen).await?;
    let (mut value, mut text) = bring(&own, &person, &found, screen).await?;
    let mut peers = peers_of(&found);
    addresses.extend(peers.iter().cloned());
    let (mut rows, mut failed) = (Vec::new(), None);
    for folder in found.catalogue.folders.iter().filter(|folder| !is_there(home, folder)) {
        let name = folder.name.clone();
        match bring_folder(home, &person, folder.clone(), &addresses, screen).await {
            Ok((found, row, line)) => {
                rows.push(row);
                text += &format!("\n{line}");
                peers.extend(peers_of(&found));
            }
            Err(why) => {
                screen.warn(&format!("the shared folder {name} did not come back"));
                failed
                    .get_or_insert(why.next(format!("`allod --space {name} backup restore` tries it again")));
            }
        }
    }
    announce(home, &peers, &[], screen).await?;
    value["folders"] = rows.into();
    match failed {
        None => {
            screen.result(&value, &text);
            Ok(())
        }
        Some(failure) => {
            screen.note(&text);
            Err(failure.data(value))
        }
    }
}

/// Looks for the newest backup of a vault that is not here.
async fn look(
    home: &VaultHome,
    person: &Person,
    addresses: &[String],
    screen: &Screen,
) -> Result<Found, Failure> {
    let place = place(home);
    if place.is_there() {
        return Err(Failure::new(Kind::Failed, "there is a vault here already").next(format!(
            "to have the one that your peers keep, move {} away and keep it",
            place.image().display()
        )));
    }
    let waiting = Waiting::new(screen);
    waiting.say("looking for the newest backup");
    let found = find(&secret_of(home, person), addresses).await;
    waiting.end();
    Ok(found?)
}

/// Brings a vault back that was found. With what to tell of it.
async fn bring(
    home: &VaultHome,
    person: &Person,
    found: &Found,
    screen: &Screen,
) -> Result<(Value, String), Failure> {
    let (place, secret) = (place(home), secret_of(home, person));
    let whose =
        home.space().map_or_else(|| "Your vault".to_owned(), |space| format!("The folder {}", space.name));
    let made = crate::commands::ledger::time(allod_wire::Instant(found.catalogue.made));
    screen.note(&format!(
        "{whose}: found backup {} of {made}, shown by {}.",
        found.catalogue.generation,
        count(found.shown as u64, "peer", "peers")
    ));
    let space = (found.roots.space(), found.ring.clone());
    let mut vault = place.begin_restore(&home.root(person), space, &mut allod_node::entropy())?;
    let waiting = Waiting::new(screen);
    let told = waiting.clone();
    let mut progress = move |Progress { objects, stored, .. }| {
        told.say(&format!("getting it back: {} of {}", size(stored), size(objects)));
    };
    let done = restore(&mut vault, &secret, found, &mut progress).await;
    waiting.end();
    let restored = done?;
    place.finish_restore(vault)?;
    // Only those that did what they should not, or not what they should.
    let mut faults = found.faults.clone();
    faults.0.retain(|(address, _)| found.catalogue.peers.iter().any(|peer| peer.address == *address));
    faults.0.extend(restored.faults.0.iter().filter(|fault| !found.faults.0.contains(fault)).cloned());
    warn(&faults, screen);
    let value = json!({
        "generation": found.catalogue.generation,
        "made": found.catalogue.made,
        "objects": restored.objects,
        "packs": restored.packs,
        "faults": faults_of(&faults),
    });
    let objects = count(restored.objects, "object", "objects");
    Ok((value, format!("{whose} is back as it was at {made}: {objects}.")))
}

/// Brings a shared folder back.
async fn bring_folder(
    home: &Home,
    person: &Person,
    folder: FolderRecord,
    addresses: &[String],
    screen: &Screen,
) -> Result<(Found, Value, String), Failure> {
    let space = Space { id: folder.space, name: free_name(home, &folder.name)? };
    let there = VaultHome::of(home, Some(space.clone()));
    let found = look(&there, person, addresses, screen).await?;
    let (mut value, text) = bring(&there, person, &found, screen).await?;
    space.keep_name(home, person)?;
    value["space"] = space.id.to_string().into();
    value["name"] = space.name.clone().into();
    let text = format!(
        "{text} What its other members did since comes with `allod --space {} sync`, once one of them knows this device.",
        space.name
    );
    Ok((found, value, text))
}

/// The shared folder that a person calls so, or that has this number: by the person's own vault,
/// or where that is not here, by the backup of it.
async fn named(
    home: &Home,
    person: &Person,
    name: &str,
    addresses: &[String],
    screen: &Screen,
) -> Result<FolderRecord, Failure> {
    let number = HEXLOWER.decode(name.as_bytes()).ok().and_then(|id| <[u8; 32]>::try_from(id).ok());
    let own = VaultHome::own(home);
    let known = if place(&own).is_there() {
        let mut vault = open_existing(&own, screen)?;
        Backup::new(&mut vault, &secret_of(&own, person)).folders()?
    } else {
        find(&secret_of(&own, person), addresses)
            .await
            .map(|found| found.catalogue.folders)
            .unwrap_or_default()
    };
    let is_it = |folder: &&FolderRecord| folder.name == name || Some(folder.space.0) == number;
    match (known.iter().find(is_it), number) {
        (Some(folder), _) => Ok(folder.clone()),
        (None, Some(id)) => Ok(FolderRecord { space: SpaceId(id), name: name.to_owned() }),
        (None, None) => {
            let known: Vec<&str> = known.iter().map(|folder| folder.name.as_str()).collect();
            let next = match known.is_empty() {
                true => "name it by its number: `allod share list` says it where the folder is".to_owned(),
                false => format!("the backup of your vault knows of: {}", known.join(", ")),
            };
            let message = format!("the backup of your own vault knows of no shared folder {name:?}");
            Err(Failure::new(Kind::Failed, message).next(next))
        }
    }
}

fn is_there(home: &Home, folder: &FolderRecord) -> bool {
    let space = Space { id: folder.space, name: folder.name.clone() };
    place(&VaultHome::of(home, Some(space))).is_there()
}

fn peers_of(found: &Found) -> Vec<String> {
    found.catalogue.peers.iter().map(|peer| peer.address.clone()).collect()
}
