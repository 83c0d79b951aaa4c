//! Ending a mount from outside of the program that answers for it.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount as system_unmount};

/// The programs by which users who are not root unmount what they mounted.
const HELPERS: [&str; 2] = ["fusermount3", "fusermount"];

/// Unmounts what is mounted at a path. Where that is in use, it is not, unless `at_once`: then
/// it is out of sight, and ends when nobody has anything of it open any more.
///
/// # Errors
/// [`io::ErrorKind::ResourceBusy`], where it is in use; what else the system says.
pub fn unmount(path: &Path, at_once: bool) -> io::Result<()> {
    let flags = if at_once { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match system_unmount(path, flags | UnmountFlags::NOFOLLOW) {
        Err(Errno::PERM) => {}
        done => return Ok(done?),
    }
    for helper in HELPERS {
        let mut command = Command::new(helper);
        command.arg("-u").args(at_once.then_some("-z")).arg("--").arg(path);
        let output = match command.stdin(Stdio::null()).output() {
            Ok(output) => output,
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(why),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        return match output.status.success() {
            true => Ok(()),
            false if said.contains("busy") => Err(Errno::BUSY.into()),
            false => Err(io::Error::other(said.trim().to_owned())),
        };
    }
    Err(Errno::PERM.into())
}
