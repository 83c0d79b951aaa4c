//! What people do with the ledger and with the keys that guardians hold together,
//! on real processes: names that are bought and proven, files that open at a time
//! or for somebody, and guardians whose answers are held against their logs.
//!
//! One network serves all of the stories, since founding one is what takes time.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "ledger/owned.rs"]
mod owned;
mod people;
mod process;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use people::{ALLOD, Net};
use process::At;
use serde_json::{Value, json};

/// How long the guardians may take to make their keys.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the network, and waits until its keys are made: with the last of them a file can
/// be sealed.
fn start() -> Net {
    let net = Net::start(&[], true);
    let begun = Instant::now();
    fs::write(net.path("something"), "x").unwrap();
    let (something, probe) = (net.text("something"), net.text("probe"));
    let args = ["--json", "seal", something, "--out", probe, "--to-quorum", "--opener", OTHER, "--force"];
    loop {
        let ended = net.run("prober", &args);
        if ended.code == 0 {
            return net;
        }
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// An identity that nobody has.
const OTHER: &str = "did:allod:z9SbD82TVUYj5Sh8ZVbUwFrTGDAqPtLAgbDTcj5fiNhDD";

#[test]
fn people_trade_seal_evaluate_and_prove() {
    let mut net = start();
    let (alice, bob) = (net.person("alice"), net.person("bob"));

    until_a_time(&net);
    an_interrupted_unseal_leaves_nothing(&net);
    to_a_quorum(&net, &bob);
    evaluated_and_audited(&net);
    let proof = a_name_is_bought(&net, &alice, &bob);
    owned::what_is_owned_is_listed(&net, &alice, &bob);
    a_candidate_is_admitted(&net);
    an_image_that_was_put_back_is_found_out(&net);

    // The guardians are gone, and nobody can be asked any more.
    net.stop();
    a_proof_is_checked_alone(&net, &proof, &bob);
}

/// The ledger remembers a state of a vault that an older image does not know of.
fn an_image_that_was_put_back_is_found_out(net: &Net) {
    let home = net.path("alice");
    let put = |name: &str| {
        fs::write(net.path(name), name).unwrap();
        At { home: &home, pin: "" }.run(&["put", net.text(name)]).done();
    };
    put("first file");
    assert!(net.json("alice", &["anchor", "--check"])["number"].is_null());
    let first = net.json("alice", &["anchor"])["number"].as_u64().unwrap();
    assert_eq!(net.json("alice", &["anchor", "--check"])["number"], first);
    let image = home.join("vault/image");
    let old = fs::read(&image).unwrap();
    put("second file");
    assert!(net.json("alice", &["anchor"])["number"].as_u64().unwrap() > first);
    let new = fs::read(&image).unwrap();
    fs::write(&image, &old).unwrap();
    put("a file that somebody puts into the old image");
    for args in [&["anchor", "--check"][..], &["anchor"]] {
        let ended = net.run("alice", args);
        assert!(ended.code == 1 && ended.err.contains("put back"), "{ended:?}");
    }
    fs::write(&image, &new).unwrap();
    net.json("alice", &["anchor"]);
}

/// Nobody opens it before, and everybody from then on.
fn until_a_time(net: &Net) {
    let (plain, sealed, opened) = (net.text("plain"), net.text("plain.sealed"), net.text("plain.opened"));
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(plain, &content).unwrap();
    let told = net.json("alice", &["seal", plain, "--until", "10s", "--out", sealed]);
    let again = net.run("alice", &["seal", plain, "--until", "10s", "--out", sealed]);
    assert!(again.code == 2 && again.err.contains("is there already"), "{again:?}");

    let early = net.run("bob", &["--json", "unseal", sealed, "--out", opened]);
    assert_eq!(early.code, 5, "{early:?}");
    assert_eq!(early.json()["opens"], told["opens"], "{early:?}");
    assert!(!Path::new(opened).exists());

    let begun = Instant::now();
    while net.run("bob", &["unseal", sealed, "--out", opened]).code == 5 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(500));
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(now.as_millis() as u64 + 2_000 >= told["opens"].as_u64().unwrap());
    assert_eq!(fs::read(opened).unwrap(), content);

    // A file that was cut short leaves nothing behind.
    let cut = net.text("cut.sealed");
    let whole = fs::read(sealed).unwrap();
    fs::write(cut, &whole[..whole.len() - 1]).unwrap();
    let ended = net.run("bob", &["unseal", cut, "--out", net.text("cut")]);
    assert!(ended.code == 1 && ended.err.contains("the end of the file is missing"), "{ended:?}");
    assert!(!net.path("cut").exists());
}

/// Whoever ends the process in the middle leaves nothing of the content behind, and
/// nothing that is in the way of the next time.
fn an_interrupted_unseal_leaves_nothing(net: &Net) {
    let sealed = fs::read(net.path("plain.sealed")).unwrap();
    let folder = net.path("interrupted");
    fs::create_dir(&folder).unwrap();
    let out = folder.join("opened");
    for signal in ["-INT", "-TERM"] {
        let mut child = Command::new(ALLOD)
            .arg("--home")
            .arg(net.path("bob"))
            .args(["unseal", "-", "--out"])
            .arg(&out)
            .args(net.through())
            .env_remove("ALLOD_HOME")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe stays open: the rest is never said. All but what fits into the pipe
        // was read before this returns.
        let mut input = child.stdin.take().unwrap();
        input.write_all(&sealed[..sealed.len() - 100_000]).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let ended = child.wait().unwrap();
        assert!(!ended.success(), "{ended:?}");
        let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
    net.json("bob", &["unseal", net.text("plain.sealed"), "--out", out.to_str().unwrap()]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

/// It opens for who was named, and for nobody else.
fn to_a_quorum(net: &Net, bob: &str) {
    let (plain, sealed) = (net.text("letter"), net.text("letter.sealed"));
    fs::write(plain, "for your eyes only").unwrap();
    net.json("alice", &["seal", plain, "--to-quorum", "--opener", bob, "--out", sealed]);
    let ended = net.run("alice", &["unseal", sealed, "--out", net.text("letter.alice")]);
    assert!(ended.code == 1 && ended.err.contains("not sealed for you"), "{ended:?}");
    let opened = net.text("letter.bob");
    net.json("bob", &["unseal", sealed, "--out", opened]);
    assert_eq!(fs::read_to_string(opened).unwrap(), "for your eyes only");

    let later = net.text("later.sealed");
    net.json("bob", &["seal", plain, "--to-quorum", "--after", "1h", "--out", later]);
    let early = net.run("bob", &["unseal", later, "--out", net.text("later")]);
    assert!(early.code == 5 && early.err.contains("too early"), "{early:?}");
}

/// The same input has the same output, whoever is asked; and the logs have it.
fn evaluated_and_audited(net: &Net) {
    let first = net.json("alice", &["evaluate", "correct horse"]);
    assert_eq!(first["output"].as_str().unwrap().len(), 128);
    assert_eq!(net.json("alice", &["evaluate", "correct horse"])["output"], first["output"]);
    assert_eq!(net.json("bob", &["evaluate", "correct horse"])["output"], first["output"]);
    assert_ne!(net.json("alice", &["evaluate", "battery staple"])["output"], first["output"]);
    let stranger = net.run("prober", &["evaluate", "correct horse"]);
    assert_eq!(stranger.code, 6, "{stranger:?}");

    let mut receipts = 0;
    for address in &net.addresses {
        let told = net.json("alice", &["guardian", "audit", address]);
        assert_eq!(told["findings"], Value::Array(Vec::new()), "{told}");
        receipts += told["receipts"].as_u64().unwrap();
    }
    assert!(receipts >= 9, "three answers of three evaluations at least: {receipts}");
    net.json("alice", &["guardian", "audit", "operator 2", "--from", "2"]);
    let beyond = net.json("alice", &["guardian", "audit", "operator 2", "--from", "1000000"]);
    assert_eq!((&beyond["entries"], &beyond["end"]), (&0.into(), &Value::Null), "{beyond}");
    let other = net.run("alice", &["evaluate", "correct horse", "--key", "seal"]);
    assert!(other.code == 2 && other.err.contains("not for evaluating"), "{other:?}");
    let none = net.run("alice", &["guardian", "audit", "operator 9"]);
    assert_eq!(none.code, 1, "{none:?}");
    a_beginning_that_was_deleted_is_told(net);
}

/// Somebody deletes the first entry of a guardian's log, of which Alice has a receipt. The
/// rest is one chain with what she has; but a guardian has to keep more.
fn a_beginning_that_was_deleted_is_told(net: &Net) {
    const ENTRIES: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("entries");
    let order = |what: &str| At { home: &net.path("network"), pin: "" }.run(&["testnet", what, "1"]).done();
    order("--kill");
    let log = net.guardian(1).join("state/chain/answers/log.redb");
    let write = redb::Database::open(log).unwrap().begin_write().unwrap();
    assert!(write.open_table(ENTRIES).unwrap().remove(1).unwrap().is_some(), "it answered her first");
    write.commit().unwrap();
    order("--start");
    let begun = Instant::now();
    let told = loop {
        let ended = net.run("alice", &["--json", "guardian", "audit", &net.addresses[0]]);
        if ended.code != 5 {
            break ended;
        }
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
        std::thread::sleep(Duration::from_millis(300));
    };
    assert!(told.code == 1 && told.out.contains("a guardian keeps its last 2000000"), "{told:?}");
    let told = told.json();
    assert_eq!(told["findings"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(
        (&told["begins"], &told["joined"], &told["receipts_of_deleted"]),
        (&json!(2), &json!(true), &json!(1))
    );
}

/// Who puts up a bond waits until the other guardians admit it.
fn a_candidate_is_admitted(net: &Net) {
    let config = net.text("newcomer.toml");
    let state = net.text("newcomer-state");
    let init = ["guardian", "init", "--config", config, "--listen", "127.0.0.1:0", "--state", state];
    At { home: &net.path("prober"), pin: "" }.run(&init).done();
    // Somebody who has units answers for it: the operator of the first guardian.
    let operator = net.guardian(1);
    let bonded = [
        "guardian",
        "join",
        "--config",
        config,
        "--bond",
        "10000",
        "--operator-label",
        "newcomer",
        "--jurisdiction",
        "Iceland",
        "--peers",
        "127.0.0.1:9",
        "--service",
        "http://127.0.0.1:9",
        "--operator",
        operator.to_str().unwrap(),
    ];
    let id = net.json("prober", &bonded)["guardian"].as_str().unwrap().to_owned();
    let waiting = net.json("prober", &["guardian", "admit", "--config", config]);
    let candidate = &waiting["candidates"][0];
    assert_eq!(
        (&candidate["guardian"], &candidate["bond"]),
        (&id.clone().into(), &10_000.into()),
        "{waiting}"
    );

    let listed = net.json("prober", &["network", "--guardians"]);
    let count = |listed: &Value, standing: &str| {
        let all = listed["guardians"].as_array().unwrap();
        all.iter().filter(|guardian| guardian["standing"] == standing).count()
    };
    assert_eq!((count(&listed, "votes"), count(&listed, "candidate")), (4, 1), "{listed}");
    let last = &listed["guardians"][4];
    assert_eq!((&last["guardian"], &last["bond"]), (&id.clone().into(), &10_000.into()), "{listed}");
    assert_eq!((&last["operator_label"], &last["jurisdiction"]), (&"newcomer".into(), &"Iceland".into()));
    let told = net.run("prober", &["network", "--guardians"]).done();
    assert!(
        told.out.contains("candidate  \"newcomer\" under the law of \"Iceland\", bond 10000"),
        "{told:?}"
    );

    let early = net
        .run("prober", &["guardian", "unbond", "--config", config, "--operator", operator.to_str().unwrap()]);
    assert!(early.code == 1 && early.err.contains("has to leave first"), "{early:?}");

    let admit = |number: usize, who: &str| {
        let config = net.guardian(number).join("guardian.toml");
        net.run("prober", &["--json", "guardian", "admit", who, "--config", config.to_str().unwrap()])
    };
    let itself = net.run("prober", &["guardian", "admit", &id, "--config", config]);
    assert_ne!(itself.code, 0, "{itself:?}");
    assert_eq!(admit(1, "operator 2").code, 1, "a guardian is no candidate");
    admit(1, &id).done();
    admit(2, "newcomer").done();
    admit(3, "http://127.0.0.1:9").done();
    let late = admit(4, &id);
    assert_eq!(late.code, 1, "three of four have decided: {late:?}");
    let waiting = net.json("prober", &["guardian", "admit", "--config", config]);
    assert_eq!(waiting["candidates"], Value::Array(Vec::new()));
    let listed = net.json("prober", &["network", "--guardians"]);
    assert_eq!(count(&listed, "candidate"), 0);
    assert_eq!(count(&listed, "votes") + count(&listed, "admitted"), 5, "{listed}");
}

/// Alice sells a name to Bob for units; a proof that he has it.
fn a_name_is_bought(net: &Net, alice: &str, bob: &str) -> String {
    let money = net.json("bob", &["asset", "define", "Village hours", "--supply", "1000"]);
    let money = money["asset"].as_str().unwrap().to_owned();
    net.json("bob", &["asset", "issue", &money, "100"]);
    net.json("alice", &["name", "register", "orchard"]);
    // What is shown is never older than what was done before.
    assert_eq!(net.json("bob", &["name", "show", "orchard"])["owner"], alice);
    let own = net.run("alice", &["name", "register", "orchard"]);
    assert!(own.code == 1 && own.err.contains("yours already"), "{own:?}");
    let taken = net.run("bob", &["name", "register", "orchard"]);
    assert!(taken.code == 1 && taken.err.contains(&format!("taken: held by {alice} until")), "{taken:?}");
    let price = format!("{money}:20");
    let offer = net.json("alice", &["offer", "make", "--name", "orchard", "--price", &price]);
    let id = offer["offer"].as_str().unwrap();
    for args in [&["name", "renew", "orchard"][..], &["name", "transfer", "orchard", "--to", bob]] {
        let aside = net.run("alice", args);
        assert!(aside.code == 1 && aside.err.contains(&format!("by the offer {id}")), "{aside:?}");
    }
    let shown = net.run("bob", &["name", "show", "orchard"]).done();
    assert!(shown.out.contains(&format!("by the offer {id}")) && shown.out.contains("until 20"), "{shown:?}");
    let stranger = net.run("alice", &["asset", "transfer", &money, "1", "--to", OTHER]);
    assert!(stranger.code == 1 && stranger.err.contains("have them run"), "{stranger:?}");
    net.json("bob", &["offer", "accept", id]);
    assert_eq!(net.json("alice", &["name", "show", "orchard"])["owner"], bob);
    assert_eq!(net.json("alice", &["asset", "show", &money])["amount"], 20);
    assert_eq!(net.json("bob", &["asset", "show", &money])["amount"], 80);

    net.json("bob", &["name", "transfer", "orchard", "--to", alice]);
    net.json("alice", &["name", "transfer", "orchard", "--to", bob]);
    let proof = net.text("orchard.proof");
    assert_eq!(net.json("alice", &["own", "prove", proof, "--name", "orchard"])["owner"], bob);
    net.json("alice", &["own", "prove", net.text("old.proof"), "--name", "orchard", "--no-wait"]);
    net.json("alice", &["network", "--out", net.text("net.key")]);
    for there in [
        &["own", "prove", proof, "--name", "orchard"][..],
        &["own", "prove", net.text("new.proof"), "--name", "orchard", "--qr", proof],
        &["network", "--out", net.text("net.key")],
    ] {
        let ended = net.run("alice", there);
        assert!(ended.code == 2 && ended.err.contains("is there already"), "{ended:?}");
    }
    net.json("alice", &["own", "prove", proof, "--name", "orchard", "--force"]);
    net.json("alice", &["network", "--out", net.text("net.key"), "--force"]);
    proof.to_owned()
}

/// Checking needs the proof and the network's key, and nothing else: not the
/// guardians, which have ended, and where this test may take it away, no network.
fn a_proof_is_checked_alone(net: &Net, proof: &str, bob: &str) {
    let key = net.text("net.key");
    let verify = |proof: &str| {
        let alone = Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|ended| ended.success());
        let mut command = if alone { Command::new("unshare") } else { Command::new(ALLOD) };
        if alone {
            command.args(["-rn", ALLOD]);
        }
        let home = net.path("machine-that-was-never-online");
        command.arg("--home").arg(home).args(["--json", "own", "verify", proof, "--network", key]);
        command.env_remove("ALLOD_HOME").output().unwrap()
    };
    let good = verify(proof);
    assert!(good.status.success(), "{good:?}");
    let told: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!((told["name"].as_str(), told["owner"].as_str()), (Some("orchard"), Some(bob)));

    let bytes = fs::read(proof).unwrap();
    let bad = net.text("bad.proof");
    for place in (0..bytes.len()).step_by(bytes.len() / 12) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(bad, &changed).unwrap();
        let ended = verify(bad);
        assert_eq!(ended.status.code(), Some(1), "byte {place}: {ended:?}");
    }
}
