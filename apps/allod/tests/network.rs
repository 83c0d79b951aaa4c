//! Networks of real processes on this machine: guardians that die, hang and lie,
//! supervisors that crash, and the person's node that heals.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use process::{At, Ended, folder};
use serde_json::Value;

const ALLOD: &str = env!("CARGO_BIN_EXE_allod");
const PIN: &str = "482913";

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// A network that runs, with its home.
struct Net {
    home: PathBuf,
    supervisor: Child,
    said: Receiver<Value>,
    addresses: Vec<String>,
}

impl Net {
    /// Starts `allod testnet` with so many guardians.
    fn start(home: &Path, guardians: u8) -> Self {
        Self::run(home, &["testnet", "--guardians", &guardians.to_string()])
    }

    fn run(home: &Path, arguments: &[&str]) -> Self {
        let mut supervisor = Command::new(ALLOD)
            .args(["--json", "--home"])
            .arg(home)
            .args(arguments)
            .args(["--port-base", "0"])
            .env_remove("ALLOD_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(supervisor.stdout.take().unwrap()).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut net = Self { home: home.to_owned(), supervisor, said, addresses: Vec::new() };
        let up = net.wait_for(|said| said["event"] == "up");
        net.addresses = up["guardians"]
            .as_array()
            .unwrap()
            .iter()
            .map(|address| address.as_str().unwrap().to_owned())
            .collect();
        net
    }

    /// The next thing said that fits.
    #[track_caller]
    fn wait_for(&self, fits: impl Fn(&Value) -> bool) -> Value {
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

    /// Tells the network something through another process.
    fn tell(&self, arguments: &[&str]) -> Ended {
        at(&self.home).run(&[&["--json", "testnet"], arguments].concat())
    }

    fn kill(mut self) {
        self.supervisor.kill().unwrap();
        self.supervisor.wait().unwrap();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // The guardians end when nobody watches over them.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

fn at(home: &Path) -> At<'_> {
    At { home, pin: PIN }
}

/// Creates an identity with the local network; the card's file.
fn init(home: &Path) -> PathBuf {
    let card = home.join("card.txt");
    at(home).run(&["init", "--pin-fd", "3", "--card", card.to_str().unwrap()]).done();
    card
}

/// Recovers into an empty home, and returns what was wrong with whom.
#[track_caller]
fn recover(home: &Path, card: &Path) -> Vec<(String, String)> {
    let ended =
        at(home).run(&["--json", "recover", "--pin-fd", "3", "--card", card.to_str().unwrap()]).done();
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap().to_owned();
    ended.json()["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (text(fault, "guardian"), text(fault, "fault")))
        .collect()
}

/// Whether a process runs, or is stopped. One that nobody has waited for yet
/// does neither.
fn is_there(pid: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

#[test]
fn an_identity_survives_the_crash_of_a_guardian() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 3);
    let card = init(&home);
    let status = at(&home).run(&["--json", "status"]).done().json();
    assert_eq!(status["guarded"], true, "{status}");

    assert_eq!(net.tell(&["--kill", "1"]).done().json()["state"], "killed");
    net.wait_for(|said| said["guardian"] == 1 && said["state"] == "killed");
    let again = net.tell(&["--kill", "1"]);
    assert!(again.code == 1 && again.out.contains("guardian 1 is not running"), "{again:?}");
    let faults = recover(&folder.path().join("other"), &card);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].0 == net.addresses[0] && faults[0].1.contains("could not be reached"), "{faults:?}");

    let back = net.tell(&["--start", "1"]).done().json();
    assert_eq!((&back["state"], back["address"].as_str()), (&"running".into(), Some(&*net.addresses[0])));
}

#[test]
fn a_guardian_that_hangs_is_named_and_goes_on_later() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 4);
    let card = init(&home);
    assert_eq!(net.tell(&["--pause", "4"]).done().json()["state"], "paused");
    let faults = recover(&folder.path().join("other"), &card);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].0, net.addresses[3]);
    assert_eq!(net.tell(&["--resume", "4"]).done().json()["state"], "running");
    let refused = net.tell(&["--resume", "4"]);
    assert!(refused.out.contains("guardian 4 is not paused"), "{refused:?}");
}

/// Two lies at a time, with the words that give each away.
fn lies_are_named(pairs: &[[(&str, &str); 2]]) {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 5);
    let card = init(&home);
    for (round, pair) in pairs.iter().enumerate() {
        for (guardian, (how, _)) in ["4", "5"].iter().zip(pair) {
            let lying = net.tell(&["--lie", guardian, "--how", how]).done().json();
            assert_eq!((&lying["state"], &lying["how"]), (&"lying".into(), &(*how).into()));
        }
        let faults = recover(&folder.path().join(format!("other-{round}")), &card);
        for (place, (how, words)) in [3, 4].into_iter().zip(pair) {
            let named = |(address, fault): &(String, String)| {
                *address == net.addresses[place] && fault.contains(words)
            };
            assert!(faults.iter().any(named), "{how}: {faults:?}");
        }
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}

#[test]
fn lies_about_the_answer_are_named() {
    lies_are_named(&[
        [("garbage", "not a message of the protocol"), ("wrong-message", "the answer to another question")],
        [("not-registered", "holds nothing"), ("no-guesses", "no guesses left")],
        [("other-version", "another registration than most"), ("contradiction", "took back")],
        [
            ("guess-count", "a count of guesses that cannot be"),
            ("refused-right-tag", "refused the right unlock tag"),
        ],
    ]);
}

#[test]
fn lies_about_the_cryptography_are_named() {
    lies_are_named(&[
        [("other-account", "for another account"), ("key-signature", "a key that was not signed for it")],
        [("not-an-element", "no group element"), ("bad-proof", "that its share does not give")],
        [("bad-share", "a share that was not registered"), ("bad-proof", "that its share does not give")],
    ]);
}

/// With one guardian dead, the liar's evaluation is needed, so that its
/// commitment is always looked at.
#[test]
fn a_lie_about_the_commitment_is_named_even_where_the_liar_is_needed() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 3);
    let card = init(&home);
    net.tell(&["--kill", "1"]).done();
    net.tell(&["--lie", "3", "--how", "other-commitment"]).done();
    let faults = recover(&folder.path().join("other"), &card);
    assert_eq!(faults.len(), 2, "{faults:?}");
    let named = |(address, fault): &(String, String)| {
        *address == net.addresses[2] && fault.contains("a commitment that was not registered")
    };
    assert!(faults.iter().any(named), "{faults:?}");
}

#[test]
fn liars_that_keep_silent_or_are_slow_are_named() {
    lies_are_named(&[[("slow", "did not answer in time"), ("silent", "did not answer in time")]]);
}

#[test]
fn addresses_stay_and_nothing_outlives_a_supervisor_that_crashed() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 3);
    let card = init(&home);
    net.tell(&["--pause", "1"]).done();
    net.tell(&["--lie", "2", "--how", "bad-proof"]).done();
    let mut pids = vec![];
    loop {
        let said = net.wait_for(|said| said["pid"].is_u64());
        pids.extend(said["pid"].as_u64());
        if said["state"] == "lying" {
            break;
        }
    }
    pids.sort_unstable();
    pids.dedup();
    assert!(pids.len() >= 4, "three guardians and a liar: {pids:?}");
    let addresses = net.addresses.clone();
    net.kill();

    let net = Net::start(&home, 3);
    assert_eq!(net.addresses, addresses);
    let outlived: Vec<_> = pids.into_iter().filter(|pid| is_there(*pid)).collect();
    assert!(outlived.is_empty(), "{outlived:?}");
    assert_eq!(recover(&folder.path().join("other"), &card), []);
}

#[test]
fn an_interrupted_network_ends_its_guardians_and_itself() {
    let folder = folder();
    let home = folder.path().join("home");
    let mut net = Net::start(&home, 2);
    let pids: Vec<u64> =
        (0..2).map(|_| net.wait_for(|said| said["pid"].is_u64())["pid"].as_u64().unwrap()).collect();
    net.tell(&["--pause", "2"]).done();
    let interrupted = Command::new("kill").args(["-INT", &net.supervisor.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    assert!(net.supervisor.wait().unwrap().success());
    assert!(!pids.into_iter().any(is_there));
    let refused = net.tell(&["--kill", "1"]);
    assert!(refused.code == 1 && refused.out.contains("no network is running"), "{refused:?}");
}

#[test]
fn a_guardian_that_dies_by_itself_is_shown_and_left_alone() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 2);
    let pid = net.wait_for(|said| said["guardian"] == 2)["pid"].as_u64().unwrap();
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    let seen = net.wait_for(|said| said["guardian"] == 2 && said["state"] == "stopped");
    assert!(seen["pid"].is_null() && seen["why"].as_str().unwrap().contains("9"), "{seen}");
    assert_eq!(net.tell(&["--start", "2"]).done().json()["state"], "running");
}

#[test]
fn orders_and_networks_that_make_no_sense_are_refused_in_words() {
    let folder = folder();
    let home = folder.path().join("home");
    let nobody = at(&home).run(&["testnet", "--kill", "1"]);
    assert!(nobody.code == 1 && nobody.err.contains("no network is running"), "{nobody:?}");
    let impossible = at(&home).run(&["testnet", "--guardians", "2", "--threshold", "3"]);
    assert!(impossible.code == 2 && impossible.err.contains("at most all"), "{impossible:?}");
    let unknown = at(&home).run(&["testnet", "--lie", "1", "--how", "boldly"]);
    assert!(unknown.code == 2 && unknown.err.contains("refused-right-tag"), "{unknown:?}");

    let net = Net::start(&home, 2);
    let second = net.tell(&[]);
    assert!(second.code == 1 && second.out.contains("running in"), "{second:?}");
    let nobody = net.tell(&["--kill", "3"]);
    assert!(nobody.code == 1 && nobody.out.contains("numbered 1 to 2"), "{nobody:?}");
    net.kill();
    let other = at(&home).run(&["testnet", "--guardians", "5"]);
    assert!(other.code == 2 && other.err.contains("2 guardians with threshold 2"), "{other:?}");
}

#[test]
fn an_order_by_hand_to_all_leaves_out_whom_it_does_not_fit() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::start(&home, 3);
    net.tell(&["--kill", "2"]).done();
    let told = net.tell(&["--order", "kill all for 500ms"]).done();
    let said: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> = said
        .iter()
        .map(|said| (said["guardian"].as_u64().unwrap(), said["state"].as_str().unwrap()))
        .collect();
    assert_eq!(said, [(1, "killed"), (3, "killed"), (1, "running"), (3, "running")]);
    net.tell(&["--order", "kill all"]).done();
    let nobody = net.tell(&["--order", "kill all"]);
    assert!(nobody.code == 1 && nobody.out.contains("is not running"), "{nobody:?}");
    let dead = net.tell(&["--order", "kill 2"]);
    assert_eq!(dead.code, 1, "who is named has to fit: {dead:?}");
}

#[test]
fn the_node_of_up_heals_a_guardian_that_missed_a_registration() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::run(&home, &["up"]);
    assert_eq!(net.addresses.len(), 5);
    init(&home);
    net.tell(&["--kill", "5"]).done();
    at(&home).run(&["pin", "--pin-fd", "3"]).done();
    net.wait_for(|said| {
        said["event"] == "node"
            && said["warning"].as_str().is_some_and(|text| text.contains(&net.addresses[4]))
    });
    net.tell(&["--start", "5"]).done();
    net.wait_for(|said| {
        said["event"] == "node"
            && said["message"].as_str().is_some_and(|text| text.contains(&net.addresses[4]))
    });
    let status = at(&home).run(&["--json", "status"]).done().json();
    assert!(status["guardians"].as_array().unwrap().iter().all(|found| found["good"] == true), "{status}");
}

#[test]
fn the_node_of_up_backs_the_vault_up_after_it_changed() {
    let folder = folder();
    let home = folder.path().join("home");
    let net = Net::run(&home, &["up"]);
    init(&home);
    let letter = folder.path().join("letter");
    std::fs::write(&letter, "kept by others".repeat(1000)).unwrap();
    at(&home).run(&["put", letter.to_str().unwrap()]).done();
    at(&home).run(&["backup", "add-peer", "--guardians"]).done();
    net.wait_for(|said| {
        said["event"] == "node"
            && said["message"].as_str().is_some_and(|text| text.contains("5 of 5 peers know of backup"))
    });
    let status = at(&home).run(&["--json", "backup", "status"]).done().json();
    assert_eq!((status["unpacked"].as_u64(), status["missing"].as_u64()), (Some(0), Some(0)), "{status}");
}
