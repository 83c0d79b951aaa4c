//! `allod fsck`: looking at all that the vault has, and mending what can be mended.

use std::collections::BTreeSet;

use allod_disk::{Looked, Opened, Use, Vault, verify};
use allod_node::backup::{Backup, Progress};
use allod_node::person::Person;
use allod_vault::files::{Finding, Harmed};
use allod_vault::object::{Kind as ObjectKind, ObjectId};
use allod_vault::{Damage, Part, Rebuilt, VaultError};
use serde_json::{Value, json};

use super::backup::secret_of;
use super::meter::{Meter, amount, count};
use super::open::{VaultHome, place, reach};
use super::path::readable;
use super::threads;
use crate::cli::vault::Check;
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Files that are named to a person for one damage.
const NAMED_MAX: usize = 10;

/// What was found.
#[derive(Default)]
struct Report {
    looked: Looked,
    /// Damage of the image's own parts.
    parts: Vec<Damage>,
    findings: Vec<Finding>,
}

impl Report {
    fn is_clean(&self) -> bool {
        self.parts.is_empty() && self.findings.is_empty()
    }

    /// The objects that are damaged or missing.
    fn objects(&self) -> impl Iterator<Item = &ObjectId> {
        self.findings.iter().filter_map(|finding| match finding {
            Finding::Object(id, _) => Some(id),
            Finding::Files(..) => None,
        })
    }
}

pub(crate) async fn run(home: &VaultHome, args: &Check, screen: &Screen) -> Result<(), Failure> {
    let (place, person) = (place(home), load(home)?);
    if !place.is_there() {
        return Err(Failure::new(Kind::Failed, "there is no vault here yet"));
    }
    if home.is_mounted() {
        if args.repair {
            return Err(Failure::new(Kind::Failed, "a vault that is mounted is looked at, and not repaired")
                .next("end the mount first: `allod mount --end DIR`"));
        }
        let _turn = home.turn(screen)?;
        let report = look(&mut reach(home, screen)?, args, screen)?;
        return show(&report, 0, None, args, screen);
    }
    let root = home.root(&person);
    let (mut vault, mut rebuilt) = match place.open_as_it_is(&root)? {
        Opened::Whole(vault) => (*vault, None),
        Opened::ToMend(vault, why) => {
            screen.warn(&format!("the files of now cannot be read: {why}"));
            (*vault, None)
        }
        Opened::ToRebuild(why) if !args.repair => {
            return Err(Failure::new(Kind::Failed, format!("the vault cannot be opened: {why}"))
                .next("`allod fsck --repair` makes the index again from what is in the segments"));
        }
        Opened::ToRebuild(why) => {
            screen.warn(&format!("{why}; making the index again"));
            let (vault, done) = place.rebuild(&root)?;
            (vault, Some(done))
        }
    };
    let mut report = look(&mut vault, args, screen)?;
    let mut mended = 0_u64;
    if args.repair && !report.is_clean() {
        if report.parts.iter().any(|damage| damage.part != Part::Checkpoint) {
            drop(vault);
            let (again, done) = place.rebuild(&root)?;
            (vault, rebuilt) = (again, Some(done));
        } else if !report.parts.is_empty() {
            vault.renew_checkpoints()?;
        }
        mended = mend(&mut vault, &report, home, &person, screen).await?;
        // What was mended may let be seen what it hid.
        drop(vault);
        vault = match place.open_as_it_is(&root)? {
            Opened::Whole(vault) | Opened::ToMend(vault, _) => *vault,
            Opened::ToRebuild(why) => return Err(why.into()),
        };
        report = look(&mut vault, args, screen)?;
    }
    show(&report, mended, rebuilt, args, screen)
}

fn look<U>(vault: &mut U, args: &Check, screen: &Screen) -> Result<Report, Failure>
where
    U: Use<Compress: Send + Sync>,
{
    let mut report = Report::default();
    vault.with(|files| files.check_parts(&mut |damage| report.parts.push(damage)))?;
    let mut bad = BTreeSet::new();
    // Without an index nothing can be looked at.
    let has_index = report.parts.iter().all(|damage| damage.part != Part::Index);
    if !args.quick && has_index {
        let mut meter = Meter::of("checking", "objects", screen);
        (report.looked, bad) = verify(&mut *vault, threads(), &mut |looked| {
            meter.show(looked.objects, looked.bytes);
            screen.goes_on()
        })?;
        screen.go_on()?;
    }
    if has_index {
        vault.with(|files| files.check_files(&bad, &mut |finding| report.findings.push(finding)))?;
        // An object that nothing leads to harms nothing, unless the same is to be stored again.
        let named: BTreeSet<ObjectId> = report.objects().copied().collect();
        report.findings.extend(bad.difference(&named).map(|id| Finding::Object(*id, Vec::new())));
    }
    Ok(report)
}

/// Puts good objects from the backup in the place of damaged ones. How many.
async fn mend(
    vault: &mut Vault,
    report: &Report,
    home: &VaultHome,
    person: &Person,
    screen: &Screen,
) -> Result<u64, Failure> {
    let wanted: Vec<ObjectId> = report.objects().copied().collect();
    let secret = secret_of(home, person);
    let waiting = Waiting::new(screen);
    waiting.say("asking your backup peers for what is damaged");
    let mut backup = Backup::new(&mut *vault, &secret);
    let found = match backup.is_readable()? {
        true => backup.objects(&wanted).await,
        false => {
            waiting.say("learning from your backup peers what is backed up");
            let told = waiting.clone();
            let mut progress = move |Progress { objects, stored, .. }| {
                told.say(&format!(
                    "learning from your backup peers what is backed up: {stored} of {objects} packs"
                ));
            };
            let mut addresses = person.backup_peers.clone();
            addresses.extend(person.known_guardians());
            backup.relearn(&addresses, &wanted.iter().copied().collect(), &mut progress).await
        }
    };
    drop(backup);
    waiting.end();
    let (found, lost) = match found {
        Ok((found, lost, _)) => (found, lost),
        Err(why) => {
            screen.warn(&format!("nothing comes from the backup: {why}"));
            (Vec::new(), wanted)
        }
    };
    for object in &found {
        vault.mend(object)?;
    }
    let mended = found.len() as u64;
    for id in &lost {
        // A content that nobody has any more can be stored again, once it is not taken for
        // being there.
        if vault.sealed(id).is_ok_and(|object| object.kind == ObjectKind::Data) {
            match vault.give_up(id) {
                Ok(()) | Err(VaultError::ReadOnly) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
    match vault.commit() {
        Ok(()) | Err(VaultError::ReadOnly) => Ok(mended),
        Err(why) => Err(why.into()),
    }
}

fn show(
    report: &Report,
    mended: u64,
    rebuilt: Option<Rebuilt>,
    args: &Check,
    screen: &Screen,
) -> Result<(), Failure> {
    let Looked { objects, bytes } = report.looked;
    let value = json!({
        "objects": objects,
        "bytes": bytes,
        "parts": report.parts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "findings": report.findings.iter().map(described).collect::<Vec<_>>(),
        "mended": mended,
        "index_made_again": rebuilt.is_some(),
        "clean": report.is_clean(),
    });
    let mut lines = Vec::new();
    if let Some(Rebuilt { known, found, copied, .. }) = rebuilt {
        lines.push(format!(
            "Made the index again: {known} objects were known, {found} found in segments, {copied} copied."
        ));
    }
    if mended > 0 {
        lines.push(format!("Mended {} from the backup.", count(mended, "object", "objects")));
    }
    let looked = format!("{}, {}", count(objects, "object", "objects"), amount(bytes));
    if report.is_clean() {
        let all = if args.quick {
            "All that leads to objects is in order.".into()
        } else {
            format!("In order: {looked}.")
        };
        lines.push(all);
        screen.result(&value, &lines.join("\n"));
        return Ok(());
    }
    if screen.is_json() {
        screen.result(&value, "");
    } else if !lines.is_empty() {
        screen.note(&lines.join("\n"));
    }
    let details = report.parts.iter().map(ToString::to_string);
    let details = details.chain(report.findings.iter().flat_map(told));
    let failure = Failure::new(Kind::Failed, "parts of the vault are damaged")
        .with_details(details.collect::<Vec<_>>());
    Err(match args.repair {
        false => failure.next("`allod fsck --repair` mends what can be mended; nothing was changed yet"),
        true => failure.next(
            "what is named is lost here: put the files in again where you have them, or take them from a snapshot that is not named",
        ),
    })
}

fn described(finding: &Finding) -> Value {
    match finding {
        Finding::Object(id, harmed) => json!({
            "object": id.to_string(),
            "files": harmed.iter().map(|file| json!({
                "path": String::from_utf8_lossy(&file.path),
                "snapshot": file.snapshot.as_ref().map(|name| String::from_utf8_lossy(name)),
            })).collect::<Vec<_>>(),
        }),
        Finding::Files(ino, wrong) => json!({ "file": ino.0, "wrong": wrong.to_string() }),
    }
}

fn told(finding: &Finding) -> Vec<String> {
    match finding {
        Finding::Object(_, harmed) if harmed.is_empty() => {
            vec!["an object that no file needs, or that only the vault itself does".into()]
        }
        Finding::Object(_, harmed) => {
            let mut lines: Vec<String> = harmed.iter().take(NAMED_MAX).map(named).collect();
            if harmed.len() > NAMED_MAX {
                lines.push(format!("and {} more", harmed.len() - NAMED_MAX));
            }
            lines
        }
        Finding::Files(ino, wrong) => vec![format!("file number {}: {wrong}", ino.0)],
    }
}

fn named(file: &Harmed) -> String {
    match &file.snapshot {
        Some(snapshot) => format!("{} in snapshot {}", readable(&file.path), readable(snapshot)),
        None => readable(&file.path),
    }
}
