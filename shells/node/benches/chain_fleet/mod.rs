//! A network of whole guardians, each a process of its own: HTTPS, ordering, the
//! ledger on disk, keys made together, checkpoints signed, evaluations answered.
//!
//! A guardian is this program started again; it runs what `allod guardian run`
//! runs, with the configuration that its folder has. The rules are those of a
//! local network.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

mod people;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_ledger::Genesis;
use allod_ledger::guardian::Terms;
use allod_node::chain::founding::{Place, genesis, local_rules};
use allod_node::chain::guardian_key;
use allod_node::chain::operator::Operator;
use allod_node::guardian::{ChainSection, Config, LimitsConfig, RateConfig, Tls};
use allod_node::person::Link;
use allod_wire::{GuardianId, NetworkId, RealmId};
use serde_json::Value;

#[allow(unused_imports, reason = "each benchmark uses a part of it")]
pub(crate) use people::{People, Transfer};

/// The variable that says that a process is a guardian, and which: its
/// configuration's path.
const GUARDIAN: &str = "ALLOD_BENCH_GUARDIAN";

/// How long the keys may take.
const KEYS: Duration = Duration::from_secs(180);

/// Bytes of an answer, at most.
pub(crate) const ANSWER_MAX: usize = 64 * 1024;

/// Runs this process as a guardian, if it is one.
pub(crate) fn is_guardian() -> bool {
    let Some(path) = std::env::var_os(GUARDIAN) else { return false };
    let config = Config::read(Path::new(&path)).expect("a guardian's configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let running = allod_node::guardian::run(&config).await.expect("a guardian that starts");
        println!("up");
        running.failed().await;
    });
    panic!("a guardian ended");
}

/// Guardians that run until the value is dropped.
pub(crate) struct Fleet {
    processes: Vec<Child>,
    guardians: Vec<Guardian>,
    network: NetworkId,
    state: tempfile::TempDir,
}

/// One of them.
pub(crate) struct Guardian {
    pub(crate) id: GuardianId,
    pub(crate) address: String,
    pub(crate) realm: RealmId,
    folder: PathBuf,
}

impl Guardian {
    /// A new way to it, over a connection of its own.
    pub(crate) fn link(&self) -> Link {
        Link::new(self.address.parse().expect("an address"))
    }

    /// What it says of its chain.
    pub(crate) async fn status(&self, link: &Link) -> Value {
        let bytes = link.get("/chain/status", ANSWER_MAX).await.expect("a guardian that answers");
        serde_json::from_slice(&bytes.expect("a status")).expect("JSON")
    }

    /// The folder of its chain's state.
    pub(crate) fn chain_folder(&self) -> PathBuf {
        self.folder.join("state/chain")
    }
}

impl Fleet {
    /// Founds a network of so many guardians and these people, and starts it. It
    /// orders when this returns, and makes its keys.
    pub(crate) async fn start(size: usize, people: &mut People) -> Self {
        let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(disk).expect("the build folder");
        let state = tempfile::tempdir_in(disk).expect("a folder for the guardians' state");
        let (genesis, guardians) = found(state.path(), size, people).await;
        people.belong_to(&genesis);
        let mut processes: Vec<Child> = guardians.iter().map(|guardian| start(&guardian.folder)).collect();
        for process in &mut processes {
            let mut line = String::new();
            let output = process.stdout.as_mut().expect("its output");
            BufReader::new(output).read_line(&mut line).expect("its first line");
            assert_eq!(line.trim(), "up", "a guardian does not start");
        }
        Self { processes, guardians, network: genesis.network(), state }
    }

    /// The network's id.
    pub(crate) fn network(&self) -> NetworkId {
        self.network
    }

    /// The guardians.
    pub(crate) fn guardians(&self) -> &[Guardian] {
        &self.guardians
    }

    /// Waits until blocks follow each other at every guardian.
    pub(crate) async fn until_ordering(&self) {
        self.until(|status| status["height"].as_u64() > Some(3)).await;
    }

    /// Waits until the network has made its keys, and every guardian has a
    /// checkpoint that is signed with them. A guardian that was too slow may hold no
    /// share; the others hold enough.
    pub(crate) async fn until_keys_are_made(&self) {
        self.until(|status| status["certified"].is_u64()).await;
    }

    /// Waits until every guardian holds a share of every key.
    pub(crate) async fn until_all_hold_keys(&self) {
        let is_held = |key: &Value| key["generation"].is_u64();
        self.until(|status| status["keys"].as_array().is_some_and(|keys| keys.iter().all(is_held))).await;
    }

    async fn until(&self, holds: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        for guardian in &self.guardians {
            let link = guardian.link();
            loop {
                let status = guardian.status(&link).await;
                if holds(&status) {
                    break;
                }
                assert!(begun.elapsed() < KEYS, "it does not come about: {status}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Ends the guardians; what they kept stays until the value is dropped.
    pub(crate) fn end(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        self.processes.clear();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes the guardians' folders and the genesis.
async fn found(folder: &Path, size: usize, people: &People) -> (Genesis, Vec<Guardian>) {
    let now = allod_node::now();
    let mut held = Vec::new();
    let mut free = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        held.push(listener);
        address
    };
    let (mut places, mut guardians, mut configurations) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=size {
        let folder = folder.join(format!("guardian-{number}"));
        std::fs::create_dir_all(&folder).expect("a guardian's folder");
        let (service, peers): (SocketAddr, SocketAddr) = (free(), free());
        // Without a chain it only makes its certificate and its realm.
        let alone = Config::new(([127, 0, 0, 1], 0).into(), folder.join("state"), Tls::SelfSigned);
        let running = allod_node::guardian::run(&alone).await.expect("a guardian that starts");
        let pin = running.address().split_once('#').expect("a pin").1.to_owned();
        let realm = running.realm();
        running.stop().await;
        let key = guardian_key(&folder.join("state/chain")).expect("a key");
        let id = GuardianId(key.verifying_key().0);
        let operator = Operator::load(&folder, now).expect("an operator");
        let address = format!("https://{service}#{pin}");
        places.push(Place {
            guardian: id,
            terms: Terms {
                peers: peers.to_string(),
                service: address.clone(),
                operator: format!("operator {number}"),
                jurisdiction: format!("jurisdiction {}", number % 3 + 1),
            },
            operator: operator.log().state().did(),
            identity: operator.log().operations()[0].clone(),
        });
        let mut config = Config::new(service, "state".into(), Tls::SelfSigned);
        // All users are one address here, and register one after the other.
        let rate = RateConfig { burst: 1_000_000, per_second: 1_000_000 };
        config.limits = LimitsConfig { tenant: rate, account: rate, address: rate, evaluations: rate };
        config.chain = Some(ChainSection {
            genesis: "../genesis".into(),
            listen: peers,
            network_key: None,
            fetch_ahead: None,
            routes: BTreeMap::new(),
        });
        configurations.push(config);
        guardians.push(Guardian { id, address, realm, folder });
    }
    drop(held);
    for (config, guardian) in configurations.iter().zip(&guardians) {
        config.write(&guardian.folder.join("guardian.toml")).expect("a configuration");
    }
    let threshold = u16::try_from(size / 2 + 1).expect("a few guardians");
    let mut genesis = genesis("bench", now, local_rules(), &places, threshold);
    genesis.endowments.extend(people.endowments());
    std::fs::write(folder.join("genesis"), allod_wire::encode(&genesis)).expect("the genesis");
    (genesis, guardians)
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program's path"))
        .env(GUARDIAN, folder.join("guardian.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts")
}

/// Says what is being done, to whoever waits.
pub(crate) fn note(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// A way to each guardian.
pub(crate) fn links(fleet: &Fleet) -> Vec<Arc<Link>> {
    fleet.guardians.iter().map(|guardian| Arc::new(guardian.link())).collect()
}
