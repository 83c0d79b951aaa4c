//! A person recovers onto a new machine, on real processes: the ledger has the new
//! device wait, the old one is told and can stop it or let it through, and admits it by
//! nothing else that it does.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod people;
mod process;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use people::{ALLOD, Net};
use process::Ended;
use serde_json::Value;

/// How long the guardians may take to make their key, and a device may wait.
const PATIENCE: Duration = Duration::from_secs(90);

/// Gets the person back onto a device that has nothing yet.
#[track_caller]
fn recover(net: &Net, who: &str) -> Value {
    let card = net.text("card.txt");
    net.json(who, &["recover", "--pin-fd", "3", "--device", who, "--card", card])
}

fn register(net: &Net, who: &str, name: &str) -> Ended {
    net.run(who, &["--json", "name", "register", name])
}

/// Whether the ledger has the device with this id, as `who` sees it.
#[track_caller]
fn has(net: &Net, who: &str, id: &Value) -> bool {
    let told = net.json(who, &["devices"]);
    let device = told["devices"].as_array().unwrap().iter().find(|device| device["id"] == *id);
    device.unwrap()["on_ledger"].as_bool().unwrap()
}

#[test]
fn a_recovered_device_waits_for_the_ledger_while_the_old_one_decides() {
    // Under these rules a change by the root alone waits for half a minute.
    let net = Net::start(&["--brisk"], false);
    let mut init = vec!["init", "--pin-fd", "3", "--device", "laptop", "--card", net.text("card.txt")];
    init.extend(net.through());
    net.json("laptop", &init);
    let begun = Instant::now();
    loop {
        let ended = register(&net, "laptop", "orchard");
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
    who_looks_after_the_person_warns(&net);
}

/// Nobody objects, and the new device acts when its time has come, and not before.
fn it_waits_long_enough(net: &Net) {
    let told = recover(net, "second");
    let until = told["waits_until"].as_u64().unwrap();
    let begun = Instant::now();
    let (mut waited, mut ended) = (false, register(net, "second", "field"));
    while ended.code == 5 {
        waited = true;
        assert_eq!(ended.json()["waits_until"], until);
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
        std::thread::sleep(Duration::from_secs(1));
        ended = register(net, "second", "field");
    }
    assert!(waited && ended.code == 0, "{ended:?}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(now >= u128::from(until));
    assert_eq!(net.json("laptop", &["status"])["waiting"], Value::Null);
    assert!(has(net, "laptop", &told["device"]));
}

/// The old device sees what waits, admits it by nothing else it does, and objects.
fn it_waits_and_is_objected_to(net: &Net) -> Value {
    let told = recover(net, "third");
    let (id, until) = (told["device"].clone(), told["waits_until"].clone());
    assert!(until.is_u64(), "{told}");
    let here = net.json("third", &["status"])["waiting"].clone();
    assert_eq!((&here["until"], &here["this"]), (&until, &true.into()), "{here}");

    let there = net.json("laptop", &["status"])["waiting"].clone();
    assert_eq!((&there["until"], &there["device"]), (&until, &id), "{there}");
    assert_eq!(there["change"], "adds the device \"third\"");
    let warned = net.run("laptop", &["status"]).done().err;
    assert!(
        warned.contains("it adds the device \"third\"") && warned.contains("allod devices object"),
        "{warned}"
    );
    let here = net.run("third", &["status"]).done().err;
    assert!(!here.contains("allod devices object"), "nobody objects to themselves: {here}");
    // Its log has the new device now, and it does something with the ledger.
    let other = net.run("laptop", &["name", "register", "meadow"]).done();
    assert!(other.err.contains("adds the device \"third\""), "{other:?}");
    assert!(!has(net, "laptop", &id));

    let early = register(net, "third", "mine");
    assert!(early.code == 5 && early.json()["waits_until"] == until, "{early:?}");
    let stranger = net.run("third", &["devices", "object"]);
    assert_eq!(stranger.code, 6, "{stranger:?}");

    net.json("laptop", &["devices", "object"]);
    let again = net.run("laptop", &["devices", "object"]);
    assert!(again.code == 1 && again.err.contains("no change"), "{again:?}");
    let out = register(net, "third", "mine");
    assert!(out.code == 1 && out.json()["objected_until"].is_u64(), "{out:?}");
    assert_eq!(net.json("laptop", &["status"])["waiting"], Value::Null);
    // What the old device does next lets it in no more than what it did before.
    net.json("laptop", &["name", "renew", "meadow", "--term", "2y"]);
    assert!(!has(net, "laptop", &id));
    id
}

/// The old device lets it through after all.
fn it_is_accepted(net: &Net, id: &Value) {
    let asked = net.run("laptop", &["--json", "devices", "accept"]);
    assert!(asked.code == 2 && asked.json()["changes"][0] == "adds the device \"third\"", "{asked:?}");
    assert!(!has(net, "laptop", id));
    net.json("laptop", &["devices", "accept", "--yes"]);
    assert!(has(net, "laptop", id));
    let registered = register(net, "third", "mine");
    assert_eq!(registered.code, 0, "{registered:?}");
    let none = net.run("laptop", &["devices", "accept", "--yes"]);
    assert_eq!(none.code, 1, "{none:?}");
}

/// `allod up` tells what waits, and what objects to it.
fn who_looks_after_the_person_warns(net: &Net) {
    recover(net, "fourth");
    let begun = Instant::now();
    // Nothing waits as long as the objection is heard.
    while !register(net, "fourth", "other").json()["waits_until"].is_u64() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_secs(1));
    }
    let mut up = Command::new(ALLOD)
        .arg("--home")
        .arg(net.path("laptop"))
        .args(["up", "--plain", "--port-base", "0"])
        .env_remove("ALLOD_HOME")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(up.stdout.take().unwrap()), Box::new(up.stderr.take().unwrap())];
    for stream in streams {
        let tell = tell.clone();
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
    }
    let (begun, mut lines) = (Instant::now(), Vec::new());
    let warned = loop {
        match told.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            Ok(line) if line.contains("it adds the device \"fourth\"") => break line,
            Ok(line) => lines.push(line),
            Err(_) => break String::new(),
        }
    };
    let _ = up.kill();
    let _ = up.wait();
    assert!(warned.contains("allod devices object"), "{warned:?}, after {lines:?}");
}
