//! `allod testnet`: guardians to be disturbed, by hand or by a script.

mod by_hand;
mod run;
mod script;

use allod_node::guardian::Config;
use allod_node::network::{self, Equivocator, Liar, Links, LyingConfig, Plan};
use allod_node::person::Home;
use serde_json::json;

use super::ending::Ending;
use super::local;
use crate::cli::{Testnet, TestnetEquivocator, TestnetLiar};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: Testnet, screen: &Screen) -> Result<(), Failure> {
    let folder = args.dir.clone().unwrap_or_else(|| home.network());
    if let Some(orders) = by_hand::orders(&args, &folder)? {
        return by_hand::give(&folder, &orders, screen).await;
    }
    let script = match &args.chaos {
        None => None,
        Some(path) => Some(script::Read::from(path, &args, &folder)?),
    };
    let links = links(&args, script.as_ref());
    let lacks = network::lacks(links, &script.as_ref().map(script::Read::orders).unwrap_or_default()).await;
    if let (true, Some(script)) = (args.check, &script) {
        script.show(links, &lacks, screen);
    }
    if !lacks.is_empty() {
        let what = if script.is_some() { "carry out the script" } else { "run the network" };
        let message = format!("this machine cannot {what}: {}", lacks.join("; "));
        return Err(Failure::new(Kind::Failed, message));
    }
    if args.check {
        return Ok(());
    }
    let mut ending = Ending::new(false)?;
    let plan = Plan {
        folder: folder.clone(),
        guardians: args.guardians,
        threshold: args.threshold,
        port_base: args.port_base,
        program: program()?,
        brisk: args.brisk,
    };
    let network = tokio::select! {
        network = local::start_linked(plan, links) => network?,
        () = ending.wait() => return Ok(()),
    };
    local::introduce(&network, &folder, screen);
    if args.dir.is_none() {
        screen.note(&format!("use it     allod --home {} init", home.path().display()));
    } else {
        let named = network.description().addresses().join(" --guardian ");
        screen.note(&format!(
            "use it     allod init --threshold {} --guardian {named}",
            network.description().threshold
        ));
    }
    screen.note("disturb it allod testnet --order ORDER, such as `kill 2` or `pause 3 for 5s`");
    let disturbed = match links {
        Links::Direct => "cannot be disturbed without --relay or --namespaces",
        Links::Relay => "can be disturbed with `partition`, `delay` and `cut`",
        Links::Namespaces => "can be disturbed with `partition` and `delay`",
    };
    screen.note(&format!("links      {}: {disturbed}", links.name()));
    if let Some(script) = &script {
        screen.note(&format!("script     {}", script.in_brief()));
    }
    screen.note("");
    run::run(network, script.as_ref(), &args, ending, screen).await
}

/// How the guardians are to be connected.
fn links(args: &Testnet, script: Option<&script::Read>) -> Links {
    match (args.namespaces, args.relay) {
        (true, _) => Links::Namespaces,
        (_, true) => Links::Relay,
        _ if script.is_some_and(|script| script.schedule.needs_links()) => Links::Relay,
        _ => Links::Direct,
    }
}

/// Runs a liar until it is to end.
pub(super) async fn lie(args: TestnetLiar, screen: &Screen) -> Result<(), Failure> {
    let mut ending = Ending::new(true)?;
    let TestnetLiar { state, listen, upstream, realm, how } = args;
    let liar = Liar::start(LyingConfig { state, listen, upstream, realm, how }).await?;
    screen.result(
        &json!({ "address": liar.address(), "realm": realm.to_string() }),
        &format!("A liar ({how}) stands at {}", liar.address()),
    );
    ending.wait().await;
    Ok(())
}

/// Votes twice in a guardian's place until it is to end.
pub(super) async fn equivocate(args: TestnetEquivocator, screen: &Screen) -> Result<(), Failure> {
    let mut ending = Ending::new(true)?;
    skew_clock(&args.config)?;
    let equivocator = Equivocator::start(&Config::read(&args.config)?)?;
    let listen = equivocator.listen().to_string();
    screen.result(
        &json!({ "address": listen }),
        &format!("A guardian that votes twice stands among the others at {listen}"),
    );
    tokio::select! {
        () = ending.wait() => {}
        why = equivocator.ended() => return Err(Failure::new(Kind::Failed, why.to_string())),
    }
    equivocator.stop().await;
    Ok(())
}

/// Puts this process's clock wrong, where it is to be the guardian of a network
/// for trying out and the environment says so.
pub(super) fn skew_clock(config: &std::path::Path) -> Result<(), Failure> {
    network::skew_clock(config).map(|_| ()).map_err(|error| Failure::usage(error.to_string()))
}

/// The program that guardians are started with: this one.
pub(super) fn program() -> Result<std::path::PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|e| Failure::new(Kind::Failed, format!("cannot tell which program this is: {e}")))
}
