//! A vault or gocryptfs, mounted in a folder of its own that is removed afterwards.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::run::Invocation;

/// How long mounting may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Vault,
    Gocryptfs,
}

impl Tried {
    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Vault => "a vault",
            Self::Gocryptfs => "gocryptfs",
        }
    }
}

fn failed(what: &Path, why: &std::io::Error) -> Failure {
    Failure::Unreadable { what: what.display().to_string(), why: why.to_string() }
}

/// A folder for one of them, removed in the end.
pub(super) struct Place(PathBuf);

impl Place {
    /// With these files for the suites.
    pub(super) fn new(tried: Tried, files: &[(&str, &str)]) -> Result<Self, Failure> {
        // The path of what is mounted must not have 9 bytes, or 136: then a division of
        // pjdfstest's has no remainder, and it makes a name of -1 characters.
        let name = format!("allod-posix-{:08x}-{tried:?}", std::process::id());
        let place = Self(std::env::temp_dir().join(name));
        for folder in [place.folder(), place.point(), place.tool("")] {
            std::fs::create_dir(&folder).map_err(|why| failed(&folder, &why))?;
        }
        for (name, text) in files {
            let file = place.tool(name);
            std::fs::write(&file, text).map_err(|why| failed(&file, &why))?;
        }
        Ok(place)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.0.clone()
    }

    /// Where it is mounted.
    pub(super) fn point(&self) -> PathBuf {
        self.0.join("mounted")
    }

    /// A file for the suites.
    pub(super) fn tool(&self, name: &str) -> PathBuf {
        self.0.join("tools").join(name)
    }

    fn kept(&self) -> PathBuf {
        self.0.join("kept")
    }

    fn is_mounted(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
        device(&self.point()) != device(&self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is still mounted is not to be emptied.
        if !self.is_mounted() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// One of them, mounted until this is ended or dropped.
pub(super) struct Mounted {
    tried: Tried,
    process: Child,
    point: PathBuf,
    shown: String,
}

impl Mounted {
    /// `mount` is the program that mounts a vault.
    pub(super) fn new(tried: Tried, mount: &Path, place: &Place) -> Result<Self, Failure> {
        let (kept, point) = (place.kept().display().to_string(), place.point().display().to_string());
        let password = ["-q", "-extpass", "echo password"];
        let invocation = match tried {
            Tried::Vault => Invocation::new(&mount.display().to_string(), &[&kept, &point]),
            Tried::Gocryptfs => {
                std::fs::create_dir(&kept).map_err(|why| failed(&place.kept(), &why))?;
                let args = [&password[..], &["-init", "-scryptn", "10", &kept]].concat();
                Invocation::new("gocryptfs", &args).run(&place.folder())?;
                Invocation::new(
                    "gocryptfs",
                    &[&password[..], &["-fg", "-allow_other", &kept, &point]].concat(),
                )
            }
        };
        let mut command = invocation.command(&place.folder());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let process = process.map_err(|error| invocation.not_started(&error))?;
        let mut mounted = Self { tried, process, point: place.point(), shown: invocation.shown() };
        if let (Tried::Vault, Some(output)) = (tried, mounted.process.stdout.as_mut()) {
            let _ = BufReader::new(output).read_line(&mut String::new());
        }
        let begun = Instant::now();
        while !place.is_mounted() {
            let is_over = mounted.process.try_wait().is_ok_and(|status| status.is_some());
            if is_over || begun.elapsed() > PATIENCE {
                return Err(mounted.failure("mounted nothing"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(mounted)
    }

    fn failure(&self, ended: &str) -> Failure {
        Failure::Command { command: self.shown.clone(), ended: ended.to_owned() }
    }

    /// Unmounts it.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.unmount();
        match self.process.wait() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(self.failure("did not end well")),
        }
    }

    fn unmount(&mut self) {
        drop(self.process.stdin.take());
        if self.tried == Tried::Gocryptfs {
            let _ = Command::new("fusermount").arg("-u").arg(&self.point).status();
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.unmount();
            let _ = self.process.wait();
        }
    }
}
