//! `allod contact`: people, from the first invitation on.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use allod_courier::contact::{INVITATION_MAX, Invitation, Safety};
use allod_courier::messenger::{Messenger, Person as Known, Standing};
use allod_did::Did;
use allod_node::person::Home;
use allod_wire::Instant;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};

use super::who;
use super::Office;
use crate::card::qr_svg;
use crate::cli::courier::{Contact, ContactCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// What an invitation begins with as text.
const LINK: &str = "allod:invitation/";

const DAY_MS: u64 = 24 * 3600 * 1000;

pub(crate) fn run(home: &Home, args: Contact, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    match args.command {
        ContactCommand::Invite { out, qr, many, days } => {
            invite(&office, out.as_deref(), qr.as_deref(), many, days, screen)
        }
        ContactCommand::Accept { invitation, name, text } => {
            accept(&office, &invitation, name.as_deref(), text.as_deref(), screen)
        }
        ContactCommand::List => list(&office, screen),
        ContactCommand::Show { who } => show(&office, &who, screen),
        ContactCommand::Verify { who, number, undo } => verify(&office, &who, number.as_deref(), undo, screen),
        ContactCommand::Rename { who, name } => rename(&office, &who, &name, screen),
        ContactCommand::Admit { who } => admit(&office, &who, screen),
        ContactCommand::Block { who, undo } => block(&office, &who, undo, screen),
        ContactCommand::Invitations { withdraw } => invitations(&office, withdraw.as_deref(), screen),
    }
}

fn invite(
    office: &Office,
    out: Option<&Path>,
    qr: Option<&Path>,
    many: bool,
    days: u64,
    screen: &Screen,
) -> Result<(), Failure> {
    let expires = Instant(allod_node::now().0 + days * DAY_MS);
    let invitation = office.with(|messenger| Ok(messenger.invite(expires, !many, &mut allod_node::entropy())))?;
    let bytes = invitation.encode();
    let link = format!("{LINK}{}", BASE64URL_NOPAD.encode(&bytes));
    let number = HEXLOWER.encode(&invitation.id().0);
    if let Some(path) = qr {
        let svg = qr_svg(&bytes).ok_or_else(|| {
            Failure::new(Kind::Failed, "your log of devices is too long for a code").next("use --out and hand over the file")
        })?;
        write(&screen.path(path), svg.as_bytes())?;
    }
    if let Some(path) = out {
        write(&screen.path(path), format!("{link}\n").as_bytes())?;
    }
    let data = json!({ "invitation": link, "number": number, "for_many": many, "days": days });
    let whom = if many { "As many as like to can answer it" } else { "One person can answer it" };
    let way = "Hand it over by a way that you trust to bring it unchanged, or compare safety numbers later: `allod contact show`.";
    let text = match (out, qr) {
        (None, None) => {
            screen.note(&format!("{whom}, within {days} days. {way}"));
            link
        }
        (out, qr) => {
            let paths: Vec<String> = [out, qr].into_iter().flatten().map(|path| path.display().to_string()).collect();
            format!("Wrote {}. {whom}, within {days} days. {way}", paths.join(" and "))
        }
    };
    screen.result(&data, &text);
    Ok(())
}

fn accept(
    office: &Office,
    typed: &str,
    name: Option<&str>,
    text: Option<&str>,
    screen: &Screen,
) -> Result<(), Failure> {
    let invitation = Invitation::decode(&invitation_bytes(typed, screen)?).map_err(|why| {
        Failure::new(Kind::Failed, format!("this is no invitation: {why}")).next("nothing was answered; ask for it again")
    })?;
    let did = invitation.identity().did();
    let own = office.did();
    let called = name.map_or_else(|| did.to_string(), ToOwned::to_owned);
    office.with(|messenger| {
        let known = messenger.person(&did).map(|person| person.name().to_owned());
        let name = name.map_or_else(|| known.unwrap_or_else(|| did.to_string()), ToOwned::to_owned);
        messenger.accept(&invitation, &name, text, allod_node::now(), &mut allod_node::entropy())
    })?;
    let data = json!({ "did": did.to_string(), "name": called, "is_own_device": did == own });
    let text = match did == own {
        true => "The two devices get to know each other as soon as something is carried between them.".to_owned(),
        false => format!("Answered {called}. It leaves with whatever goes their way: `allod links run`, or `allod carry`."),
    };
    screen.result(&data, &text);
    Ok(())
}

/// An invitation as text, in a file, or from standard input.
fn invitation_bytes(typed: &str, screen: &Screen) -> Result<Vec<u8>, Failure> {
    let bytes = if typed == "-" {
        let mut bytes = Vec::new();
        let limit = 2 * INVITATION_MAX as u64;
        let read = screen.streams().and_then(|(input, _)| input.take(limit).read_to_end(&mut bytes));
        read.map_err(|why| Failure::new(Kind::Failed, format!("standard input: {why}")))?;
        bytes
    } else if typed.starts_with(LINK) {
        typed.as_bytes().to_vec()
    } else {
        let path = screen.path(Path::new(typed));
        let size = fs::metadata(&path).map(|about| about.len()).unwrap_or_default();
        if size > 2 * INVITATION_MAX as u64 {
            return Err(Failure::new(Kind::Failed, format!("{}: this is no invitation", path.display())));
        }
        fs::read(&path).map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", path.display())))?
    };
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().strip_prefix(LINK));
    match text {
        Some(text) => BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| Failure::new(Kind::Failed, "this invitation was cut or changed; nothing was answered")),
        // As a code has it.
        None => Ok(bytes),
    }
}

fn list(office: &Office, screen: &Screen) -> Result<(), Failure> {
    let own = office.did();
    let rows = office.look(|messenger| {
        let others = messenger.people().filter(|(did, _)| **did != own);
        others.map(|(did, person)| (described(did, person), line(did, person))).collect::<Vec<_>>()
    })?;
    if screen.is_json() {
        rows.iter().for_each(|(data, _)| screen.result(data, ""));
        return Ok(());
    }
    let text: Vec<String> = rows.into_iter().map(|(_, line)| line).collect();
    match text.is_empty() {
        true => screen.note("You know nobody yet: `allod contact invite` lets somebody in."),
        false => screen.result(&json!({}), &text.join("\n")),
    }
    Ok(())
}

fn described(did: &Did, person: &Known) -> Value {
    json!({
        "did": did.to_string(),
        "name": person.name(),
        "standing": standing(person),
        "verified": person.is_verified(),
        "devices": person.devices(),
    })
}

fn line(did: &Did, person: &Known) -> String {
    let verified = if person.is_verified() { "verified" } else { "not verified" };
    format!("{:24} {:8} {:13} {did}", person.name(), standing(person), verified)
}

fn standing(person: &Known) -> &'static str {
    match person.standing() {
        Standing::Contact => "contact",
        Standing::Asking => "asks",
        Standing::Known => "known",
        Standing::Blocked => "blocked",
    }
}

fn find(office: &Office, typed: &str) -> Result<Did, Failure> {
    office.look(|messenger| who::person(messenger, typed))?
}

fn show(office: &Office, typed: &str, screen: &Screen) -> Result<(), Failure> {
    let did = find(office, typed)?;
    let number = Safety::of(&office.did(), &did).to_string();
    let (mut data, line) =
        office.look(|messenger| messenger.person(&did).map(|person| (described(&did, person), line(&did, person))))?.unwrap_or_default();
    data["safety_number"] = json!(number);
    let text = format!(
        "{line}\n\nSafety number\n  {number}\n\nRead it to each other, face to face or in a call in which you know the voice. If it is \
         the same, nobody stands between you: `allod contact verify {typed:?} --number \"…\"` with what they read."
    );
    screen.result(&data, &text);
    Ok(())
}

fn verify(office: &Office, typed: &str, number: Option<&str>, undo: bool, screen: &Screen) -> Result<(), Failure> {
    let did = find(office, typed)?;
    let Some(number) = number else {
        if !undo {
            return show(office, typed, screen);
        }
        office.with(|messenger| messenger.set_verified(&did, false))?;
        screen.result(&json!({ "did": did.to_string(), "verified": false }), "They count as not verified again.");
        return Ok(());
    };
    let said: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    let is_same = Safety::of(&office.did(), &did).digits().eq(said.iter().copied());
    if !is_same {
        return Err(Failure::new(Kind::Failed, "these are other numbers: nothing was kept as verified")
            .next("compare again; if they stay different, somebody stands between you: invite each other anew, face to face")
            .data(json!({ "did": did.to_string(), "verified": false })));
    }
    office.with(|messenger| messenger.set_verified(&did, true))?;
    screen.result(&json!({ "did": did.to_string(), "verified": true }), "The same: verified.");
    Ok(())
}

fn rename(office: &Office, typed: &str, name: &str, screen: &Screen) -> Result<(), Failure> {
    let did = find(office, typed)?;
    office.with(|messenger| messenger.rename(&did, name))?;
    screen.result(&json!({ "did": did.to_string(), "name": name }), &format!("They are called {name} now."));
    Ok(())
}

fn admit(office: &Office, typed: &str, screen: &Screen) -> Result<(), Failure> {
    let did = find(office, typed)?;
    office.with(|messenger| messenger.admit(&did, allod_node::now(), &mut allod_node::entropy()))?;
    screen.result(&json!({ "did": did.to_string(), "standing": "contact" }), "Admitted: they are a contact now.");
    Ok(())
}

fn block(office: &Office, typed: &str, undo: bool, screen: &Screen) -> Result<(), Failure> {
    let did = find(office, typed)?;
    office.with(|messenger| messenger.block(&did, !undo))?;
    let text = if undo { "What they write is taken again." } else { "What they write is dropped from now on. They are not told." };
    screen.result(&json!({ "did": did.to_string(), "blocked": !undo }), text);
    Ok(())
}

fn invitations(office: &Office, withdraw: Option<&str>, screen: &Screen) -> Result<(), Failure> {
    let open = |messenger: &Messenger| {
        let all = messenger.invitations();
        all.map(|(id, invitation)| (id, invitation.is_for_one(), invitation.expires())).collect::<Vec<_>>()
    };
    let all = office.look(open)?;
    if let Some(begun) = withdraw {
        let found: Vec<_> = all.iter().filter(|(id, ..)| HEXLOWER.encode(&id.0).starts_with(begun)).collect();
        let [(id, ..)] = found.as_slice() else {
            return Err(Failure::usage(format!("{begun:?} names {} invitations", found.len())));
        };
        office.with(|messenger| Ok(messenger.withdraw(id)))?;
        screen.result(&json!({ "withdrawn": HEXLOWER.encode(&id.0) }), "Nobody can answer it any more.");
        return Ok(());
    }
    for (id, is_for_one, expires) in all {
        let (number, whom) = (HEXLOWER.encode(&id.0), if is_for_one { "for one" } else { "for many" });
        let until = super::told::time(expires);
        let data = json!({ "number": number, "for_many": !is_for_one, "expires_ms": expires.0 });
        screen.result(&data, &format!("{}  {whom:8}  until {until}", &number[..16]));
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    allod_node::write_public(path, bytes).map_err(|why| Failure::new(Kind::Failed, why.to_string()))
}
