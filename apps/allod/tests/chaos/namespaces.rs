//! The same with guardians that each have a network of their own in the kernel.
//! This needs root and the program `ip`; elsewhere it says that it is skipped.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use allod_guardian::juicebox::{Recover1, Response};
use allod_node::network::{Links, Order, lacks};
use serde_json::Value;

use crate::process::{At, folder};
use crate::watched::{ALLOD, Answer, Net, Person, home, of, read_export, script};

const BRIEF: Duration = Duration::from_millis(700);

/// Says something also where a test's output is not shown.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The namespaces of a network whose first guardian has this address.
fn namespaces(address: &str) -> Vec<String> {
    let ip = address.trim_start_matches("https://").split(':').next().unwrap();
    let bytes: Vec<&str> = ip.split('.').collect();
    assert_eq!((bytes[0], bytes[3]), ("198", "1"), "{address}");
    let bridge = format!("allod{}-{}", bytes[1], bytes[2]);
    let mut found: Vec<String> = fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(&format!("{bridge}-")))
        .collect();
    if Path::new("/sys/class/net").join(&bridge).exists() {
        found.push(bridge);
    }
    found.sort();
    found
}

/// Whether somebody in a guardian's namespace reaches a guardian.
fn reaches_from_inside(namespace: &str, home: &Path, guardian: &str) -> bool {
    let _ = fs::remove_dir_all(home);
    fs::create_dir_all(home).unwrap();
    let pin = home.join("pin");
    fs::write(&pin, "482913\n").unwrap();
    let ended = Command::new("sh")
        .args(["-c", "exec 3< \"$1\"; shift; exec \"$@\"", "sh"])
        .arg(&pin)
        .args(["ip", "netns", "exec", namespace, ALLOD, "--home"])
        .arg(home)
        .args(["init", "--pin-fd", "3", "--threshold", "1", "--guardian", guardian])
        .output()
        .unwrap();
    match ended.status.code() {
        Some(0) => true,
        Some(5) => false,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&ended.stderr)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guardians_in_namespaces_are_parted_and_nothing_is_left_of_them() {
    let missing = lacks(Links::Namespaces, &[]).await;
    if !missing.is_empty() {
        say(&format!("SKIPPED: guardians in namespaces, since {}", missing.join("; ")));
        return;
    }
    let folder = folder();
    let home = home(&folder);
    let net = Net::start(&home, &["--guardians", "3", "--namespaces"]);
    let addresses = net.addresses.clone();
    let made = namespaces(&addresses[0]);
    assert_eq!(made.len(), 4, "a bridge and three guardians: {made:?}");
    let person = Person::register(&addresses, 2).await;
    let inside = |to: usize| reaches_from_inside(&made[1], &folder.path().join("inside"), &addresses[to - 1]);
    let order = |text: &str| At { home: &home, pin: "" }.run(&["testnet", "--order", text]).done();
    assert!(inside(2), "{made:?}");

    order("partition 1,outside | 2");
    assert_eq!(person.ask(&addresses[1], BRIEF).await, Answer::None);
    assert!(matches!(person.ask(&addresses[2], BRIEF).await, Answer::Came(..)));
    assert!(!inside(2));
    assert_eq!(person.recover().await, Ok(()));
    order("heal");
    assert!(inside(2));
    assert!(matches!(person.ask(&addresses[1], BRIEF).await, Answer::Came(..)));

    // What a crash leaves is taken away at the next start, and made again.
    drop(net);
    assert_eq!(namespaces(&addresses[0]), made);
    let script =
        script(folder.path(), "at 0s lie 1 not-registered\nat 0s kill 2\nat 0s skew 3 +1h\nat 2s end\n");
    let export = folder.path().join("run.jsonl");
    let arguments = ["--namespaces", "--chaos", &script, "--export", export.to_str().unwrap()];
    let net = Net::start(&home, &arguments);
    assert_eq!((&net.addresses, namespaces(&addresses[0])), (&addresses, made));
    for _ in 0..3 {
        net.wait_for(|said| said["event"] == "order" && said["result"] == "done");
    }
    let lie = person.ask(&addresses[0], BRIEF).await;
    assert!(matches!(lie, Answer::Came(_, Response::Recover1(Recover1::NotRegistered))), "{lie:?}");
    let killed = person.ask(&addresses[1], BRIEF).await;
    assert!(matches!(killed, Answer::Fault(_)), "{killed:?}");
    let skewed = person.ask(&addresses[2], BRIEF).await;
    assert!(matches!(&skewed, Answer::Fault(why) if why.contains("the token ended")), "{skewed:?}");
    assert_eq!(net.end(), 0);
    assert_eq!(namespaces(&addresses[0]), [""; 0], "nothing is left");
    let events = read_export(&export);
    assert_eq!(events[0]["parameters"]["links"], "namespaces");
    let peers: Value =
        serde_json::from_slice(&fs::read(home.join("network/guardian-3/peers.json")).unwrap()).unwrap();
    let first = format!("https://{}#", peers["peers"][0]["ports"]["service"].as_str().unwrap());
    assert!(addresses[0].starts_with(&first), "{peers}");
    assert_eq!(of(&events, "order").count(), 3);

    // Its addresses are not those of any other network.
    let without = At { home: &home, pin: "" }.run(&["testnet"]);
    assert!(without.code == 2 && without.err.contains("start it with --namespaces"), "{without:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guardians_in_namespaces_are_delayed_where_the_kernel_can() {
    let delay = Order::Delay { guardian: 1, delay_ms: 100, jitter_ms: 0 };
    let missing = lacks(Links::Namespaces, &[delay]).await;
    if !missing.is_empty() {
        say(&format!("SKIPPED: delays in namespaces, since {}", missing.join("; ")));
        return;
    }
    let folder = folder();
    let home = home(&folder);
    let net = Net::start(&home, &["--guardians", "2", "--namespaces"]);
    let person = Person::register(&net.addresses, 2).await;
    let took = async |place: usize| match person.ask(&net.addresses[place], Duration::from_secs(5)).await {
        Answer::Came(took, _) => took,
        other => panic!("{other:?}"),
    };
    let order = |text: &str| At { home: &home, pin: "" }.run(&["testnet", "--order", text]).done();
    order("delay 1 100ms");
    // TCP's handshake, that of TLS, and the request: three ways there and back.
    assert!(took(0).await >= Duration::from_millis(600));
    assert!(took(1).await < Duration::from_millis(600));
    order("delay 1 0s");
    assert!(took(0).await < Duration::from_millis(600));
    assert_eq!(net.interrupt(), 0);
}
