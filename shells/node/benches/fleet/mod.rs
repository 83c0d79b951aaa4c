//! Five guardians as processes of the release binary, and people whom they
//! guard.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use allod_crypto::password::Cost;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes};
use allod_guardian::account::AccountKeys;
use allod_guardian::client::{Configuration, Keys, Kit, Patience, Recover, Register};
use allod_guardian::juicebox::secret::stretch;
use allod_node::guardian::{Config, Tls};
use allod_node::person::{Access, meet};
use allod_wire::RegistrationVersion;

/// Guardians, and how many of them are needed.
const GUARDIANS: usize = 5;
const THRESHOLD: u8 = 3;

const PIN: &[u8] = b"314159";
const INFO: &[u8] = b"info";

/// Guardians that run until the value is dropped.
pub(crate) struct Fleet {
    guardians: Vec<Child>,
    configuration: Configuration,
    _state: tempfile::TempDir,
}

impl Fleet {
    /// Starts guardians with their state below `folder`.
    pub(crate) async fn start(allod: &Path, folder: &Path, tls: &Tls) -> Self {
        let state = tempfile::tempdir_in(folder).expect("a folder for the guardians' state");
        let (mut guardians, mut addresses) = (Vec::new(), Vec::new());
        for i in 0..GUARDIANS {
            let (child, address) = start(allod, &state.path().join(format!("guardian-{i}")), tls);
            guardians.push(child);
            addresses.push(address);
        }
        let configuration = meet(&addresses, THRESHOLD).await.expect("the guardians answer");
        Self { guardians, configuration, _state: state }
    }

    /// Registers somebody whose PIN is stretched at this cost.
    pub(crate) async fn person(&self, cost: Cost) -> Person {
        let mut rng = allod_node::entropy();
        let mut key = || SigningKey::from_seed(&Secret::random(&mut rng));
        let (card, owner) = (key(), key());
        let account = AccountKeys { recover: card.verifying_key(), owner: owner.verifying_key() };
        let version = RegistrationVersion(*Secret::random(&mut rng).expose());
        let stretched =
            stretch(&SecretBytes::from(PIN.to_vec()), &version, INFO, cost).expect("a cost that is allowed");
        let secret = SecretBytes::from(vec![7; 33]);
        let configuration = self.configuration.clone();
        let kit =
            Kit::deal(&secret, &stretched, version, 10, configuration.clone(), &mut rng).expect("a kit");
        let all: Vec<usize> = (0..GUARDIANS).collect();
        let register = Register::new(kit, &all, GUARDIANS, Patience::default(), allod_node::now());
        let access = Access::new(configuration, account, owner.clone()).expect("addresses");
        let registering = access.register(register).await;
        assert_eq!(registering.outcome, Ok(GUARDIANS), "{:?}", registering.report);
        Person { account, key: owner, owner: access, cost }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for guardian in &mut self.guardians {
            let _ = guardian.kill();
            let _ = guardian.wait();
        }
    }
}

/// Somebody with a registration.
pub(crate) struct Person {
    account: AccountKeys,
    key: SigningKey,
    owner: Access,
    cost: Cost,
}

impl Person {
    /// Recovers over connections that are kept, and sees it through.
    pub(crate) async fn recover(&self) {
        let access = self.owner.clone();
        let recovering = access.recover(self.machine(), pin(), INFO.to_vec(), self.cost, |_| {});
        recovering.outcome.await.expect("an outcome").expect("the right PIN recovers");
        recovering.settled.await.expect("it settles");
    }

    /// Recovers over new connections. Gives the time until the secret was back;
    /// what is seen through after that is not counted, but waited for.
    pub(crate) async fn recover_anew(&self) -> Duration {
        let configuration = self.owner.configuration().clone();
        let access = Access::new(configuration, self.account, self.key.clone()).expect("addresses");
        let begun = Instant::now();
        let recovering = access.recover(self.machine(), pin(), INFO.to_vec(), self.cost, |_| {});
        recovering.outcome.await.expect("an outcome").expect("the right PIN recovers");
        let taken = begun.elapsed();
        recovering.settled.await.expect("it settles");
        taken
    }

    fn machine(&self) -> Recover {
        let configuration = self.owner.configuration().clone();
        Recover::new(configuration, Keys::Unknown, Patience::default(), allod_node::now())
    }
}

fn pin() -> SecretBytes {
    SecretBytes::from(PIN.to_vec())
}

/// Starts one guardian that takes any number of requests; gives its address.
fn start(allod: &Path, folder: &Path, tls: &Tls) -> (Child, String) {
    std::fs::create_dir_all(folder).expect("a guardian's folder");
    let path = folder.join("guardian.toml");
    let config = Config::new(([127, 0, 0, 1], 0).into(), "state".into(), tls.clone());
    let mut table = toml::Table::try_from(config).expect("a configuration");
    // Whatever is limited is limited no more.
    for (_, rate) in table["limits"].as_table_mut().expect("limits") {
        for name in ["burst", "per_second"] {
            rate[name] = 4_000_000.into();
        }
    }
    std::fs::write(&path, table.to_string()).expect("a configuration file");
    let mut child = Command::new(allod)
        .args(["--json", "guardian", "run", "--config"])
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the release binary starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
    let said: serde_json::Value = serde_json::from_str(&line).expect("a guardian that is up");
    (child, said["address"].as_str().expect("its address").to_owned())
}

/// The release binary, built if it is not there or not as the sources are.
pub(crate) fn release_binary() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "allod"])
        .stdout(std::io::stderr())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the release binary could not be built");
    // This program is in the build folder's `release/deps`.
    let program = std::env::current_exe().expect("this program's path");
    let release = program.parent().and_then(Path::parent).expect("a folder above");
    let allod = release.join("allod");
    assert!(allod.is_file(), "{} is not there", allod.display());
    allod
}
