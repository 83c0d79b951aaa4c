//! The command as a person runs it, and guardians as processes that can be
//! killed at any moment.
#![allow(dead_code)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use allod_node::guardian::{Config, LimitsConfig, RateConfig, Tls};
use serde_json::Value;

/// The command under test.
const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

/// How long a guardian may take until it is up.
const START: Duration = Duration::from_secs(20);

/// A guardian that runs as a process of its own, or does not just now.
pub struct Guardian {
    config: PathBuf,
    child: Option<Child>,
    address: String,
}

impl Guardian {
    /// Starts a new guardian with its state in `folder`.
    pub fn start(folder: &Path, tls: Tls) -> Self {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join("guardian.toml");
        let mut config = Config::new(free_port(), "state".into(), tls);
        let rate = RateConfig { burst: 1_000_000, per_second: 1_000_000 };
        config.limits = LimitsConfig { tenant: rate, account: rate, address: rate, evaluations: rate };
        config.write(&path).unwrap();
        let mut guardian = Self { config: path, child: None, address: String::new() };
        guardian.run();
        guardian
    }

    /// Where clients reach it, pin included.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it is running.
    pub fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// Runs it, if it does not run. Returns when it listens.
    pub fn run(&mut self) {
        if self.child.is_some() {
            return;
        }
        let mut child = Command::new(ALLOD)
            .args(["--json", "guardian", "run", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(begun.elapsed() < START, "a guardian took too long to start");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not up: {line:?}"));
        let address = said["address"].as_str().unwrap_or_else(|| panic!("not up: {said}")).to_owned();
        assert!(self.address.is_empty() || self.address == address, "its address changed");
        self.address = address;
        self.child = Some(child);
    }

    /// Kills it, as `kill -9` and a crash do: it gets no chance to end well.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Copies its state, as it is now, to beside it.
    pub fn back_up(&mut self) {
        self.kill();
        let copy = self.backup();
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(self.state()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        self.run();
    }

    /// Puts the copy in place of its state, as after a disk failed.
    pub fn restore(&mut self) {
        self.kill();
        fs::remove_dir_all(self.state()).unwrap();
        fs::rename(self.backup(), self.state()).unwrap();
        self.run();
    }

    fn backup(&self) -> PathBuf {
        self.config.with_file_name("state-copy")
    }

    /// Kills it and destroys its state, but for its certificate.
    pub fn lose_state(&mut self) {
        self.kill();
        for name in ["guardian.redb", "record-keys"] {
            fs::remove_file(self.state().join(name)).unwrap();
        }
    }

    /// The folder of its state.
    pub fn state(&self) -> PathBuf {
        self.config.with_file_name("state")
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts `count` guardians below `folder`.
pub fn guardians(folder: &Path, count: usize, tls: &Tls) -> Vec<Guardian> {
    (0..count).map(|i| Guardian::start(&folder.join(format!("guardian-{i}")), tls.clone())).collect()
}

/// A port below those that the system hands out for connections, so that a
/// guardian that comes back finds it free.
pub fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id().wrapping_mul(37) % 10_000) as u16;
    for _ in 0..2_000 {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free");
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// What it printed as JSON, in its last line.
    pub fn json(&self) -> Value {
        let line = self.out.lines().last().unwrap_or_else(|| panic!("no output: {self:?}"));
        serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The same, which must have gone well.
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// A person at a home folder.
pub struct At<'a> {
    pub home: &'a Path,
    pub pin: &'a str,
}

impl At<'_> {
    /// Runs a command with the PIN on file descriptor 3, where it wants one.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, "")
    }

    /// The same with something on standard input.
    pub fn run_with(&self, args: &[&str], input: &str) -> Ended {
        fs::create_dir_all(self.home).unwrap();
        let pin = self.home.join("pin-of-this-test");
        fs::write(&pin, format!("{}\n", self.pin)).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "exec 3< \"$1\"; shift; exec \"$@\"", "sh"])
            .args([pin.as_os_str(), ALLOD.as_ref(), "--home".as_ref(), self.home.as_os_str()])
            .args(args)
            .env_remove("ALLOD_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().expect("it ends by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A folder that goes away with the value; in memory where that is possible,
/// since what is tested here is processes that die, not disks.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
