//! How far something is that takes a while: how much, how fast, and how long it still takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanDuration};

use crate::progress::Waiting;
use crate::screen::Screen;

/// How often the line changes.
const SHOWN: Duration = Duration::from_millis(200);

/// Over how long the speed is taken.
const SPEED: Duration = Duration::from_secs(10);

/// What is shown while bytes come in or go out.
pub(super) struct Meter {
    line: Waiting,
    doing: &'static str,
    /// What is counted.
    unit: &'static str,
    /// Bytes that there are in all, as far as that is known.
    total: Total,
    /// How much was done when, from `SPEED` ago on.
    lately: VecDeque<(Instant, u64)>,
    begun: Instant,
}

/// Bytes that are to be done in all, which may become known on the way.
#[derive(Clone, Default)]
pub(super) struct Total {
    bytes: Arc<AtomicU64>,
    is_known: Arc<AtomicBool>,
}

impl Total {
    /// So many more, and nobody looks any more.
    pub(super) fn is(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.is_known.store(true, Ordering::Relaxed);
    }

    fn get(&self) -> Option<u64> {
        self.is_known.load(Ordering::Relaxed).then(|| self.bytes.load(Ordering::Relaxed))
    }
}

impl Meter {
    pub(super) fn new(doing: &'static str, screen: &Screen) -> Self {
        Self::of(doing, "files", screen)
    }

    /// Of something else than files.
    pub(super) fn of(doing: &'static str, unit: &'static str, screen: &Screen) -> Self {
        let (line, begun) = (Waiting::new(screen), Instant::now());
        Self { line, doing, unit, total: Total::default(), lately: VecDeque::from([(begun, 0)]), begun }
    }

    pub(super) fn total(&self) -> Total {
        self.total.clone()
    }

    /// How long it took.
    pub(super) fn took(&self) -> String {
        let seconds = self.begun.elapsed().as_secs_f64();
        if seconds < 60.0 {
            format!("{seconds:.1} s")
        } else {
            HumanDuration(self.begun.elapsed()).to_string()
        }
    }

    /// So much is done.
    pub(super) fn show(&mut self, entries: u64, bytes: u64) {
        let now = Instant::now();
        if self.lately.back().is_some_and(|(then, _)| now - *then < SHOWN) {
            return;
        }
        self.lately.push_back((now, bytes));
        while self.lately.len() > 2 && self.lately.front().is_some_and(|(then, _)| now - *then > SPEED) {
            self.lately.pop_front();
        }
        self.line.say(&self.text(entries, bytes));
    }

    fn text(&self, entries: u64, bytes: u64) -> String {
        let speed = match (self.lately.front(), self.lately.back()) {
            (Some((first, before)), Some((last, after))) if last > first => {
                after.saturating_sub(*before) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        };
        let mut text = format!("{} {entries} {}, {}", self.doing, self.unit, BinaryBytes(bytes));
        let total = self.total.get().filter(|total| *total >= bytes);
        if let Some(total) = total {
            text.push_str(&format!(" of {}", BinaryBytes(total)));
        }
        text.push_str(&format!(", {}/s", BinaryBytes(speed as u64)));
        if let Some(total) = total
            && speed >= 1.0
        {
            let left = Duration::from_secs(((total - bytes) as f64 / speed) as u64);
            text.push_str(&format!(", {} left", HumanDuration(left)));
        }
        text
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.line.end();
    }
}

/// Bytes, as a person reads them.
pub(in crate::commands) fn amount(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

/// So many of something.
pub(in crate::commands) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_moments_and_tells_what_is_left() {
        let begun = Instant::now() - Duration::from_secs(100);
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut meter = Meter::new("putting", &Screen::new(true));
        meter.lately = VecDeque::from([(at(0), 0), (at(10), 10 << 20)]);
        assert_eq!(meter.text(3, 10 << 20), "putting 3 files, 10.00 MiB, 1.00 MiB/s");
        meter.total().is(40 << 20);
        let text = "putting 3 files, 10.00 MiB of 40.00 MiB, 1.00 MiB/s, 30 seconds left";
        assert_eq!(meter.text(3, 10 << 20), text);
        // What was taken for all was not.
        assert_eq!(meter.text(3, 50 << 20), "putting 3 files, 50.00 MiB, 1.00 MiB/s");
        assert_eq!(
            (count(1, "file", "files"), count(0, "file", "files")),
            ("1 file".into(), "0 files".into())
        );
    }
}
