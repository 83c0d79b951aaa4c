//! A network of real guardians, and people who use it by commands, each in a home folder.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::process::{At, Ended, folder};

pub const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

const PIN: &str = "271828";

/// A network whose guardians order a ledger and hold keys, in a folder.
pub struct Net {
    folder: tempfile::TempDir,
    supervisor: Child,
    pub addresses: Vec<String>,
    /// Whether commands are told whom to ask.
    named: bool,
}

impl Net {
    /// Starts four guardians, with these arguments more. Their keys take a moment. When
    /// `named`, each command is told to ask them.
    pub fn start(more: &[&str], named: bool) -> Self {
        let folder = folder();
        let mut supervisor = Command::new(ALLOD)
            .args(["--json", "--home"])
            .arg(folder.path().join("network"))
            .args(["testnet", "--guardians", "4", "--port-base", "0"])
            .args(more)
            .env_remove("ALLOD_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines().map_while(Result::ok);
        let up = lines.find_map(|line| {
            let said: Value = serde_json::from_str(&line).unwrap();
            (said["event"] == "up").then_some(said)
        });
        // What is said later nobody reads, but the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        let addresses = up.unwrap()["guardians"].as_array().unwrap().clone();
        let addresses = addresses.iter().map(|address| address.as_str().unwrap().to_owned()).collect();
        Self { folder, supervisor, addresses, named }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> &'static str {
        Box::leak(self.path(name).to_str().unwrap().to_owned().into_boxed_str())
    }

    /// The folder of a guardian, by its number.
    pub fn guardian(&self, number: usize) -> PathBuf {
        self.path(&format!("network/network/guardian-{number}"))
    }

    /// The guardians' addresses as arguments.
    pub fn through(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().flat_map(|address| ["--guardian", address])
    }

    /// Runs a command in the home folder `who`.
    pub fn run(&self, who: &str, args: &[&str]) -> Ended {
        let through = self.through().filter(|_| self.named);
        let args: Vec<_> = args.iter().copied().chain(through).collect();
        At { home: &self.path(who), pin: PIN }.run(&args)
    }

    /// The same, printing JSON, and it must go well.
    #[track_caller]
    pub fn json(&self, who: &str, args: &[&str]) -> Value {
        self.run(who, &[&["--json"], args].concat()).done().json()
    }

    /// An identity that the guardians know; its DID.
    #[track_caller]
    pub fn person(&self, who: &str) -> String {
        let card = self.text(&format!("{who}.card.txt"));
        let told = self.json(who, &["init", "--pin-fd", "3", "--card", card]);
        told["did"].as_str().unwrap().to_owned()
    }

    /// Ends all of it.
    pub fn stop(&mut self) {
        // The guardians end when nobody watches over them.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.stop();
    }
}
