//! A trial of the image: three guardians in containers that found a network and
//! make its keys, a person who registers with them, owns a name and comes back while
//! one is away, an exchange of a container for a new one, and an end in good order.
//!
//! Three tolerate none that is away: the ledger stands still until it is back, and
//! people recover meanwhile.
//!
//! Nothing of it stays but the image: containers, volumes, the network and the
//! person's home go with the trial, however it ends.

mod network;
mod person;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::Failure;
use crate::paint;
use crate::run::{Invocation, took};

/// How many guardians, of which one less is needed.
const GUARDIANS: usize = 3;

/// How long a guardian may take until it is well.
const START: Duration = Duration::from_secs(60);

/// Heights by which the ledger must rise.
const HEIGHTS: u64 = 8;

/// Where the image has its configuration.
const CONFIG: &str = "/etc/allod/guardian.toml";

/// Where that configuration has the genesis.
const GENESIS: &str = "/etc/allod/genesis";

/// What every container is started with: nothing that a guardian can do without.
/// Naming the limits also lets containers run where the engine's own are more
/// than this machine may give.
const HARDENED: &[&str] = &[
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--ulimit=nofile=4096:4096",
    "--ulimit=nproc=1024:1024",
    "--ulimit=core=0:0",
];

/// Runs the trial. `folder` is for what passes away with it.
pub(super) fn run(root: &Path, image: &str, allod: &Path, folder: &Path) -> Result<(), Failure> {
    let begun = Instant::now();
    let trial = Trial::new(root, image, allod, folder)?;
    let told = |what: &str, since: Instant| {
        println!("{} {what} ({})", paint::good("seen:"), took(since.elapsed()));
    };

    let step = Instant::now();
    let founded = trial.found()?;
    told("three operators entered their guardians, and a genesis was made", step);

    let step = Instant::now();
    let ports = free_ports()?;
    for (place, port) in ports.iter().enumerate() {
        trial.create(place, *port)?;
    }
    let addresses = trial.wait_for_all(&ports)?;
    told("three guardians are up and well", step);

    trial.look_inside()?;
    told("no shell, a user of its own, a root that cannot be written", step);

    let step = Instant::now();
    let height = trial.wait_for_heights(&addresses, &founded, 0)?;
    told("they made the network's keys", step);
    let step = Instant::now();
    let height = trial.wait_for_heights(&addresses, &founded, height + HEIGHTS)?;
    told(&format!("all three are past height {height}, and it rises"), step);

    let step = Instant::now();
    trial.register(&addresses)?;
    let before = trial.keys()?;
    told("a person registered with them", step);

    let step = Instant::now();
    trial.own_a_name()?;
    told("a name is the person's, and a proof of it is good without a network", step);

    let step = Instant::now();
    trial.stop(1)?;
    told("one was told to end, and ended in good order", step);

    let step = Instant::now();
    trial.come_back(&before)?;
    told("the person came back with the two that are left", step);

    let step = Instant::now();
    trial.podman(&["start", &trial.name(1)])?;
    trial.stop(2)?;
    trial.podman(&["rm", &trial.name(2)])?;
    trial.create(2, ports[2])?;
    if trial.wait_for_all(&ports)? != addresses {
        return Err(Failure::Result("a guardian is another one after it was started again".to_owned()));
    }
    told("one came back, one got a new container, and both are who they were", step);

    let step = Instant::now();
    let height = trial.wait_for_heights(&addresses, &founded, height + HEIGHTS)?;
    trial.prove()?;
    told(&format!("the ledger goes on past height {height}, and is signed"), step);

    let step = Instant::now();
    // Coming back dealt shares anew, and the one that was away missed its own.
    trial.person(&["guardians", "heal"])?;
    trial.stop(0)?;
    trial.come_back(&before)?;
    told("the person came back with these two", step);

    let step = Instant::now();
    trial.stop(1)?;
    trial.stop(2)?;
    told("all ended in good order", step);
    println!("{} the trial in {}", paint::good("passed:"), took(begun.elapsed()));
    Ok(())
}

/// The containers, and the person.
struct Trial {
    image: String,
    /// The command on this machine: the binary that is in the image.
    allod: PathBuf,
    folder: PathBuf,
    /// What the guardians of a network are started with.
    configuration: PathBuf,
    /// What every container, volume and network of this trial is called.
    label: String,
    /// What podman is told before the command, so that containers run here.
    engine: Vec<String>,
}

impl Trial {
    /// Finds out how containers run here, and makes their network.
    fn new(root: &Path, image: &str, allod: &Path, folder: &Path) -> Result<Self, Failure> {
        let mut trial = Self {
            configuration: root.join("deploy/network/guardian.toml"),
            image: image.to_owned(),
            allod: allod.to_owned(),
            folder: folder.to_owned(),
            label: format!("allod-trial-{}", std::process::id()),
            engine: Vec::new(),
        };
        let mut why = String::new();
        let found = [None, Some("crun"), Some("runc")].into_iter().find(|runtime| {
            trial.engine = runtime.map(|name| format!("--runtime={name}")).into_iter().collect();
            let mut probe = vec!["run", "--rm", "--network=none"];
            probe.extend(HARDENED);
            probe.extend([image, "--version"]);
            match trial.podman(&probe) {
                Ok(_) => true,
                Err(failure) => {
                    why = format!("{why}\n  {failure}");
                    false
                }
            }
        });
        let Some(runtime) = found else {
            return Err(Failure::Result(format!("podman is here and cannot run containers:{why}")));
        };
        println!("containers are run by {}", runtime.unwrap_or("podman's own runtime"));
        let home = trial.home();
        fs::remove_dir_all(folder).or(Ok(())).and_then(|()| fs::create_dir_all(&home)).map_err(
            |error: std::io::Error| Failure::Unreadable {
                what: folder.display().to_string(),
                why: error.to_string(),
            },
        )?;
        trial.podman(&["network", "create", &trial.label])?;
        Ok(trial)
    }

    fn name(&self, place: usize) -> String {
        format!("{}-{}", self.label, place + 1)
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Starts a guardian that is reached at this port of this machine.
    fn create(&self, place: usize, port: u16) -> Result<(), Failure> {
        let name = self.name(place);
        let options = [
            format!("--name={name}"),
            format!("--network={}", self.label),
            format!("--publish=127.0.0.1:{port}:7800"),
            format!("--volume={name}:/var/lib/allod"),
            format!("--volume={}:{CONFIG}:ro,z", self.configuration.display()),
            format!("--volume={}:{GENESIS}:ro,z", self.genesis().display()),
        ];
        let mut arguments = vec!["run", "--detach"];
        arguments.extend(options.iter().map(String::as_str));
        arguments.extend(HARDENED);
        arguments.push(&self.image);
        self.podman(&arguments).map(drop)
    }

    /// The addresses of all guardians, once each says that it is well.
    fn wait_for_all(&self, ports: &[u16]) -> Result<Vec<String>, Failure> {
        let begun = Instant::now();
        let mut addresses = Vec::new();
        for (place, port) in ports.iter().enumerate() {
            let name = self.name(place);
            let said = loop {
                let asked = self
                    .podman(&["exec", &name, "/allod", "--json", "guardian", "health", "--config", CONFIG]);
                match asked {
                    Ok(said) => break said,
                    Err(failure) if begun.elapsed() > START => {
                        let log = self.podman(&["logs", &name]).unwrap_or_default();
                        return Err(Failure::Result(format!("{name} is not well: {failure}\n{log}")));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(200)),
                }
            };
            // The same by what the image says about itself.
            self.podman(&["healthcheck", "run", &name])?;
            let pin = pin(&said).ok_or_else(|| Failure::Unreadable {
                what: format!("what {name} says of its health"),
                why: said.clone(),
            })?;
            addresses.push(format!("https://127.0.0.1:{port}#{pin}"));
        }
        Ok(addresses)
    }

    /// Sees that a guardian has what it needs and no more.
    fn look_inside(&self) -> Result<(), Failure> {
        let name = self.name(0);
        let wrong = |what: &str| Err(Failure::Result(format!("{name}: {what}")));
        if self.podman(&["exec", &name, "/bin/sh", "-c", ":"]).is_ok() {
            return wrong("there is a shell in the image");
        }
        if self.podman(&["exec", &name, "/allod", "guardian", "init", "--config", "/new.toml"]).is_ok() {
            return wrong("its root can be written");
        }
        let user = self.podman(&["inspect", "--format={{.Config.User}}", &name])?;
        if user.trim() != "10001:10001" {
            return wrong(&format!("it runs as {user}"));
        }
        Ok(())
    }

    /// Tells a guardian to end; it must do so by itself and say that all is well.
    fn stop(&self, place: usize) -> Result<(), Failure> {
        let name = self.name(place);
        self.podman(&["stop", "--time=15", &name])?;
        let code = self.podman(&["inspect", "--format={{.State.ExitCode}}", &name])?;
        match code.trim() {
            "0" => Ok(()),
            code => Err(Failure::Result(format!("{name} was told to end and ended with code {code}"))),
        }
    }

    /// Runs podman and returns what it printed.
    fn podman(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut all: Vec<&str> = self.engine.iter().map(String::as_str).collect();
        all.extend(arguments);
        let invocation = Invocation::new("podman", &all);
        finished(&invocation, Command::new("podman").args(&all).stdin(Stdio::null()).output())
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        for place in 0..GUARDIANS {
            let _ = self.podman(&["rm", "--force", "--time=0", &self.name(place)]);
            let _ = self.podman(&["volume", "rm", "--force", &self.name(place)]);
        }
        let _ = self.podman(&["network", "rm", "--force", &self.label]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a program printed, or how it failed, with its own words.
fn finished(invocation: &Invocation, output: std::io::Result<Output>) -> Result<String, Failure> {
    let output = output.map_err(|error| invocation.not_started(&error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Command {
        command: invocation.shown(),
        ended: format!("failed ({}): {}", output.status, said.trim()),
    })
}

/// The pin in what a guardian says of its health.
fn pin(said: &str) -> Option<String> {
    let said: Value = serde_json::from_str(said.lines().last()?).ok()?;
    Some(said["address"].as_str()?.split_once('#')?.1.to_owned())
}

/// Ports of this machine that nobody listens on just now.
fn free_ports() -> Result<Vec<u16>, Failure> {
    let bound: std::io::Result<Vec<TcpListener>> =
        (0..GUARDIANS).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    bound
        .and_then(|listeners| listeners.iter().map(|l| Ok(l.local_addr()?.port())).collect())
        .map_err(|error| Failure::Result(format!("no ports are free on this machine: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_from_what_a_guardian_says() {
        let said = "{\"address\":\"https://127.0.0.1:7800#AAAAAAAAAAAAAAAAAAAAAA\",\"realm\":\"00\"}\n";
        assert_eq!(pin(said).as_deref(), Some("AAAAAAAAAAAAAAAAAAAAAA"));
        for other in ["", "{}", "{\"address\":\"http://127.0.0.1:7800\"}", "Guardian"] {
            assert_eq!(pin(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_program_that_fails_is_shown_with_its_words() {
        let output = Command::new("sh").args(["-c", "echo it is so >&2; exit 3"]).output();
        let failure = finished(&Invocation::new("sh", &["x"]), output).unwrap_err().to_string();
        assert!(failure.contains("`sh x`") && failure.contains("it is so"), "{failure}");
    }

    #[test]
    fn each_guardian_gets_a_port_of_its_own() {
        let mut ports = free_ports().expect("some ports are free");
        ports.dedup();
        assert_eq!(ports.len(), GUARDIANS);
    }
}
