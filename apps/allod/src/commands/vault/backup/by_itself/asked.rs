//! What is done for a backup by the process that has the vault mounted: it is asked for what a
//! person would type, and answers as it would a person.

use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;

use serde_json::Value;

use super::super::super::holder;
use super::super::super::open::VaultHome;
use super::{BackedUp, DAY, Found, Outcome, until_due};

/// The largest answer that is read.
const ANSWER_MAX: u64 = 16 << 20;

/// Has the holder back the vault up, if there are peers.
pub(super) async fn back_up(home: &VaultHome) -> Outcome<BackedUp> {
    match status(home).await.done() {
        Ok(status) if has_peers(&status) => {}
        Ok(_) => return Outcome::Nothing,
        Err(not_done) => return not_done,
    }
    match said(home, &["run"]).await.done() {
        Ok((0, report)) => {
            let number = |name: &str| report[name].as_u64().unwrap_or_default();
            Outcome::Done(BackedUp {
                generation: number("generation"),
                acknowledged: (number("acknowledged"), number("peers")),
                has_repaired: number("repaired") > 0,
            })
        }
        Ok((_, failure)) => Outcome::Failed(reason(&failure)),
        Err(not_done) => not_done,
    }
}

/// Has the holder audit a sample of what the peers keep, if that is due at this time. With when the
/// next one is.
pub(super) async fn audit(home: &VaultHome, now: u64) -> (Outcome<Found>, Duration) {
    let status = match status(home).await.done() {
        Ok(status) if has_peers(&status) => status,
        Ok(_) => return (Outcome::Nothing, DAY),
        Err(not_done) => return (not_done, DAY),
    };
    let wait = until_due(status["audited"].as_u64().unwrap_or_default(), now);
    if wait > 0 {
        return (Outcome::Nothing, Duration::from_millis(wait));
    }
    let said = match said(home, &["verify"]).await.done() {
        Ok((_, said)) => said,
        Err(not_done) => return (not_done, DAY),
    };
    // A failure says the same of the peers.
    let rows = said["peers"].as_array();
    let Some(rows) = rows else { return (Outcome::Failed(reason(&said)), DAY) };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let faults = rows.iter().filter_map(|row| row["faults"].as_array()).flatten();
    let faults = faults.map(|fault| (text(&fault["peer"]), text(&fault["fault"]))).collect();
    (Outcome::Done(Found { peers: rows.len(), faults }), DAY)
}

/// How the backup stands, as the holder sees it.
async fn status(home: &VaultHome) -> Outcome<Value> {
    match said(home, &["status"]).await.done() {
        Ok((0, status)) => Outcome::Done(status),
        Ok((_, failure)) => Outcome::Failed(reason(&failure)),
        Err(not_done) => not_done,
    }
}

fn has_peers(status: &Value) -> bool {
    status["peers"].as_array().is_some_and(|peers| !peers.is_empty())
}

fn reason(failure: &Value) -> String {
    failure["error"].as_str().unwrap_or("the program that has the vault mounted does not say why").to_owned()
}

/// Asks the holder for `allod backup …`. With the exit code, and what was said.
async fn said(home: &VaultHome, arguments: &[&str]) -> Outcome<(u8, Value)> {
    let arguments: Vec<String> = ["allod", "--json", "backup"]
        .iter()
        .chain(arguments)
        .map(|argument| (*argument).to_owned())
        .collect();
    let home = home.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&home, &arguments)).await;
    match asked {
        Ok(Ok(Some(said))) => Outcome::Done(said),
        // Another command is at work on it, and no mount.
        Ok(Ok(None)) => Outcome::Later,
        Ok(Err(why)) => Outcome::Failed(why),
        Err(why) => Outcome::Failed(why.to_string()),
    }
}

fn ask(home: &VaultHome, arguments: &[String]) -> Result<Option<(u8, Value)>, String> {
    let failed = |why: &dyn std::fmt::Display| why.to_string();
    let nothing = File::open("/dev/null").map_err(|why| failed(&why))?;
    let [mut out, mut err] = [memory()?, memory()?];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let code = holder::ask(home, &arguments, [&nothing, &out, &err]).map_err(|why| failed(&why))?;
    let Some(code) = code else { return Ok(None) };
    // What succeeds says so on the standard output, and what fails on the other.
    let said = [&mut out, &mut err].into_iter().find_map(|file| last_object(file).transpose());
    said.transpose().map(|said| Some((code, said.unwrap_or_default())))
}

/// A file that is nowhere but in memory.
fn memory() -> Result<File, String> {
    let made = rustix::fs::memfd_create("allod", rustix::fs::MemfdFlags::CLOEXEC);
    made.map(File::from).map_err(|why| why.to_string())
}

/// The last object of JSON in a file, if there is one.
fn last_object(file: &mut File) -> Result<Option<Value>, String> {
    let mut text = String::new();
    file.rewind().map_err(|why| why.to_string())?;
    file.take(ANSWER_MAX).read_to_string(&mut text).map_err(|why| why.to_string())?;
    Ok(text.lines().rev().find_map(|line| serde_json::from_str(line).ok().filter(Value::is_object)))
}
