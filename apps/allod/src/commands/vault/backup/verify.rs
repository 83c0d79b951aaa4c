//! Auditing peers.

use allod_node::backup::{Audit, Audited, Backup};
use allod_node::person::Home;
use serde_json::json;

use super::{faults_of, open};
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Shards of each peer that are asked for where nobody says otherwise.
const SAMPLE: usize = 64;

pub(super) async fn run(home: &Home, every: bool, whole: bool, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let audit = match (every, whole) {
        (_, true) => Audit::Whole,
        (true, _) => Audit::Every,
        _ => Audit::Sample(SAMPLE),
    };
    let waiting = Waiting::new(screen);
    waiting.say("asking your backup peers for parts of what they keep");
    let audited = Backup::new(&mut vault, &secret).verify(audit).await;
    waiting.end();
    let audited = audited?;
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
        let text = format!("All {} peers showed what they were asked for: {asked} parts.", audited.len());
        screen.result(&value, &text);
        return Ok(());
    }
    let details = failed.iter().flat_map(|one| {
        let bad = match one.bad.len() {
            0 => String::new(),
            bad => format!(" ({bad} of {} parts are lost)", one.shards),
        };
        one.faults.0.iter().take(3).map(move |(address, why)| format!("{address} {why}{bad}"))
    });
    let message = format!("{} of {} peers did not show what they keep", failed.len(), audited.len());
    Err(Failure::new(Kind::Failed, message)
        .with_details(details)
        .next(
            "`allod backup run` makes again what is lost; `allod backup remove-peer URL` does without a peer",
        )
        .data(value))
}
