//! Showing that something goes on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use allod_node::person::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::screen::Screen;

/// A line that turns while a person waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    bar: Arc<Mutex<Option<ProgressBar>>>,
    live: bool,
}

impl Waiting {
    pub(crate) fn new(screen: &Screen) -> Self {
        Self { bar: Arc::default(), live: screen.is_live() }
    }

    /// A function that shows each step as it begins.
    pub(crate) fn teller(&self) -> impl Fn(Progress) + Clone + Send + 'static {
        let waiting = self.clone();
        move |progress| waiting.show(progress)
    }

    /// Shows a step of the caller's own.
    pub(crate) fn say(&self, text: &str) {
        if !self.live {
            return;
        }
        let Ok(mut held) = self.bar.lock() else { return };
        let bar = held.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(text.to_owned());
    }

    /// Ends the line.
    pub(crate) fn end(&self) {
        if let Ok(mut held) = self.bar.lock()
            && let Some(bar) = held.take()
        {
            bar.finish_and_clear();
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
