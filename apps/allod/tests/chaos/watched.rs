//! Networks that are disturbed by a script, and somebody who goes on recovering
//! and asking meanwhile.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use allod_crypto::password::Cost;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes};
use allod_guardian::account::AccountKeys;
use allod_guardian::client::{Configuration, Keys, Kit, Patience, Recover, RecoverError, Register};
use allod_guardian::juicebox::secret::stretch;
use allod_guardian::juicebox::{Request, Response};
use allod_node::guardian::{Config, LimitsConfig, RateConfig};
use allod_node::person::{Access, Link, meet};
use allod_wire::RegistrationVersion;
use serde_json::Value;

pub const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

const PIN: &[u8] = b"482913";
const INFO: &[u8] = b"info";
const SECRET: &[u8] = b"the secret";
const COST: Cost = Cost::JUICEBOX_FAST_INSECURE;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A network that runs.
pub struct Net {
    child: Option<Child>,
    said: Receiver<Value>,
    pub addresses: Vec<String>,
}

impl Net {
    /// Starts `allod testnet` with these arguments, and waits until it is up.
    pub fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(ALLOD)
            .args(["--json", "--home"])
            .arg(home)
            .args(["testnet", "--port-base", "0"])
            .args(arguments)
            .env_remove("ALLOD_HOME")
            // Ten days, of which guardians must never hear.
            .env("ALLOD_CLOCK_SKEW_MS", "864000000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut net = Self { child: Some(child), said, addresses: Vec::new() };
        let up = net.wait_for(|said| said["event"] == "up");
        net.addresses = strings(&up["guardians"]);
        net
    }

    /// The next thing said that fits.
    #[track_caller]
    pub fn wait_for(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut others = Vec::new();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
            match self.said.recv_timeout(left) {
                Ok(said) if fits(&said) => return said,
                Ok(said) => others.push(said),
                Err(_) => break,
            }
        }
        panic!("it was not said; others were: {others:?}");
    }

    /// The supervisor's process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits for the end; its exit code.
    pub fn end(mut self) -> i32 {
        self.child.take().unwrap().wait().unwrap().code().unwrap()
    }

    /// Ends it as Ctrl-C does; its exit code.
    pub fn interrupt(self) -> i32 {
        let interrupted = Command::new("kill").args(["-INT", &self.pid().to_string()]).status();
        assert!(interrupted.unwrap().success());
        self.end()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Lets everybody ask as often as they like, from the next start on.
pub fn unlimited(home: &Path, guardians: usize) {
    let rate = RateConfig { burst: 1_000_000, per_second: 1_000_000 };
    for number in 1..=guardians {
        let path = home.join(format!("network/guardian-{number}/guardian.toml"));
        let mut config = Config::read(&path).unwrap();
        config.limits = LimitsConfig { tenant: rate, account: rate, address: rate, evaluations: rate };
        config.state = "state".into();
        config.write(&path).unwrap();
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Writes a script, and returns its path.
pub fn script(folder: &Path, text: &str) -> String {
    let path = folder.join("script.chaos");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What was written down of a run.
pub fn read_export(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of one kind.
pub fn of<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == kind)
}

/// Somebody with a registration at all guardians, and a PIN that costs little.
pub struct Person {
    configuration: Configuration,
    account: AccountKeys,
    key: SigningKey,
}

impl Person {
    pub async fn register(addresses: &[String], threshold: u8) -> Self {
        let mut rng = allod_node::entropy();
        let configuration = meet(addresses, threshold).await.unwrap();
        let mut key = || SigningKey::from_seed(&Secret::random(&mut rng));
        let (card, owner) = (key(), key());
        let account = AccountKeys { recover: card.verifying_key(), owner: owner.verifying_key() };
        let version = RegistrationVersion(*Secret::random(&mut rng).expose());
        let stretched = stretch(&SecretBytes::from(PIN.to_vec()), &version, INFO, COST).unwrap();
        let secret = SecretBytes::from(SECRET.to_vec());
        let kit = Kit::deal(&secret, &stretched, version, 1000, configuration.clone(), &mut rng).unwrap();
        let all: Vec<usize> = (0..addresses.len()).collect();
        let machine = Register::new(kit, &all, all.len(), Patience::default(), allod_node::now());
        let person = Self { configuration, account, key: owner };
        let registering = person.access().register(machine).await;
        assert_eq!(registering.outcome, Ok(all.len()), "{:?}", registering.report);
        person
    }

    /// Access over connections of its own.
    fn access(&self) -> Access {
        Access::new(self.configuration.clone(), self.account, self.key.clone()).unwrap()
    }

    /// Recovers over new connections.
    pub async fn recover(&self) -> Result<(), RecoverError> {
        let machine =
            Recover::new(self.configuration.clone(), Keys::Unknown, Patience::default(), allod_node::now());
        let pin = SecretBytes::from(PIN.to_vec());
        let recovering = self.access().recover(machine, pin, INFO.to_vec(), COST, |_| {});
        let recovered = recovering.outcome.await.unwrap()?;
        assert_eq!(recovered.secret.expose(), SECRET);
        Ok(())
    }

    /// Asks a guardian, at this address, what it holds; over a new connection.
    pub async fn ask(&self, address: &str, patience: Duration) -> Answer {
        let place = |wanted: &str| {
            let same = |known: &str| known.rsplit('#').next() == wanted.rsplit('#').next();
            self.configuration.guardians().iter().position(|guardian| same(&guardian.address)).unwrap()
        };
        let link = Link::new(address.parse().unwrap());
        let token = self.access().token(place(address));
        let begun = Instant::now();
        match tokio::time::timeout(patience, link.ask(&token, &Request::Recover1)).await {
            Err(_) => Answer::None,
            Ok(Ok(response)) => Answer::Came(begun.elapsed(), response),
            Ok(Err(fault)) => Answer::Fault(fault.to_string()),
        }
    }
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// This, after so long.
    Came(Duration, Response),
    /// A refusal, or no connection.
    Fault(String),
    /// Nothing in time.
    None,
}

/// A folder for a home in a folder for a test.
pub fn home(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("home")
}
