//! Showing that something goes on, and who is waited for: one line on standard error,
//! where somebody watches.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use allod_node::person::{Awaited, Late, Progress};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::screen::Screen;

/// How long nothing is said, while most requests are answered.
const QUIET: Duration = Duration::from_secs(1);

/// How often it is looked who is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// Guardians that are named at once.
const NAMED_MAX: usize = 3;

/// Redraws a second, at most.
const DRAWN: u8 = 20;

/// The line of one terminal.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    line: Mutex<Line>,
    /// Where that is not this process's standard error.
    terminal: Option<Term>,
}

#[derive(Debug, Default)]
struct Line {
    bar: Option<ProgressBar>,
    /// What is being done.
    step: Option<String>,
    /// Who is waited for.
    awaited: Option<String>,
    ended: bool,
}

impl Shown {
    /// On another process's terminal.
    pub(crate) fn on(err: &File) -> Self {
        let both = err.try_clone().and_then(|one| Ok((one, err.try_clone()?)));
        let terminal = both.ok().map(|(read, write)| Term::read_write_pair(read, write));
        Self { line: Mutex::default(), terminal }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the line, and shows it.
    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.line();
        change(&mut line);
        line.draw(self.terminal.as_ref());
    }

    /// Prints beside the line, which stays below.
    pub(crate) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        let bar = self.line().bar.clone();
        match bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the line away for good: what follows is the result.
    pub(crate) fn end(&self) {
        self.change(|line| (line.step, line.awaited, line.ended) = (None, None, true));
    }
}

impl Line {
    fn draw(&mut self, terminal: Option<&Term>) {
        let message = match (&self.step, &self.awaited) {
            (Some(step), Some(awaited)) => format!("{step}; {awaited}"),
            (Some(said), None) | (None, Some(said)) => said.clone(),
            (None, None) => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                return;
            }
        };
        let bar = self.bar.get_or_insert_with(|| {
            let bar = match terminal {
                Some(terminal) => {
                    ProgressBar::with_draw_target(None, ProgressDrawTarget::term(terminal.clone(), DRAWN))
                }
                None => ProgressBar::new_spinner(),
            };
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(message);
    }
}

/// A line that turns while a person waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    live: bool,
    shown: Arc<Shown>,
}

impl Waiting {
    pub(crate) fn new(screen: &Screen) -> Self {
        Self { live: screen.is_live(), shown: Arc::clone(screen.shown()) }
    }

    /// A function that shows each step as it begins.
    pub(crate) fn teller(&self) -> impl Fn(Progress) + Clone + Send + 'static {
        let waiting = self.clone();
        move |progress| waiting.show(progress)
    }

    /// Shows a step of the caller's own.
    pub(crate) fn say(&self, text: &str) {
        if self.live {
            self.shown.change(|line| line.step = Some(text.to_owned()));
        }
    }

    /// Ends the line.
    pub(crate) fn end(&self) {
        if self.live {
            self.shown.change(|line| (line.step, line.awaited) = (None, None));
        }
    }

    fn show(&self, progress: Progress) {
        self.say(match progress {
            Progress::Stretching => "stretching the PIN, so that guessing it costs this much each time",
            Progress::Stretched => "asking the guardians",
            Progress::Recovering => "asking the guardians for the registration",
            Progress::Settling => "seeing slow guardians through, so that no guess is lost there",
            Progress::Registering => "giving the guardians their parts",
        });
    }
}

/// Shows from now on who is waited for, as soon as that takes a moment. Nothing where
/// nobody watches.
pub(crate) fn show_awaited(awaited: Awaited, screen: &Screen) {
    if !screen.is_live() {
        return;
    }
    let shown = Arc::clone(screen.shown());
    tokio::spawn(async move {
        let mut busy_since: Option<Instant> = None;
        loop {
            tokio::time::sleep(LOOK).await;
            busy_since = if awaited.is_busy() { busy_since.or_else(|| Some(Instant::now())) } else { None };
            let long = busy_since.is_some_and(|since| since.elapsed() >= QUIET);
            if shown.line().ended {
                return;
            }
            let late = awaited.longer_than(QUIET);
            shown.change(|line| {
                line.awaited = match late.as_slice() {
                    // That something is done is shown by its step already.
                    [] if long && line.step.is_none() => Some("asking the guardians".into()),
                    [] => None,
                    late => Some(in_words(late)),
                };
            });
        }
    });
}

/// Who is waited for.
fn in_words(late: &[Late]) -> String {
    let one = |late: &Late| {
        // The pin says nothing to somebody who waits.
        let address = late.address.split('#').next().unwrap_or_default();
        let why = if late.could_not_be_reached { " (could not be reached)" } else { "" };
        format!("{address}{why}")
    };
    let named: Vec<_> = late.iter().take(NAMED_MAX).map(one).collect();
    let more = match late.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        1 => " and another".into(),
        more => format!(" and {more} others"),
    };
    format!("waiting for {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_waited_for_are_named_as_far_as_there_is_room() {
        let late = |number: usize| Late {
            address: format!("https://127.0.0.1:780{number}#pin"),
            could_not_be_reached: number == 2,
        };
        let all: Vec<Late> = (1..=5).map(late).collect();
        assert_eq!(in_words(&all[..1]), "waiting for https://127.0.0.1:7801");
        assert_eq!(
            in_words(&all[..2]),
            "waiting for https://127.0.0.1:7801, https://127.0.0.1:7802 (could not be reached)"
        );
        assert!(in_words(&all[..4]).ends_with("7803 and another"));
        assert!(in_words(&all).ends_with("7803 and 2 others"));
    }
}
