//! Operators who found a network together: each makes what is its own, one
//! collects, and all of them see what came of it.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use allod_node::guardian::{ChainSection, Config, Tls};
use process::{At, Ended, Guardian, folder, free_port};
use serde_json::Value;

/// How long a network may take to make its keys.
const PATIENCE: Duration = Duration::from_secs(90);

/// An operator with its guardian.
struct Operator {
    home: PathBuf,
    guardian: Guardian,
    peers: String,
}

impl Operator {
    fn new(folder: &Path, number: usize) -> Self {
        let home = folder.join(format!("operator-{number}"));
        let mut guardian = Guardian::start(&home.join("guardian"), Tls::SelfSigned);
        guardian.kill();
        Self { home, guardian, peers: free_port().to_string() }
    }

    fn run(&self, args: &[&str]) -> Ended {
        At { home: &self.home, pin: "" }.run(&[&["--json", "genesis"], args].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        self.run(args).done().json()
    }

    fn config(&self) -> &str {
        self.guardian.config().to_str().unwrap()
    }

    fn identity(&self, name: &str) -> String {
        let told = self.json(&["operator", self.home.join(name).to_str().unwrap()]);
        told["operator"].as_str().unwrap().to_owned()
    }

    fn entering(&self, identity: &str, service: &str) -> Ended {
        self.run(&[
            "entry",
            "--config",
            self.config(),
            "--operator",
            identity,
            "--peers",
            &self.peers,
            "--service",
            service,
            "--operator-label",
            "somebody",
            "--jurisdiction",
            "somewhere",
        ])
    }

    /// The guardian's entry, without the pin of its address being told.
    fn entry(&self) -> String {
        let (service, _) = self.guardian.address().split_once('#').unwrap();
        let told = self.entering(&self.identity("operator"), service).done().json();
        told["entry"].as_str().unwrap().to_owned()
    }
}

#[test]
fn operators_found_a_network_and_their_guardians_make_its_keys() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut operators: Vec<Operator> = (1..=3).map(|number| Operator::new(folder.path(), number)).collect();

    // What is shown again is the same, so that nothing is lost by asking twice.
    assert_eq!(operators[0].identity("operator"), operators[0].identity("operator"));
    let entries: Vec<String> = operators.iter().map(Operator::entry).collect();
    assert_eq!(entries[0], operators[0].entry());
    fs::write(path("one"), &entries[0]).unwrap();
    fs::write(path("others"), format!("{}\n\n{}\n", entries[1], entries[2])).unwrap();

    let genesis = path("genesis");
    let made = operators[0].json(&[
        "make",
        &path("others"),
        &path("one"),
        "--name",
        "three",
        "--rules",
        "trial",
        "--out",
        &genesis,
    ]);
    assert_eq!(made["guardians"].as_array().unwrap().len(), 3);
    assert_eq!(made["keys"][0]["threshold"], 2);
    for operator in &operators {
        let shown = operator.json(&["show", &genesis, "--config", operator.config()]);
        assert_eq!(shown, made);
        let guardians = shown["guardians"].as_array().unwrap();
        assert!(guardians.iter().any(|guardian| guardian["service"] == operator.guardian.address()));
    }
    let again =
        operators[0].run(&["make", &path("one"), "--name", "other", "--rules", "trial", "--out", &genesis]);
    assert_eq!(again.code, 2, "a genesis is never replaced: {again:?}");
    let stranger = Operator::new(folder.path(), 4);
    let missing = stranger.run(&["show", &genesis, "--config", stranger.config()]);
    assert!(missing.code == 1 && missing.out.contains("is not in the genesis"), "{missing:?}");

    for operator in &mut operators {
        let mut config = Config::read(operator.guardian.config()).unwrap();
        let listen = operator.peers.parse().unwrap();
        config.chain = Some(ChainSection {
            genesis: genesis.clone().into(),
            listen,
            network_key: None,
            fetch_ahead: None,
            routes: BTreeMap::new(),
        });
        config.write(operator.guardian.config()).unwrap();
        operator.guardian.run();
    }
    let begun = Instant::now();
    for operator in &operators {
        let home = folder.path().join("person");
        let known = loop {
            let person = At { home: &home, pin: "" };
            let ended = person.run(&["--json", "network", "--guardian", operator.guardian.address()]);
            if ended.code == 0 {
                break ended.json();
            }
            assert!(begun.elapsed() < PATIENCE, "{ended:?}");
            std::thread::sleep(Duration::from_millis(500));
        };
        assert_eq!(known["network"], made["network"]);
        assert_eq!(known["guardians"], 3);
    }
    a_newcomer_gets_the_units_of_a_bond(folder.path(), &operators[0], stranger);
}

/// Somebody who founded nothing is given units by an operator who did, and becomes a
/// candidate with them.
fn a_newcomer_gets_the_units_of_a_bond(folder: &Path, founder: &Operator, mut newcomer: Operator) {
    const BOND: u64 = 1_500;
    let person = folder.join("person");
    let run = |args: &[&str]| {
        let through = ["--guardian", founder.guardian.address()];
        At { home: &person, pin: "" }.run(&[&["--json"], args, &through].concat())
    };
    let file = newcomer.home.join("operator");
    let file = file.to_str().unwrap();
    let peers = newcomer.peers.clone();
    // It has to be asked for its pin.
    newcomer.guardian.run();
    let config = newcomer.config().to_owned();
    let bond = BOND.to_string();
    let mut join = vec!["guardian", "join", "--config", &config, "--bond", &bond, "--operator", file];
    join.extend(["--peers", &peers, "--operator-label", "newcomer", "--jurisdiction", "elsewhere"]);

    let poor = run(&["guardian", "operator", file]).done().json();
    let (did, asset) = (poor["did"].as_str().unwrap(), poor["asset"].as_str().unwrap());
    assert_eq!((&poor["amount"], &poor["bond_min"]), (&0.into(), &1_000.into()), "{poor}");
    let early = run(&join);
    assert!(early.code == 1 && early.out.contains("allod asset transfer"), "{early:?}");

    let giver = founder.home.join("operator");
    let giver = giver.to_str().unwrap();
    let nobody = run(&["asset", "transfer", asset, &bond, "--to", did]);
    assert_ne!(nobody.code, 0, "nobody has an identity in this home folder: {nobody:?}");
    run(&["asset", "transfer", asset, &bond, "--to", did, "--operator", giver]).done();
    let shown = run(&["asset", "show", "--operator", file]).done().json();
    assert_eq!((&shown["holder"], &shown["amount"]), (&did.into(), &BOND.into()), "{shown}");
    let joined = run(&join).done().json();
    let listed = run(&["network", "--guardians"]).done().json();
    let last = &listed["guardians"][3];
    assert_eq!((&last["guardian"], &last["operator"]), (&joined["guardian"], &did.into()), "{listed}");
    assert_eq!((&last["standing"], &last["bond"]), (&"candidate".into(), &BOND.into()), "{listed}");
}

#[test]
fn what_would_found_nothing_good_is_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (one, two) = (Operator::new(folder.path(), 1), Operator::new(folder.path(), 2));
    let make = |entries: &[&str]| {
        fs::write(path("entries"), entries.join("\n")).unwrap();
        one.run(&["make", &path("entries"), "--name", "x", "--out", &path("genesis")])
    };
    let refused = |ended: Ended, why: &str| {
        assert!(ended.code != 0 && ended.out.contains(why), "{why:?}: {ended:?}");
        assert!(!fs::exists(path("genesis")).unwrap());
    };
    let entry = one.entry();
    refused(make(&[]), "no entries");
    refused(make(&[&entry, &entry]), "entered twice");
    refused(make(&[&entry[..entry.len() - 2]]), "copied whole");
    let (service, _) = two.guardian.address().split_once('#').unwrap();
    let same = two.entering(&one.identity("operator"), service).done().json();
    refused(make(&[&entry, same["entry"].as_str().unwrap()]), "entered two guardians");
    // The certificate of another would be looked for at this guardian's address.
    refused(two.entering(&two.identity("operator"), one.guardian.address()), "the pin of this guardian's");
    refused(two.entering("allod-operator:abc", service), "copied whole");
}
