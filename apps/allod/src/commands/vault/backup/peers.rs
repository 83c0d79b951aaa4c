//! Taking up peers, and giving them up.

use allod_crypto::Secret;
use allod_disk::Vault;
use allod_node::backup::Backup;
use allod_node::person::Home;
use serde_json::json;

use super::super::open::{VaultHome, open as open_or_make};
use super::{announce, open, secret_of, size, teller, told};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn add(
    home: &Home,
    urls: Vec<String>,
    guardians: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let person = load(home)?;
    let secret = secret_of(&person);
    let mut vault = open_or_make(&VaultHome::own(home), screen)?;
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
        announce(home, addresses, screen).await?;
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

pub(super) async fn remove(home: &Home, url: &str, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let waiting = Waiting::new(screen);
    waiting.say("having others keep what this peer kept");
    let done = Backup::new(&mut vault, &secret).remove_peer(url, &mut teller(&waiting)).await;
    waiting.end();
    let addresses = addresses(&mut vault, &secret)?;
    drop(vault);
    let is_last = addresses.is_empty();
    if load(home)?.backup_peers != addresses {
        announce(home, addresses, screen).await?;
    }
    let report = done?;
    if is_last {
        screen
            .result(&json!({ "peers": 0 }), "It was the last one: nobody keeps a backup of your vault now.");
        return Ok(());
    }
    told(&report, screen)
}

fn addresses(vault: &mut Vault, secret: &Secret<32>) -> Result<Vec<String>, Failure> {
    let peers = Backup::new(vault, secret).peer_addresses()?;
    Ok(peers)
}
