//! What a person sees: text with colours where a terminal wants them, or JSON.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::failure::Failure;
use crate::progress;

/// Where results and messages go: results to standard output, everything else
/// to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    json: bool,
    colour: bool,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { json, colour: !refused && !dumb && std::io::stderr().is_terminal() }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody watches.
    pub(crate) fn is_live(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// A result: the value as JSON, or the text.
    pub(crate) fn result(&self, value: &Value, text: &str) {
        progress::end();
        let mut out = std::io::stdout().lock();
        // A reader that went away has seen enough.
        let _ = if self.json { writeln!(out, "{value}") } else { writeln!(out, "{}", text.trim_end()) };
        let _ = out.flush();
    }

    /// Something to know on the way. Not printed where results are JSON.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            progress::beside(|| {
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            });
        }
    }

    /// Something to heed.
    pub(crate) fn warn(&self, text: &str) {
        if !self.json {
            let label = self.paint("warning:", AnsiColor::Yellow);
            progress::beside(|| {
                let _ = writeln!(std::io::stderr().lock(), "{label} {text}");
            });
        }
    }

    /// Why it ended.
    pub(crate) fn failure(&self, failure: &Failure) {
        progress::end();
        let mut err = std::io::stderr().lock();
        if self.json {
            let _ = writeln!(std::io::stdout().lock(), "{}", failure.to_json());
            return;
        }
        let _ = writeln!(err, "{} {failure}", self.paint("error:", AnsiColor::Red));
        for detail in failure.details() {
            let _ = writeln!(err, "  {detail}");
        }
        if let Some(hint) = failure.hint() {
            let _ = writeln!(err, "{} {hint}", self.paint("next:", AnsiColor::Cyan));
        }
    }

    /// A word in colour, where colours are wanted.
    pub(crate) fn paint(&self, text: &str, colour: AnsiColor) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let style = Style::new().bold().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    }
}
