//! `allod read`: what was written, in full.

use std::path::{Path, PathBuf};

use allod_courier::messenger::{Body, Kept, Messenger, Whom};
use allod_disk::Zstd;
use allod_node::person::Home;
use allod_post::desk::name_of;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::conversation::Said;
use super::told::{printable, time};
use super::{Office, who};
use crate::cli::courier::Read;
use crate::commands::vault::meter::amount;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(crate) fn run(home: &Home, args: &Read, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    office.sweep()?;
    let with =
        args.with.as_deref().map(|typed| office.look(|messenger| who::whom(messenger, typed))).transpose()?;
    let with = with.transpose()?;
    let (said, own) = (Said::load(&office)?, office.did());
    let is_meant = |kept: &&Kept| {
        with.is_none_or(|whom| Said::with(kept, &own) == whom) && (args.all || said.is_unread(kept))
    };
    let shown: Vec<&Kept> = said.messages.iter().filter(is_meant).collect();
    if shown.is_empty() {
        screen.note("Nothing new.");
    }
    let mut unsaved = 0;
    for kept in &shown {
        let saved = match (&args.save, &kept.body) {
            (Some(folder), Body::File { .. }) if kept.from != own => {
                let saved = save(&office, kept, &screen.path(folder), screen)?;
                unsaved += usize::from(saved.is_none());
                saved
            }
            _ => None,
        };
        let (data, text) =
            office.look(|messenger| told(messenger, &office, &said, kept, saved.as_deref()))?;
        screen.result(&data, &text);
    }
    let unread: Vec<Kept> = shown.into_iter().filter(|kept| said.is_unread(kept)).cloned().collect();
    if !unread.is_empty() {
        office.with(|messenger| {
            messenger.read(&unread, !args.quietly, allod_node::now(), &mut allod_node::entropy())
        })?;
    }
    match unsaved {
        0 => Ok(()),
        _ => Err(Failure::new(Kind::Failed, "not all of these files are here yet")
            .next("their other parts come as the messages did; try again later with --all")),
    }
}

/// A message, for programs and for people.
fn told(
    messenger: &Messenger,
    office: &Office,
    said: &Said,
    kept: &Kept,
    saved: Option<&Path>,
) -> (Value, String) {
    let own = messenger.did();
    let from = who::name_of(messenger, &kept.from);
    let is_group = matches!(kept.to, Whom::Group(_));
    let mut data = json!({
        "id": HEXLOWER.encode(&kept.id.0), "from": kept.from.to_string(), "name": from, "at_ms": kept.at.0,
    });
    let mut notes = Vec::new();
    if let Whom::Group(id) = kept.to {
        let group = messenger.group(&id).map(|group| group.name).unwrap_or_default();
        data["group"] = json!(group);
        notes.push(format!("in {}", printable(&group)));
    }
    if kept.from == own {
        let state = said.state(kept);
        data["state"] = json!(state.code());
        notes.push(state.words(is_group));
    }
    if kept.is_from_outside {
        data["from_outside"] = json!(true);
        notes.push("from somebody who does not belong to the group any more".into());
    }
    let body = match &kept.body {
        Body::Text(text) => {
            data["text"] = json!(text);
            printable(text)
        }
        Body::File { name, note, reference } => {
            let missing = missing(messenger, office, kept);
            data["file"] =
                json!({ "name": name, "size": reference.size(), "parts_missing": missing, "note": note });
            let state = match (saved, missing) {
                (Some(path), _) => {
                    data["file"]["saved"] = json!(path);
                    format!("brought out to {}", printable(&path.display().to_string()))
                }
                (None, _) if kept.from == own => "sent".into(),
                (None, 0) => "here: --save DIR brings it out".into(),
                (None, missing) => format!("{missing} of {} parts are still to come", reference.parts()),
            };
            let note = if note.is_empty() { String::new() } else { format!("\n  {}", printable(note)) };
            format!("[file] {} ({}), {state}{note}", printable(name), amount(reference.size()))
        }
    };
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    let text = format!("{}  {}{notes}\n  {}", time(kept.at), printable(&from), body.replace('\n', "\n  "));
    (data, text)
}

fn missing(messenger: &Messenger, office: &Office, kept: &Kept) -> u32 {
    let coming = messenger.files_coming().find(|(did, id, ..)| *did == kept.from && *id == kept.id);
    match (coming, &kept.body) {
        (Some((_, _, missing, _)), _) => missing,
        (None, Body::File { reference, .. }) => {
            let is_whole = office.desk.parts().is_whole(&name_of(&kept.from, reference), reference);
            if is_whole { 0 } else { reference.parts() }
        }
        (None, Body::Text(_)) => 0,
    }
}

/// Brings a file out, beside those that are there. `None` where it is not whole yet.
fn save(office: &Office, kept: &Kept, folder: &Path, screen: &Screen) -> Result<Option<PathBuf>, Failure> {
    let Body::File { name, reference, .. } = &kept.body else { return Ok(None) };
    if office.look(|messenger| missing(messenger, office, kept))? > 0 {
        return Ok(None);
    }
    std::fs::create_dir_all(folder)
        .map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", folder.display())))?;
    let path = free_name(folder, name);
    let line = Waiting::new(screen);
    let told =
        |done| line.say(&format!("{}: {} of {}", printable(name), amount(done), amount(reference.size())));
    let done = office.desk.parts().bring_out(&name_of(&kept.from, reference), reference, &path, &Zstd, told);
    line.end();
    done?;
    Ok(Some(path))
}

/// The most bytes of a name that a file is brought out under, so that there is room for a number.
const NAME_MAX: usize = 200;

/// A name that no file in the folder has: none that hides it, moves letters about, or is too long.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let name = printable(name).replacen('.', if name.starts_with('.') { "_" } else { "." }, 1);
    let (start, ending) =
        name.split_at(name.rfind('.').filter(|at| name.len() - at <= 16).unwrap_or(name.len()));
    let shortened: String =
        start.char_indices().take_while(|(at, _)| *at < NAME_MAX).map(|(_, letter)| letter).collect();
    let name = format!("{shortened}{ending}");
    let name = name.as_str();
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
        _ => (name, String::new()),
    };
    let numbered = (2..).map(|number| folder.join(format!("{stem} ({number}){ending}")));
    let mut names = std::iter::once(folder.join(name)).chain(numbered);
    names.find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| folder.join(name))
}
