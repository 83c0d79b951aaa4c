//! `allod guardian`: being a guardian.

use std::net::SocketAddr;
use std::path::Path;

use allod_node::guardian::{self, ChainHealth, Config, Failed, Health, Tls};
use allod_node::person::Home;
use serde_json::json;

use super::ending::Ending;
use super::ledger;
use super::testnet::skew_clock;
use crate::cli::{Guardian, GuardianCommand};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: Guardian, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        GuardianCommand::Init { config, listen, state, no_tls } => {
            if config.exists() {
                return Err(Failure::usage(format!("{} is there already", config.display())));
            }
            let tls = if no_tls { Tls::Off } else { Tls::SelfSigned };
            let state = state.unwrap_or_else(|| "guardian-state".into());
            Config::new(listen, state, tls).write(&config)?;
            let path = config.display().to_string();
            screen.result(
                &json!({ "config": path }),
                &format!("Wrote {path}. Start the guardian with `allod guardian run --config {path}`."),
            );
            Ok(())
        }
        GuardianCommand::Audit(args) => ledger::audit::run(home, args, screen).await,
        command @ (GuardianCommand::Operator { .. }
        | GuardianCommand::Join { .. }
        | GuardianCommand::Leave(_)
        | GuardianCommand::Bond { .. }
        | GuardianCommand::Unbond(_)
        | GuardianCommand::Restate { .. }
        | GuardianCommand::Approve { .. }
        | GuardianCommand::Admit { .. }) => ledger::operate::run(home, command, screen).await,
        GuardianCommand::Health { config, ready } => {
            let health = guardian::health(&Config::read(&config)?).await?;
            tell_health(&health, ready, screen)
        }
        GuardianCommand::Run { config, until_stdin_closes } => {
            let ending = Ending::new(until_stdin_closes)?;
            skew_clock(&config)?;
            serve(&config, ending, screen).await
        }
    }
}

/// Tells how a guardian is. One whose chain does not do its part is well, unless
/// it is to be `ready` too.
fn tell_health(health: &Health, ready: bool, screen: &Screen) -> Result<(), Failure> {
    let mut value = json!({ "address": health.address, "realm": health.realm.to_string() });
    let mut text = format!("Guardian {} is well at {}", health.realm, health.address);
    let mut unready = None;
    if let Some(chain) = &health.chain {
        let ChainHealth { height, epoch, votes, peers, unready: why } = chain;
        value["chain"] =
            json!({ "height": height, "epoch": epoch, "votes": votes, "peers": peers, "unready": why });
        let does = if *votes { "votes" } else { "observes" };
        text += &format!("\nIt {does} in epoch {epoch}, hears {peers} guardians, and is at height {height}");
        if let Some(why) = why {
            text += &format!("\nIt is not ready: {why}");
        }
        unready = why.as_ref();
    }
    match unready.filter(|_| ready) {
        Some(why) => Err(Failure::new(Kind::Failed, format!("the guardian is not ready: {why}"))),
        None => {
            screen.result(&value, &text);
            Ok(())
        }
    }
}

/// A guardian's address, for people; with what is left to fill in where it listens on
/// all of its machine's addresses, since nobody can go to that one.
fn spoken(address: &str, listen: SocketAddr) -> String {
    if !listen.ip().is_unspecified() {
        return address.to_owned();
    }
    let host = SocketAddr::new(listen.ip(), 0).to_string();
    let host = host.trim_end_matches(":0");
    let named = address.replacen(host, "HOST", 1);
    format!("{named}\nPut this machine's name or address, as others reach it, in the place of HOST.")
}

/// Runs until it is to end.
async fn serve(config: &Path, mut ending: Ending, screen: &Screen) -> Result<(), Failure> {
    let config = Config::read(config)?;
    let running = guardian::run(&config).await?;
    screen.result(
        &json!({
            "address": running.address(), "realm": running.realm().to_string(), "admin": running.admin(),
        }),
        &format!("Guardian {} is up at {}", running.realm(), spoken(running.address(), config.listen)),
    );
    let failed = tokio::select! {
        () = ending.wait() => None,
        failed = running.failed() => Some(failed),
    };
    running.stop().await;
    match failed {
        None => Ok(()),
        Some(Failed::Store) => {
            Err(Failure::new(Kind::Failed, "the guardian could not write to its disk, so it has ended")
                .next("make room on the disk and start it again; every guess that it answered is kept"))
        }
        Some(Failed::Chain(why)) => Err(Failure::new(
            Kind::Failed,
            format!("the guardian's chain cannot go on, so it has ended: {why}"),
        )
        .next("start it again; what it keeps for people is kept")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_can_go_to_is_not_handed_on() {
        let all = spoken("https://0.0.0.0:7800#pin", "0.0.0.0:7800".parse().unwrap());
        assert!(all.starts_with("https://HOST:7800#pin\n"), "{all}");
        let all = spoken("http://[::]:7800", "[::]:7800".parse().unwrap());
        assert!(all.starts_with("http://HOST:7800\n"), "{all}");
        let one = "https://192.0.2.1:7800#pin";
        assert_eq!(spoken(one, "192.0.2.1:7800".parse().unwrap()), one);
    }
}
