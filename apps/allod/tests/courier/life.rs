//! People, each with a home of their own, and what they do by the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{Log, PublicKey, Root};
use allod_wire::Instant;
use serde_json::Value;

use crate::home::{self, Ended};

/// A person with one device.
pub struct Life {
    pub home: PathBuf,
    pub name: &'static str,
}

impl Life {
    /// Somebody whose home is in this folder.
    pub fn new(folder: &Path, name: &'static str) -> Self {
        let home = folder.join(name);
        let mut rng = allod_node::entropy();
        let root = Root::from_bytes(Secret::random(&mut rng));
        let device = SigningKey::from_seed(&Secret::random(&mut rng));
        let key = PublicKey::Ed25519(device.verifying_key());
        let log = Log::create(&root, key, "laptop", Instant(1_700_000_000_000)).unwrap();
        home::keep(home.clone(), root, device, log);
        Self { home, name }
    }

    /// Does something by the command.
    pub fn does(&self, args: &[&str]) -> Ended {
        home::ended(home::command(&self.home, self.home.parent().unwrap(), args).spawn().unwrap())
    }

    /// The same, with what came of it as JSON.
    #[track_caller]
    pub fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.does(&[&["--json"], args].concat()).done().rows()
    }

    /// What is unread, by texts.
    #[track_caller]
    pub fn reads(&self) -> Vec<String> {
        let rows = self.rows(&["read"]);
        rows.iter().filter_map(|row| row["text"].as_str().map(ToOwned::to_owned)).collect()
    }

    /// The command that uses the links which were chosen.
    pub fn using_links(&self) -> Command {
        let args = ["links", "run", "--until-stdin-closes"];
        home::command(&self.home, self.home.parent().unwrap(), &args)
    }

    /// Who they are.
    pub fn did(&self) -> String {
        let person = allod_node::person::Home::new(self.home.clone()).load().unwrap().unwrap();
        person.log.state().did().to_string()
    }

    /// Invites somebody: the invitation's text.
    #[track_caller]
    pub fn invites(&self) -> String {
        self.rows(&["contact", "invite"])[0]["invitation"].as_str().unwrap().to_owned()
    }

    /// How far the messages have come that this person wrote to somebody.
    #[track_caller]
    pub fn states(&self, with: &str) -> Vec<String> {
        let rows = self.rows(&["read", with, "--all"]);
        rows.iter().filter_map(|row| row["state"].as_str().map(ToOwned::to_owned)).collect()
    }
}
