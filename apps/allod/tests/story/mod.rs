//! A person with five guardians that have certificates of their own, and what
//! that person asks the command for.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use allod_node::guardian::Tls;
use serde_json::Value;

use crate::process::{At, Ended, Guardian, folder, guardians};

/// The right PIN.
pub const PIN: &str = "314159";

/// A person, five guardians with certificates of their own, and a card.
pub struct Story {
    pub guardians: Vec<Guardian>,
    pub home: PathBuf,
    pub folder: tempfile::TempDir,
}

impl Story {
    /// Created, guarded, and with a card in `card.txt`.
    pub fn begin() -> Self {
        let folder = folder();
        let mut guardians = guardians(folder.path(), 5, &Tls::SelfSigned);
        guardians[0].back_up();
        let story = Self { guardians, home: folder.path().join("home"), folder };
        let card = story.card("card.txt");
        let mut args = vec!["--json", "init", "--card", &card, "--guesses", "4", "--pin-fd", "3"];
        args.extend(["--device", "laptop"]);
        for guardian in &story.guardians {
            args.extend(["--guardian", guardian.address()]);
        }
        let told = story.person(PIN).run(&args).done().json();
        assert_eq!((told["guardians"].as_u64(), told["threshold"].as_u64()), (Some(5), Some(3)));
        story
    }

    /// The person, who types this PIN.
    pub fn person<'a>(&'a self, pin: &'a str) -> At<'a> {
        At { home: &self.home, pin }
    }

    /// Runs a command as the person, who types the right PIN.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.person(PIN).run(args)
    }

    /// A file for a card.
    pub fn card(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The device forgets its person.
    pub fn forget(&self) {
        fs::remove_dir_all(self.home.join("person")).unwrap();
    }

    /// What comes from the root and must be the same ever after.
    pub fn keys(&self) -> [String; 4] {
        let did: Value = serde_json::from_str(&self.run(&["key", "did"]).done().out).unwrap();
        [
            did["id"].as_str().unwrap().to_owned(),
            self.run(&["key", "ssh"]).done().out,
            self.run(&["key", "age"]).done().out,
            self.run(&["key", "ssh", "--index", "7"]).done().out,
        ]
    }

    /// Recovers with a card.
    pub fn recover(&self, card: &str) -> Ended {
        self.run(&["--json", "recover", "--card", card, "--guesses", "4", "--pin-fd", "3"])
    }

    /// Which guardians hold their part, in the list's order.
    pub fn good(&self) -> Vec<bool> {
        let list = self.run(&["--json", "guardians", "list"]).done().json();
        list["guardians"].as_array().unwrap().iter().map(|row| row["good"].as_bool().unwrap()).collect()
    }

    /// The guardian whose address stands in the list under this number.
    pub fn listed(&self, number: usize) -> String {
        let list = self.run(&["--json", "guardians", "list"]).done().json();
        list["guardians"][number - 1]["address"].as_str().unwrap().to_owned()
    }

    pub fn at(&mut self, address: &str) -> &mut Guardian {
        self.guardians.iter_mut().find(|guardian| guardian.address() == address).unwrap()
    }
}

/// The words on a card.
pub fn words_on(card: &str) -> String {
    let text = fs::read_to_string(card).unwrap();
    let numbered = text.split_whitespace().collect::<Vec<_>>();
    (1..=24)
        .map(|number| {
            let place = numbered.iter().position(|word| *word == format!("{number}.")).unwrap();
            numbered[place + 1]
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The code on a card.
pub fn code_on(card: &str) -> String {
    let text = fs::read_to_string(card).unwrap();
    text.lines().find(|line| line.starts_with("ALLOD1:")).unwrap().to_owned()
}
