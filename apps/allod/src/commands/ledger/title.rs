//! `allod title`: owning a content of any size, told by its hash.

use std::path::Path;

use allod_ledger::Action;
use allod_ledger::asset::title_id;
use allod_ledger::holding::{Holding, Title as Record};
use allod_node::person::Home;
use allod_node::person::ledger::Thing;
use allod_wire::TitleId;
use serde_json::json;

use super::list::remember;
use super::{ask, done, id, identity, open, person_and_ledger, time};
use crate::cli::ledger::{Title, TitleCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Title, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        TitleCommand::Make { file, label } => {
            let (content, size) = digest(&file)?;
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
            let label = label.or(name).unwrap_or_else(|| "untitled".into());
            let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
            let title = title_id(&person.log.state().did(), &content);
            let asked =
                ask(&ledger, &person, Action::Entitle { content, size, label: label.clone() }, screen)
                    .await?;
            let text = format!("The title {title} to {label:?} is yours.");
            done(screen, &asked, json!({ "title": title.to_string(), "label": label, "size": size }), &text);
        }
        TitleCommand::Transfer { title, to } => {
            let (person, ledger) = person_and_ledger(home, &args.through, screen).await?;
            let recipient = identity(&ledger, &to).await?;
            let what = Holding::Title(id(&title)?);
            let asked = ask(&ledger, &person, Action::Transfer { what, to: recipient }, screen).await?;
            let text = format!("The title {title} belongs to {recipient} now.");
            done(screen, &asked, json!({ "title": title, "owner": recipient.to_string() }), &text);
        }
        TitleCommand::Show { title } => {
            let ledger = open(home, &args.through, screen).await?;
            let id = id::<TitleId>(&title)?;
            let (_, shown) = ledger.prove_now::<Record>(&id).await?;
            let Some(record) = shown.record else {
                return Err(Failure::new(Kind::Failed, format!("there is no title {title}")));
            };
            remember(home, &ledger.trust().network, &Thing::Title(id), record.owner, screen);
            let owner = record.owner.map(|did| did.to_string());
            let held = owner.as_deref().unwrap_or("nobody: it is set aside or was destroyed");
            screen.result(
                &json!({
                    "title": title,
                    "label": record.label,
                    "owner": owner,
                    "maker": record.maker.to_string(),
                    "size": record.size,
                    "height": shown.height,
                    "at": shown.at.0,
                }),
                &format!(
                    "{:?}, {} bytes, made by {} on {}\nheld by {held}, at height {}, {}.",
                    record.label,
                    record.size,
                    record.maker,
                    time(record.made),
                    shown.height,
                    time(shown.at),
                ),
            );
        }
    }
    Ok(())
}

/// BLAKE3 of a file's content, and its length. The file is read part by part.
pub(super) fn digest(file: &Path) -> Result<([u8; 32], u64), Failure> {
    use std::io::Read;

    let failed = |e: std::io::Error| Failure::new(Kind::Failed, format!("{}: {e}", file.display()));
    let mut source = std::fs::File::open(file).map_err(failed)?;
    let mut hasher = allod_crypto::hash::Blake3::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let count = source.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.add(buffer.get(..count).unwrap_or_default());
        size += count as u64;
    }
}
