//! Who keeps a piece: giving it to whoever asks, once it is certain who that is.

use std::io::IsTerminal;
use std::path::Path;

use allod_courier::voucher::{Piece, REQUEST_MAX, Request};
use serde_json::json;

use super::sheet::{self, ANSWER, REQUEST};
use crate::commands::courier::{Office, told, who};
use crate::failure::{Failure, Kind};
use crate::pin;
use crate::screen::Screen;

/// `said` is the code that was read to this device's person, and whether they need not be asked.
pub(super) fn release(
    office: &Office,
    file: &Path,
    out: Option<&Path>,
    qr: Option<&Path>,
    said: Option<(&str, bool)>,
    screen: &Screen,
) -> Result<(), Failure> {
    let bytes = sheet::read(REQUEST, file, REQUEST_MAX, screen)?;
    let request = Request::decode(&bytes).map_err(|why| {
        Failure::new(Kind::Failed, format!("this is no request: {why}")).next("ask for it again")
    })?;
    let (did, code) = (request.did(), request.code().to_string());
    let (name, piece) = office.look(|messenger| {
        (told::printable(&who::name_of(messenger, &did)), messenger.piece_of(&did).cloned())
    })?;
    let Some(piece) = piece else {
        return Err(Failure::new(Kind::Failed, format!("you keep no piece of the card of {did}"))
            .next("`allod vouch list` shows whose pieces you keep"));
    };
    screen.note(&format!("{name} ({did}) asks for the piece of their card that you keep.\n\n    {code}\n"));
    let is_certain = match said {
        Some((said, yes)) => {
            compare(said, &code)?;
            yes
        }
        None => false,
    };
    if !is_certain {
        confirm(&name)?;
    }
    let answer = Piece::decode(piece.expose())?.release(&request, &mut allod_node::entropy())?;
    let written = sheet::write(ANSWER, &answer, out, qr, screen)?;
    let link = sheet::text(ANSWER, &answer);
    let data = json!({ "did": did.to_string(), "name": name, "code": code, "answer": link });
    let text = match written {
        Some(paths) => format!("Wrote {paths}: hand it to {name}. Nobody else can open it."),
        None => link,
    };
    screen.result(&data, &text);
    Ok(())
}

fn compare(said: &str, code: &str) -> Result<(), Failure> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if digits(said) == digits(code) {
        return Ok(());
    }
    Err(Failure::new(Kind::Failed, "this is another code: nothing was given").next(
        "have it read to you once more; if it stays another one, somebody put their own request in the place of this person's",
    ))
}

fn confirm(name: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal on which you could say that it is them")
            .next("hand in the code that they read to you: --code CODE --yes"));
    }
    let prompt = format!(
        "Did {name} read this code to you, and do you know for certain by their face or voice that it was them? \
         Whoever gets enough pieces has their card. Type yes: "
    );
    match pin::line(&prompt)?.trim() == "yes" {
        true => Ok(()),
        false => Err(Failure::new(Kind::Failed, "nothing was given")),
    }
}
