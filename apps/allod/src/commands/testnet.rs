//! `allod testnet`: guardians to be disturbed.

use allod_node::network::{self, Liar, LyingConfig, Order, Plan};
use allod_node::person::Home;
use serde_json::json;

use super::ending::Ending;
use super::local::{self, View};
use crate::cli::{Testnet, TestnetLiar};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(super) async fn run(home: &Home, args: Testnet, screen: &Screen) -> Result<(), Failure> {
    let folder = args.dir.clone().unwrap_or_else(|| home.network());
    if let Some(order) = order(&args) {
        let status = network::order(&folder, &order).await.map_err(local::failure)?;
        screen.result(&json!(status), &local::line(&status, screen));
        return Ok(());
    }
    let mut ending = Ending::new(false)?;
    let plan = Plan {
        folder: folder.clone(),
        guardians: args.guardians,
        threshold: args.threshold,
        port_base: args.port_base,
        program: program()?,
    };
    let mut network = tokio::select! {
        network = local::start(plan) => network?,
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
    screen.note(
        "disturb it allod testnet --kill I | --pause I | --resume I | --start I | --lie I --how KIND\n",
    );
    let view = View::new(&network, args.plain, screen);
    loop {
        tokio::select! {
            status = network.change() => view.show(&status),
            () = ending.wait() => break,
        }
    }
    view.end();
    network.stop().await;
    screen.note("All guardians have ended. Their state is kept.");
    Ok(())
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

/// The program that guardians are started with: this one.
pub(super) fn program() -> Result<std::path::PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|e| Failure::new(Kind::Failed, format!("cannot tell which program this is: {e}")))
}

fn order(args: &Testnet) -> Option<Order> {
    let guardian = usize::from;
    None.or(args.kill.map(|i| Order::Kill { guardian: guardian(i) }))
        .or(args.pause.map(|i| Order::Pause { guardian: guardian(i) }))
        .or(args.resume.map(|i| Order::Resume { guardian: guardian(i) }))
        .or(args.start.map(|i| Order::Start { guardian: guardian(i) }))
        .or(args.lie.map(|i| Order::Lie { guardian: guardian(i), how: args.how.clone() }))
}
