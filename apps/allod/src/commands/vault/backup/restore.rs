//! A lost vault from its peers.

use allod_node::backup::{Progress, find, restore};
use allod_node::person::Home;
use serde_json::json;

use super::super::open::{VaultHome, place};
use super::{announce, faults_of, secret_of, size, warn};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, from_peer: Vec<String>, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let (place, secret) = (place(&VaultHome::own(home)), secret_of(&person));
    if place.is_there() {
        return Err(Failure::new(Kind::Failed, "there is a vault here already").next(format!(
            "to have the one that your peers keep, move {} away and keep it",
            place.image().display()
        )));
    }
    let mut addresses = from_peer;
    addresses.extend(person.backup_peers.iter().cloned());
    addresses.extend(person.known_guardians());
    if addresses.is_empty() {
        return Err(Failure::usage("nobody is known who could have a backup")
            .next("name one of your backup peers with --from-peer URL"));
    }
    let waiting = Waiting::new(screen);
    waiting.say("looking for the newest backup");
    let found = find(&secret, &addresses).await;
    if found.is_err() {
        waiting.end();
    }
    let found = found?;
    let made = crate::commands::ledger::time(allod_wire::Instant(found.catalogue.made));
    screen.note(&format!(
        "Found backup {} of {made}, shown by {} of {} that were asked.",
        found.catalogue.generation,
        found.shown,
        addresses.len()
    ));
    let space = (found.roots.space(), found.ring.clone());
    let root = person.root.derive("vault", 0);
    let mut vault = place.begin_restore(&root, space, &mut allod_node::entropy())?;
    let told = waiting.clone();
    let mut progress = move |Progress { objects, stored, .. }| {
        told.say(&format!("getting your vault back: {} of {}", size(stored), size(objects)));
    };
    let done = restore(&mut vault, &secret, &found, &mut progress).await;
    waiting.end();
    let restored = done?;
    place.finish_restore(vault)?;
    // Only those that did what they should not, or not what they should.
    let mut faults = found.faults.clone();
    faults.0.retain(|(address, _)| found.catalogue.peers.iter().any(|peer| peer.address == *address));
    faults.0.extend(restored.faults.0.iter().filter(|fault| !found.faults.0.contains(fault)).cloned());
    warn(&faults, screen);
    let known: Vec<String> = found.catalogue.peers.iter().map(|peer| peer.address.clone()).collect();
    if person.backup_peers != known {
        announce(home, known, screen).await?;
    }
    screen.result(
        &json!({
            "generation": found.catalogue.generation,
            "made": found.catalogue.made,
            "objects": restored.objects,
            "packs": restored.packs,
            "faults": faults_of(&faults),
        }),
        &format!("Your vault is back as it was at {made}: {} objects.", restored.objects),
    );
    Ok(())
}
