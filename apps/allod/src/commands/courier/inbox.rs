//! `allod inbox`: conversations, and what is new in them.

use std::collections::BTreeMap;

use allod_courier::messenger::{Messenger, Whom};
use allod_node::person::Home;
use data_encoding::HEXLOWER;
use serde_json::json;

use super::conversation::{Said, one_line};
use super::told::{printable, time};
use super::{Office, who};
use crate::cli::courier::Inbox;
use crate::failure::Failure;
use crate::screen::Screen;

pub(crate) fn run(home: &Home, args: &Inbox, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    office.sweep()?;
    let (said, own) = (Said::load(&office)?, office.did());
    let mut conversations: BTreeMap<Whom, (usize, usize)> = BTreeMap::new();
    for (at, kept) in said.messages.iter().enumerate() {
        let (last, unread) = conversations.entry(Said::with(kept, &own)).or_default();
        *last = at;
        *unread += usize::from(said.is_unread(kept));
    }
    let mut rows: Vec<_> =
        conversations.into_iter().filter(|(_, (_, unread))| *unread > 0 || !args.unread).collect();
    rows.sort_by_key(|(_, (last, _))| std::cmp::Reverse(*last));
    let lines = office.look(|messenger| {
        rows.iter()
            .filter_map(|(whom, (last, unread))| {
                let kept = said.messages.get(*last)?;
                let (with, kind, number) = described(messenger, whom);
                let data = json!({
                    "with": with, "kind": kind, "number": number, "unread": unread,
                    "last": one_line(&kept.body), "at_ms": kept.at.0, "from": kept.from.to_string(),
                });
                let news = if *unread > 0 { format!("{unread} new") } else { String::new() };
                let from = if kept.from == own { "me: " } else { "" };
                let with = if kind == "group" { format!("{with} (group)") } else { with };
                let text = format!(
                    "{:24} {news:8} {}  {from}{}",
                    printable(&with),
                    time(kept.at),
                    one_line(&kept.body)
                );
                Some((data, text))
            })
            .collect::<Vec<_>>()
    })?;
    if lines.is_empty() {
        screen.note(if args.unread { "Nothing new." } else { "Nothing was written yet: `allod send`." });
    }
    lines.iter().for_each(|(data, text)| screen.result(data, text));
    Ok(())
}

fn described(messenger: &Messenger, whom: &Whom) -> (String, &'static str, String) {
    match whom {
        Whom::Person(did) => (who::name_of(messenger, did), "person", did.to_string()),
        Whom::Group(id) => {
            let name = messenger.group(id).map(|group| group.name).unwrap_or_default();
            (name, "group", HEXLOWER.encode(&id.0))
        }
    }
}
