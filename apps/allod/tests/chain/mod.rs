//! A network of real guardians whose ledger is asked over HTTPS, as any client
//! asks it, and whose disks a thief may read.
#![allow(dead_code)]

pub mod liars;

use std::fmt::Write as _;
use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_guardian::keyholder::Record;
use allod_ledger::guardian::Guardian;
use allod_ledger::shared_key::{KeyName, KeySpec, SharedKey, Sharing};
use allod_ledger::{Action, Body, Chain, Claim};
use allod_node::chain::operator::Operator;
use allod_node::chain::{Shares, guardian_key};
use allod_node::person::Link;
use allod_node::person::ledger::{Asked, Ledger, LedgerError, Trust};
use allod_wire::GuardianId;
use serde_json::Value;

const ALLOD: &str = env!("CARGO_BIN_EXE_allod");

/// How often something that is waited for is looked for.
const LOOK: Duration = Duration::from_millis(300);

/// Lines of each guardian's log that are shown when a test fails.
const TAIL: usize = 12;

/// A network that runs. When a test fails, the ends of all logs are printed.
pub struct Net {
    folder: tempfile::TempDir,
    supervisor: Child,
    addresses: Vec<String>,
    ids: Vec<GuardianId>,
    trust: Trust,
    runtime: tokio::runtime::Runtime,
    begun: Instant,
}

impl Net {
    /// Starts so many guardians under rules that suit tests, and waits until they
    /// have made all of their keys.
    pub fn start(guardians: usize) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let begun = Instant::now();
        let mut supervisor = Command::new(ALLOD)
            .args(["--json", "--home"])
            .arg(folder.path())
            .args(["testnet", "--brisk", "--port-base", "0", "--guardians", &guardians.to_string()])
            .env_remove("ALLOD_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines();
        let addresses: Vec<String> = loop {
            let line = lines.next().expect("the network comes up").unwrap();
            let said: Value = serde_json::from_str(&line).unwrap();
            if said["event"] == "up" {
                let listed = said["guardians"].as_array().unwrap().iter();
                break listed.map(|address| address.as_str().unwrap().to_owned()).collect();
            }
        };
        // Whoever writes into a pipe that nobody reads stops in the end.
        std::thread::spawn(move || lines.for_each(drop));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let links: Vec<_> = addresses.iter().map(|address| link(address)).collect();
        let trust = loop {
            match runtime.block_on(Trust::meet(&links)) {
                Ok(trust) => break trust,
                Err(why) if Instant::now() > deadline => panic!("no key was made: {why}"),
                Err(_) => std::thread::sleep(LOOK),
            }
        };
        let mut net = Self { folder, supervisor, addresses, ids: Vec::new(), trust, runtime, begun };
        net.ids =
            (1..=guardians).map(|number| GuardianId(net.guardian_key(number).verifying_key().0)).collect();
        net.until("all keys", Duration::from_secs(60), || {
            ["network", "oprf", "seal"].into_iter().all(|key| net.key(1, key).generation.is_some())
        });
        net.note("all keys are made");
        net
    }

    /// Prints what happened, and when.
    pub fn note(&self, what: &str) {
        eprintln!("{:6.1} s  {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Gives the network an order.
    #[track_caller]
    pub fn tell(&self, arguments: &[&str]) {
        let output = Command::new(ALLOD)
            .args(["--home"])
            .arg(self.folder.path())
            .arg("testnet")
            .args(arguments)
            .env_remove("ALLOD_HOME")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        self.note(&arguments.join(" "));
    }

    /// Waits for something, for a while.
    #[track_caller]
    pub fn until(&self, what: &str, patience: Duration, holds: impl FnMut() -> bool) {
        let mut holds = holds;
        let deadline = Instant::now() + patience;
        while !holds() {
            assert!(Instant::now() < deadline, "it did not come about in {patience:?}: {what}");
            std::thread::sleep(LOOK);
        }
    }

    pub fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// The network's name and key.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The ledger as one guardian has it.
    pub fn ledger(&self, guardian: usize) -> Ledger {
        Ledger::new(vec![link(&self.addresses[guardian - 1])], self.trust.clone())
    }

    pub fn id(&self, guardian: usize) -> GuardianId {
        self.ids[guardian - 1]
    }

    /// A guardian's number.
    pub fn number(&self, id: &GuardianId) -> usize {
        self.ids.iter().position(|other| other == id).expect("a guardian of this network") + 1
    }

    /// What a guardian says of its chain; nothing where it does not answer.
    pub fn status(&self, guardian: usize) -> Option<Value> {
        let bytes = self.run(self.ledger(guardian).get("/chain/status", 65_536)).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// A guardian's height.
    pub fn height(&self, guardian: usize) -> Option<u64> {
        self.status(guardian)?["height"].as_u64()
    }

    /// What the ledger has of a guardian.
    pub fn record(&self, at: usize, of: usize) -> Guardian {
        self.run(self.ledger(at).expect(&self.id(of))).unwrap()
    }

    pub fn key(&self, at: usize, name: &str) -> SharedKey {
        self.run(self.ledger(at).expect(&KeyName::new(name).unwrap())).unwrap()
    }

    /// A generation of a key's shares.
    pub fn sharing(&self, at: usize, name: &str, generation: u32) -> Sharing {
        self.run(self.ledger(at).expect(&(KeyName::new(name).unwrap(), generation))).unwrap()
    }

    pub fn folder(&self, guardian: usize) -> PathBuf {
        self.folder.path().join("network").join(format!("guardian-{guardian}"))
    }

    /// Where a guardian keeps its part in the chain.
    pub fn chain_folder(&self, guardian: usize) -> PathBuf {
        self.folder(guardian).join("state/chain")
    }

    fn guardian_key(&self, guardian: usize) -> allod_crypto::sign::SigningKey {
        guardian_key(&self.chain_folder(guardian)).unwrap()
    }

    /// Who answers for a guardian.
    pub fn operator(&self, guardian: usize) -> Operator {
        Operator::load(&self.folder(guardian), allod_node::now()).unwrap()
    }

    /// Has the ledger do something as the one who answers for guardian `by`.
    pub fn as_operator(&self, by: usize, at: usize, action: Action) -> Result<Asked, LedgerError> {
        let operator = self.operator(by);
        let did = operator.log().state().did();
        let device = allod_did::PublicKey::from(operator.device().verifying_key()).device_id();
        let ledger = self.ledger(at);
        self.run(async {
            let account: allod_ledger::account::Account = ledger.expect(&did).await?;
            let claim = Claim::Device { did, device, nonce: account.next_nonce(&device) };
            let body = self.body(&ledger, claim, action).await?;
            ledger.hand_in(&body.sign(operator.device())).await
        })
    }

    /// Has the ledger do something as a guardian that does not run.
    pub fn as_guardian(&self, by: usize, at: usize, action: Action) -> Result<Asked, LedgerError> {
        let ledger = self.ledger(at);
        let (key, guardian) = (self.guardian_key(by), self.id(by));
        self.run(async {
            let known: Guardian = ledger.expect(&guardian).await?;
            let claim = Claim::Guardian { guardian, nonce: known.next_nonce() };
            let body = self.body(&ledger, claim, action).await?;
            ledger.hand_in(&body.sign(&key)).await
        })
    }

    /// Where the guardians are reached.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// A folder for whatever belongs to the network's people.
    pub fn people(&self, who: &str) -> PathBuf {
        self.folder.path().join(who)
    }

    /// Has guardians vote for a key to be held otherwise.
    pub fn approve(&self, by: impl IntoIterator<Item = usize>, at: usize, spec: &KeySpec) {
        let ledger = Arc::new(self.ledger(at));
        let mut votes = Vec::new();
        for guardian in by {
            let (key, id) = (self.guardian_key(guardian), self.id(guardian));
            let ledger = Arc::clone(&ledger);
            let action = Action::Approve { spec: spec.clone() };
            let trust = self.trust.clone();
            votes.push(self.runtime.spawn(async move {
                // The guardian goes on counting by itself; numbers far ahead do not
                // meet its own.
                let known: Guardian = ledger.expect(&id).await?;
                let claim = Claim::Guardian { guardian: id, nonce: known.next_nonce() + 20 };
                let body = body(&trust, &ledger, claim, action).await?;
                ledger.hand_in(&body.sign(&key)).await
            }));
        }
        for vote in votes {
            match self.run(vote).unwrap() {
                Ok(_) => {}
                // The decision was made already, by those before.
                Err(LedgerError::Refused(why) | LedgerError::Declined { why, .. }) => {
                    self.note(&format!("a vote did not count: {why}"));
                }
                Err(why) => panic!("{why}"),
            }
        }
        // The one that is asked here may be some blocks behind.
        self.until("the decision", Duration::from_secs(30), || {
            self.key(at, spec.name.as_str()).spec == *spec
        });
    }

    async fn body(&self, ledger: &Ledger, claim: Claim, action: Action) -> Result<Body, LedgerError> {
        body(&self.trust, ledger, claim, action).await
    }

    /// A copy of what a guardian keeps of keys, as it is on its disk.
    pub fn copy_shares(&self, guardian: usize) -> tempfile::TempDir {
        let copy = tempfile::tempdir_in(self.folder.path()).unwrap();
        for entry in fs::read_dir(self.chain_folder(guardian).join("shares")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        copy
    }

    /// What a guardian keeps of a key, from a copy of its disk; nothing where the
    /// guardian was writing at that moment.
    pub fn steal(&self, guardian: usize, key: &str) -> Option<Record> {
        Shares::open(self.copy_shares(guardian).path()).ok()?.get(key).ok()
    }

    /// The record of a database that was copied before, opened with the sealing
    /// keys that the guardian has on its disk now.
    pub fn opens(&self, copy: tempfile::TempDir, guardian: usize, key: &str) -> Option<Record> {
        let keys = self.chain_folder(guardian).join("shares/share-keys");
        assert!(Shares::open(copy.path()).unwrap().get(key).is_ok(), "then it could be opened");
        fs::copy(keys, copy.path().join("share-keys")).unwrap();
        Shares::open(copy.path()).unwrap().get(key).ok()
    }

    /// Ends all guardians in good order, and the supervisor. The folder stays.
    pub fn stop(&mut self) {
        let id = self.supervisor.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.supervisor.wait().unwrap();
        self.note("all ended");
    }

    fn tails(&self) -> String {
        let mut text = String::new();
        for guardian in 1..=self.addresses.len() {
            let log = fs::read_to_string(self.folder(guardian).join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let _ = writeln!(text, "guardian {guardian} ({}):", self.addresses[guardian - 1]);
            for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
                let _ = writeln!(text, "    {line}");
            }
        }
        text
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tails());
        }
        // The guardians end when nobody watches over them.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

async fn body(trust: &Trust, ledger: &Ledger, claim: Claim, action: Action) -> Result<Body, LedgerError> {
    let chain: Chain = ledger.expect(&()).await?;
    Ok(Body { network: trust.network, until: chain.at.plus_ms(600_000), claim, action })
}

fn link(address: &str) -> Arc<Link> {
    Arc::new(Link::new(address.parse().unwrap()))
}
