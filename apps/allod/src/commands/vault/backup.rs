//! `allod backup`: a vault that others keep in parts, and that comes back from any few of them.

pub(crate) mod by_itself;
mod peers;
pub(crate) mod restore;
mod serve;
mod verify;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use allod_crypto::Secret;
use allod_node::backup::{Backup, Faults, How, PURPOSE, Progress, Report, purpose_of};
use allod_node::person::{Home, Person};
use allod_vault::backup::{Code, FolderRecord};
use serde_json::{Value, json};

use super::meter::count;
use super::open::{VaultHome, VaultReach, place, reach};
use super::spaces::{self, Space};
use crate::cli::backup::{Backup as Args, BackupCommand};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// How often it is looked whether somebody still waits for what is done.
const LOOKED: Duration = Duration::from_millis(100);

/// Does all but bringing back a vault that is lost.
pub(crate) async fn run(home: &VaultHome, args: Args, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        BackupCommand::AddPeer { urls, guardians } => peers::add(home, urls, guardians, screen).await,
        BackupCommand::RemovePeer { url } => peers::remove(home, &url, screen).await,
        BackupCommand::Forgive { url } => peers::forgive(home, &url, screen),
        BackupCommand::Run { code, compact, take_over } => {
            back_up(home, code.as_deref(), How { compact, take_over }, screen).await
        }
        BackupCommand::Status => status(home, screen),
        BackupCommand::Verify { every, whole } => verify::run(home, every, whole, screen).await,
        BackupCommand::Restore { .. } => unreachable!("it is done where no vault is at hand"),
        command @ BackupCommand::Serve { .. } => serve::run(home, command, screen).await,
    }
}

/// The secret of the backup of a vault, which nothing else has.
pub(super) fn secret_of(home: &VaultHome, person: &Person) -> Secret<32> {
    match home.space() {
        Some(space) => person.root.derive(&purpose_of(&space.id), 0),
        None => person.root.derive(PURPOSE, 0),
    }
}

/// The shared folders here, as the backup of the person's own vault has them.
fn folders(home: &Home) -> Result<Vec<FolderRecord>, Failure> {
    let all = spaces::all(home)?.into_iter();
    Ok(all.map(|space| FolderRecord { space: space.id, name: space.name }).collect())
}

/// The vault, which must be there, and the secret of its backup.
fn open(home: &VaultHome, screen: &Screen) -> Result<(VaultReach, Secret<32>), Failure> {
    let secret = secret_of(home, &load(home)?);
    Ok((reach(home, screen)?, secret))
}

async fn back_up(home: &VaultHome, code: Option<&str>, how: How, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let mut backup = Backup::new(&mut vault, &secret);
    if let Some(code) = code {
        let code = parse_code(code).ok_or_else(|| {
            Failure::usage(format!("{code:?} is no such division")).next("write it as 5/8: any 5 of 8 parts")
        })?;
        backup.set_code(Some(code))?;
    }
    if home.space().is_none() {
        backup.set_folders(folders(home)?)?;
    }
    let waiting = Waiting::new(screen);
    waiting.say("asking your backup peers");
    let done = unless_stopped(screen, backup.run(how, &mut teller(&waiting))).await;
    waiting.end();
    drop(backup);
    let done = done??;
    if let Some(space) = home.space()
        && !is_known(home, space).await
    {
        screen.warn(&format!(
            "the backup of your own vault does not know of this folder: to find it again when this machine is lost, \
             back up your own vault too (`allod backup run`), or keep the folder's number: {}",
            space.id
        ));
    }
    told(&done, screen)
}

/// Waits for something, unless whoever asked for it went away. What is stored by then is known to
/// the next run.
async fn unless_stopped<T>(screen: &Screen, work: impl Future<Output = T>) -> Result<T, Failure> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(LOOKED) => screen.go_on()?,
        }
    }
}

/// Has the backup of the person's own vault know of a shared folder that was backed up.
async fn is_known(home: &Home, space: &Space) -> bool {
    let own = VaultHome::own(home);
    let (Ok(Some(person)), Ok(all)) = (home.load(), folders(home)) else { return false };
    let Ok(mut vault) = place(&own).open(&own.root(&person)) else { return false };
    let mut backup = Backup::new(&mut vault, &secret_of(&own, &person));
    if backup.folders().is_ok_and(|known| known.iter().any(|known| known.space == space.id)) {
        return true;
    }
    if !backup.peer_addresses().is_ok_and(|peers| !peers.is_empty()) || backup.set_folders(all).is_err() {
        return false;
    }
    backup.run(How::default(), &mut |_| ()).await.is_ok_and(|report| report.is_safe)
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
                "what is new is stored, but only {} of {} peers that you trust know of it, which is too few to be sure \
                 of it",
                report.acknowledged.0, report.acknowledged.1
            ),
        )
        .next("run it again when more of your peers are back")
        .data(value));
    }
    let new = match report.objects {
        0 => "Nothing was new".to_owned(),
        objects => format!(
            "Stored {} in {}, {}",
            count(objects, "object", "objects"),
            count(report.packs, "pack", "packs"),
            size(report.bytes)
        ),
    };
    let mended = match report.repaired {
        0 => String::new(),
        shards => format!("\nMade {} again", count(shards, "lost part", "lost parts")),
    };
    if report.homeless > 0 {
        screen.warn(&format!(
            "{} nobody who keeps it: fewer peers can be lost until there are more",
            count(report.homeless, "part has", "parts have")
        ));
    }
    let (kept, all) = report.acknowledged;
    screen.result(
        &value,
        &format!("{new}; {kept} of {all} peers know of backup {}.{mended}", report.generation),
    );
    Ok(())
}

fn status(home: &VaultHome, screen: &Screen) -> Result<(), Failure> {
    let (mut vault, secret) = open(home, screen)?;
    let status = Backup::new(&mut vault, &secret).status()?;
    let audited = Backup::new(&mut vault, &secret).audited()?;
    let peers: Vec<Value> = status
        .peers
        .iter()
        .map(|peer| {
            let caught = peer.caught.iter().map(|caught| {
                json!({
                    "lie": caught.lie.to_string(), "first": caught.first, "last": caught.last, "count": caught.count,
                })
            });
            json!({
                "peer": peer.address, "generation": peer.acknowledged, "trusted": peer.is_trusted(),
                "caught": caught.collect::<Vec<_>>(),
            })
        })
        .collect();
    let code = status.code.map(|code| json!([code.needed(), code.all()]));
    let value = json!({
        "generation": status.generation, "made": status.made, "packs": status.packs, "bytes": status.bytes,
        "missing": status.missing, "endangered": status.endangered, "unpacked": status.unpacked,
        "code": code, "peers": peers, "audited": audited,
    });
    let last = match status.generation {
        0 => "none yet".to_owned(),
        generation => {
            format!("{generation}, {}", crate::commands::ledger::time(allod_wire::Instant(status.made)))
        }
    };
    let mut text = format!(
        "newest     {last}\nkept       {} in {}\nnew        {} in no backup yet",
        size(status.bytes),
        count(status.packs as u64, "pack", "packs"),
        count(status.unpacked as u64, "object is", "objects are")
    );
    if let Some(code) = status.code {
        text += &format!("\ndivided    any {} of {} parts give it back", code.needed(), code.all());
    }
    if status.missing > 0 {
        text += &format!(
            "\nlost       {} that nobody keeps; `allod backup run` makes again what it can",
            count(status.missing as u64, "part", "parts")
        );
    }
    for peer in &status.peers {
        let generation = match peer.acknowledged {
            0 => "knows of none".to_owned(),
            generation => format!("knows of backup {generation}"),
        };
        text += &format!("\npeer       {}  {generation}", peer.address);
        for caught in &peer.caught {
            let last = crate::commands::ledger::time(allod_wire::Instant(caught.last));
            let times = count(caught.count.into(), "time", "times");
            text += &format!("\n           was caught {times}, last on {last}: {}", caught.lie);
        }
        if !peer.is_trusted() {
            text += "\n           gets nothing new, until you `allod backup forgive` it";
        }
    }
    screen.result(&value, &text);
    Ok(())
}

/// Has the guardians know where backups are, so that whoever recovers finds them: at these peers,
/// too, and not at those that are gone.
async fn announce(home: &Home, peers: &[String], gone: &[String], screen: &Screen) -> Result<(), Failure> {
    let _lock: File = crate::commands::hold(home, screen)?;
    let mut person = load(home)?;
    let mut all = person.backup_peers.clone();
    all.retain(|known| !gone.contains(known));
    all.extend(peers.iter().filter(|peer| !person.backup_peers.contains(*peer)).cloned());
    if all == person.backup_peers {
        return Ok(());
    }
    if let Err(why) = person.set_backup_peers(home, all).await {
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
