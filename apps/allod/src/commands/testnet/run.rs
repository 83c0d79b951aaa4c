//! A network that runs: it is shown, disturbed by its script, and written down.

use std::time::Duration;

use allod_node::FileError;
use allod_node::network::{Beginning, Drive, Network, News, Obeyed, Origin, Progress, Recording, Status};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::ending::Ending;
use super::super::local::View;
use super::script::Read;
use crate::cli::Testnet;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How often counters are written down and the view's clock goes on.
const SECOND: Duration = Duration::from_secs(1);

/// Runs a network until its script or somebody ends it.
pub(super) async fn run(
    mut network: Network,
    script: Option<&Read>,
    args: &Testnet,
    mut ending: Ending,
    screen: &Screen,
) -> Result<(), Failure> {
    let recording = match args.export.as_deref().map(Recording::create).transpose() {
        Ok(recording) => recording,
        Err(error) => {
            network.stop().await;
            return Err(error.into());
        }
    };
    let view = View::scripted(&network, args.plain, script.is_some(), screen);
    let drive = script.map(|script| Drive::start(&script.schedule, network.orders()));
    let began = drive.as_ref().map_or_else(Instant::now, Drive::began);
    let end_ms = script.and_then(|script| script.schedule.end_ms);
    let told = network.statuses().to_vec();
    let mut run = Run { view, drive, recording, began, end_ms, told, done: 0, refused: Vec::new() };
    let result = run.go_on(&mut network, script, &mut ending).await;
    let Run { view, drive, refused, done, .. } = run;
    view.end();
    let left = drive.map_or(0, |drive| drive.coming().count());
    network.stop().await;
    result?;
    screen.note("All guardians have ended. Their state is kept.");
    if script.is_some() {
        let text =
            format!("{done} orders were carried out, {} were refused, {left} were left", refused.len());
        screen.result(
            &json!({ "event": "end", "orders": { "done": done, "refused": refused.len(), "left": left } }),
            &text,
        );
    }
    match (refused.is_empty(), left) {
        (true, 0) => Ok(()),
        (true, left) => {
            Err(Failure::new(Kind::Failed, format!("the script was interrupted with {left} orders to come")))
        }
        (false, _) => Err(Failure::new(
            Kind::Failed,
            format!("not all orders could be carried out: {}", refused.join("; ")),
        )),
    }
}

/// A run with those who learn of it.
struct Run<'a> {
    view: View<'a>,
    drive: Option<Drive>,
    recording: Option<Recording>,
    began: Instant,
    end_ms: Option<u64>,
    /// How the guardians were when it was last written down.
    told: Vec<Status>,
    /// How many of the script's orders were carried out, and which were not.
    done: usize,
    refused: Vec<String>,
}

impl Run<'_> {
    async fn go_on(
        &mut self,
        network: &mut Network,
        script: Option<&Read>,
        ending: &mut Ending,
    ) -> Result<(), FileError> {
        if let Some(recording) = &mut self.recording {
            let beginning = Beginning {
                description: network.description(),
                links: network.links(),
                statuses: network.statuses(),
                script: script.map(|script| (script.text.as_str(), &script.schedule)),
            };
            recording.start(&beginning, self.began)?;
        }
        let mut seconds = interval(SECOND);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let reason = loop {
            self.show_script();
            tokio::select! {
                news = network.news() => self.hear(news)?,
                progress = next(&mut self.drive) => if progress == Progress::Ended { break "script" },
                _ = seconds.tick() => {
                    if let Some(recording) = &mut self.recording {
                        recording.counters(network.statuses())?;
                    }
                }
                () = ending.wait() => break "interrupted",
            }
        };
        while let Some(news) = network.old_news() {
            self.hear(news)?;
        }
        self.show_script();
        let left = self.drive.as_ref().map_or(0, |drive| drive.coming().count());
        match &mut self.recording {
            Some(recording) => recording.end(reason, left, network.statuses()),
            None => Ok(()),
        }
    }

    fn hear(&mut self, news: News) -> Result<(), FileError> {
        match news {
            News::Status(status) => {
                self.view.show(&status);
                let Some(told) = self.told.get_mut(status.guardian - 1) else { return Ok(()) };
                if !told.is_like(&status)
                    && let Some(recording) = &mut self.recording
                {
                    recording.status(&status)?;
                }
                *told = status;
            }
            News::Order(obeyed) => {
                self.view.show_order(&obeyed, self.began);
                self.count(&obeyed);
                if let Some(recording) = &mut self.recording {
                    recording.order(&obeyed)?;
                }
            }
        }
        Ok(())
    }

    /// Counts what came of the script's orders.
    fn count(&mut self, obeyed: &Obeyed) {
        let Origin::Script { line, .. } = obeyed.origin else { return };
        match &obeyed.result {
            Ok(()) => self.done += 1,
            Err(why) => self.refused.push(format!("`{}` in line {line}: {why}", obeyed.order)),
        }
    }

    fn show_script(&self) {
        if let Some(drive) = &self.drive {
            self.view.show_script(drive.coming(), self.began, self.end_ms);
        }
    }
}

/// What the script does next; without a script, nothing ever.
async fn next(drive: &mut Option<Drive>) -> Progress {
    match drive {
        Some(drive) => drive.next().await,
        None => std::future::pending().await,
    }
}
