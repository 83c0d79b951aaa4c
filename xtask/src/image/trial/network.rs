//! Founding the network of the trial as operators do, and watching its ledger.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{CONFIG, GUARDIANS, HARDENED, Trial};
use crate::failure::Failure;

/// How long the guardians may take to make their keys, or to go on.
const PATIENCE: Duration = Duration::from_secs(180);

impl Trial {
    /// Has each operator make an identity and each guardian its keys, and makes a
    /// genesis of their entries. Returns the network's id.
    pub(super) fn found(&self) -> Result<String, Failure> {
        let mut entries = String::new();
        for place in 0..GUARDIANS {
            let name = self.name(place);
            let folder = self.folder.join(format!("operator-{}", place + 1)).display().to_string();
            let operator = text(&self.person(&["--json", "genesis", "operator", &folder])?, "operator")?;
            let volume = format!("--volume={name}:/var/lib/allod");
            let (peers, service) = (format!("{name}:7900"), format!("https://{name}:7800"));
            // Its keys are made where they stay, and nothing can be sent from there.
            let mut arguments = vec!["run", "--rm", "--network=none", &volume];
            arguments.extend(HARDENED);
            arguments.extend([self.image.as_str(), "--json", "genesis", "entry", "--config", CONFIG]);
            arguments.extend(["--operator", &operator, "--peers", &peers, "--service", &service]);
            arguments.extend(["--operator-label", &name, "--jurisdiction", "this machine"]);
            entries += &text(&self.podman(&arguments)?, "entry")?;
            entries.push('\n');
        }
        let file = self.folder.join("entries");
        fs::write(&file, entries).map_err(|error| Failure::Unreadable {
            what: file.display().to_string(),
            why: error.to_string(),
        })?;
        let (file, genesis) = (file.display().to_string(), self.genesis().display().to_string());
        let made = ["--json", "genesis", "make", &file, "--name", "trial", "--rules", "trial"];
        text(&self.person(&[&made[..], &["--out", &genesis]].concat())?, "network")
    }

    /// Where the genesis is on this machine.
    pub(super) fn genesis(&self) -> PathBuf {
        self.folder.join("genesis")
    }

    /// Waits until each guardian says of itself that its ledger has this height at
    /// least and is signed by all together. Returns the lowest height.
    pub(super) fn wait_for_heights(
        &self,
        addresses: &[String],
        founded: &str,
        least: u64,
    ) -> Result<u64, Failure> {
        let begun = Instant::now();
        let mut lowest = u64::MAX;
        for (place, address) in addresses.iter().enumerate() {
            let height = loop {
                let asked = self.person(&["--json", "network", "--guardian", address]);
                let why = match asked {
                    Ok(said) => {
                        let network = text(&said, "network")?;
                        if network != founded {
                            return Err(Failure::Result(format!("{address} is of the network {network}")));
                        }
                        match number(&said, "height") {
                            Some(height) if height >= least => break height,
                            height => format!("its height is {height:?}, and {least} was waited for"),
                        }
                    }
                    Err(failure) => failure.to_string(),
                };
                if begun.elapsed() > PATIENCE {
                    let log = self.podman(&["logs", &self.name(place)]).unwrap_or_default();
                    return Err(Failure::Result(format!("{address} does not go on: {why}\n{log}")));
                }
                std::thread::sleep(Duration::from_millis(500));
            };
            lowest = lowest.min(height);
        }
        Ok(lowest)
    }
}

/// A text in what a command says.
fn text(said: &str, key: &str) -> Result<String, Failure> {
    let value = last(said).and_then(|value| Some(value[key].as_str()?.to_owned()));
    value.ok_or_else(|| Failure::Unreadable {
        what: format!("{key:?} in what `allod` said"),
        why: said.to_owned(),
    })
}

/// A number in what a command says.
fn number(said: &str, key: &str) -> Option<u64> {
    last(said)?[key].as_u64()
}

/// The object in the last line.
fn last(said: &str) -> Option<Value> {
    serde_json::from_str(said.lines().last()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_what_came_of_it() {
        let said = "a note\n{\"network\":\"5d6c\",\"height\":12}\n";
        assert_eq!(text(said, "network").expect("it is said"), "5d6c");
        assert_eq!(number(said, "height"), Some(12));
        assert_eq!(number(said, "epoch"), None);
        for other in ["", "{}", "height 12"] {
            assert!(text(other, "network").is_err(), "{other:?}");
            assert_eq!(number(other, "height"), None, "{other:?}");
        }
    }
}
