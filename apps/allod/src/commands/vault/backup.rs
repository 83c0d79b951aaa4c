//! `allod backup`: a vault that others keep in parts, and that comes back from any few of them.

pub(crate) mod by_itself;
mod peers;
mod restore;
mod serve;
mod verify;

use std::fs::File;
use std::path::Path;

use allod_crypto::Secret;
use allod_disk::Vault;
use allod_node::backup::{Backup, Faults, How, PURPOSE, Progress, Report};
use allod_node::person::{Home, Person};
use allod_vault::backup::Code;
use serde_json::{Value, json};

use super::open::open_existing;
use crate::cli::backup::{Backup as Args, BackupCommand};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(crate) async fn run(home: &Home, args: Args, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        BackupCommand::AddPeer { urls, guardians } => peers::add(home, urls, guardians, screen).await,
        BackupCommand::RemovePeer { url } => peers::remove(home, &url, screen).await,
        BackupCommand::Run { code, compact, take_over } => {
            back_up(home, code.as_deref(), How { compact, take_over }, screen).await
        }
        BackupCommand::Status => status(home, screen),
        BackupCommand::Verify { every, whole } => verify::run(home, every, whole, screen).await,
        BackupCommand::Restore { from_peer } => restore::run(home, from_peer, screen).await,
        command @ BackupCommand::Serve { .. } => serve::run(home, command, screen).await,
    }
}

/// The secret of the backup of a person's own vault.
pub(super) fn secret_of(person: &Person) -> Secret<32> {
    person.root.derive(PURPOSE, 0)
}

/// The vault, which must be there, and the secret of its backup.
fn open(home: &Home, screen: &Screen) -> Result<(Vault, Secret<32>), Failure> {
    let secret = secret_of(&load(home)?);
    Ok((open_existing(home, screen)?, secret))
}

async fn back_up(home: &Home, code: Option<&str>, how: How, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let mut backup = Backup::new(&mut vault, &secret);
    if let Some(code) = code {
        let code = parse_code(code).ok_or_else(|| {
            Failure::usage(format!("{code:?} is no such division")).next("write it as 5/8: any 5 of 8 parts")
        })?;
        backup.set_code(Some(code))?;
    }
    let waiting = Waiting::new(screen);
    waiting.say("asking your backup peers");
    let done = backup.run(how, &mut teller(&waiting)).await;
    waiting.end();
    told(&done?, screen)
}

fn parse_code(text: &str) -> Option<Code> {
    let (needed, all) = text.split_once('/')?;
    Code::new(needed.trim().parse().ok()?, all.trim().parse().ok()?).ok()
}

/// Shows how far a backup is.
fn teller(waiting: &Waiting) -> impl FnMut(Progress) + Send {
    let waiting = waiting.clone();
    move |Progress { objects, stored, bytes }| {
        waiting.say(&format!("backing up: {stored} of {objects} objects, {}", size(bytes)));
    }
}

/// Tells what a backup did. One that is not safe yet is no success.
fn told(report: &Report, screen: &Screen) -> Result<(), Failure> {
    let value = json!({
        "generation": report.generation,
        "objects": report.objects,
        "packs": report.packs,
        "bytes": report.bytes,
        "repaired": report.repaired,
        "homeless": report.homeless,
        "acknowledged": report.acknowledged.0,
        "peers": report.acknowledged.1,
        "safe": report.is_safe,
        "faults": faults_of(&report.faults),
    });
    warn(&report.faults, screen);
    if !report.is_safe {
        return Err(Failure::new(
            Kind::TooFewGuardians,
            format!(
                "what is new is stored, but only {} of {} peers know of it, which is too few to be sure of it",
                report.acknowledged.0, report.acknowledged.1
            ),
        )
        .next("run it again when more of your peers are back")
        .data(value));
    }
    let new = match report.objects {
        0 => "Nothing was new".to_owned(),
        objects => format!("Stored {objects} objects in {} packs, {}", report.packs, size(report.bytes)),
    };
    let mended = match report.repaired {
        0 => String::new(),
        shards => format!("\nMade {shards} lost parts again"),
    };
    if report.homeless > 0 {
        screen.warn(&format!(
            "{} parts have nobody who keeps them: fewer peers can be lost until there are more",
            report.homeless
        ));
    }
    let (kept, all) = report.acknowledged;
    screen.result(
        &value,
        &format!("{new}; {kept} of {all} peers know of backup {}.{mended}", report.generation),
    );
    Ok(())
}

fn status(home: &Home, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let status = Backup::new(&mut vault, &secret).status()?;
    let peers: Vec<Value> = status
        .peers
        .iter()
        .map(|peer| json!({ "peer": peer.address, "generation": peer.acknowledged }))
        .collect();
    let code = status.code.map(|code| json!([code.needed(), code.all()]));
    let value = json!({
        "generation": status.generation, "made": status.made, "packs": status.packs, "bytes": status.bytes,
        "missing": status.missing, "endangered": status.endangered, "unpacked": status.unpacked,
        "code": code, "peers": peers,
    });
    let last = match status.generation {
        0 => "none yet".to_owned(),
        generation => {
            format!("{generation}, {}", crate::commands::ledger::time(allod_wire::Instant(status.made)))
        }
    };
    let mut text = format!(
        "newest     {last}\nkept       {} in {} packs\nnew        {} objects are in no backup yet",
        size(status.bytes),
        status.packs,
        status.unpacked
    );
    if let Some(code) = status.code {
        text += &format!("\ndivided    any {} of {} parts give it back", code.needed(), code.all());
    }
    if status.missing > 0 {
        text += &format!(
            "\nlost       {} parts that nobody keeps; `allod backup run` makes them again",
            status.missing
        );
    }
    for peer in &status.peers {
        let generation = match peer.acknowledged {
            0 => "knows of none".to_owned(),
            generation => format!("knows of backup {generation}"),
        };
        text += &format!("\npeer       {}  {generation}", peer.address);
    }
    screen.result(&value, &text);
    Ok(())
}

/// Has the guardians know where the backup is, so that whoever recovers finds it.
async fn announce(home: &Home, peers: Vec<String>, screen: &Screen) -> Result<(), Failure> {
    let _lock: File = crate::commands::hold(home, screen)?;
    let mut person = load(home)?;
    if let Err(why) = person.set_backup_peers(home, peers).await {
        screen.warn(&format!(
            "your guardians do not know of this peer yet: {why}. `allod guardians heal` tells them later; without \
             that, keep its address to restore from it"
        ));
    }
    Ok(())
}

fn warn(faults: &Faults, screen: &Screen) {
    for (address, why) in &faults.0 {
        screen.warn(&format!("{address} {why}"));
    }
}

fn faults_of(faults: &Faults) -> Value {
    let rows = faults.0.iter().map(|(address, why)| json!({ "peer": address, "fault": why.to_string() }));
    rows.collect::<Vec<_>>().into()
}

/// Bytes, as people write them.
fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// Bytes from what people write: a number, and K, M, G or T for powers of 1024.
fn parse_size(text: &str) -> Result<u64, Failure> {
    let wrong = || Failure::usage(format!("{text:?} is no size")).next("write it as 500M, 20G or 2T");
    let (number, power) = match text.trim().to_ascii_uppercase().chars().last() {
        Some('K') => (&text.trim()[..text.trim().len() - 1], 10),
        Some('M') => (&text.trim()[..text.trim().len() - 1], 20),
        Some('G') => (&text.trim()[..text.trim().len() - 1], 30),
        Some('T') => (&text.trim()[..text.trim().len() - 1], 40),
        _ => (text.trim(), 0),
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << power)).ok_or_else(wrong)
}

/// Where what is kept for others lies.
fn shelf(home: &Home) -> std::path::PathBuf {
    Path::join(home.path(), "backups-of-others")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_as_people_do() {
        for (text, bytes) in [("0", 0), ("500M", 500 << 20), ("2T", 2 << 40), (" 16g ", 16 << 30), ("77", 77)]
        {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "99999999T", "10X", "ä"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!([size(999), size(1500), size(20_000_000_000)], ["999 B", "1.5 kB", "20.0 GB"]);
    }

    #[test]
    fn divisions_are_read_as_people_write_them() {
        assert_eq!(parse_code("5/8"), Code::new(5, 8).ok());
        for text in ["", "5", "8/5", "0/3", "a/b", "5/800"] {
            assert_eq!(parse_code(text), None, "{text}");
        }
    }
}
