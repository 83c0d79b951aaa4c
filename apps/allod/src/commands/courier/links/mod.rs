//! `allod links`: the ways that this device uses.

mod chosen;
mod notify;
pub(crate) mod run;
mod serial;
mod side;
mod tcpcl;

use allod_node::person::Home;
use serde_json::json;

use super::Office;
use crate::cli::courier::{Links, LinksCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;
use chosen::{Chosen, Serial, Tcpcl};
use notify::Notify;

pub(crate) async fn run(home: &Home, args: Links, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    let mut chosen = Chosen::load(&office.folder)?;
    match args.command.unwrap_or(LinksCommand::List) {
        LinksCommand::List => {}
        LinksCommand::Run { until_stdin_closes } => {
            return run::until_ended(office, chosen, until_stdin_closes, screen).await;
        }
        LinksCommand::Listen { addresses } => chosen.listen = Some(addresses),
        LinksCommand::Dial { address } => {
            allod_links::p2p::check_address(&address)?;
            chosen.dial.push(address);
        }
        LinksCommand::Lan { on } => chosen.lan = on == "on",
        LinksCommand::Relay { on } => chosen.relay = on == "on",
        LinksCommand::Directory { on } => chosen.directory = on == "on",
        LinksCommand::Folder { folder } => {
            let path = std::path::absolute(screen.path(&folder))
                .map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", folder.display())))?;
            chosen.folders.push(path);
        }
        LinksCommand::Serial { device, baud, rate, duty } => {
            chosen.serial.push(Serial { device, baud, bits_per_second: rate, duty_per_mille: duty });
        }
        LinksCommand::Tcpcl { address, to } => chosen.tcpcl.push(Tcpcl { address, is_called: to }),
        LinksCommand::Notify { what } => {
            chosen.notify = match what.as_str() {
                "off" => Notify::Off,
                "text" => Notify::Text,
                _ => Notify::On,
            };
        }
        LinksCommand::Remove { number } => {
            if !chosen.remove(number) {
                return Err(Failure::usage(format!("there is no link {number}; `allod links` lists them")));
            }
        }
    }
    chosen.save(&office.folder)?;
    let rows = chosen.rows();
    if screen.is_json() {
        for (number, kind, what) in rows {
            screen.result(&json!({ "number": number, "kind": kind, "what": what }), "");
        }
        return Ok(());
    }
    let line = |(number, kind, what): (Option<usize>, &str, String)| {
        let number = number.map_or_else(String::new, |number| number.to_string());
        format!("{number:>3}  {kind:10} {what}")
    };
    let text: Vec<String> = rows.into_iter().map(line).collect();
    screen.result(&json!({}), &text.join("\n"));
    Ok(())
}
