//! Notifications on the desktop, where there is one: that something came, and what it says only
//! if the person asked for that.
//!
//! They are handed to the program `notify-send` (freedesktop.org, Desktop Notifications), which
//! desktops have; speaking to the bus ourselves would take forty crates. Nothing is done where
//! there is no bus or no such program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

/// The program.
const PROGRAM: &str = "notify-send";

/// Between two notifications there is as much time at least.
const PAUSE: Duration = Duration::from_secs(4);

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Letters of a message that are shown, and lines.
const LETTERS: usize = 200;
const LINES: usize = 3;

/// What is shown on the desktop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Notify {
    /// Nothing.
    Off,
    /// That something came.
    #[default]
    On,
    /// From whom, and what it says.
    Text,
}

/// What shows notifications.
pub(super) struct Notifier {
    how: Notify,
    program: Option<PathBuf>,
    waiting: Vec<String>,
    shown: Option<Instant>,
}

impl Notifier {
    /// One that shows so much.
    pub(super) fn new(how: Notify) -> Self {
        let program = if how == Notify::Off || !has_bus() { None } else { found(PROGRAM) };
        Self { how, program, waiting: Vec::new(), shown: None }
    }

    /// Something came, in a line each.
    pub(super) fn add(&mut self, lines: impl IntoIterator<Item = String>) {
        if self.program.is_some() {
            self.waiting.extend(lines);
        }
    }

    /// Shows what waits, if it is time.
    pub(super) fn show(&mut self) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE);
        let Some(program) = self.program.as_ref().filter(|_| is_due && !self.waiting.is_empty()) else {
            return;
        };
        self.shown = Some(Instant::now());
        let (title, body) = said(self.how, &std::mem::take(&mut self.waiting));
        let mut command = Command::new(program);
        command.args(["--app-name=Allod", "--category=im.received", "--", &title, &body]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        if let Ok(mut child) = command.spawn() {
            tokio::spawn(async move { timeout(PATIENCE, child.wait()).await });
        }
    }
}

/// The title and the body of a notification.
fn said(how: Notify, lines: &[String]) -> (String, String) {
    let title = match lines.len() {
        1 => "Something new came".to_owned(),
        count => format!("{count} new messages or requests"),
    };
    if how != Notify::Text {
        return (title, "`allod read` shows it".into());
    }
    let shown = lines.iter().take(LINES).map(|line| escaped(line));
    let more = lines.len().saturating_sub(LINES);
    let more = (more > 0).then(|| format!("and {more} more"));
    (title, shown.chain(more).collect::<Vec<_>>().join("\n"))
}

/// Without what desktops take for markup.
fn escaped(line: &str) -> String {
    let short: String = line.chars().take(LETTERS).collect();
    short.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether there is a bus of the person's desktop: one that is named, or where systemd puts it.
fn has_bus() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let at = |folder: OsString| Path::new(&folder).join("bus").exists();
    set("DBUS_SESSION_BUS_ADDRESS").is_some() || set("XDG_RUNTIME_DIR").is_some_and(at)
}

/// Where a program is.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // A relative one would be whatever the folder here has.
    let mut places = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    places.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file()))
}
