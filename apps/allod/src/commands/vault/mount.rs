//! `allod mount`: the vault as a directory, for any program.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use allod_disk::{DiskError, FileBlocks, MountError, Mounted, Users, mounts, unmount};
use rustix::io::Errno;
use serde_json::json;

use super::holder::Holder;
use super::open::{VaultHome, open, place};
use crate::cli::vault::Mount;
use crate::commands::ending::Ending;
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How often it is looked whether the mount is still there, or not in use any more.
const LOOK: Duration = Duration::from_millis(100);

/// How long a mount may take to keep everything after it was ended from elsewhere.
const KEEPS: Duration = Duration::from_secs(600);

pub(crate) async fn run(home: &VaultHome, args: &Mount, screen: &Screen) -> Result<(), Failure> {
    let path = whole(&args.dir)?;
    if args.end {
        return end(home, &path, screen).await;
    }
    clear(&path, screen)?;
    make_ready(&path)?;
    // Before the vault is open, so that no signal ends this without a commit.
    let mut ending = Ending::new(false)?;
    let vault = open(home, screen)?;
    let place = place(home);
    if let Some(left) = place.mounted() {
        // Whoever mounted it is gone, since the vault is free.
        clear(&left, screen)?;
    }
    place
        .will_be_mounted(&path)
        .map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", place.image().display())))?;
    let users = if args.all_users { Users::All } else { Users::Mounting };
    let mounted = Mounted::new(vault, &path, users).map_err(|why| {
        place.was_mounted();
        refused(&why)
    })?;
    let holder = Holder::begin(&home.mounted_as(mounted.handle()), &place, &home.root(&load(home)?));
    if let Err(why) = &holder {
        screen.warn(&format!("other commands cannot be done while this is mounted: {why}"));
    }
    let snapshots = path.join(".snapshots");
    let text = format!(
        "Your vault is at {}, and its snapshots are in {}. Ctrl-C ends the mount.",
        path.display(),
        snapshots.display()
    );
    screen.result(&json!({ "mounted": path, "snapshots": snapshots }), &text);
    let is_left = stay(&mounted, &path, &mut ending, screen).await?;
    if let Ok(holder) = holder {
        holder.end();
    }
    let ended = mounted.end();
    place.was_mounted();
    match ended {
        // It is out of sight, and somebody has something of it open until this ends.
        Err(MountError::System { .. }) if is_left => {}
        Err(why @ MountError::System { .. }) => return Err(Failure::new(Kind::Failed, why.to_string())),
        Err(MountError::Vault(why)) => {
            let failure = Failure::from(why);
            let said = format!("the mount ended, but the last changes could not be kept: {failure}");
            return Err(Failure::new(Kind::Failed, said)
                .next(failure.hint().unwrap_or("what was kept before is safe").to_owned()));
        }
        Ok(()) => {}
    }
    screen.note("The mount ended, and everything is kept.");
    Ok(())
}

/// Waits until the mount is to end, and ends it as far as it is not in use. Whether somebody
/// still has something of it open.
async fn stay<B, C>(
    mounted: &Mounted<B, C>,
    path: &Path,
    ending: &mut Ending,
    screen: &Screen,
) -> Result<bool, Failure>
where
    B: allod_vault::Blocks + Send + 'static,
    C: allod_vault::Compress + Clone + Send + 'static,
{
    let (mut is_asked, mut is_told, mut is_unmounted) = (false, false, false);
    while mounted.is_there() {
        tokio::select! {
            () = ending.wait() => {
                if is_asked {
                    let _ = unmount(path, true);
                    return Ok(true);
                }
                is_asked = true;
            }
            () = tokio::time::sleep(LOOK) => {}
        }
        if !is_asked || is_unmounted {
            continue;
        }
        match unmount(path, false) {
            Err(why) if why.kind() == io::ErrorKind::ResourceBusy => {
                if !is_told {
                    let path = path.display();
                    screen.note(&format!(
                        "programs use {path}; the mount ends when they are done, or at once with another Ctrl-C"
                    ));
                    is_told = true;
                }
            }
            // What is under way is answered; then it is not there any more.
            Ok(()) => is_unmounted = true,
            // It is ended below, by the one who made it.
            Err(_) => return Ok(false),
        }
    }
    Ok(false)
}

/// Ends a mount, whoever answers for it, and waits until that one kept everything.
async fn end(home: &VaultHome, path: &Path, screen: &Screen) -> Result<(), Failure> {
    if !mounts().iter().any(|mount| mount == path) {
        return Err(Failure::new(Kind::Failed, format!("no vault is mounted at {}", path.display())));
    }
    let image = place(home).mounted().filter(|at| at == path).map(|_| place(home).image());
    match unmount(path, is_dead(path)) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::ResourceBusy => {
            return Err(Failure::new(Kind::Failed, format!("programs use {}", path.display()))
                .next("close them, or leave that directory, and end the mount again"));
        }
        Err(why) => return Err(Failure::new(Kind::Failed, format!("{}: {why}", path.display()))),
    }
    let begun = std::time::Instant::now();
    while let Some(image) = &image {
        match FileBlocks::open(image) {
            Err(DiskError::InUse(_)) if begun.elapsed() < KEEPS => tokio::time::sleep(LOOK).await,
            _ => break,
        }
    }
    screen.result(&json!({ "ended": path }), &format!("The mount at {} ended.", path.display()));
    Ok(())
}

/// Where it is, from the top. A mount that a crash left cannot be looked at itself.
fn whole(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |why: io::Error| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
    let absolute = std::path::absolute(path).map_err(failed)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(above), Some(name)) => {
            Ok(fs::canonicalize(above).unwrap_or_else(|_| above.to_owned()).join(name))
        }
        _ => Err(Failure::usage("a vault is not mounted over the whole file system")),
    }
}

/// Whether nobody answers for what is mounted here.
fn is_dead(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|why| why.raw_os_error() == Some(Errno::NOTCONN.raw_os_error()))
}

/// Takes away a mount that a crash left. One that is alive stays.
fn clear(path: &Path, screen: &Screen) -> Result<(), Failure> {
    if !mounts().iter().any(|mount| mount == path) {
        return Ok(());
    }
    if !is_dead(path) {
        return Err(Failure::new(Kind::Failed, format!("a vault is mounted at {} already", path.display()))
            .next(format!("its files are there; to end it: `allod mount --end {}`", path.display())));
    }
    unmount(path, true).map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", path.display())))?;
    screen.note(&format!("Cleared the mount at {}, which a crash had left.", path.display()));
    Ok(())
}

/// An empty directory to mount at.
fn make_ready(path: &Path) -> Result<(), Failure> {
    let failed = |why: io::Error| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    if fs::read_dir(path).map_err(failed)?.next().is_some() {
        let message = format!("{} has something in it, which the mount would hide", path.display());
        return Err(Failure::new(Kind::Failed, message).next("choose an empty directory"));
    }
    Ok(())
}

fn refused(why: &MountError) -> Failure {
    let failure = Failure::new(Kind::Failed, format!("the system does not mount it: {why}"));
    let MountError::System { source, .. } = why else { return failure };
    match source.kind() {
        io::ErrorKind::NotFound => failure.next("install fuse3, and see that there is a /dev/fuse"),
        io::ErrorKind::PermissionDenied => {
            failure.next("--all-users needs root, or `user_allow_other` in /etc/fuse.conf")
        }
        _ => failure,
    }
}
