//! A network that runs on this machine: how it is started, and what is said of
//! it.

mod view;

use std::path::Path;

use allod_node::network::{Links, Ms, Network, NetworkError, Plan, State, Status};
use anstyle::AnsiColor;
use serde_json::json;
pub(super) use view::View;

use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Starts a network, or says why not and what to do.
pub(super) async fn start(plan: Plan) -> Result<Network, Failure> {
    start_linked(plan, Links::Direct).await
}

/// The same with guardians connected as told.
pub(super) async fn start_linked(plan: Plan, links: Links) -> Result<Network, Failure> {
    Network::start_linked(plan, links).await.map_err(failure)
}

/// What a network's refusal means for the command.
pub(super) fn failure(error: NetworkError) -> Failure {
    let message = error.to_string();
    match error {
        NetworkError::Running(_) => Failure::new(Kind::Failed, message).next(
            "use it, or end it with Ctrl-C where it runs; another folder can be named with --home or --dir",
        ),
        NetworkError::NotRunning(_) => Failure::new(Kind::Failed, message)
            .next("start one with `allod testnet` or `allod up`, with the same --home or --dir"),
        NetworkError::Differs { .. } => Failure::usage(message)
            .next("leave --guardians and --threshold out, or name another folder with --dir"),
        NetworkError::Threshold { .. } | NetworkError::TooMany { .. } => Failure::usage(message),
        NetworkError::OtherLinks { .. } => Failure::usage(message).next("or name another folder with --dir"),
        _ => Failure::new(Kind::Failed, message),
    }
}

/// What is first said of a network: where it is, and who is in it.
pub(super) fn introduce(network: &Network, folder: &Path, screen: &Screen) {
    let description = network.description();
    if screen.is_json() {
        screen.result(
            &json!({
                "event": "up",
                "folder": folder,
                "supervisor": std::process::id(),
                "threshold": description.threshold,
                "guardians": description.addresses(),
            }),
            "",
        );
        return;
    }
    screen.note(&format!(
        "A network of {} guardians, {} of which recover a secret.\nfolder     {}\nsupervisor process {}",
        description.guardians.len(),
        description.threshold,
        folder.display(),
        std::process::id()
    ));
    for (place, address) in description.addresses().iter().enumerate() {
        screen.note(&format!("guardian {} {address}", place + 1));
    }
}

/// A line for a change.
pub(super) fn line(status: &Status, screen: &Screen) -> String {
    let Status { guardian, address, pid, counters, standing, .. } = status;
    let (state, colour) = state(status);
    let mut text = format!(
        "{guardian:>3} {address}  pid {:<7}  registered {}  guesses {}  recovered {}",
        dash(*pid),
        counters.registered,
        counters.guesses,
        counters.recovered
    );
    for (name, value) in [("height", standing.height), ("epoch", standing.epoch), ("peers", standing.peers)] {
        if let Some(value) = value {
            text += &format!("  {name} {value}");
        }
    }
    if standing.ready == Some(false) {
        let age = standing.block_age_s.map(|age| format!(", last block {age}s ago")).unwrap_or_default();
        text += &format!("  {}", screen.paint(&format!("chain not ready{age}"), AnsiColor::Red));
    }
    text += &format!("  {}", screen.paint(&state, colour));
    let disturbed = disturbed(status);
    if !disturbed.is_empty() {
        text += &format!("  {}", screen.paint(&disturbed, AnsiColor::Yellow));
    }
    text
}

/// How a guardian is, in words and a colour.
fn state(status: &Status) -> (String, AnsiColor) {
    match &status.state {
        State::Running => ("running".to_owned(), AnsiColor::Green),
        State::Lying { how } => (format!("lying: {how}"), AnsiColor::Magenta),
        State::Paused => ("paused".to_owned(), AnsiColor::Yellow),
        State::Killed => ("killed".to_owned(), AnsiColor::Red),
        State::Stopped { why } => (format!("stopped by itself: {why}"), AnsiColor::Red),
    }
}

/// What is done to a guardian's connections and its clock, in words.
fn disturbed(status: &Status) -> String {
    let disturbance = &status.disturbance;
    let mut words = Vec::new();
    words.extend(disturbance.group.map(|group| format!("group {group}")));
    words.extend(disturbance.delay_ms.map(|ms| format!("delayed {}", Ms(ms))));
    words.extend(disturbance.skew_ms.map(|ms| {
        let sign = if ms < 0 { '-' } else { '+' };
        format!("clock {sign}{}", Ms(ms.unsigned_abs()))
    }));
    words.join(", ")
}

/// A value, or a dash where there is none.
fn dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}
