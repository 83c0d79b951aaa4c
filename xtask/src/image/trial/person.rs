//! The person in the trial, who has the command on this machine.

use std::fs;
use std::process::{Command, Stdio};

use super::{GUARDIANS, Trial, finished};
use crate::failure::Failure;
use crate::run::Invocation;

/// The person's PIN.
const PIN: &str = "314159\n";

/// What the person calls a piece of land.
const NAME: &str = "the-old-orchard";

impl Trial {
    /// A person registers with the guardians.
    pub(super) fn register(&self, addresses: &[String]) -> Result<(), Failure> {
        let card = self.card();
        let threshold = (GUARDIANS - 1).to_string();
        let mut arguments = vec!["init", "--card", &card, "--threshold", &threshold, "--pin-fd", "3"];
        for address in addresses {
            arguments.extend(["--guardian", address]);
        }
        self.person(&arguments).map(drop)
    }

    /// The device forgets the person, who comes back with card and PIN and must
    /// be the same.
    pub(super) fn come_back(&self, before: &str) -> Result<(), Failure> {
        let person = self.home().join("person");
        fs::remove_dir_all(&person).map_err(|error| Failure::Unreadable {
            what: person.display().to_string(),
            why: error.to_string(),
        })?;
        self.person(&["recover", "--card", &self.card(), "--pin-fd", "3"])?;
        if self.keys()? == before {
            Ok(())
        } else {
            Err(Failure::Result("somebody else came back: the keys differ".to_owned()))
        }
    }

    /// What comes from the person's root: an SSH key's public part.
    pub(super) fn keys(&self) -> Result<String, Failure> {
        self.person(&["key", "ssh", "--public"])
    }

    fn card(&self) -> String {
        self.folder.join("card.txt").display().to_string()
    }

    /// Runs the command as the person, who has the PIN on file descriptor 3.
    pub(super) fn person(&self, arguments: &[&str]) -> Result<String, Failure> {
        let pin = self.folder.join("pin");
        fs::write(&pin, PIN).map_err(|error| Failure::Unreadable {
            what: pin.display().to_string(),
            why: error.to_string(),
        })?;
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec 3< \"$1\"; shift; exec \"$@\"", "sh"])
            .args([pin.as_os_str(), self.allod.as_os_str(), "--home".as_ref(), self.home().as_os_str()])
            .args(arguments);
        finished(&Invocation::new("allod", arguments), command.stdin(Stdio::null()).output())
    }

    /// The person registers a name and proves that it is theirs.
    pub(super) fn own_a_name(&self) -> Result<(), Failure> {
        self.person(&["name", "register", NAME])?;
        self.prove()
    }

    /// The guardians prove the name as of now, and the proof is checked without them.
    pub(super) fn prove(&self) -> Result<(), Failure> {
        let proof = self.folder.join("name.proof").display().to_string();
        let _ = fs::remove_file(&proof);
        self.person(&["own", "prove", &proof, "--name", NAME])?;
        self.person(&["own", "verify", &proof]).map(drop)
    }
}
