//! `allod vouch`: contacts who stand in for a lost card.

mod ask;
mod release;
mod sheet;

use allod_courier::bundle::Seconds;
use allod_courier::messenger::Messenger;
use allod_courier::voucher::{CARD_MAX, HOLDERS_MAX, Piece};
use allod_crypto::{SecretBytes, Zeroizing};
use allod_did::Did;
use allod_guardian::card::{Code, addresses_that_fit};
use allod_node::person::{Home, Person};
use serde_json::{Value, json};

use super::{Office, told, who};
use crate::cli::vouch::{Vouch, VouchCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(crate) fn run(home: &Home, args: Vouch, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        VouchCommand::Deal { people, need } => deal(&Office::open(home)?, &people, need, screen),
        VouchCommand::List => list(&Office::open(home)?, screen),
        VouchCommand::Ask { did, out, qr, anew } => {
            ask::ask(home, &did, out.as_deref(), qr.as_deref(), anew, screen)
        }
        VouchCommand::Release { request, out, qr, code, yes } => {
            let said = code.as_deref().map(|code| (code, yes));
            release::release(&Office::open(home)?, &request, out.as_deref(), qr.as_deref(), said, screen)
        }
        VouchCommand::Take { answers, card } => ask::take(home, &answers, card.as_deref(), screen),
    }
}

fn deal(office: &Office, people: &[String], need: u8, screen: &Screen) -> Result<(), Failure> {
    let found = office.look(|messenger| {
        let each = people.iter().map(|typed| who::person(messenger, typed));
        each.collect::<Result<Vec<Did>, Failure>>()
    })??;
    if found.len() > HOLDERS_MAX || usize::from(need) > found.len() {
        return Err(Failure::usage(format!(
            "of {} people {need} cannot be needed: there are up to {HOLDERS_MAX}, and at least as many as are needed",
            found.len()
        )));
    }
    if let Some(twice) = found.iter().enumerate().find(|(at, did)| found[..*at].contains(did)) {
        return Err(Failure::usage(format!("{} was named twice", people[twice.0])));
    }
    let card = card_of(&office.person);
    let generation = office.person.card_generation;
    office.with(|messenger| {
        messenger.deal_card((&card, generation), &found, need, allod_node::now(), &mut allod_node::entropy())
    })?;
    let (rows, unsure) = office.look(|messenger| {
        let rows: Vec<Value> = found.iter().map(|did| holder(messenger, did)).collect();
        let is_sure =
            |did: &&Did| messenger.person(did).is_some_and(allod_courier::messenger::Person::is_verified);
        let unsure: Vec<String> =
            found.iter().filter(|did| !is_sure(did)).map(|did| who::name_of(messenger, did)).collect();
        (rows, unsure)
    })?;
    if !unsure.is_empty() {
        screen.warn(&format!(
            "you have not compared safety numbers with {}: if somebody stands between you, they get the piece. \
             `allod contact show` shows the numbers",
            unsure.join(", ")
        ));
    }
    let text = format!(
        "Any {need} of {} can give your card back together. The pieces leave as messages do. The PIN is not in them.",
        found.len()
    );
    screen.result(&json!({ "needed": need, "holders": rows }), &text);
    Ok(())
}

/// The card's code, with as many addresses of guardians as have place.
fn card_of(person: &Person) -> SecretBytes {
    let (card, did) = (person.card(), person.log.state().did());
    let mut addresses = person.known_guardians();
    addresses.truncate(addresses_that_fit(&addresses));
    loop {
        let code = Code { card: card.clone(), did, addresses: addresses.clone() };
        let text: Zeroizing<String> = code.to_text();
        if text.len() <= CARD_MAX || addresses.pop().is_none() {
            return SecretBytes::from(text.as_bytes().to_vec());
        }
    }
}

fn holder(messenger: &Messenger, did: &Did) -> Value {
    json!({ "did": did.to_string(), "name": who::name_of(messenger, did) })
}

fn list(office: &Office, screen: &Screen) -> Result<(), Failure> {
    let renewed = office.person.card_generation;
    let (data, text) = office.look(|messenger| {
        let name = |did: &Did| told::printable(&who::name_of(messenger, did));
        let dealt_at = |generation: u32| told::time(Seconds(generation).instant());
        let (mut rows, mut lines) = (Vec::new(), Vec::new());
        let mut own = Value::Null;
        if let Some(dealt) = messenger.dealt() {
            let is_old = dealt.card_generation != renewed;
            own = json!({
                "needed": dealt.needed, "dealt_ms": Seconds(dealt.generation).instant().0, "is_of_old_card": is_old,
                "holders": dealt.holders.iter().map(|did| holder(messenger, did)).collect::<Vec<_>>(),
            });
            let names: Vec<String> = dealt.holders.iter().map(name).collect();
            let old = if is_old { "; of a card that was renewed since: deal again" } else { "" };
            let (needed, when) = (dealt.needed, dealt_at(dealt.generation));
            lines.push(format!("your card: any {needed} of {} ({when}{old})", names.join(", ")));
        }
        for did in messenger.pieces() {
            let piece = messenger.piece_of(did).and_then(|piece| Piece::decode(piece.expose()).ok());
            let Some(piece) = piece else { continue };
            let (needed, generation) = (piece.vouched().needed(), piece.vouched().generation());
            rows.push(json!({
                "did": did.to_string(), "name": who::name_of(messenger, did), "needed": needed,
                "dealt_ms": Seconds(generation).instant().0,
            }));
            lines.push(format!("you keep a piece of {}'s card ({})", name(did), dealt_at(generation)));
        }
        (json!({ "own": own, "kept": rows }), lines.join("\n"))
    })?;
    if text.is_empty() {
        screen.note("Nobody keeps a piece of your card, and you keep none of anybody's: `allod vouch deal`.");
    }
    if screen.is_json() || !text.is_empty() {
        screen.result(&data, &text);
    }
    Ok(())
}

/// A DID as somebody types it.
fn did(typed: &str) -> Result<Did, Failure> {
    typed
        .trim()
        .parse()
        .map_err(|_| Failure::usage(format!("{typed:?} is no DID; it begins with did:allod:")))
}

fn refused(what: &str, why: &impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Failed, format!("{what}: {why}"))
}
