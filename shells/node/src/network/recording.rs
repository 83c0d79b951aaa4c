//! A run written down as it happens: JSON lines, each whole as soon as it is
//! written, so that also a run that crashed can be read.
//!
//! | event | what |
//! |---|---|
//! | `start` | versions, parameters, the guardians, the script and its schedule |
//! | `order` | an order: when it was given, by whom, how long it took, what came of it |
//! | `status` | a guardian is otherwise than before |
//! | `counters` | all guardians' counters, each second |
//! | `end` | why it ended, how many orders were carried out, how the guardians were |
//!
//! Each line has `at_ms`: milliseconds from the script's beginning. The whole
//! format stands in `docs/testnet.md`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::status::ms_between;
use super::{Description, Links, Obeyed, Schedule, Status};
use crate::files::{FileError, at};

/// The format's version.
const FORMAT: u64 = 1;

/// A file that a run is written to.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    file: File,
    began: Instant,
    orders: u64,
    refused: u64,
}

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Beginning<'a> {
    /// The network.
    pub description: &'a Description,
    /// How its guardians are connected.
    pub links: Links,
    /// How the guardians are.
    pub statuses: &'a [Status],
    /// The script's text and what came of it, where there is a script.
    pub script: Option<(&'a str, &'a Schedule)>,
}

impl Recording {
    /// Makes the file, or empties the one that is there. Times count from now.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = File::create(path).map_err(at(path))?;
        Ok(Self { path: path.to_owned(), file, began: Instant::now(), orders: 0, refused: 0 })
    }

    /// Writes what the run begins with, and counts times from `began`.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn start(&mut self, beginning: &Beginning<'_>, began: Instant) -> Result<(), FileError> {
        self.began = began;
        let Beginning { description, links, statuses, script } = beginning;
        let word = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let script = script.map(|(text, schedule)| {
            let steps = schedule.steps.iter().map(|step| {
                json!({
                    "planned_ms": step.at_ms,
                    "line": step.line,
                    "undoes": step.undoes,
                    "order": step.order.to_string(),
                })
            });
            json!({
                "text": text,
                "seed": schedule.seed,
                "end_ms": schedule.end_ms,
                "steps": steps.collect::<Vec<_>>(),
            })
        });
        self.write(&json!({
            "at_ms": 0,
            "event": "start",
            "format": FORMAT,
            "unix_ms": crate::now().0.saturating_sub(self.now_ms()),
            "versions": {
                "allod": env!("CARGO_PKG_VERSION"),
                "kernel": word("/proc/sys/kernel/osrelease"),
            },
            "parameters": {
                "guardians": description.guardians.len(),
                "threshold": description.threshold,
                "links": links.name(),
            },
            "realms": description.guardians.iter().map(|member| &member.realm).collect::<Vec<_>>(),
            "guardians": statuses,
            "script": script,
        }))
    }

    /// Writes an order down.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn order(&mut self, obeyed: &Obeyed) -> Result<(), FileError> {
        self.orders += 1;
        self.refused += u64::from(obeyed.result.is_err());
        self.write(&obeyed.to_json(self.began))
    }

    /// Writes down how a guardian is now.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn status(&mut self, status: &Status) -> Result<(), FileError> {
        let mut value = json!(status);
        value["event"] = "status".into();
        value["at_ms"] = self.now_ms().into();
        self.write(&value)
    }

    /// Writes down what the guardians counted.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn counters(&mut self, statuses: &[Status]) -> Result<(), FileError> {
        let counted = statuses.iter().map(|status| {
            let mut value = json!(status.counters);
            value["guardian"] = status.guardian.into();
            if let (Some(all), Value::Object(standing)) = (value.as_object_mut(), json!(status.standing)) {
                all.extend(standing);
            }
            value
        });
        let guardians: Vec<_> = counted.collect();
        self.write(&json!({ "at_ms": self.now_ms(), "event": "counters", "guardians": guardians }))
    }

    /// Writes the end down: why it ended, and how many of the script's orders
    /// never came.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn end(&mut self, reason: &str, left: usize, statuses: &[Status]) -> Result<(), FileError> {
        self.write(&json!({
            "at_ms": self.now_ms(),
            "event": "end",
            "reason": reason,
            "orders": { "done": self.orders - self.refused, "refused": self.refused, "left": left },
            "guardians": statuses,
        }))?;
        self.file.sync_all().map_err(at(&self.path))
    }

    fn now_ms(&self) -> u64 {
        ms_between(self.began, Instant::now())
    }

    fn write(&mut self, value: &Value) -> Result<(), FileError> {
        self.file.write_all(format!("{value}\n").as_bytes()).map_err(at(&self.path))
    }
}
