//! A person recovers onto a new machine, on real processes: the ledger has the new
//! device wait, the old one is told and can stop it or let it through, and admits it by
//! nothing else that it does.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use process::{At, Ended, folder};
use serde_json::Value;

const ALLOD: &str = env!("CARGO_BIN_EXE_allod");
const PIN: &str = "271828";

/// How long the guardians may take to make their key, and a device may wait.
const PATIENCE: Duration = Duration::from_secs(90);

/// A network whose rules let a change by the root alone wait for half a minute.
struct Net {
    folder: tempfile::TempDir,
    supervisor: Child,
    addresses: Vec<String>,
}

impl Net {
    fn start() -> Self {
        let folder = folder();
        let mut supervisor = Command::new(ALLOD)
            .args(["--json", "--home"])
            .arg(folder.path().join("network"))
            .args(["testnet", "--brisk", "--guardians", "4", "--port-base", "0"])
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
        Self { folder, supervisor, addresses }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command in the home folder of the device `who`.
    fn run(&self, who: &str, args: &[&str]) -> Ended {
        At { home: &self.path(who), pin: PIN }.run(args)
    }

    #[track_caller]
    fn json(&self, who: &str, args: &[&str]) -> Value {
        self.run(who, &[&["--json"], args].concat()).done().json()
    }

    /// Gets the person back onto a device that has nothing yet.
    #[track_caller]
    fn recover(&self, who: &str) -> Value {
        let card = self.path("card.txt");
        self.json(who, &["recover", "--pin-fd", "3", "--device", who, "--card", card.to_str().unwrap()])
    }

    fn register(&self, who: &str, name: &str) -> Ended {
        self.run(who, &["--json", "name", "register", name])
    }

    /// Whether the ledger has the device with this id, as `who` sees it.
    #[track_caller]
    fn has(&self, who: &str, id: &Value) -> bool {
        let told = self.json(who, &["devices"]);
        let device = told["devices"].as_array().unwrap().iter().find(|device| device["id"] == *id);
        device.unwrap()["on_ledger"].as_bool().unwrap()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // The guardians end when nobody watches over them.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

#[test]
fn a_recovered_device_waits_for_the_ledger_while_the_old_one_decides() {
    let net = Net::start();
    let card = net.path("card.txt");
    let mut init = vec!["init", "--pin-fd", "3", "--device", "laptop", "--card", card.to_str().unwrap()];
    init.extend(net.addresses.iter().flat_map(|address| ["--guardian", address]));
    net.json("laptop", &init);
    let begun = Instant::now();
    loop {
        let ended = net.register("laptop", "orchard");
        if ended.code == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(net.json("laptop", &["status"])["waiting"], Value::Null);

    it_waits_long_enough(&net);
    let third = it_waits_and_is_objected_to(&net);
    it_is_accepted(&net, &third);
}

/// Nobody objects, and the new device acts when its time has come, and not before.
fn it_waits_long_enough(net: &Net) {
    let told = net.recover("second");
    let until = told["waits_until"].as_u64().unwrap();
    let begun = Instant::now();
    let (mut waited, mut ended) = (false, net.register("second", "field"));
    while ended.code == 5 {
        waited = true;
        assert_eq!(ended.json()["waits_until"], until);
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
        std::thread::sleep(Duration::from_secs(1));
        ended = net.register("second", "field");
    }
    assert!(waited && ended.code == 0, "{ended:?}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(now >= u128::from(until));
    assert_eq!(net.json("laptop", &["status"])["waiting"], Value::Null);
    assert!(net.has("laptop", &told["device"]));
}

/// The old device sees what waits, admits it by nothing else it does, and objects.
fn it_waits_and_is_objected_to(net: &Net) -> Value {
    let told = net.recover("third");
    let (id, until) = (told["device"].clone(), told["waits_until"].clone());
    assert!(until.is_u64(), "{told}");
    let here = net.json("third", &["status"])["waiting"].clone();
    assert_eq!((&here["until"], &here["this"]), (&until, &true.into()), "{here}");

    let there = net.json("laptop", &["status"])["waiting"].clone();
    assert_eq!((&there["until"], &there["device"]), (&until, &id), "{there}");
    assert_eq!(there["change"], "adds the device \"third\"");
    // Its log has the new device now, and it does something with the ledger.
    let other = net.run("laptop", &["name", "register", "meadow"]).done();
    assert!(other.err.contains("adds the device \"third\""), "{other:?}");
    assert!(!net.has("laptop", &id));

    let early = net.register("third", "mine");
    assert!(early.code == 5 && early.json()["waits_until"] == until, "{early:?}");
    let stranger = net.run("third", &["devices", "object"]);
    assert_eq!(stranger.code, 6, "{stranger:?}");

    net.json("laptop", &["devices", "object"]);
    let again = net.run("laptop", &["devices", "object"]);
    assert!(again.code == 1 && again.err.contains("no change"), "{again:?}");
    let out = net.register("third", "mine");
    assert!(out.code == 1 && out.json()["objected_until"].is_u64(), "{out:?}");
    assert_eq!(net.json("laptop", &["status"])["waiting"], Value::Null);
    // What the old device does next lets it in no more than what it did before.
    net.json("laptop", &["name", "renew", "meadow", "--term", "2y"]);
    assert!(!net.has("laptop", &id));
    id
}

/// The old device lets it through after all.
fn it_is_accepted(net: &Net, id: &Value) {
    let asked = net.run("laptop", &["--json", "devices", "accept"]);
    assert!(asked.code == 2 && asked.json()["changes"][0] == "adds the device \"third\"", "{asked:?}");
    assert!(!net.has("laptop", id));
    net.json("laptop", &["devices", "accept", "--yes"]);
    assert!(net.has("laptop", id));
    let registered = net.register("third", "mine");
    assert_eq!(registered.code, 0, "{registered:?}");
    let none = net.run("laptop", &["devices", "accept", "--yes"]);
    assert_eq!(none.code, 1, "{none:?}");
}
