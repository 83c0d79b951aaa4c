//! A chaos script as it is read, written out for the network at hand, and shown.

use std::io::Read as _;
use std::path::Path;

use allod_crypto::CryptoRng;
use allod_node::network::{Description, Links, Ms, Order, Schedule, Script, ScriptError};
use serde_json::json;

use crate::cli::Testnet;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Guardians of a network that is new and of no said size.
const GUARDIANS: u8 = 5;

/// A script that was read.
pub(super) struct Read {
    pub(super) text: String,
    pub(super) schedule: Schedule,
    /// Whether the seed is one that was drawn just now, and chance uses it.
    drawn: bool,
}

impl Read {
    /// Reads a script for the network in a folder, or the one that is to be
    /// made there.
    pub(super) fn from(path: &Path, args: &Testnet, folder: &Path) -> Result<Self, Failure> {
        let text = if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(path)
        };
        let text = text.map_err(|e| Failure::new(Kind::Failed, format!("{}: {e}", path.display())))?;
        let script = Script::parse(&text).map_err(failure)?;
        let known = Description::read(folder)?.map(|network| network.guardians.len());
        let guardians = match (args.guardians, known) {
            (Some(wanted), _) => usize::from(wanted),
            (None, Some(known)) => known,
            (None, None) => GUARDIANS.into(),
        };
        let seed = script.seed.unwrap_or_else(any_seed);
        let schedule = script.schedule(guardians, seed).map_err(failure)?;
        Ok(Self { text, schedule, drawn: script.seed.is_none() && script.is_random() })
    }

    /// All its orders.
    pub(super) fn orders(&self) -> Vec<Order> {
        self.schedule.steps.iter().map(|step| step.order.clone()).collect()
    }

    /// How many orders in how long, and with which seed.
    pub(super) fn in_brief(&self) -> String {
        let Schedule { steps, end_ms, seed, .. } = &self.schedule;
        let end = match end_ms {
            Some(end) => format!("in {}", Ms(*end)),
            None => "and no end: Ctrl-C ends it".into(),
        };
        let seed = if self.drawn {
            format!("; chance was drawn now, a line `seed {seed}` repeats it")
        } else {
            String::new()
        };
        format!("{} orders {end}{seed}", steps.len())
    }

    /// Shows what it comes to.
    pub(super) fn show(&self, links: Links, lacks: &[String], screen: &Screen) {
        let Schedule { seed, guardians, steps, end_ms } = &self.schedule;
        let listed = steps.iter().map(|step| {
            json!({
                "at_ms": step.at_ms,
                "line": step.line,
                "undoes": step.undoes,
                "order": step.order.to_string(),
                "do": step.order,
            })
        });
        let plan = json!({
            "seed": seed,
            "guardians": guardians,
            "links": links.name(),
            "steps": listed.collect::<Vec<_>>(),
            "end_ms": end_ms,
            "lacks": lacks,
        });
        let mut text = format!("{guardians} guardians, links {}, {}\n", links.name(), self.in_brief());
        for step in steps {
            let undoes = if step.undoes { ", undone" } else { "" };
            text += &format!("{step}  (line {}{undoes})\n", step.line);
        }
        if let Some(end) = end_ms {
            text += &format!("{:>8}  end\n", Ms(*end).to_string());
        }
        screen.result(&plan, &text);
    }
}

/// A seed that nobody chose, short enough to be typed.
pub(super) fn any_seed() -> u64 {
    let mut bytes = [0; 4];
    fill(&mut allod_node::entropy(), &mut bytes);
    u32::from_le_bytes(bytes).into()
}

fn fill(rng: &mut impl CryptoRng, bytes: &mut [u8]) {
    rng.fill_bytes(bytes);
}

/// What is wrong with a script is wrong with the command line.
pub(super) fn failure(error: ScriptError) -> Failure {
    Failure::usage(error.to_string()).next("the words of a script: docs/testnet.md")
}
