//! `allod get`: bringing files out of the vault.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use allod_disk::{ExportError, Exported, Use, Vault, export};
use allod_vault::VaultError;
use allod_vault::files::{Ino, Reader, Snapshot};
use serde_json::json;

use super::meter::{Meter, amount, count};
use super::open::{VaultHome, VaultReach, place, reach};
use super::path::VaultPath;
use super::threads;
use crate::cli::vault::Get;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// Bytes that are read at a time of what goes to standard output.
const WINDOW: usize = 1 << 20;

/// Names of a directory that are looked at together.
const PAGE: usize = 1024;

/// Things that could not be brought and are named to a person.
const NAMED_MAX: usize = 20;

pub(crate) fn run(home: &VaultHome, args: &Get, screen: &Screen) -> Result<(), Failure> {
    outside(home, &args.to, screen)?;
    let mut vault = reach(home, screen)?;
    let paths: Vec<VaultPath> = args.paths.iter().map(|typed| VaultPath::typed(typed)).collect();
    bring_out(&mut vault, None, &paths, &args.to, screen)
}

/// A reader of the files as they are, or as they were.
pub(super) fn reader<'a>(
    vault: &'a mut Vault,
    snapshot: Option<&'a Snapshot>,
) -> Reader<'a, allod_disk::FileBlocks, allod_disk::Zstd> {
    match snapshot {
        Some(snapshot) => vault.read_snapshot(snapshot),
        None => vault.read(),
    }
}

/// Brings what is at these paths of the vault, or of a snapshot, into a directory outside, each
/// under its own name; of the top, all that is in it. `-` is standard output.
pub(super) fn bring_out(
    vault: &mut VaultReach,
    snapshot: Option<&Snapshot>,
    paths: &[VaultPath],
    to: &Path,
    screen: &Screen,
) -> Result<(), Failure> {
    if to == Path::new("-") {
        return write_out(vault, snapshot, paths, screen);
    }
    let place = screen.path(to);
    // What is outside is looked at when nobody waits for the vault: it may be in a mount of it.
    let targets = vault.look(|files| targets(files, snapshot, paths, &place))?;
    nothing_is_there(&targets, to)?;
    DirBuilder::new()
        .recursive(true)
        .mode(screen.directory_mode())
        .create(&place)
        .map_err(|why| failed(to, &why))?;
    let mut meter = Meter::new("getting", screen);
    if screen.is_live() {
        let mut sum = 0;
        for (ino, _) in &targets {
            sum += size(vault, snapshot, *ino, screen)?;
        }
        meter.total().is(sum);
    }
    let (mut done, mut lost) = (Exported::default(), Vec::new());
    for (ino, target) in &targets {
        let before = done;
        let exported = export(&mut *vault, snapshot, *ino, target, threads(), &mut |exported| {
            meter.show(before.entries + exported.entries, before.bytes + exported.bytes);
            screen.goes_on()
        });
        let (exported, damaged) = exported.map_err(|why| match why {
            ExportError::Vault { source, .. } => Failure::from(source).with_details([why.to_string()]),
            why => Failure::new(Kind::Failed, why.to_string())
                .next("what was brought until then is there; nothing in the vault was changed"),
        })?;
        done.entries += exported.entries;
        done.bytes += exported.bytes;
        lost.extend(damaged.iter().map(ToString::to_string));
    }
    let took = meter.took();
    drop(meter);
    let Exported { entries, bytes } = done;
    let mut data = json!({ "entries": entries, "bytes": bytes, "to": to });
    let things = count(entries, "thing", "things");
    let text = format!("Got {things}, {}, into {} in {took}.", amount(bytes), to.display());
    if lost.is_empty() {
        screen.result(&data, &text);
        return Ok(());
    }
    screen.note(&text);
    data["lost"] = json!(lost);
    let more = lost.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("and {more} more; --json names all"));
    let message = match lost.len() {
        1 => "1 thing could not be brought as it was".to_owned(),
        many => format!("{many} things could not be brought as they were"),
    };
    Err(Failure::new(Kind::Failed, message)
        .with_details(lost.into_iter().take(NAMED_MAX).chain(more))
        .next("all else was brought; an older snapshot may have them whole: `allod history PATH`")
        .data(data))
}

/// What is to be brought, and where to.
fn targets(
    vault: &mut Vault,
    snapshot: Option<&Snapshot>,
    paths: &[VaultPath],
    place: &Path,
) -> Result<Vec<(Ino, PathBuf)>, Failure> {
    let mut targets: Vec<(Ino, PathBuf)> = Vec::new();
    for path in paths {
        let mut reader = reader(vault, snapshot);
        let ino = path.find(&mut reader)?;
        match path.split() {
            Some((_, name)) => targets.push((ino, place.join(OsStr::from_bytes(name)))),
            None => {
                let names = reader.names(ino, None, usize::MAX)?;
                targets.extend(
                    names.into_iter().map(|(name, entry)| (entry.ino, place.join(OsStr::from_bytes(&name)))),
                );
            }
        }
    }
    Ok(targets)
}

/// Nothing may be where something is brought, nor two things at one place.
fn nothing_is_there(targets: &[(Ino, PathBuf)], to: &Path) -> Result<(), Failure> {
    let mut taken = BTreeSet::new();
    for (_, target) in targets {
        if fs::symlink_metadata(target).is_ok() || !taken.insert(target) {
            let shown = target.file_name().map_or_else(|| to.to_owned(), |name| to.join(name));
            let message = format!("{} is there already; nothing was written", shown.display());
            return Err(Failure::new(Kind::Failed, message).next("choose another place with --to"));
        }
    }
    Ok(())
}

/// Refuses a place that is in the vault itself, where it is mounted: what is brought out would come
/// in again.
pub(super) fn outside(home: &VaultHome, to: &Path, screen: &Screen) -> Result<(), Failure> {
    let Some(mounted) = place(home).mounted().filter(|_| home.is_mounted()) else { return Ok(()) };
    let typed = screen.path(to);
    let there = typed.ancestors().find_map(|path| path.canonicalize().ok());
    if to != Path::new("-") && there.is_some_and(|path| path.starts_with(&mounted)) {
        let message = format!("{} is in the vault itself", to.display());
        return Err(Failure::new(Kind::Failed, message).next("choose a place outside with --to"));
    }
    Ok(())
}

fn failed(path: &Path, why: &io::Error) -> Failure {
    Failure::new(Kind::Failed, format!("{}: {why}", path.display()))
}

/// Bytes of all files in a tree of the vault.
fn size(
    vault: &mut VaultReach,
    snapshot: Option<&Snapshot>,
    top: Ino,
    screen: &Screen,
) -> Result<u64, Failure> {
    let (mut sum, mut rest) = (0, vec![top]);
    while let Some(ino) = rest.pop() {
        screen.go_on()?;
        let inode = match vault.look(|files| reader(files, snapshot).inode(ino)) {
            // Somebody removed it meanwhile.
            Err(VaultError::Refused(_)) => continue,
            inode => inode?,
        };
        if !inode.is_directory() {
            sum += inode.size;
            continue;
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let names = vault.look(|files| reader(files, snapshot).names(ino, after.as_deref(), PAGE))?;
            let Some((last, _)) = names.last() else { break };
            after = Some(last.clone());
            rest.extend(names.into_iter().map(|(_, entry)| entry.ino));
        }
    }
    Ok(sum)
}

/// Writes one file to standard output.
fn write_out(
    vault: &mut VaultReach,
    snapshot: Option<&Snapshot>,
    paths: &[VaultPath],
    screen: &Screen,
) -> Result<(), Failure> {
    let [path] = paths else {
        return Err(Failure::usage("only one file goes to standard output"));
    };
    let (ino, kind) = vault.look(|files| {
        let mut reader = reader(files, snapshot);
        let ino = path.find(&mut reader)?;
        Ok::<_, Failure>((ino, reader.inode(ino)?.kind))
    })?;
    if kind != allod_vault::files::FileKind::File {
        return Err(Failure::usage(format!("{} is no file; only one goes to standard output", path.shown())));
    }
    let (mut out, mut offset) = (screen.out(), 0);
    loop {
        screen.go_on()?;
        let bytes = vault.look(|files| reader(files, snapshot).read(ino, offset, WINDOW))?;
        if bytes.is_empty() {
            break;
        }
        offset += bytes.len() as u64;
        match out.write_all(&bytes) {
            // A reader that went away has seen enough.
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            done => done.map_err(|why| failed(Path::new("standard output"), &why))?,
        }
    }
    out.flush().map_err(|why| failed(Path::new("standard output"), &why))
}
