//! `allod send`: writing to somebody.

use std::io::Read as _;
use std::path::Path;

use allod_courier::bundle::{Lifetime, Priority};
use allod_courier::messenger::{Body, FILE_NAME_MAX, Sending, TEXT_MAX, Whom};
use allod_disk::Zstd;
use allod_node::person::Home;
use allod_post::parts;
use data_encoding::HEXLOWER;
use serde_json::json;

use super::{Office, who};
use crate::cli::courier::Send;
use crate::commands::vault::meter::amount;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Parts of a file that are made durable together.
const AT_ONCE: usize = 16;

pub(crate) fn run(home: &Home, args: &Send, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    let to = office.look(|messenger| who::whom(messenger, &args.to))??;
    let text = args.text.as_deref().map(|text| typed(text, screen)).transpose()?;
    if text.is_none() && args.file.is_none() {
        return Err(Failure::usage("there is nothing to send: say a text, or name a file with --file"));
    }
    if text.as_ref().is_some_and(|text| text.len() > TEXT_MAX) {
        return Err(Failure::usage(format!("a text has at most {TEXT_MAX} bytes; send a longer one as a file")));
    }
    let lifetime = Lifetime::at_least(args.days * 24 * 3600);
    let priority = if args.urgent { Priority::Urgent } else { Priority::Normal };
    let sending = Sending { priority, lifetime, custody: args.custody };
    let body = match &args.file {
        Some(file) => file_body(&office, &screen.path(file), to, lifetime, text.unwrap_or_default(), screen)?,
        None => Body::Text(text.unwrap_or_default()),
    };
    let id = office
        .with(|messenger| messenger.send(to, body, sending, allod_node::now(), &mut allod_node::entropy()))?;
    let data = json!({ "id": HEXLOWER.encode(&id.0), "state": "written" });
    screen.result(&data, "Written. It leaves with whatever goes their way.");
    Ok(())
}

/// What was typed, or is to be read.
fn typed(text: &str, screen: &Screen) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    let limit = TEXT_MAX as u64 + 1;
    let read = screen.streams().and_then(|(input, _)| input.take(limit).read_to_string(&mut text));
    read.map_err(|why| Failure::new(Kind::Failed, format!("standard input: {why}")))?;
    Ok(text.trim_end().to_owned())
}

/// Divides a file, and lets its parts be carried. They leave on their own; the message tells how
/// to put them together.
fn file_body(
    office: &Office,
    path: &Path,
    to: Whom,
    lifetime: Lifetime,
    note: String,
    screen: &Screen,
) -> Result<Body, Failure> {
    let about = std::fs::metadata(path)
        .map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", path.display())))?;
    if !about.is_file() {
        return Err(Failure::usage(format!("{} is no file; a folder can be packed first, as by tar", path.display())));
    }
    let name = path.file_name().and_then(|name| name.to_str()).filter(|name| name.len() <= FILE_NAME_MAX);
    let name = name.ok_or_else(|| Failure::usage("the file's name is too long, or no text; give it another one"))?;
    let (used, limits) = office.desk.bag().with(|bag| {
        let used = bag.store().size().1;
        Ok::<_, allod_post::PostError>((used, bag.limits()))
    })?;
    let room = limits.bytes;
    if about.len() > room {
        return Err(Failure::new(
            Kind::Failed,
            format!("the file has {}, and this device carries at most {}", amount(about.len()), amount(room)),
        )
        .with_details([format!("{} are carried now", amount(used))])
        .next("make room on the disk, or send it in pieces; nothing was sent"));
    }
    let line = Waiting::new(screen);
    let mut waiting = Vec::new();
    let now = allod_node::now();
    let put = |bundles: &mut Vec<_>| {
        office.desk.bag().with(|bag| bundles.drain(..).try_for_each(|bundle| bag.put_own(&bundle, now)))
    };
    let is_for_many = matches!(to, Whom::Group(_));
    let reference = parts::divide(
        path,
        is_for_many,
        lifetime,
        &Zstd,
        &mut allod_node::entropy(),
        |bundle| {
            waiting.push(bundle);
            if waiting.len() >= AT_ONCE { put(&mut waiting) } else { Ok(()) }
        },
        |done| line.say(&format!("sealing: {} of {}", amount(done), amount(about.len()))),
    );
    line.end();
    let reference = reference?;
    put(&mut waiting)?;
    Ok(Body::File { name: name.to_owned(), note, reference })
}
