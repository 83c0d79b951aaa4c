//! A sync over a link that is proven, and what it came to, in words.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use allod_disk::{LinkError, Use, Who};
use allod_node::person::Person;
use allod_vault::share::{Hello, Writers};
use allod_vault::sync::{Event, Role, Summary, SyncError};
use serde_json::{Value, json};

use super::carries::Carries;
use super::ready::{me, named};
use crate::commands::vault::meter::{amount, count};
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// How long the other side may be at work without a word: it may have much to merge.
const AT_WORK: Duration = Duration::from_secs(600);

/// How long nothing is shown.
const QUIET: Duration = Duration::from_secs(1);

/// What a sync came to.
pub(super) struct Told {
    /// With whom.
    other: String,
    did: String,
    summary: Summary,
    /// What was found out about devices.
    seen: Vec<String>,
}

/// Syncs with a device that was met.
pub(super) fn tell(
    vault: &mut impl Use,
    role: Role,
    person: &Person,
    other: &Hello,
    link: &dyn Carries,
    screen: &Screen,
) -> Result<Told, Failure> {
    let roster = vault.with(|files| files.roster())?;
    let writers = roster.as_ref().map(Writers::of).unwrap_or_default();
    let me = me(person);
    let who = Who { me: &me, writers: &writers };
    link.set_patience(AT_WORK).map_err(broken)?;
    let name = readable(other.device_name());
    let mut seen = Vec::new();
    let mut see = |event| seen.push(in_words(event, |device| named(roster.as_ref(), device)));
    let mut counted = Counted {
        link,
        name: &name,
        screen,
        line: Waiting::new(screen),
        begun: Instant::now(),
        bytes: (0, 0),
    };
    let rng = &mut allod_node::entropy();
    let summary = allod_disk::sync(&mut *vault, role, &who, &mut counted, rng, &mut see);
    counted.line.end();
    let other =
        Told { other: name.clone(), did: other.did().to_string(), summary: summary.map_err(failed)?, seen };
    Ok(other)
}

impl Told {
    /// Whether another sync would bring more.
    pub(super) fn is_more(&self) -> bool {
        self.summary.is_more
    }

    /// Says it.
    pub(super) fn say(&self, screen: &Screen) {
        self.seen.iter().for_each(|seen| screen.warn(seen));
        screen.result(&self.json(), &self.text());
    }

    fn json(&self) -> Value {
        let summary = &self.summary;
        json!({
            "with": self.other, "did": self.did, "events": self.seen, "files_changed": summary.is_changed,
            "batches_received": summary.batches_received, "batches_sent": summary.batches_sent,
            "objects_received": summary.objects_received, "objects_sent": summary.objects_sent,
            "bytes_received": summary.bytes_received, "bytes_sent": summary.bytes_sent,
            "files_pending": summary.files_pending, "more": summary.is_more,
        })
    }

    pub(super) fn text(&self) -> String {
        let summary = &self.summary;
        let of = |batches: usize, objects: usize, bytes| {
            let batches = count(batches as u64, "batch", "batches");
            format!("{batches} and {} ({})", count(objects as u64, "object", "objects"), amount(bytes))
        };
        let came = of(summary.batches_received, summary.objects_received, summary.bytes_received);
        let went = of(summary.batches_sent, summary.objects_sent, summary.bytes_sent);
        let changed = if summary.is_changed { "Files here changed" } else { "No file here changed" };
        let mut text =
            format!("Synced with {:?} of {}: {came} came, {went} went. {changed}.", self.other, self.did);
        if summary.files_pending > 0 {
            let files = count(summary.files_pending as u64, "file waits", "files wait");
            text.push_str(&format!(" {files} for a content that a third device has: sync with that one."));
        }
        if summary.is_more {
            text.push_str(" There is more to tell: sync again.");
        }
        text
    }
}

fn in_words(event: Event, name: impl Fn(&allod_vault::sync::batch::Device) -> String) -> String {
    match event {
        Event::PutBack { number } => format!(
            "this vault was put back to an earlier state. What it had told until then (batch {number}) comes back from \
             the other device; what it never told is lost"
        ),
        Event::OtherPutBack { device } => format!(
            "the vault of {} was put back to an earlier state; it gets back what it had told",
            name(&device)
        ),
        Event::Copied { device, number } => format!(
            "the state of {} was copied, and both copies were used (batch {number}). What both did is kept; use one of \
             them only, and add the other machine as a device of its own",
            name(&device)
        ),
        Event::Refused { device, number } => format!(
            "the other device sent what {} did after it was removed (from batch {number} on). None of that was taken",
            name(&device)
        ),
    }
}

/// Why a link came to an end too early.
pub(super) fn broken(why: io::Error) -> Failure {
    Failure::new(Kind::Failed, format!("the link to the other device: {why}"))
        .next("what came before is kept; the same command goes on from there")
}

fn failed(why: LinkError) -> Failure {
    match why {
        LinkError::Link(why) => broken(why),
        LinkError::Sync(SyncError::Vault(why)) => why.into(),
        LinkError::Sync(why) => Failure::new(Kind::Failed, why.to_string())
            .next("nothing of that was taken, and what was here is as it was"),
    }
}

/// A name from elsewhere, without what would confuse a terminal.
pub(super) fn readable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).collect()
}

/// A link of which is shown how much went over it.
struct Counted<'a> {
    link: &'a dyn Carries,
    screen: &'a Screen,
    name: &'a str,
    line: Waiting,
    begun: Instant,
    bytes: (u64, u64),
}

impl Counted<'_> {
    fn show(&self) -> io::Result<()> {
        if !self.screen.goes_on() {
            return Err(io::Error::other("stopped"));
        }
        if self.begun.elapsed() > QUIET {
            let (came, went) = (amount(self.bytes.0), amount(self.bytes.1));
            self.line.say(&format!("syncing with {}: {came} came, {went} went", self.name));
        }
        Ok(())
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.show()?;
        let link = self.link;
        let size = link.read(into)?;
        self.bytes.0 += size as u64;
        Ok(size)
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let link = self.link;
        let size = link.write(bytes)?;
        self.bytes.1 += size as u64;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.show()?;
        let link = self.link;
        link.flush()
    }
}
