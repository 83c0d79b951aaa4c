//! Watching a network: a live table where somebody looks at a terminal, else a
//! line for each change.
//!
//! The table has a line for each guardian, and below it the last and the next
//! orders of a script. It is drawn a few times a second, and each line is written
//! over in place, so nothing flickers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use allod_node::network::{Ms, Network, Obeyed, Standing, Status, Step};
use anstyle::AnsiColor;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::time::Instant;

use super::{dash, disturbed, line, state};
use crate::screen::Screen;

/// Orders of a script that are shown: those that were, and those to come.
const RECENT: usize = 4;
const COMING: usize = 3;

/// How often a second the table is drawn at most, and how long after a change it
/// is drawn at the latest.
const DRAWS: u8 = 4;
const DRAWN: Duration = Duration::from_millis(250);

/// Widths of the columns of state and disturbance.
const STATE: usize = 20;
const DISTURBED: usize = 22;

/// What is shown of the network, and of what goes on beside it.
pub(in super::super) struct View<'a> {
    screen: &'a Screen,
    table: Option<Table>,
    /// What each guardian's last line told, where there is no table.
    told: RefCell<Vec<Option<Status>>>,
}

/// The live table.
struct Table {
    multi: MultiProgress,
    head: Line,
    rows: Vec<Line>,
    /// None, or as many as orders are shown and one for the time.
    script: Vec<Line>,
    known: RefCell<Known>,
}

/// One line of the table, with what it says.
struct Line {
    bar: ProgressBar,
    text: RefCell<String>,
}

/// What the table shows.
#[derive(Default)]
struct Known {
    statuses: Vec<Status>,
    recent: VecDeque<String>,
}

impl<'a> View<'a> {
    /// Shows how the guardians are at the start.
    pub(in super::super) fn new(network: &Network, plain: bool, screen: &'a Screen) -> Self {
        Self::scripted(network, plain, false, screen)
    }

    /// The same with room for a script's orders.
    pub(in super::super) fn scripted(
        network: &Network,
        plain: bool,
        script: bool,
        screen: &'a Screen,
    ) -> Self {
        let statuses = network.statuses();
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let live = screen.is_live() && !plain && !dumb;
        let table = live.then(|| Table::new(statuses, if script { 1 + RECENT + COMING } else { 0 }));
        let view = Self { screen, table, told: RefCell::new(vec![None; statuses.len()]) };
        statuses.iter().for_each(|status| view.show(status));
        view
    }

    /// Shows how a guardian is now.
    pub(in super::super) fn show(&self, status: &Status) {
        match &self.table {
            Some(table) => table.show(status, self.screen),
            None => {
                let mut told = self.told.borrow_mut();
                let Some(before) = told.get_mut(status.guardian - 1) else { return };
                if !before.as_ref().is_some_and(|before| status.is_worth_no_line_after(before)) {
                    *before = Some(status.clone());
                    self.screen.result(&json!(status), &line(status, self.screen));
                }
            }
        }
    }

    /// Shows what came of an order; times count from `began`.
    pub(in super::super) fn show_order(&self, obeyed: &Obeyed, began: Instant) {
        let text = self.order(obeyed, began);
        match &self.table {
            Some(table) if !table.script.is_empty() => {
                let mut known = table.known.borrow_mut();
                known.recent.push_back(text);
                while known.recent.len() > RECENT {
                    known.recent.pop_front();
                }
            }
            Some(_) => self.beside(|| self.screen.note(&text)),
            None => self.screen.result(&obeyed.to_json(began), &text),
        }
    }

    /// Shows where a script is: its time, and its orders.
    pub(in super::super) fn show_script<'s>(
        &self,
        coming: impl Iterator<Item = &'s Step>,
        began: Instant,
        end_ms: Option<u64>,
    ) {
        if let Some(table) = &self.table {
            table.show_script(coming, ms_since(began), end_ms);
        }
    }

    /// Says something beside the table.
    pub(in super::super) fn say(&self, event: &str, text: &str) {
        if self.screen.is_json() {
            self.screen.result(&json!({ "event": event, "message": text }), text);
        } else {
            self.beside(|| self.screen.note(text));
        }
    }

    /// Warns beside the table.
    pub(in super::super) fn warn(&self, event: &str, text: &str) {
        if self.screen.is_json() {
            self.screen.result(&json!({ "event": event, "warning": text }), text);
        } else {
            self.beside(|| self.screen.warn(text));
        }
    }

    /// Leaves the table as it is.
    pub(in super::super) fn end(self) {
        if let Some(table) = self.table {
            table.bars().for_each(ProgressBar::abandon);
        }
    }

    fn order(&self, obeyed: &Obeyed, began: Instant) -> String {
        let at =
            Ms(u64::try_from(obeyed.given.saturating_duration_since(began).as_millis()).unwrap_or(u64::MAX));
        let (word, colour, why) = match &obeyed.result {
            Ok(()) => ("done   ", AnsiColor::Green, String::new()),
            Err(why) => ("refused", AnsiColor::Red, format!(": {why}")),
        };
        format!("{:>9}  {}  {}{why}", at.to_string(), self.screen.paint(word, colour), obeyed.order)
    }

    fn beside(&self, write: impl FnOnce()) {
        match &self.table {
            Some(table) => table.multi.suspend(write),
            None => write(),
        }
    }
}

impl Line {
    fn say(&self, text: String) {
        let mut said = self.text.borrow_mut();
        if *said != text {
            *said = text;
            self.bar.set_message(said.clone());
        }
    }
}

impl Table {
    fn new(statuses: &[Status], script: usize) -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS));
        // Lines are written over instead of cleared first.
        multi.set_move_cursor(true);
        let style = ProgressStyle::with_template("{wide_msg}").ok();
        let line = || {
            let bar = multi.add(ProgressBar::new_spinner());
            if let Some(style) = &style {
                bar.set_style(style.clone());
            }
            Line { bar, text: RefCell::default() }
        };
        let head = line();
        let rows = statuses.iter().map(|_| line()).collect();
        let script: Vec<_> = (0..script).map(|_| line()).collect();
        // Each line is there from the start, so that their number never changes.
        let known = Known { statuses: statuses.to_vec(), recent: VecDeque::new() };
        let table = Self { multi, head, rows, script, known: RefCell::new(known) };
        table.bars().for_each(ProgressBar::tick);
        // What was changed while nothing might be drawn is drawn by this.
        table.head.bar.enable_steady_tick(DRAWN);
        table
    }

    fn bars(&self) -> impl Iterator<Item = &ProgressBar> {
        std::iter::once(&self.head).chain(&self.rows).chain(&self.script).map(|line| &line.bar)
    }

    fn show(&self, status: &Status, screen: &Screen) {
        let mut known = self.known.borrow_mut();
        if let Some(place) = known.statuses.get_mut(status.guardian - 1) {
            place.clone_from(status);
        }
        let chain = known.statuses.iter().any(|status| status.standing != Standing::default());
        self.head.say(head(chain));
        for (line, status) in self.rows.iter().zip(&known.statuses) {
            line.say(row(status, chain, screen));
        }
    }

    fn show_script<'s>(&self, coming: impl Iterator<Item = &'s Step>, now_ms: u64, end_ms: Option<u64>) {
        let known = self.known.borrow();
        let mut coming = coming.peekable();
        let of = end_ms.map(|end| format!(" of {}", Ms(end))).unwrap_or_default();
        let nothing = if coming.peek().is_none() { ", no order to come" } else { "" };
        let time = format!("{:>9}{of}{nothing}", format!("{}s", now_ms / 1000));
        let blank = std::iter::repeat_n(String::new(), RECENT - known.recent.len());
        let recent = blank.chain(known.recent.iter().cloned());
        let coming = coming
            .take(COMING)
            .map(|step| format!("{:>9}  to come  {}", Ms(step.at_ms).to_string(), step.order));
        let texts = recent.chain(std::iter::once(time)).chain(coming).chain(std::iter::repeat(String::new()));
        for (line, text) in self.script.iter().zip(texts) {
            line.say(text);
        }
    }
}

/// The names of the columns.
fn head(chain: bool) -> String {
    let chain = if chain {
        format!("{:>8} {:>6} {:>6} {:>7}", "height", "epoch", "peers", "block")
    } else {
        String::new()
    };
    format!(
        "{:>3}  {:<STATE$} {:<DISTURBED$}{chain}{:>11} {:>8} {:>10} {:>8}  {}",
        "", "state", "disturbed", "registered", "guesses", "recovered", "pid", "address"
    )
}

/// A guardian's row. The address is short enough for a terminal: the pin was
/// told before.
fn row(status: &Status, chain: bool, screen: &Screen) -> String {
    let Status { guardian, address, pid, counters, standing, .. } = status;
    let (state, colour) = state(status);
    let state = screen.paint(&fitted(&state, STATE), colour);
    let disturbed = screen.paint(&fitted(&disturbed(status), DISTURBED), AnsiColor::Yellow);
    let chain = if chain {
        let Standing { height, epoch, peers, block_age_s, ready } = *standing;
        let age = dash(block_age_s.map(|age| format!("{age}s")));
        let chain = format!("{:>8} {:>6} {:>6} {age:>7}", dash(height), dash(epoch), dash(peers));
        if ready == Some(false) { screen.paint(&chain, AnsiColor::Red) } else { chain }
    } else {
        String::new()
    };
    format!(
        "{guardian:>3}  {state} {disturbed}{chain}{:>11} {:>8} {:>10} {:>8}  {}",
        counters.registered,
        counters.guesses,
        counters.recovered,
        dash(*pid),
        address.split('#').next().unwrap_or_default()
    )
}

/// A text made as wide as a column.
fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

fn ms_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use allod_node::network::{Counters, Disturbance, State};

    use super::*;

    fn status() -> Status {
        Status {
            guardian: 10,
            address: "https://127.0.0.1:7810#pin".into(),
            state: State::Lying { how: "refused-right-tag".into() },
            pid: Some(4_000_000),
            counters: Counters { registered: 3, guesses: 12, recovered: 4 },
            standing: Standing::default(),
            disturbance: Disturbance { group: Some(2), delay_ms: Some(200), skew_ms: Some(-90_000) },
        }
    }

    /// The place behind a word, in characters.
    fn end(text: &str, word: &str) -> usize {
        text[..text.find(word).unwrap() + word.len()].chars().count()
    }

    #[test]
    fn columns_stand_under_their_names_and_long_words_are_cut() {
        let screen = Screen::new(true);
        let (head, row) = (head(false), row(&status(), false, &screen));
        assert_eq!(
            row,
            " 10  lying: refused-righ… group 2, delayed 200m…          3       12          4  4000000  \
             https://127.0.0.1:7810"
        );
        for (name, value) in [("state", "lying"), ("disturbed", "group"), ("address", "https")] {
            assert_eq!(end(&head, name) - name.len(), end(&row, value) - value.len(), "{name}");
        }
        for (name, value) in
            [("registered", "  3"), ("guesses", " 12"), ("recovered", "  4 "), ("pid", "4000000")]
        {
            assert_eq!(end(&head, name), end(&row, value.trim_end()), "{name}");
        }
    }

    #[test]
    fn the_chain_has_columns_once_a_guardian_speaks_of_it() {
        let screen = Screen::new(true);
        let mut standing = status();
        standing.standing = Standing {
            height: Some(120),
            epoch: Some(33),
            peers: None,
            block_age_s: Some(41),
            ready: Some(false),
        };
        let (head, row) = (head(true), row(&standing, true, &screen));
        for (name, value) in [("height", "120"), ("epoch", "33"), ("peers", "–"), ("block", "41s")] {
            assert_eq!(end(&head, name), end(&row, value), "{name}");
        }
    }

    #[test]
    fn disturbances_are_told_in_words() {
        assert_eq!(disturbed(&status()), "group 2, delayed 200ms, clock -90s");
    }
}
