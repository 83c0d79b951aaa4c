//! A home folder with an identity in it that no guardian knows, and the command used on it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use allod_crypto::sign::SigningKey;
use allod_did::{Log, Root};
use allod_node::person::{Home, Person};
use serde_json::Value;

/// The command under test.
pub const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps an identity in a home folder, as one of its devices has it.
pub fn keep(home: PathBuf, root: Root, device: SigningKey, log: Log) {
    let person = Person {
        root,
        device,
        log,
        card_generation: 0,
        sequence: 0,
        kit: None,
        owed: Vec::new(),
        guarded: None,
        coming: None,
        told: false,
        retired: Vec::new(),
        approved: Vec::new(),
        backup_peers: Vec::new(),
    };
    Home::new(home).save(&person).unwrap();
}

/// The command in a folder, on the identity of a home folder, with streams that are read here.
pub fn command(home: &Path, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(ALLOD);
    command.arg("--home").arg(home).args(args).current_dir(folder);
    // Whoever runs the tests sees no notifications.
    command.env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_RUNTIME_DIR");
    command.env_remove("ALLOD_HOME").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

/// Waits for the end of a command.
pub fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { code: output.status.code(), out: output.stdout, err }
}

impl Ended {
    /// What it said on standard output.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// The lines of that, which are JSON.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"));
        self.text().lines().map(row).collect()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        self.rows().pop().unwrap_or_else(|| panic!("{self:?}"))
    }

    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It failed, and said this.
    #[track_caller]
    pub fn failed(self, said: &str) -> Self {
        self.failed_with(1, said)
    }

    /// It failed with this code, and said this.
    #[track_caller]
    pub fn failed_with(self, code: i32, said: &str) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(said) || self.text().contains(said), "{self:?}");
        self
    }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
