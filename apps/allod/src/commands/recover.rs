//! `allod recover`: getting everything back.

use std::io::Read;
use std::path::Path;

use allod_crypto::Zeroizing;
use allod_guardian::card::{CODE_PREFIX, Card, Code};
use allod_node::network;
use allod_node::person::{CardSource, Home, Person};
use serde_json::json;

use super::{ledger, machine_name};
use crate::cli::Recover;
use crate::failure::{Failure, Kind};
use crate::pin;
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: Recover, screen: &Screen) -> Result<(), Failure> {
    if let Some(person) = home.load()? {
        let did = person.log.state().did();
        return Err(Failure::new(Kind::Identity, format!("there is an identity here already: {did}"))
            .next("recover into an empty home, such as with --home DIR"));
    }
    let mut source = if args.words {
        let words = pin::line("The 24 words of the card: ")?;
        CardSource { card: from_words(&words)?, addresses: Vec::new() }
    } else {
        let file = args.card.as_deref().ok_or_else(|| {
            Failure::usage("recovering needs the card")
                .next("name its file with --card FILE, or type its words with --words")
        })?;
        from_text(&read(file)?)?
    };
    source.addresses.extend(args.guardians);
    if source.addresses.is_empty()
        && let Some(network) = network::Description::read(&home.network())?
    {
        source.addresses = network.addresses();
    }
    if source.addresses.is_empty() {
        return Err(Failure::usage("the words do not say where the guardians are")
            .next("name one of them with --guardian URL; the card lists them"));
    }

    let pin = pin::ask(&args.pin)?;
    let device = args.device.unwrap_or_else(machine_name);
    let waiting = Waiting::new(screen);
    let outcome = Person::recover(home, source, pin, &device, args.guesses, waiting.teller()).await;
    waiting.end();
    let (person, report, registering) = outcome?;

    let did = person.log.state().did();
    let mut faults = report.faults;
    // One that no answer was waited for is first missed when it is registered at.
    for (address, fault) in &registering.report.faults {
        if !faults.iter().any(|(known, _)| known == address) {
            faults.push((address.clone(), fault.clone()));
        }
    }
    for (address, fault) in &faults {
        screen.warn(&format!("{address} {fault}"));
    }
    if let Err(error) = &registering.outcome {
        screen.warn(&format!(
            "PIN and card stay good as they are, but this device cannot look after the guardians yet: {error}. \
             `allod up` or `allod guardians heal` goes on with it when more are back"
        ));
    }
    let (waits, until) = ledger::waiting::begin(home, &person, screen).await;
    screen.result(
        &json!({
            "waits_until": until.map(|until| until.0),
            "did": did.to_string(),
            "device": person.device_id().to_string(),
            "guardians": registering.stored.len(),
            "faults": faults.iter().map(|(address, fault)| json!({
                "guardian": address, "fault": fault.to_string(),
            })).collect::<Vec<_>>(),
        }),
        &format!("Recovered {did}\nThis device now belongs to it as {device:?}.{waits}"),
    );
    if !person.backup_peers.is_empty() {
        screen.note("Your backup peers have your vault: `allod restore --from-peers` gets it back.");
    }
    Ok(())
}

fn from_words(words: &str) -> Result<Card, Failure> {
    Card::from_words(words)
        .map_err(|e| Failure::usage(e.to_string()).next("the words stand on the card, numbered in rows"))
}

/// A card's file has its code on a line of its own, or only its words.
fn from_text(text: &str) -> Result<CardSource, Failure> {
    if let Some(start) = text.to_ascii_uppercase().find(CODE_PREFIX) {
        let code: String =
            text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
        let code = Code::from_text(&Zeroizing::new(code)).map_err(|e| Failure::usage(e.to_string()))?;
        return Ok(CardSource { card: code.card, addresses: code.addresses });
    }
    Ok(CardSource { card: from_words(text)?, addresses: Vec::new() })
}

fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let result = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(1 << 20).read_to_string(&mut text)
    } else if file.to_string_lossy().to_ascii_uppercase().starts_with(CODE_PREFIX) {
        return Err(Failure::usage(
            "a code on the command line can be seen by every program on this machine",
        )
        .next("hand it in with `--card -` and type or paste it, or name a file that holds it"));
    } else {
        std::fs::File::open(file).and_then(|file| file.take(1 << 20).read_to_string(&mut text))
    };
    result.map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    Ok(text)
}
