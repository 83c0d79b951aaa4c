//! Auditing peers.

use allod_node::backup::{Audit, Audited, Backup};
use serde_json::json;

use super::super::meter::count;
use super::super::open::VaultHome;
use super::{faults_of, open, unless_stopped};
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Shards of each peer that are asked for where nobody says otherwise.
pub(super) const SAMPLE: usize = 64;

pub(super) async fn run(home: &VaultHome, every: bool, whole: bool, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let audit = match (every, whole) {
        (_, true) => Audit::Whole,
        (true, _) => Audit::Every,
        _ => Audit::Sample(SAMPLE),
    };
    let waiting = Waiting::new(screen);
    waiting.say("asking your backup peers for parts of what they keep");
    let mut backup = Backup::new(&mut vault, &secret);
    let audited = unless_stopped(screen, backup.verify(audit)).await;
    waiting.end();
    let audited = audited??;
    let rows: Vec<_> = audited
        .iter()
        .map(|one| {
            json!({
                "peer": one.address, "parts": one.shards, "asked": one.asked, "bad": one.bad.len(),
                "good": one.faults.0.is_empty(), "faults": faults_of(&one.faults),
            })
        })
        .collect();
    let value = json!({ "peers": rows });
    let failed: Vec<&Audited> = audited.iter().filter(|one| !one.faults.0.is_empty()).collect();
    if failed.is_empty() {
        let asked: usize = audited.iter().map(|one| one.asked).sum();
        let peers = count(audited.len() as u64, "peer", "peers");
        let text = format!(
            "All is well with {peers}: {} shown as asked.",
            count(asked as u64, "part was", "parts were")
        );
        screen.result(&value, &text);
        return Ok(());
    }
    let details = failed.iter().flat_map(|one| {
        let bad = match one.bad.len() {
            0 => String::new(),
            bad => format!(" (of {}, {bad} lost)", count(one.shards as u64, "part", "parts")),
        };
        one.faults.0.iter().take(3).map(move |(address, why)| format!("{address} {why}{bad}"))
    });
    let message = format!("{} of {} peers did not show what they keep", failed.len(), audited.len());
    Err(Failure::new(Kind::Failed, message)
        .with_details(details)
        .next(
            "`allod backup run` makes again what is lost, and has others keep it, where there are; `allod backup \
             remove-peer URL` does without a peer, and `allod backup forgive URL` trusts one again",
        )
        .data(value))
}
