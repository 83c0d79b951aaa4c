//! Files of any size on their way through a command: read part by part, and put in
//! their place when they are whole.
//!
//! Until then a file has no name, so that whatever ends the process leaves nothing of
//! its content behind. Where the file system has no such files, it has a hidden name
//! that a signal takes away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

/// Bytes that are read at once.
const PART: usize = 256 * 1024;

/// What takes no longer is not told about.
const QUICK: Duration = Duration::from_secs(1);

/// Where bytes come from.
pub(super) struct Source {
    from: Box<dyn Read>,
    name: String,
    begun: Instant,
    waiting: Waiting,
    read: u64,
    size: Option<u64>,
}

/// Where bytes go. Dropped before its end it leaves nothing behind.
pub(super) struct Target {
    to: Box<dyn Write>,
    path: PathBuf,
    /// The file that is not in its place yet; nothing for standard output.
    part: Option<Part>,
    force: bool,
    written: u64,
}

/// A file that is not whole yet.
struct Part {
    file: File,
    /// Where it is to be seen, hidden beside its place.
    name: PathBuf,
    /// Who takes the name away when a signal comes; nothing while it has no name.
    watch: Option<JoinHandle<()>>,
}

impl Part {
    /// Opens one beside `path`.
    fn beside(path: &Path) -> Result<Self, Failure> {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(
            path.file_name()
                .ok_or_else(|| Failure::usage(format!("{} is no file's name", path.display())))?,
        );
        hidden.push(format!(".{}.part", std::process::id()));
        let name = path.with_file_name(hidden);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        // It is named by way of /proc.
        if Path::new("/proc/self/fd").exists()
            && let Ok(file) = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)
        {
            return Ok(Self { file: file.into(), name, watch: None });
        }
        Self::named(name)
    }

    /// One with a hidden name.
    fn named(name: PathBuf) -> Result<Self, Failure> {
        let watch = tokio::spawn(take_away(name.clone(), signals().map_err(failed("signals"))?));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&name) {
            Ok(file) => Ok(Self { file, name, watch: Some(watch) }),
            Err(why) => {
                watch.abort();
                Err(failed(name.display())(why))
            }
        }
    }

    /// Gives it a name that nothing has.
    fn link(&self, name: &Path) -> io::Result<()> {
        match self.watch {
            Some(_) => fs::hard_link(&self.name, name),
            None => {
                let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                Ok(linkat(CWD, own, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
            }
        }
    }

    /// Puts it in the place of whatever is there.
    fn replace(&self, path: &Path) -> io::Result<()> {
        if self.watch.is_none() {
            self.link(&self.name)?;
        }
        fs::rename(&self.name, path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it was renamed, or never had a name, there is none any more.
        let _ = fs::remove_file(&self.name);
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// The signals that end a command, and the numbers with which shells tell of them.
fn signals() -> io::Result<[(Signal, i32); 2]> {
    let of = |kind: SignalKind| Ok::<_, io::Error>((signal(kind)?, 128 + kind.as_raw_value()));
    Ok([of(SignalKind::interrupt())?, of(SignalKind::terminate())?])
}

/// Waits for a signal, takes the name away, and ends the process as it would have.
async fn take_away(name: PathBuf, [(mut interrupt, first), (mut terminate, second)]: [(Signal, i32); 2]) {
    let code = tokio::select! {
        _ = interrupt.recv() => first,
        _ = terminate.recv() => second,
    };
    let _ = fs::remove_file(&name);
    std::process::exit(code)
}

fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn failed(name: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Failure {
    move |why| Failure::new(Kind::Failed, format!("{name}: {why}"))
}

impl Source {
    /// Opens a file; `-` for standard input.
    pub(super) fn open(path: &Path, screen: &Screen) -> Result<Self, Failure> {
        let (begun, waiting) = (Instant::now(), Waiting::new(screen));
        if is_stdio(path) {
            let from = Box::new(io::stdin());
            return Ok(Self { from, name: "standard input".into(), begun, waiting, read: 0, size: None });
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(failed(&name))?;
        let about = file.metadata().map_err(failed(&name))?;
        if about.is_dir() {
            return Err(Failure::usage(format!("{name} is a folder; pack it into one file first")));
        }
        let size = about.is_file().then_some(about.len());
        Ok(Self { from: Box::new(file), name, begun, waiting, read: 0, size })
    }

    /// Fills `buffer`; tells whether there was so much.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, Failure> {
        match self.from.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(why) => Err(failed(&self.name)(why)),
        }
    }

    /// Hands on all that is left, part by part.
    pub(super) fn each(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut buffer = vec![0; PART];
        loop {
            let count = match self.from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => return Err(failed(&self.name)(why)),
            };
            take(buffer.get(..count).unwrap_or_default())?;
            self.read += count as u64;
            if self.begun.elapsed() > QUICK {
                let done =
                    self.size.filter(|size| *size > 0).map(|size| self.read.saturating_mul(100) / size);
                let done = done.map_or_else(String::new, |percent| format!(", {percent} %"));
                self.waiting.say(&format!("{} MB{done}", self.read / 1_000_000));
            }
        }
        self.waiting.end();
        Ok(())
    }
}

impl Target {
    /// Makes ready to write a file; `-` for standard output.
    pub(super) fn create(path: &Path, force: bool, screen: &Screen) -> Result<Self, Failure> {
        if is_stdio(path) {
            if screen.is_json() {
                return Err(Failure::usage("the content and the JSON cannot both go to standard output"));
            }
            let to = Box::new(io::stdout());
            return Ok(Self { to, path: path.into(), part: None, force, written: 0 });
        }
        if !force && path.exists() {
            return Err(there_already(path));
        }
        let part = Part::beside(path)?;
        let to = Box::new(part.file.try_clone().map_err(failed(path.display()))?);
        Ok(Self { to, path: path.into(), part: Some(part), force, written: 0 })
    }

    /// Writes what came together, and empties it.
    pub(super) fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        self.to.write_all(bytes).map_err(failed(self.path.display()))?;
        self.written += bytes.len() as u64;
        bytes.clear();
        Ok(())
    }

    /// Puts the file in its place; how long it is.
    pub(super) fn finish(mut self) -> Result<u64, Failure> {
        self.to.flush().map_err(failed(self.path.display()))?;
        let Some(part) = &self.part else { return Ok(self.written) };
        part.file.sync_all().map_err(failed(self.path.display()))?;
        if !self.force {
            // A link is never put in place of another file.
            match part.link(&self.path) {
                Ok(()) => return Ok(self.written),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(there_already(&self.path));
                }
                // Some file systems have no links.
                Err(_) if self.path.exists() => return Err(there_already(&self.path)),
                Err(_) => {}
            }
        }
        part.replace(&self.path).map_err(failed(self.path.display()))?;
        Ok(self.written)
    }
}

/// Writes a short file in one go; `-` for standard output. What is there is left alone,
/// unless `force` says otherwise.
pub(super) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    if is_stdio(path) {
        return io::stdout().write_all(bytes).map_err(failed(path.display()));
    }
    let mut options = OpenOptions::new();
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    let mut file = match options.write(true).open(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => return Err(there_already(path)),
        file => file.map_err(failed(path.display()))?,
    };
    file.write_all(bytes).map_err(failed(path.display()))
}

/// Refuses a file that is there, before anybody is asked anything.
///
/// # Errors
/// A usage error, unless `force` says otherwise.
pub(super) fn leave_alone(path: &Path, force: bool) -> Result<(), Failure> {
    if !force && !is_stdio(path) && path.exists() { Err(there_already(path)) } else { Ok(()) }
}

fn there_already(path: &Path) -> Failure {
    Failure::usage(format!("{} is there already", path.display())).next("name another file, or say --force")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    /// Each kind of part that a file system may have.
    fn parts(path: &Path) -> [Part; 2] {
        let hidden = path.with_file_name(".hidden.part");
        [Part::beside(path).unwrap(), Part::named(hidden).unwrap()]
    }

    #[tokio::test]
    async fn a_part_that_is_dropped_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        for part in parts(&folder.path().join("whole")) {
            (&part.file).write_all(b"plain").unwrap();
            drop(part);
        }
        assert_eq!(names(folder.path()), Vec::<std::ffi::OsString>::new());
    }

    #[tokio::test]
    async fn a_part_takes_a_place_that_is_free_and_with_force_any() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole");
        for (number, part) in parts(&path).into_iter().enumerate() {
            (&part.file).write_all(&[number as u8]).unwrap();
            let free = folder.path().join(format!("free {number}"));
            part.link(&free).unwrap();
            assert_eq!(part.link(&free).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            part.replace(&path).unwrap();
            drop(part);
            assert_eq!(
                (fs::read(&free).unwrap(), fs::read(&path).unwrap()),
                (vec![number as u8], vec![number as u8])
            );
        }
        assert_eq!(names(folder.path()).len(), 3);
    }
}
