//! Showing a network that runs on this machine: a live table where somebody
//! watches, else a line for each change.

use std::path::Path;

use allod_node::network::{Network, NetworkError, Plan, State, Status};
use anstyle::AnsiColor;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// What is shown of the network, and of what goes on beside it.
pub(super) struct View<'a> {
    screen: &'a Screen,
    table: Option<(MultiProgress, Vec<ProgressBar>)>,
}

impl<'a> View<'a> {
    /// Shows how the guardians are at the start.
    pub(super) fn new(network: &Network, plain: bool, screen: &'a Screen) -> Self {
        let statuses = network.statuses();
        let table = (screen.is_live() && !plain).then(|| {
            let multi = MultiProgress::new();
            let bars = statuses.iter().map(|_| multi.add(ProgressBar::new_spinner())).collect::<Vec<_>>();
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bars.iter().for_each(|bar| bar.set_style(style.clone()));
            }
            (multi, bars)
        });
        let view = Self { screen, table };
        statuses.iter().for_each(|status| view.show(status));
        view
    }

    /// Shows how a guardian is now.
    pub(super) fn show(&self, status: &Status) {
        match &self.table {
            Some((_, bars)) => {
                if let Some(bar) = bars.get(status.guardian - 1) {
                    bar.set_message(row(status, self.screen));
                    bar.tick();
                }
            }
            None => self.screen.result(&json!(status), &line(status, self.screen)),
        }
    }

    /// Says something beside the table.
    pub(super) fn say(&self, event: &str, text: &str) {
        if self.screen.is_json() {
            self.screen.result(&json!({ "event": event, "message": text }), text);
        } else {
            self.beside(|| self.screen.note(text));
        }
    }

    /// Warns beside the table.
    pub(super) fn warn(&self, event: &str, text: &str) {
        if self.screen.is_json() {
            self.screen.result(&json!({ "event": event, "warning": text }), text);
        } else {
            self.beside(|| self.screen.warn(text));
        }
    }

    /// Takes the table away.
    pub(super) fn end(self) {
        if let Some((_, bars)) = self.table {
            bars.iter().for_each(ProgressBar::finish);
        }
    }

    fn beside(&self, write: impl FnOnce()) {
        match &self.table {
            Some((multi, _)) => multi.suspend(write),
            None => write(),
        }
    }
}

/// Starts a network, or says why not and what to do.
pub(super) async fn start(plan: Plan) -> Result<Network, Failure> {
    Network::start(plan).await.map_err(failure)
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
        NetworkError::Threshold { .. } => Failure::usage(message),
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
    written(status, &status.address, screen)
}

/// A row of the table, short enough for a terminal: the pin was told before.
fn row(status: &Status, screen: &Screen) -> String {
    written(status, status.address.split('#').next().unwrap_or_default(), screen)
}

fn written(status: &Status, address: &str, screen: &Screen) -> String {
    let (state, colour) = match &status.state {
        State::Running => ("running".to_owned(), AnsiColor::Green),
        State::Lying { how } => (format!("lying: {how}"), AnsiColor::Magenta),
        State::Paused => ("paused".to_owned(), AnsiColor::Yellow),
        State::Killed => ("killed".to_owned(), AnsiColor::Red),
        State::Stopped { why } => (format!("stopped by itself: {why}"), AnsiColor::Red),
    };
    let process = status.pid.map_or_else(|| "–".to_owned(), |pid| pid.to_string());
    let Status { guardian, counters, .. } = status;
    format!(
        "{guardian:>3} {address}  pid {process:<7}  registered {}  guesses {}  {}",
        counters.registered,
        counters.guesses,
        screen.paint(&state, colour)
    )
}
