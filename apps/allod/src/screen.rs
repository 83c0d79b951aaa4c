//! What a person sees: text with colours where a terminal wants them, or JSON.

use std::fs::File;
use std::io::{self, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::caller::Caller;
use crate::failure::{Failure, Kind};
use crate::progress::Shown;

/// Where results and messages go: results to standard output, everything else
/// to standard error; of this process, or of [another](Caller) that this one works for.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    json: bool,
    colour: bool,
    shown: Arc<Shown>,
    stops: Arc<AtomicBool>,
    caller: Option<Arc<Caller>>,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        let colour = wants_colour() && io::stderr().is_terminal();
        Self { json, colour, shown: Arc::default(), stops: Arc::default(), caller: None }
    }

    /// That of another process.
    pub(crate) fn of(caller: Caller, json: bool) -> Self {
        let colour = caller.wants_colour && caller.err.is_terminal();
        let shown = Arc::new(Shown::on(&caller.err));
        Self { json, colour, shown, stops: Arc::default(), caller: Some(Arc::new(caller)) }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody watches.
    pub(crate) fn is_live(&self) -> bool {
        let is_terminal = match &self.caller {
            Some(caller) => caller.err.is_terminal(),
            None => io::stderr().is_terminal(),
        };
        !self.json && is_terminal
    }

    /// Whom this works for, if that is another process.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.caller.as_deref()
    }

    /// A path, from where it was typed.
    pub(crate) fn path(&self, typed: &Path) -> PathBuf {
        match &self.caller {
            Some(caller) => caller.directory.join(typed),
            None => typed.to_owned(),
        }
    }

    /// The permissions of a directory that is made for whoever typed.
    pub(crate) fn directory_mode(&self) -> u32 {
        0o777 & !self.caller.as_ref().map_or(0, |caller| caller.umask)
    }

    /// Standard output.
    pub(crate) fn out(&self) -> Out {
        match &self.caller {
            Some(caller) => Out::Caller(Arc::clone(caller)),
            None => Out::Own(io::stdout()),
        }
    }

    /// Standard input and output, as they are.
    pub(crate) fn streams(&self) -> io::Result<(File, File)> {
        let (input, out) = match &self.caller {
            Some(caller) => {
                (caller.input.as_fd().try_clone_to_owned(), caller.out.as_fd().try_clone_to_owned())
            }
            None => (io::stdin().as_fd().try_clone_to_owned(), io::stdout().as_fd().try_clone_to_owned()),
        };
        Ok((input?.into(), out?.into()))
    }

    /// The line that shows what goes on.
    pub(crate) fn shown(&self) -> &Arc<Shown> {
        &self.shown
    }

    /// What becomes true when this is to stop.
    pub(crate) fn stops(&self) -> &Arc<AtomicBool> {
        &self.stops
    }

    /// Whether nobody said that this is to stop.
    pub(crate) fn goes_on(&self) -> bool {
        !self.stops.load(Ordering::Relaxed)
    }

    /// Ends what is done here, where somebody said so.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        if self.goes_on() { Ok(()) } else { Err(Failure::new(Kind::Failed, "stopped")) }
    }

    /// A result: the value as JSON, or the text.
    pub(crate) fn result(&self, value: &Value, text: &str) {
        self.shown.end();
        let mut out = self.out();
        // A reader that went away has seen enough.
        let line = if self.json { format!("{value}\n") } else { format!("{}\n", text.trim_end()) };
        let _ = out.write_all(line.as_bytes());
        let _ = out.flush();
    }

    /// Something to know on the way. Not printed where results are JSON.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            self.shown.beside(|| self.print(&format!("{text}\n")));
        }
    }

    /// Something to heed.
    pub(crate) fn warn(&self, text: &str) {
        if !self.json {
            let label = self.paint("warning:", AnsiColor::Yellow);
            self.shown.beside(|| self.print(&format!("{label} {text}\n")));
        }
    }

    /// Why it ended.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.shown.end();
        if self.json {
            let _ = self.out().write_all(format!("{}\n", failure.to_json()).as_bytes());
            return;
        }
        let mut text = format!("{} {failure}\n", self.paint("error:", AnsiColor::Red));
        for detail in failure.details() {
            text.push_str(&format!("  {detail}\n"));
        }
        if let Some(hint) = failure.hint() {
            text.push_str(&format!("{} {hint}\n", self.paint("next:", AnsiColor::Cyan)));
        }
        self.print(&text);
    }

    /// A word in colour, where colours are wanted.
    pub(crate) fn paint(&self, text: &str, colour: AnsiColor) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let style = Style::new().bold().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    }

    /// Prints to standard error.
    fn print(&self, text: &str) {
        let _ = match &self.caller {
            Some(caller) => (&caller.err).write_all(text.as_bytes()),
            None => io::stderr().lock().write_all(text.as_bytes()),
        };
    }
}

/// Whether nothing in the environment refuses colours.
pub(crate) fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !refused && !dumb
}

/// Standard output.
#[derive(Debug)]
pub(crate) enum Out {
    Own(Stdout),
    Caller(Arc<Caller>),
}

impl Out {
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Own(out) => out.is_terminal(),
            Self::Caller(caller) => caller.out.is_terminal(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Own(out) => out.write(bytes),
            Self::Caller(caller) => (&caller.out).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Own(out) => out.flush(),
            Self::Caller(caller) => (&caller.out).flush(),
        }
    }
}
