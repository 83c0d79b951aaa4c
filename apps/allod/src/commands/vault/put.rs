//! `allod put`: taking files into the vault, as a backup tool does.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use allod_disk::{Ignored, ImportError, ImportOptions, Progress, Skipped, Vault, import_with, survey};
use allod_vault::files::{FileKind, Ino, Operation};
use allod_vault::{Refusal, VaultError};
use serde_json::json;

use super::meter::{Meter, amount, count};
use super::open::{VaultHome, open, place};
use super::path::VaultPath;
use super::stop::stop_at_signals;
use super::{now, snapshot, threads};
use crate::cli::vault::Put;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Things that were left out and are named to a person.
const NAMED_MAX: usize = 20;

/// What was done.
#[derive(Default)]
struct Outcome {
    progress: Progress,
    skipped: Skipped,
    is_stopped: bool,
}

pub(crate) fn run(home: &VaultHome, args: &Put, screen: &Screen) -> Result<(), Failure> {
    let sources = sources(&args.paths)?;
    let ignored = Ignored::new(&args.exclude, args.gitignore)
        .map_err(|why| Failure::usage(format!("--exclude: {why}")))?;
    let mut vault = open(home, screen)?;
    let to = VaultPath::typed(&args.to);
    let directory = make_directories(&mut vault, &to)?;
    stop_at_signals(screen, "stopping; what is whole is kept")?;
    let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
    // A vault does not take in itself.
    let without = place(home).image().parent().and_then(|folder| identity(folder).ok());
    let options = ImportOptions {
        threads: threads(),
        ignored,
        without: without.into_iter().collect(),
        mirror: args.delete,
        one_file_system: args.one_file_system,
        stop: Some(screen.stops()),
    };
    let mut meter = Meter::new("putting", screen);
    let outcome = put(&mut vault, &sources, directory, &options, &mut meter, screen);
    let took = meter.took();
    drop(meter);
    let outcome = outcome?;
    finish(&mut vault, &outcome, &took, screen)
}

/// What is to be put, each with the name that it gets.
fn sources(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let mut sources: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for path in paths {
        let failed = |why: io::Error| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
        fs::symlink_metadata(path).map_err(failed)?;
        let mut whole = std::path::absolute(path).map_err(failed)?;
        if whole.file_name().is_none() {
            whole = fs::canonicalize(path).map_err(failed)?;
        }
        let Some(name) = whole.file_name().map(|name| name.as_bytes().to_vec()) else {
            return Err(Failure::usage("the whole file system has no name to be put under")
                .next("name what of it you want, such as /etc and /home"));
        };
        if let Some((other, _)) = sources.iter().find(|(_, taken)| *taken == name) {
            let (one, other) = (whole.display(), other.display());
            return Err(Failure::usage(format!("{other} and {one} would get the same name in the vault"))
                .next("put them one after the other, with --to for each"));
        }
        sources.push((whole, name));
    }
    Ok(sources)
}

fn put(
    vault: &mut Vault,
    sources: &[(PathBuf, Vec<u8>)],
    directory: Ino,
    options: &ImportOptions<'_>,
    meter: &mut Meter,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if screen.is_live() {
            let (total, ended) = (meter.total(), &ended);
            scope.spawn(move || {
                let mut sum = 0;
                for (from, _) in sources {
                    let mut of_this = 0;
                    survey(from, options.clone(), &mut |so_far| {
                        of_this = so_far;
                        !ended.load(Ordering::Relaxed)
                    });
                    sum += of_this;
                }
                total.is(sum);
            });
        }
        let done = put_all(vault, sources, directory, options, meter);
        ended.store(true, Ordering::Relaxed);
        done
    })
}

fn put_all(
    vault: &mut Vault,
    sources: &[(PathBuf, Vec<u8>)],
    directory: Ino,
    options: &ImportOptions<'_>,
    meter: &mut Meter,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    for (from, name) in sources {
        let before = outcome.progress;
        let mut last = Progress::default();
        let done = import_with(vault, from, (directory, name), options.clone(), &mut |progress| {
            last = progress;
            meter.show(before.entries + progress.entries, before.passed + progress.passed);
        });
        let skipped = match done {
            Ok((progress, skipped)) => {
                last = progress;
                skipped
            }
            Err(ImportError::Stopped) => {
                outcome.is_stopped = true;
                Skipped::new()
            }
            Err(ImportError::Vault(why)) => return Err(why.into()),
            Err(why @ ImportError::File { .. }) => return Err(Failure::new(Kind::Failed, why.to_string())),
        };
        outcome.progress = sum(before, last);
        outcome.skipped.extend(skipped);
        if outcome.is_stopped {
            break;
        }
    }
    Ok(outcome)
}

fn sum(one: Progress, other: Progress) -> Progress {
    Progress {
        entries: one.entries + other.entries,
        read: one.read + other.read,
        bytes: one.bytes + other.bytes,
        stored: one.stored + other.stored,
        passed: one.passed + other.passed,
        removed: one.removed + other.removed,
    }
}

/// Takes a snapshot, and says what was done.
fn finish(vault: &mut Vault, outcome: &Outcome, took: &str, screen: &Screen) -> Result<(), Failure> {
    let Progress { entries, read, bytes, stored, removed, .. } = outcome.progress;
    let data = json!({
        "entries": entries, "files_read": read, "bytes_read": bytes, "bytes_stored": stored, "removed": removed,
    });
    if outcome.is_stopped {
        let message =
            format!("stopped after {}; what is whole is in the vault", count(entries, "thing", "things"));
        return Err(Failure::new(Kind::Failed, message)
            .next("the same command goes on where this one stopped; no snapshot was taken")
            .data(data));
    }
    let (name, is_new) = snapshot::take_if_changed(vault)?;
    vault.give_back()?;
    let kept = match is_new {
        true => format!("Snapshot {name}."),
        false => format!("Nothing changed since snapshot {name}."),
    };
    let gone = match removed {
        0 => String::new(),
        removed => format!(" Removed {}.", count(removed, "thing that is gone", "things that are gone")),
    };
    let text = format!(
        "Put {} in {took}: {} read, {}, of which {} are new.{gone} {kept}",
        count(entries, "thing", "things"),
        count(read, "file", "files"),
        amount(bytes),
        amount(stored),
    );
    let mut result = data;
    result["snapshot"] = json!(name);
    result["new_snapshot"] = json!(is_new);
    if outcome.skipped.is_empty() {
        screen.result(&result, &text);
        return Ok(());
    }
    screen.note(&text);
    let skipped: Vec<String> =
        outcome.skipped.iter().map(|(path, why)| format!("{}: {why}", path.display())).collect();
    let more = skipped.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("and {more} more; --json names all"));
    result["skipped"] = json!(skipped);
    let message = match skipped.len() {
        1 => "1 thing could not be read and was left out".to_owned(),
        many => format!("{many} things could not be read and were left out"),
    };
    Err(Failure::new(Kind::Failed, message)
        .with_details(skipped.into_iter().take(NAMED_MAX).chain(more))
        .next("all else is in the vault; put those again when they can be read")
        .data(result))
}

/// The directory with this path, made with those above it where they are not there.
pub(super) fn make_directories(vault: &mut Vault, path: &VaultPath) -> Result<Ino, Failure> {
    let mut ino = Ino::ROOT;
    for name in path.names() {
        match vault.read().lookup(ino, name) {
            Ok(entry) if entry.kind == FileKind::Directory => ino = entry.ino,
            Ok(_) | Err(VaultError::Refused(Refusal::NotDirectory)) => {
                let message = format!("in the vault, a part of {} is no directory", path.shown());
                return Err(Failure::new(Kind::Failed, message));
            }
            Err(VaultError::Refused(Refusal::NotFound)) => {
                let above = vault.read().inode(Ino::ROOT)?;
                let make = Operation::Make {
                    parent: ino,
                    name: name.clone(),
                    kind: FileKind::Directory,
                    permissions: 0o755,
                    owner: above.owner,
                    group: above.group,
                    target: Vec::new(),
                    now: now(),
                };
                match vault.apply(&make)? {
                    Some(made) => ino = made,
                    None => unreachable!("what makes a directory says which"),
                }
            }
            Err(why) => return Err(why.into()),
        }
    }
    Ok(ino)
}
