//! One child process: it ends when its supervisor does, since it watches a pipe
//! that only the supervisor holds open.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::skew::SKEW_VARIABLE;

/// How long a process may take until it says that it is up.
const START: Duration = Duration::from_secs(20);

/// How long a process may take to end in good order.
const END: Duration = Duration::from_secs(8);

/// A running child.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    signals: mpsc::UnboundedSender<Signal>,
    ended: JoinHandle<Option<ExitStatus>>,
}

impl Process {
    /// Starts a child and waits for the JSON line in which it says that it is
    /// up, or why it is not. Its clock is as much ahead as `skew_ms` says.
    pub(super) async fn start(
        command: &[OsString],
        log: &Path,
        skew_ms: i64,
    ) -> Result<(Self, Value), String> {
        let [program, arguments @ ..] = command else { return Err("there is nothing to start".into()) };
        let words = |e: std::io::Error| e.to_string();
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(log).map_err(words)?;
        let mut command = Command::new(program);
        command.args(arguments).env_remove(SKEW_VARIABLE);
        if skew_ms != 0 {
            command.env(SKEW_VARIABLE, skew_ms.to_string());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C at the terminal is the supervisor's to pass on. A stopped
            // child whose supervisor crashed is ended by the system, which does
            // so for process groups that are left behind.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(words)?;
        let pid = child.id().ok_or("it ended at once")?;
        let lifeline = child.stdin.take();
        let Some(stdout) = child.stdout.take() else { return Err("it has no output".into()) };
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        tokio::time::timeout(START, reader.read_line(&mut line))
            .await
            .map_err(|_| "it said nothing for a long time".to_owned())?
            .map_err(words)?;
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(why) = said.get("error") {
            return Err(why.as_str().unwrap_or("no reason given").to_owned());
        }
        if said.get("address").is_none() {
            return Err("it ended without a word; its log may say why".into());
        }
        let (signals, mut queue) = mpsc::unbounded_channel();
        let ended = tokio::spawn(async move {
            let _lifeline = lifeline;
            loop {
                tokio::select! {
                    status = child.wait() => return status.ok(),
                    Some(signal) = queue.recv() => {
                        // A child that was waited for has no id any more, so no
                        // other process can be hit.
                        if let Some(pid) = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                            let _ = kill_process(pid, signal);
                        }
                    }
                }
            }
        });
        Ok((Self { pid, signals, ended }, said))
    }

    /// Whether it ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_finished()
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) {
        // Where nobody listens any more, the process has ended.
        let _ = self.signals.send(signal);
    }

    /// Kills it, and waits until it is gone.
    pub(super) async fn kill(self) {
        self.signal(Signal::KILL);
        let _ = self.ended.await;
    }

    /// Lets it end in good order; kills it if it takes too long.
    pub(super) async fn end(mut self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        if tokio::time::timeout(END, &mut self.ended).await.is_err() {
            self.kill().await;
        }
    }

    /// How it ended, in words.
    pub(super) async fn epitaph(self) -> String {
        match self.ended.await {
            Ok(Some(status)) => status.to_string(),
            _ => "its end was not seen".into(),
        }
    }
}
