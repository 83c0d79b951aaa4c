//! Taking up peers, and giving them up.

use allod_crypto::Secret;
use allod_node::backup::Backup;
use allod_vault::files::Access;
use serde_json::json;

use super::super::open::{VaultHome, place, reach_or_make};
use super::super::spaces;
use super::{announce, open, secret_of, size, teller, told, unless_stopped};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn add(
    home: &VaultHome,
    urls: Vec<String>,
    guardians: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let person = load(home)?;
    let secret = secret_of(home, &person);
    let mut vault = reach_or_make(home, screen)?;
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    let mut failed = None;
    let known = if guardians { person.known_guardians() } else { Vec::new() };
    let named = urls.iter().map(|url| (url, true));
    for (url, is_named) in named.chain(known.iter().map(|url| (url, false))) {
        match Backup::new(&mut vault, &secret).add_peer(url).await {
            Ok(held) => {
                let left = held.quota.saturating_sub(held.used);
                rows.push(json!({ "peer": url, "room": left, "generation": held.generation }));
                let before = match held.generation {
                    0 => String::new(),
                    generation => format!("; it has your backup {generation} already"),
                };
                lines.push(format!("{url} gives you {}{before}", size(left)));
            }
            Err(why) if !is_named => screen.note(&format!("{url} is not taken: {why}")),
            Err(why) => {
                failed.get_or_insert(Failure::from(why));
            }
        }
    }
    let addresses = addresses(&mut vault, &secret)?;
    drop(vault);
    if !rows.is_empty() {
        announce(home, &addresses, &[], screen).await?;
    }
    match failed {
        Some(failure) => Err(failure),
        None if rows.is_empty() => Err(Failure::new(Kind::Failed, "none of your guardians was taken up")
            .next("name somebody with `allod backup add-peer URL`")),
        None => {
            screen.result(&json!({ "added": rows }), &lines.join("\n"));
            Ok(())
        }
    }
}

pub(super) async fn remove(home: &VaultHome, url: &str, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let before = addresses(&mut vault, &secret)?;
    let waiting = Waiting::new(screen);
    waiting.say("having others keep what this peer kept");
    let mut backup = Backup::new(&mut vault, &secret);
    let done = unless_stopped(screen, backup.remove_peer(url, &mut teller(&waiting))).await;
    drop(backup);
    waiting.end();
    let addresses = addresses(&mut vault, &secret)?;
    drop(vault);
    let is_last = addresses.is_empty();
    let mut gone = before;
    gone.retain(|peer| !addresses.contains(peer) && !is_used_elsewhere(home, peer));
    announce(home, &addresses, &gone, screen).await?;
    let report = done??;
    if is_last {
        screen
            .result(&json!({ "peers": 0 }), "It was the last one: nobody keeps a backup of this vault now.");
        return Ok(());
    }
    told(&report, screen)
}

/// Trusts a peer again.
pub(super) fn forgive(home: &VaultHome, url: &str, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let caught = Backup::new(&mut vault, &secret).forgive(url)?;
    let text = match caught.is_empty() {
        true => format!("{url} was not caught at anything."),
        false => format!("{url} gets what is new again, with the next `allod backup run`."),
    };
    screen.result(&json!({ "peer": url, "forgiven": caught.len() }), &text);
    Ok(())
}

/// Whether another vault of the person has this peer, too, or cannot be asked.
fn is_used_elsewhere(home: &VaultHome, peer: &String) -> bool {
    let (Ok(Some(person)), Ok(all)) = (home.load(), spaces::all(home)) else { return true };
    let others = all.into_iter().map(Some).chain([None]).filter(|space| space.as_ref() != home.space());
    others.map(|space| VaultHome::of(home, space)).filter(|other| place(other).is_there()).any(|other| {
        let Ok(mut vault) = place(&other).open(&other.root(&person)) else { return true };
        let addresses = addresses(&mut vault, &secret_of(&other, &person));
        addresses.map_or(true, |addresses| addresses.contains(peer))
    })
}

fn addresses<A: Access>(vault: &mut A, secret: &Secret<32>) -> Result<Vec<String>, Failure> {
    let peers = Backup::new(vault, secret).peer_addresses()?;
    Ok(peers)
}
