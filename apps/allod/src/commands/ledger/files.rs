//! Files of any size on their way through a command: read part by part, written
//! beside their place, and put there when they are whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    /// The file that is not in its place yet.
    temporary: Option<(PathBuf, File)>,
    force: bool,
    written: u64,
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
            return Ok(Self { to, path: path.into(), temporary: None, force, written: 0 });
        }
        if !force && path.exists() {
            return Err(there_already(path));
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(
            path.file_name()
                .ok_or_else(|| Failure::usage(format!("{} is no file's name", path.display())))?,
        );
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(failed(temporary.display()))?;
        let to = Box::new(file.try_clone().map_err(failed(temporary.display()))?);
        Ok(Self { to, path: path.into(), temporary: Some((temporary, file)), force, written: 0 })
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
        let Some((temporary, file)) = &self.temporary else { return Ok(self.written) };
        file.sync_all().map_err(failed(self.path.display()))?;
        if !self.force {
            // A link is never put in place of another file.
            match fs::hard_link(temporary, &self.path) {
                Ok(()) => return Ok(self.written),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(there_already(&self.path));
                }
                // Some file systems have no links.
                Err(_) if self.path.exists() => return Err(there_already(&self.path)),
                Err(_) => {}
            }
        }
        fs::rename(temporary, &self.path).map_err(failed(self.path.display()))?;
        Ok(self.written)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.temporary {
            // Where it was renamed there is none any more.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn there_already(path: &Path) -> Failure {
    Failure::usage(format!("{} is there already", path.display())).next("name another file, or say --force")
}
